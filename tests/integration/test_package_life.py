"""A package from its order through the calls of a period to the account of that period."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.call_record import RecordRules
from controller.persistence import schema as t
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.ledger_store import PostgresBooks
from controller.services.billing_run.run import BillingRun
from controller.services.journal_entries import End, Extend
from tests.integration.billing_office import SetClock
from tests.integration.placed_calls import Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import CURRENCY, Seed, plant

RULES = RecordRules()
NOW = datetime.now(UTC).replace(microsecond=0)
MONTH = NOW.replace(day=1, hour=0, minute=0, second=0)
NEXT_MONTH = (MONTH.replace(day=28) + (NOW.replace(day=8) - NOW.replace(day=1))).replace(day=1)


def order(engine: sa.Engine, **package: Any) -> None:
    """A monthly package with 100 free seconds to Italy, ordered for the first customer."""
    with engine.begin() as connection:
        account = connection.scalar(
            sa.select(t.accounts.c.id).where(t.accounts.c.name == "customer")
        )
        package_id = connection.scalar(
            t.packages.insert()
            .values(name="Italy 100", currency=CURRENCY, period="month", **package)
            .returning(t.packages.c.id)
        )
        connection.execute(
            t.package_free_seconds.insert().values(
                package_id=package_id, position=1, prefixes=["39"], seconds=100, cycle_s=1
            )
        )
        connection.execute(
            t.package_orders.insert().values(
                key="italy",
                package_id=package_id,
                account_id=account,
                available_from=MONTH,
                next_period_start=MONTH,
                created_at=MONTH,
            )
        )


def call(engine: sa.Engine, url: str, seconds: int) -> None:
    """A call of the first customer, as a controller of now would carry it."""
    caller = Caller(engine, url)
    ticket = caller.admit(started_us=int(NOW.timestamp()) * 1_000_000)
    for _ in range(seconds // 60):
        caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    caller.store.commit([End(end_of(ticket, seconds), ticket, None, RULES)])
    caller.store.close()


def balance(engine: sa.Engine) -> Decimal:
    with engine.connect() as connection:
        return Decimal(
            connection.execute(
                sa.text(
                    "SELECT f.balance FROM account_funds f JOIN accounts a ON a.id = f.account_id"
                    " WHERE a.name = 'customer'"
                )
            ).scalar_one()
        )


def charges(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        return [
            (str(row[0]), str(row[1]))
            for row in connection.execute(
                sa.text(
                    "SELECT kind, trim_scale(amount)::text FROM recurring_charges"
                    " ORDER BY at, kind DESC, period_start"
                )
            )
        ]


def assert_all_is_well(engine: sa.Engine) -> None:
    assert_books_balance(engine)
    assert PostgresBooks(engine).verify(lambda _: None).differences == ()


def test_rent_calls_shortfall_and_the_next_period(engine: sa.Engine, database_url: str) -> None:
    """Rent 9.99; 160 s at 0.60 a minute of which 100 are free; 2.00 were to be consumed."""
    plant(engine, Seed((5080,)))
    order(engine, rent=Decimal("9.99"), minimum_consumption=Decimal(2))
    clock = SetClock(NOW)
    billing = BillingRun(PostgresBilling(engine), clock)
    assert billing.run().ok
    assert balance(engine) == Decimal("90.01")

    call(engine, database_url, 160)
    assert balance(engine) == Decimal("89.41")
    call(engine, database_url, 30)
    assert balance(engine) == Decimal("89.11")
    assert_all_is_well(engine)
    assert not billing.run().charges

    clock.moment = NEXT_MONTH
    billing.run()
    # 0.60 + 0.30 were consumed: 1.10 is short, and the next month's rent is due
    assert charges(engine) == [
        ("package_rent", "9.99"),
        ("package_rent", "9.99"),
        ("package_minimum", "1.1"),
    ]
    assert balance(engine) == Decimal("78.02")
    with engine.connect() as connection:
        left = connection.execute(
            sa.text("SELECT left_s, reserved_s FROM active_free_seconds ORDER BY id")
        ).all()
    assert [tuple(row) for row in left] == [(0, 0), (100, 0)]
    assert_all_is_well(engine)


def test_a_package_that_is_removed_in_mid_call_breaks_nothing(
    engine: sa.Engine, database_url: str
) -> None:
    """The call that holds its free seconds still uses them; the next one has none."""
    plant(engine, Seed((5080,)))
    order(engine)
    BillingRun(PostgresBilling(engine), SetClock(NOW)).run()
    caller = Caller(engine, database_url)
    ticket = caller.admit(started_us=int(NOW.timestamp()) * 1_000_000)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE active_packages SET closed_at = now(), period_end = now()")
        )
    caller.store.commit([End(end_of(ticket, 50), ticket, None, RULES)])
    assert balance(engine) == Decimal(100)
    after = Caller(engine, database_url)
    assert (
        after.draft(started_us=int(datetime.now(UTC).timestamp() + 2) * 1_000_000).payers[0].free
        == ()
    )
    assert_all_is_well(engine)
