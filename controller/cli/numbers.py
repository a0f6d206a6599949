"""`tollgate numbers`: which numbers an account may have, and which it may call."""

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, show_json, show_table
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.account_store import PostgresAccountStore
from controller.services.accounts.service import Accounts
from controller.services.config_as_code.specs import AccountSpec

_CLEAR = click.option("--clear", is_flag=True, help="Leave none.")


@click.group("numbers")
def numbers_group() -> None:
    """Number sections and destination rules of accounts (docs/numbers.md)."""


@numbers_group.command("show")
@click.argument("account")
@records.JSON
@click.pass_obj
def show_command(settings: Settings, account: str, as_json: bool) -> None:
    """Show the sections and the rules of ACCOUNT itself."""
    with database_errors():
        found = _accounts(settings).get(records.acting(), account)
    _show(found.spec, as_json=as_json)


@numbers_group.command("sections")
@click.argument("account")
@click.argument("sections", nargs=-1)
@_CLEAR
@records.JSON
@click.pass_obj
def sections_command(
    settings: Settings, account: str, sections: tuple[str, ...], clear: bool, as_json: bool
) -> None:
    """Let ACCOUNT and all below it have the numbers of SECTIONS, and no others.

    Exit status 2: a section lies outside those above, or would leave out what is there.
    """
    _change(settings, account, "number_sections", sections, clear, as_json)


@numbers_group.command("rules")
@click.argument("account")
@click.argument("rules", nargs=-1)
@_CLEAR
@records.JSON
@click.pass_obj
def rules_command(
    settings: Settings, account: str, rules: tuple[str, ...], clear: bool, as_json: bool
) -> None:
    """Let ACCOUNT and all below it call by RULES, such as 'allow 880' 'deny *'."""
    _change(settings, account, "destination_rules", rules, clear, as_json)


def _change(
    settings: Settings,
    account: str,
    field: str,
    texts: tuple[str, ...],
    clear: bool,
    as_json: bool,
) -> None:
    if bool(texts) == clear:
        raise InvalidInput("name what is to be, or --clear")
    with database_errors():
        changed = _accounts(settings).change(records.acting(), account, {field: list(texts)})
    _show(changed.spec, as_json=as_json)


def _accounts(settings: Settings) -> Accounts:
    return Accounts(PostgresAccountStore(bootstrap.engine(settings)))


def _show(account: AccountSpec, *, as_json: bool) -> None:
    sections, rules = (
        list(map(str, account.number_sections)),
        list(map(str, account.destination_rules)),
    )
    if as_json:
        data = {"account": account.name, "number_sections": sections, "destination_rules": rules}
        show_json(data)
        return
    rows = [("number section", text) for text in sections] + [("rule", text) for text in rules]
    show_table(("of the account itself", ""), rows or [("no limits", "")])
