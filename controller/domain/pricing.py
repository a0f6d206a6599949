"""A price that is fixed for a call: its tariff, and what periods of the day make of it.

Found when the call is offered (`price_choice.py`), kept in the ticket, used for the reservation,
for every extension and for the charge, so that they cannot differ. All charges are cumulative
from the answer: what a quantum costs is the difference of two charges, so the quanta of a call add
up to its charge however it is cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import NamedTuple

from controller.domain.tariff import ZERO_CHARGE, Charge, Tariff, Terms, price, tax_on

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class PeriodPrice:
    """The price from an instant on (`from_s`, seconds since 1970), until the next one's."""

    from_s: int
    prefix: str
    tariff: Tariff
    tax_percent: Decimal = Decimal(0)
    multiplier: Decimal = ONE

    def exact(self, duration_s: int) -> Fraction:
        return Fraction(self.tariff.exact(duration_s), self.tariff.denominator) * Fraction(
            self.multiplier
        )


class Span(NamedTuple):
    """The seconds (from_s, to_s] of a call, counted from its answer, and their price."""

    price: PeriodPrice
    from_s: int
    to_s: int


@dataclass(frozen=True, slots=True)
class Pricing:
    """A matched rate and whom it charges: a customer's sale or a vendor's cost.

    `later` are other prices that come while the call may still begin or last. With `split`, each
    period prices its own part of the call, counted from the answer as if its tariff had held all
    the time; without, the period of the answer prices all of it (design §6).
    """

    account_id: int
    prefix: str
    tariff: Tariff
    terms: Terms
    tax_percent: Decimal = Decimal(0)
    multiplier: Decimal = ONE
    group: str = ""
    source: str = ""
    package_id: int | None = None
    later: tuple[PeriodPrice, ...] = ()
    split: bool = False

    def charge(self, duration_s: int, answered_s: int = 0) -> Charge:
        """The price of `duration_s` whole seconds of a call answered then (since 1970)."""
        if duration_s <= 0:
            return ZERO_CHARGE
        if self.is_plain:
            return price(self.tariff, self.terms, self.tax_percent, duration_s)
        return self._charge(list(self._parts(duration_s, answered_s)))

    def exact(self, duration_s: int, answered_s: int = 0) -> Fraction:
        """The price before any rounding."""
        if duration_s <= 0:
            return Fraction(0)
        return sum((part.amount for part in self._parts(duration_s, answered_s)), Fraction(0))

    def raw(self, duration_s: int, answered_s: int = 0) -> str:
        """The same as text, `numerator/denominator` in lowest terms, or a whole number."""
        if self.is_plain:  # every ordinary call: without the cost of fractions
            numerator, denominator = self.tariff.exact(duration_s), self.tariff.denominator
            divisor = gcd(numerator, denominator)
            numerator, denominator = numerator // divisor, denominator // divisor
            return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"
        return str(self.exact(duration_s, answered_s))

    def prefix_at(self, answered_s: int) -> str:
        """The rate's prefix in the period of an answer."""
        return self.at(answered_s).prefix if self.later else self.prefix

    @property
    def is_plain(self) -> bool:
        """Whether one tariff prices the whole call, whenever it is answered."""
        return not self.later and self.multiplier == ONE

    def at(self, answered_s: int) -> PeriodPrice:
        """The price of the period of an answer."""
        held = self._first
        for later in self.later:
            if later.from_s > answered_s:
                break
            held = later
        return held

    def spans(self, duration_s: int, answered_s: int = 0) -> Iterator[Span]:
        """The call cut where its price changes, in order: one span unless periods split it."""
        held = self.at(answered_s)
        done_s = 0
        for later in self.later if self.split else ():
            crossed_s = later.from_s - answered_s
            if crossed_s <= 0:
                continue
            if crossed_s >= duration_s:
                break
            yield Span(held, done_s, crossed_s)
            held, done_s = later, crossed_s
        yield Span(held, done_s, duration_s)

    def worst(self, duration_s: int, from_s: int, until_s: int) -> Charge:
        """The highest charge of a call that is answered at any second of [from_s, until_s]."""
        if not self.later:
            return self.charge(duration_s, from_s)
        return max(
            (self.charge(duration_s, at_s) for at_s in self._answers(duration_s, from_s, until_s)),
            key=lambda charge: charge.gross,
        )

    @property
    def _first(self) -> PeriodPrice:
        return PeriodPrice(0, self.prefix, self.tariff, self.tax_percent, self.multiplier)

    def _answers(self, duration_s: int, from_s: int, until_s: int) -> list[int]:
        """Answers among which the dearest must be."""
        horizon_s = until_s + (duration_s if self.split else 0)
        near = [p.from_s for p in self.later if from_s < p.from_s <= horizon_s]
        if not near:
            return [from_s]
        if self.split:
            return list(range(from_s, until_s + 1))
        return [from_s, *near]

    def _parts(self, duration_s: int, answered_s: int) -> Iterator["_Part"]:
        return (_part(*span) for span in self.spans(duration_s, answered_s))

    def _charge(self, parts: list["_Part"]) -> Charge:
        total = sum((part.amount for part in parts), Fraction(0))
        net = self.terms.rounded(total.numerator, total.denominator)
        billed_s = sum(part.billed_s for part in parts)
        if not self.split or all(p.tax_percent == self.tax_percent for p in self.later):
            return Charge(net, tax_on(net, self.terms, parts[0].tax_percent), billed_s)
        # parts that are taxed differently: still one rounding. Also where only one of them is
        # reached, for else a call could cost less when it enters the next one.
        taxed = sum((part.amount * Fraction(part.tax_percent) / 100 for part in parts), Fraction(0))
        return Charge(net, self.terms.rounded(taxed.numerator, taxed.denominator), billed_s)


@dataclass(frozen=True, slots=True)
class _Part:
    amount: Fraction
    billed_s: int
    tax_percent: Decimal


def _part(held: PeriodPrice, from_s: int, to_s: int) -> _Part:
    """What the seconds (from_s, to_s] of a call cost; the part before them is not paid again."""
    return _Part(
        held.exact(to_s) - held.exact(from_s),
        held.tariff.billed_s(to_s) - held.tariff.billed_s(from_s),
        held.tax_percent,
    )
