"""`tollgate rates`: import, compare and export the rates of a rate group as CSV."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from rich.console import Console
from rich.progress import Progress

from controller.cli.config import exit_status, open_store, problems_data, report
from controller.cli.output import output_file, printable, show_json
from controller.config import Settings
from controller.domain.errors import InvalidInput
from controller.persistence.deck_files import open_deck
from controller.services.config_as_code import describe
from controller.services.decks import DeckOutcome, compare_deck, export_deck, import_deck

_GROUP = click.argument("group")
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.group("rates")
def rates_group() -> None:
    """Rate decks as CSV (docs/configuration.md has the columns)."""


@rates_group.command("import")
@_GROUP
@_FILE
@click.option("--replace", is_flag=True, help="Remove the group's rates that FILE leaves out.")
@click.option("--dry-run", is_flag=True, help="Check and show the difference; write nothing.")
@_JSON
@click.pass_obj
def import_command(
    settings: Settings, group: str, file: Path, replace: bool, dry_run: bool, as_json: bool
) -> None:
    """Merge the deck FILE into the rate group GROUP: all of its rows, or none."""
    with open_store(settings) as store, _deck(file) as text:
        outcome = import_deck(store, group, text, replace=replace, dry_run=dry_run)
    _stop_at_problems(outcome, file, as_json)
    if as_json:
        show_json(
            {
                "applied": outcome.version is not None,
                "version": outcome.version,
                "rows": outcome.rows,
                "difference": describe.deck_data(outcome.difference),
            }
        )
        return
    _show(group, outcome)
    if outcome.version is not None:
        click.echo(f"applied: configuration version {outcome.version}")


@rates_group.command("diff")
@_GROUP
@_FILE
@_JSON
@click.pass_obj
def diff_command(settings: Settings, group: str, file: Path, as_json: bool) -> None:
    """Show how the rates of GROUP differ from FILE. Exit status 0: they don't, 1: they do."""
    with open_store(settings) as store, _deck(file) as text:
        outcome = compare_deck(store, group, text)
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
@_FILE
@click.pass_obj
def export_command(settings: Settings, group: str, file: Path) -> None:
    """Write the rates of GROUP to FILE (`-`: standard output) in the canonical columns."""
    target = None if str(file) == "-" else file
    with open_store(settings) as store, output_file(target) as stream:
        count = export_deck(store, group, stream)
    click.echo(f"{count} rates", err=True)


@contextmanager
def _deck(file: Path) -> Iterator[TextIO]:
    """The file as text; on a terminal a bar follows its bytes."""
    if not sys.stderr.isatty():
        with _open(file) as text:
            yield text
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def watch(binary: BinaryIO) -> BinaryIO:
            what = f"Reading {printable(file.name)}"
            return progress.wrap_file(binary, file.stat().st_size, description=what)

        with _open(file, watch) as text:
            yield text


def _open(file: Path, watch: Callable[[BinaryIO], BinaryIO] | None = None) -> TextIO:
    try:
        return open_deck(file, watch)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from None


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
