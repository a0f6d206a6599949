"""Packages and orders as the database keeps them, and how controllers hear of new ones."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.configuration import CallParameters
from controller.domain.subscriptions import FreeSeconds, OnInsufficient, Order, Package
from controller.persistence import billing_sql, config_sql
from controller.persistence.schema import configuration_state

Row = sa.Row[Any]


def platform_zone(connection: sa.Connection) -> ZoneInfo:
    """The zone of months and packages' periods (parameter `timezone`)."""
    stored = connection.execute(sa.select(configuration_state.c.parameters)).scalar_one()
    return ZoneInfo(stored.get("timezone", CallParameters().timezone))


def announce(connection: sa.Connection) -> bool:
    """Raise the configuration's version if an active package is new; whether it was.

    Apart from the transactions that open packages: thousands of them make one new version.
    """
    if not connection.execute(sa.text(billing_sql.NEWS)).scalar_one():
        return False
    connection.execute(sa.text(billing_sql.ANNOUNCE))
    connection.execute(sa.text(config_sql.BUMP_VERSION), {"parameters": None})
    return True


def order_from(row: Row) -> Order:
    return Order(
        order_id=row.id,
        key=row.key,
        available_from=row.available_from,
        created_at=row.created_at,
        next_start=row.next_period_start,
        expires_at=row.expires_at,
        waiting_since=row.waiting_since,
        priority=row.priority,
        on_insufficient=OnInsufficient(row.on_insufficient),
        rent_percent=row.rent_percent,
    )


def package_from(row: Row, free: Sequence[Row]) -> Package:
    return Package(
        package_id=row.id,
        name=row.name,
        currency=row.currency,
        period=PackagePeriod(row.period),
        rent=row.rent,
        period_s=row.period_s,
        alignment=Alignment(row.alignment),
        allow_partial_first=row.allow_partial_first,
        gift_money=row.gift_money,
        minimum_consumption=row.minimum_consumption,
        effective_consumption=row.effective_consumption,
        free=tuple(
            FreeSeconds(f.position, tuple(f.prefixes), f.seconds, f.start_s, f.end_s, f.cycle_s)
            for f in free
        ),
    )
