"""Rate decks as CSV: reading with every error by its row, import, comparison, export.

A deck that has one wrong row changes nothing. Rows stream: from the file through the checks
into the store's staging table, where they are compared and merged as sets.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol, TextIO
from zoneinfo import ZoneInfo

from controller.domain.decks import CANONICAL, DeckRow, Validity, check_columns, read_row
from controller.domain.errors import InvalidInput
from controller.services.config_as_code.problems import Problem, Problems, shown

MAX_ROWS = 1_000_000
EXAMPLES = 5
"""Changed rates that a comparison names; the rest is counted."""

NumberedRow = tuple[int, DeckRow]
Report = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class RateChange:
    """One prefix that differs: `before` None is new, `after` None is taken away."""

    prefix: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class DeckDifference:
    """What a deck would change in a rate group, counted, and the first few by prefix."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    examples: tuple[RateChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A staged row whose validity overlaps a rate that would stay."""

    row: int
    prefix: str
    effective_from: str
    effective_to: str


class DeckWork(Protocol):
    """One transaction on rate groups; nothing stays unless `commit` is called."""

    def timezone(self, group: str) -> str | None:
        """The rate group's time zone; None where there is no such group."""

    def stage_deck(self, group: str, rows: Iterable[NumberedRow]) -> int:
        """Load rows beside the stored ones; how many."""

    def deck_difference(self, group: str, *, replace: bool) -> DeckDifference:
        """Staged against stored; without `replace`, stored rates that are not staged stay."""

    def merge_deck(self, group: str, *, replace: bool) -> None: ...

    def overlaps(self, group: str) -> list[Overlap]:
        """After the merge: staged rows that overlap others of their prefix."""

    def deck_rows(self, group: str) -> Iterator[DeckRow]:
        """Stored rates by prefix and time."""

    def bump_version(self) -> int:
        """Tell the controllers; the new configuration version."""

    def commit(self) -> None: ...


class DeckStore(Protocol):
    """Where decks are kept."""

    def begin(self) -> AbstractContextManager[DeckWork]:
        """A transaction that no other change of the configuration overlaps."""


@dataclass(frozen=True, slots=True)
class DeckOutcome:
    """What an import or a comparison found. `version` is set where something was written."""

    rows: int
    difference: DeckDifference
    problems: tuple[Problem, ...] = ()
    version: int | None = None


def read_deck(text: Iterable[str], zone: tzinfo, report: Report) -> Iterator[NumberedRow]:
    """Rows with their numbers (the header is row 1). Nothing is yielded after a report.

    Reads on to the end all the same, so that every wrong row is reported.
    """
    wrong = False

    def complain(number: int, message: str) -> None:
        nonlocal wrong
        wrong = True
        report(number, message)

    for number, row in _checked(text, zone, complain):
        if not wrong:
            yield number, row


def import_deck(
    store: DeckStore, group: str, text: TextIO, *, replace: bool, dry_run: bool
) -> DeckOutcome:
    """Merge a deck into a rate group, or replace its rates; all rows or none.

    Raises InvalidInput where there is no such group.
    """
    with store.begin() as work:
        staged = _stage(work, group, text)
        if staged.problems:
            return staged
        difference = work.deck_difference(group, replace=replace)
        if not difference:
            return staged
        work.merge_deck(group, replace=replace)
        problems = Problems(unit="row")
        for overlap in work.overlaps(group):
            problems.add(overlap.row, _overlap_message(overlap))
        if problems or dry_run:
            return DeckOutcome(staged.rows, difference, problems.sorted())
        version = work.bump_version()
        work.commit()
        return DeckOutcome(staged.rows, difference, (), version)


def compare_deck(store: DeckStore, group: str, text: TextIO) -> DeckOutcome:
    """What replacing the group's rates by this deck would change."""
    with store.begin() as work:
        staged = _stage(work, group, text)
        if staged.problems:
            return staged
        return DeckOutcome(staged.rows, work.deck_difference(group, replace=True))


def export_deck(store: DeckStore, group: str, target: TextIO) -> int:
    """Write the group's rates in the canonical columns; how many."""
    with store.begin() as work:
        _zone_of(work, group)
        return write_deck(target, work.deck_rows(group))


def write_deck(target: TextIO, rows: Iterable[DeckRow]) -> int:
    """Canonical CSV: header row, UTF-8, comma, LF."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(CANONICAL)
    count = 0
    for row in rows:
        writer.writerow(row.cells())
        count += 1
    return count


def _stage(work: DeckWork, group: str, text: TextIO) -> DeckOutcome:
    problems = Problems(unit="row")
    rows = work.stage_deck(group, read_deck(text, _zone_of(work, group), problems.add))
    if not rows and not problems:
        problems.add(0, "the deck has no rates")
    return DeckOutcome(rows, DeckDifference(), problems.sorted())


def _zone_of(work: DeckWork, group: str) -> tzinfo:
    timezone = work.timezone(group)
    if timezone is None:
        raise InvalidInput(f"no rate group is named {shown(group)}")
    return ZoneInfo(timezone)


def _overlap_message(overlap: Overlap) -> str:
    return (
        f"prefix {overlap.prefix}: the validity overlaps a stored rate's"
        f" ({overlap.effective_from or 'always'} to {overlap.effective_to or 'ever'})"
    )


def _checked(text: Iterable[str], zone: tzinfo, complain: Report) -> Iterator[NumberedRow]:
    records = _records(text, complain)
    number, columns = next(records, (0, []))
    if not number:
        complain(1, "no header row")
        return
    if not _header_is_sound(columns, complain):
        return
    validity = Validity()
    for number, cells in records:
        if number > MAX_ROWS + 1:
            complain(number, f"more than {MAX_ROWS} rows")
            return
        row = _row(number, columns, cells, zone, complain)
        if row is None:
            continue
        if earlier := validity.clash(row, number):
            complain(number, f"prefix {row.prefix}: the validity overlaps that of row {earlier}")
        yield number, row


def _row(
    number: int, columns: list[str], cells: list[str], zone: tzinfo, complain: Report
) -> DeckRow | None:
    """A row; None for an empty one and for one with faults. Missing last cells are empty."""
    if not any(cells):
        return None
    if len(cells) > len(columns):
        complain(number, f"{len(cells)} cells for {len(columns)} columns")
        return None
    by_column = dict(zip(columns, cells, strict=False))
    return read_row(by_column, zone, lambda message: complain(number, message))


def _header_is_sound(columns: list[str], complain: Report) -> bool:
    faults: list[str] = []
    check_columns(columns, faults.append)
    for fault in faults:
        complain(1, fault)
    return not faults


def _records(text: Iterable[str], complain: Report) -> Iterator[tuple[int, list[str]]]:
    """CSV records by number; a file that cannot be read further ends here, with its complaint.

    Bytes that are not UTF-8 come as surrogates, so that their row is known.
    """
    number = 0
    try:
        for number, record in enumerate(csv.reader(text, strict=True), start=1):
            if _is_utf8(record):
                yield number, [cell.strip() for cell in record] if number == 1 else record
            else:
                complain(number, "not UTF-8")
    except csv.Error as error:
        complain(number + 1, f"not CSV: {error}")


def _is_utf8(record: list[str]) -> bool:
    try:
        "".join(record).encode()
    except UnicodeEncodeError:
        return False
    return True
