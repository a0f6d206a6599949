"""`tollgate switch`: who owns which switch, and the end of one that is gone."""

import asyncio

import click

from controller import bootstrap
from controller.cli.output import database_errors, printable, progress, show_json, show_table
from controller.cli.records import acting
from controller.config import Settings
from controller.domain.errors import Fenced, InvalidInput
from controller.services.switches import HeldCall, Switch

SHOWN = 50


@click.group("switch")
def switch_group() -> None:
    """Switches and the controllers that own them (docs/operations.md)."""


@switch_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def list_command(settings: Settings, as_json: bool) -> None:
    """Show every switch, its owner, and the calls that it has."""
    with database_errors():
        switches = bootstrap.switch_view(settings).switches()
    if as_json:
        show_json({"switches": switches})
        return
    show_table(
        ("switch", "state", "owner", ">epoch", ">standing by", ">calls", "oldest"),
        [
            (s.switch_id, _state(s), s.owner, s.epoch, _standing_by(s), s.open_calls, s.oldest_call)
            for s in switches
        ],
    )
    if not switches:
        click.echo("no switch yet")


@switch_group.command("retire")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable; needs --yes.")
@click.pass_obj
def retire_command(settings: Settings, name: str, yes: bool, as_json: bool) -> None:
    """Close the calls of a switch that is gone for good and that nobody owns.

    Nothing is charged for them, what they held is given back, and each gets a record in
    'tollgate cdr review'. Where its CDR files are still there, settle those first, with their
    true durations: TOLLGATE_SWITCH_ID=NAME tollgate cdr ingest FOLDER. Exit status 1: a
    controller owns the switch.
    """
    if as_json and not yes:
        raise InvalidInput("--json needs --yes")
    with database_errors():
        view = bootstrap.switch_view(settings)
        switch = next((s for s in view.switches() if s.switch_id == name), None)
        if switch is None:
            raise InvalidInput(f"no switch {name[:64]!r}; 'tollgate switch list' has them")
        if switch.owned:
            raise Fenced(f"{switch.owner} owns {name}: stop it first")
        if not as_json:
            _show_held(switch, view.held_calls(name, SHOWN))
        if not yes:
            click.confirm(f"Close these calls and retire {name}?", abort=True)
        with progress("closing") as tell:
            closed = asyncio.run(bootstrap.retire_switch(acting(), settings, name, tell))
    if as_json:
        show_json({"switch": name, "closed": closed})
    else:
        click.echo(
            f"{printable(name)} is retired; {closed} calls closed, see 'tollgate cdr review'"
        )


def _state(switch: Switch) -> str:
    if switch.owned:
        return "owned"
    if switch.retired_at is not None:
        return "retired"
    return "lapsed" if switch.owner else "free"


def _standing_by(switch: Switch) -> int:
    return max(0, switch.controllers - (1 if switch.owned else 0))


def _show_held(switch: Switch, calls: list[HeldCall]) -> None:
    show_table(
        ("offered", "answered", "call", "account", "callee", ">granted s", ">held", ""),
        [
            (
                call.offered_at,
                call.answered_at,
                call.call_id,
                call.account,
                call.callee,
                call.granted_s,
                call.held,
                call.currency,
            )
            for call in calls
        ],
    )
    if switch.open_calls > len(calls):
        click.echo(f"… and {switch.open_calls - len(calls)} more")
    if not calls:
        click.echo(f"{printable(switch.switch_id)} has no open calls")
