"""Money, lines and benefits as they are, for explanations. Implements `HoldingsReader`.

One read-only snapshot: what an admission would lock is only read here.
"""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.holdings import (
    Allowance,
    Funds,
    Holdings,
    LineKey,
    Lines,
    MonthUse,
    PackageFunds,
)
from controller.persistence import schema as t
from controller.persistence.call_rows import line_from
from controller.persistence.database import transaction
from controller.services.explain_holdings import Wanted

SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


class PostgresHoldings:
    """Each reading is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def holdings(self, wanted: Wanted) -> Holdings:
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)

            def rows(
                query: sa.Select[Any], key: sa.ColumnElement[Any], ids: Collection[int]
            ) -> Any:
                return connection.execute(query.where(key.in_(ids))) if ids else ()

            packages = rows(_PACKAGES, t.active_packages.c.id, wanted.packages)
            allowances = rows(_ALLOWANCES, t.active_free_seconds.c.id, wanted.allowances)
            return Holdings(
                {id_: Funds(*v) for id_, *v in rows(_FUNDS, t.accounts.c.id, wanted.accounts)},
                _lines(connection, wanted.lines),
                {id_: PackageFunds(*values) for id_, *values in packages},
                {id_: Allowance(*values) for id_, *values in allowances},
                {month: _month(connection, *month) for month in wanted.months},
                connection.execute(_NOW_US).scalar_one(),
            )


_FUNDS = (
    sa.select(
        t.accounts.c.id,
        t.account_funds.c.balance,
        t.accounts.c.overdraft_limit,
        t.account_funds.c.reserved,
        t.account_funds.c.lines,
        t.accounts.c.capacity,
        t.account_funds.c.subtree_lines,
        t.accounts.c.subtree_capacity,
    )
    .select_from(t.accounts)
    .join(t.account_funds, t.account_funds.c.account_id == t.accounts.c.id)
)
_PACKAGES = sa.select(
    t.active_packages.c.id,
    t.active_packages.c.gift_left,
    t.active_packages.c.gift_reserved,
    t.active_packages.c.consumption,
    t.active_packages.c.effective_consumption,
)
_ALLOWANCES = sa.select(
    t.active_free_seconds.c.id,
    t.active_free_seconds.c.left_s,
    t.active_free_seconds.c.reserved_s,
)
_NOW_US = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")
_LINES = sa.text(
    """
    SELECT l.* FROM line_limits l
    JOIN unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS w(kind, id) USING (kind, id)
    """
)


def _lines(connection: sa.Connection, wanted: Collection[LineKey]) -> dict[LineKey, Lines]:
    values = {"kinds": [kind for kind, _ in wanted], "ids": [id_ for _, id_ in wanted]}
    return {
        (row.kind, row.id): line_from(row.used, row.capacity, row.per_second, row.recent, row.name)
        for row in connection.execute(_LINES, values)
    }


def _month(connection: sa.Connection, phone_id: int, first_day: str) -> MonthUse:
    months = t.phone_months.c
    query = sa.select(months.consumed, months.reserved).where(
        months.phone_id == phone_id, months.month == date.fromisoformat(first_day)
    )
    row = connection.execute(query).one_or_none()
    return MonthUse(*row) if row is not None else MonthUse(Decimal(0), Decimal(0))
