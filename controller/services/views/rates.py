"""Rate groups and their rates, as pages show them, each visitor seeing what it may.

Operators see everything; everybody else groups that belong to an account in scope, and those that
the own account uses or was authorized to; never one by which vendors are paid.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from controller.domain.deck_cells import deck_tariff, minute_price
from controller.domain.errors import InvalidInput
from controller.domain.money import Rounding
from controller.domain.rates import Boundary, RateType
from controller.domain.sections import SectionMode
from controller.services.actors import Scope
from controller.services.price_words import tariff_words


@dataclass(frozen=True, slots=True)
class RateGroupRow:
    """A rate group in the list. `decimals` None: the platform's. `accounts` are those that it
    prices; `is_cost`: vendors are paid by it. `owner` is empty for the operator's, or where it is
    out of scope; what a group is used for by others is 0 for all but operators."""

    group_id: int
    name: str
    memo: str
    currency: str
    decimals: int | None
    rounding: Rounding
    timezone: str
    section_mode: SectionMode
    boundary: Boundary
    rate_count: int
    owner: str
    accounts: int
    phones: int
    is_cost: bool


@dataclass(frozen=True, slots=True)
class RateGroupPage:
    """Rows by name. `next_after` is the name after which the next page begins."""

    rows: tuple[RateGroupRow, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class UsingAccount:
    """An account that is priced by a group. `how`: rate group or private."""

    account_id: int
    name: str
    kind: str
    how: str


@dataclass(frozen=True, slots=True)
class RateGroupDetail:
    """A group with who uses it (the first of them), who may see it, and its periods in words.

    What is only the operator's business is empty for others.
    """

    row: RateGroupRow
    users: tuple[UsingAccount, ...]
    agents: tuple[str, ...]
    periods: tuple[str, ...]
    calendar: str
    used_by_periods_of: tuple[str, ...]


class Validity(StrEnum):
    """Whether a rate is used now."""

    VALID = "valid"
    LOCKED = "locked"
    FUTURE = "future"
    PAST = "past"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class RateRow:
    """A rate as the deck has it."""

    rate_id: int
    prefix: str
    area: str
    rate_type: int
    tiers: str
    sections: str
    tax_percent: Decimal
    effective_from: datetime | None
    effective_to: datetime | None
    locked: bool
    section_mode: SectionMode

    @property
    def minute(self) -> Decimal | None:
        """What a call of 60 s costs, without tax; None where the rate cannot be read."""
        try:
            return minute_price(self.tiers, self.sections, self.section_mode)
        except InvalidInput:
            return None

    @property
    def words(self) -> tuple[str, ...]:
        """The price in phrases; the deck's own text where it cannot be read."""
        try:
            return tariff_words(deck_tariff(self.tiers, self.sections, self.section_mode))
        except InvalidInput:
            return (self.tiers, self.sections) if self.sections else (self.tiers,)

    @property
    def kind(self) -> str:
        known = {int(rate_type): rate_type.name.capitalize() for rate_type in RateType}
        return known.get(self.rate_type, str(self.rate_type))

    def validity(self, now: datetime) -> Validity:
        if self.minute is None:
            return Validity.UNUSABLE
        if self.locked:
            return Validity.LOCKED
        if self.effective_from is not None and now < self.effective_from:
            return Validity.FUTURE
        if self.effective_to is not None and self.effective_to <= now:
            return Validity.PAST
        return Validity.VALID


@dataclass(frozen=True, slots=True)
class RateFilter:
    """`prefix` is how the rate's prefix begins, `area` any part of its area."""

    prefix: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class RatePlace:
    """A place in a group's list, which is ordered by prefix and id."""

    prefix: str
    rate_id: int


@dataclass(frozen=True, slots=True)
class RatePage:
    """Rates by prefix. `next_after` is where the next page goes on; `searched_to` the prefix up to
    which a search has looked so far, if it has not looked at everything."""

    rows: tuple[RateRow, ...]
    next_after: RatePlace | None
    searched_to: str = ""


class RateView(Protocol):
    def groups(self, scope: Scope, search: str, after: str, limit: int) -> RateGroupPage: ...

    def group(self, scope: Scope, group_id: int) -> RateGroupDetail | None:
        """None for a group that may not be seen, too."""

    def rates(
        self, group: RateGroupRow, wanted: RateFilter, after: RatePlace | None, limit: int
    ) -> RatePage:
        """Of a group that `group` or `groups` gave: only those who may see it have it."""

    def matching(self, group: RateGroupRow, number: str) -> tuple[RateRow, ...]:
        """Rates whose prefix the number begins with, from the longest."""
