"""Payments that people made, in one scope. Implements `services.payments.ports.PaymentStore`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
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

_ACCOUNT = """
SELECT a.id AS account_id, a.name, a.currency, a.closed_at IS NOT NULL AS closed FROM accounts a
WHERE a.name = :name AND a.kind <> 'system' AND (CAST(:scope AS bigint) IS NULL OR a.id = :scope
    OR :subtree AND EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :scope AND t.descendant_id = a.id))
"""

# `own` is the account that the line is about: that of the order, else the one that got the money;
# where only the other one is in scope, that one
_MOVEMENTS = """
WITH mine AS (
    SELECT descendant_id AS id FROM account_tree
    WHERE ancestor_id = :scope AND (:subtree OR depth = 0)
)
SELECT m.id, m.key, m.kind, m.at, m.memo, m.who, m.balances, p.amount, own.name AS own,
    own.title, own.contact, own.currency, own.id = p.debit_account_id AS gave,
    CASE WHEN other.kind <> 'system' AND (CAST(:scope AS bigint) IS NULL OR other.id IN
        (SELECT id FROM mine)) THEN other.name ELSE '' END AS other,
    l.before AS limit_before, l.after AS limit_after
FROM movements m
LEFT JOIN postings p ON p.id = m.id
LEFT JOIN account_limit_changes l ON l.key = m.key AND m.kind = 'credit_limit'
LEFT JOIN accounts asked ON asked.name = m.asked->>'account'
CROSS JOIN LATERAL (
    SELECT a.* FROM accounts a
    WHERE a.id IN (asked.id, p.credit_account_id, p.debit_account_id) AND a.kind <> 'system'
        AND (CAST(:scope AS bigint) IS NULL OR a.id IN (SELECT id FROM mine))
        AND (:account = '' OR a.name = :account)
    ORDER BY a.id = asked.id DESC NULLS LAST, a.id = p.credit_account_id DESC NULLS LAST LIMIT 1
) own
LEFT JOIN accounts other ON other.id = CASE WHEN own.id = p.debit_account_id
    THEN p.credit_account_id ELSE p.debit_account_id END
WHERE m.kind = ANY(:kinds)
"""
_PAGE = (
    _MOVEMENTS
    + """
    AND (CAST(:since AS timestamptz) IS NULL OR m.at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR m.at < :until)
    AND (CAST(:after_at AS timestamptz) IS NULL
        OR (m.at, m.id) < (:after_at, CAST(:after_id AS uuid)))
ORDER BY m.at DESC, m.id DESC LIMIT :most
"""
)
_ONE = _MOVEMENTS + " AND m.id = CAST(:id AS uuid)"
_KINDS = [kind.value for kind in PaymentKind]


class PostgresPayments:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def account(self, scope: Scope, name: str) -> PayableAccount | None:
        values = {"name": name, **_scope(scope)}
        with reading(self._engine) as connection:
            row = connection.execute(sa.text(_ACCOUNT), values).one_or_none()
        return None if row is None else PayableAccount(**row._asdict())

    def page(self, actor: Actor, query: PaymentQuery) -> PaymentPage:
        after_at, after_id = _place(query.after)
        values = {
            **_scope(actor.scope),
            "account": query.account,
            "kinds": _KINDS if query.kind is None else [query.kind.value],
            "since": query.since,
            "until": query.until,
            "after_at": after_at,
            "after_id": after_id,
            "most": query.limit + 1,
        }
        with reading(self._engine) as connection:
            found = connection.execute(sa.text(_PAGE), values).all()
        rows = tuple(_row(actor, row) for row in found[: query.limit])
        more = len(found) > query.limit
        place = f"{rows[-1].at.isoformat()} {rows[-1].payment_id}" if more else None
        return PaymentPage(rows, place)

    def receipt(self, actor: Actor, payment_id: str) -> Receipt | None:
        try:
            id_ = str(UUID(payment_id))
        except ValueError:
            return None
        values = {**_scope(actor.scope), "account": "", "kinds": _KINDS, "id": id_}
        with reading(self._engine) as connection:
            row = connection.execute(sa.text(_ONE), values).one_or_none()
        if row is None:
            return None
        contact = row.contact
        return Receipt(
            row=_row(actor, row),
            number=f"{row.at:%Y%m%d}-{id_[:8].upper()}",
            title=row.title,
            company=contact.get("company", ""),
            address=contact.get("address", ""),
        )


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
