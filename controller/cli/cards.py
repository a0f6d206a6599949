"""`tollgate cards`: stock of phone cards, and accounts recharged with them.

PINs are shown once, when a batch is made. A PIN is never an argument: arguments are seen by
everybody on the machine.
"""

import secrets
import sys
from pathlib import Path

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import database_errors, output_file, show_json, show_table
from controller.config import Settings
from controller.domain.cards import CardState
from controller.domain.money import plain
from controller.services.cards import (
    BatchQuery,
    BatchRow,
    CardPayments,
    CardQuery,
    Cards,
    NewBatch,
    sheet,
)

_ISSUER = click.option("--issuer", default="", help="Of this agent; otherwise it may be anybody's.")


@click.group("cards")
def cards_group() -> None:
    """Phone cards: batches, PINs, recharging (docs/cards.md)."""


@cards_group.command("create")
@click.argument("name")
@click.option("--value", "face_value", required=True, help="What a card is worth.")
@click.option("--count", required=True, help="Cards, up to 10000.")
@click.option("--currency", help="Of the platform's cards; an agent's are in its own.")
@click.option("--issuer", help="The agent that pays for them; otherwise the platform.")
@click.option("--pin-length", help="10 to 16 digits; without it 12.")
@click.option("--prefix", help="Digits with which each PIN begins.")
@click.option("--password-length", help="4 to 8 digits; without it there is none.")
@click.option("--expires", "expires_at", metavar="TIME", help="ISO 8601; without a zone UTC.")
@click.option("--memo", help="A note on the batch.")
@click.option("--key", help="Makes it once, however often it is sent.")
@click.option(
    "--sheet",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the PINs to this file instead of standard output.",
)
@records.JSON
@click.pass_obj
def create_command(
    settings: Settings, /, key: str | None, file: Path | None, as_json: bool, **values: str | None
) -> None:
    """Make the batch NAME and show its PINs, this once, as CSV.

    Exit status 1: the agent cannot pay for it, or the key was used for another batch.
    """
    with database_errors():
        made = _cards(settings).create(records.acting(), values, key or secrets.token_hex(16))
    if not made.recorded:
        click.echo(f"batch {made.row.name} was made before; its PINs are shown only once", err=True)
        return
    _show_sheet(made, file, as_json=as_json)


@cards_group.command("list")
@records.SEARCH
@_ISSUER
@click.option("--limit", type=int, default=100, show_default=True, help="Rows.")
@click.option("--before", type=int, default=None, help="Go on where the last list ended.")
@records.JSON
@click.pass_obj
def list_command(
    settings: Settings, search: str, issuer: str, limit: int, before: int | None, as_json: bool
) -> None:
    """List batches, the newest first. --search: the beginning of the name."""
    query = BatchQuery(search, issuer, before, limit)
    with database_errors():
        page = _cards(settings).page(records.acting(), query)
    if as_json:
        show_json({"batches": page.rows, "next_before": page.next_before})
        return
    show_table(
        (
            "batch",
            "issuer",
            ">worth",
            "",
            ">cards",
            ">unused",
            ">used",
            ">void",
            ">expired",
            "ends",
        ),
        [
            (
                row.name,
                row.issuer or "(platform)",
                row.face_value,
                row.currency,
                row.count,
                row.unused,
                row.used,
                row.voided,
                row.expired,
                row.expires_at or "",
            )
            for row in page.rows
        ],
    )
    if page.next_before is not None:
        click.echo(f"more: --before {page.next_before}", err=True)


@cards_group.command("show")
@click.argument("batch")
@_ISSUER
@click.option("--state", type=click.Choice([s.value for s in CardState]), help="Only these.")
@click.option("--limit", type=int, default=100, show_default=True, help="Rows.")
@click.option("--after", type=int, default=0, help="Go on after this number.")
@records.JSON
@click.pass_obj
def show_command(
    settings: Settings,
    batch: str,
    issuer: str,
    state: str | None,
    limit: int,
    after: int,
    as_json: bool,
) -> None:
    """Show the cards of a BATCH, without PINs: nobody can show those."""
    query = CardQuery(CardState(state) if state else None, after, limit)
    with database_errors():
        cards, who = _cards(settings), records.acting()
        row = cards.named(who, batch, issuer)
        page = cards.cards(who, row.batch_id, query)
    if as_json:
        show_json({"batch": row, "cards": page.rows, "next_after": page.next_after})
        return
    show_table(
        ("card", "PIN ends with", "state", "when", "by", "account"),
        [
            (
                card.serial,
                card.last_digits,
                "locked" if card.locked and card.state is CardState.UNUSED else card.state,
                card.ended_at or "",
                card.ended_by,
                card.account,
            )
            for card in page.rows
        ],
    )
    if page.next_after is not None:
        click.echo(f"more: --after {page.next_after}", err=True)


