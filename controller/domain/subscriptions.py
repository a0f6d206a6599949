"""What becomes of a package order when a period is due: it opens, waits, passes over or ends. Pure.

Spec §2.9. The order's row says which period is next; the money at hand decides. Whoever asks holds
the lock on both, so that the answer is true until it is carried out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import (
    Alignment,
    Cycle,
    PackagePeriod,
    Period,
    cycle_of,
)
from controller.domain.money import Rounding, round_ratio

DECIMALS = 6
"""A period's amounts are computed exactly and rounded once, half up, to so many decimals."""

HUNDRED = Decimal(100)


class OnInsufficient(StrEnum):
    """What happens to an order whose rent the account's money does not cover (spec §2.9)."""

    WAIT_RECHARGE = "wait_recharge"
    WAIT_PERIOD = "wait_period"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FreeSeconds:
    """Free seconds of each whole period (`position` is their place in the package)."""

    position: int
    prefixes: tuple[str, ...]
    seconds: int
    start_s: int = 0
    end_s: int = 86_400
    cycle_s: int = 60


@dataclass(frozen=True, slots=True)
class Package:
    """What is subscribed to: amounts of one whole period, in the package's currency."""

    package_id: int
    name: str
    currency: str
    period: PackagePeriod
    rent: Decimal = Decimal(0)
    period_s: int | None = None
    alignment: Alignment = Alignment.CALENDAR
    allow_partial_first: bool = False
    gift_money: Decimal = Decimal(0)
    minimum_consumption: Decimal = Decimal(0)
    effective_consumption: Decimal = Decimal(0)
    free: tuple[FreeSeconds, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A subscription of an account or a phone. `next_start` None: the order is over."""

    order_id: int
    key: str
    available_from: datetime
    created_at: datetime
    next_start: datetime | None
    expires_at: datetime | None = None
    waiting_since: datetime | None = None
    priority: int | None = None
    on_insufficient: OnInsufficient = OnInsufficient.WAIT_RECHARGE
    rent_percent: Decimal = HUNDRED


@dataclass(frozen=True, slots=True)
class PeriodTerms:
    """One period of an order, with its part of the package. `free_s` in the package's order."""

    period: Period
    rent: Decimal
    gift_money: Decimal
    minimum_consumption: Decimal
    effective_consumption: Decimal
    free_s: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Opens:
    """The period begins and its rent is paid. `due` names it for ever; None ends the order."""

    terms: PeriodTerms
    due: datetime
    next_start: datetime | None


@dataclass(frozen=True, slots=True)
class Waits:
    """The rent is not covered: the order waits for a recharge."""

    rent: Decimal
    since: datetime


@dataclass(frozen=True, slots=True)
class Skips:
    """The rent is not covered: this period is left out. None ends the order."""

    rent: Decimal
    period: Period
    next_start: datetime | None


@dataclass(frozen=True, slots=True)
class Ends:
    """No further period will be opened."""

    why: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing is due yet; the next period begins then."""

    next_start: datetime


Decision = Opens | Waits | Skips | Ends | Later


@dataclass(frozen=True, slots=True)
class _Due:
    """The period that an order would open: `start` may be within `whole`."""

    start: datetime
    whole: Period
    part: Fraction


def decide(
    package: Package,
    order: Order,
    zone: ZoneInfo,
    *,
    as_of: datetime,
    now: datetime,
    available: Decimal,
) -> Decision:
    """What to do with an order: what is due until `as_of`, with the money of `now`.

    An order that waits for a recharge goes on with the period that runs now; the periods between
    are left out. Otherwise each period since the order was made comes in its turn.
    """
    if order.next_start is None:
        return Ends("over")
    if package.period is PackagePeriod.ONCE:
        return _decide_once(package, order, as_of, now, available)
    due = _due(package, order, _cycle(package, order, zone), now)
    if _is_over(order, due.start) or (order.waiting_since and _is_over(order, now)):
        return Ends("expired")
    if due.start > as_of:
        return Later(due.start)
    terms = _terms(package, order, due)
    next_start = None if _is_over(order, due.whole.end) else due.whole.end
    if _covered(terms.rent, available):
        return Opens(terms, due.start, next_start)
    if order.on_insufficient is OnInsufficient.WAIT_PERIOD:
        return Skips(terms.rent, terms.period, next_start)
    return _refused(order, terms.rent, now)


def shortfall(minimum: Decimal, consumed: Decimal) -> Decimal:
    """What is missing to a minimum consumption (spec B5)."""
    return max(Decimal(0), minimum - consumed)


def never_opens(package: Package, order: Order, zone: ZoneInfo) -> bool:
    """True for an order that expires before a period of it can begin."""
    if order.expires_at is None or order.next_start is None:
        return False
    if package.period is PackagePeriod.ONCE:
        return _is_over(order, order.next_start)
    return _is_over(
        order, _due(package, order, _cycle(package, order, zone), order.created_at).start
    )


def _decide_once(
    package: Package, order: Order, as_of: datetime, now: datetime, available: Decimal
) -> Decision:
    """A one-off package lasts from the moment when it is paid, or until the order's expiry."""
    due = order.next_start or order.available_from
    if due > as_of:
        return Later(due)
    if _is_over(order, now):
        return Ends("expired")
    start = max(due, now)
    end = order.expires_at or start + timedelta(seconds=package.period_s or 0)
    terms = _terms(package, order, _Due(start, Period(start, end), Fraction(1)))
    if _covered(terms.rent, available):
        return Opens(terms, due, None)
    return _refused(order, terms.rent, now)


def _refused(order: Order, rent: Decimal, now: datetime) -> Decision:
    if order.on_insufficient is OnInsufficient.DELETE:
        return Ends("rent not covered")
    return Waits(rent, order.waiting_since or now)


def _cycle(package: Package, order: Order, zone: ZoneInfo) -> Cycle:
    first_day = order.available_from.astimezone(zone).date()
    return cycle_of(package.period, package.alignment, first_day, zone)


def _due(package: Package, order: Order, cycle: Cycle, now: datetime) -> _Due:
    """Periods that were over when the order was made are never opened."""
    start = order.next_start or order.available_from
    start = max(start, cycle.period_at(max(order.created_at, order.available_from)).start)
    if order.waiting_since is not None:
        start = max(start, cycle.period_at(now).start)
    # by days, for an order may begin in the course of one
    whole = cycle.period_at(start)
    part = Fraction(cycle.days(Period(start, whole.end)), cycle.days(whole))
    if part < 1 and not package.allow_partial_first:
        whole = cycle.period_at(whole.end)
        return _Due(whole.start, whole, Fraction(1))
    return _Due(start, whole, part)


def _terms(package: Package, order: Order, due: _Due) -> PeriodTerms:
    end = min(due.whole.end, order.expires_at or due.whole.end)
    return PeriodTerms(
        period=Period(due.start.astimezone(UTC), end),
        rent=_share(package.rent, due.part * Fraction(order.rent_percent) / 100),
        gift_money=_share(package.gift_money, due.part),
        minimum_consumption=_share(package.minimum_consumption, due.part),
        effective_consumption=_share(package.effective_consumption, due.part),
        free_s=tuple(int(free.seconds * due.part) for free in package.free),
    )


def _share(amount: Decimal, part: Fraction) -> Decimal:
    exact = Fraction(amount) * part
    return round_ratio(exact.numerator, exact.denominator, DECIMALS, Rounding.HALF_UP)


def _covered(rent: Decimal, available: Decimal) -> bool:
    """A period that costs nothing opens whatever the balance."""
    return rent == 0 or rent <= available


def _is_over(order: Order, when: datetime) -> bool:
    return order.expires_at is not None and when >= order.expires_at
