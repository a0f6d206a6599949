"""Package orders: what opens when, for how much, and what happens where the money is short."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.subscriptions import (
    Decision,
    Ends,
    FreeSeconds,
    Later,
    OnInsufficient,
    Opens,
    Order,
    Package,
    Skips,
    Waits,
    decide,
    never_opens,
    shortfall,
)

UTC_ZONE = ZoneInfo("UTC")
PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> datetime:
    """A local midnight or time, UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def package(**changes: Any) -> Package:
    """30.00 a month with 10.00 gift money, 9.00 minimum and 100 free minutes."""
    values: dict[str, Any] = {
        "package_id": 1,
        "name": "monthly",
        "currency": "USD",
        "period": PackagePeriod.MONTH,
        "rent": Decimal("30"),
        "gift_money": Decimal("10"),
        "minimum_consumption": Decimal("9"),
        "effective_consumption": Decimal("3"),
        "free": (FreeSeconds(0, ("39",), 6000), FreeSeconds(1, ("*",), 100)),
    }
    return Package(**values | changes)


def once(**changes: Any) -> Package:
    return package(name="once", period=PackagePeriod.ONCE, period_s=86_400, **changes)


def order(first: str, **changes: Any) -> Order:
    """An order from a day on, made on that day."""
    begins = at(first)
    fields: dict[str, Any] = {"created_at": begins, "next_start": begins}
    return Order(1, "key", begins, **fields | changes)


def decided(
    of: Package, by: Order, as_of: str, money: str = "1000", zone: ZoneInfo = UTC_ZONE
) -> Decision:
    moment = at(as_of)
    return decide(of, by, zone, as_of=moment, now=moment, available=Decimal(money))


def opened(of: Package, by: Order, as_of: str, money: str = "1000") -> Opens:
    decision = decided(of, by, as_of, money)
    assert isinstance(decision, Opens)
    return decision


def amounts(decision: Opens) -> tuple[str, str, str, str, tuple[int, ...]]:
    terms = decision.terms
    return (
        f"{terms.rent:f}",
        f"{terms.gift_money:f}",
        f"{terms.minimum_consumption:f}",
        f"{terms.effective_consumption:f}",
        terms.free_s,
    )


@pytest.mark.parametrize(
    ("first", "partial", "as_of", "begins", "ends", "rent", "free_s"),
    [
        # ordered, partial allowed, today, the period, its rent, its free seconds
        ("2026-04-01", False, "2026-04-01", "2026-04-01", "2026-05-01", "30.000000", 6000),
        ("2026-04-01", True, "2026-04-01", "2026-04-01", "2026-05-01", "30.000000", 6000),
        # 15 of 30 days
        ("2026-04-16", True, "2026-04-16", "2026-04-16", "2026-05-01", "15.000000", 3000),
        # 1 of 30
        ("2026-04-30", True, "2026-04-30", "2026-04-30", "2026-05-01", "1.000000", 200),
        # 17 of 31: 16.4516129… and 3290.3…
        ("2026-01-15", True, "2026-01-15", "2026-01-15", "2026-02-01", "16.451613", 3290),
        # 14 of 28, and of 29 in a leap year
        ("2026-02-15", True, "2026-02-15", "2026-02-15", "2026-03-01", "15.000000", 3000),
        ("2028-02-15", True, "2028-02-15", "2028-02-15", "2028-03-01", "15.517241", 3103),
    ],
)
def test_the_first_period(
    first: str, partial: bool, as_of: str, begins: str, ends: str, rent: str, free_s: int
) -> None:
    decision = opened(package(allow_partial_first=partial), order(first), as_of)
    assert (decision.terms.period.start, decision.terms.period.end) == (at(begins), at(ends))
    assert (f"{decision.terms.rent:f}", decision.terms.free_s[0]) == (rent, free_s)
    assert (decision.due, decision.next_start) == (at(begins), at(ends))


