"""The figures of the first page, of the platform or of one account and what is below it."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Protocol

from controller.services.actors import Scope


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls offered in a span of time, and what became of them."""

    offered: int
    answered: int
    talk_ms: int

    @property
    def asr_percent(self) -> Decimal | None:
        """Answer-seizure ratio."""
        return Decimal(100 * self.answered) / self.offered if self.offered else None

    @property
    def acd_s(self) -> Decimal | None:
        """Average call duration, of answered calls."""
        return Decimal(self.talk_ms) / 1000 / self.answered if self.answered else None


NO_TRAFFIC = Traffic(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Minute:
    """Calls offered in the minute that begins at `at`."""

    at: datetime
    offered: int
    answered: int


@dataclass(frozen=True, slots=True)
class Takings:
    """Money of calls in one currency.

    The operator: `earned` is what the topmost payers owe, without tax; `paid` what vendors get. An
    agent: what the accounts directly below owe it, and what it owes itself. A customer has only
    paid. `tax` is the account's own.
    """

    currency: str
    earned: Decimal
    paid: Decimal
    tax: Decimal = Decimal(0)

    @property
    def margin(self) -> Decimal:
        return self.earned - self.paid

    @property
    def spent(self) -> Decimal:
        """What the account was debited."""
        return self.paid + self.tax


@dataclass(frozen=True, slots=True)
class Span:
    """Calls that began in a span of time and have ended; money by currency."""

    traffic: Traffic
    takings: tuple[Takings, ...]

    def money(self, currency: str) -> Takings:
        zero = Takings(currency, Decimal(0), Decimal(0))
        return next((t for t in self.takings if t.currency == currency), zero)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day: today's, and yesterday's. `at` is when today's begins; an hour that is
    still to come has nothing of today."""

    at: datetime
    today: Span | None
    yesterday: Span


@dataclass(frozen=True, slots=True)
class OwnFunds:
    """The money of the account that looks."""

    account_id: int
    account: str
    currency: str
    balance: Decimal
    reserved: Decimal
    available: Decimal
    low_balance: Decimal | None

    @property
    def is_low(self) -> bool:
        return self.low_balance is not None and self.available < self.low_balance


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`minutes` are the last sixty, oldest first, calls in progress included. Days are those of the
    zone that was asked for; `by_now` is yesterday up to this time of day. `to_review` counts
    today's records, and `funds` are None, for operators."""

    at: datetime
    calls_now: int
    talking_now: int
    minutes: tuple[Minute, ...]
    last_hour: Traffic
    today: Span
    by_now: Span
    yesterday: Span
    hours: tuple[Hour, ...]
    to_review: int
    funds: OwnFunds | None

    @property
    def calls_per_second(self) -> Decimal:
        """Calls offered in the last minute that is over, a second."""
        return Decimal(self.minutes[-2].offered) / 60

    @property
    def most_per_second(self) -> Decimal:
        """The busiest minute of the last hour."""
        return Decimal(max(minute.offered for minute in self.minutes)) / 60

    @property
    def currencies(self) -> tuple[str, ...]:
        """Of today's and yesterday's money."""
        return tuple(sorted({t.currency for t in (*self.today.takings, *self.yesterday.takings)}))


class DashboardView(Protocol):
    def figures(self, scope: Scope, zone: tzinfo) -> Dashboard: ...
