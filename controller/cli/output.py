"""How commands show things: JSON for scripts, aligned tables for people, progress on terminals.

In a pipe a table is plain text, one line for each row however long. Text from calls and files is
shown as text: it is never read as markup, and cannot move a cursor.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.domain.decks import moment_text
from controller.domain.errors import InvalidInput, StoreUnavailable, TollgateError
from controller.domain.money import plain

PIPE_WIDTH = 10_000
RIGHT = ">"
"""A column's title that begins with this is of numbers, and set to the right."""


def show_json(value: object) -> None:
    """Amounts as exact text, times as ISO 8601 in UTC."""
    click.echo(json.dumps(value, default=json_value))


def json_value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Nothing at all where there are no rows."""
    shown = [[_cell(value) for value in row] for row in rows]
    if not shown:
        return
    if title:
        click.secho(f"\n{title}", bold=True)
    terminal = sys.stdout.isatty()
    table = Table(
        box=SIMPLE_HEAD if terminal else None,
        pad_edge=False,
        show_header=any(column.strip(RIGHT) for column in columns),
    )
    for column in columns:
        right = column.startswith(RIGHT)
        table.add_column(column.removeprefix(RIGHT), justify="right" if right else "left")
    for row in shown:
        table.add_row(*row)
    console = Console(width=None if terminal else PIPE_WIDTH, highlight=False)
    if terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def printable(value: object) -> str:
    """A value as one line of text that only shows."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)


def _cell(value: object) -> Text:
    return Text(printable(value))


@contextmanager
def progress(what: str, *, printing: bool = False) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that says how far the work is; nothing in a pipe.

    `printing` work shows on standard output meanwhile; where that is the terminal, it is enough.
    """
    if not sys.stderr.isatty() or (printing and sys.stdout.isatty()):
        yield lambda _text: None
        return
    with Console(stderr=True).status(what) as status:
        yield lambda text: status.update(Text(f"{what}: {text}"))


@contextmanager
def database_errors() -> Iterator[None]:
    """A database that is away, or has no schema yet, in one line."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(" ".join(str(error).split())) from error
    except sa.exc.OperationalError as error:
        raise StoreUnavailable(" ".join(str(error.orig).split())) from error
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") != "42P01":
            raise
        raise InvalidInput("the database has no schema: 'tollgate db upgrade' makes it") from error


@contextmanager
def output_file(path: Path | None) -> Iterator[Any]:
    """A text stream: standard output, or a file that takes its name when it is complete."""
    if path is None:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            # the reader has seen enough (`| head`); let the interpreter's own flush not complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    partial = path.with_name(f".{path.name}.part")
    try:
        stream = partial.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from None
    try:
        with stream:
            yield stream
        partial.replace(path)
    except OSError as error:
        raise TollgateError(f"{path}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
