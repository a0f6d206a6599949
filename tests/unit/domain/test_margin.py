"""Margins and profit guards: the spec's F1 (§6.4) and K1 (§12.4) as tables."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.margin import Margin, MarginBase, ProfitGuard, per_second

SELL, COST = MarginBase.SELL, MarginBase.COST


def by_minute(sell: str, *costs: str) -> Margin:
    cost = sum((per_second(Decimal(part), 60) for part in costs), Fraction(0))
    return Margin(per_second(Decimal(sell), 60), cost)


MARGINS = [
    # sell and costs a minute            % of sell   % of cost   profit a minute
    (("0.15", "0.02", "0.05"), "53.33", "114.29", "0.08"),  # K1: two legs
    (("0.015", "0.010"), "33.33", "50.00", "0.005"),  # F1
    (("0.015", "0.020"), "-33.33", "-25.00", "-0.005"),  # F1: sold below cost
    (("0.010", "0.010"), "0.00", "0.00", "0"),
    (("0.010", "0"), "100.00", None, "0.010"),
    (("0", "0.010"), None, "-100.00", "-0.010"),
    (("0", "0"), None, None, "0"),
]


@pytest.mark.parametrize(("a_minute", "of_sell", "of_cost", "profit"), MARGINS)
def test_margins(
    a_minute: tuple[str, ...], of_sell: str | None, of_cost: str | None, profit: str
) -> None:
    margin = by_minute(*a_minute)
    assert (shown(margin.percent(SELL)), shown(margin.percent(COST))) == (of_sell, of_cost)
    assert margin.profit * 60 == Fraction(profit)


def shown(percent: Fraction | None) -> str | None:
    if percent is None:
        return None
    cents = round(abs(percent) * 100)
    return f"{'-' if percent < 0 else ''}{cents // 100}.{cents % 100:02}"


def test_k1_is_53_3_percent_of_the_price() -> None:
    assert round(by_minute("0.15", "0.02", "0.05").percent() or 0, 1) == Fraction("53.3")


def test_margins_are_exact() -> None:
    margin = by_minute("0.015", "0.010")
    assert margin.percent(SELL) == Fraction(100, 3)
    assert margin.profit == Fraction(1, 12_000)  # 0.0000833… a second


def percent(limit: str, base: MarginBase = SELL) -> ProfitGuard:
    return ProfitGuard(percent=Decimal(limit), base=base)


def absolute(limit: str) -> ProfitGuard:
    return ProfitGuard(per_second=Decimal(limit))


GUARDS = [
    # sell    cost a minute   guard                         passes
    ("0.015", "0.010", percent("33"), True),  # F1: 33.33 % of the selling price
    ("0.015", "0.010", percent("34"), False),
    ("0.015", "0.010", percent("50", COST), True),  # equality passes
    ("0.015", "0.010", percent("50.01", COST), False),
    ("0.015", "0.010", absolute("0.00008"), True),  # F1: 0.0000833… a second
    ("0.015", "0.010", absolute("0.00009"), False),
    ("0.015", "0.020", absolute("-0.0001"), True),  # F1: a loss leader
    ("0.015", "0.020", absolute("0"), False),
    ("0.015", "0.015", absolute("0"), True),  # equality passes
    ("0.015", "0.015", percent("0"), True),
    ("0.015", "0.020", percent("-34"), True),
    ("0.015", "0.020", percent("-33"), False),
    ("0.015", "0.020", ProfitGuard(), True),  # nothing is asked
    ("0.015", "0.010", ProfitGuard(Decimal("0.00008"), Decimal(33)), True),
    ("0.015", "0.010", ProfitGuard(Decimal("0.00009"), Decimal(33)), False),  # one is not enough
    ("0.015", "0.010", ProfitGuard(Decimal("0.00008"), Decimal(34)), False),
    ("0", "0.010", percent("-10000"), False),  # a free call at a cost loses without bound
    ("0", "0", percent("0"), True),
    ("0.010", "0", percent("10000", COST), True),  # a call without cost earns without bound
]


@pytest.mark.parametrize(("sell", "cost", "guard", "passes"), GUARDS)
def test_profit_guards(sell: str, cost: str, guard: ProfitGuard, passes: bool) -> None:
    assert guard.passes(by_minute(sell, cost)) == passes


def test_a_price_by_the_minute_is_a_sixtieth_by_the_second() -> None:
    """F2: a cap of 0.6 a minute is entered as 0.01 a second."""
    assert per_second(Decimal("0.6"), 60) == Fraction("0.01")
    assert per_second(Decimal("0.1"), 60) == Fraction(1, 600)


prices = st.decimals(0, 10, places=6).map(Fraction)
limits = st.decimals(-10_000, 10_000, places=2)


@given(prices, prices, limits, st.sampled_from(MarginBase))
def test_the_guard_compares_the_percentage_where_there_is_one(
    sell: Fraction, cost: Fraction, limit: Decimal, base: MarginBase
) -> None:
    margin = Margin(sell, cost)
    percentage = margin.percent(base)
    passes = ProfitGuard(percent=limit, base=base).passes(margin)
    assert passes == (margin.profit >= 0 if percentage is None else percentage >= Fraction(limit))
