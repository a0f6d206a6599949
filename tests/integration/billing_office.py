"""Accounts, phones, packages and orders in a database, with a clock that the test sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.ledger import keyed_posting_id
from controller.persistence import schema as t
from controller.persistence.billing_store import PostgresBilling
from controller.services.billing_run.report import Report
from controller.services.billing_run.run import BillingRun

CURRENCY = "USD"
LONG_AGO = "2025-01-01"


def at(text: str) -> datetime:
    """ISO 8601; UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(slots=True)
class SetClock:
    """Implements `services.ports.Clock`."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


class Office:
    """An operator whose customers pay by the month."""

    def __init__(self, engine: sa.Engine, zone: str = "UTC") -> None:
        self.engine = engine
        self.clock = SetClock()
        self.billing = BillingRun(PostgresBilling(engine), self.clock)
        with engine.begin() as connection:
            for name in ("cash", "revenue", "tax", "gifts"):
                _insert(connection, t.accounts, name=f"{name}:{CURRENCY}", kind="system")
        self.zone(zone)

    # -- what there is ----------------------------------------------------------------------

    def zone(self, name: str) -> None:
        with self.engine.begin() as connection:
            state = t.configuration_state
            connection.execute(state.update().values(parameters={"timezone": name}))

    def account(self, name: str, balance: str = "0", **columns: Any) -> int:
        values = {"kind": "ordinary", "created_at": at(LONG_AGO)} | columns
        with self.engine.begin() as connection:
            account = _insert(connection, t.accounts, name=name, **values)
        if Decimal(balance):
            self.pay(name, balance)
        return account

    def pay(self, account: str, amount: str) -> None:
        """Money from cash (or back to it), without what a payment sets going."""
        self.post("payment", f"cash:{CURRENCY}", account, amount, str(self.clock.now()))

    def post(self, kind: str, debit: str, credit: str, amount: str, when: str) -> None:
        money = Decimal(amount)
        with self.engine.begin() as connection:
            sides = [self._id(connection, debit), self._id(connection, credit)]
            for account, change in zip(sides, (-money, money), strict=True):
                funds = t.account_funds
                connection.execute(
                    funds.update()
                    .where(funds.c.account_id == account)
                    .values(balance=funds.c.balance + change)
                )
            if money < 0:
                sides.reverse()
            count = connection.scalar(sa.select(sa.func.count()).select_from(t.postings))
            connection.execute(
                t.postings.insert().values(
                    id=keyed_posting_id(f"test {count}"),
                    kind=kind,
                    debit_account_id=sides[0],
                    credit_account_id=sides[1],
                    amount=abs(money),
                    currency=CURRENCY,
                    at=datetime.fromisoformat(when),
                )
            )

    def called(self, account: str, gross: str, when: str) -> None:
        """A call that ended then and cost so much, tax included."""
        self.post("call_charge", account, f"revenue:{CURRENCY}", gross, str(at(when)))

    def phone(self, number: str, account: str, **columns: Any) -> int:
        values = {"created_at": at(LONG_AGO)} | columns
        with self.engine.begin() as connection:
            owner = self._id(connection, account)
            return _insert(connection, t.phones, number=number, account_id=owner, **values)

    def phone_used(self, number: str, month: str, consumed: str) -> None:
        with self.engine.begin() as connection:
            phone = connection.scalar(sa.select(t.phones.c.id).where(t.phones.c.number == number))
            connection.execute(
                t.phone_months.insert().values(
                    phone_id=phone, month=at(month).date(), consumed=Decimal(consumed)
                )
            )

    def package(self, name: str, free: Sequence[dict[str, Any]] = (), **columns: Any) -> int:
        values = {"period": "month", "rent": Decimal(10)} | columns
        with self.engine.begin() as connection:
            package = _insert(connection, t.packages, name=name, **values)
            for position, row in enumerate(free):
                connection.execute(
                    t.package_free_seconds.insert().values(
                        package_id=package, position=position, **row
                    )
                )
        return package

    def order(self, key: str, package: str, account: str, first: str, **columns: Any) -> int:
        begins = at(first)
        values = {"created_at": begins, "available_from": begins, "next_period_start": begins}
        with self.engine.begin() as connection:
            wanted = connection.scalar(
                sa.select(t.packages.c.id).where(t.packages.c.name == package)
            )
            owner = self._id(connection, account)
            fields = {"package_id": wanted, "account_id": owner, **values, **columns}
            return _insert(connection, t.package_orders, currency=None, key=key, **fields)

    def call_goes_on(self, account: str, offered: str, **columns: Any) -> None:
        """A call in progress that the account pays for."""
        with self.engine.begin() as connection:
            payer = self._id(connection, account)
            count = connection.scalar(sa.select(sa.func.count()).select_from(t.calls))
            connection.execute(
                t.calls.insert().values(
                    call_id=keyed_posting_id(f"call {count}"),
                    switch_id="s",
                    account_id=payer,
                    mapping_gateway_id=1,
                    routing_gateway_ids=[],
                    payer_ids=[payer],
                    payer_reserved=[Decimal(0)],
                    granted_s=60,
                    offered_at=at(offered),
                    ticket=b"{}",
                    **columns,
                )
            )

    def calls_end(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(t.calls.delete())

    # -- what is done -----------------------------------------------------------------------

    def run(self, now: str, as_of: str | None = None) -> Report:
        self.clock.moment = at(now)
        return self.billing.run(at(as_of) if as_of else None)

    def execute(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    # -- what came of it --------------------------------------------------------------------

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def balance(self, account: str) -> Decimal:
        query = """SELECT balance FROM account_funds f JOIN accounts a ON a.id = f.account_id
            WHERE a.name = :name"""
        ((balance,),) = self.rows(query, name=account)
        return Decimal(balance)

    @property
    def charges(self) -> list[tuple[str, ...]]:
        """Other-income records: kind, source, period's begin (UTC), amount, balance after."""
        return [
            (kind, source, f"{start:%m-%d %H:%M}", f"{amount:.2f}", f"{after:.2f}")
            for kind, source, start, amount, after in self.rows(
                """SELECT r.kind, r.source, r.period_start, r.amount, r.balance_after
                FROM recurring_charges r LEFT JOIN postings p ON p.id = r.posting_id
                ORDER BY r.at, r.balance_after DESC, r.period_start, r.kind, r.source"""
            )
        ]

    @property
    def periods(self) -> list[tuple[Any, ...]]:
        """Periods that were opened: order's key, begin, end, rent, and whether closed."""
        return [
            (key, f"{start:%m-%d}", f"{end:%m-%d}", f"{rent:.2f}", closed)
            for key, start, end, rent, closed in self.rows(
                """SELECT o.key, a.period_start, a.period_end, a.rent_paid,
                    a.closed_at IS NOT NULL
                FROM active_packages a JOIN package_orders o ON o.id = a.order_id
                ORDER BY a.period_start, o.key"""
            )
        ]

    @property
    def version(self) -> int:
        ((version,),) = self.rows("SELECT version FROM configuration_state")
        return int(version)

    def assert_books_balance(self) -> None:
        """Balances are their postings; charges and their postings say the same, each once."""
        wrong = self.rows(
            """
            SELECT a.name FROM accounts a JOIN account_funds f ON f.account_id = a.id
            WHERE f.balance <> coalesce((SELECT sum(CASE WHEN credit_account_id = a.id
                THEN amount ELSE -amount END) FROM postings
                WHERE a.id IN (credit_account_id, debit_account_id)), 0)
                AND a.kind <> 'system'
            """
        )
        assert wrong == []
        different = self.rows(
            """
            SELECT r.kind, r.object_id, r.period_start, p.kind, p.amount
            FROM recurring_charges r FULL JOIN (SELECT * FROM postings
                WHERE kind LIKE '%\\_rent' OR kind LIKE '%\\_minimum') p ON p.id = r.posting_id
            LEFT JOIN accounts credit ON credit.id = p.credit_account_id
            WHERE (r.amount > 0 OR r.kind IS NULL) AND (p.kind, p.amount, p.currency,
                p.debit_account_id, credit.name) IS DISTINCT FROM
                (r.kind, r.amount, r.currency, r.account_id, 'revenue:' || r.currency)
            """
        )
        assert different == []

    def _id(self, connection: sa.Connection, account: str) -> int:
        accounts = t.accounts
        found = connection.scalar(sa.select(accounts.c.id).where(accounts.c.name == account))
        assert found is not None
        return int(found)


def _insert(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    if "currency" in table.c:
        values = {"currency": CURRENCY} | values
    else:
        values.pop("currency", None)
    query = table.insert().values(**values).returning(table.c.id)
    return int(connection.execute(query).scalar_one())
