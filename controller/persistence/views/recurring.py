"""Packages, orders and other-income records. Implements `services.billing_run.records.Records`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.persistence import package_sql
from controller.persistence.database import transaction
from controller.services.billing_run.records import (
    ActiveLine,
    ChargeLine,
    FreeLine,
    OrderLine,
    PackageLine,
)

_ACCOUNT = "SELECT EXISTS (SELECT FROM accounts WHERE name = :account AND kind <> 'system')"


class PostgresRecords:
    """Each method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def has_account(self, account: str) -> bool:
        return any(row[0] for row in self._rows(_ACCOUNT, account=account))

    def packages(self) -> Sequence[PackageLine]:
        return [PackageLine(**row._asdict()) for row in self._rows(package_sql.PACKAGES)]

    def orders(self, account: str | None, most: int, *, with_over: bool) -> Sequence[OrderLine]:
        values = {"account": account, "with_over": with_over, "most": most}
        return [OrderLine(**row._asdict()) for row in self._rows(package_sql.ORDERS, **values)]

    def active(
        self, account: str | None, now: datetime, most: int, *, with_over: bool
    ) -> Sequence[ActiveLine]:
        values = {"account": account, "with_over": with_over, "now": now, "most": most}
        rows = self._rows(package_sql.ACTIVE, **values)
        free: dict[int, list[FreeLine]] = {}
        for row in self._rows(package_sql.FREE_OF, ids=[row.number for row in rows]):
            free.setdefault(row.active_package_id, []).append(_free(row))
        return [ActiveLine(**row._asdict(), free=tuple(free.get(row.number, ()))) for row in rows]

    def charges(
        self, account: str | None, most: int, *, with_nothing_owed: bool
    ) -> Sequence[ChargeLine]:
        values = {"account": account, "with_nothing_owed": with_nothing_owed, "most": most}
        return [ChargeLine(**row._asdict()) for row in self._rows(package_sql.CHARGES, **values)]

    def _rows(self, statement: str, **values: object) -> Sequence[sa.Row[Any]]:
        with transaction(self._engine) as connection:
            return connection.execute(sa.text(statement), values).all()


def _free(row: sa.Row[Any]) -> FreeLine:
    return FreeLine(
        prefixes=tuple(row.prefixes),
        start_s=row.start_s,
        end_s=row.end_s,
        cycle_s=row.cycle_s,
        left_s=row.left_s,
        reserved_s=row.reserved_s,
    )
