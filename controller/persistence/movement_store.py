"""Movements of money in PostgreSQL. Implements `services.movements.ports`.

Beside the call path: a movement holds the funds of its accounts for a few round trips, locked in
the order in which a batch of calls locks them, so that the two never wait in a ring.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.errors import InvalidInput, TollgateError
from controller.domain.holdings import Funds
from controller.domain.ledger import (
    Posting,
    PostingKind,
    SystemAccount,
    keyed_posting_id,
    pending_posting_id,
)
from controller.domain.money import plain
from controller.domain.movements import Purse
from controller.domain.pending import Pending, State
from controller.persistence import movement_sql
from controller.persistence.audit_store import write_audit
from controller.persistence.database import transaction
from controller.services.actors import Actor
from controller.services.audit import AuditLine
from controller.services.movements.orders import Asked, Ending, Hold, LimitOrder, Order, forced
from controller.services.movements.ports import AccountFacts, Known, PostedFacts

Row = sa.Row[Any]

_ENDS = {State.POSTED: "post", State.VOIDED: "void", State.EXPIRED: "expire"}
"""What the audit log calls that which brings a pending movement to its end."""


class PostgresMovements:
    """Implements `MovementStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def work(self, key: str = "") -> Iterator["PostgresMovementWork"]:
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.text(movement_sql.LOCK_TIMEOUT))
                if key:
                    connection.execute(sa.text(movement_sql.LOCK_KEY), {"key": key})
                yield PostgresMovementWork(connection)
        except sa.exc.IntegrityError as error:
            # a configuration file knows no lock on the key: it may post under it meanwhile
            raise TollgateError("somebody else used the key just now; send it again") from error

    def due(self, limit: int) -> Sequence[AccountFacts]:
        with transaction(self._engine) as connection:
            rows = connection.execute(sa.text(movement_sql.DUE), {"most": limit})
            return [AccountFacts(**row._asdict()) for row in rows]

    def pendings(self, account: str, limit: int, *, everything: bool) -> Sequence[Pending]:
        with transaction(self._engine) as connection:
            values = {"account": account, "most": limit, "everything": everything}
            rows = connection.execute(sa.text(movement_sql.PENDINGS), values)
            return [_pending(row) for row in rows]


class PostgresMovementWork:
    """Implements `MovementWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._now: datetime | None = None
        self._holders: list[int] = []

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise TollgateError("no account was locked yet")
        return self._now

    # -- read -----------------------------------------------------------------------------

    def known(self, key: str) -> Known | None:
        movement_id = keyed_posting_id(key)
        posted = self.posting(movement_id)
        row = self._one(movement_sql.MOVEMENT, id=movement_id)
        if row is not None:
            return Known(row.kind, row.asked, row.at, posted)
        if posted is None:
            return None
        # by a configuration file, or before movements were recorded
        at = self._execute(movement_sql.POSTING, id=movement_id).one().at
        return Known(posted.kind, _asked_of(posted), at, posted)

    def account(self, name: str) -> AccountFacts | None:
        row = self._one(movement_sql.ACCOUNT, name=name)
        return AccountFacts(**row._asdict()) if row is not None else None

    def system(self, role: SystemAccount, currency: str) -> AccountFacts:
        name = f"{role.value}:{currency}"
        found = self.account(name)
        if found is None or not found.is_system:
            raise InvalidInput(f"no system account {name}: 'tollgate config apply' makes it")
        return found

    def posting(self, posting_id: str) -> PostedFacts | None:
        row = self._one(movement_sql.POSTING, id=posting_id)
        if row is None:
            return None
        sides = (row.debit_account_id, row.credit_account_id)
        debit, credit = self._accounts(sides)
        call_id = str(row.call_id) if row.call_id else None
        return PostedFacts(str(row.id), row.kind, debit, credit, row.amount, row.currency, call_id)

    def reversed_by(self, posting_id: str) -> str | None:
        row = self._one(movement_sql.REVERSED_BY, id=posting_id)
        return str(row.key) if row is not None else None

    def limit_change(self, key: str) -> tuple[Decimal, Decimal]:
        row = self._execute(movement_sql.LIMIT_CHANGE, key=key).one()
        return row.before, row.after

    def pending(self, key: str) -> Pending | None:
        row = self._one(movement_sql.PENDING_BY_ID, id=keyed_posting_id(key))
        return _pending(row) if row is not None else None

    def accounts_of(self, pending: Pending) -> tuple[AccountFacts, AccountFacts]:
        debit, credit = self._accounts((pending.debit_id, pending.credit_id))
        return debit, credit

    def read(self, *accounts: AccountFacts) -> list[Purse]:
        rows = self._execute(movement_sql.READ_FUNDS, ids=_kept(accounts))
        return _purses(accounts, rows)

    # -- lock -----------------------------------------------------------------------------

    def lock(self, *accounts: AccountFacts) -> list[Purse]:
        rows = self._execute(movement_sql.LOCK_FUNDS, ids=_kept(accounts)).all()
        self._now = max(row.now for row in rows)
        self._holders = [row.account_id for row in rows if row.due]
        return _purses(accounts, rows)

    def overdue(self) -> Sequence[Pending]:
        if not self._holders:
            return ()
        rows = self._execute(movement_sql.OVERDUE, ids=self._holders, now=self.now)
        return [_pending(row) for row in rows]

    def lock_limit(self, account: AccountFacts) -> Purse:
        self._execute(movement_sql.LOCK_ACCOUNT, id=account.account_id)
        return self.lock(account)[0]

    # -- write ----------------------------------------------------------------------------

    def write(self, order: Order, posting: Posting | None, purses: Sequence[Purse]) -> None:
        self._record(order, purses)
        if posting is not None:
            self._post(posting)
            self._write_funds(purses)

    def write_limit(self, order: LimitOrder, purse: Purse) -> None:
        self._record(order, (purse,))
        noted = {"key": order.key, "memo": order.memo, "who": order.who}
        if purse.funds is None:
            raise TollgateError(f"{purse.name} has no limit")
        values = {"id": purse.account_id, "limit": purse.funds.overdraft_limit}
        self._execute(movement_sql.NOTE_LIMIT_CHANGE, note=orjson.dumps(noted).decode())
        self._execute(movement_sql.CHANGE_LIMIT, **values)
        # an order that leaves the limit as it is has its line too
        self._execute(movement_sql.KEEP_LIMIT, **values, **noted)

    def write_hold(
        self, order: Hold, kind: PostingKind, debit: Purse, credit: Purse, expires_at: datetime
    ) -> None:
        self._record(order, (debit,))
        self._execute(
            movement_sql.HOLD,
            id=keyed_posting_id(order.key),
            kind=kind.value,
            debit=debit.account_id,
            credit=credit.account_id,
            amount=order.amount,
            currency=debit.currency,
            expires_at=expires_at,
        )
        self._write_funds((debit,))

    def write_end(
        self,
        pending: Pending,
        state: State,
        posting: Posting | None,
        purses: Sequence[Purse],
        ending: Ending,
    ) -> None:
        if posting is not None:
            self._post(posting)
        self._execute(
            movement_sql.END,
            id=pending.pending_id,
            state=state.value,
            posted=posting.amount if posting else None,
            posting_id=pending_posting_id(pending.pending_id) if posting else None,
            at=self.now,
            who=ending.who,
            memo=ending.memo,
        )
        self._write_funds(purses)
        if ending.actor is not None:
            said = {"movement": pending.key, "posted": plain(posting.amount) if posting else ""}
            # where nothing was posted, only who held something has it back
            moved = purses if posting else purses[:1]
            lines = _lines(_ENDS[state], said, ending, ending.actor, moved)
            write_audit(self._connection, lines)

    def _record(self, order: Order, purses: Sequence[Purse]) -> None:
        self._execute(
            movement_sql.RECORD,
            id=keyed_posting_id(order.key),
            key=order.key,
            kind=order.kind,
            asked=orjson.dumps(order.asked()).decode(),
            balances=orjson.dumps(_balances(purses)).decode(),
            of=order.asked().get("of") or None,
            forced=forced(order),
            memo=order.memo,
            who=order.who,
            at=self.now,
            accounts=[p.account_id for p in purses if p.funds is not None],
        )
        if order.actor is not None:
            lines = _lines(order.kind, order.asked(), order, order.actor, purses)
            write_audit(self._connection, lines)

    def _post(self, posting: Posting) -> None:
        self._execute(
            movement_sql.POST,
            id=posting.posting_id,
            kind=posting.kind.value,
            debit=posting.debit,
            credit=posting.credit,
            amount=posting.amount,
            currency=posting.currency,
            at=posting.at,
            memo=posting.memo,
        )

    def _write_funds(self, purses: Sequence[Purse]) -> None:
        for purse in purses:
            if purse.funds is not None:
                self._execute(
                    movement_sql.WRITE_FUNDS,
                    account_id=purse.account_id,
                    balance=purse.funds.balance,
                    reserved=purse.funds.reserved,
                )

    # -- within ---------------------------------------------------------------------------

    def _accounts(self, ids: Sequence[int]) -> list[AccountFacts]:
        """In the order of the ids."""
        rows = self._execute(movement_sql.ACCOUNTS, ids=list(ids))
        found = {row.account_id: AccountFacts(**row._asdict()) for row in rows}
        return [found[account_id] for account_id in ids]

    def _one(self, statement: str, **values: object) -> Row | None:
        return self._execute(statement, **values).one_or_none()

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)


