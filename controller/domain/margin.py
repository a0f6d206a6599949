"""What is earned on a second of a call, and the guards that ask for a least profit (spec §6.4).

Sources disagree on the unit of "profit", so all readings are here: a percentage of the selling
price, a percentage of the cost, and money per second. Amounts are exact and never rounded.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction


class MarginBase(StrEnum):
    """Of what a margin is a percentage."""

    SELL = "sell"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Margin:
    """Selling price and cost, both per second or both of the same call, in one currency."""

    sell: Fraction
    cost: Fraction

    @property
    def profit(self) -> Fraction:
        """Negative where the call is sold below its cost."""
        return self.sell - self.cost

    def percent(self, base: MarginBase = MarginBase.SELL) -> Fraction | None:
        """The profit in percent of the base; None where the base is nothing."""
        whole = self._base(base)
        return self.profit * 100 / whole if whole else None

    def reaches_percent(self, percent: Decimal, base: MarginBase = MarginBase.SELL) -> bool:
        """Whether the profit is at least so many percent of the base; of nothing, at least 0."""
        return self.profit * 100 >= Fraction(percent) * self._base(base)

    def _base(self, base: MarginBase) -> Fraction:
        return self.sell if base is MarginBase.SELL else self.cost


@dataclass(frozen=True, slots=True)
class ProfitGuard:
    """The least profit at which a vendor is used; None asks for nothing. Either may be negative."""

    per_second: Decimal | None = None
    percent: Decimal | None = None
    base: MarginBase = MarginBase.SELL

    def passes(self, per_second: Margin) -> bool:
        """Whether the margin of a second satisfies every limit; equality does."""
        if self.per_second is not None and per_second.profit < Fraction(self.per_second):
            return False
        return self.percent is None or per_second.reaches_percent(self.percent, self.base)


def per_second(price: Decimal, unit_s: int) -> Fraction:
    """The price of a second at `price` per `unit_s` seconds: 0.6 a minute is 0.01."""
    return Fraction(price) / unit_s
