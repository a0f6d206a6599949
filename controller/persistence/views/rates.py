"""Rate groups and rates. Implements `services.views.rates.RateView`.

The index on (group, prefix) serves the order of a group's rates; a search by area looks at rates
in that order, in growing steps and for a bounded time, so that a page of a million rates is quick
whatever it looks for.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.domain.numbering import CATCH_ALL, MAX_NUMBER
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.persistence.views.rate_groups import literally, read_group, read_groups
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.views.rates import (
    RateFilter,
    RateGroupDetail,
    RateGroupPage,
    RateGroupRow,
    RatePage,
    RatePlace,
    RateRow,
)

FIRST_LOOK = 2_000
LONGEST_LOOK = 50_000
"""Rates that one query of a search by area examines: the first, and the most."""

SEARCH_BUDGET_S = 0.25
"""After this long a search stops with what it has; the next page goes on from there."""

Row = sa.Row[Any]


class PostgresRates:
    def __init__(self, engine: sa.Engine, search_budget_s: float = SEARCH_BUDGET_S) -> None:
        self._engine = engine
        self._budget_s = search_budget_s

    def groups(self, scope: Scope, search: str, after: str, limit: int) -> RateGroupPage:
        with reading(self._engine) as connection:
            return read_groups(connection, scope, search, after, limit)

    def group(self, scope: Scope, group_id: int) -> RateGroupDetail | None:
        with reading(self._engine) as connection:
            return read_group(connection, scope, group_id)

    def rates(
        self, group: RateGroupRow, wanted: RateFilter, after: RatePlace | None, limit: int
    ) -> RatePage:
        edge = None
        with _listing(self._engine) as connection:
            if wanted.area:
                rows, edge = self._search(connection, group, wanted, after, limit + 1)
            else:
                rows = list(connection.execute(_page(group, wanted, after, limit + 1)))
        found = tuple(_rate(row, group.section_mode) for row in rows[:limit])
        if len(rows) > limit:
            return RatePage(found, RatePlace(found[-1].prefix, found[-1].rate_id))
        return RatePage(found, edge, edge.prefix if edge else "")

    def matching(self, group: RateGroupRow, number: str) -> tuple[RateRow, ...]:
        prefixes = [CATCH_ALL, *(number[:length] for length in range(1, len(number) + 1))]
        rates = t.rates.c
        query = (
            sa.select(t.rates)
            .where(rates.rate_group_id == group.group_id, rates.prefix.in_(prefixes))
            .order_by(rates.effective_from)
        )
        with _listing(self._engine) as connection:
            rows = [_rate(row, group.section_mode) for row in connection.execute(query)]
        return tuple(sorted(rows, key=lambda row: -prefixes.index(row.prefix)))

    def _search(
        self,
        connection: sa.Connection,
        group: RateGroupRow,
        wanted: RateFilter,
        after: RatePlace | None,
        enough: int,
    ) -> tuple[list[Row], RatePlace | None]:
        """Up to `enough` rows, and where the search stopped if it did before the end."""
        until = time.monotonic() + self._budget_s
        rows: list[Row] = []
        depth = FIRST_LOOK
        while True:
            examined = _page(group, replace(wanted, area=""), after, depth).cte("examined")
            matching = _matching(examined, wanted.area, enough - len(rows))
            rows += connection.execute(matching).all()
            if len(rows) >= enough:
                return rows, None
            count, after = _edge(connection, examined)
            if count < depth:
                return rows, None
            if time.monotonic() > until:
                return rows, after
            depth = min(4 * depth, LONGEST_LOOK)


@contextmanager
def _listing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Reading in the order of the index, always: right after an import there are no statistics."""
    with reading(engine) as connection:
        connection.exec_driver_sql(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
        )
        yield connection


def _page(
    group: RateGroupRow, wanted: RateFilter, after: RatePlace | None, limit: int
) -> sa.Select[Any]:
    rates = t.rates.c
    query = (
        sa.select(t.rates)
        .where(rates.rate_group_id == group.group_id)
        .order_by(rates.prefix, rates.id)
        .limit(limit)
    )
    if wanted.prefix:
        # a range that means the same in every collation, so that the index serves it
        last = wanted.prefix + "9" * MAX_NUMBER
        query = query.where(
            rates.prefix.between(wanted.prefix, last),
            rates.prefix.startswith(wanted.prefix, autoescape=True),
        )
    if after is not None:
        here = sa.tuple_(sa.literal(after.prefix), sa.literal(after.rate_id, sa.BigInteger))
        query = query.where(rates.prefix >= after.prefix, sa.tuple_(rates.prefix, rates.id) > here)
    return query


def _matching(examined: sa.CTE, area: str, enough: int) -> sa.Select[Any]:
    """Any part of the area, in any case; plain letters are compared by the cheapest rules."""
    column: sa.ColumnElement[str] = examined.c.area
    if area.isascii():
        column = sa.collate(column, "C")
    return (
        sa.select(examined)
        .where(column.ilike(f"%{literally(area)}%", escape="/"))
        .order_by(examined.c.prefix, examined.c.id)
        .limit(enough)
    )


def _edge(connection: sa.Connection, examined: sa.CTE) -> tuple[int, RatePlace | None]:
    """How many rates were examined, and the place of the last of them."""
    last = (
        sa.select(examined.c.prefix, examined.c.id, sa.func.count().over())
        .order_by(examined.c.prefix.desc(), examined.c.id.desc())
        .limit(1)
    )
    row = connection.execute(last).one_or_none()
    if row is None:
        return 0, None
    prefix, rate_id, count = row
    return int(count), RatePlace(prefix, rate_id)


def _rate(row: Row, mode: SectionMode) -> RateRow:
    return RateRow(
        row.id,
        row.prefix,
        row.area,
        row.rate_type,
        row.tiers,
        row.sections,
        row.tax_percent,
        row.effective_from,
        row.effective_to,
        row.locked,
        mode,
    )
