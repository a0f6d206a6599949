"""The price of a number in a rate group or a package, with what periods of the day make of it.

Pure. `price_choice.py` asks for the sale's candidates, `routing.py` for a vendor's cost.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from controller.domain.configuration import Account, Configuration
from controller.domain.packages import ActivePackage
from controller.domain.periods import PeriodRule, PeriodSchedule
from controller.domain.pricing import ONE, PeriodPrice, Pricing
from controller.domain.rates import Boundary, MatchedRate, RateGroup, RateType


@dataclass(frozen=True, slots=True)
class Moment:
    """The number that is rated, the instant of the offer, and how long prices must reach.

    `rates_at` is set where a call is priced again: by the rates that are valid then, not at `when`.
    """

    number: str
    when: datetime
    horizon_s: int
    rates_at: datetime | None = None

    @property
    def valid_at(self) -> datetime:
        """Rates that are valid then count."""
        return self.when if self.rates_at is None else self.rates_at

    @property
    def until(self) -> datetime:
        return self.when + timedelta(seconds=self.horizon_s)

    @property
    def second(self) -> int:
        return int(self.when.timestamp())


@dataclass(frozen=True, slots=True)
class Price:
    """A price that may apply, and the class of its destination."""

    pricing: Pricing
    rate_type: RateType


def price_in(
    configuration: Configuration,
    group: RateGroup,
    account_id: int,
    moment: Moment,
    source: str,
) -> Price | None:
    """The price in a rate group, with what its periods make of it."""
    matched = group.rate_for(moment.number, moment.valid_at)
    if group.periods is None:
        return _plain(group, matched, account_id, source) if matched else None
    return _by_period(configuration, group, group.periods, matched, account_id, moment, source)


def package_price(
    configuration: Configuration,
    owner: Account,
    package: ActivePackage,
    schedule: PeriodSchedule,
    moment: Moment,
) -> Price | None:
    """A package's period rate: a price of its own, or a factor on the account's rate group."""
    rule = schedule.rule_at(moment.when)
    if rule is None:
        return None
    base_id = rule.rate_group_id if owner.rate_group_id is None else owner.rate_group_id
    if base_id is None:
        return None
    base = configuration.rate_groups[base_id]
    matched = base.rate_for(moment.number, moment.valid_at)
    found = _by_period(
        configuration, base, schedule, matched, owner.account_id, moment, f"package {package.name}"
    )
    if found is None:
        return None
    return Price(replace(found.pricing, package_id=package.active_id), found.rate_type)


def _by_period(
    configuration: Configuration,
    group: RateGroup,
    schedule: PeriodSchedule,
    matched: MatchedRate | None,
    account_id: int,
    moment: Moment,
    source: str,
) -> Price | None:
    """The price of the period of the offer, and those that come while the call may last.

    A period whose own rate group has no rate for the number leaves the normal price; a time
    without any price keeps the one before it.
    """
    rule = schedule.rule_at(moment.when)
    now = _period_rate(configuration, matched, rule, moment)
    if now is None:
        return None
    rate, multiplier = now
    later = []
    for from_, next_rule in schedule.changes(moment.when, moment.until):
        if priced := _period_rate(configuration, matched, next_rule, moment):
            then, factor = priced
            at_s = int(from_.timestamp())
            later.append(
                PeriodPrice(at_s, then.prefix, then.rate.tariff, then.rate.tax_percent, factor)
            )
    pricing = Pricing(
        account_id,
        rate.prefix,
        rate.rate.tariff,
        group.terms,
        rate.rate.tax_percent,
        multiplier,
        group.name,
        source,
        later=tuple(later),
        split=group.boundary is Boundary.SPLIT,
    )
    return Price(pricing, rate.rate.rate_type)


def _period_rate(
    configuration: Configuration,
    normal: MatchedRate | None,
    rule: PeriodRule | None,
    moment: Moment,
) -> "tuple[MatchedRate, Decimal] | None":
    if rule is not None and rule.rate_group_id is not None:
        own = configuration.rate_groups[rule.rate_group_id]
        if matched := own.rate_for(moment.number, moment.valid_at):
            return matched, ONE
    if normal is None:
        return None
    return normal, ONE if rule is None or rule.multiplier is None else rule.multiplier


def _plain(group: RateGroup, matched: MatchedRate, account_id: int, source: str) -> Price:
    prefix, rate = matched
    return Price(
        Pricing(
            account_id,
            prefix,
            rate.tariff,
            group.terms,
            rate.tax_percent,
            group=group.name,
            source=source,
        ),
        rate.rate_type,
    )
