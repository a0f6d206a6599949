"""`tollgate accounts`: accounts as records, and who may do what in them."""

from dataclasses import fields
from pathlib import Path

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.domain.money import plain
from controller.domain.rights import PRESETS, in_order
from controller.persistence.account_store import PostgresAccountStore
from controller.services.accounts import (
    AccountQuery,
    AccountRecord,
    AccountRow,
    Accounts,
    AccountSeries,
    AccountSort,
    AccountState,
    read_account_csv,
)
from controller.services.records.values import values_of

_DOWN = click.option("--under", default="", metavar="ACCOUNT", help="Only what is below it.")


@click.group("accounts")
def accounts_group() -> None:
    """Accounts: who they are, who is above them, what their agents may do (docs/accounts.md)."""


@accounts_group.command("list")
@records.SEARCH
@_DOWN
@click.option("--direct", is_flag=True, help="With --under: only those directly below.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AccountState]),
    help="Only in this state.",
)
@click.option(
    "--sort",
    type=click.Choice([sort.value for sort in AccountSort]),
    default="name",
    show_default=True,
)
@records.DESCENDING
@records.LIMIT
@records.AFTER
@records.JSON
@click.pass_obj
def list_command(
    settings: Settings, /, state: str | None, sort: str, as_json: bool, **asked: object
) -> None:
    """List accounts. --search: any part of name or title."""
    query = AccountQuery(
        state=AccountState(state) if state else None,
        sort=AccountSort(sort),
        **asked,  # type: ignore[arg-type]  # click's options
    )
    with database_errors():
        page = _accounts(settings).page(records.acting(), query)
    if as_json:
        rows = [{**_row(row), "available": row.available} for row in page.rows]
        show_json({"accounts": rows, "next_after": page.next_after})
        return
    show_table(
        ("account", "title", "kind", "below", ">accounts", ">balance", ">available", "state"),
        [
            (
                row.name,
                row.title,
                "agent" if row.children else row.kind,
                row.parent,
                row.children or "",
                f"{plain(row.balance)} {row.currency}",
                plain(row.available),
                _state(row),
            )
            for row in page.rows
        ],
    )
    records.more(page.next_after)


@accounts_group.command("show")
@click.argument("name")
@records.JSON
@click.pass_obj
def show_command(settings: Settings, name: str, as_json: bool) -> None:
    """Show everything of the account NAME but its money, which `ledger balance` shows."""
    with database_errors():
        found = _accounts(settings).get(records.acting(), name)
    records.show_record(_data(found), as_json=as_json)


