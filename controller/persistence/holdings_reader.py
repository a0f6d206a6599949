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
    Lines,
    MonthUse,
    PackageFunds,
)
from controller.persistence import schema as t
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
                _lines(rows(_MAPPING, t.mapping_gateways.c.id, wanted.mapping)),
                _lines(rows(_ROUTING, t.routing_gateways.c.id, wanted.routing)),
                {id_: PackageFunds(*values) for id_, *values in packages},
                {id_: Allowance(*values) for id_, *values in allowances},
                {month: _month(connection, *month) for month in wanted.months},
            )


_FUNDS = (
    sa.select(
        t.accounts.c.id,
        t.account_funds.c.balance,
        t.accounts.c.overdraft_limit,
        t.account_funds.c.reserved,
        t.account_funds.c.lines,
        t.accounts.c.capacity,
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


def _lines_of(side: str, gateways: sa.Table) -> sa.Select[Any]:
    lines = t.gateway_lines
    return (
        sa.select(lines.c.gateway_id, lines.c.used, gateways.c.capacity)
        .join(gateways, gateways.c.id == lines.c.gateway_id)
        .where(lines.c.side == side)
    )


_MAPPING = _lines_of("mapping", t.mapping_gateways)
_ROUTING = _lines_of("routing", t.routing_gateways)


def _lines(rows: Any) -> dict[int, Lines]:
    return {gateway_id: Lines(used, capacity) for gateway_id, used, capacity in rows}


def _month(connection: sa.Connection, phone_id: int, first_day: str) -> MonthUse:
    months = t.phone_months.c
    query = sa.select(months.consumed, months.reserved).where(
        months.phone_id == phone_id, months.month == date.fromisoformat(first_day)
    )
    row = connection.execute(query).one_or_none()
    return MonthUse(*row) if row is not None else MonthUse(Decimal(0), Decimal(0))
