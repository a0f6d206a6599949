"""Recurring money in PostgreSQL. Implements `services.billing_run.ports`.

Beside the call path: an object's step takes its account's funds for a few milliseconds, as a
batch of calls does, and one account's only, so that the two never wait for each other in a ring.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from controller.domain.billing_periods import Period
from controller.domain.decks import moment_text
from controller.domain.errors import StoreUnavailable, TollgateError
from controller.domain.ledger import SystemAccount, keyed_posting_id
from controller.domain.subscriptions import PeriodTerms
from controller.persistence import billing_sql
from controller.persistence.database import transaction
from controller.persistence.package_rows import announce, order_from, package_from, platform_zone
from controller.services.billing_run.ports import (
    AccountFacts,
    ActiveFacts,
    Busy,
    Candidate,
    OrderFacts,
    PhoneFacts,
    Purse,
    RecurringCharge,
    Step,
)

Row = sa.Row[Any]

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s'"
CLOSED_AT_ONCE = 1_000
SAME_MONTH = timedelta(days=2)
"""Further apart than any two time zones' begins of a month."""

_BUSY = frozenset({"55P03", "40P01", "40001"})
"""Lock not available, deadlock, serialization failure: another try may do."""


class PostgresBilling:
    """Implements `BillingStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def zone(self) -> ZoneInfo:
        with transaction(self._engine) as connection:
            return platform_zone(connection)

    def due(self, as_of: datetime, month_start: datetime) -> Sequence[Candidate]:
        found: list[Candidate] = []
        with transaction(self._engine) as connection:
            for step, statement in (
                (Step.PACKAGE_END, billing_sql.DUE_ENDS),
                (Step.PHONE_MONTH, billing_sql.DUE_PHONES),
                (Step.ACCOUNT_MONTH, billing_sql.DUE_ACCOUNTS),
                (Step.PACKAGE_PERIOD, billing_sql.DUE_ORDERS_UNTIL),
            ):
                values = {"as_of": as_of, "month": month_start}
                found += _candidates(connection, step, statement, values)
        return found

    def waiting(self, account: str) -> Sequence[Candidate]:
        with transaction(self._engine) as connection:
            statement = billing_sql.WAITING_ORDERS
            return _candidates(connection, Step.PACKAGE_PERIOD, statement, {"account": account})

    def orders(self, keys: Sequence[str]) -> Sequence[Candidate]:
        with transaction(self._engine) as connection:
            statement = billing_sql.ORDERS_BY_KEY
            return _candidates(connection, Step.PACKAGE_PERIOD, statement, {"keys": list(keys)})

    def close_without_minimum(self, as_of: datetime, now: datetime) -> int:
        closed = 0
        while True:
            with transaction(self._engine) as connection:
                values = {"as_of": as_of, "now": now, "most": CLOSED_AT_ONCE}
                done = connection.execute(sa.text(billing_sql.CLOSE_WITHOUT_MINIMUM), values)
            closed += done.rowcount
            if done.rowcount < CLOSED_AT_ONCE:
                return closed

    def announce(self) -> bool:
        with transaction(self._engine) as connection:
            return announce(connection)

    @contextmanager
    def work(self) -> Iterator["PostgresBillingWork"]:
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.text(LOCK_TIMEOUT))
                yield PostgresBillingWork(connection)
        except sa.exc.DBAPIError as error:
            raise _named(error) from error


class PostgresBillingWork:
    """Implements `BillingWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # -- lock and read --------------------------------------------------------------------

    def lock_order(self, order_id: int) -> OrderFacts | None:
        row = self._one(billing_sql.LOCK_ORDER, id=order_id)
        if row is None:
            return None
        package = self._execute(billing_sql.PACKAGE_OF_ORDER, id=order_id).one()
        free = self._execute(billing_sql.FREE_SECONDS, id=package.id).all()
        of_phone = row.phone_id is not None
        return OrderFacts(
            order=order_from(row),
            package=package_from(package, free),
            account_id=package.phone_account_id if of_phone else row.account_id,
            phone_id=row.phone_id,
            owner=f"phone {package.number}" if of_phone else package.account,
        )

    def lock_active(self, active_id: int) -> ActiveFacts | None:
        before = self._one(billing_sql.ACTIVE, id=active_id)
        if before is None:
            return None
        self.lock_purse(before.account_id)
        row = self._one(billing_sql.LOCK_ACTIVE, id=active_id)
        if row is None:
            return None
        return ActiveFacts(
            active_id=row.id,
            order_id=row.order_id,
            package=row.package,
            account_id=row.account_id,
            period=Period(row.period_start, row.period_end),
            minimum_consumption=row.minimum_consumption,
            consumption=row.consumption,
            calls_open=before.calls_open,
        )

    def lock_phone(self, phone_id: int) -> PhoneFacts | None:
        row = self._one(billing_sql.LOCK_PHONE, id=phone_id)
        if row is None:
            return None
        return PhoneFacts(
            phone_id=row.id,
            number=row.number,
            account_id=row.account_id,
            monthly_rent=row.monthly_rent,
            monthly_minimum=row.monthly_minimum,
            billed_until=row.billed_until or row.created_at,
        )

    def lock_account(self, account_id: int) -> AccountFacts | None:
        row = self._one(billing_sql.LOCK_ACCOUNT, id=account_id)
        if row is None:
            return None
        billed_until = row.billed_until or row.created_at
        return AccountFacts(row.id, row.name, row.monthly_minimum, billed_until)

    def lock_purse(self, account_id: int) -> Purse:
        row = self._execute(billing_sql.LOCK_PURSE, id=account_id).one()
        return Purse(**row._asdict())

    def account_calls_open(self, account_id: int, before: datetime) -> bool:
        values = {"id": account_id, "before": before}
        return bool(self._execute(billing_sql.ACCOUNT_CALLS_OPEN, **values).scalar_one())

    def phone_calls_open(self, phone_id: int, month: date) -> bool:
        values = {"id": phone_id, "month": month}
        return bool(self._execute(billing_sql.PHONE_CALLS_OPEN, **values).scalar_one())

    def phone_consumed(self, phone_id: int, month: date) -> Decimal:
        row = self._one(billing_sql.PHONE_CONSUMED, id=phone_id, month=month)
        return Decimal(0) if row is None else Decimal(row.consumed)

    def account_consumed(self, account_id: int, month: Period) -> Decimal:
        values = {"id": account_id, "start": month.start, "end": month.end}
        return Decimal(self._execute(billing_sql.ACCOUNT_CONSUMED, **values).scalar_one())

    # -- write ----------------------------------------------------------------------------

    def charge(self, purse: Purse, charge: RecurringCharge, now: datetime) -> bool:
        named = moment_text(charge.period_start)
        key = f"recurring:{charge.kind.value}:{charge.object_id}:{named}"
        values = {
            "kind": charge.kind.value,
            "object_id": charge.object_id,
            "period_start": charge.period_start,
            "account_id": purse.account_id,
            "source": charge.source,
            "amount": charge.amount,
            "currency": purse.currency,
            "posting_id": keyed_posting_id(key) if charge.amount else None,
            "at": now,
            "slack": SAME_MONTH if charge.one_a_month else timedelta(),
        }
        if not self._execute(billing_sql.RECORD_CHARGE, **values).rowcount:
            return False
        if charge.amount:
            revenue = self._revenue(purse.currency)
            self._execute(billing_sql.POST, **values, revenue=revenue, memo=charge.memo)
            self._execute(billing_sql.TAKE, amount=charge.amount, account_id=purse.account_id)
        return True

    def open_period(self, facts: OrderFacts, terms: PeriodTerms, now: datetime) -> int:
        values = {
            "order_id": facts.order.order_id,
            "package_id": facts.package.package_id,
            "account_id": facts.account_id,
            "phone_id": facts.phone_id,
            "priority": facts.order.priority,
            "period_start": terms.period.start,
            "period_end": terms.period.end,
            "rent": terms.rent,
            "gift": terms.gift_money,
            "consumption": self._spent(facts, terms, now),
            "minimum": terms.minimum_consumption,
            "effective": terms.effective_consumption,
        }
        active_id = int(self._execute(billing_sql.OPEN_PERIOD, **values).scalar_one())
        rows = [
            {
                "active_id": active_id,
                "position": free.position,
                "prefixes": list(free.prefixes),
                "start_s": free.start_s,
                "end_s": free.end_s,
                "cycle_s": free.cycle_s,
                "left_s": left_s,
            }
            for free, left_s in zip(facts.package.free, terms.free_s, strict=True)
        ]
        if rows:
            self._connection.execute(sa.text(billing_sql.OPEN_FREE_SECONDS), rows)
        return active_id

    def close_active(self, active_id: int, now: datetime) -> None:
        self._execute(billing_sql.CLOSE_ACTIVE, id=active_id, now=now)

    def plan_next(self, order_id: int, next_start: datetime | None, now: datetime) -> None:
        self._execute(billing_sql.PLAN_NEXT, id=order_id, next=next_start, now=now)

    def wait_for_recharge(self, order_id: int, since: datetime) -> None:
        self._execute(billing_sql.WAIT_FOR_RECHARGE, id=order_id, since=since)

    def phone_billed(self, phone_id: int, until: datetime) -> None:
        self._execute(billing_sql.PHONE_BILLED, id=phone_id, until=until)

    def account_billed(self, account_id: int, until: datetime) -> None:
        self._execute(billing_sql.ACCOUNT_BILLED, id=account_id, until=until)

    # -- within ---------------------------------------------------------------------------

    def _spent(self, facts: OrderFacts, terms: PeriodTerms, now: datetime) -> Decimal:
        """What the owner's calls of the period cost so far, where something depends on it."""
        if not (terms.minimum_consumption or terms.effective_consumption):
            return Decimal(0)
        values: dict[str, object] = {
            "account": facts.account_id,
            "start": terms.period.start,
            "end": min(terms.period.end, now),
        }
        if facts.phone_id is None:
            return Decimal(self._execute(billing_sql.ACCOUNT_SPENT, **values).scalar_one())
        values["phone"] = facts.owner.removeprefix("phone ")
        return Decimal(self._execute(billing_sql.PHONE_SPENT, **values).scalar_one())

    def _revenue(self, currency: str) -> int:
        name = f"{SystemAccount.REVENUE}:{currency}"
        row = self._one(billing_sql.REVENUE, name=name)
        if row is None:
            raise TollgateError(f"no system account {name}: 'tollgate config apply' makes it")
        return int(row.id)

    def _one(self, statement: str, **values: object) -> Row | None:
        return self._execute(statement, **values).one_or_none()

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)


def _candidates(
    connection: sa.Connection, step: Step, statement: str, values: Mapping[str, object]
) -> list[Candidate]:
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    rows = connection.execute(sa.text(statement), used)
    return [Candidate(step, row.id, row.name, row.since, row.priority) for row in rows]


def _named(error: sa.exc.DBAPIError) -> TollgateError:
    """What the database said, as the error that tells what to do about it."""
    said = str(error.orig).strip().splitlines()[0]
    if getattr(error.orig, "sqlstate", None) in _BUSY:
        return Busy(f"{said}; the next run tries again")
    if isinstance(error, sa.exc.OperationalError):
        return StoreUnavailable(said)
    return TollgateError(f"the database refused it: {said}")