@accounts_group.command("create")
@click.argument("name")
@click.argument("currency")
@click.option("--parent", help="The agent above it.")
@records.SET
@records.JSON
@click.pass_obj
def create_command(
    settings: Settings,
    /,
    name: str,
    currency: str,
    parent: str | None,
    fields: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the account NAME in CURRENCY, without money."""
    given = records.values_from(fields)
    values = {**given, "name": name, "currency": currency, "parent": parent}
    with database_errors():
        made = _accounts(settings).create(records.acting(), values)
    records.show_record(_data(made), as_json=as_json)


@accounts_group.command("series")
@click.argument("first")
@click.argument("count", type=int)
@records.SET
@click.pass_obj
def series_command(settings: Settings, first: str, count: int, fields: tuple[str, ...]) -> None:
    """Make COUNT accounts, all or none: FIRST ends in digits, which count on (shop-001)."""
    with database_errors():
        series = AccountSeries(first, count, records.values_from(fields))
        made = _accounts(settings).create_many(records.acting(), series)
    click.echo(f"{len(made)} accounts: {made[0].spec.name} to {made[-1].spec.name}")


@accounts_group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--delimiter", default=",", show_default=True)
@click.pass_obj
def import_command(settings: Settings, file: Path, delimiter: str) -> None:
    """Make the accounts of a CSV FILE, all or none. Its first line names the fields."""
    if len(delimiter) != 1:
        raise InvalidInput("--delimiter: one character")
    rows = read_account_csv(records.text_of(file), delimiter)
    with database_errors():
        made = _accounts(settings).create_many(records.acting(), rows)
    click.echo(f"{len(made)} accounts")


@accounts_group.command("change")
@click.argument("name")
@records.SET
@records.JSON
@click.pass_obj
def change_command(settings: Settings, name: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Change the fields that --set names; the others stay. An empty value takes one away."""
    with database_errors():
        values = records.values_from(fields)
        changed = _accounts(settings).change(records.acting(), name, values)
    records.show_record(_data(changed), as_json=as_json)


@accounts_group.command("move")
@click.argument("name")
@click.argument("parent")
@click.pass_obj
def move_command(settings: Settings, name: str, parent: str) -> None:
    """Put the account NAME, with all below it, below PARENT; `-`: below nobody."""
    with database_errors():
        _accounts(settings).move(records.acting(), name, None if parent == "-" else parent)
    click.echo(f"moved {name}")


def _simple(verb: str, what: str, values: dict[str, object]) -> None:
    @accounts_group.command(verb, help=what)
    @click.argument("name")
    @click.pass_obj
    def command(settings: Settings, name: str) -> None:
        with database_errors():
            _accounts(settings).change(records.acting(), name, values)
        click.echo(f"{verb}ed {name}")


_simple("lock", "No new calls of the account NAME and of all below it.", {"locked": True})
_simple("unlock", "Let the account NAME call again.", {"locked": False})


@accounts_group.command("rights")
@click.argument("name")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), help="Give it these.")
@click.option("--set", "rights", help="Give it these, with commas between; empty: none.")
@records.JSON
@click.pass_obj
def rights_command(
    settings: Settings, name: str, preset: str | None, rights: str | None, as_json: bool
) -> None:
    """Show, or give, the rights of the agent NAME, and why some of them do not count."""
    if preset and rights is not None:
        raise InvalidInput("--preset or --set, not both")
    with database_errors():
        accounts, actor = _accounts(settings), records.acting()
        if preset:
            accounts.change(actor, name, {"rights": list(in_order(PRESETS[preset]))})
        elif rights is not None:
            accounts.change(actor, name, {"rights": rights})
        views = accounts.rights(actor, name)
    if as_json:
        show_json({"account": name, "rights": views})
        return
    show_table(
        ("right", "given", "counts", "lacking above"),
        [
            (v.right, _yes(v.given), _yes(v.counts), ", ".join(v.lacking_above) if v.given else "")
            for v in views
        ],
    )


@accounts_group.command("approve")
@click.argument("name")
@click.pass_obj
def approve_command(settings: Settings, name: str) -> None:
    """Let an account that an agent made go live."""
    with database_errors():
        _accounts(settings).approve(records.acting(), name)
    click.echo(f"approved {name}")


@accounts_group.command("close")
@click.argument("name")
@records.YES
@click.pass_obj
def close_command(settings: Settings, name: str, yes: bool) -> None:
    """Close the account NAME; its history stays. Exit status 1: others are below it."""
    records.confirm(f"Close the account {name}?", yes=yes)
    with database_errors():
        _accounts(settings).close(records.acting(), name)
    click.echo(f"closed {name}")


@accounts_group.command("reopen")
@click.argument("name")
@click.pass_obj
def reopen_command(settings: Settings, name: str) -> None:
    """Open a closed account again."""
    with database_errors():
        _accounts(settings).reopen(records.acting(), name)
    click.echo(f"opened {name}")


@accounts_group.command("delete")
@click.argument("name")
@records.YES
@click.pass_obj
def delete_command(settings: Settings, name: str, yes: bool) -> None:
    """Delete the account NAME. Exit status 1: it has a history, which stays."""
    records.confirm(f"Delete the account {name}?", yes=yes)
    with database_errors():
        _accounts(settings).delete(records.acting(), name)
    click.echo(f"deleted {name}")


def _accounts(settings: Settings) -> Accounts:
    return Accounts(PostgresAccountStore(bootstrap.engine(settings)))


def _data(record: AccountRecord) -> dict[str, object]:
    return {
        **values_of(record.spec),
        "is_agent": record.is_agent,
        "effective_rights": [str(right) for right in in_order(record.effective)],
        "awaiting_approval": record.awaiting_approval,
        "locked_for_balance_at": record.locked_for_balance_at,
        "revision": record.revision,
        "created_at": record.created_at,
    }


def _row(row: AccountRow) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _state(row: AccountRow) -> str:
    said = [
        word
        for word, is_so in (
            ("closed", row.closed_at is not None),
            ("waits for approval", row.awaiting_approval),
            ("locked", row.locked),
            ("low on money", row.is_low),
        )
        if is_so
    ]
    return ", ".join(said)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""
