"""`tollgate bill`: rents and minimums that are due, and what was taken so far."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from controller import bootstrap
from controller.cli.output import database_errors, progress, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.views.recurring import PostgresRecords
from controller.services.billing_run.order_text import read_moment
from controller.services.billing_run.report import Report
from controller.services.billing_run.run import BillingRun

MOST_SHOWN = 100
MOST = 100_000


@click.group("bill")
def bill_group() -> None:
    """Recurring money: package rents, phone rents, minimum consumption (docs/billing.md)."""


@bill_group.command("run")
@click.option(
    "--as-of",
    metavar="DATE",
    help="A day (its midnight) or an ISO 8601 time, in the platform's zone. Default: now.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def run_command(settings: Settings, as_of: str | None, as_json: bool) -> None:
    """Charge everything that is due until DATE, the oldest first, each thing once.

    Any number of runs may go on at once, beside calls. Exit status 1: some objects failed.
    """
    began = time.monotonic()
    with database_errors(), progress("billing") as tell:
        store = PostgresBilling(bootstrap.engine(settings))
        until = None if as_of is None else _moment(as_of, store.zone())
        report = BillingRun(store, bootstrap.SystemClock(), tell).run(until)
    took_ms = round((time.monotonic() - began) * 1000)
    if as_json:
        show_json({**report_data(report), "took_ms": took_ms})
    else:
        show_report(report)
        click.echo(f"{_summary(report)} in {took_ms} ms")
    if not report.ok:
        raise click.exceptions.Exit(1)


@bill_group.command("history")
@click.option("--account", help="Only this account's.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=MOST_SHOWN, show_default=True, help="Lines."
)
@click.option("--all", "everything", is_flag=True, help="Also what came to nothing owed.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def history_command(
    settings: Settings, account: str | None, limit: int, everything: bool, as_json: bool
) -> None:
    """Show rents and shortfalls that were charged, the newest first."""
    with database_errors():
        records = PostgresRecords(bootstrap.engine(settings))
        check_account(records, account)
        lines = records.charges(account, limit, with_nothing_owed=everything)
    if as_json:
        show_json({"charges": lines})
        return
    show_table(
        ("at", "kind", "account", "source", "period from", ">amount", "", ">balance after"),
        [
            (
                line.at,
                line.kind,
                line.account,
                line.source,
                line.period_start,
                line.amount,
                line.currency,
                line.balance_after,
            )
            for line in lines
        ],
    )


def check_account(records: PostgresRecords, account: str | None) -> None:
    if account is not None and not records.has_account(account):
        raise InvalidInput(f"no account is named {account[:80]!r}")


def report_data(report: Report) -> dict[str, object]:
    return {
        "as_of": report.as_of,
        "ok": report.ok,
        "charges": dict(report.charges),
        "totals": {
            currency: {**by_kind, "total": report.total(currency)}
            for currency, by_kind in report.totals.items()
        },
        "nothing_owed": report.nothing_owed,
        "periods_opened": report.opened,
        "periods_closed": report.closed,
        "orders_ended": report.ended,
        "orders_refused": report.refused,
        "waiting_for_calls": report.waiting_for_calls,
        "errors": report.errors,
        "unlisted": dict(report.unlisted),
    }


def show_report(report: Report) -> None:
    """What was done, what was not, and why; nothing where nothing was."""
    show_table(
        ("kind", ">charges", ">amount", ""),
        [
            (kind, report.charges[kind] if len(report.totals) == 1 else "", amount, currency)
            for currency, by_kind in report.totals.items()
            for kind, amount in by_kind.items()
        ],
        "Charged",
    )
    show_table(
        ("order", "package", "account", ">rent", ">available", "", "outcome"),
        [
            (r.order, r.package, r.account, r.rent, r.available, r.currency, r.outcome)
            for r in report.refused
        ],
        "Rent not covered",
    )
    show_table(("order", "why"), [(n.subject, n.why) for n in report.ended], "Orders ended")
    show_table(
        ("minimum of",),
        [(subject,) for subject in report.waiting_for_calls],
        "Calls of the period go on: the next run looks again",
    )
    show_table(("object", "why"), [(n.subject, n.why) for n in report.errors], "Failed")
    for sort, count in report.unlisted.items():
        click.echo(f"and {count} more: {sort.replace('_', ' ')}")


def _summary(report: Report) -> str:
    charged = sum(report.charges.values())
    return (
        f"{charged} charges, {report.opened} periods opened, {report.closed} closed, "
        f"{report.failed} failed"
    )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    return read_moment(text, "--as-of", zone)
