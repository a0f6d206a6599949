"""What a payer owes for a duration: free seconds first, then gift money, then its balance.

A payer is the customer or an agent above it (spec §1.4). It may have several prices, of which the
cheapest counts at the duration that is charged (spec §2.6), and packages (spec §2.9). One function,
`bill`, serves the reservation, every extension, the settlement, re-rating and explanations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from controller.domain.pricing import Pricing
from controller.domain.tariff import Charge

Money = Decimal
PriceOf = Callable[[Pricing, int, int], Charge]
"""A pricing's charge for some seconds that begin so many seconds after the answer."""


@dataclass(frozen=True, slots=True)
class RatedTime:
    """From a call's duration to the seconds that are rated (spec §2.8)."""

    free_time_s: int = 0
    minimum_s: int = 0

    def rated_s(self, duration_s: int) -> int:
        """Less the grace; what is left counts as at least the minimum."""
        rest_s = duration_s - self.free_time_s
        return max(rest_s, self.minimum_s) if rest_s > 0 else 0


EVERY_SECOND = RatedTime()
"""No grace and no minimum."""


class FreeUse(NamedTuple):
    """Free seconds that a call may use: whose, and in which steps they are taken."""

    allowance_id: int
    package_id: int
    cycle_s: int


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call, at which prices, and with the help of which packages.

    `packages` are all packages whose consumption the call counts in; `gifts` those with gift money.
    """

    account_id: int
    name: str
    pricings: tuple[Pricing, ...]
    free: tuple[FreeUse, ...] = ()
    gifts: tuple[int, ...] = ()
    packages: tuple[int, ...] = ()

    @property
    def currency(self) -> str:
        return self.pricings[0].terms.currency


@dataclass(frozen=True, slots=True)
class Bill:
    """What a payer owes: `due` is the balance's part of the charge's gross.

    `free_s` and `gifts` are taken of the payer's `free` and `gifts`, in their order; `offset_s` of
    the rated seconds were free.
    """

    pricing: Pricing
    charge: Charge
    rated_s: int
    offset_s: int
    free_s: tuple[int, ...]
    gifts: tuple[Money, ...]
    due: Money

    @property
    def gift(self) -> Money:
        return sum(self.gifts, Decimal(0))

    def prefix(self, answered_s: int) -> str:
        """The rate's prefix in the period of the answer (seconds since 1970)."""
        return self.pricing.prefix_at(answered_s + self.offset_s)

    def raw(self, answered_s: int) -> str:
        """The exact amount before rounding, as `numerator/denominator`."""
        paid_s = self.rated_s - self.offset_s
        return self.pricing.raw(paid_s, answered_s + self.offset_s)


def bill(
    payer: Payer,
    rated_s: int,
    free_s: Sequence[int],
    gifts: Sequence[Money],
    price_of: PriceOf,
) -> Bill:
    """The bill of `rated_s` seconds when so much of each allowance and gift may be used."""
    if not payer.free and not payer.gifts:  # every ordinary call
        pricing, charge = _cheapest(payer.pricings, rated_s, 0, price_of)
        return Bill(pricing, charge, rated_s, 0, (), (), charge.gross)
    used, offset_s = _use_free(payer.free, rated_s, free_s)
    rest_s = rated_s - offset_s
    pricing, charge = _cheapest(payer.pricings, rest_s, offset_s, price_of)
    given = _use_gifts(gifts, charge.gross)
    due = charge.gross - sum(given, Decimal(0))
    return Bill(pricing, charge, rated_s, offset_s, used, given, due)


def charge_at(answered_s: int) -> PriceOf:
    """Prices of a call whose answer is known (seconds since 1970)."""
    return lambda pricing, rest_s, offset_s: pricing.charge(rest_s, answered_s + offset_s)


def worst_charge(from_s: int, until_s: int) -> PriceOf:
    """The highest prices of a call that may be answered at any second of a span."""
    return lambda pricing, rest_s, offset_s: pricing.worst(
        rest_s, from_s + offset_s, until_s + offset_s
    )


def _use_free(
    free: tuple[FreeUse, ...], rated_s: int, available: Sequence[int]
) -> tuple[tuple[int, ...], int]:
    """Seconds taken of each allowance (whole cycles, the last of it may be shorter); covered."""
    used = []
    rest_s = rated_s
    for allowance, left_s in zip(free, available, strict=True):
        cycles = -(-rest_s // allowance.cycle_s)
        taken_s = min(left_s, cycles * allowance.cycle_s)
        used.append(taken_s)
        rest_s -= min(rest_s, taken_s)
    return tuple(used), rated_s - rest_s


def _use_gifts(available: Sequence[Money], gross: Money) -> tuple[Money, ...]:
    used = []
    for left in available:
        taken = min(left, gross)
        used.append(taken)
        gross -= taken
    return tuple(used)


def _cheapest(
    pricings: tuple[Pricing, ...], rest_s: int, offset_s: int, price_of: PriceOf
) -> tuple[Pricing, Charge]:
    """The first of the cheapest."""
    best, lowest = pricings[0], price_of(pricings[0], rest_s, offset_s)
    for pricing in pricings[1:]:
        charge = price_of(pricing, rest_s, offset_s)
        if charge.gross < lowest.gross:
            best, lowest = pricing, charge
    return best, lowest
