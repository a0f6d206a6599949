"""A price with its periods: what each second costs on either side of a boundary."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.pricing import PeriodPrice, Pricing
from controller.domain.tariff import Terms, parse_tariff
from tests.unit.domain.tariffs import tariffs, tax_percents, terms

NOON = 1_800_000_000
"""The instant at which another period begins (seconds since 1970)."""


def priced(
    before: str, after: str, *, split: bool, factor: str = "1", tax: tuple[str, str] = ("0", "0")
) -> Pricing:
    later = PeriodPrice(NOON, "39", parse_tariff(after), Decimal(tax[1]), Decimal(factor))
    return Pricing(
        1,
        "39",
        parse_tariff(before),
        Terms("EUR", 6),
        Decimal(tax[0]),
        later=(later,),
        split=split,
    )


DAY, NIGHT = "0|0:0.60/60/1", "0|0:0.30/60/1"

ACROSS = [
    # answered before noon   talked   by the answer's period   split
    (30, 20, "0.2", "0.2"),
    (30, 30, "0.3", "0.3"),
    (30, 31, "0.31", "0.305"),
    (30, 90, "0.9", "0.6"),
    (1, 60, "0.6", "0.305"),
    (0, 60, "0.3", "0.3"),
    (-10, 60, "0.3", "0.3"),
]


@pytest.mark.parametrize(("before_s", "talked_s", "whole", "parts"), ACROSS)
def test_a_call_across_a_boundary(before_s: int, talked_s: int, whole: str, parts: str) -> None:
    answered_s = NOON - before_s
    assert priced(DAY, NIGHT, split=False).charge(talked_s, answered_s).net == Decimal(whole)
    assert priced(DAY, NIGHT, split=True).charge(talked_s, answered_s).net == Decimal(parts)


def test_a_connect_fee_and_a_first_time_rate_are_paid_once() -> None:
    first = "0.10|0:=0.21;180:0.15/60/60"
    both = priced(first, first, split=True)
    assert both.charge(250, NOON - 100).net == Decimal("0.61")
    # the second period's cycles go on from the answer: 181 s begin the first of them
    assert both.charge(180, NOON - 100).net == Decimal("0.31")
    assert both.charge(181, NOON - 100).net == Decimal("0.46")


def test_a_started_cycle_is_paid_where_it_began() -> None:
    both = priced("0|0:0.60/60/60", "0|0:0.30/60/60", split=True)
    assert both.charge(120, NOON - 90).net == Decimal("1.2")
    assert both.charge(121, NOON - 90).net == Decimal("1.5")


def test_a_multiplier_is_exact_and_rounded_once() -> None:
    weekend = priced("0|0:0.01/60/1", "0|0:0.01/60/1", split=False, factor="0.333333")
    assert weekend.charge(7, NOON).net == Decimal("0.000389")
    assert weekend.exact(7, NOON) == Fraction("0.01") * Fraction("0.333333") * 7 / 60


def test_parts_with_different_taxes_are_rounded_once() -> None:
    both = priced("0|0:0.000001/1/1", "0|0:0.000001/1/1", split=True, tax=("50", "25"))
    charge = both.charge(2, NOON - 1)
    assert (charge.net, charge.tax) == (Decimal("0.000002"), Decimal("0.000001"))


@st.composite
def pricings(draw: st.DrawFn) -> Pricing:
    later = tuple(
        PeriodPrice(
            NOON + offset,
            "39",
            draw(tariffs),
            draw(tax_percents),
            draw(st.decimals(0, 3, places=3)),
        )
        for offset in sorted(draw(st.sets(st.integers(-300, 900), max_size=3)))
    )
    return Pricing(
        1,
        "39",
        draw(tariffs),
        draw(terms),
        draw(tax_percents),
        later=later,
        split=draw(st.booleans()),
    )


@given(pricings(), st.integers(-400, 400), st.integers(0, 900), st.integers(0, 900))
def test_a_longer_call_never_costs_less(
    pricing: Pricing, answered: int, one_s: int, other_s: int
) -> None:
    shorter, longer = sorted((one_s, other_s))
    at = NOON + answered
    low, high = pricing.charge(shorter, at), pricing.charge(longer, at)
    assert 0 <= low.net <= high.net
    assert low.tax >= 0
    assert low.gross <= high.gross


@given(pricings(), st.integers(-400, 400), st.sets(st.integers(1, 900), min_size=1, max_size=12))
def test_the_quanta_of_a_call_add_up_to_its_charge(
    pricing: Pricing, answered: int, cuts: set[int]
) -> None:
    """However a call is cut, what is reserved bit by bit is what it costs at once."""
    at, paid, total = NOON + answered, Decimal(0), max(cuts)
    for cut in sorted(cuts):
        paid += pricing.charge(cut, at).gross - paid
        assert paid == pricing.charge(cut, at).gross
    assert paid == pricing.charge(total, at).gross
    pieces = [0, *sorted(cuts)]
    exact = sum(
        pricing.exact(end, at) - pricing.exact(start, at) for start, end in pairwise(pieces)
    )
    assert exact == pricing.exact(total, at)


@given(pricings(), st.integers(-400, 400), st.integers(0, 60), st.integers(1, 300))
def test_the_worst_charge_covers_every_answer(
    pricing: Pricing, offered: int, setup_s: int, talked_s: int
) -> None:
    first = NOON + offered
    worst = pricing.worst(talked_s, first, first + setup_s).gross
    charges = [pricing.charge(talked_s, first + wait).gross for wait in range(setup_s + 1)]
    assert worst == max(charges)
