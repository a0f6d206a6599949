"""The figures of the first page."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


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


@dataclass(frozen=True, slots=True)
class Minute:
    """Calls offered in the minute that begins at `at`."""

    at: datetime
    offered: int
    answered: int


@dataclass(frozen=True, slots=True)
class Takings:
    """Today's money in one currency: charges without tax, and what vendors cost."""

    currency: str
    revenue: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        return self.revenue - self.cost


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`minutes` are the last sixty, oldest first; `today` is since 00:00 UTC."""

    at: datetime
    calls_now: int
    talking_now: int
    minutes: tuple[Minute, ...]
    last_hour: Traffic
    today: Traffic
    takings: tuple[Takings, ...]
    to_review: int


class DashboardView(Protocol):
    def figures(self) -> Dashboard: ...
