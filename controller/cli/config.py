"""`tollgate config`: apply, compare and export the configuration as one YAML file."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from controller import bootstrap
from controller.cli import records
from controller.cli.output import output_file, printable, progress, show_json
from controller.config import Settings
from controller.domain.errors import InvalidConfiguration, InvalidInput
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.persistence.deck_files import DeckDirectory, DeckExport
from controller.services.config_as_code import describe, service
from controller.services.config_as_code.differences import Difference
from controller.services.config_as_code.document import MAX_BYTES, decode
from controller.services.config_as_code.export import export
from controller.services.config_as_code.problems import Problem
from controller.services.config_as_code.sections import Reading, read_configuration

REFUSED, BAD_INPUT = 1, 2

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_PRUNE = click.option("--prune", is_flag=True, help="Remove what a listed section leaves out.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.group("config")
def config_group() -> None:
    """The configuration as one declarative file (docs/configuration.md)."""


@config_group.command("apply")
@_FILE
@click.option("--dry-run", is_flag=True, help="Check and show the difference; write nothing.")
@click.option("--yes", is_flag=True, help="Apply without asking.")
@_PRUNE
@_JSON
@click.pass_obj
def apply_command(
    settings: Settings, file: Path, dry_run: bool, yes: bool, prune: bool, as_json: bool
) -> None:
    """Make the database what FILE declares, in one transaction, after showing the difference."""
    view = _View(file, as_json)
    reading = _read(file)
    with open_store(settings) as store, ExitStack() as working:
        if yes or dry_run:
            approve = view.show_then(not dry_run, working)
        else:
            approve = _asked(view, store, reading, prune)
        working.enter_context(progress("Comparing"))
        applied = service.apply(records.acting(), store, reading, prune=prune, approve=approve)
    view.stop_at_problems(applied.review)
    view.finish(applied, dry_run=dry_run)


@config_group.command("diff")
@_FILE
@_PRUNE
@_JSON
@click.pass_obj
def diff_command(settings: Settings, file: Path, prune: bool, as_json: bool) -> None:
    """Show how the database differs from FILE. Exit status 0: it doesn't, 1: it does."""
    view = _View(file, as_json)
    with open_store(settings) as store:
        reviewed = _review(store, _read(file), prune)
    view.stop_at_problems(reviewed)
    view.show(reviewed.difference)
    differs = bool(reviewed.difference or reviewed.difference.kept)
    if as_json:
        show_json({"differs": differs, "difference": describe.as_data(reviewed.difference)})
    elif not differs:
        click.echo("no differences")
    click.get_current_context().exit(1 if differs else 0)


@config_group.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def export_command(settings: Settings, file: Path | None) -> None:
    """Write the configuration to FILE (or standard output), as a file to apply.

    Decks of more than a few rates are written beside FILE, in a folder of its name.
    """
    write = DeckExport(file).write if file else None
    with open_store(settings) as store, progress("Exporting"):
        text = export(store, write)
    with output_file(file) as target:
        target.write(text)


@contextmanager
def open_store(settings: Settings) -> Iterator[PostgresConfigurationStore]:
    """The configuration in the settings' database."""
    engine = bootstrap.engine(settings)
    try:
        yield PostgresConfigurationStore(engine)
    finally:
        engine.dispose()


def report(problems: Iterable[Problem], file: Path) -> None:
    """On standard error, one line each."""
    for problem in problems:
        click.echo(printable(f"{file}: {problem}"), err=True)


def problems_data(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [{p.unit: p.line, "message": p.message, "refused": p.refused} for p in problems]


def exit_status(problems: Iterable[Problem]) -> int:
    """1 where a sound file is refused, 2 where anything in the file is wrong."""
    return REFUSED if all(problem.refused for problem in problems) else BAD_INPUT


def _read(file: Path) -> Reading:
    try:
        with file.open("rb") as stream:
            text = decode(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}") from None
    except InvalidConfiguration as error:
        raise InvalidInput(f"{file}: {error}") from None
    with progress("Reading"):
        return read_configuration(text, DeckDirectory(file.parent))


def _review(store: PostgresConfigurationStore, reading: Reading, prune: bool) -> service.Review:
    with progress("Comparing"):
        return service.review(store, reading, prune=prune)


def _asked(
    view: "_View", store: PostgresConfigurationStore, reading: Reading, prune: bool
) -> service.Approve:
    """Show the difference and ask a person, outside any transaction; without one, only --yes.

    What was agreed to is this difference: another one is not approved.
    """
    reviewed = _review(store, reading, prune)
    view.stop_at_problems(reviewed)
    if reviewed.difference:
        view.show(reviewed.difference)
        if not sys.stdin.isatty():
            click.echo("not applied: confirm with --yes", err=True)
            click.get_current_context().exit(REFUSED)
        click.confirm("Apply?", abort=True, err=True)
    return lambda difference: difference == reviewed.difference


@dataclass(frozen=True, slots=True)
class _View:
    """What a command on one file shows."""

    file: Path
    as_json: bool

    def stop_at_problems(self, reviewed: service.Review) -> None:
        if not reviewed.problems:
            return
        report(reviewed.problems, self.file)
        if self.as_json:
            show_json({"applied": False, "problems": problems_data(reviewed.problems)})
        click.get_current_context().exit(exit_status(reviewed.problems))

    def show(self, difference: Difference) -> None:
        if not self.as_json:
            for line in describe.in_words(difference):
                click.echo(printable(line))

    def show_then(self, verdict: bool, working: ExitStack) -> service.Approve:
        """Show the difference before it is written; `working` says on a terminal what goes on."""

        def approve(difference: Difference) -> bool:
            working.close()
            self.show(difference)
            working.enter_context(progress("Applying"))
            return verdict

        return approve

    def finish(self, applied: service.Applied, *, dry_run: bool) -> None:
        difference, version = applied.review.difference, applied.version
        if self.as_json:
            data = describe.as_data(difference)
            show_json({"applied": version is not None, "version": version, "difference": data})
        elif version is not None:
            click.echo(f"applied: configuration version {version}")
        elif not difference:
            self.show(difference)
            click.echo("no changes")
        if version is None and difference and not dry_run:
            click.echo("not applied: the configuration changed meanwhile; run it again", err=True)
            click.get_current_context().exit(REFUSED)
