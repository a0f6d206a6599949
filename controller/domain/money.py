"""Exact money. Floats never come near; how amounts are rounded is said here and nowhere else."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

MAX_DECIMALS = 10
"""Digits kept after the point in the ledger (spec §2.8 and design §6: scales 0 to 10)."""


class Rounding(StrEnum):
    """How an exact amount becomes one of the group's scale."""

    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in a currency (ISO 4217 letters); mixing currencies is an error."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        self._require_same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._require_same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}"

    def _require_same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be mixed")


def round_ratio(numerator: int, denominator: int, decimals: int, rounding: Rounding) -> Decimal:
    """The non-negative exact amount numerator/denominator at `decimals` digits."""
    quotient = rounded_quotient(numerator * _POWERS[decimals], denominator, rounding)
    return Decimal(quotient).scaleb(-decimals)


def rounded_quotient(numerator: int, denominator: int, rounding: Rounding) -> int:
    """The non-negative ratio numerator/denominator as a whole number."""
    bias = rounding_bias(denominator, rounding)
    if bias is not None:
        return (numerator + bias) // denominator
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def rounding_bias(denominator: int, rounding: Rounding) -> int | None:
    """What makes `(numerator + bias) // denominator` the rounded quotient.

    None for half_even, for which no number does.
    """
    if rounding is _HALF_UP:
        return denominator // 2
    if rounding is _UP:
        return denominator - 1
    return 0 if rounding is _DOWN else None


def plain(amount: Decimal) -> str:
    """Decimal text without exponent or needless zeros: `1E+2` reads `100`, `0.50` reads `0.5`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_POWERS = tuple(10**n for n in range(MAX_DECIMALS + 1))
# a name of the module is found faster than a member of an enum, and every charge asks
_HALF_UP, _DOWN, _UP = Rounding.HALF_UP, Rounding.DOWN, Rounding.UP
