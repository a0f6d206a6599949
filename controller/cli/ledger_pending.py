"""`tollgate ledger pending`: movements in two phases (docs/adr/0014)."""

import click

from controller import bootstrap
from controller.cli import arguments
from controller.cli.ledger_orders import (
    JSON,
    WHO,
    accepted,
    accounts_data,
    show_accounts,
    signature,
    signed,
)
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.money import plain
from controller.domain.movements import NotMoved
from controller.domain.pending import Pending, State
from controller.persistence.movement_store import PostgresMovements
from controller.services.movements.orders import Ending, Hold
from controller.services.movements.replies import PendingReply
from controller.services.movements.texts import parse_amount, parse_key, parse_memo
from controller.services.movements.two_phase import TwoPhase

MOST = 100_000
_END_MEMO = click.option("--memo", default="", help="Why, on one line.")


@click.group("pending")
def pending_group() -> None:
    """Movements that are held first, and posted or voided later."""


@pending_group.command("hold")
@click.argument("account")
@click.argument("amount")
@signed
@click.option("--to", "target", default="", metavar="ACCOUNT", help="Default: out, to cash.")
@click.option("--expires", metavar="ISO8601", help="Default: in a day.")
@click.pass_obj
def hold_command(
    settings: Settings,
    /,
    account: str,
    amount: str,
    key: str,
    memo: str,
    who: str,
    target: str,
    expires: str | None,
    as_json: bool,
) -> None:
    """Hold AMOUNT of ACCOUNT: it counts as reserved at once, and calls find less.

    Exit status 1: refused, because so much is not available.
    """
    order = Hold(
        account=account,
        amount=parse_amount(amount),
        target=target,
        expires_at=arguments.moment(expires, "--expires"),
        **signature(parse_key(key), parse_memo(memo), who),
    )
    with database_errors():
        done = _movements(settings).hold(order)
    _tell(done, as_json)


@pending_group.command("post")
@click.argument("key")
@click.argument("amount", default="")
@_END_MEMO
@WHO
@JSON
@click.pass_obj
def post_command(
    settings: Settings, key: str, amount: str, memo: str, who: str, as_json: bool
) -> None:
    """Move what is held under KEY, or AMOUNT of it; the rest is free again.

    Exit status 1: refused, because it was voided, has expired, or was posted with another amount.
    """
    wanted = parse_amount(amount) if amount else None
    with database_errors():
        done = _movements(settings).post(_end(key, memo, who), wanted)
    _tell(done, as_json)


@pending_group.command("void")
@click.argument("key")
@_END_MEMO
@WHO
@JSON
@click.pass_obj
def void_command(settings: Settings, key: str, memo: str, who: str, as_json: bool) -> None:
    """Give back what is held under KEY. Exit status 1: refused, because it was posted."""
    with database_errors():
        done = _movements(settings).void(_end(key, memo, who))
    _tell(done, as_json)


@pending_group.command("list")
@click.option("--account", default="", help="Only this account's, on either side.")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option(
    "--limit", type=click.IntRange(1, MOST), default=1_000, show_default=True, help="Lines."
)
@JSON
@click.pass_obj
def list_command(
    settings: Settings, account: str, everything: bool, limit: int, as_json: bool
) -> None:
    """Show pending movements, the newest first."""
    with database_errors():
        found = _movements(settings).pendings(account, limit, everything=everything)
    if as_json:
        show_json({"pending": [_data(pending) for pending in found]})
        return
    show_table(
        ("key", "from", "to", ">amount", "", "state", ">posted", "since", "expires", "memo"),
        [
            (
                p.key,
                p.debit,
                p.credit,
                p.amount,
                p.currency,
                p.state.value,
                p.posted,
                p.at,
                p.expires_at,
                p.memo,
            )
            for p in found
        ],
    )


def _movements(settings: Settings) -> TwoPhase:
    return TwoPhase(PostgresMovements(bootstrap.engine(settings)))


def _end(key: str, memo: str, who: str) -> Ending:
    return Ending(**signature(parse_key(key), parse_memo(memo), who))


def _tell(outcome: PendingReply | NotMoved, as_json: bool) -> None:
    done = accepted(outcome)
    if as_json:
        told = {"recorded": done.recorded, "accounts": accounts_data(done.accounts)}
        show_json({**_data(done.pending), **told})
        return
    before = "" if done.recorded else "done before, nothing done now: "
    click.echo(before + _words(done.pending))
    show_accounts(done.accounts)


def _words(pending: Pending) -> str:
    held = f"{plain(pending.amount)} {pending.currency} of {pending.debit} for {pending.credit}"
    if pending.state is State.PENDING:
        return f"held: {held}, until {pending.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if pending.posted is not None:
        return f"posted: {plain(pending.posted)} of {held}"
    return f"{pending.state.value}: {held}"


def _data(pending: Pending) -> dict[str, object]:
    return {
        "key": pending.key,
        "id": pending.pending_id,
        "kind": pending.kind,
        "debit": pending.debit,
        "credit": pending.credit,
        "amount": pending.amount,
        "currency": pending.currency,
        "state": pending.state.value,
        "posted": pending.posted,
        "at": pending.at,
        "expires_at": pending.expires_at,
        "ended_at": pending.ended_at,
        "memo": pending.memo,
        "who": pending.who,
        "ended_by": pending.ended_by,
        "ended_memo": pending.ended_memo,
    }
