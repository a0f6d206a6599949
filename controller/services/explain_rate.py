"""Explanations of prices: a duration's price taken apart, by the functions of the live call.

`tollgate explain rate` shows the outcome; pages will too.
"""

from dataclasses import dataclass
from datetime import datetime

from controller.domain.configuration import Configuration, RateGroup
from controller.domain.errors import InvalidInput
from controller.domain.numbering import dialable
from controller.domain.tariff import Charge, Line, Pricing


@dataclass(frozen=True, slots=True)
class PricedDuration:
    """A duration's price taken apart. `exact` is numerator and denominator, before rounding."""

    pricing: Pricing
    duration_s: int
    charge: Charge
    exact: tuple[int, int]
    lines: tuple[Line, ...]


def price_duration(pricing: Pricing, duration_s: int) -> PricedDuration:
    tariff = pricing.tariff
    exact = (tariff.exact(duration_s), tariff.denominator)
    return PricedDuration(
        pricing, duration_s, pricing.charge(duration_s), exact, tariff.lines(duration_s)
    )


def pricing_of(group: RateGroup, number: str, when: datetime) -> Pricing | None:
    """The price that the group has for a number, or none: never a price of 0."""
    if not dialable(number):
        raise InvalidInput(f"number {number[:40]!r}: digits, '*' and '#' are expected")
    rate = group.rate_for(number.removeprefix("+"), when)
    if rate is None:
        return None
    return Pricing(0, rate.prefix, rate.tariff, group.terms, rate.tax_percent)


def group_of(configuration: Configuration, account: str) -> RateGroup:
    """The rate group that prices an account's calls. Raises InvalidInput."""
    found = next((a for a in configuration.accounts.values() if a.name == account), None)
    if found is None:
        raise InvalidInput(f"no account is named {account[:80]!r}")
    if found.rate_group_id is None:
        raise InvalidInput(f"account {account} has no rate group")
    return configuration.rate_groups[found.rate_group_id]
