"""Package orders by hand, in PostgreSQL. Implements `services.billing_run.orders`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from controller.domain.subscriptions import OnInsufficient, Package
from controller.persistence import package_sql
from controller.persistence.audit_store import write_audit
from controller.persistence.database import transaction
from controller.persistence.package_rows import announce, package_from, platform_zone
from controller.services.audit import AuditLine
from controller.services.billing_run.orders import Ended, NewOrder, Owner

Row = sa.Row[Any]
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s'"


class PostgresSubscriptions:
    """Implements `SubscriptionStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def change(self) -> Iterator["PostgresSubscriptionWork"]:
        with transaction(self._engine) as connection:
            connection.execute(sa.text(LOCK_TIMEOUT))
            yield PostgresSubscriptionWork(connection)

    def announce(self) -> bool:
        with transaction(self._engine) as connection:
            return announce(connection)


class PostgresSubscriptionWork:
    """Implements `SubscriptionWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def zone(self) -> ZoneInfo:
        return platform_zone(self._connection)

    def package(self, name: str) -> Package | None:
        row = self._one(package_sql.PACKAGE_TO_ORDER, name=name)
        return None if row is None else package_from(row, ())

    def owner(self, account: str | None, phone: str | None) -> Owner | None:
        if phone is not None:
            row = self._one(package_sql.OWNER_PHONE, name=phone)
        else:
            row = self._one(package_sql.OWNER_ACCOUNT, name=account)
        return None if row is None else Owner(**row._asdict())

    def order(self, key: str) -> NewOrder | None:
        row = self._one(package_sql.ORDER_BY_KEY, key=key)
        if row is None:
            return None
        return NewOrder(
            key=row.key,
            package_id=row.package_id,
            owner=Owner(
                row.account_id, row.account, row.kind, row.currency, row.closed, row.phone_id
            ),
            available_from=row.available_from,
            expires_at=row.expires_at,
            priority=row.priority,
            on_insufficient=OnInsufficient(row.on_insufficient),
            rent_percent=row.rent_percent,
            memo=row.memo,
        )

    def add(self, order: NewOrder, now: datetime) -> bool:
        values = {
            "key": order.key,
            "package_id": order.package_id,
            "account_id": order.owner.account_id,
            "phone_id": order.owner.phone_id,
            "available_from": order.available_from,
            "expires_at": order.expires_at,
            "priority": order.priority,
            "on_insufficient": order.on_insufficient.value,
            "rent_percent": order.rent_percent,
            "now": now,
            "memo": order.memo,
        }
        return self._execute(package_sql.ADD_ORDER, **values).rowcount == 1

    def end_order(self, key: str, now: datetime) -> Ended | None:
        row = self._one(package_sql.LOCK_ORDER_BY_KEY, key=key)
        if row is None:
            return None
        going_on = self._execute(package_sql.END_ORDERS, ids=[row.id], now=now).rowcount == 1
        return Ended(going_on, row.account_id)

    def end_active(self, active_id: int, now: datetime) -> Ended | None:
        row = self._one(package_sql.LOCK_ACTIVE, id=active_id, now=now)
        if row is None:
            return None
        if row.running:
            self._execute(package_sql.END_ACTIVE, ids=[row.id], now=now)
        return Ended(row.running, row.account_id)

    def lock_package(self, name: str) -> int | None:
        row = self._one(package_sql.LOCK_PACKAGE, name=name)
        return None if row is None else int(row.id)

    def orders_of(self, package_id: int) -> dict[str, int]:
        rows = self._execute(package_sql.LOCK_ORDERS_OF, id=package_id)
        return {row.key: row.account_id for row in rows}

    def running_of(self, package_id: int, now: datetime) -> int:
        return int(self._execute(package_sql.RUNNING_OF, id=package_id, now=now).scalar_one())

    def end_all_of(self, package_id: int, now: datetime) -> int:
        orders = [row.id for row in self._execute(package_sql.LOCK_ORDERS_OF, id=package_id)]
        self._execute(package_sql.END_ORDERS, ids=orders, now=now)
        active = [row.id for row in self._execute(package_sql.LOCK_ACTIVE_OF, id=package_id)]
        return self._execute(package_sql.END_ACTIVE, ids=active, now=now).rowcount

    def delete(self, package_id: int, now: datetime) -> bool:
        if self._execute(package_sql.HAS_HISTORY, id=package_id).scalar_one():
            self._execute(package_sql.CLOSE_PACKAGE, id=package_id, now=now)
            return False
        self._execute(package_sql.DELETE_PACKAGE, id=package_id)
        return True

    def audit(self, *lines: AuditLine) -> None:
        write_audit(self._connection, lines)

    def _one(self, statement: str, **values: object) -> Row | None:
        return self._execute(statement, **values).one_or_none()

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)
