"""`tollgate calls`: calls in progress, and the end of one."""

import time
import uuid

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.errors import Conflict, InvalidInput
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.call_commands import PostgresCallCommands
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.owners import PostgresOwners
from controller.services.actors import EVERYTHING
from controller.services.views.denials import Denials
from controller.services.views.hang_ups import CallCommand, CommandState, HangUps

LOOK_EVERY_S = 0.1

_WORDS = {
    CommandState.ASKED: "asked for; no controller has done it yet",
    CommandState.DONE: "hung up",
    CommandState.NOT_THERE: "the call had ended",
    CommandState.EXPIRED: "not hung up: no controller had the switch in time",
}


@click.group("calls")
def calls_group() -> None:
    """Calls in progress (docs/operations.md)."""


@calls_group.command("list")
@click.option("--search", default="", metavar="TEXT", help="How a number or account begins.")
@records.LIMIT
@records.JSON
@click.pass_obj
def list_command(settings: Settings, search: str, limit: int, as_json: bool) -> None:
    """List calls in progress, the newest first."""
    if not 1 <= limit <= 10_000:
        raise InvalidInput("--limit: not 1 to 10000")
    with database_errors():
        live = PostgresLiveCalls(bootstrap.engine(settings)).live(EVERYTHING, search, limit)
    if as_json:
        show_json({"total": live.total, "talking": live.talking, "calls": live.rows})
        return
    show_table(
        ("call", "offered", "answered", "caller", "callee", "account", "vendors", "hang-up"),
        [
            (
                call.call_id,
                call.offered_at,
                call.answered_at,
                call.caller,
                call.callee,
                call.account,
                ", ".join(call.routing_gateways),
                call.hang_up,
            )
            for call in live.rows
        ],
    )
    if live.matching > len(live.rows):
        click.echo(f"{live.matching - len(live.rows)} more: --limit", err=True)


@calls_group.command("hang-up")
@click.argument("call")
@click.option("--no-wait", is_flag=True, help="Only ask for it.")
@records.JSON
@click.pass_obj
def hang_up_command(settings: Settings, call: str, no_wait: bool, as_json: bool) -> None:
    """Hang up the call in progress with the id CALL.

    The controller that owns the call's switch does it; the call is charged for as long as it
    lasted. Exit status 1: there is no such call, it had ended, or no controller did it in time.
    """
    desk = _hang_ups(settings)
    with database_errors():
        found = desk.ask(records.acting(), _uuid(call))
        if not no_wait:
            found = _wait(desk, found)
    if as_json:
        show_json({"hang_up": found})
    if found.state in (CommandState.NOT_THERE, CommandState.EXPIRED):
        raise Conflict(_WORDS[found.state])
    if not as_json:
        click.echo(f"{found.call_id}: {_WORDS[found.state]}")


def _wait(desk: HangUps, found: CallCommand) -> CallCommand:
    """Until it is done, or can be no more: the database says so by its own clock."""
    while found.state is CommandState.ASKED:
        time.sleep(LOOK_EVERY_S)
        found = desk.command(records.acting(), found.call_id)
    return found


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(f"{text[:64]!r} is not the id of a call") from None


def _hang_ups(settings: Settings) -> HangUps:
    engine = bootstrap.engine(settings)
    return HangUps(
        PostgresCallCommands(engine),
        PostgresLiveCalls(engine),
        PostgresCdrs(engine),
        Denials(PostgresOwners(engine), PostgresAudit(engine)),
    )
