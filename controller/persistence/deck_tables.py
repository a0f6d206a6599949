"""Deck files as tables: delimited text in some encoding, or a sheet of an XLSX workbook.

A file is what its first bytes say, and its name may not say otherwise. Everything that it could
make us read is bounded: its size, what a workbook unpacks to, and the time and memory of the
process that reads one.
"""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, BinaryIO

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from controller.domain.errors import InvalidInput
from controller.persistence.deck_files import open_binary
from controller.persistence.workbook_lines import UNREADABLE
from controller.services.decks.layout import FileFormat
from controller.services.decks.reading import DeckTable

MAX_UNPACKED_BYTES = 1024**3
"""What a workbook may unpack to: a million rows of ten columns are about half of it."""
MAX_PARTS = 2_000
MAX_SHEET_ROWS = 1_048_576
"""Of a workbook's format, the header included."""

WORKBOOK_SUFFIXES = frozenset((".xlsx", ".xlsm"))
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MAIN_PART = "xl/workbook.xml"
_KILLED_S = 10

Watch = Callable[[BinaryIO], BinaryIO]


@contextmanager
def open_table(path: Path, given: FileFormat, watch: Watch | None = None) -> Iterator[DeckTable]:
    """A deck file's table. Raises InvalidInput where it is none, or later where it breaks off.

    `watch` may stand between a text file and its decoding, to see how far the reading is.
    """
    head = _head(path)
    named_workbook = path.suffix.lower() in WORKBOOK_SUFFIXES
    if head.startswith(_OLE):
        raise InvalidInput("an old Excel file or an encrypted one: save it as XLSX or CSV")
    if head.startswith(_ZIP) != named_workbook and (named_workbook or path.suffix):
        if named_workbook:
            raise InvalidInput("not an XLSX workbook, whatever its name says")
        raise InvalidInput("a ZIP archive or a workbook, but not named .xlsx")
    if head.startswith(_ZIP):
        _check_archive(path)
        with _workbook_lines(path, given) as lines:
            yield DeckTable(lines)
    else:
        with _text_lines(path, given, watch, head) as lines:
            yield DeckTable(lines, given.delimiter, given.encoding.upper())


def write_workbook(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """A workbook of one sheet, every cell a text, so that nothing is rounded; how many rows.

    Raises InvalidInput where there are more rows than a sheet holds, or the place is not writable.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        workbook = xlsxwriter.Workbook(partial, {"constant_memory": True})
        try:
            count = _write_sheet(workbook.add_worksheet("rates"), columns, rows)
        finally:
            workbook.close()
        partial.replace(path)
    except (OSError, XlsxWriterException) as error:
        raise InvalidInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_sheet(
    sheet: xlsxwriter.worksheet.Worksheet, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> int:
    count = 0
    for column, name in enumerate(columns):
        sheet.write_string(0, column, name)
    for count, row in enumerate(rows, start=1):
        if count == MAX_SHEET_ROWS:
            raise InvalidInput(f"a sheet holds {MAX_SHEET_ROWS - 1} rates: export CSV")
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(count, column, cell)
    return count


@contextmanager
def _text_lines(
    path: Path, given: FileFormat, watch: Watch | None, head: bytes
) -> Iterator[Iterable[str]]:
    if head.startswith(_UTF16) and given.encoding != "utf-16":
        raise InvalidInput("the file is UTF-16: say so (encoding utf-16)")
    encoding = "utf-8-sig" if given.encoding == "utf-8" else given.encoding
    binary = open_binary(path, watch)
    with TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="") as text:
        yield _decoded(text, given.encoding)


def _decoded(text: IO[str], encoding: str) -> Iterator[str]:
    """Lines, as long as the encoding can be what the file is in."""
    try:
        yield from text
    except UnicodeError:
        raise InvalidInput(f"the file is not {encoding.upper()}") from None


def _check_archive(path: Path) -> None:
    """By the archive's directory; what it lies about is for the limits of the reading process."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidInput(f"not a readable XLSX workbook: {error}") from None
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        raise InvalidInput(f"the workbook unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    if all(part.filename != _MAIN_PART for part in parts):
        raise InvalidInput("a ZIP archive, but no XLSX workbook")


@contextmanager
def _workbook_lines(path: Path, given: FileFormat) -> Iterator[Iterable[str]]:
    """What the reading process writes; it ends with the block, whatever happens in it."""
    point = "," if given.decimal_comma else "."
    module = "controller.persistence.workbook_lines"
    with subprocess.Popen(  # noqa: S603 - our own module, its arguments never a shell's
        [sys.executable, "-m", module, str(path.resolve()), given.sheet, point],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        encoding="utf-8",
        errors="surrogateescape",
        bufsize=1 << 20,
    ) as process:
        try:
            yield _process_lines(process)
        finally:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_KILLED_S)


def _process_lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    if process.stdout is None or process.stderr is None:
        return
    yield from process.stdout
    status = process.wait()
    if status == 0:
        return
    said = process.stderr.read(1_000).strip()
    if status == UNREADABLE and said:
        raise InvalidInput(said)
    raise InvalidInput(
        "the workbook is broken, or takes more memory or time to read than a sound one does"
    )


def _head(path: Path) -> bytes:
    with open_binary(path) as file:
        return file.read(8)
