"""A payer's bill: free seconds, then gift money, then the cheapest price from the balance."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.billing import FreeUse, Payer, RatedTime, bill, charge_at
from tests.unit.domain.builders import payer, pricing
from tests.unit.domain.tariffs import tariffs, tax_percents

AT = charge_at(1_800_000_000)
FIRST_TIME = "0|0:=0.21;180:0.15/60/60"

RATED = [
    # grace  minimum  duration  rated
    (0, 0, 0, 0),
    (0, 0, 7, 7),
    (3, 0, 3, 0),
    (3, 0, 4, 1),
    (3, 0, 63, 60),
    (0, 30, 0, 0),
    (0, 30, 1, 30),
    (0, 30, 31, 31),
    (3, 30, 3, 0),
    (3, 30, 4, 30),
]


@pytest.mark.parametrize(("grace_s", "minimum_s", "duration_s", "rated_s"), RATED)
def test_grace_and_minimum(grace_s: int, minimum_s: int, duration_s: int, rated_s: int) -> None:
    assert RatedTime(grace_s, minimum_s).rated_s(duration_s) == rated_s


B2 = [
    # seconds  base    with tax of 10 %   (spec B2)
    (0, "0", "0"),
    (1, "0.21", "0.231"),
    (180, "0.21", "0.231"),
    (181, "0.36", "0.396"),
    (240, "0.36", "0.396"),
    (241, "0.51", "0.561"),
    (250, "0.51", "0.561"),
]


@pytest.mark.parametrize(("seconds", "base", "debit"), B2)
def test_b2_first_time_rate_and_tax(seconds: int, base: str, debit: str) -> None:
    owed = bill(payer(pricing(FIRST_TIME, tax="10")), seconds, (), (), AT)
    assert (owed.charge.net, owed.due) == (Decimal(base), Decimal(debit))


FREE = [
    # seconds  of which free in steps of 60   used  paid seconds  price at 0.60/60 by the second
    (250, 0, 0, 250, "2.5"),
    (250, 100, 100, 150, "1.5"),
    (250, 250, 250, 0, "0"),
    (250, 400, 300, 0, "0"),
    (61, 400, 120, 0, "0"),
    (60, 400, 60, 0, "0"),
    (1, 30, 30, 0, "0"),
]


@pytest.mark.parametrize(("seconds", "left_s", "used_s", "paid_s", "price"), FREE)
def test_free_seconds_come_first_and_the_rest_is_a_call_of_its_own(
    seconds: int, left_s: int, used_s: int, paid_s: int, price: str
) -> None:
    who = payer(pricing("0|0:0.60/60/1"), free=(FreeUse(1, 9, 60),))
    owed = bill(who, seconds, (left_s,), (), AT)
    assert owed.free_s == (used_s,)
    assert owed.rated_s - owed.offset_s == paid_s
    assert owed.due == Decimal(price)


def test_the_first_time_rate_is_paid_for_the_part_that_is_not_free() -> None:
    who = payer(pricing(FIRST_TIME, tax="10"), free=(FreeUse(1, 9, 1),))
    owed = bill(who, 250, (100,), (), AT)
    assert (owed.charge.net, owed.due) == (Decimal("0.21"), Decimal("0.231"))


def test_allowances_are_used_in_their_order() -> None:
    who = payer(free=(FreeUse(1, 9, 1), FreeUse(2, 9, 60)))
    owed = bill(who, 100, (30, 300), (), AT)
    assert owed.free_s == (30, 120)
    assert owed.due == 0


def test_gift_money_pays_before_the_balance_and_tax_too() -> None:
    who = payer(pricing(FIRST_TIME, tax="10"), gifts=(7, 8))
    owed = bill(who, 250, (), (Decimal("0.5"), Decimal("0.05")), AT)
    assert owed.charge.gross == Decimal("0.561")
    assert owed.gifts == (Decimal("0.5"), Decimal("0.05"))
    assert (owed.gift, owed.due) == (Decimal("0.55"), Decimal("0.011"))


CHEAPEST = [
    # seconds  price of the flat one  of the metered one  chosen
    (30, "0.10", "0.03", "0.03"),
    (100, "0.10", "0.10", "0.10"),
    (101, "0.10", "0.101", "0.10"),
]


@pytest.mark.parametrize(("seconds", "flat", "metered", "chosen"), CHEAPEST)
def test_the_cheapest_at_the_actual_duration(
    seconds: int, flat: str, metered: str, chosen: str
) -> None:
    one, other = pricing("0|0:=0.10"), pricing("0|0:0.06/60/1")
    assert one.charge(seconds).net == Decimal(flat)
    assert other.charge(seconds).net == Decimal(metered)
    assert bill(payer(one, other), seconds, (), (), AT).due == Decimal(chosen)


prices = st.builds(lambda t, tax: pricing(str(t), tax=str(tax)), tariffs, tax_percents)
money = st.decimals(0, 50, places=4)


@st.composite
def payers(draw: st.DrawFn) -> tuple[Payer, tuple[int, ...], tuple[Decimal, ...]]:
    """A payer with benefits, and what is left of them."""
    free = tuple(
        FreeUse(number, 1, draw(st.sampled_from([1, 6, 30, 60])))
        for number in range(draw(st.integers(0, 3)))
    )
    gifts = tuple(range(draw(st.integers(0, 2))))
    who = payer(*draw(st.lists(prices, min_size=1, max_size=3)), free=free, gifts=gifts)
    left_s = tuple(draw(st.integers(0, 400)) for _ in free)
    return who, left_s, tuple(draw(money) for _ in gifts)


@given(payers(), st.integers(0, 900), st.integers(0, 900))
def test_a_bill_never_falls_and_never_takes_more_than_there_is(
    drawn: tuple[Payer, tuple[int, ...], tuple[Decimal, ...]], one_s: int, other_s: int
) -> None:
    who, left_s, left = drawn
    shorter, longer = sorted((one_s, other_s))
    low, high = (bill(who, seconds, left_s, left, AT) for seconds in (shorter, longer))
    assert 0 <= low.due <= high.due
    assert low.charge.gross <= high.charge.gross
    for owed in (low, high):
        assert owed.due + owed.gift == owed.charge.gross
        assert all(0 <= used <= had for used, had in zip(owed.free_s, left_s, strict=True))
        assert all(0 <= used <= had for used, had in zip(owed.gifts, left, strict=True))
    # what a shorter call needs, a longer one needs too: a reservation covers every earlier end
    assert all(a <= b for a, b in zip(low.free_s, high.free_s, strict=True))
    assert all(a <= b for a, b in zip(low.gifts, high.gifts, strict=True))
    settled = bill(who, shorter, high.free_s, high.gifts, AT)
    assert settled.due <= high.due
