"""An order as people write it: texts in, an order out, or one line that says what is wrong."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import local_midnight
from controller.domain.decks import parse_moment
from controller.domain.errors import InvalidInput
from controller.domain.subscriptions import OnInsufficient
from controller.domain.texts import is_plain_text

MAX_KEY = 200
MAX_MEMO = 500
LAST_YEAR = 2199
FIRST_YEAR = 2000
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?", re.ASCII)
_PRIORITY = re.compile(r"[0-9]{1,9}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NOW = frozenset({"", "0", "now", "today"})


@dataclass(frozen=True, slots=True)
class OrderTexts:
    """What a command or a form says. Either an account or a phone is named."""

    package: str
    key: str
    account: str | None = None
    phone: str | None = None
    available_from: str = ""
    expires: str | None = None
    priority: str | None = None
    on_insufficient: str = OnInsufficient.WAIT_RECHARGE.value
    rent_percent: str = "100"
    memo: str = ""


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """`begins_now`: no day was given, so that the same order tomorrow is the same order."""

    key: str
    available_from: datetime
    begins_now: bool
    expires_at: datetime | None
    priority: int | None
    on_insufficient: OnInsufficient
    rent_percent: Decimal
    memo: str


def read_order(texts: OrderTexts, zone: ZoneInfo, now: datetime) -> ReadOrder:
    """Days begin at midnight of the platform's zone. Raises InvalidInput, naming the field."""
    if (texts.account is None) == (texts.phone is None):
        raise InvalidInput("an order is for an account or for a phone: name one of them")
    key = texts.key.strip()
    if not key or len(key) > MAX_KEY or not is_plain_text(key):
        raise InvalidInput(f"key: 1 to {MAX_KEY} printable characters are expected")
    if len(texts.memo) > MAX_MEMO or not is_plain_text(texts.memo):
        raise InvalidInput(f"memo: at most {MAX_MEMO} characters, on one line")
    begins_now = texts.available_from.strip().lower() in _NOW
    today = now.astimezone(zone).date()
    first = (
        local_midnight(today, zone) if begins_now else _midnight(texts.available_from, "from", zone)
    )
    return ReadOrder(
        key=key,
        available_from=first,
        begins_now=begins_now,
        expires_at=None if texts.expires is None else read_moment(texts.expires, "expires", zone),
        priority=None if texts.priority is None else _priority(texts.priority),
        on_insufficient=_on_insufficient(texts.on_insufficient),
        rent_percent=_percent(texts.rent_percent),
        memo=texts.memo,
    )


def read_moment(text: str, what: str, zone: ZoneInfo) -> datetime:
    """A day (its first instant in `zone`) or an ISO 8601 time, in `zone` without an offset."""
    if _DAY.fullmatch(text):
        return _midnight(text, what, zone)
    try:
        moment = parse_moment(text, zone)
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error}") from None
    _check_year(moment.year, what)
    return moment


def _midnight(text: str, what: str, zone: ZoneInfo) -> datetime:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{what}: {text[:40]!r} is not a day (YYYY-MM-DD)") from None
    _check_year(day.year, what)
    return local_midnight(day, zone)


def _check_year(year: int, what: str) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidInput(f"{what}: years {FIRST_YEAR} to {LAST_YEAR} are expected")


def _priority(text: str) -> int:
    if not _PRIORITY.fullmatch(text):
        raise InvalidInput(f"priority: {text[:40]!r} is not a whole number of 0 or more")
    return int(text)


def _percent(text: str) -> Decimal:
    if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
        raise InvalidInput(f"rent percent: {text[:40]!r} is not 0 to 100 with at most 4 decimals")
    return Decimal(text)


def _on_insufficient(text: str) -> OnInsufficient:
    try:
        return OnInsufficient(text)
    except ValueError:
        choices = ", ".join(choice.value for choice in OnInsufficient)
        raise InvalidInput(f"on insufficient: {text[:40]!r} is none of {choices}") from None
