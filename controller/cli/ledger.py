"""`tollgate ledger`: check the books, take payments, read balances; and the other movements."""

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.ledger_history import history_command
from controller.cli.ledger_movers import (
    correct_command,
    credit_command,
    make_zero_command,
    reverse_command,
    transfer_command,
    withdraw_command,
)
from controller.cli.ledger_orders import show_waiting, signed, waiting_data, who_orders
from controller.cli.ledger_pending import pending_group
from controller.cli.output import database_errors, printable, progress, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.domain.money import plain
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.verification_store import PostgresVerifications
from controller.services.billing_run.payment import recharge
from controller.services.billing_run.run import BillingRun
from controller.services.books import NotPaid, Paid, Verification, parse_payment
from controller.services.verifying import verify


@click.group("ledger")
def ledger_group() -> None:
    """The books: postings, balances, reservations."""


@ledger_group.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def verify_command(settings: Settings, as_json: bool) -> None:
    """Recompute every balance, reservation and charge. Exit status 1: something differs.

    Reads one snapshot: safe and exact while calls go on. The result is kept, for the doctor.
    """
    with database_errors(), progress("verifying") as tell:
        engine = bootstrap.engine(settings)
        kept = PostgresVerifications(engine)
        verified = verify(PostgresBooks(engine), kept, bootstrap.SystemClock(), tell)
    found, took_ms = verified.found, verified.took_ms
    if as_json:
        show_json(_verification(found, took_ms))
    else:
        _show_verification(found, took_ms)
    if not found.ok:
        raise click.exceptions.Exit(1)


@ledger_group.command("pay")
@click.argument("account")
@click.argument("amount")
@signed
@click.pass_obj
def pay_command(
    settings: Settings, account: str, amount: str, key: str, memo: str, who: str, as_json: bool
) -> None:
    """Credit ACCOUNT with AMOUNT of its currency, from cash. Packages that waited for it begin.

    Exit status 1: refused, because the key stands for another payment or the account is closed.
    """
    payment = parse_payment(account, amount, key, memo, who_orders(who), records.acting())
    with database_errors():
        engine = bootstrap.engine(settings)
        billing = BillingRun(PostgresBilling(engine), bootstrap.SystemClock())
        done = recharge(PostgresBooks(engine), billing, payment)
    outcome = done.outcome
    if isinstance(outcome, NotPaid):
        click.echo(f"tollgate: not paid: {printable(outcome.why)}", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        show_json({**_paid(outcome), "orders": waiting_data(done.waiting)})
    else:
        _show_paid(outcome)
        show_waiting(done.waiting)


def _show_paid(outcome: Paid) -> None:
    payment = outcome.payment
    done = "paid" if outcome.recorded else "paid before, nothing done now:"
    click.echo(
        f"{done} {plain(payment.amount)} {outcome.currency} to {payment.account}; "
        f"balance {plain(outcome.balance)} {outcome.currency}"
    )


@ledger_group.command("balance")
@click.argument("account")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def balance_command(settings: Settings, account: str, as_json: bool) -> None:
    """Show the money and lines of ACCOUNT, as calls find them."""
    with database_errors():
        money = PostgresBooks(bootstrap.engine(settings)).money_of(account)
    if money is None:
        raise InvalidInput(f"no account is named {account[:80]!r}")
    reply = {
        "account": money.name,
        "kind": money.kind,
        "currency": money.currency,
        "closed": money.closed,
        "balance": money.balance,
        "overdraft_limit": money.overdraft_limit,
        "reserved": money.reserved,
        "pending": money.pending,
        "available": money.available,
        "lines": money.lines,
        "capacity": money.capacity,
    }
    if as_json:
        show_json(reply)
    else:
        show_table(("", ">"), list(reply.items()))


def _verification(found: Verification, took_ms: int) -> dict[str, object]:
    return {
        "ok": found.ok,
        "checked": found.counted,
        "differences": found.differences,
        "unlisted_differences": found.unlisted,
        "below_zero": found.below_zero,
        "took_ms": took_ms,
    }


def _show_verification(found: Verification, took_ms: int) -> None:
    show_table(
        ("check", "subject", "what", ">stored", ">must be"),
        [(d.check, d.subject, d.what, d.stored, d.expected) for d in found.differences],
        "Differences",
    )
    show_table(
        ("account", "kind", ">available", ""),
        [(b.account, b.kind, b.available, b.currency) for b in found.below_zero],
        "Below zero (a fact, not a difference)",
    )
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in found.counted.items())
    count = len(found.differences) + found.unlisted
    verdict = "the books are right" if found.ok else f"{count} differences"
    click.echo(f"{verdict}: {counts} in {took_ms} ms")


def _paid(outcome: Paid) -> dict[str, object]:
    return {
        "posting_id": outcome.posting_id,
        "recorded": outcome.recorded,
        "at": outcome.at,
        "account": outcome.payment.account,
        "amount": outcome.payment.amount,
        "currency": outcome.currency,
        "balance": outcome.balance,
        "key": outcome.payment.key,
    }


for command in (
    withdraw_command,
    credit_command,
    make_zero_command,
    transfer_command,
    correct_command,
    reverse_command,
    pending_group,
    history_command,
):
    ledger_group.add_command(command)
