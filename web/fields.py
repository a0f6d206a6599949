"""Query strings and forms, read field by field. What cannot be read gets a message by its field.

All of it is hostile until it is read here: bounded, free of control characters, of the right type.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import abort

from controller.domain.numbering import CATCH_ALL, dialable
from controller.services.views.paging import Direction, PageRequest, Position

MAX_TEXT = 64
MAX_NAME = 255
_UNSTORABLE = frozenset({"Cc", "Cs"})
_NUMBER = re.compile(r"\+?[0-9A-Za-z*#]{1,32}", re.ASCII)
_POSITION = re.compile(r"([0-9]{1,18})-([0-9a-f-]{36})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,32}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPACING = str.maketrans("", "", " -().\u00a0\u202f")


@dataclass(slots=True)
class Fields:
    """What was given, for showing it again, and what was wrong with it."""

    given: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str, longest: int = MAX_TEXT) -> str:
        value = self.given.get(name, "").strip()
        if len(value) > longest:
            self.errors[name] = f"At most {longest} characters."
        elif any(unicodedata.category(c) in _UNSTORABLE for c in value):
            self.errors[name] = "No control characters."
        else:
            return value
        return ""

    def number_prefix(self, name: str) -> str:
        """The beginning of a number; spacing as people write it is taken out."""
        value = self.text(name).translate(_SPACING)
        if value and not _NUMBER.fullmatch(value):
            self.errors[name] = "Digits, letters, * and #, with at most one + in front."
            return ""
        return value

    def rate_prefix(self, name: str) -> str:
        """The beginning of a rate's prefix: digits, or `*` alone; spacing is taken out."""
        value = self.text(name).translate(_SPACING).removeprefix("+")
        if value and value != CATCH_ALL and not _DIGITS.fullmatch(value):
            self.errors[name] = "Digits, or * alone."
            return ""
        return value

    def dialed_number(self, name: str) -> str:
        """A number as a call would have it; spacing as people write it is taken out."""
        value = self.text(name).translate(_SPACING)
        if value and not dialable(value):
            self.errors[name] = "Digits, * and #, with at most one + in front."
            return ""
        return value

    def whole(self, name: str, most: int) -> int | None:
        """A whole number from 0 to `most`."""
        value = self.text(name)
        if not value:
            return None
        if not _DIGITS.fullmatch(value) or int(value) > most:
            self.errors[name] = f"A whole number from 0 to {most}."
            return None
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """A UTC time as date-and-time inputs send it: 2026-01-31T23:59, with seconds or not."""
        value = self.text(name)
        if not value:
            return None
        try:
            when = datetime.fromisoformat(value.removesuffix("Z"))
        except ValueError:
            self.errors[name] = "Expected a date and time, like 2026-01-31T23:59."
            return None
        if when.tzinfo is not None:
            self.errors[name] = "Times are in UTC; leave the zone out."
            return None
        return when.replace(tzinfo=UTC)

    def choice(self, name: str, allowed: Collection[str]) -> str:
        value = self.text(name)
        if value and value not in allowed:
            self.errors[name] = "Not one of the choices."
            return ""
        return value

    def flag(self, name: str) -> bool:
        return bool(self.given.get(name))


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
