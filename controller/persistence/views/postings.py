"""An account's postings, newest first, with the balance after each.

The balance after the newest posting is the account's; each older one follows by subtraction. A
page further back starts from the sum of what is newer, in the same snapshot, so the figures are
exact; beyond `MAX_NEWER` newer postings that sum takes too long and no balance is told.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import account_funds, accounts, cdr_charges, cdrs, postings
from controller.persistence.scopes import in_scope
from controller.persistence.views.keyset import beyond, neighbors, order
from controller.services.actors import Scope
from controller.services.views.accounts import PostedCall, PostingPage, PostingRow
from controller.services.views.paging import Direction, PageRequest, Position

MAX_NEWER = 20_000


def read_postings(
    connection: sa.Connection, scope: Scope, account_id: int, request: PageRequest
) -> PostingPage:
    """Of an account in scope; accounts out of it are not named."""
    rows = list(connection.execute(_page(scope, account_id, request)).mappings())
    more = len(rows) > request.limit
    rows = rows[: request.limit]
    if request.direction is Direction.NEWER:
        if not more and request.position is not None:
            return read_postings(connection, scope, account_id, PageRequest(request.limit))
        rows.reverse()
    if not rows:
        return PostingPage((), request.position, None)
    first, last = _position(rows[0]), _position(rows[-1])
    newer, older = neighbors(request, first, last, more)
    start = _balance_after(connection, account_id, first, newest=newer is None)
    call_ids = [row["call_id"] for row in rows if row["call_id"] is not None]
    calls = _calls(connection, scope, account_id, call_ids)
    return PostingPage(tuple(_with_balances(rows, start, calls)), newer, older)


def _page(scope: Scope, account_id: int, request: PageRequest) -> sa.Select[Any]:
    """Both sides' next postings, each through its own index, then the nearest of the two."""
    enough = request.limit + 1
    sides = (_side(account_id, request, sign, enough) for sign in (1, -1))
    both = sa.union_all(*(sa.select(side.subquery()) for side in sides)).subquery()
    return (
        sa.select(*both.c, sa.func.coalesce(accounts.c.name, "").label("other_account"))
        .select_from(both)
        .outerjoin(
            accounts, sa.and_(accounts.c.id == both.c.other_id, *in_scope(scope, accounts.c.id))
        )
        .order_by(*order(both.c.at, both.c.id, request.direction))
        .limit(enough)
    )


def _side(account_id: int, request: PageRequest, sign: int, limit: int) -> sa.Select[Any]:
    """The postings that credit (`sign` 1) or debit (-1) the account, seen from it."""
    own, other = postings.c.credit_account_id, postings.c.debit_account_id
    if sign < 0:
        own, other = other, own
    return (
        sa.select(
            postings.c.id,
            postings.c.kind,
            postings.c.at,
            (postings.c.amount * sign).label("amount"),
            postings.c.currency,
            other.label("other_id"),
            postings.c.memo,
            postings.c.call_id,
        )
        .where(
            own == account_id,
            *beyond(postings.c.at, postings.c.id, request.position, request.direction),
        )
        .order_by(*order(postings.c.at, postings.c.id, request.direction))
        .limit(limit)
    )


def _balance_after(
    connection: sa.Connection, account_id: int, position: Position, *, newest: bool
) -> Decimal | None:
    """The balance just after the posting at `position`; None for a system account, which keeps
    none, and where too many postings are newer."""
    kept = (
        sa.select(account_funds.c.balance)
        .join(accounts, accounts.c.id == account_funds.c.account_id)
        .where(accounts.c.id == account_id, accounts.c.kind != "system")
    )
    balance = connection.scalar(kept)
    if balance is None or newest:
        return balance
    request = PageRequest(0, position, Direction.NEWER)
    sides = (_side(account_id, request, sign, MAX_NEWER + 1).subquery() for sign in (1, -1))
    both = sa.union_all(*(sa.select(side.c.amount) for side in sides)).subquery()
    count, moved = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(both.c.amount), 0))
    ).one()
    return None if count > MAX_NEWER else balance - moved


def _calls(
    connection: sa.Connection, scope: Scope, account_id: int, call_ids: Sequence[str]
) -> dict[str, PostedCall]:
    """Each party has its own line of a call; other accounts see the customer's."""
    if not call_ids:
        return {}
    found = sa.select(
        cdrs.c.call_id,
        cdrs.c.started_at,
        cdrs.c.callee_rated,
        cdrs.c.billed_s,
        cdrs.c.duration_s,
        cdrs.c.rate_prefix,
        cdrs.c.routing_gateway,
    ).where(cdrs.c.call_id.in_(set(call_ids)))
    # a month without statistics yet, as every new one, would be read whole
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    records = connection.execute(found).all()
    own = _own_lines(connection, account_id, records)
    return {
        record.call_id: PostedCall(
            record.callee_rated,
            own.get(record.call_id, record).billed_s,
            record.duration_s,
            own.get(record.call_id, record).rate_prefix,
            record.routing_gateway if scope.is_everything else "",
        )
        for record in records
    }


def _own_lines(
    connection: sa.Connection, account_id: int, records: Sequence[Any]
) -> dict[str, Any]:
    """The account's line of each call, its last revision."""
    line = cdr_charges.c
    found = (
        sa.select(line.call_id, line.billed_s, line.prefix.label("rate_prefix"))
        .where(
            line.call_id.in_({record.call_id for record in records}),
            line.started_at.in_({record.started_at for record in records}),
            line.account_id == account_id,
        )
        .order_by(line.revision)
    )
    return {row.call_id: row for row in connection.execute(found)}


def _with_balances(
    rows: Sequence[sa.RowMapping], balance: Decimal | None, calls: dict[str, PostedCall]
) -> list[PostingRow]:
    described = []
    for row in rows:
        described.append(
            PostingRow(
                posting_id=row["id"],
                kind=row["kind"],
                at=row["at"],
                amount=row["amount"],
                currency=row["currency"],
                other_account=row["other_account"],
                memo=row["memo"],
                call_id=row["call_id"],
                call=calls.get(row["call_id"]) if row["call_id"] else None,
                balance_after=balance,
            )
        )
        balance = None if balance is None else balance - row["amount"]
    return described


def _position(row: sa.RowMapping) -> Position:
    return Position(row["at"], row["id"])
