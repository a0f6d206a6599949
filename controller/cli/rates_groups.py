"""`tollgate rates groups|delete|authorize`: rate groups, who uses them, who may see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from controller import bootstrap
from controller.cli.output import database_errors, printable, show_json, show_table
from controller.cli.records import acting
from controller.config import Settings
from controller.persistence.rate_group_store import PostgresRateGroups
from controller.services.rate_groups import (
    Deletion,
    Use,
    UseKind,
    delete_rate_group,
    list_rate_groups,
    set_authorization,
    visible_rate_groups,
)

REFUSED = 1

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
_WORDS = {
    UseKind.ACCOUNT: "account {} uses it",
    UseKind.PRIVATE: "account {} has it as its private rate group",
    UseKind.PHONE: "phone {} has it as its private rate group",
    UseKind.PERIOD_OF_GROUP: "hours of rate group {} have its prices",
    UseKind.PERIOD_OF_PACKAGE: "hours of package {} have its prices",
}
_COLUMNS = (
    "rate group",
    "currency",
    ">rates",
    ">uses",
    ">accounts",
    ">private",
    ">phones",
    ">periods",
    ">staged",
    "owner",
    "agents",
    "memo",
)


@click.command("groups")
@click.option("--agent", metavar="ACCOUNT", help="Only what this agent may see.")
@_JSON
@click.pass_obj
def groups_command(settings: Settings, agent: str | None, as_json: bool) -> None:
    """List rate groups: how many rates they have, who uses them, which agents may see them."""
    with _open_groups(settings) as store:
        found = list_rate_groups(store)
        if agent is not None:
            visible = set(visible_rate_groups(store, agent))
            found = [group for group in found if group.name in visible]
    if as_json:
        show_json({"rate_groups": [{**asdict(g), "uses": g.uses} for g in found]})
        return
    rows = [
        (
            g.name,
            g.currency,
            g.rates,
            g.uses,
            g.accounts,
            g.private_accounts,
            g.phones,
            g.periods,
            g.staged_decks,
            g.owner,
            ", ".join(g.agents),
            g.memo,
        )
        for g in found
    ]
    show_table(_COLUMNS, rows)


@click.command("delete")
@click.argument("group")
@click.option("--force", is_flag=True, help="Take it from the accounts and phones that use it.")
@_JSON
@click.pass_obj
def delete_command(settings: Settings, group: str, force: bool, as_json: bool) -> None:
    """Delete the rate group GROUP with its rates. Exit status 1: it is in use."""
    with _open_groups(settings) as store:
        deletion = delete_rate_group(acting(), store, group, force=force)
    if as_json:
        show_json(_deletion_data(deletion))
    else:
        _show_deletion(group, deletion)
    if deletion.refused:
        for use in deletion.refused:
            click.echo(f"tollgate: {group}: {_words(use)}", err=True)
        click.get_current_context().exit(REFUSED)


@click.command("authorize")
@click.argument("group")
@click.option("--agent", metavar="ACCOUNT", required=True, help="The agent's account.")
@click.option("--revoke", is_flag=True, help="The agent may see it no longer.")
@click.pass_obj
def authorize_command(settings: Settings, group: str, agent: str, revoke: bool) -> None:
    """Let an agent see the rate group GROUP, and give it to its customers."""
    with _open_groups(settings) as store:
        changed = set_authorization(acting(), store, group, agent, authorized=not revoke)
    if revoke:
        said = f"{agent} may see {group} no longer" if changed else "it was not authorized"
    else:
        said = f"{agent} may see {group}" if changed else "it was authorized before"
    click.echo(said)


GROUP_COMMANDS = (groups_command, delete_command, authorize_command)


@contextmanager
def _open_groups(settings: Settings) -> Iterator[PostgresRateGroups]:
    engine = bootstrap.engine(settings)
    try:
        with database_errors():
            yield PostgresRateGroups(engine)
    finally:
        engine.dispose()


def _show_deletion(group: str, deletion: Deletion) -> None:
    if deletion.refused:
        return
    for use in deletion.detached:
        click.echo(printable(f"detached: {_words(use)}"))
    click.echo(f"deleted: {group} with {deletion.rates} rates")


def _deletion_data(deletion: Deletion) -> dict[str, object]:
    return {
        "deleted": not deletion.refused,
        "version": deletion.version,
        "rates": deletion.rates,
        "in_use_by": [asdict(use) for use in deletion.refused],
        "detached": [asdict(use) for use in deletion.detached],
    }


def _words(use: Use) -> str:
    return _WORDS[use.kind].format(printable(use.name))
