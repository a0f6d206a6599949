"""The sums behind dashboards, for everybody: exact, whoever wrote and folded them, and when."""

from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from controller.persistence.call_sum_store import PostgresCallSums
from controller.persistence.schema import call_sums_new
from controller.persistence.views.dashboard import PostgresDashboard
from controller.services.actors import EVERYTHING, Scope
from controller.services.views.dashboard import Takings
from tests.web.conftest import OwnedClock
from tests.web.hierarchy import CALLERS, CHARGES, COST, COST_TAX, PARENTS, World, add_call, plant

AGENTS = sorted(PARENTS)


@pytest.fixture
def world(engine: sa.Engine, clock: OwnedClock) -> World:
    return plant(engine, clock.now())


def earned_by(world: World, name: str) -> Decimal:
    """What accounts directly below owe for a call of each account below."""
    levels = (world.chain(caller).index(name) for caller in world.below(name) if caller in CALLERS)
    return sum((CHARGES[level - 1] for level in levels if level > 0), Decimal(0))


def paid_by(world: World, name: str) -> Decimal:
    levels = (world.chain(caller).index(name) for caller in world.below(name) if caller in CALLERS)
    return sum((CHARGES[level] for level in levels), Decimal(0))


@pytest.mark.parametrize("folded", [False, True])
def test_sums_of_each_scope(world: World, clock: OwnedClock, folded: bool) -> None:
    """The same before and after the job; two days together, for the test may run at midnight."""
    if folded:
        taken, kept = PostgresCallSums(world.engine).fold()
        assert taken >= kept > 0
        assert PostgresCallSums(world.engine).fold() == (0, 0)
        with world.engine.connect() as connection:
            assert not connection.execute(sa.select(call_sums_new)).all()
    view = PostgresDashboard(world.engine, clock)
    for name in AGENTS:
        figures = view.figures(world.agent(name), UTC)
        mine = [caller for caller in CALLERS if caller in world.below(name)]
        offered = figures.today.traffic.offered + figures.yesterday.traffic.offered
        answered = figures.today.traffic.answered + figures.yesterday.traffic.answered
        assert (offered, answered) == (2 * len(mine), len(mine))
        assert figures.calls_now == len(mine)
        today, before = figures.today.money("USD"), figures.yesterday.money("USD")
        assert today.earned + before.earned == earned_by(world, name)
        assert today.paid + before.paid == paid_by(world, name)
        assert figures.last_hour.offered == 2 * len(mine)
        assert sum(minute.offered for minute in figures.minutes) == 3 * len(mine)
        assert figures.funds is not None
        assert figures.funds.account == name
        own = view.figures(world.customer(name), UTC)
        assert own.last_hour.offered == (2 if name in CALLERS else 0)
        spent = own.today.money("USD").spent + own.yesterday.money("USD").spent
        assert spent == (CHARGES[0] if name in CALLERS else 0)
        assert not any(t.earned for t in (*own.today.takings, *own.yesterday.takings))


def test_the_platforms_revenue_is_what_the_topmost_payers_owe(
    world: World, clock: OwnedClock
) -> None:
    figures = PostgresDashboard(world.engine, clock).figures(EVERYTHING, UTC)
    tops = [CHARGES[len(world.chain(name)) - 1] for name in CALLERS]
    total = [figures.today.money("USD"), figures.yesterday.money("USD")]
    assert sum(t.earned for t in total) == sum(tops)
    assert sum(t.paid for t in total) == len(CALLERS) * (COST + COST_TAX)
    assert figures.last_hour.offered == 2 * len(CALLERS) + 1, "a stranger's call is one, too"
    assert figures.funds is None


def test_a_correction_counts_by_its_difference(world: World, clock: OwnedClock) -> None:
    corrected = """
        INSERT INTO cdr_charges (call_id, started_at, party, revision, account_id, billed_s,
            rated_s, net, tax, currency)
        SELECT call_id, started_at, party, revision + 1, account_id, billed_s, rated_s,
            net - 0.10, 0.05, currency
        FROM cdr_charges WHERE call_id = :id AND party IN (0, 1)
    """
    view = PostgresDashboard(world.engine, clock)

    def money(scope: Scope) -> Takings:
        figures = view.figures(scope, UTC)
        both = (figures.today.money("USD"), figures.yesterday.money("USD"))
        return Takings(
            "USD",
            sum((t.earned for t in both), Decimal(0)),
            sum((t.paid for t in both), Decimal(0)),
            sum((t.tax for t in both), Decimal(0)),
        )

    scopes = [EVERYTHING, *(world.agent(name) for name in ("shop", "dhaka", "bd"))]
    before = [money(scope) for scope in scopes]
    world.run(corrected, id=world.answered["shop"])
    after = [money(scope) for scope in scopes]
    less, more = Decimal("-0.10"), Decimal("0.05")
    changes = [
        (a.earned - b.earned, a.paid - b.paid, a.tax - b.tax)
        for a, b in zip(after, before, strict=True)
    ]
    assert changes == [(0, 0, 0), (0, less, more), (less, less, more), (less, 0, 0)]


def test_days_and_hours_are_those_of_the_zone(world: World, clock: OwnedClock) -> None:
    """A call of a quarter of an hour ago is in this hour's bar or in the one before."""
    for zone in ("Asia/Kathmandu", "America/St_Johns", "Europe/Madrid"):
        figures = PostgresDashboard(world.engine, clock).figures(world.agent("bd"), ZoneInfo(zone))
        assert len(figures.hours) in (24, 25)
        local = clock.now().astimezone(ZoneInfo(zone))
        assert figures.hours[0].at == local.replace(hour=0, minute=0, second=0, microsecond=0)
        of_today = [hour.today for hour in figures.hours if hour.today is not None]
        assert sum(hour.traffic.offered for hour in of_today) == figures.today.traffic.offered
        past = sum(hour.yesterday.traffic.offered for hour in figures.hours)
        assert past == figures.yesterday.traffic.offered
        assert figures.by_now.traffic.offered <= figures.yesterday.traffic.offered


def test_sums_of_long_ago_are_forgotten(world: World, clock: OwnedClock) -> None:
    store = PostgresCallSums(world.engine)
    store.fold()
    assert store.forget() == 0
    world.run("UPDATE call_sums SET at = at - interval '5 days' WHERE account_id = 0")
    assert store.forget() > 0
    with world.engine.begin() as connection:
        add_call(connection, world, "solo", clock.now() - timedelta(days=4))
        assert not connection.execute(sa.select(call_sums_new)).all(), "nobody asks for it"