def test_everything_of_a_partial_first_period_is_its_part_by_days() -> None:
    decision = opened(package(allow_partial_first=True), order("2026-01-15"), "2026-01-15")
    expected = ("16.451613", "5.483871", "4.935484", "1.645161", (3290, 54))
    assert amounts(decision) == expected


def test_without_partial_first_the_next_whole_period_is_waited_for() -> None:
    assert decided(package(), order("2026-04-16"), "2026-04-16") == Later(at("2026-05-01"))
    waiting = order("2026-04-16", next_start=at("2026-05-01"))
    assert decided(package(), waiting, "2026-04-30T23:59") == Later(at("2026-05-01"))
    decision = opened(package(), waiting, "2026-05-01")
    assert amounts(decision) == ("30.000000", "10.000000", "9.000000", "3.000000", (6000, 100))


def test_an_anniversary_always_begins_whole() -> None:
    monthly = package(alignment=Alignment.ANNIVERSARY)
    decision = opened(monthly, order("2026-01-31"), "2026-01-31")
    assert decision.terms.rent == 30
    assert decision.next_start == at("2026-02-28")
    second = replace(order("2026-01-31"), next_start=decision.next_start)
    assert opened(monthly, second, "2026-02-28").next_start == at("2026-03-31")


def test_days_are_those_of_the_platforms_zone() -> None:
    """The last week of March in Paris has a day of 23 hours; 3 of 31 days are 3 of 31."""
    by = order("2026-03-28T23:00")
    decision = decided(package(allow_partial_first=True), by, "2026-03-28T23:00", zone=PARIS)
    assert isinstance(decision, Opens)
    assert decision.terms.period.end == at("2026-03-31T22:00")
    assert f"{decision.terms.rent:f}" == "2.903226"


@pytest.mark.parametrize(
    ("percent", "rent"),
    [("100", "30.000000"), ("50", "15.000000"), ("33.3333", "9.999990"), ("0", "0.000000")],
)
def test_rent_percent(percent: str, rent: str) -> None:
    by = order("2026-04-01", rent_percent=Decimal(percent))
    assert f"{opened(package(), by, '2026-04-01').terms.rent:f}" == rent


def test_percent_and_part_are_rounded_once() -> None:
    """9.99 × 33.3333 % × 17/31 = 1.82612721…, from the exact figures, half up."""
    by = order("2026-01-15", rent_percent=Decimal("33.3333"))
    decision = opened(package(rent=Decimal("9.99"), allow_partial_first=True), by, "2026-01-15")
    assert f"{decision.terms.rent:f}" == "1.826127"


@pytest.mark.parametrize(
    ("money", "opens"),
    [("30", True), ("30.01", True), ("29.999999", False), ("0", False), ("-5", False)],
)
def test_the_rent_needs_its_money(money: str, opens: bool) -> None:
    decision = decided(package(), order("2026-04-01"), "2026-04-01", money)
    assert isinstance(decision, Opens if opens else Waits)


def test_what_costs_nothing_opens_whatever_the_balance() -> None:
    free = package(rent=Decimal(0))
    assert isinstance(decided(free, order("2026-04-01"), "2026-04-01", "-100"), Opens)


def test_waiting_for_a_recharge_keeps_its_first_moment() -> None:
    first = decided(package(), order("2026-04-01"), "2026-04-01", "0")
    assert first == Waits(Decimal(30), at("2026-04-01"))
    waiting = order("2026-04-01", waiting_since=at("2026-04-01"))
    assert decided(package(), waiting, "2026-04-09", "29") == Waits(Decimal(30), at("2026-04-01"))


@pytest.mark.parametrize(
    ("paid", "begins", "ends"),
    [
        ("2026-04-20", "2026-04-01", "2026-05-01"),
        ("2026-04-30T23:59:59", "2026-04-01", "2026-05-01"),
        ("2026-05-01", "2026-05-01", "2026-06-01"),
        # April and May are left out: they were never used
        ("2026-06-10", "2026-06-01", "2026-07-01"),
    ],
)
def test_a_recharge_opens_the_period_that_runs(paid: str, begins: str, ends: str) -> None:
    waiting = order("2026-04-01", waiting_since=at("2026-04-01"))
    decision = opened(package(), waiting, paid)
    assert (decision.terms.period.start, decision.terms.period.end) == (at(begins), at(ends))
    assert decision.terms.rent == 30


