"""`tollgate packages`: what can be ordered, who has ordered it, and what runs."""

from datetime import UTC, datetime

import click

from controller import bootstrap
from controller.cli.bill import check_account, report_data, show_report
from controller.cli.output import database_errors, printable, show_json, show_table
from controller.cli.records import acting
from controller.config import Settings
from controller.domain.subscriptions import OnInsufficient
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.package_store import PostgresSubscriptions
from controller.persistence.views.recurring import PostgresRecords
from controller.services.billing_run.order_text import OrderTexts
from controller.services.billing_run.orders import Refused, Subscriptions
from controller.services.billing_run.records import ActiveLine, FreeLine
from controller.services.billing_run.run import BillingRun

MOST = 100_000
_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
_ACCOUNT = click.option("--account", help="Only this account's.")
_LIMIT = click.option(
    "--limit", type=click.IntRange(1, MOST), default=1_000, show_default=True, help="Lines."
)


@click.group("packages")
def packages_group() -> None:
    """Packages, their orders and what of them is active (docs/billing.md)."""


@packages_group.command("list")
@_JSON
@click.pass_obj
def list_command(settings: Settings, as_json: bool) -> None:
    """Show the packages that can be ordered."""
    with database_errors():
        lines = _records(settings).packages()
    if as_json:
        show_json({"packages": lines})
        return
    show_table(
        ("package", "period", ">rent", "", ">gift", ">free s", ">minimum", ">orders", ">active"),
        [
            (
                line.name,
                f"{line.period_s} s once" if line.period_s else f"{line.period} {line.alignment}",
                line.rent,
                line.currency,
                line.gift_money,
                line.free_s,
                line.minimum_consumption,
                line.orders,
                line.active,
            )
            for line in lines
        ],
    )


@packages_group.command("orders")
@_ACCOUNT
@_LIMIT
@click.option("--all", "everything", is_flag=True, help="Also orders that are over.")
@_JSON
@click.pass_obj
def orders_command(
    settings: Settings, account: str | None, limit: int, everything: bool, as_json: bool
) -> None:
    """Show orders: when their next period begins, or since when they wait for money."""
    with database_errors():
        records = _records(settings)
        check_account(records, account)
        lines = records.orders(account, limit, with_over=everything)
    if as_json:
        show_json({"orders": lines})
        return
    show_table(
        ("order", "package", "for", "state", "next period", "waiting since", "expires", ">rent %"),
        [
            (
                line.key,
                line.package,
                _owner(line.account, line.phone),
                line.state,
                line.next_period_start,
                line.waiting_since,
                line.expires_at,
                line.rent_percent,
            )
            for line in lines
        ],
    )


@packages_group.command("active")
@_ACCOUNT
@_LIMIT
@click.option("--all", "everything", is_flag=True, help="Also periods that are over.")
@_JSON
@click.pass_obj
def active_command(
    settings: Settings, account: str | None, limit: int, everything: bool, as_json: bool
) -> None:
    """Show running periods: what is left of free seconds and gift money, what was used."""
    with database_errors():
        records = _records(settings)
        check_account(records, account)
        lines = records.active(account, datetime.now(UTC), limit, with_over=everything)
    if as_json:
        show_json({"active": lines})
        return
    show_table(
        ("#", "package", "for", "from", "until", ">gift left", ">used", ">minimum", "", "free"),
        [_active_row(line) for line in lines],
    )


