"""Exact amounts and their currencies."""

from decimal import Decimal

import pytest

from controller.domain.money import Money, Rounding, plain, round_ratio


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


def test_amounts_of_one_currency_add_and_subtract() -> None:
    assert eur("0.10") + eur("0.20") == eur("0.30")
    assert eur("0.10") - eur("0.20") == eur("-0.10")
    assert -eur("5") == eur("-5")


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="EUR and USD"):
        eur("1") + Money(Decimal(1), "USD")
    with pytest.raises(ValueError, match="USD and EUR"):
        Money(Decimal(1), "USD") - eur("1")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.50", "0.5"),
        ("1E+2", "100"),
        ("0", "0"),
        ("0E-10", "0"),
        ("100", "100"),
        ("1E-10", "0.0000000001"),
        ("-0.10", "-0.1"),
        ("1000000.000", "1000000"),
    ],
)
def test_plain_text(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text
    assert str(eur(amount)) == f"{text} EUR"


def test_rounding_of_large_amounts_keeps_every_digit() -> None:
    exact = 12_345_678_901_234_567_890_123_456
    assert round_ratio(exact, 10**10, 10, Rounding.DOWN) == Decimal("1234567890123456.7890123456")
