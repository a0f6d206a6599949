"""Exact money. Floats never come near; rounding happens in `round_ratio` and nowhere else."""

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
    quotient, remainder = divmod(numerator * _POWERS[decimals], denominator)
    if remainder and _goes_up(quotient, 2 * remainder, denominator, rounding):
        quotient += 1
    return Decimal(quotient).scaleb(-decimals)


def _goes_up(quotient: int, twice_remainder: int, denominator: int, rounding: Rounding) -> bool:
    if rounding is Rounding.UP:
        return True
    if rounding is Rounding.DOWN:
        return False
    if twice_remainder == denominator:
        return rounding is Rounding.HALF_UP or quotient % 2 == 1
    return twice_remainder > denominator


def plain(amount: Decimal) -> str:
    """Decimal text without exponent or needless zeros: `1E+2` reads `100`, `0.50` reads `0.5`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_POWERS = tuple(10**n for n in range(MAX_DECIMALS + 1))
