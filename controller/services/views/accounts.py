"""Accounts, their money and their postings, as pages show them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from controller.services.actors import Scope
from controller.services.views.paging import PageRequest, Position


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its money. `balance` is not kept for accounts of kind `system`."""

    account_id: int
    name: str
    title: str
    kind: str
    currency: str
    parent: str
    locked: bool
    expires_at: datetime | None
    closed_at: datetime | None
    overdraft_limit: Decimal
    capacity: int | None
    balance: Decimal
    reserved: Decimal
    lines: int

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(frozen=True, slots=True)
class AccountLink:
    account_id: int
    name: str


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """`chain` are the agents above, the nearest first; `children` the first of `children_count`
    accounts directly below, by name. Nobody sees what is above the own account, nor its memo; of
    gateways only operators see those of vendors."""

    row: AccountRow
    rate_group: str
    private_rate_group: str
    monthly_minimum: Decimal
    gateways: tuple[str, ...]
    created_at: datetime
    memo: str
    chain: tuple[AccountLink, ...] = ()
    children: tuple[AccountRow, ...] = ()
    children_count: int = 0


@dataclass(frozen=True, slots=True)
class FreeSecondsLeft:
    """An allowance of an active package. `total_s` is what the package gives in a whole period."""

    prefixes: tuple[str, ...]
    start_s: int
    end_s: int
    total_s: int
    left_s: int
    reserved_s: int


@dataclass(frozen=True, slots=True)
class PackageInUse:
    """A package's current period. Benefits begin at `effective_consumption`.

    `phone` is empty where the package is the whole account's.
    """

    name: str
    phone: str
    currency: str
    period_start: datetime
    period_end: datetime
    rent_paid: Decimal
    gift_total: Decimal
    gift_left: Decimal
    gift_reserved: Decimal
    consumption: Decimal
    minimum_consumption: Decimal
    effective_consumption: Decimal
    free: tuple[FreeSecondsLeft, ...]

    @property
    def is_effective(self) -> bool:
        return self.consumption >= self.effective_consumption


@dataclass(frozen=True, slots=True)
class RecurringCharge:
    """Rent or a shortfall that was charged; `period_start` says for when."""

    kind: str
    source: str
    period_start: datetime
    amount: Decimal
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PhoneMonth:
    """A phone's current month: what its calls cost, and what those in progress may cost."""

    number: str
    locked: bool
    rent: Decimal
    minimum: Decimal
    maximum: Decimal | None
    consumed: Decimal
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """An account's packages, recurring money and phones; the first of them where there are many.

    `month` is the current one, by the platform's zone.
    """

    month: date
    packages: tuple[PackageInUse, ...] = ()
    recurring: tuple[RecurringCharge, ...] = ()
    phones: tuple[PhoneMonth, ...] = ()
    phones_count: int = 0


@dataclass(frozen=True, slots=True)
class PostedCall:
    """What a posting needs to say about its call; seconds and prefix are the account's own.

    `routing_gateway` is empty for all but operators.
    """

    callee: str
    billed_s: int
    duration_s: int
    rate_prefix: str
    routing_gateway: str


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting as one account sees it: `amount` is positive where the balance rose.

    `other_account` is empty where it is out of the scope of the one who looks. `balance_after` is
    None where nothing keeps or can quickly tell it.
    """

    posting_id: str
    kind: str
    at: datetime
    amount: Decimal
    currency: str
    other_account: str
    memo: str
    call_id: str | None
    call: PostedCall | None
    balance_after: Decimal | None


@dataclass(frozen=True, slots=True)
class PostingPage:
    rows: tuple[PostingRow, ...]
    newer: Position | None
    older: Position | None


class AccountView(Protocol):
    def detail(self, scope: Scope, account_id: int) -> AccountDetail | None:
        """None for an account out of scope, too."""

    def subscriptions(self, scope: Scope, account_id: int, now: datetime) -> Subscriptions:
        """Raises NotFound."""

    def consumed(self, scope: Scope, account_id: int, since: datetime) -> Decimal:
        """What calls that began since then have cost the account, tax included. `since`: within
        the last two days. Nothing for an account out of scope."""

    def id_of(self, scope: Scope, name: str) -> int | None: ...

    def postings(self, scope: Scope, account_id: int, request: PageRequest) -> PostingPage:
        """Raises NotFound."""
