"""Payments, balances and the check of everything. Implements `services.books.Books`.

Not in a call's path, but beside it: a payment takes the same lock on the account's funds as a
batch of calls and nothing else; verification and dry runs read one snapshot and lock nothing.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.admission import Funds, Holdings, Lines
from controller.domain.errors import InvalidInput
from controller.domain.ledger import PostingKind, SystemAccount, keyed_posting_id
from controller.domain.money import plain
from controller.domain.ticket import ticket_from_json
from controller.persistence import verification_sql
from controller.persistence.database import transaction
from controller.persistence.schema import (
    account_funds,
    accounts,
    calls,
    gateway_lines,
    mapping_gateways,
    postings,
    routing_gateways,
)
from controller.services.books import (
    AccountMoney,
    BelowZero,
    Difference,
    NotPaid,
    Paid,
    Payment,
    Verification,
)

MOST_LISTED = 1_000
"""Differences of one check that are named; more are counted."""

SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
LOCK_TIMEOUT = sa.text("SET LOCAL lock_timeout = '10s'")
ZERO = Decimal(0)


class PostgresBooks:
    """Each method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def money_of(self, account: str) -> AccountMoney | None:
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            row = connection.execute(_MONEY.where(accounts.c.name == account)).one_or_none()
            if row is None:
                return None
            money = AccountMoney(**row._asdict())
            if money.kind != "system":
                return money
            return AccountMoney(**row._asdict() | {"balance": _posted(connection, money)})

    def holdings(
        self, account_ids: Collection[int], mapping_ids: Collection[int], vendors: Collection[int]
    ) -> Holdings:
        """What an admission would lock, only read. Implements `explain.HoldingsReader`."""
        found = Holdings()
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            wanted = accounts.c.id.in_(account_ids)
            for row in connection.execute(_FUNDS.where(wanted)):
                found.funds[row.id] = Funds(*row[1:])
            for side, table, ids, lines in (
                ("mapping", mapping_gateways, mapping_ids, found.mapping_lines),
                ("routing", routing_gateways, vendors, found.routing_lines),
            ):
                for gateway_id, used, capacity in connection.execute(_lines(side, table, ids)):
                    lines[gateway_id] = Lines(used, capacity)
        return found

    def pay(self, payment: Payment) -> Paid | NotPaid:
        with transaction(self._engine) as connection:
            connection.execute(LOCK_TIMEOUT)
            payee = connection.execute(
                _MONEY.where(accounts.c.name == payment.account).with_for_update(of=account_funds)
            ).one_or_none()
            if payee is None or payee.kind == "system":
                raise InvalidInput(f"no account {payment.account!r} that can be paid")
            posting_id = keyed_posting_id(payment.key)
            if not payee.closed:
                recorded = _post(connection, posting_id, payment, payee)
                if recorded is not None:
                    balance = _credit(connection, payee.account_id, payment.amount)
                    return Paid(posting_id, recorded, payment, payee.currency, balance, True)
            return _known(connection, posting_id, payment, payee)

    def verify(self, progress: Callable[[str], None]) -> Verification:
        differences: list[Difference] = []
        unlisted = 0
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            for setting in verification_sql.SETTINGS:
                connection.execute(sa.text(setting))
            for check, query in verification_sql.CHECKS.items():
                progress(check)
                listed = sa.text(f"{query} LIMIT {MOST_LISTED + 1}")
                rows = connection.execute(listed).all()
                if len(rows) > MOST_LISTED:
                    counted = sa.text(f"SELECT count(*) FROM ({query}) AS found")  # noqa: S608
                    unlisted += connection.execute(counted).scalar_one() - MOST_LISTED
                differences += [Difference(check, *row) for row in rows[:MOST_LISTED]]
            progress("reservations")
            differences += _reservations(connection)
            counted_rows = connection.execute(sa.text(verification_sql.COUNTS)).one()
            below = connection.execute(sa.text(verification_sql.BELOW_ZERO)).all()
        return Verification(
            counted_rows._asdict(),
            tuple(differences),
            unlisted,
            tuple(BelowZero(*row) for row in below),
        )


