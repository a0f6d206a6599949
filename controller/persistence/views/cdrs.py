"""Call records. Implements `services.views.cdrs.CdrView`.

An index serves the order (`cdr_sources`); a filter that no index serves is applied to a
bounded number of records at a time, so that a page is quick whatever it looks for and however
many records there are. A search that finds little says how far back it has looked.
"""

import time
from collections.abc import Callable, Iterator
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
from controller.persistence.scopes import in_scope
from controller.persistence.views.cdr_lines import lines_of, parts_of_calls
from controller.persistence.views.cdr_sources import examined, in_calls_of, is_filtered
from controller.persistence.views.keyset import neighbors, order
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.views.cdrs import (
    AttemptRow,
    CdrChoices,
    CdrDetail,
    CdrFilter,
    CdrPage,
    CdrRow,
    SeenCdr,
)
from controller.services.views.paging import Direction, PageRequest, Position
from controller.services.views.visibility import parts_of, shown_lines, shown_record

FIRST_LOOK = 1_000
LONGEST_LOOK = 30_000
"""Records that one query of a filtered search examines: the first, and the most."""

LONGEST_SCOPED_LOOK = 4_000
"""The most where each record is looked up by its key: those of an agent."""

SEARCH_BUDGET_S = 0.25
"""After this long a search stops with what it has; the next page goes on from there."""

EXPORT_PIECE = 2_000
MAX_CHOICES = 100


class PostgresCdrs:
    def __init__(self, engine: sa.Engine, search_budget_s: float = SEARCH_BUDGET_S) -> None:
        self._engine = engine
        self._budget_s = search_budget_s

    def page(self, scope: Scope, wanted: CdrFilter, request: PageRequest) -> CdrPage:
        with _listing(self._engine) as connection:
            keys, edge = _search(connection, scope, wanted, request, self._budget_s)
            more = len(keys) > request.limit
            keys = keys[: request.limit]
            if request.direction is Direction.NEWER:
                keys.reverse()
            rows = _rows(connection, scope, keys)
        if request.direction is Direction.NEWER and not more and edge is None:
            return self.page(scope, wanted, PageRequest(request.limit))
        first, last = (keys[0], keys[-1]) if keys else (request.position, request.position)
        newer, older = neighbors(request, first, last, more)
        if more or edge is None:
            return CdrPage(rows, newer, older)
        if request.direction is Direction.NEWER:
            return CdrPage(rows, edge, older, edge.at)
        return CdrPage(rows, newer, edge, edge.at)

    def export(self, scope: Scope, wanted: CdrFilter, limit: int) -> Iterator[SeenCdr]:
        request = PageRequest(EXPORT_PIECE)
        left = limit
        while left > 0:
            with _listing(self._engine) as connection:
                keys, edge = _look(connection, scope, wanted, request, LONGEST_LOOK)
                if len(keys) > EXPORT_PIECE:
                    keys = keys[:EXPORT_PIECE]
                    edge = keys[-1]
                rows = _rows(connection, scope, keys[:left])
            yield from rows
            left -= len(keys)
            if edge is None:
                return
            request = replace(request, position=edge)

    def detail(self, scope: Scope, call_id: str) -> CdrDetail | None:
        found = _named(scope).add_columns(cdrs.c.trace)
        found = found.where(cdrs.c.call_id == call_id, *in_calls_of(scope))
        legs = (
            sa.select(*_ATTEMPT)
            .where(call_attempts.c.call_id == call_id)
            .order_by(call_attempts.c.number, call_attempts.c.started_at)
        )
        with reading(self._engine) as connection:
            row = connection.execute(found.order_by(cdrs.c.started_at)).first()
            if row is None:
                return None
            attempts = connection.execute(legs).all() if scope.is_everything else []
            lines = lines_of(connection, call_id, row.started_at)
        values = row._asdict()
        trace = tuple((step, verdict, text) for step, verdict, text in values.pop("trace"))
        return CdrDetail(
            shown_record(scope, CdrRow(**values)),
            tuple(AttemptRow(**leg._asdict()) for leg in attempts),
            trace if scope.is_everything else (),
            shown_lines(scope, lines),
            parts_of(scope, lines),
        )

    def choices(self, scope: Scope) -> CdrChoices:
        owners = _known_first(scope)
        own = sa.select(accounts.c.name).where(accounts.c.kind != "system", *owners(accounts.c.id))
        gateways = sa.select(mapping_gateways.c.name).where(*owners(mapping_gateways.c.account_id))
        both: Any = gateways
        if scope.is_everything:
            both = sa.union(gateways, sa.select(routing_gateways.c.name))
        with reading(self._engine) as connection:
            names = connection.scalars(own.order_by(accounts.c.name).limit(MAX_CHOICES)).all()
            known = connection.scalars(both.order_by("name").limit(MAX_CHOICES)).all()
        return CdrChoices(tuple(names), tuple(known))