def test_a_recharge_in_a_partial_first_period_pays_its_part() -> None:
    partial = package(allow_partial_first=True)
    waiting = order("2026-04-16", waiting_since=at("2026-04-16"))
    assert opened(partial, waiting, "2026-04-20").terms.rent == 15
    assert opened(partial, waiting, "2026-05-02").terms.rent == 30


def test_waiting_for_the_next_period_leaves_this_one_out() -> None:
    by = order("2026-04-01", on_insufficient=OnInsufficient.WAIT_PERIOD)
    decision = decided(package(), by, "2026-04-01", "29")
    assert isinstance(decision, Skips)
    assert (decision.period.start, decision.next_start) == (at("2026-04-01"), at("2026-05-01"))


def test_deleting_ends_the_order() -> None:
    by = order("2026-04-01", on_insufficient=OnInsufficient.DELETE)
    assert decided(package(), by, "2026-04-01", "29") == Ends("rent not covered")


def test_after_downtime_periods_come_one_by_one() -> None:
    by = order("2026-01-01")
    begins = []
    while isinstance(decision := decided(package(), by, "2026-04-10"), Opens):
        begins.append(f"{decision.due:%Y-%m-%d}")
        by = replace(by, next_start=decision.next_start)
    assert begins == ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
    assert decision == Later(at("2026-05-01"))


def test_periods_before_the_order_was_made_are_never_opened() -> None:
    by = order("2020-05-01", created_at=at("2026-04-10T12:00"))
    decision = opened(package(), by, "2026-04-10T12:00")
    assert decision.due == at("2026-04-01")
    assert decision.terms.rent == 30


@pytest.mark.parametrize(
    ("expires", "ends", "next_start"),
    [
        ("2026-04-20", "2026-04-20", None),
        ("2026-05-01", "2026-05-01", None),
        ("2026-05-02", "2026-05-01", "2026-05-01"),
    ],
)
def test_expiry_cuts_the_last_period_short(expires: str, ends: str, next_start: str | None) -> None:
    decision = opened(package(), order("2026-04-01", expires_at=at(expires)), "2026-04-01")
    assert decision.terms.period.end == at(ends)
    assert decision.terms.rent == 30
    assert decision.next_start == (at(next_start) if next_start else None)


def test_an_expired_order_ends() -> None:
    by = order("2026-04-01", expires_at=at("2026-04-20"), waiting_since=at("2026-04-01"))
    assert decided(package(), by, "2026-04-20") == Ends("expired")
    assert decided(package(), order("2026-05-01", expires_at=at("2026-05-01")), "2026-05-01") == (
        Ends("expired")
    )


def test_an_order_that_is_over_stays_over() -> None:
    assert decided(package(), order("2026-04-01", next_start=None), "2026-04-01") == Ends("over")


def test_a_one_off_package_lasts_its_seconds_from_the_moment_it_is_paid() -> None:
    decision = opened(once(), order("2026-04-01"), "2026-04-01T15:30")
    assert decision.terms.period.start == at("2026-04-01T15:30")
    assert decision.terms.period.end == at("2026-04-02T15:30")
    assert (decision.due, decision.next_start) == (at("2026-04-01"), None)
    assert amounts(decision) == ("30.000000", "10.000000", "9.000000", "3.000000", (6000, 100))


def test_a_one_off_package_lasts_until_its_expiry_if_it_has_one() -> None:
    by = order("2026-04-01", expires_at=at("2026-04-30"))
    assert opened(once(), by, "2026-04-01T15:30").terms.period.end == at("2026-04-30")
    assert decided(once(), by, "2026-04-30") == Ends("expired")


