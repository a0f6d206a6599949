"""What is true of every tariff."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from controller.domain.money import Rounding, round_ratio
from controller.domain.tariff import Tariff, Terms, affordable_s, parse_tariff, price, tax_on
from tests.unit.domain.tariffs import (
    exact_price,
    rounded,
    roundings,
    second_by_second,
    seconds,
    tariff_texts,
    tariffs,
    tax_percents,
    terms,
)


@given(tariff_texts(), st.integers(0, 900))
def test_the_price_is_that_of_walking_second_by_second(text: str, duration_s: int) -> None:
    assert exact_price(parse_tariff(text), duration_s) == second_by_second(text, duration_s)


@given(tariffs, terms, tax_percents, seconds)
def test_net_and_tax_are_the_exact_amount_rounded_once_each(
    tariff: Tariff, at: Terms, tax: Decimal, duration_s: int
) -> None:
    charge = price(tariff, at, tax, duration_s)
    net = rounded(exact_price(tariff, duration_s), at.decimals, at.rounding)
    assert charge.net == net
    assert charge.tax == rounded(Fraction(net) * Fraction(tax) / 100, at.decimals, at.rounding)
    assert charge.gross == charge.net + charge.tax


@given(tariffs, terms, tax_percents, seconds, st.integers(0, 300))
def test_a_longer_call_never_costs_less(
    tariff: Tariff, at: Terms, tax: Decimal, duration_s: int, more_s: int
) -> None:
    short, long = (price(tariff, at, tax, s) for s in (duration_s, duration_s + more_s))
    assert 0 <= short.net <= long.net
    assert 0 <= short.tax <= long.tax
    assert short.billed_s <= long.billed_s


@given(tariffs, seconds)
def test_the_lines_add_up_to_the_price(tariff: Tariff, duration_s: int) -> None:
    lines = tariff.lines(duration_s)
    total = sum((Fraction(line.numerator, line.denominator) for line in lines), Fraction(0))
    assert total == exact_price(tariff, duration_s)
    assert sum(line.billed_s for line in lines) == tariff.billed_s(duration_s)


@given(tariffs, seconds)
def test_at_least_the_talked_seconds_are_billed(tariff: Tariff, duration_s: int) -> None:
    assert tariff.billed_s(duration_s) >= duration_s


@given(tariffs, terms, tax_percents, st.decimals(-1, 200, places=4), st.integers(0, 3_000))
def test_affordable_is_the_inverse_of_price(
    tariff: Tariff, at: Terms, tax: Decimal, money: Decimal, limit_s: int
) -> None:
    lasts = affordable_s(tariff, at, tax, money, limit_s)
    assert 0 <= lasts <= limit_s
    if lasts:
        assert price(tariff, at, tax, lasts).gross <= money
    if lasts < limit_s:
        assert price(tariff, at, tax, lasts + 1).gross > money


@given(tariffs, terms, tax_percents, st.integers(1, 2_000))
def test_what_a_duration_costs_pays_for_at_least_that_duration(
    tariff: Tariff, at: Terms, tax: Decimal, duration_s: int
) -> None:
    gross = price(tariff, at, tax, duration_s).gross
    assert affordable_s(tariff, at, tax, gross, 2_000) >= duration_s


@given(st.integers(0, 10**24), st.integers(1, 10**12), st.integers(0, 10), roundings)
def test_rounding_by_its_definition(
    numerator: int, denominator: int, decimals: int, rounding: Rounding
) -> None:
    assume(numerator * 10**decimals // denominator < 10**28)
    expected = rounded(Fraction(numerator, denominator), decimals, rounding)
    assert round_ratio(numerator, denominator, decimals, rounding) == expected


@given(
    st.decimals(0, 10**13, places=10),
    st.integers(0, 10),
    roundings,
    st.decimals(0, 1000, places=6),
)
@example(Decimal("5000000000000.0000000001"), 10, Rounding.UP, Decimal("100.000001"))
def test_tax_is_exact_on_large_amounts_too(
    net: Decimal, decimals: int, rounding: Rounding, percent: Decimal
) -> None:
    """The longest call at the highest price of a deck stays below 10^13."""
    expected = rounded(Fraction(net) * Fraction(percent) / 100, decimals, rounding)
    assert tax_on(net, Terms("EUR", decimals, rounding), percent) == expected