_MONEY = (
    sa.select(
        accounts.c.id.label("account_id"),
        accounts.c.name,
        accounts.c.kind,
        accounts.c.currency,
        accounts.c.closed_at.is_not(None).label("closed"),
        account_funds.c.balance,
        accounts.c.overdraft_limit,
        account_funds.c.reserved,
        account_funds.c.lines,
        accounts.c.capacity,
    )
    .select_from(accounts)
    .join(account_funds, account_funds.c.account_id == accounts.c.id)
)
_FUNDS = (
    sa.select(
        accounts.c.id,
        account_funds.c.balance,
        accounts.c.overdraft_limit,
        account_funds.c.reserved,
        account_funds.c.lines,
        accounts.c.capacity,
    )
    .select_from(accounts)
    .join(account_funds, account_funds.c.account_id == accounts.c.id)
)


def _lines(side: str, gateways: sa.Table, ids: Collection[int]) -> sa.Select[Any]:
    return (
        sa.select(gateway_lines.c.gateway_id, gateway_lines.c.used, gateways.c.capacity)
        .join(gateways, gateways.c.id == gateway_lines.c.gateway_id)
        .where(gateway_lines.c.side == side, gateways.c.id.in_(ids))
    )


def _posted(connection: sa.Connection, money: AccountMoney) -> Decimal:
    """A system account's balance: nothing keeps it, its postings tell it."""
    total = sa.func.coalesce(sa.func.sum(postings.c.amount), 0)
    credit, debit = (
        connection.execute(sa.select(total).where(side == money.account_id)).scalar_one()
        for side in (postings.c.credit_account_id, postings.c.debit_account_id)
    )
    return Decimal(credit) - Decimal(debit)


def _post(
    connection: sa.Connection, posting_id: str, payment: Payment, payee: sa.Row[Any]
) -> Any | None:
    """The posting's time, or None when its key is used already (by a finished transaction)."""
    statement = sa.dialects.postgresql.insert(postings).values(
        id=posting_id,
        kind=PostingKind.PAYMENT.value,
        debit_account_id=_cash(connection, payee.currency),
        credit_account_id=payee.account_id,
        amount=payment.amount,
        currency=payee.currency,
        at=sa.func.clock_timestamp(),
        memo=payment.memo,
    )
    return connection.scalar(statement.on_conflict_do_nothing().returning(postings.c.at))


def _cash(connection: sa.Connection, currency: str) -> int:
    name = f"{SystemAccount.CASH}:{currency}"
    found = connection.scalar(
        sa.select(accounts.c.id).where(accounts.c.name == name, accounts.c.kind == "system")
    )
    if found is None:
        raise InvalidInput(f"no system account {name}: 'tollgate config apply' makes it")
    return int(found)


def _credit(connection: sa.Connection, account_id: int, amount: Decimal) -> Decimal:
    balance = account_funds.c.balance + amount
    return Decimal(
        connection.execute(
            account_funds.update()
            .where(account_funds.c.account_id == account_id)
            .values(balance=balance)
            .returning(account_funds.c.balance)
        ).scalar_one()
    )


def _known(
    connection: sa.Connection, posting_id: str, payment: Payment, payee: sa.Row[Any]
) -> Paid | NotPaid:
    """A key that was used: the same payment again, or another one that must not pass for it."""
    before = connection.execute(sa.select(postings).where(postings.c.id == posting_id)).first()
    if before is None:
        return NotPaid(f"account {payment.account} is closed")
    figures = (before.kind, before.credit_account_id, before.amount, before.currency)
    wanted = (PostingKind.PAYMENT, payee.account_id, payment.amount, payee.currency)
    if figures != wanted:
        name = connection.scalar(
            sa.select(accounts.c.name).where(accounts.c.id == before.credit_account_id)
        )
        return NotPaid(
            f"key {payment.key!r} was used for another {before.kind}: "
            f"{plain(before.amount)} {before.currency} to {name}"
        )
    return Paid(posting_id, before.at, payment, payee.currency, payee.balance, False)


def _reservations(connection: sa.Connection) -> list[Difference]:
    """What each open call has reserved, against its ticket's price of the granted seconds."""
    found: list[Difference] = []
    rows = connection.execution_options(yield_per=1_000).execute(
        sa.select(calls.c.call_id, calls.c.granted_s, calls.c.reserved, calls.c.ticket)
    )
    for call_id, granted_s, reserved, stored in rows:
        expected = ticket_from_json(orjson.loads(stored)).sale.charge(granted_s).gross
        if reserved != expected:
            what = f"price of {granted_s} s"
            found.append(
                Difference("reservations", call_id, what, plain(reserved), plain(expected))
            )
    return found
