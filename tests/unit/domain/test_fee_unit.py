"""The fee unit (spec §2.8): what every amount is a multiple of, whatever the decimals."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidInput
from controller.domain.money import Rounding, rounded_quotient
from controller.domain.tariff import Tariff, Terms, parse_tariff, price, tax_on
from tests.unit.domain.tariffs import exact_price, roundings, seconds, tariffs, tax_percents

BY_SECOND = "0|0:0.05/60/1"

UNITS = [
    # seconds  unit      up       half_up  half_even  down     the exact amount
    (1, "0.05", "0.05", "0", "0", "0"),  # 0.000833…
    (30, "0.05", "0.05", "0.05", "0", "0"),  # 0.025: the tie, 0 is even
    (90, "0.05", "0.10", "0.10", "0.10", "0.05"),  # 0.075: the tie, 2 × 0.05 is even
    (60, "0.05", "0.05", "0.05", "0.05", "0.05"),  # nothing to round
    (61, "0.01", "0.06", "0.05", "0.05", "0.05"),  # 0.050833…
    (61, "0.25", "0.25", "0", "0", "0"),
    (180, "0.25", "0.25", "0.25", "0.25", "0"),  # 0.15
    (61, "0.0025", "0.0525", "0.0500", "0.0500", "0.0500"),
    (3600, "2", "4", "4", "4", "2"),  # 3: the tie, 2 × 2 is even
]


@pytest.mark.parametrize(("duration_s", "unit", "up", "half_up", "half_even", "down"), UNITS)
def test_amounts_are_multiples_of_the_unit(
    duration_s: int, unit: str, up: str, half_up: str, half_even: str, down: str
) -> None:
    due = {"up": up, "half_up": half_up, "half_even": half_even, "down": down}
    for mode, amount in due.items():
        terms = Terms("EUR", 6, Rounding(mode), Decimal(unit))
        assert price(parse_tariff(BY_SECOND), terms, Decimal(0), duration_s).net == Decimal(amount)


def test_tax_is_rounded_to_the_unit_too_on_the_rounded_amount() -> None:
    """61 s are 0.0508…, in units of 0.05 half up 0.05; 22 % of that is 0.011, which is 0."""
    tariff = parse_tariff(BY_SECOND)
    half_up = price(tariff, Terms("EUR", 6, Rounding.HALF_UP, Decimal("0.05")), Decimal(22), 61)
    assert (half_up.net, half_up.tax) == (Decimal("0.05"), Decimal(0))
    up = price(tariff, Terms("EUR", 6, Rounding.UP, Decimal("0.05")), Decimal(22), 61)
    assert (up.net, up.tax) == (Decimal("0.10"), Decimal("0.05"))


@given(
    tariffs,
    st.sampled_from(["0.01", "0.05", "0.0025", "0.3", "7", "0.0000000001"]).map(Decimal),
    roundings,
    tax_percents,
    seconds,
)
def test_one_rounding_to_a_multiple_for_every_tariff(
    tariff: Tariff, unit: Decimal, rounding: Rounding, tax: Decimal, duration_s: int
) -> None:
    terms = Terms("EUR", 2, rounding, unit)
    charge = price(tariff, terms, tax, duration_s)
    units = exact_price(tariff, duration_s) / Fraction(unit)
    assert charge.net == unit * rounded_quotient(units.numerator, units.denominator, rounding)
    assert charge.tax % unit == 0
    assert charge.tax == tax_on(charge.net, terms, tax)
    assert abs(Fraction(charge.net) - exact_price(tariff, duration_s)) < Fraction(unit)


@pytest.mark.parametrize("unit", ["0.00000000001", "0.00000000015"])
def test_a_unit_below_the_ledgers_smallest_amount_is_refused(unit: str) -> None:
    with pytest.raises(InvalidInput, match="multiples of"):
        Terms("EUR", 6, Rounding.HALF_UP, Decimal(unit))


@given(st.integers(0, 10**30), st.integers(1, 10**15), roundings)
def test_a_rounded_quotient_by_its_definition(
    numerator: int, denominator: int, rounding: Rounding
) -> None:
    exact = Fraction(numerator, denominator)
    below, above = numerator // denominator, -(-numerator // denominator)
    expected = {
        Rounding.UP: above,
        Rounding.DOWN: below,
        Rounding.HALF_UP: above if exact - below >= Fraction(1, 2) else below,
        Rounding.HALF_EVEN: round(exact),
    }
    assert rounded_quotient(numerator, denominator, rounding) == expected[rounding]