def _kept(accounts: Collection[AccountFacts]) -> list[int]:
    """System accounts keep no balance, so nobody waits for them."""
    return sorted(a.account_id for a in accounts if not a.is_system)


def _purses(accounts: Sequence[AccountFacts], rows: Iterable[Row]) -> list[Purse]:
    """In the order of the accounts; system accounts without funds."""
    funds = {
        row.account_id: Funds(
            row.balance, row.overdraft_limit, row.reserved, row.lines, row.capacity
        )
        for row in rows
    }
    return [
        Purse(a.account_id, a.name, a.currency, a.closed, funds.get(a.account_id)) for a in accounts
    ]


def _asked_of(posted: PostedFacts) -> Asked:
    """What an order of a payment would have asked for."""
    account = posted.credit if posted.debit.is_system else posted.debit
    return {"account": account.name, "amount": plain(posted.amount)}


def _pending(row: Row) -> Pending:
    values = row._asdict()
    return Pending(
        **values | {"pending_id": str(values["pending_id"]), "state": State(values["state"])}
    )


def _balances(purses: Sequence[Purse]) -> dict[str, str]:
    """Of those that keep one."""
    return {p.name: plain(p.funds.balance) for p in purses if p.funds is not None}


def _lines(
    action: str,
    asked: Asked,
    order: Order | Ending,
    actor: Actor,
    purses: Sequence[Purse],
) -> list[AuditLine]:
    """One for each account that keeps a balance, with what it has by now.

    Where somebody else is named as the one who orders, he is told beside who did it.
    """
    who = "" if order.who == actor.name else order.who
    said = {name: ("", value) for name, value in {**asked, "who": who}.items() if value}
    return [
        AuditLine(
            actor,
            action,
            "account",
            purse.name,
            purse.account_id,
            {**said, "balance": ("", balance)},
        )
        for purse in purses
        if (balance := _balances([purse]).get(purse.name)) is not None
    ]
