"""`tollgate phones`: phones as records. A password is shown once, when it is made."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, output_file, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.phone_store import PostgresPhones
from controller.services.phones import (
    NewPhone,
    PhoneQuery,
    PhoneRange,
    PhoneRecord,
    Phones,
    PhoneSort,
    read_phone_csv,
)
from controller.services.records.values import values_of

_PASSWORDS = click.option(
    "--passwords",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write number,password to this file instead of standard output.",
)


@click.group("phones")
def phones_group() -> None:
    """Phones: their accounts, numbers, limits and SIP passwords (docs/phones.md)."""


@phones_group.command("list")
@records.SEARCH
@records.ACCOUNT
@records.LOCKED
@click.option(
    "--sort",
    type=click.Choice([sort.value for sort in PhoneSort]),
    default=PhoneSort.NUMBER.value,
    show_default=True,
)
@records.DESCENDING
@records.LIMIT
@records.AFTER
@records.JSON
@click.pass_obj
def list_command(settings: Settings, /, sort: str, as_json: bool, **asked: object) -> None:
    """List phones. --search: the beginning of the number, or a whole DID."""
    query = PhoneQuery(sort=PhoneSort(sort), **asked)  # type: ignore[arg-type]  # click's options
    with database_errors():
        page = _phones(settings).page(records.acting(), query)
    if as_json:
        show_json({"phones": page.rows, "next_after": page.next_after})
        return
    show_table(
        ("number", "account", "rate group", "may call", ">DIDs", ">lines", "locked", "registers"),
        [
            (
                row.number,
                row.account,
                row.rate_group,
                row.authorization,
                row.dids,
                row.lines_total,
                _locks(row.locked, row.locked_in),
                "yes" if row.has_password else "no password",
            )
            for row in page.rows
        ],
    )
    records.more(page.next_after)


@phones_group.command("show")
@click.argument("number")
@records.JSON
@click.pass_obj
def show_command(settings: Settings, number: str, as_json: bool) -> None:
    """Show everything of the phone NUMBER but its password, which nobody can show."""
    with database_errors():
        found = _phones(settings).get(records.acting(), number)
    records.show_record(_data(found), as_json=as_json)


@phones_group.command("add")
@click.argument("number")
@click.option("--account", help="The account that pays.")
@click.option("--new-account", metavar="CURRENCY", help="Make an account with it, in CURRENCY.")
@click.option("--rate-group", help="Of the new account.")
@records.SET
@click.option("--password-stdin", is_flag=True, help="Read the SIP password; else one is made.")
@records.JSON
@click.pass_obj
def add_command(
    settings: Settings,
    /,
    number: str,
    account: str | None,
    new_account: str | None,
    rate_group: str | None,
    fields: tuple[str, ...],
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Add the phone NUMBER and show its SIP password, this once."""
    if (account is None) == (new_account is None):
        raise InvalidInput("name --account or --new-account")
    values = {**records.values_from(fields), "number": number, "account": account}
    if password_stdin:
        values["password"] = sys.stdin.readline().rstrip("\n")
    made_with = None
    if new_account is not None:
        made_with = {"currency": new_account, "rate_group": rate_group, "name": number}
    with database_errors():
        made = _phones(settings).create(records.acting(), values, made_with)
    _show_new([made], None, as_json=as_json)


@phones_group.command("add-range")
@click.argument("first")
@click.argument("last")
@click.option("--account", required=True, help="The account that pays.")
@records.SET
@_PASSWORDS
@records.JSON
@click.pass_obj
def add_range_command(
    settings: Settings,
    /,
    first: str,
    last: str,
    account: str,
    fields: tuple[str, ...],
    passwords: Path | None,
    as_json: bool,
) -> None:
    """Add every number from FIRST to LAST, all or none, with a password each."""
    batch = PhoneRange(first, last, {**records.values_from(fields), "account": account})
    with database_errors():
        made = _phones(settings).create_many(records.acting(), batch)
    _show_new(made, passwords, as_json=as_json)


@phones_group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--delimiter", default=",", show_default=True)
@_PASSWORDS
@records.JSON
@click.pass_obj
def import_command(
    settings: Settings, file: Path, delimiter: str, passwords: Path | None, as_json: bool
) -> None:
    """Add the phones of a CSV FILE, all or none. Its first line names the fields."""
    if len(delimiter) != 1:
        raise InvalidInput("--delimiter: one character")
    rows = read_phone_csv(records.text_of(file), delimiter)
    with database_errors():
        made = _phones(settings).create_many(records.acting(), rows)
    _show_new(made, passwords, as_json=as_json)


@phones_group.command("change")
@click.argument("number")
@records.SET
@records.JSON
@click.pass_obj
def change_command(settings: Settings, number: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Change the fields that --set names; the others stay. An empty value takes one away."""
    with database_errors():
        values = records.values_from(fields)
        changed = _phones(settings).change(records.acting(), number, values)
    records.show_record(_data(changed), as_json=as_json)


@phones_group.command("move")
@click.argument("number")
@click.argument("account")
@click.pass_obj
def move_command(settings: Settings, number: str, account: str) -> None:
    """Give the phone NUMBER to another ACCOUNT of the same currency."""
    with database_errors():
        _phones(settings).move(records.acting(), number, account)
    click.echo(f"moved {number} to {account}")


@phones_group.command("password")
@click.argument("number")
@click.option("--stdin", is_flag=True, help="Read the password; otherwise one is made.")
@records.JSON
@click.pass_obj
def password_command(settings: Settings, number: str, stdin: bool, as_json: bool) -> None:
    """Give the phone NUMBER another SIP password and show it, this once."""
    password = sys.stdin.readline().rstrip("\n") if stdin else None
    with database_errors():
        made = _phones(settings).new_password(records.acting(), number, password)
    _show_new([made], None, as_json=as_json)


@phones_group.command("delete")
@click.argument("number")
@records.YES
@click.pass_obj
def delete_command(settings: Settings, number: str, yes: bool) -> None:
    """Delete the phone NUMBER. Exit status 1: it has a history, which stays."""
    records.confirm(f"Delete the phone {number}, with its DIDs and its password?", yes=yes)
    with database_errors():
        _phones(settings).delete(records.acting(), number)
    click.echo(f"deleted {number}")


def _phones(settings: Settings) -> Phones:
    return Phones(PostgresPhones(bootstrap.engine(settings)))


def _data(record: PhoneRecord) -> dict[str, object]:
    return {
        **values_of(record.spec),
        "revision": record.revision,
        "created_at": record.created_at,
        "password_set_at": record.password_set_at,
    }


def _show_new(made: Sequence[NewPhone], file: Path | None, *, as_json: bool) -> None:
    pairs = [(phone.record.spec.number, phone.password) for phone in made]
    if as_json and file is None:
        show_json({"phones": [{"number": n, "password": word} for n, word in pairs]})
        return
    with output_file(file) as target:
        if file is not None:
            file.with_name(f".{file.name}.part").chmod(0o600)
        lines = csv.writer(target, lineterminator="\n")
        lines.writerow(("number", "password"))
        lines.writerows(pairs)
    if file is not None:
        click.echo(f"{len(pairs)} phones; their passwords are in {file}")


def _locks(out: bool, incoming: bool) -> str:
    return {(True, True): "both", (True, False): "out", (False, True): "in"}.get(
        (out, incoming), ""
    )
