"""Deck rows: the canonical columns of a rate list, read and checked one row at a time. Pure.

Design §6 is the source. A cell is text from somebody else's spreadsheet until it is read here.
Complaints go to a callback, so that a reader of many rows can report them all.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import lru_cache

from controller.domain.configuration import RateType
from controller.domain.errors import InvalidInput, InvalidNumber, InvalidTariff
from controller.domain.money import plain
from controller.domain.numbering import check_prefix
from controller.domain.tariff import MAX_PRICE, MAX_SECONDS, Tariff, parse_tariff, plain_tariff
from controller.domain.texts import is_plain_text

CANONICAL = (
    "prefix",
    "area",
    "rate_type",
    "tiers",
    "tax_percent",
    "effective_from",
    "effective_to",
    "locked",
)
PLAIN_NEEDED = ("rate", "cycle_s", "unit_s")
PLAIN = ("connect_fee", "first_charge", "first_duration_s", *PLAIN_NEEDED)
COLUMNS = (*CANONICAL, *PLAIN)

MAX_AREA = 255
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,10})?", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_RATE_TYPES = {rate_type.name.lower(): rate_type for rate_type in RateType}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}

Complain = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DeckRow:
    """One rate as stored: `tiers` in canonical text, validity in UTC (None: open on that side)."""

    prefix: str
    tiers: str
    area: str = ""
    rate_type: RateType = RateType.INTERNATIONAL
    tax_percent: Decimal = Decimal(0)
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    locked: bool = False

    def cells(self) -> tuple[str, ...]:
        """The row as canonical CSV cells."""
        return (
            self.prefix,
            self.area,
            self.rate_type.name.lower(),
            self.tiers,
            plain(self.tax_percent) if self.tax_percent else "",
            moment_text(self.effective_from),
            moment_text(self.effective_to),
            "true" if self.locked else "",
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


def read_row(cells: Mapping[str, str], zone: tzinfo, complain: Complain) -> DeckRow | None:
    """A row from its cells by column; None after a complaint.

    A time without an offset is in `zone`, the rate group's.
    """
    reader = _CellReader(cells, zone, complain)
    prefix, tiers = reader.prefix(), reader.tiers()
    area, rate_type = reader.area(), reader.rate_type()
    tax_percent, locked = reader.tax_percent(), reader.locked()
    start, end = reader.moment("effective_from"), reader.moment("effective_to")
    if start and end and start >= end:
        reader.complain("effective_to is not after effective_from")
    if reader.wrong:
        return None
    return DeckRow(prefix, tiers, area, rate_type, tax_percent, start, end, locked)


class _CellReader:
    """The cells of one row; a cell that is absent is empty."""

    def __init__(self, cells: Mapping[str, str], zone: tzinfo, complain: Complain) -> None:
        self._cells = cells
        self._zone = zone
        self._complain = complain
        self.wrong = False

    def complain(self, message: str) -> None:
        self.wrong = True
        self._complain(message)

    def cell(self, column: str) -> str:
        return self._cells.get(column, "").strip()

    def prefix(self) -> str:
        try:
            return check_prefix(self.cell("prefix"))
        except InvalidNumber as error:
            self.complain(f"prefix: {error}")
            return ""

    def tiers(self) -> str:
        try:
            if self.cell("tiers"):
                return canonical_tiers(self.cell("tiers"))
            if any(self.cell(column) for column in PLAIN):
                return str(self._plain_tariff())
            self.complain("no price")
        except InvalidInput as error:
            self.complain(str(error))
        return ""

    def _plain_tariff(self) -> Tariff:
        for column in PLAIN_NEEDED:
            if not self.cell(column):
                raise InvalidTariff(f"{column}: missing")
        return plain_tariff(
            rate=self._amount("rate"),
            cycle_s=self._seconds("cycle_s", minimum=1),
            unit_s=self._seconds("unit_s", minimum=1),
            connect_fee=self._amount("connect_fee"),
            first_charge=self._amount("first_charge"),
            first_duration_s=self._seconds("first_duration_s", minimum=0),
        )

    def _amount(self, column: str) -> Decimal:
        text = self.cell(column) or "0"
        if not _AMOUNT.fullmatch(text) or Decimal(text) > MAX_PRICE:
            raise InvalidTariff(f"{column}: {text[:32]!r} is not a price of 0 to {MAX_PRICE}")
        return Decimal(text)

    def _seconds(self, column: str, minimum: int) -> int:
        text = self.cell(column) or "0"
        if not _SECONDS.fullmatch(text) or not minimum <= int(text) <= MAX_SECONDS:
            raise InvalidTariff(f"{column}: {text[:32]!r} is not a number of seconds ≥ {minimum}")
        return int(text)

    def area(self) -> str:
        text = self.cell("area")
        if len(text) > MAX_AREA or not is_plain_text(text):
            self.complain(f"area: longer than {MAX_AREA} characters, or with control characters")
        return text

    def rate_type(self) -> RateType:
        text = self.cell("rate_type").lower() or "international"
        if text not in _RATE_TYPES:
            self.complain(f"rate_type: {text[:32]!r} is none of {', '.join(_RATE_TYPES)}")
        return _RATE_TYPES.get(text, RateType.INTERNATIONAL)

    def tax_percent(self) -> Decimal:
        text = self.cell("tax_percent") or "0"
        if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
            self.complain(f"tax_percent: {text[:32]!r} is not 0 to 100 with at most 4 decimals")
            return Decimal(0)
        return Decimal(text)

    def locked(self) -> bool:
        text = self.cell("locked").lower()
        if text not in _FLAGS:
            self.complain(f"locked: {text[:32]!r} is neither true nor false")
        return _FLAGS.get(text, False)

    def moment(self, column: str) -> datetime | None:
        text = self.cell(column)
        if not text:
            return None
        try:
            return parse_moment(text, self._zone)
        except InvalidInput as error:
            self.complain(f"{column}: {error}")
            return None


class Validity:
    """Finds two rows of one prefix whose periods overlap (design §6)."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[datetime, datetime, int]]] = {}

    def clash(self, row: DeckRow, number: int) -> int | None:
        """Remember the row `number`; the number of an earlier row that it overlaps, if any."""
        start, end = row.effective_from or _ALWAYS, row.effective_to or _NEVER
        before = self._seen.setdefault(row.prefix, [])
        hit = next((n for s, e, n in before if start < e and s < end), None)
        if hit is None:
            before.append((start, end, number))
        return hit


@lru_cache(maxsize=65_536)
def canonical_tiers(text: str) -> str:
    """One spelling for each tariff, so that equal prices compare equal. Raises InvalidTariff."""
    return str(parse_tariff(text))


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """ISO 8601 date or time, in UTC. Without an offset it is local to `zone`.

    Raises InvalidInput, also where the zone has that local time twice or never.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return _from_local(moment, zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{text[:40]!r} is not an ISO 8601 date or time") from None


def _from_local(moment: datetime, zone: tzinfo) -> datetime:
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise InvalidInput(f"{moment.isoformat()} is not one moment in {zone}: write the offset")
    return first.astimezone(UTC)


def moment_text(moment: datetime | None) -> str:
    """ISO 8601 in UTC, in the shortest exact form; empty for None."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _separator_hint(column: str) -> str:
    return " (is the separator a comma?)" if ";" in column or "\t" in column else ""


_ALWAYS = datetime.combine(date.min, time.min, UTC)
_NEVER = datetime.combine(date.max, time.max, UTC)
