"""Every price that a payer might pay for a number, and why it does or does not (spec §2.6). Pure.

Prices, their order and the choice come from `domain.price_choice`; added here are the places that
have no price, the rates that were passed over, and the reasons in words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from controller.domain.configuration import Account, Configuration, Phone
from controller.domain.packages import ActivePackage
from controller.domain.periods import PeriodSchedule
from controller.domain.price_choice import price_candidates
from controller.domain.prices import Moment, Price
from controller.domain.pricing import Pricing
from controller.domain.rates import MatchedRate, RateGroup, RateType
from controller.domain.tariff import Charge
from controller.services.explain_bill import ExplainedBill
from controller.services.price_words import (
    began_before,
    day_words,
    money_text,
    rule_words,
    wall_text,
)

MATCH = "chosen"
REPLACED = "the period has a price of its own"
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Outcome(StrEnum):
    """What became of a candidate."""

    CHOSEN = "chosen"
    DEARER = "dearer"
    SAME = "same"
    NOT_ASKED = "not_asked"
    NOT_EFFECTIVE = "not_effective"
    NO_PRICE = "no_price"


@dataclass(frozen=True, slots=True)
class MatchedRow:
    """A rate whose prefix matches, and why it is the price or is not."""

    group: str
    prefix: str
    tiers: str
    area: str
    verdict: str

    @property
    def is_match(self) -> bool:
        """Whether it is the usable rate of the longest prefix."""
        return self.verdict == MATCH


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that may have a price: a phone's rates, the account's own, a package, its group.

    `charge` is the price of the seconds that are paid, `expected` that at which the choice is made
    before the call; neither where there is no price. `zone` is that of its periods, if it has some.
    """

    source: str
    group: str
    rows: tuple[MatchedRow, ...]
    period: str
    zone: ZoneInfo | None
    pricing: Pricing | None
    rate_type: RateType | None
    charge: Charge | None
    expected: Charge | None
    outcome: Outcome
    why: str

    @property
    def is_winner(self) -> bool:
        return self.outcome is Outcome.CHOSEN


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a price may stand, in the words of `Pricing.source`."""

    source: str
    group: RateGroup | None
    package: ActivePackage | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        return self.source, self.package.active_id if self.package else None

    @property
    def schedule(self) -> PeriodSchedule | None:
        if self.package is not None:
            return self.package.periods
        return self.group.periods if self.group is not None else None


Adjust = Callable[[Pricing], Pricing]


def as_it_is(pricing: Pricing) -> Pricing:
    """The terms of the rate group."""
    return pricing


@dataclass(frozen=True, slots=True)
class Deciding:
    """What the choice is made by: the number and time, and the bill of the one that won.

    `bill` None: nothing was chosen. `early`: packages whose benefits have not begun. `adjust` puts
    other terms in the place of the rate group's.
    """

    configuration: Configuration
    moment: Moment
    bill: ExplainedBill | None
    early: frozenset[int] = frozenset()
    adjust: Adjust = as_it_is

    def charge(self, pricing: Pricing) -> Charge:
        """The price of the seconds that the chosen one was asked for."""
        if self.bill is None:
            return self.expected(pricing)
        owed = self.bill.bill
        paid_s = owed.rated_s - owed.offset_s
        return pricing.charge(paid_s, self.moment.second + owed.offset_s)

    def expected(self, pricing: Pricing) -> Charge:
        expected_s = self.configuration.parameters.expected_duration_s
        return pricing.charge(expected_s, self.moment.second)


def candidates_of(owner: Account, phone: Phone | None, deciding: Deciding) -> tuple[Candidate, ...]:
    """In the order of the hierarchy, those without a price too."""
    configuration, moment = deciding.configuration, deciding.moment
    prices = {
        (price.pricing.source, price.pricing.package_id): price
        for price in price_candidates(configuration, owner, phone, moment)
    }
    found: list[Candidate] = []
    for place in _places(configuration, owner, phone, moment.when):
        found.append(_candidate(place, prices.get(place.key), deciding, found))
    return tuple(found)


def matched_rows(group: RateGroup, number: str, when: datetime) -> tuple[MatchedRow, ...]:
    """Every rate of the group that matches a number, from the longest prefix (spec §2.3)."""
    chosen = group.rate_for(number, when)
    return tuple(
        MatchedRow(
            group.name,
            prefix,
            str(rate.tariff),
            rate.area,
            _verdict(MatchedRate(prefix, rate), chosen, when),
        )
        for prefix, rates in group.rates.matches(number)
        for rate in sorted(rates, key=lambda r: r.valid_from or _ALWAYS)
    )


def _places(
    configuration: Configuration, owner: Account, phone: Phone | None, when: datetime
) -> Iterator[_Place]:
    groups = configuration.rate_groups
    if phone is not None and phone.rate_group_id is not None:
        yield _Place(f"phone {phone.number}", groups[phone.rate_group_id])
    if owner.private_rate_group_id is not None:
        yield _Place("private rate group", groups[owner.private_rate_group_id])
    phone_id = phone.phone_id if phone is not None else None
    own = groups[owner.rate_group_id] if owner.rate_group_id is not None else None
    for package in configuration.packages.usable(owner.account_id, phone_id, when):
        if package.periods is not None:
            yield _Place(f"package {package.name}", own, package)
    if own is not None:
        yield _Place("rate group", own)


def _candidate(
    place: _Place, price: Price | None, deciding: Deciding, before: list[Candidate]
) -> Candidate:
    pricing = deciding.adjust(price.pricing) if price else None
    outcome, why = _outcome(place, pricing, deciding, before)
    return Candidate(
        source=place.source,
        group=pricing.group if pricing else place.group.name if place.group else "",
        rows=tuple(_rows(place, deciding)),
        period=_period(place, deciding),
        zone=place.schedule.zone if place.schedule else None,
        pricing=pricing,
        rate_type=price.rate_type if price else None,
        charge=deciding.charge(pricing) if pricing else None,
        expected=deciding.expected(pricing) if pricing else None,
        outcome=outcome,
        why=why,
    )


def _rows(place: _Place, deciding: Deciding) -> Iterator[MatchedRow]:
    """Rates of the normal group, and of the one that a period puts in its place."""
    moment = deciding.moment
    rule = place.schedule.rule_at(moment.when) if place.schedule else None
    if place.package is not None and rule is None:
        return
    own: tuple[MatchedRow, ...] = ()
    if rule is not None and rule.rate_group_id is not None:
        group = deciding.configuration.rate_groups[rule.rate_group_id]
        own = matched_rows(group, moment.number, moment.when)
    replaced = any(row.is_match for row in own)
    if place.group is not None:
        for row in matched_rows(place.group, moment.number, moment.when):
            yield replace(row, verdict=REPLACED) if replaced and row.is_match else row
    yield from own


def _period(place: _Place, deciding: Deciding) -> str:
    """Which day and hour it is where the prices change by it, and what follows."""
    schedule = place.schedule
    if schedule is None:
        return ""
    when = deciding.moment.when
    day = f"{wall_text(when, schedule.zone)} is {day_words(when, schedule)}"
    rule = schedule.rule_at(when)
    if rule is None:
        return f"{day}; no period holds"
    groups = deciding.configuration.rate_groups
    own = groups[rule.rate_group_id].name if rule.rate_group_id is not None else ""
    number = next(n for n, held in enumerate(schedule.rules, start=1) if held is rule)
    since = ", since the day before" if began_before(rule.window, when, schedule.zone) else ""
    return f"{day}; {rule_words(number, rule, own)}{since}"


def _outcome(
    place: _Place, pricing: Pricing | None, deciding: Deciding, before: list[Candidate]
) -> tuple[Outcome, str]:
    if pricing is None:
        return Outcome.NO_PRICE, _why_no_price(place, deciding)
    if deciding.bill is None:
        return Outcome.NOT_ASKED, "the call is refused"
    chosen = deciding.bill.bill.pricing
    if not deciding.bill.spans:
        return Outcome.CHOSEN if pricing == chosen else Outcome.SAME, "nothing is left to price"
    if pricing == chosen:
        return Outcome.CHOSEN, _why_chosen(before, deciding)
    if pricing.package_id in deciding.early:
        return Outcome.NOT_EFFECTIVE, "the package gives nothing yet"
    if _is_first_only(deciding):
        return Outcome.NOT_ASKED, f"{source_words(chosen.source)} has a price and comes first"
    more = deciding.charge(pricing).gross - deciding.charge(chosen).gross
    if more > 0:
        return Outcome.DEARER, f"dearer by {money_text(more, pricing.terms.currency)}"
    return Outcome.SAME, f"no cheaper, and {source_words(chosen.source)} comes first"


def _is_first_only(deciding: Deciding) -> bool:
    return deciding.configuration.parameters.rate_selection == "hierarchy"


def _why_chosen(before: list[Candidate], deciding: Deciding) -> str:
    if _is_first_only(deciding):
        return "the first that has a price"
    if any(candidate.pricing for candidate in before):
        return "cheaper than those before it"
    return "the cheapest"


def _why_no_price(place: _Place, deciding: Deciding) -> str:
    in_time = place.schedule is None or place.schedule.rule_at(deciding.moment.when) is not None
    if place.package is not None and not in_time:
        return "no period of the package holds at this time"
    return f"no usable rate for {deciding.moment.number}"


def source_words(source: str) -> str:
    """A price's source as people call it."""
    if source.startswith("phone "):
        return f"the private rate of {source}"
    if source.startswith("package "):
        return f"the period rate of {source}"
    return {
        "private rate group": "the account's private rate",
        "rate group": "the account's rate group",
    }.get(source, source)


def _verdict(matched: MatchedRate, chosen: MatchedRate | None, when: datetime) -> str:
    if matched == chosen:
        return MATCH
    rate = matched.rate
    if rate.locked:
        return "locked"
    if rate.valid_from is not None and when < rate.valid_from:
        return f"valid from {rate.valid_from:%Y-%m-%dT%H:%M:%SZ}"
    if rate.valid_until is not None and rate.valid_until <= when:
        return f"valid until {rate.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    return "a longer prefix matches"