def _known_first(
    scope: Scope,
) -> Callable[[sa.ColumnElement[Any]], list[sa.ColumnElement[bool]]]:
    """Of an agent's many accounts, the own one and those directly below are offered."""
    if scope.is_everything or not scope.subtree:
        return lambda account_id: in_scope(scope, account_id)
    near = sa.select(_near.c.id).where(
        sa.or_(_near.c.id == scope.account_id, _near.c.parent_id == scope.account_id)
    )
    return lambda account_id: [account_id.in_(near)]


_near = accounts.alias("near")
_payer, _vendor = accounts.alias("payer"), accounts.alias("vendor")
_RECORD = tuple(column for column in cdrs.c if column.name not in ("trace", "account_id"))


def _named(scope: Scope) -> sa.Select[Any]:
    """Records with the accounts' names; an account that has left the scope since is not named."""
    here = sa.and_(_payer.c.id == cdrs.c.account_id, *in_scope(scope, _payer.c.id))
    named = cdrs.outerjoin(_payer, here)
    return sa.select(
        *_RECORD,
        (cdrs.c.account_id if scope.is_everything else _payer.c.id).label("account_id"),
        sa.func.coalesce(_payer.c.name, "").label("account"),
        sa.func.coalesce(_vendor.c.name, "").label("cost_account"),
    ).select_from(named.outerjoin(_vendor, _vendor.c.id == cdrs.c.cost_account_id))


def _whole(scope: Scope) -> sa.Select[Any]:
    return _named(scope).where(
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
    connection: sa.Connection,
    scope: Scope,
    wanted: CdrFilter,
    request: PageRequest,
    budget_s: float,
) -> tuple[list[Position], Position | None]:
    """Up to `limit` + 1 places, and where the search stopped if it did before the end."""
    began = time.monotonic()
    keys: list[Position] = []
    depth = FIRST_LOOK
    while True:
        missing = replace(request, limit=request.limit - len(keys))
        found, edge = _look(connection, scope, wanted, missing, depth)
        keys += found
        if edge is None or len(keys) > request.limit or time.monotonic() - began > budget_s:
            return keys, edge
        request = replace(request, position=edge)
        depth = min(4 * depth, LONGEST_LOOK if scope.is_everything else LONGEST_SCOPED_LOOK)


def _look(
    connection: sa.Connection, scope: Scope, wanted: CdrFilter, request: PageRequest, depth: int
) -> tuple[list[Position], Position | None]:
    """Up to `limit` + 1 matches among the next `depth` records, and the last record examined.

    The edge is None when there is nothing beyond: every record was examined or the page is full.
    """
    enough = request.limit + 1
    filtered = is_filtered(scope, wanted)
    depth = depth if filtered else enough
    source = examined(scope, wanted, request, depth).cte("examined")
    places = sa.union_all(_matching(source, request.direction, enough), _last(source, request))
    keys: list[Position] = []
    edge = None
    for at, key, count in connection.execute(places):
        if count is None:
            keys.append(Position(at, key))
        elif filtered and count == depth:
            edge = Position(at, key)
    newest_first = request.direction is Direction.OLDER
    keys.sort(key=lambda place: (place.at, place.key), reverse=newest_first)
    return keys, edge if len(keys) < enough else None


def _rows(connection: sa.Connection, scope: Scope, keys: list[Position]) -> tuple[SeenCdr, ...]:
    """The records at these places, in the same order."""
    if not keys:
        return ()
    places: dict[str, list[Any]] = {
        "ats": [key.at for key in keys],
        "ids": [key.key for key in keys],
    }
    found = connection.execute(_whole(scope), places)
    rows = {row.call_id: shown_record(scope, CdrRow(**row._asdict())) for row in found}
    parts = parts_of_calls(connection, scope, places)
    return tuple(SeenCdr(rows[key.key], parts[key.key]) for key in keys)


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
