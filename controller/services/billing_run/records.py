"""What there is to see of packages and recurring money. Read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PackageLine:
    """A package that can be ordered. `orders` are going on, `active` periods run."""

    name: str
    period: str
    period_s: int | None
    alignment: str
    allow_partial_first: bool
    rent: Decimal
    currency: str
    gift_money: Decimal
    free_s: int
    minimum_consumption: Decimal
    effective_consumption: Decimal
    orders: int
    active: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`state`: waiting (for a recharge), planned (for `next_period_start`) or over."""

    key: str
    package: str
    account: str
    phone: str | None
    state: str
    available_from: datetime
    expires_at: datetime | None
    next_period_start: datetime | None
    waiting_since: datetime | None
    priority: int | None
    on_insufficient: str
    rent_percent: Decimal
    ended_at: datetime | None
    memo: str


@dataclass(frozen=True, slots=True)
class FreeLine:
    prefixes: tuple[str, ...]
    start_s: int
    end_s: int
    cycle_s: int
    left_s: int
    reserved_s: int


@dataclass(frozen=True, slots=True)
class ActiveLine:
    """A period of a package that runs, or ran."""

    number: int
    package: str
    order: str
    account: str
    phone: str | None
    currency: str
    period_start: datetime
    period_end: datetime
    rent_paid: Decimal
    gift_left: Decimal
    gift_reserved: Decimal
    consumption: Decimal
    minimum_consumption: Decimal
    effective_consumption: Decimal
    priority: int | None
    closed_at: datetime | None
    free: tuple[FreeLine, ...]


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """An other-income record: `period_start` says for what, `at` when it was taken."""

    kind: str
    account: str
    source: str
    period_start: datetime
    amount: Decimal
    currency: str
    balance_after: Decimal
    at: datetime
    posting_id: str | None


class Records(Protocol):
    """`account` None: every account's. Raises StoreUnavailable."""

    def has_account(self, account: str) -> bool: ...

    def packages(self) -> Sequence[PackageLine]: ...

    def orders(self, account: str | None, most: int, *, with_over: bool) -> Sequence[OrderLine]: ...

    def active(
        self, account: str | None, now: datetime, most: int, *, with_over: bool
    ) -> Sequence[ActiveLine]: ...

    def charges(
        self, account: str | None, most: int, *, with_nothing_owed: bool
    ) -> Sequence[ChargeLine]:
        """The newest first."""