@cards_group.command("void")
@click.argument("batch")
@_ISSUER
@click.option("--card", type=int, default=None, metavar="NUMBER", help="Only this one.")
@records.YES
@click.pass_obj
def void_command(settings: Settings, batch: str, issuer: str, card: int | None, yes: bool) -> None:
    """Void what is unused of a BATCH. An agent has back what these cards are worth.

    Exit status 1: the card is used or void already, or the agent's account is closed.
    """
    with database_errors():
        cards, who = _cards(settings), records.acting()
        row = cards.named(who, batch, issuer)
        records.confirm(_question(row, card), yes=yes)
        if card is None:
            voided = cards.void(who, row.batch_id)
        else:
            voided = cards.void_card(who, row.batch_id, card)
    back = f", {plain(voided.returned)} {row.currency} back to {row.issuer}" if row.issuer else ""
    click.echo(f"voided {voided.count} cards of {row.name}{back}")


@cards_group.command("lock")
@click.argument("batch")
@click.argument("number", type=int)
@_ISSUER
@click.pass_obj
def lock_command(settings: Settings, batch: str, number: int, issuer: str) -> None:
    """Let the card NUMBER of a BATCH recharge nothing until it is unlocked."""
    _set_locked(settings, batch, number, issuer, locked=True)


@cards_group.command("unlock")
@click.argument("batch")
@click.argument("number", type=int)
@_ISSUER
@click.pass_obj
def unlock_command(settings: Settings, batch: str, number: int, issuer: str) -> None:
    """Let the card NUMBER of a BATCH recharge again."""
    _set_locked(settings, batch, number, issuer, locked=False)


@cards_group.command("recharge")
@click.argument("account")
@click.option("--with-password", is_flag=True, help="The card has a password too.")
@records.JSON
@click.pass_obj
def recharge_command(settings: Settings, account: str, with_password: bool, as_json: bool) -> None:
    """Recharge ACCOUNT with a card, whose PIN is asked for, or read from standard input.

    Exit status 1: the card is used, void, locked or expired, or not for this account; 2: there is
    no such card.
    """
    values = {"pin": _secret("PIN")}
    if with_password:
        values["password"] = _secret("Password")
    with database_errors():
        done = _payments(settings).recharge(records.acting(), account, values)
    if as_json:
        show_json(
            {"payment_id": done.payment_id, "card": done.serial, "balance": done.account.balance}
        )
        return
    balance = f"{plain(done.account.balance)} {done.account.currency}"
    click.echo(f"recharged {account} with card {done.serial}; balance {balance}")


def _set_locked(settings: Settings, batch: str, number: int, issuer: str, *, locked: bool) -> None:
    with database_errors():
        cards, who = _cards(settings), records.acting()
        row = cards.named(who, batch, issuer)
        cards.set_locked(who, row.batch_id, number, locked=locked)
    click.echo(f"{'locked' if locked else 'unlocked'} {row.serial(number)}")


def _question(row: BatchRow, card: int | None) -> str:
    if card is not None:
        return f"Void the card {row.serial(card)}? It cannot be used any more."
    return f"Void the {row.unused} unused cards of {row.name}? They cannot be used any more."


def _secret(name: str) -> str:
    """Typed unseen; in a pipe, a line of it."""
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True))
    return sys.stdin.readline().rstrip("\n")


def _show_sheet(made: NewBatch, file: Path | None, *, as_json: bool) -> None:
    if as_json and file is None:
        cards = [{"serial": c.serial, "pin": c.pin, "password": c.password} for c in made.cards]
        show_json({"batch": made.row, "cards": cards})
        return
    with output_file(file) as target:
        if file is not None:
            file.with_name(f".{file.name}.part").chmod(0o600)
        target.write(sheet(made).replace("\r\n", "\n"))
    if file is not None:
        click.echo(f"{made.row.count} cards; their PINs are in {file}")


def _cards(settings: Settings) -> Cards:
    return bootstrap.phone_cards(settings, bootstrap.engine(settings))[0]


def _payments(settings: Settings) -> CardPayments:
    return bootstrap.phone_cards(settings, bootstrap.engine(settings))[1]
