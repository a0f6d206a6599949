"""One text to one value: what each field of the file accepts. Every reader raises InvalidInput."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from controller.domain.calendars import WEEKDAYS, DayKind
from controller.domain.errors import InvalidInput
from controller.domain.moments import parse_moment
from controller.domain.money import MAX_DECIMALS
from controller.domain.numbering import MAX_NUMBER, Rewrite, check_prefix
from controller.domain.texts import is_plain_text
from controller.services.config_as_code.problems import shown

T = TypeVar("T")

MAX_AMOUNT = Decimal(10) ** 12
MAX_REWRITE = 65_535
"""Characters of a list of rewrite rules (spec §7.1)."""
FIRST_YEAR, LAST_YEAR = 2000, 2199
"""Of dates that periods are counted from: a mistyped year must not mean centuries of rent."""
DAY_S = 86_400
MAX_KEY = 200
MAX_FEE_UNIT = Decimal(1_000_000)

DAY_NAMES = (*WEEKDAYS, *map(str, DayKind))
"""What a period's days are called: by the week, or by what a calendar makes of them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_AMOUNT = re.compile(rf"[+-]?[0-9]{{1,13}}(\.[0-9]{{1,{MAX_DECIMALS}}})?", re.ASCII)
_CAUSE = re.compile(r"[A-Z][A-Z0-9_]{1,62}", re.ASCII)
_CLOCK = re.compile(r"([0-9]{2}):([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PHONE_NUMBER = re.compile(rf"[0-9]{{1,{MAX_NUMBER}}}", re.ASCII)
_NUMBER_PATTERN = re.compile(rf"[0-9*#]{{0,{MAX_NUMBER - 1}}}[0-9#]\*?", re.ASCII)
_ROUTE_PREFIX = re.compile(r"[0-9A-Za-z#]{1,16}", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?", re.ASCII)
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, order=True)
class Clock:
    """A time of the local day, in seconds since midnight; 24:00 is its end."""

    second: int

    def __str__(self) -> str:
        minutes, second = divmod(self.second, 60)
        text = f"{minutes // 60:02}:{minutes % 60:02}"
        return f"{text}:{second:02}" if second else text


MIDNIGHT, END_OF_DAY = Clock(0), Clock(DAY_S)


def name(text: str) -> str:
    """Names travel to the switch and into file names, so they are narrow."""
    if not _NAME.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a name: 1 to 63 letters, digits, '_', '.', '-',"
            " the first a letter or digit"
        )
    return text


def key(text: str) -> str:
    """What an order is known by: any text on one line, as commands and forms take it too."""
    found = text.strip()
    if not found or len(found) > MAX_KEY or not is_plain_text(found):
        raise InvalidInput(f"{shown(text)} is not 1 to {MAX_KEY} printable characters")
    return found


def currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a currency of three capital letters (ISO 4217)")
    return text


def free_text(limit: int, *, lines: bool = False) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > limit or not is_plain_text(text, lines=lines):
            raise InvalidInput(f"longer than {limit} characters, or with control characters")
        return text

    return read


def flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise InvalidInput(f"{shown(text)} is neither true nor false")
    return _FLAGS[text.lower()]


def integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise InvalidInput(f"{shown(text)} is not a whole number from {low} to {high}")
        return int(text)

    return read


def amount(low: Decimal, high: Decimal = MAX_AMOUNT) -> Callable[[str], Decimal]:
    def read(text: str) -> Decimal:
        if not _AMOUNT.fullmatch(text) or not low <= Decimal(text) <= high:
            raise InvalidInput(
                f"{shown(text)} is not an amount from {low:,f} to {high:,f}"
                f" with at most {MAX_DECIMALS} decimals"
            )
        return Decimal(text)

    return read


def percent(text: str) -> Decimal:
    if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
        raise InvalidInput(f"{shown(text)} is not 0 to 100 with at most 4 decimals")
    return Decimal(text)


def choice(by_name: dict[str, T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        if text not in by_name:
            raise InvalidInput(
                f"{shown(text)} is none of {', '.join(by_name)}{hint(text, by_name)}"
            )
        return by_name[text]

    return read


def moment(text: str) -> datetime:
    """ISO 8601; a date, or a time without an offset, is UTC."""
    return parse_moment(text, UTC)


def local_moment(text: str) -> datetime:
    """ISO 8601, in UTC where it has an offset; a date or a time without one stays without.

    What is left open is local to the platform's zone, which a file alone may not say.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InvalidInput(
            f"{shown(text)} is not an ISO 8601 date or time from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return found if found.tzinfo is None else found.astimezone(UTC)


def day(text: str) -> date:
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InvalidInput(
            f"{shown(text)} is not a date such as 2026-12-25, from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return found


def clock(text: str) -> Clock:
    """`HH:MM` or `HH:MM:SS`, from 00:00 to 24:00."""
    found = _CLOCK.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (24, 1, 0)
    second = hours * 3600 + minutes * 60 + seconds
    if second > DAY_S:
        raise InvalidInput(f"{shown(text)} is not a time of day from 00:00 to 24:00")
    return Clock(second)


def timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, LookupError, OSError):
        raise InvalidInput(f"{shown(text)} is not an IANA time zone") from None
    return text


def prefix(text: str) -> str:
    return check_prefix(text)


def phone_number(text: str) -> str:
    """A number of ours, as it stands after rewriting: digits only."""
    if not _PHONE_NUMBER.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a number of 1 to {MAX_NUMBER} digits")
    return text


def number_pattern(text: str) -> str:
    """A whole number, or the beginning of numbers with a `*` at its end; never `*` alone."""
    if not _NUMBER_PATTERN.fullmatch(text):
        raise InvalidInput(
            f"{shown(text)} is not a number such as 112 or a beginning such as 0800*"
        )
    return text


def route_prefix(text: str) -> str:
    """What rewrite rules put before a number to steer it."""
    if not _ROUTE_PREFIX.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a prefix of 1 to 16 letters and digits")
    return text


def rewrite(text: str) -> str:
    if len(text) > MAX_REWRITE:
        raise InvalidInput(f"rewrite rules longer than {MAX_REWRITE} characters")
    return Rewrite(text).text


def cause(text: str) -> str:
    if not _CAUSE.fullmatch(text):
        raise InvalidInput(f"{shown(text)} is not a hang-up cause such as USER_BUSY")
    return text


def hint(text: str, known: Iterable[str]) -> str:
    """The nearest known word, as the end of a message."""
    near = difflib.get_close_matches(text[:64], list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
