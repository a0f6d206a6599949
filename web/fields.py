"""Query strings and forms, read field by field. What cannot be read gets a message by its field.

All of it is hostile until it is read here: bounded, free of control characters, of the right type.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from flask import abort

from controller.domain.numbering import CATCH_ALL, dialable
from controller.services.views.paging import Direction, PageRequest, Position
from web import i18n
from web.i18n import gettext as _

MAX_TEXT = 64
MAX_NAME = 255
_UNSTORABLE = frozenset({"Cc", "Cs"})
_NUMBER = re.compile(r"\+?[0-9A-Za-z*#]{1,32}", re.ASCII)
_POSITION = re.compile(r"([0-9]{1,18})-([0-9a-f-]{36})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,32}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_TWO_WAYS = re.compile(r"[+-]?[0-9]{1,3}\.[0-9]{3}", re.ASCII)
_SPACING = str.maketrans("", "", " -().\u00a0\u202f")


@dataclass(slots=True)
class Fields:
    """What was given, for showing it again, and what was wrong with it."""

    given: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, longest: int = MAX_TEXT) -> str:
        value = self.given.get(name, "").strip()
        if len(value) > longest:
            self.errors[name] = _("At most %(longest)s characters.", longest=longest)
        elif any(unicodedata.category(c) in _UNSTORABLE for c in value):
            self.errors[name] = _("No control characters.")
        else:
            return value
        return ""

    def number_prefix(self, name: str) -> str:
        """The beginning of a number; spacing as people write it is taken out."""
        value = self.text(name).translate(_SPACING)
        if value and not _NUMBER.fullmatch(value):
            self.errors[name] = _("Digits, letters, * and #, with at most one + in front.")
            return ""
        return value

    def rate_prefix(self, name: str) -> str:
        """The beginning of a rate's prefix: digits, or `*` alone; spacing is taken out."""
        value = self.text(name).translate(_SPACING).removeprefix("+")
        if value and value != CATCH_ALL and not _DIGITS.fullmatch(value):
            self.errors[name] = _("Digits, or * alone.")
            return ""
        return value

    def dialed_number(self, name: str) -> str:
        """A number as a call would have it; spacing as people write it is taken out."""
        value = self.text(name).translate(_SPACING)
        if value and not dialable(value):
            self.errors[name] = _("Digits, * and #, with at most one + in front.")
            return ""
        return value

    def whole(self, name: str, most: int) -> int | None:
        """A whole number from 0 to `most`."""
        value = self.text(name)
        if not value:
            return None
        if not _DIGITS.fullmatch(value) or int(value) > most:
            self.errors[name] = _("A whole number from 0 to %(most)s.", most=most)
            return None
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """What date-and-time inputs send, in the visitor's zone: 2026-01-31T23:59, with seconds or
        not. An hour that comes twice is the first of the two."""
        value = self.text(name)
        if not value:
            return None
        try:
            when = datetime.fromisoformat(value.removesuffix("Z"))
        except ValueError:
            self.errors[name] = _("Expected a date and time, like 2026-01-31T23:59.")
            return None
        if when.tzinfo is not None:
            zone = i18n.zone_label()
            self.errors[name] = _("Times are in %(zone)s; leave the zone out.", zone=zone)
            return None
        try:
            return when.replace(tzinfo=i18n.time_zone()).astimezone(UTC)
        except OverflowError:
            self.errors[name] = _("Expected a date and time, like 2026-01-31T23:59.")
            return None

    def amount(self, name: str) -> Decimal | None:
        """An exact amount, with the decimal sign of the visitor's language or a point."""
        text = plain_amount(self.text(name))
        if text is None:
            self.errors[name] = _("Write the amount without signs between thousands, like 1234.56.")
        elif text:
            return Decimal(text)
        return None

    def choice(self, name: str, allowed: Collection[str]) -> str:
        value = self.text(name)
        if value and value not in allowed:
            self.errors[name] = _("Not one of the choices.")
            return ""
        return value

    def flag(self, name: str) -> bool:
        return bool(self.given.get(name))


def plain_amount(text: str) -> str | None:
    """The amount with a point; None for what is no amount, or might mean two.

    Where the language has a decimal comma, 1.234 could be more than a thousand.
    """
    sign = i18n.number_signs().decimal
    if not text:
        return ""
    if sign != "." and _TWO_WAYS.fullmatch(text):
        return None
    text = text.replace(sign, ".") if text.count(sign) == 1 and "." not in text else text
    return text if _AMOUNT.fullmatch(text) else None


def page_request(given: Mapping[str, str], limit: int) -> PageRequest:
    """The page that `before` or `after` asks for; a malformed position is a bad request."""
    for name, direction in (("before", Direction.OLDER), ("after", Direction.NEWER)):
        if text := given.get(name):
            return PageRequest(limit, _position(text), direction)
    return PageRequest(limit)


def position_text(position: Position) -> str:
    """A position as it stands in an address: microseconds and key."""
    return f"{(position.at - _EPOCH) // timedelta(microseconds=1)}-{position.key}"


def _position(text: str) -> Position:
    parts = _POSITION.fullmatch(text)
    if parts is None:
        abort(400)
    try:
        at = _EPOCH + timedelta(microseconds=int(parts[1]))
        return Position(at, str(UUID(parts[2])))
    except (ValueError, OverflowError):
        abort(400)
