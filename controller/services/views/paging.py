"""Paging by key: a page goes on from a place in the list, never from a count of rows."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list that is ordered by time, then by key; paging goes on from there."""

    at: datetime
    key: str


class Direction(StrEnum):
    """Which way a page lies from its position. Rows always come newest first."""

    OLDER = "older"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` rows beyond `position`; without one, the newest."""

    limit: int
    position: Position | None = None
    direction: Direction = Direction.OLDER
