"""Payments that people made, in one scope. Implements `services.payments.ports.PaymentStore`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
from controller.persistence import payment_sql
from controller.persistence.views.reading import reading
from controller.services.actors import Actor, Scope
from controller.services.payments.ports import PayableAccount
from controller.services.payments.records import (
    PaymentKind,
    PaymentPage,
    PaymentQuery,
    PaymentRow,
    Receipt,
)

Row = sa.Row[Any]


class PostgresPayments:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def account(self, scope: Scope, name: str) -> PayableAccount | None:
        values = {"name": name, **_scope(scope)}
        with reading(self._engine) as connection:
            row = connection.execute(sa.text(payment_sql.ACCOUNT), values).one_or_none()
        return None if row is None else PayableAccount(**row._asdict())

    def page(self, actor: Actor, query: PaymentQuery) -> PaymentPage:
        after_at, after_id = _place(query.after)
        values = {
            **_scope(actor.scope),
            "account": query.account,
            "kinds": payment_sql.KINDS,
            "kind": None if query.kind is None else query.kind.value,
            "since": query.since,
            "until": query.until,
            "after_at": after_at,
            "after_id": after_id,
            "most": query.limit + 1,
            "gone_through": payment_sql.GONE_THROUGH,
        }
        with reading(self._engine) as connection:
            ids = _ids(connection, actor.scope, query, values)
            found = _details(connection, {**values, "ids": ids})
        rows = tuple(_row(actor, row) for row in found[: query.limit])
        more = len(found) > query.limit
        place = f"{rows[-1].at.isoformat()} {rows[-1].payment_id}" if more else None
        return PaymentPage(rows, place)

    def receipt(self, actor: Actor, payment_id: str) -> Receipt | None:
        id_ = _uuid(payment_id)
        if id_ is None:
            return None
        values = {
            **_scope(actor.scope),
            "account": "",
            "kinds": payment_sql.KINDS,
            "ids": [id_],
        }
        with reading(self._engine) as connection:
            found = _details(connection, values)
        if not found:
            return None
        (row,) = found
        contact = row.contact
        return Receipt(
            row=_row(actor, row),
            number=f"{row.at:%Y%m%d}-{id_[:8].upper()}",
            title=row.title,
            company=contact.get("company", ""),
            address=contact.get("address", ""),
        )

    def owner(self, payment_id: str) -> int | None:
        with reading(self._engine) as connection:
            found = connection.execute(sa.text(payment_sql.OWNER), {"id": _uuid(payment_id)})
            return cast("int | None", found.scalar_one_or_none())


def _uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _ids(
    connection: sa.Connection, scope: Scope, query: PaymentQuery, values: dict[str, Any]
) -> list[str]:
    """Of the page's movements, and of one more where there is one."""
    ids: list[str] = []
    for statement in payment_sql.statements(scope, query, has_many=_has_many(connection, scope)):
        rows = connection.execute(sa.text(statement), values)
        ids = [str(id_) for id_ in rows.scalars()]
        if len(ids) > query.limit:
            break
    return ids


def _has_many(connection: sa.Connection, scope: Scope) -> bool:
    if scope.account_id is None or not scope.subtree:
        return False
    values = {"scope": scope.account_id, "few": payment_sql.FEW_ACCOUNTS}
    return bool(connection.execute(sa.text(payment_sql.HAS_MANY), values).scalar_one())


def _details(connection: sa.Connection, values: dict[str, Any]) -> Sequence[Row]:
    return connection.execute(sa.text(payment_sql.DETAILS), values).all()


def _scope(scope: Scope) -> dict[str, object]:
    return {"scope": scope.account_id, "subtree": scope.subtree}


def _row(actor: Actor, row: Row) -> PaymentRow:
    amount = row.amount if row.amount is not None else Decimal(0)
    if row.limit_after is not None:
        amount = row.limit_after - row.limit_before
    elif row.gave:
        amount = -amount
    after = (row.balances or {}).get(row.own)
    return PaymentRow(
        payment_id=str(row.id),
        at=row.at,
        kind=PaymentKind(row.kind),
        account=row.own,
        amount=amount,
        currency=row.currency,
        balance_after=None if after is None else Decimal(after),
        limit_after=row.limit_after,
        other=row.other,
        memo=row.memo,
        who=row.who if actor.is_operator or row.who == actor.name else "",
    )


def _place(after: str) -> tuple[datetime | None, str | None]:
    """Raises InvalidFields."""
    if not after:
        return None, None
    at, _, id_ = after.partition(" ")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), str(UUID(id_))
    except ValueError:
        raise InvalidFields({"after": "not where a page ended"}) from None
