"""Deck files of `tollgate rates`: the options that say what is in one, and reading it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from controller.cli.output import printable
from controller.domain.deck_mapping import DeckMapping
from controller.domain.errors import InvalidConfiguration, InvalidInput
from controller.persistence.deck_tables import Watch, open_table
from controller.services.config_as_code.document import MAX_BYTES, decode
from controller.services.decks import layout as layouts
from controller.services.decks.layout import CANONICAL_LAYOUT, DeckLayout
from controller.services.decks.reading import DeckTable

_TOLD_EVERY = 1_000

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))

_OPTIONS = (
    click.option(
        "--mapping",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A YAML file that says what FILE's columns mean (docs/decks.md).",
    ),
    click.option(
        "--map",
        "columns",
        metavar="NAME=COLUMN",
        multiple=True,
        help="FILE's column for a canonical one; given twice for one name, they are joined.",
    ),
    click.option(
        "--set",
        "constants",
        metavar="NAME=VALUE",
        multiple=True,
        help="A value where the column is missing or its cell empty.",
    ),
    click.option("--sheet", metavar="NAME", help="Sheet of a workbook; the first, if not given."),
    click.option("--delimiter", metavar="SIGN", help="Of a text file: , ; | or tab."),
    click.option("--encoding", metavar="NAME", help="Of a text file; UTF-8, if not given."),
    click.option("--header-row", metavar="N", help="The row of the columns' names."),
    click.option("--decimal-comma", is_flag=True, help="0,05 is five hundredths."),
    click.option("--date-format", metavar="FORMAT", help="Such as %d/%m/%Y."),
)
_NAMES = (
    "mapping",
    "columns",
    "constants",
    "sheet",
    "delimiter",
    "encoding",
    "header_row",
    "decimal_comma",
    "date_format",
)


def layout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command's `layout`, from the options that say what is in its file."""

    @wraps(command)
    def with_layout(*arguments: Any, **given: Any) -> Any:
        said = {name: given.pop(name) for name in _NAMES}
        return command(*arguments, layout=_layout(**said), **given)

    for option in reversed(_OPTIONS):
        with_layout = option(with_layout)
    return with_layout


@contextmanager
def deck_table(file: Path, layout: DeckLayout) -> Iterator[DeckTable]:
    """The file as a table; on a terminal a bar follows the reading. Raises InvalidInput."""
    with ExitStack() as opened:
        if not sys.stderr.isatty():
            yield _opened(opened, file, layout, None)
            return
        bar = opened.enter_context(Progress(console=Console(stderr=True), transient=True))
        task = bar.add_task(f"Reading {printable(file.name)}", total=None)

        def watch(binary: BinaryIO) -> BinaryIO:
            return bar.wrap_file(binary, file.stat().st_size, task_id=task)

        table = _opened(opened, file, layout, watch)
        yield replace(table, lines=_told(bar, task, table.lines))


def _opened(opened: ExitStack, file: Path, layout: DeckLayout, watch: Watch | None) -> DeckTable:
    """The file's table; what is wrong with the file begins with its name."""
    try:
        table = opened.enter_context(open_table(file, layout.file, watch))
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from None
    return replace(table, lines=_named(file, table.lines))


def _named(file: Path, lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from lines
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}") from None


def _told(progress: Progress, task: TaskID, lines: Iterable[str]) -> Iterator[str]:
    """Lines, counted for whoever watches; after the last one the database works."""
    what = progress.tasks[0].description
    for number, line in enumerate(lines, start=1):
        if number % _TOLD_EVERY == 0:
            progress.update(task, description=f"{what}: {number} lines")
        yield line
    progress.update(task, description="Comparing and writing", total=None)


def _layout(
    mapping: Path | None,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    sheet: str | None,
    delimiter: str | None,
    encoding: str | None,
    header_row: str | None,
    decimal_comma: bool,
    date_format: str | None,
) -> DeckLayout:
    """The mapping file's layout, and over it what the other options say. Raises InvalidInput."""
    base = _from_file(mapping) if mapping else CANONICAL_LAYOUT
    file: dict[str, Any] = {}
    if sheet is not None:
        file["sheet"] = sheet
    if delimiter is not None:
        file["delimiter"] = _said("--delimiter", layouts.delimiter, delimiter)
    if encoding is not None:
        file["encoding"] = _said("--encoding", layouts.encoding, encoding)
    meaning: dict[str, Any] = {}
    if header_row is not None:
        meaning["header_row"] = _said("--header-row", layouts.header_row, header_row)
    if decimal_comma:
        file["decimal_comma"] = meaning["decimal_comma"] = True
    if date_format is not None:
        meaning["date_format"] = _said("--date-format", layouts.date_format, date_format)
    known = base.mapping or DeckMapping()
    if columns:
        meaning["columns"] = {**known.columns, **_columns(columns)}
    if constants:
        meaning["constants"] = {**known.constants, **dict(_pairs("--set", constants))}
    if not meaning:
        return replace(base, file=replace(base.file, **file))
    return DeckLayout(replace(base.file, **file), replace(known, **meaning))


def _from_file(path: Path) -> DeckLayout:
    try:
        with path.open("rb") as stream:
            return layouts.read_layout(decode(stream.read(MAX_BYTES + 1)))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from None
    except InvalidConfiguration as error:
        raise InvalidInput(f"{path}: {error}") from None


def _columns(given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, column in _pairs("--map", given):
        found[name] = (*found.get(name, ()), column)
    return found


def _pairs(option: str, given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInput(f"{option}: {pair[:64]!r} is not NAME=…")
        yield _said(option, layouts.target, name.strip()), value.strip()


def _said(option: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except InvalidConfiguration as error:
        raise InvalidInput(f"{option}: {error}") from None
