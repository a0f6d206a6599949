"""Deck rows: the canonical columns of a rate list, read and checked one row at a time. Pure.

Design §6 is the source. A cell is text from somebody else's spreadsheet until it is read here.
Complaints go to a callback, so that a reader of many rows can report them all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal

from controller.domain import deck_cells
from controller.domain.deck_cells import (
    PLAIN,
    PLAIN_NEEDED,
    Cells,
    canonical_tiers,
    deck_tariff,
    minute_price,
)
from controller.domain.errors import InvalidInput
from controller.domain.moments import moment_text, parse_moment
from controller.domain.money import plain
from controller.domain.rates import RateType
from controller.domain.sections import SectionMode

__all__ = [
    "CANONICAL",
    "COLUMNS",
    "PLAIN",
    "PLAIN_NEEDED",
    "Complain",
    "DeckRow",
    "Validity",
    "canonical_tiers",
    "check_columns",
    "deck_tariff",
    "minute_price",
    "moment_text",
    "parse_moment",
    "read_row",
]

CANONICAL = (
    "prefix",
    "area",
    "rate_type",
    "tiers",
    "tax_percent",
    "effective_from",
    "effective_to",
    "locked",
    "sections",
)
COLUMNS = (*CANONICAL, *PLAIN)

Complain = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DeckRow:
    """One rate as stored: prices in canonical text, validity in UTC (None: open on that side)."""

    prefix: str
    tiers: str
    area: str = ""
    rate_type: RateType = RateType.INTERNATIONAL
    tax_percent: Decimal = Decimal(0)
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    locked: bool = False
    sections: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as canonical cells, in the order of `CANONICAL`."""
        return (
            self.prefix,
            self.area,
            self.rate_type.name.lower(),
            self.tiers,
            plain(self.tax_percent) if self.tax_percent else "",
            moment_text(self.effective_from),
            moment_text(self.effective_to),
            "true" if self.locked else "",
            self.sections,
        )


def check_columns(columns: list[str], complain: Complain) -> None:
    """A header must name each known column at most once, and give one form of the price."""
    for column in sorted(set(columns)):
        if column not in COLUMNS:
            complain(f"unknown column {column[:64]!r}{_separator_hint(column)}")
        elif columns.count(column) > 1:
            complain(f"column {column!r} comes more than once")
    if "prefix" not in columns:
        complain("no column 'prefix'")
    if "tiers" not in columns and not set(PLAIN_NEEDED) <= set(columns):
        complain(f"neither a column 'tiers' nor the columns {', '.join(PLAIN_NEEDED)}")
    if "tiers" in columns and set(PLAIN) & set(columns):
        complain("both 'tiers' and plain price columns: use one form")


def read_row(
    cells: Cells,
    zone: tzinfo,
    complain: Complain,
    section_mode: SectionMode = SectionMode.INCREMENT,
) -> DeckRow | None:
    """A row from its cells by column; None after a complaint.

    A time without an offset is in `zone`, and sections are read in `section_mode`: the rate
    group's.
    """
    try:
        tiers, sections = deck_cells.prices(cells, section_mode)
        start, end = deck_cells.validity(cells, zone)
        return DeckRow(
            deck_cells.prefix(cells),
            tiers,
            deck_cells.area(cells),
            deck_cells.rate_type(cells),
            deck_cells.tax_percent(cells),
            start,
            end,
            deck_cells.locked(cells),
            sections,
        )
    except InvalidInput:
        for fault in _faults(cells, zone, section_mode):
            complain(fault)
        return None


class Validity:
    """Finds two rows of one prefix whose periods overlap (design §6)."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[_Span, ...]] = {}

    def clash(self, row: DeckRow, number: int) -> int | None:
        """Remember the row `number`; the number of an earlier row that it overlaps, if any."""
        start, end = row.effective_from or _ALWAYS, row.effective_to or _NEVER
        before = self._seen.get(row.prefix, ())
        hit = next((n for s, e, n in before if start < e and s < end), None)
        if hit is None:
            self._seen[row.prefix] = (*before, (start, end, number))
        return hit


def _faults(cells: Cells, zone: tzinfo, section_mode: SectionMode) -> Iterator[str]:
    """Everything that is wrong with a row, each said once."""
    readers: tuple[Callable[[], object], ...] = (
        lambda: deck_cells.prefix(cells),
        lambda: deck_cells.prices(cells, section_mode),
        lambda: deck_cells.area(cells),
        lambda: deck_cells.rate_type(cells),
        lambda: deck_cells.tax_percent(cells),
        lambda: deck_cells.locked(cells),
        lambda: deck_cells.moment(cells, "effective_from", zone),
        lambda: deck_cells.moment(cells, "effective_to", zone),
        lambda: deck_cells.validity(cells, zone),
    )
    said: set[str] = set()
    for read in readers:
        try:
            read()
        except InvalidInput as error:
            if str(error) not in said:
                said.add(str(error))
                yield str(error)


def _separator_hint(column: str) -> str:
    return " (is the separator a comma?)" if ";" in column or "\t" in column else ""


_Span = tuple[datetime, datetime, int]
_ALWAYS = datetime.combine(date.min, time.min, UTC)
_NEVER = datetime.combine(date.max, time.max, UTC)
