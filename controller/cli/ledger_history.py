"""`tollgate ledger history`: an account's postings and limits in the order of recording."""

import click

from controller import bootstrap
from controller.cli import arguments
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.domain.ledger import PostingKind
from controller.domain.money import plain
from controller.persistence.ledger_history import PostgresHistories
from controller.services.movements.history import LIMITS, History, HistoryFilter

MOST = 1_000_000


@click.command("history")
@click.argument("account")
@click.option("--from", "since", metavar="ISO8601", help="Recorded at this time or later.")
@click.option("--to", "until", metavar="ISO8601", help="Recorded before this time.")
@click.option("--kind", type=click.Choice([*(k.value for k in PostingKind), LIMITS]), default=None)
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=1_000,
    show_default=True,
    help="Lines, the newest.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def history_command(
    settings: Settings,
    account: str,
    since: str | None,
    until: str | None,
    kind: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show what moved the balance of ACCOUNT, with the balance after each, oldest first."""
    wanted = HistoryFilter(
        arguments.moment(since, "--from"), arguments.moment(until, "--to"), kind or "", limit
    )
    with database_errors():
        found = PostgresHistories(bootstrap.engine(settings)).history(account, wanted)
    if found is None:
        raise InvalidInput(f"no account is named {account[:80]!r}")
    if as_json:
        show_json(found)
    else:
        _show(found, whole=not kind)


def _show(found: History, *, whole: bool) -> None:
    show_table(
        ("recorded", "kind", ">amount", f">balance {found.currency}", "other side", "memo", "who"),
        [
            (
                f"{line.recorded_at:%Y-%m-%d %H:%M:%S}",
                line.kind,
                line.amount,
                line.balance_after,
                line.other,
                line.memo,
                line.who,
            )
            for line in found.lines
        ],
    )
    show_table(
        ("changed", ">limit before", ">after", "memo", "who"),
        [(f"{c.at:%Y-%m-%d %H:%M:%S}", c.before, c.after, c.memo, c.who) for c in found.limits],
        "Overdraft limit",
    )
    if found.left_out:
        click.echo(f"{found.left_out} older lines are left out: --limit, --from")
    if whole:
        click.echo(
            f"balance {plain(found.opening)} {found.currency} before,"
            f" {plain(found.closing)} {found.currency} after"
        )
