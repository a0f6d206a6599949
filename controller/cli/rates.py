"""`tollgate rates`: import, compare and export the rates of a rate group in one step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from controller import bootstrap
from controller.cli.config import exit_status, problems_data, report
from controller.cli.output import database_errors, output_file, printable, progress, show_json
from controller.cli.rates_files import FILE, deck_table, layout_options
from controller.cli.rates_groups import GROUP_COMMANDS
from controller.cli.rates_staged import STAGED_COMMANDS
from controller.cli.rates_view import warning_data, warning_lines
from controller.cli.records import acting
from controller.config import Settings
from controller.persistence.deck_tables import WORKBOOK_SUFFIXES, write_workbook
from controller.persistence.staged_deck_store import PostgresStagedDecks
from controller.services.config_as_code import describe
from controller.services.decks import DeckOutcome, compare_deck, export_deck, import_deck
from controller.services.decks.importing import write_csv
from controller.services.decks.layout import DeckLayout
from controller.services.decks.ports import DeckOrigin, NewDeck

REFUSED = 1

_GROUP = click.argument("group")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.group("rates")
def rates_group() -> None:
    """Rate groups and their decks (docs/decks.md)."""


@rates_group.command("import")
@_GROUP
@FILE
@click.option("--replace", is_flag=True, help="Remove the group's rates that FILE leaves out.")
@click.option("--dry-run", is_flag=True, help="Check and show the difference; write nothing.")
@click.option("--strict", is_flag=True, help="Refuse absurd prices instead of warning of them.")
@layout_options
@_JSON
@click.pass_obj
def import_command(
    settings: Settings,
    group: str,
    file: Path,
    replace: bool,
    dry_run: bool,
    strict: bool,
    layout: DeckLayout,
    as_json: bool,
) -> None:
    """Merge the deck FILE (CSV or XLSX) into the rate group GROUP: all of its rows, or none."""
    deck = NewDeck(group, DeckOrigin.IMPORT, file.name, replace)
    with open_decks(settings) as store, deck_table(file, layout) as table:
        outcome = import_deck(
            acting(),
            store,
            deck,
            table,
            datetime.now(UTC),
            mapping=layout.mapping,
            dry_run=dry_run,
            refuse_warnings=strict,
        )
    _stop_at_problems(outcome, file, as_json)
    for line in warning_lines(outcome.warnings):
        click.echo(printable(f"{file}: warning: {line}"), err=True)
    if as_json:
        show_json(_import_data(outcome))
    else:
        _show(group, outcome)
        if outcome.version is not None:
            click.echo(f"applied: configuration version {outcome.version}")
    if strict and outcome.warnings:
        click.get_current_context().exit(REFUSED)


@rates_group.command("diff")
@_GROUP
@FILE
@layout_options
@_JSON
@click.pass_obj
def diff_command(
    settings: Settings, group: str, file: Path, layout: DeckLayout, as_json: bool
) -> None:
    """Show how the rates of GROUP differ from FILE. Exit status 0: they don't, 1: they do."""
    with open_decks(settings) as store, deck_table(file, layout) as table:
        outcome = compare_deck(store, group, table, datetime.now(UTC), layout.mapping)
    _stop_at_problems(outcome, file, as_json)
    differs = bool(outcome.difference)
    if as_json:
        difference = describe.deck_data(outcome.difference)
        show_json({"differs": differs, "rows": outcome.rows, "difference": difference})
    else:
        _show(group, outcome)
    click.get_current_context().exit(1 if differs else 0)


@rates_group.command("export")
@_GROUP
@FILE
@click.pass_obj
def export_command(settings: Settings, group: str, file: Path) -> None:
    """Write the rates of GROUP to FILE in the canonical columns: CSV, or XLSX where FILE is named
    so (`-`: CSV on standard output)."""
    with open_decks(settings) as store, progress("Exporting", printing=str(file) == "-"):
        if file.suffix.lower() in WORKBOOK_SUFFIXES:
            count = export_deck(store, group, lambda *table: write_workbook(file, *table))
        else:
            with output_file(None if str(file) == "-" else file) as stream:
                count = export_deck(store, group, lambda *table: write_csv(stream, *table))
    click.echo(f"{count} rates", err=True)


@contextmanager
def open_decks(settings: Settings) -> Iterator[PostgresStagedDecks]:
    """The decks in the settings' database."""
    engine = bootstrap.engine(settings)
    try:
        with database_errors():
            yield PostgresStagedDecks(engine)
    finally:
        engine.dispose()


def _import_data(outcome: DeckOutcome) -> dict[str, Any]:
    warnings = {"warnings": [warning_data(w) for w in outcome.warnings]} if outcome.warnings else {}
    return {
        "applied": outcome.version is not None,
        "version": outcome.version,
        "rows": outcome.rows,
        "difference": describe.deck_data(outcome.difference),
        **warnings,
    }


def _stop_at_problems(outcome: DeckOutcome, file: Path, as_json: bool) -> None:
    if not outcome.problems:
        return
    report(outcome.problems, file)
    if as_json:
        show_json({"applied": False, "problems": problems_data(outcome.problems)})
    click.get_current_context().exit(exit_status(outcome.problems))


def _show(group: str, outcome: DeckOutcome) -> None:
    if not outcome.difference:
        click.echo(f"{outcome.rows} rows: no changes")
        return
    for line in describe.deck_in_words(group, outcome.difference):
        click.echo(printable(line))


_COMMANDS: Sequence[click.Command] = (*STAGED_COMMANDS, *GROUP_COMMANDS)
for _command in _COMMANDS:
    rates_group.add_command(_command)
