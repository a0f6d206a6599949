"""Call records. Implements `services.views.cdrs.CdrView`.

The index on the time of a call serves the order; a filter that no index serves is applied to a
bounded number of records at a time, so that a page is quick whatever it looks for and however
many records there are. A search that finds little says how far back it has looked.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import (
    accounts,
    call_attempts,
    cdrs,
    mapping_gateways,
    routing_gateways,
)
from controller.persistence.views.cdr_lines import lines_of
from controller.persistence.views.keyset import beyond, neighbors, order
from controller.persistence.views.reading import reading
from controller.services.views.cdrs import (
    AttemptRow,
    CdrChoices,
    CdrDetail,
    CdrFilter,
    CdrPage,
    CdrRow,
)
from controller.services.views.paging import Direction, PageRequest, Position

FIRST_LOOK = 1_000
LONGEST_LOOK = 30_000
"""Records that one query of a filtered search examines: the first, and the most."""

SEARCH_BUDGET_S = 0.25
"""After this long a search stops with what it has; the next page goes on from there."""

EXPORT_PIECE = 2_000
MAX_CHOICES = 100


class PostgresCdrs:
    def __init__(self, engine: sa.Engine, search_budget_s: float = SEARCH_BUDGET_S) -> None:
        self._engine = engine
        self._budget_s = search_budget_s

    def page(self, wanted: CdrFilter, request: PageRequest) -> CdrPage:
        with _listing(self._engine) as connection:
            rows, edge = _search(connection, wanted, request, self._budget_s)
        more = len(rows) > request.limit
        rows = rows[: request.limit]
        if request.direction is Direction.NEWER:
            if not more and edge is None:
                return self.page(wanted, PageRequest(request.limit))
            rows.reverse()
        first, last = _ends(rows) if rows else (request.position, request.position)
        newer, older = neighbors(request, first, last, more)
        if more or edge is None:
            return CdrPage(tuple(rows), newer, older)
        if request.direction is Direction.NEWER:
            return CdrPage(tuple(rows), edge, older, edge.at)
        return CdrPage(tuple(rows), newer, edge, edge.at)

    def export(self, wanted: CdrFilter, limit: int) -> Iterator[CdrRow]:
        request = PageRequest(EXPORT_PIECE)
        left = limit
        while left > 0:
            with _listing(self._engine) as connection:
                rows, edge = _look(connection, wanted, request, LONGEST_LOOK)
            yield from rows[: min(left, EXPORT_PIECE)]
            left -= len(rows[:EXPORT_PIECE])
            if len(rows) > EXPORT_PIECE:
                edge = _ends(rows[:EXPORT_PIECE])[1]
            if edge is None:
                return
            request = replace(request, position=edge)

    def detail(self, call_id: str) -> CdrDetail | None:
        found = _NAMED.add_columns(cdrs.c.trace).where(cdrs.c.call_id == call_id)
        legs = (
            sa.select(*_ATTEMPT)
            .where(call_attempts.c.call_id == call_id)
            .order_by(call_attempts.c.number, call_attempts.c.started_at)
        )
        with reading(self._engine) as connection:
            row = connection.execute(found.order_by(cdrs.c.started_at)).first()
            if row is None:
                return None
            attempts = connection.execute(legs).all()
            lines = lines_of(connection, call_id, row.started_at)
        values = row._asdict()
        trace = tuple((step, verdict, text) for step, verdict, text in values.pop("trace"))
        return CdrDetail(
            CdrRow(**values), tuple(AttemptRow(**leg._asdict()) for leg in attempts), trace, lines
        )

    def choices(self) -> CdrChoices:
        own = sa.select(accounts.c.name).where(accounts.c.kind != "system")
        both = sa.union(sa.select(mapping_gateways.c.name), sa.select(routing_gateways.c.name))
        with reading(self._engine) as connection:
            names = connection.scalars(own.order_by(accounts.c.name).limit(MAX_CHOICES)).all()
            gateways = connection.scalars(both.order_by("name").limit(MAX_CHOICES)).all()
        return CdrChoices(tuple(names), tuple(gateways))


_payer, _vendor = accounts.alias("payer"), accounts.alias("vendor")
_NAMED = (
    sa.select(
        *(column for column in cdrs.c if column.name != "trace"),
        sa.func.coalesce(_payer.c.name, "").label("account"),
        sa.func.coalesce(_vendor.c.name, "").label("cost_account"),
    )
    .outerjoin(_payer, _payer.c.id == cdrs.c.account_id)
    .outerjoin(_vendor, _vendor.c.id == cdrs.c.cost_account_id)
)
_WHOLE = _NAMED.where(
    cdrs.c.started_at == sa.any_(sa.bindparam("ats", type_=sa.ARRAY(cdrs.c.started_at.type))),
    cdrs.c.call_id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(cdrs.c.call_id.type))),
)
_ATTEMPT = tuple(column for column in call_attempts.c if column.name != "call_id")


@contextmanager
def _listing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Reading in the order of an index, always: a month that has no statistics yet, as every new
    one, must not make the planner read and sort the whole of it."""
    with reading(engine) as connection:
        connection.exec_driver_sql(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
        )
        yield connection


