"""Payments, balances and the check of everything. Implements `services.books.Books`.

Not in a call's path: a payment is a movement like others (movement_store.py), verification reads
one snapshot and locks nothing.
"""

from collections.abc import Callable
from decimal import Decimal

import sqlalchemy as sa

from controller.domain.ledger import keyed_posting_id
from controller.domain.movements import NotMoved
from controller.persistence import verification_sql
from controller.persistence.database import transaction
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.schema import (
    account_funds,
    accounts,
    pending_movements,
    postings,
)
from controller.persistence.verification_reservations import reservation_differences
from controller.services.books import (
    AccountMoney,
    BelowZero,
    Difference,
    NotPaid,
    Paid,
    Payment,
    Verification,
)
from controller.services.movements.orders import Deposit
from controller.services.movements.run import Movements

MOST_LISTED = 1_000
"""Differences of one check that are named; more are counted."""

SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
LOCK_TIMEOUT = sa.text("SET LOCAL lock_timeout = '10s'")


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

    def pay(self, payment: Payment) -> Paid | NotPaid:
        order = Deposit(
            account=payment.account,
            amount=payment.amount,
            key=payment.key,
            memo=payment.memo,
            who=payment.who,
            actor=payment.actor,
        )
        done = Movements(PostgresMovements(self._engine)).move(order)
        if isinstance(done, NotMoved):
            return NotPaid(done.why)
        (after,) = done.accounts
        posting_id = keyed_posting_id(payment.key)
        return Paid(posting_id, done.at, payment, after.currency, after.balance, done.recorded)

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
            differences += reservation_differences(connection)
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
        sa.select(sa.func.coalesce(sa.func.sum(pending_movements.c.amount), 0))
        .where(
            pending_movements.c.debit_account_id == accounts.c.id,
            pending_movements.c.state == "pending",
        )
        .scalar_subquery()
        .label("pending"),
        account_funds.c.lines,
        accounts.c.capacity,
    )
    .select_from(accounts)
    .join(account_funds, account_funds.c.account_id == accounts.c.id)
)


def _posted(connection: sa.Connection, money: AccountMoney) -> Decimal:
    """A system account's balance: nothing keeps it, its postings tell it."""
    total = sa.func.coalesce(sa.func.sum(postings.c.amount), 0)
    credit, debit = (
        connection.execute(sa.select(total).where(side == money.account_id)).scalar_one()
        for side in (postings.c.credit_account_id, postings.c.debit_account_id)
    )
    return Decimal(credit) - Decimal(debit)
