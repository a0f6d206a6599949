"""Lists by pieces: a cursor says where the next piece begins. Callers hand it back as it is.

A cursor is a place in a list, never a count of rows, so that rows which come or go meanwhile
neither repeat nor hide others. It holds for one list with one filter.
"""

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from pydantic import Field

from controller.services.views.paging import Position
from web.api.problems import Problem, Problems
from web.api.strict_json import storable
from web.api.values import Incoming, Outgoing, WholeInQuery

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_CURSOR = 600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class PageQuery(Incoming):
    """How much of a list, and from where."""

    limit: Annotated[WholeInQuery, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[
        str,
        Field(max_length=MAX_CURSOR, description="`next` of the page before; empty: the first."),
    ] = ""


class PageOut(Outgoing):
    """A piece of a list."""

    next: str | None = Field(description="The cursor of the next page; null at the end.")


def place(query: PageQuery) -> list[str | int] | None:
    """Where the list goes on; None at its beginning. Raises Problem for what is no cursor of it."""
    if not query.cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
        list_name, *parts = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise Problem(Problems.CURSOR_INVALID) from None
    found = [part for part in parts if isinstance(part, int) or _is_storable(part)]
    if list_name != _list_name(query) or len(found) != len(parts):
        raise Problem(Problems.CURSOR_INVALID, "It was made for another list or filter.")
    return found


def text_place(query: PageQuery) -> str:
    """A place that is one text; empty at the beginning."""
    found = place(query)
    if found is None:
        return ""
    if len(found) != 1 or not isinstance(found[0], str):
        raise Problem(Problems.CURSOR_INVALID)
    return found[0]


def number_place(query: PageQuery) -> int | None:
    """A place that is one number; None at the beginning."""
    found = place(query)
    if found is None:
        return None
    if len(found) != 1 or not isinstance(found[0], int) or not 0 <= found[0] < 2**63:
        raise Problem(Problems.CURSOR_INVALID)
    return found[0]


def time_place(query: PageQuery) -> Position | None:
    """A place in a list by time; None at the beginning."""
    match place(query):
        case None:
            return None
        case [int(microseconds), str(key)]:
            try:
                return Position(_EPOCH + microseconds * _MICROSECOND, str(UUID(key)))
            except (ValueError, OverflowError):
                pass
    raise Problem(Problems.CURSOR_INVALID)


def time_cursor(query: PageQuery, position: Position | None) -> str | None:
    """The cursor of such a place; None at the end."""
    if position is None:
        return None
    return cursor(query, (position.at - _EPOCH) // _MICROSECOND, position.key)


def cursor(query: PageQuery, *found: str | int) -> str:
    """The cursor of a place in the list that `query` asks for."""
    raw = json.dumps([_list_name(query), *found], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def links(next_cursor: str | None) -> dict[str, str]:
    """The Link header of a page (RFC 8288)."""
    if next_cursor is None:
        return {}
    wanted = [(name, value) for name, value in request.args.items() if name != "cursor"]
    return {"next": f"{request.path}?{urlencode([*wanted, ('cursor', next_cursor)])}"}


def _is_storable(part: object) -> bool:
    return isinstance(part, str) and storable(part)


def _list_name(query: PageQuery) -> str:
    """The list and its filter, in a few letters."""
    asked = query.model_dump_json(exclude={"limit", "cursor"})
    return hashlib.sha256(f"{request.path} {asked}".encode()).hexdigest()[:12]