def _search(
    connection: sa.Connection, wanted: CdrFilter, request: PageRequest, budget_s: float
) -> tuple[list[CdrRow], Position | None]:
    """Up to `limit` + 1 rows, and where the search stopped if it did before the end."""
    began = time.monotonic()
    rows: list[CdrRow] = []
    depth = FIRST_LOOK
    while True:
        missing = replace(request, limit=request.limit - len(rows))
        found, edge = _look(connection, wanted, missing, depth)
        rows += found
        if edge is None or len(rows) > request.limit or time.monotonic() - began > budget_s:
            return rows, edge
        request = replace(request, position=edge)
        depth = min(4 * depth, LONGEST_LOOK)


def _look(
    connection: sa.Connection, wanted: CdrFilter, request: PageRequest, depth: int
) -> tuple[list[CdrRow], Position | None]:
    """Up to `limit` + 1 matches among the next `depth` records, and the last record examined.

    The edge is None when there is nothing beyond: every record was examined or the page is full.
    """
    enough = request.limit + 1
    conditions = _unserved(wanted)
    depth = depth if conditions else enough
    examined = _examined(wanted, request, conditions, depth).cte("examined")
    places = sa.union_all(_matching(examined, request.direction, enough), _last(examined, request))
    keys: list[Position] = []
    edge = None
    for at, key, count in connection.execute(places):
        if count is None:
            keys.append(Position(at, key))
        elif conditions and count == depth:
            edge = Position(at, key)
    newest_first = request.direction is Direction.OLDER
    keys.sort(key=lambda place: (place.at, place.key), reverse=newest_first)
    return _rows(connection, keys), edge if len(keys) < enough else None


def _rows(connection: sa.Connection, keys: list[Position]) -> list[CdrRow]:
    """The records at these places, in the same order."""
    if not keys:
        return []
    found = connection.execute(_WHOLE, {"ats": [k.at for k in keys], "ids": [k.key for k in keys]})
    rows = {row.call_id: CdrRow(**row._asdict()) for row in found}
    return [rows[key.key] for key in keys]


def _examined(
    wanted: CdrFilter,
    request: PageRequest,
    conditions: list[sa.ColumnElement[bool]],
    depth: int,
) -> sa.Select[Any]:
    """The keys of the next records in order, limited by what indexes serve (time and account),
    and whether each meets the other conditions."""
    at, key = cdrs.c.started_at, cdrs.c.call_id
    served = beyond(at, key, request.position, request.direction)
    if wanted.since is not None:
        served.append(at >= wanted.since)
    if wanted.until is not None:
        served.append(at < wanted.until)
    if wanted.account_id is not None:
        served.append(cdrs.c.account_id == wanted.account_id)
    return (
        sa.select(at, key, sa.and_(sa.true(), *conditions).label("matches"))
        .where(*served)
        .order_by(*order(at, key, request.direction))
        .limit(depth)
    )


def _matching(examined: sa.CTE, direction: Direction, enough: int) -> sa.Select[Any]:
    """The places of the first records that match; nothing in the third column."""
    at, key = examined.c.started_at, examined.c.call_id
    first = (
        sa.select(at, key)
        .where(examined.c.matches)
        .order_by(*order(at, key, direction))
        .limit(enough)
        .subquery()
    )
    return sa.select(first, sa.cast(sa.null(), sa.BigInteger))


def _last(examined: sa.CTE, request: PageRequest) -> sa.Select[Any]:
    """The place of the last record examined, and how many there were."""
    at, key = examined.c.started_at, examined.c.call_id
    older = request.direction is Direction.OLDER
    last = (
        sa.select(at, key, sa.func.count().over())
        .order_by(*order(at, key, Direction.NEWER if older else Direction.OLDER))
        .limit(1)
        .subquery()
    )
    return sa.select(last)


def _unserved(wanted: CdrFilter) -> list[sa.ColumnElement[bool]]:
    """Conditions that no index serves."""
    c = cdrs.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.caller:
        conditions.append(_begins((c.caller_rated, c.caller_received), wanted.caller))
    if wanted.callee:
        conditions.append(_begins((c.callee_rated, c.callee_received), wanted.callee))
    if wanted.gateway:
        conditions.append(
            (c.mapping_gateway == wanted.gateway) | (c.routing_gateway == wanted.gateway)
        )
    if wanted.reason:
        conditions.append(c.reason == wanted.reason)
    if wanted.answered_only:
        conditions.append(c.answered_at.is_not(None))
    if wanted.review_only:
        conditions.append(c.review != "")
    return conditions


def _begins(columns: tuple[sa.ColumnElement[str], ...], prefix: str) -> sa.ColumnElement[bool]:
    return sa.or_(*(column.startswith(prefix, autoescape=True) for column in columns))


def _ends(rows: list[CdrRow]) -> tuple[Position, Position]:
    first, last = rows[0], rows[-1]
    return Position(first.started_at, first.call_id), Position(last.started_at, last.call_id)
