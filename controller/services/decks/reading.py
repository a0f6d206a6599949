"""A table's lines to deck rows: every wrong row is reported by its number, the file's own."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from controller.domain.deck_mapping import BoundMapping, DeckMapping, bind
from controller.domain.decks import DeckRow, Validity, check_columns, read_row
from controller.domain.errors import InvalidInput
from controller.domain.sections import SectionMode
from controller.services.decks.ports import NumberedRow

MAX_ROWS = 1_000_000
MAX_COLUMNS = 256

Report = Callable[[int, str], None]
CanonicalRows = Callable[[list[str]], Iterator[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class DeckTable:
    """A file as lines of delimited text, however it is kept."""

    lines: Iterable[str]
    delimiter: str = ","
    encoding: str = "UTF-8"


def read_deck(
    text: Iterable[str],
    zone: tzinfo,
    report: Report,
    section_mode: SectionMode = SectionMode.INCREMENT,
) -> Iterator[NumberedRow]:
    """Rows of a canonical CSV with their numbers (the header is row 1). Nothing is yielded after
    a report.

    Reads on to the end all the same, so that every wrong row is reported.
    """
    wrong = False

    def complain(number: int, message: str) -> None:
        nonlocal wrong
        wrong = True
        report(number, message)

    for number, row in read_sound_rows(DeckTable(text), None, zone, section_mode, complain):
        if not wrong:
            yield number, row


def read_sound_rows(
    table: DeckTable,
    mapping: DeckMapping | None,
    zone: tzinfo,
    section_mode: SectionMode,
    report: Report,
) -> Iterator[NumberedRow]:
    """Every row that is sound by itself and overlaps none before it; the others are reported."""
    records = _records(table, report)
    rows_of = _read_header(records, mapping, report)
    if rows_of is None:
        return
    validity = Validity()
    count = 0
    for number, cells in records:
        for row in _rows(number, rows_of, cells, zone, section_mode, report):
            count += 1
            if count > MAX_ROWS:
                report(number, f"more than {MAX_ROWS} rows")
                return
            if earlier := validity.clash(row, number):
                report(number, f"prefix {row.prefix}: the validity overlaps that of row {earlier}")
            else:
                yield number, row


def _rows(
    number: int,
    rows_of: CanonicalRows,
    cells: list[str],
    zone: tzinfo,
    section_mode: SectionMode,
    report: Report,
) -> Iterator[DeckRow]:
    """The rows of one record: one, or with a mapping as many as it has prefixes."""
    try:
        for by_column in rows_of(cells):
            row = read_row(by_column, zone, lambda fault: report(number, fault), section_mode)
            if row is not None:
                yield row
    except InvalidInput as error:
        report(number, str(error))


def _read_header(
    records: Iterator[tuple[int, list[str]]], mapping: DeckMapping | None, report: Report
) -> CanonicalRows | None:
    """How the records after the header become canonical cells; None after a report."""
    wanted = mapping.header_row if mapping else 1
    found = next((record for record in records if record[0] >= wanted), None)
    if found is None or found[0] != wanted:
        report(wanted, "no header row")
        return None
    number, header = found
    columns = [cell.strip() for cell in header]
    faults: list[str] = []
    bound = bind(mapping, columns, faults.append) if mapping else None
    if mapping is None:
        check_columns(columns, faults.append)
    for fault in faults:
        report(number, fault)
    if faults:
        return None
    return _canonical(columns) if bound is None else _mapped(bound, len(columns))


def _canonical(columns: list[str]) -> CanonicalRows:
    """Nothing for an empty record; last cells that are missing are empty."""

    def rows(cells: list[str]) -> Iterator[dict[str, str]]:
        if any(cells):
            _check_width(len(cells), len(columns))
            yield dict(zip(columns, cells, strict=False))

    return rows


def _mapped(bound: BoundMapping, width: int) -> CanonicalRows:
    """Empty cells beyond the header's are what spreadsheets leave behind."""

    def rows(cells: list[str]) -> Iterator[dict[str, str]]:
        if any(cells[width:]):
            _check_width(len(cells), width)
        return bound.rows(cells)

    return rows


def _check_width(cells: int, width: int) -> None:
    if cells > width:
        raise InvalidInput(f"{cells} cells for {width} columns")


def _records(table: DeckTable, report: Report) -> Iterator[tuple[int, list[str]]]:
    """Records by number; a file that cannot be read further ends here, with its report.

    Bytes that are not of the encoding come as surrogates, so that their row is known.
    """
    number = 0
    try:
        reader = csv.reader(table.lines, strict=True, delimiter=table.delimiter)
        for number, record in enumerate(reader, start=1):
            if len(record) > MAX_COLUMNS:
                report(number, f"more than {MAX_COLUMNS} columns")
                return
            if _is_text(record):
                yield number, record
            else:
                report(number, f"not {table.encoding}")
    except csv.Error as error:
        report(number + 1, f"not CSV: {error}")


def _is_text(record: list[str]) -> bool:
    try:
        "".join(record).encode()
    except UnicodeEncodeError:
        return False
    return True