def test_a_one_off_package_may_begin_later() -> None:
    assert decided(once(), order("2026-05-01"), "2026-04-01") == Later(at("2026-05-01"))


def test_a_one_off_package_waits_or_ends_too() -> None:
    assert isinstance(decided(once(), order("2026-04-01"), "2026-04-01", "1"), Waits)
    by = order("2026-04-01", on_insufficient=OnInsufficient.DELETE)
    assert isinstance(decided(once(), by, "2026-04-01", "1"), Ends)


@pytest.mark.parametrize(
    ("of", "first", "expires", "never"),
    [
        (package(), "2026-04-16", "2026-05-01", True),
        (package(), "2026-04-16", "2026-05-02", False),
        (package(allow_partial_first=True), "2026-04-16", "2026-04-20", False),
        (package(), "2026-04-16", None, False),
        (once(), "2026-04-16", "2026-04-16", True),
        (once(), "2026-04-16", "2026-04-17", False),
    ],
)
def test_orders_that_expire_before_they_begin(
    of: Package, first: str, expires: str | None, never: bool
) -> None:
    by = order(first, expires_at=at(expires) if expires else None)
    assert never_opens(of, by, UTC_ZONE) is never


@pytest.mark.parametrize(
    ("minimum", "consumed", "owed"),
    [("20", "12.50", "7.50"), ("20", "25", "0"), ("20", "20", "0"), ("0", "0", "0")],
)
def test_shortfall(minimum: str, consumed: str, owed: str) -> None:
    """Spec B5: min 20, used 12.50 → 7.50; used 25 → 0."""
    assert shortfall(Decimal(minimum), Decimal(consumed)) == Decimal(owed)


KINDS = st.sampled_from([kind for kind in PackagePeriod if kind is not PackagePeriod.ONCE])
BEGINS = st.integers(0, 5_000_000).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(
    KINDS,
    st.sampled_from(list(Alignment)),
    st.booleans(),
    BEGINS,
    st.sampled_from([UTC_ZONE, PARIS, ZoneInfo("America/Sao_Paulo")]),
    st.lists(st.booleans(), min_size=1, max_size=12),
)
def test_whatever_the_money_periods_never_overlap_and_never_come_twice(
    kind: PackagePeriod,
    alignment: Alignment,
    partial: bool,
    begins: datetime,
    zone: ZoneInfo,
    paid: list[bool],
) -> None:
    """Rent is paid or refused by turns, with time going on: periods follow each other."""
    of = package(period=kind, alignment=alignment, allow_partial_first=partial)
    by = Order(1, "key", begins, begins, begins)
    now = begins
    seen = []
    for covered in paid:
        money = Decimal(1000) if covered else Decimal(0)
        decision = decide(of, by, zone, as_of=now, now=now, available=money)
        if isinstance(decision, Opens):
            assert 0 < decision.terms.rent <= of.rent
            seen.append(decision.terms.period)
            by = replace(by, next_start=decision.next_start, waiting_since=None)
            now = max(now, decision.terms.period.end)
        elif isinstance(decision, Waits):
            by = replace(by, waiting_since=decision.since)
            now += timedelta(days=11)
        else:
            assert isinstance(decision, Later)
            now = decision.next_start
    for before, after in pairwise(seen):
        assert before.end <= after.start


@given(st.integers(1, 27), st.decimals(0, 1000, places=4), st.decimals(0, 100, places=4))
def test_a_part_is_its_share_by_days(day: int, rent: Decimal, percent: Decimal) -> None:
    of = package(rent=rent, allow_partial_first=True)
    late = order(f"2026-02-{day + 1:02}", rent_percent=percent)
    early = order("2026-02-01", rent_percent=percent)
    part = opened(of, late, f"2026-02-{day + 1:02}", "100000").terms.rent
    whole = opened(of, early, "2026-02-01", "100000").terms.rent
    exact = whole * (28 - day) / 28
    assert abs(part - exact) <= Decimal("0.000001")