@packages_group.command("order")
@click.argument("package")
@click.option("--account", help="The account that is to have it.")
@click.option("--phone", help="The phone that is to have it; its account pays.")
@click.option("--key", required=True, help="Names the order for ever: it is placed once.")
@click.option("--from", "available_from", default="", metavar="DAY", help="Default: today.")
@click.option("--expires", metavar="DATE", help="No period begins then or later.")
@click.option("--priority", metavar="NUMBER", help="Small ones are used first; none is last.")
@click.option(
    "--on-insufficient",
    type=click.Choice([choice.value for choice in OnInsufficient]),
    default=OnInsufficient.WAIT_RECHARGE.value,
    show_default=True,
    help="When the money at hand does not cover the rent.",
)
@click.option("--rent-percent", default="100", show_default=True, help="Of the package's rent.")
@click.option("--memo", default="", help="A note, on one line.")
@_JSON
@click.pass_obj
def order_command(settings: Settings, /, as_json: bool, **texts: str) -> None:
    """Order PACKAGE for an account or a phone, and begin it if its day has come.

    Exit status 1: refused, because the key stands for another order or the account is closed.
    """
    with database_errors():
        engine = bootstrap.engine(settings)
        placed = _subscriptions(settings).order(acting(), OrderTexts(**texts))
        if isinstance(placed, Refused):
            _refuse(placed)
            return
        billing = BillingRun(PostgresBilling(engine), bootstrap.SystemClock())
        report = billing.ordered(placed.key)
    if as_json:
        show_json({"order": placed.key, "recorded": placed.recorded, **report_data(report)})
    else:
        done = "ordered" if placed.recorded else "ordered before:"
        opened = ", its first period is open" if report.opened else ""
        click.echo(f"{done} {placed.key}{opened}")
        show_report(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


@packages_group.command("cancel")
@click.argument("key")
@_JSON
@click.pass_obj
def cancel_command(settings: Settings, key: str, as_json: bool) -> None:
    """End the order KEY: no further period. The one that runs goes on to its end."""
    with database_errors():
        done = _subscriptions(settings).cancel(acting(), key)
    if isinstance(done, Refused):
        _refuse(done)
    elif as_json:
        show_json({"order": key, "ended": True})
    else:
        click.echo(f"ended {printable(key)}: no further period begins")


@packages_group.command("remove")
@click.argument("number", type=click.IntRange(min=1))
@_JSON
@click.pass_obj
def remove_command(settings: Settings, number: int, as_json: bool) -> None:
    """End the running period NUMBER (see `packages active`) now, without refund or minimum.

    Its order goes on: `packages cancel` ends that.
    """
    with database_errors():
        refused = _subscriptions(settings).remove(acting(), number)
    if refused is not None:
        _refuse(refused)
    elif as_json:
        show_json({"number": number, "ended": True})
    else:
        click.echo(f"ended active package {number}")


@packages_group.command("delete")
@click.argument("package")
@click.option("--force", is_flag=True, help="End its orders and running periods; no refund.")
@_JSON
@click.pass_obj
def delete_command(settings: Settings, package: str, force: bool, as_json: bool) -> None:
    """Give up PACKAGE. Exit status 1: it has orders or running periods, and no --force."""
    with database_errors():
        done = _subscriptions(settings).delete(acting(), package, force=force)
    if isinstance(done, Refused):
        _refuse(done)
    elif as_json:
        show_json(done)
    else:
        kept = "deleted" if done.deleted else "closed, with its history:"
        click.echo(
            f"{kept} {printable(done.package)}; {len(done.orders)} orders and {done.active} "
            "running periods ended"
        )


def _records(settings: Settings) -> PostgresRecords:
    return PostgresRecords(bootstrap.engine(settings))


def _subscriptions(settings: Settings) -> Subscriptions:
    store = PostgresSubscriptions(bootstrap.engine(settings))
    return Subscriptions(store, bootstrap.SystemClock())


def _refuse(refused: Refused) -> None:
    click.echo(f"tollgate: {printable(refused.why)}", err=True)
    raise click.exceptions.Exit(1)


def _owner(account: str, phone: str | None) -> str:
    return account if phone is None else f"phone {phone} ({account})"


def _active_row(line: ActiveLine) -> tuple[object, ...]:
    return (
        line.number,
        line.package,
        _owner(line.account, line.phone),
        line.period_start,
        line.period_end,
        line.gift_left - line.gift_reserved,
        line.consumption,
        line.minimum_consumption,
        line.currency,
        ", ".join(_free(free) for free in line.free),
    )


def _free(free: FreeLine) -> str:
    return f"{free.left_s - free.reserved_s} s to {'+'.join(free.prefixes)}"
