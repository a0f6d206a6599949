"""One cell of a deck row after the other: text in, a checked value out. Pure.

Decks repeat the same few cells many times, so each kind of cell is read once and remembered.
Everything raises InvalidInput with the column's name in it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from controller.domain.errors import InvalidInput, InvalidNumber, InvalidTariff
from controller.domain.moments import parse_moment
from controller.domain.money import MAX_DECIMALS, Rounding, round_ratio
from controller.domain.numbering import check_prefix
from controller.domain.rates import RateType
from controller.domain.sections import SectionMode, parse_sections, sections_text, with_sections
from controller.domain.tariff import MAX_PRICE, MAX_SECONDS, Tariff, parse_tariff, plain_tariff
from controller.domain.texts import is_plain_text

PLAIN_NEEDED = ("rate", "cycle_s", "unit_s")
PLAIN = ("connect_fee", "first_charge", "first_duration_s", *PLAIN_NEEDED)

MAX_AREA = 255
MINUTE_S = 60
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,10})?", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,8}", re.ASCII)
_RATE_TYPES = {rate_type.name.lower(): rate_type for rate_type in RateType}
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}
_REMEMBERED = 65_536

Cells = Mapping[str, str]
"""A row by column; a cell that is absent is empty."""


@lru_cache(maxsize=_REMEMBERED)
def canonical_tiers(text: str) -> str:
    """One spelling for each tariff, so that equal prices compare equal. Raises InvalidTariff."""
    return str(parse_tariff(text))


@lru_cache(maxsize=_REMEMBERED)
def deck_tariff(tiers: str, sections: str, section_mode: SectionMode) -> Tariff:
    """The tariff of a row's price columns (spec §2.5). Raises InvalidTariff."""
    return with_sections(parse_tariff(tiers), parse_sections(sections), section_mode)


@lru_cache(maxsize=_REMEMBERED)
def minute_price(tiers: str, sections: str, section_mode: SectionMode) -> Decimal:
    """What a call of 60 s costs, without tax: the figure by which prices are compared."""
    tariff = deck_tariff(tiers, sections, section_mode)
    return round_ratio(tariff.exact(MINUTE_S), tariff.denominator, MAX_DECIMALS, Rounding.HALF_UP)


def cell(cells: Cells, column: str) -> str:
    return cells.get(column, "").strip()


def prefix(cells: Cells) -> str:
    try:
        return check_prefix(cell(cells, "prefix"))
    except InvalidNumber as error:
        raise InvalidNumber(f"prefix: {error}") from None


def prices(cells: Cells, section_mode: SectionMode) -> tuple[str, str]:
    """Tiers and sections in canonical text, sound together."""
    sections = cell(cells, "sections")
    if tiers := cell(cells, "tiers"):
        return _checked_prices(canonical_tiers(tiers), sections, section_mode)
    plain_cells = tuple(cell(cells, column) for column in PLAIN)
    if not any(plain_cells):
        raise InvalidTariff("no price")
    return _checked_prices(_plain_tiers(plain_cells), sections, section_mode)


@lru_cache(maxsize=_REMEMBERED)
def _checked_prices(tiers: str, sections: str, section_mode: SectionMode) -> tuple[str, str]:
    if not sections:
        return tiers, ""
    rows = parse_sections(sections)
    with_sections(parse_tariff(tiers), rows, section_mode)
    return tiers, sections_text(rows)


@lru_cache(maxsize=_REMEMBERED)
def _plain_tiers(given: tuple[str, ...]) -> str:
    cells = dict(zip(PLAIN, given, strict=True))
    for column in PLAIN_NEEDED:
        if not cells[column]:
            raise InvalidTariff(f"{column}: missing")
    tariff = plain_tariff(
        rate=_amount(cells, "rate"),
        cycle_s=_seconds(cells, "cycle_s", minimum=1),
        unit_s=_seconds(cells, "unit_s", minimum=1),
        connect_fee=_amount(cells, "connect_fee"),
        first_charge=_amount(cells, "first_charge"),
        first_duration_s=_seconds(cells, "first_duration_s", minimum=0),
    )
    return str(tariff)


def _amount(cells: Cells, column: str) -> Decimal:
    text = cells[column] or "0"
    if not _AMOUNT.fullmatch(text) or Decimal(text) > MAX_PRICE:
        raise InvalidTariff(f"{column}: {text[:32]!r} is not a price of 0 to {MAX_PRICE}")
    return Decimal(text)


def _seconds(cells: Cells, column: str, minimum: int) -> int:
    text = cells[column] or "0"
    if not _SECONDS.fullmatch(text) or not minimum <= int(text) <= MAX_SECONDS:
        raise InvalidTariff(f"{column}: {text[:32]!r} is not a number of seconds ≥ {minimum}")
    return int(text)


def area(cells: Cells) -> str:
    return _area(cell(cells, "area"))


@lru_cache(maxsize=_REMEMBERED)
def _area(text: str) -> str:
    if len(text) > MAX_AREA or not is_plain_text(text):
        raise InvalidInput(f"area: longer than {MAX_AREA} characters, or with control characters")
    return text


def rate_type(cells: Cells) -> RateType:
    text = cell(cells, "rate_type").lower() or "international"
    found = _RATE_TYPES.get(text)
    if found is None:
        raise InvalidInput(f"rate_type: {text[:32]!r} is none of {', '.join(_RATE_TYPES)}")
    return found


def tax_percent(cells: Cells) -> Decimal:
    return _tax_percent(cell(cells, "tax_percent") or "0")


@lru_cache(maxsize=1024)
def _tax_percent(text: str) -> Decimal:
    if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
        raise InvalidInput(f"tax_percent: {text[:32]!r} is not 0 to 100 with at most 4 decimals")
    return Decimal(text)


def locked(cells: Cells) -> bool:
    text = cell(cells, "locked").lower()
    found = _FLAGS.get(text)
    if found is None:
        raise InvalidInput(f"locked: {text[:32]!r} is neither true nor false")
    return found


def validity(cells: Cells, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    start, end = (moment(cells, column, zone) for column in ("effective_from", "effective_to"))
    if start and end and start >= end:
        raise InvalidInput("effective_to is not after effective_from")
    return start, end


def moment(cells: Cells, column: str, zone: tzinfo) -> datetime | None:
    text = cell(cells, column)
    if not text:
        return None
    try:
        return _parsed_moment(text, zone)
    except InvalidInput as error:
        raise InvalidInput(f"{column}: {error}") from None


_parsed_moment = lru_cache(maxsize=1024)(parse_moment)
