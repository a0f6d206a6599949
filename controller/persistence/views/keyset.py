"""Keyset conditions: rows beyond a position in an order by (time, key)."""

from typing import Any

import sqlalchemy as sa

from controller.services.views.paging import Direction, PageRequest, Position


def beyond(
    at: sa.ColumnElement[Any],
    key: sa.ColumnElement[Any],
    position: Position | None,
    direction: Direction,
) -> list[sa.ColumnElement[bool]]:
    """The row comparison, and the bare bound on time by which partitions are pruned."""
    if position is None:
        return []
    here = sa.tuple_(sa.literal(position.at, at.type), sa.literal(position.key, key.type))
    if direction is Direction.OLDER:
        return [at <= position.at, sa.tuple_(at, key) < here]
    return [at >= position.at, sa.tuple_(at, key) > here]


def order(
    at: sa.ColumnElement[Any], key: sa.ColumnElement[Any], direction: Direction
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    if direction is Direction.OLDER:
        return at.desc(), key.desc()
    return at.asc(), key.asc()


def neighbors(
    request: PageRequest, first: Position | None, last: Position | None, more: bool
) -> tuple[Position | None, Position | None]:
    """The positions from which the newer and the older page go on, where there are such pages.

    `more` says whether rows were left in the direction of the request; behind it there are rows
    whenever the request came from a position.
    """
    came_from = request.position is not None
    if request.direction is Direction.OLDER:
        return (first if came_from else None), (last if more else None)
    return (first if more else None), (last if came_from else None)
