"""`tollgate rates stage|staged|show|margin|activate|discard|rollback`: decks beside the live
rates, from the file to the moment they count, and back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
import sqlalchemy as sa

from controller import bootstrap
from controller.cli import arguments, rates_margin_view, rates_view
from controller.cli.output import database_errors, output_file, printable, progress, show_json
from controller.cli.rates_files import FILE, deck_table, layout_options
from controller.cli.records import acting
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.deck_traffic import PostgresDeckTraffic
from controller.persistence.staged_deck_store import PostgresStagedDecks
from controller.services.decks.layout import DeckLayout
from controller.services.decks.margin import deck_margin
from controller.services.decks.ports import (
    ChangeKind,
    ChangeQuery,
    DeckOrigin,
    NewDeck,
    ReviewLimits,
)
from controller.services.decks.staging import (
    activate_deck,
    discard_deck,
    export_changes,
    roll_back,
    show_deck,
    stage_deck,
    staged_decks,
)

REFUSED = 1
NOW = "now"
MAX_PAGE = 1_000
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)

_DECK = click.argument("deck_id", metavar="ID")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.command("stage")
@click.argument("group")
@FILE
@click.option("--replace/--merge", default=False, help="Whether rates that FILE leaves out end.")
@click.option("--effective", metavar="ISO8601", help="From when on the deck counts.")
@click.option("--max-price", metavar="AMOUNT", help="A minute above it is absurd (100).")
@click.option("--max-change", metavar="PERCENT", help="A change above it is absurd (300).")
@layout_options
@_JSON
@click.pass_obj
def stage_command(
    settings: Settings,
    group: str,
    file: Path,
    replace: bool,
    effective: str | None,
    max_price: str | None,
    max_change: str | None,
    layout: DeckLayout,
    as_json: bool,
) -> None:
    """Keep the deck FILE beside the live rates of GROUP. Exit status 1: some rows are wrong."""
    limits = _limits(max_price, max_change)
    at = arguments.moment(effective, "--effective")
    deck = NewDeck(group, DeckOrigin.STAGED, file.name, replace, at, limits)
    with _open(settings) as (store, _), deck_table(file, layout) as table:
        report = stage_deck(acting(), store, deck, table, datetime.now(UTC), layout.mapping)
    if as_json:
        show_json(rates_view.report_data(report))
    else:
        rates_view.show_report(report)
    click.get_current_context().exit(REFUSED if report.deck.wrong else 0)


@click.command("staged")
@click.argument("group", required=False)
@_JSON
@click.pass_obj
def staged_command(settings: Settings, group: str | None, as_json: bool) -> None:
    """List decks of GROUP, or of every rate group: staged, active, rolled back, discarded."""
    with _open(settings) as (store, _):
        decks = staged_decks(store, group)
    if as_json:
        show_json({"decks": [rates_view.deck_data(deck) for deck in decks]})
    else:
        rates_view.show_decks(decks)


@click.command("show")
@_DECK
@click.option("--kind", type=click.Choice([str(kind) for kind in ChangeKind]), help="Only these.")
@click.option("--after", metavar="N", default="0", help="Go on after the change numbered N.")
@click.option("--limit", metavar="N", default="50", help=f"Changes on a page, up to {MAX_PAGE}.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the whole difference to a file (-: standard output).",
)
@_JSON
@click.pass_obj
def show_command(
    settings: Settings,
    deck_id: str,
    kind: str | None,
    after: str,
    limit: str,
    csv_file: Path | None,
    as_json: bool,
) -> None:
    """Show the deck ID: how it differs from the live rates, and what is wrong with it."""
    wanted = ChangeKind(kind) if kind else None
    query = ChangeQuery(wanted, _number(after, "--after"), _page(limit))
    number = _number(deck_id, "ID")
    with _open(settings) as (store, _):
        if csv_file is not None:
            _write_changes(store, number, csv_file)
            return
        with progress("Comparing", printing=True):
            report = show_deck(store, number, query)
    if as_json:
        show_json(rates_view.report_data(report))
    else:
        rates_view.show_report(report)


@click.command("margin")
@_DECK
@click.option("--days", metavar="N", default="30", help="Of calls that are looked at.")
@_JSON
@click.pass_obj
def margin_command(settings: Settings, deck_id: str, days: str, as_json: bool) -> None:
    """Show what the staged deck ID would have earned or cost on past calls."""
    with _open(settings) as (store, engine), progress("Pricing calls", printing=True):
        report = deck_margin(
            store,
            PostgresDeckTraffic(engine),
            _number(deck_id, "ID"),
            datetime.now(UTC),
            _number(days, "--days"),
        )
    if as_json:
        show_json(rates_margin_view.margin_data(report))
    else:
        rates_margin_view.show_margin(report)


@click.command("activate")
@_DECK
@click.option("--at", metavar="ISO8601", help="From when on it counts ('now' keeps the old rates).")
@click.option("--accept-warnings", is_flag=True, help="The absurd prices are meant.")
@_JSON
@click.pass_obj
def activate_command(
    settings: Settings, deck_id: str, at: str | None, accept_warnings: bool, as_json: bool
) -> None:
    """Make the staged deck ID the live rates. Exit status 1: it is refused."""
    now = datetime.now(UTC)
    moment = now if at == NOW else arguments.moment(at, "--at")
    with _open(settings) as (store, _), progress("Activating", printing=True):
        done = activate_deck(
            acting(), store, _number(deck_id, "ID"), now, at=moment, accept_warnings=accept_warnings
        )
    if as_json:
        data = {"applied": done.version is not None, "version": done.version}
        refused = {"refused": list(done.refused)} if done.refused else {}
        show_json({**data, **refused, "deck": rates_view.deck_data(done.deck)})
    elif not done.refused:
        rates_view.show_head(done.deck)
        said = f"applied: configuration version {done.version}"
        click.echo("no changes; the deck is discarded" if done.version is None else said)
    for line in rates_view.warning_lines(done.warnings, done.deck.limits):
        click.echo(printable(f"warning: {line}"), err=True)
    for why in done.refused:
        click.echo(printable(f"tollgate: not activated: {why}"), err=True)
    click.get_current_context().exit(REFUSED if done.refused else 0)


@click.command("discard")
@_DECK
@click.pass_obj
def discard_command(settings: Settings, deck_id: str) -> None:
    """Throw the staged deck ID away."""
    with _open(settings) as (store, _):
        deck = discard_deck(acting(), store, _number(deck_id, "ID"), datetime.now(UTC))
    click.echo(printable(f"discarded: deck {deck.deck_id} of {deck.group}"))


@click.command("rollback")
@click.argument("group")
@_JSON
@click.pass_obj
def rollback_command(settings: Settings, group: str, as_json: bool) -> None:
    """Bring back the rates of GROUP before its last deck. Exit status 1: it is refused."""
    with _open(settings) as (store, _), progress("Rolling back", printing=True):
        done = roll_back(acting(), store, group, datetime.now(UTC))
    if as_json:
        deck = rates_view.deck_data(done.deck) if done.deck else None
        refused = {"refused": done.refused} if done.refused else {}
        applied = done.version is not None
        show_json({"applied": applied, "version": done.version, **refused, "deck": deck})
    elif done.deck is not None and not done.refused:
        difference = done.deck.difference
        click.echo(
            f"deck {done.deck.deck_id} of {group} is rolled back: {difference.added} taken out,"
            f" {difference.changed} changed back, {difference.removed} put back"
        )
        click.echo(f"applied: configuration version {done.version}")
    if done.refused:
        click.echo(printable(f"tollgate: {done.refused}"), err=True)
        click.get_current_context().exit(REFUSED)


STAGED_COMMANDS = (
    stage_command,
    staged_command,
    show_command,
    margin_command,
    activate_command,
    discard_command,
    rollback_command,
)


@contextmanager
def _open(settings: Settings) -> Iterator[tuple[PostgresStagedDecks, sa.Engine]]:
    engine = bootstrap.engine(settings)
    try:
        with database_errors():
            yield PostgresStagedDecks(engine), engine
    finally:
        engine.dispose()


def _write_changes(store: PostgresStagedDecks, deck_id: int, file: Path) -> None:
    from web.csv_text import csv_pieces

    to_stdout = str(file) == "-"
    with (
        progress("Exporting", printing=to_stdout),
        output_file(None if to_stdout else file) as stream,
        export_changes(store, deck_id) as changes,
    ):
        rows = map(rates_view.change_cells, changes)
        for piece in csv_pieces(rates_view.DIFFERENCE_COLUMNS, rows):
            stream.write(piece)


def _limits(price: str | None, change: str | None) -> ReviewLimits:
    limits = ReviewLimits()
    return ReviewLimits(
        limits.price_per_minute if price is None else _amount(price, "--max-price"),
        limits.change_percent if change is None else _amount(change, "--max-change"),
    )


def _amount(text: str, option: str) -> Decimal:
    if not _AMOUNT.fullmatch(text) or len(text.partition(".")[0]) > 8:
        raise InvalidInput(f"{option}: {text[:40]!r} is not a number of at least 0")
    return Decimal(text)


def _number(text: str, what: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise InvalidInput(f"{what}: {text[:40]!r} is not a whole number")
    return int(text)


def _page(text: str) -> int:
    limit = _number(text, "--limit")
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"--limit: {limit} is not 1 to {MAX_PAGE}")
    return limit
