"""What a staged deck would earn or cost on traffic that was: live against staged, call by call.

Prices are found and applied by the functions of the live call, with the group's terms, sections
and periods. Each call of the last days is priced by the live rates and by those after the deck, as
they are at one moment. The other side of the call (a vendor's cost where the group sells, the sale
where the group is a cost) stays what was recorded. Packages, private rates and other groups of an
account are left out: the question is what this deck does.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from controller.domain.billing import RatedTime
from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidInput
from controller.domain.numbering import listed, rated_number
from controller.domain.prices import Moment, price_in
from controller.services.decks.ports import DeckState, StagedDeck, StagedDecks
from controller.services.decks.staging import deck_of

MAX_DAYS = 400
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PastCall:
    """An answered call of which the deck's group was one side.

    `number` is the one that this side is charged for, technical prefixes included; `other` what
    was recorded of the other side, in its currency (empty: it has none).
    """

    is_sale: bool
    account_id: int
    started_at: datetime
    answered_at: datetime
    duration_s: int
    number: str
    other: Decimal
    other_currency: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Past calls, and the group's prices before and after the deck as two small configurations:
    with the rates of called destinations only."""

    group_id: int
    currency: str
    live: Configuration
    staged: Configuration
    calls: Iterable[PastCall]


class TrafficStore(Protocol):
    """Past calls of a deck's group, in one snapshot."""

    def traffic(
        self, deck: StagedDeck, since: datetime, until: datetime
    ) -> AbstractContextManager[Traffic]:
        """Calls that started from `since` to before `until`."""


@dataclass(slots=True)
class Effect:
    """Calls with what they were charged and would be: `before` and `after` are the group's side,
    `other` is what the other side was."""

    calls: int = 0
    seconds: int = 0
    before: Decimal = ZERO
    after: Decimal = ZERO
    other: Decimal = ZERO

    def add(self, call: PastCall, before: Decimal, after: Decimal) -> None:
        self.calls += 1
        self.seconds += call.duration_s
        self.before += before
        self.after += after
        self.other += call.other


@dataclass(frozen=True, slots=True)
class Side:
    """All calls in which the group was the sale, or the cost, and the other side's currency was
    the same. Amounts of the two sides are compared only where they are in one currency."""

    is_sale: bool
    currency: str
    other_currency: str
    total: Effect = field(default_factory=Effect)
    by_prefix: dict[tuple[str, str], Effect] = field(default_factory=dict)
    unpriced_before: Effect = field(default_factory=Effect)
    """Calls that only the deck has a rate for; in no other figure."""
    unpriced_after: Effect = field(default_factory=Effect)
    """Calls that have a rate now and would have none; in no other figure."""

    @property
    def comparable(self) -> bool:
        return self.other_currency in ("", self.currency)

    def margin(self, effect: Effect, amount: Decimal) -> Decimal | None:
        """Sale less cost when the group's side is `amount`; None across currencies."""
        if not self.comparable:
            return None
        return amount - effect.other if self.is_sale else effect.other - amount

    def gain(self, effect: Effect) -> Decimal:
        """What the deck earns more, negative where it loses; in the group's currency."""
        change = effect.after - effect.before
        return change if self.is_sale else -change

    def lines(self) -> list[tuple[str, str, Effect]]:
        """Prefix, area and effect, those that matter most first."""
        by_weight = sorted(
            self.by_prefix.items(), key=lambda item: (-abs(self.gain(item[1])), item[0])
        )
        return [(prefix, area, effect) for (prefix, area), effect in by_weight]


@dataclass(frozen=True, slots=True)
class MarginReport:
    """The effect of a deck on the calls of a span of time, with rates as they are at `rates_at`."""

    deck: StagedDeck
    since: datetime
    until: datetime
    rates_at: datetime
    sides: tuple[Side, ...]


def deck_margin(
    store: StagedDecks, traffic_store: TrafficStore, deck_id: int, now: datetime, days: int
) -> MarginReport:
    """The effect of a staged deck on the calls of the last `days`.

    Raises InvalidInput where there is no such deck, or it is not staged.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidInput(f"{days} days are not 1 to {MAX_DAYS}")
    with store.begin_staging() as work:
        if deck_of(work, deck_id).state is not DeckState.STAGED:
            raise InvalidInput(f"deck {deck_id} is not staged: its effect is in the call records")
        deck = work.compare(deck_id)
        work.commit()
    since, rates_at = now - timedelta(days=days), max(now, deck.effective_at or now)
    sides: dict[tuple[bool, str], Side] = {}
    with traffic_store.traffic(deck, since, now) as traffic:
        prices = _Prices(traffic, rates_at)
        for call in traffic.calls:
            key = (call.is_sale, call.other_currency or traffic.currency)
            side = sides.get(key)
            if side is None:
                side = sides[key] = Side(call.is_sale, traffic.currency, key[1])
            prices.compare(call, side)
    ordered = tuple(sides[key] for key in sorted(sides, key=lambda k: (not k[0], k[1])))
    return MarginReport(deck, since, now, rates_at, ordered)


class _Prices:
    """The group's two prices of a call."""

    def __init__(self, traffic: Traffic, rates_at: datetime) -> None:
        self._traffic = traffic
        self._rates_at = rates_at
        parameters = traffic.live.parameters
        self._route_prefixes = parameters.route_prefixes
        self._free = (*parameters.free_numbers, *parameters.unrecorded_free_numbers)
        self._rated_time = RatedTime(parameters.free_time_s, parameters.minimum_duration_s)

    def compare(self, call: PastCall, side: Side) -> None:
        """Add a call to the figures of its side."""
        number = rated_number(call.number, self._route_prefixes)
        if call.is_sale and listed(number, self._free):
            return
        before = self._price(self._traffic.live, call, number)
        after = self._price(self._traffic.staged, call, number)
        if before is not None and after is not None:
            side.total.add(call, before[0], after[0])
            side.by_prefix.setdefault(after[1], Effect()).add(call, before[0], after[0])
        elif before is not None:
            side.unpriced_after.add(call, before[0], ZERO)
        elif after is not None:
            side.unpriced_before.add(call, ZERO, after[0])

    def _price(
        self, configuration: Configuration, call: PastCall, number: str
    ) -> tuple[Decimal, tuple[str, str]] | None:
        """The amount (net where it is a sale, with tax where it is a cost), prefix and area."""
        group = configuration.rate_groups[self._traffic.group_id]
        answered_s = int(call.answered_at.timestamp())
        setup_s = answered_s - int(call.started_at.timestamp())
        moment = Moment(number, call.started_at, setup_s + call.duration_s + 1, self._rates_at)
        price = price_in(configuration, group, call.account_id, moment, "")
        if price is None:
            return None
        pricing = price.pricing
        if call.is_sale:
            amount = pricing.charge(self._rated_time.rated_s(call.duration_s), answered_s).net
        else:
            amount = pricing.charge(call.duration_s, answered_s).gross
        matched = group.rate_for(number, self._rates_at)
        return amount, (pricing.at(answered_s).prefix, matched.rate.area if matched else "")
