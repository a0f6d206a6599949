"""What the billing run needs of a store: facts under lock, and the few things that it writes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import Period
from controller.domain.errors import TollgateError
from controller.domain.ledger import PostingKind
from controller.domain.subscriptions import Order, Package, PeriodTerms


class Busy(TollgateError):
    """Somebody else holds an object's lock for too long; the next run tries again."""

    error_id = "busy"


class Step(IntEnum):
    """Kinds of work, in the order in which those of one instant are done.

    What is owed in any case comes first; then rents of packages, which need money at hand.
    """

    PACKAGE_END = 0
    PHONE_MONTH = 1
    ACCOUNT_MONTH = 2
    PACKAGE_PERIOD = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that may have something due since an instant (None: as soon as there is money).

    `name` is for people.
    """

    step: Step
    object_id: int
    name: str
    since: datetime | None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Purse:
    """An account's money, locked until the transaction ends."""

    account_id: int
    name: str
    currency: str
    closed: bool
    balance: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """`account_id` is the payer: the phone's present account, where the package is a phone's."""

    order: Order
    package: Package
    account_id: int
    phone_id: int | None
    owner: str


@dataclass(frozen=True, slots=True)
class ActiveFacts:
    """A package's period that is over and not yet closed.

    `calls_open`: calls of the period go on, so its consumption is not known yet.
    """

    active_id: int
    order_id: int
    package: str
    account_id: int
    period: Period
    minimum_consumption: Decimal
    consumption: Decimal
    calls_open: bool


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    phone_id: int
    number: str
    account_id: int
    monthly_rent: Decimal
    monthly_minimum: Decimal
    billed_until: datetime


@dataclass(frozen=True, slots=True)
class AccountFacts:
    account_id: int
    name: str
    monthly_minimum: Decimal
    billed_until: datetime


@dataclass(frozen=True, slots=True)
class RecurringCharge:
    """One line of the other-income records: once for each kind, object and period, 0 included.

    `one_a_month`: never within two days of another one of its kind, so that a changed time zone
    of the platform does not make a month come twice.
    """

    kind: PostingKind
    object_id: int
    period_start: datetime
    source: str
    amount: Decimal
    memo: str
    one_a_month: bool = False


class BillingWork(Protocol):
    """One transaction about one object. Locks in this order: the object, funds, active packages.

    Facts are None where the object is gone or over. Raises Busy and StoreUnavailable.
    """

    def lock_order(self, order_id: int) -> OrderFacts | None: ...

    def lock_active(self, active_id: int) -> ActiveFacts | None:
        """With its account's funds; the calls were looked for before both were read."""

    def lock_phone(self, phone_id: int) -> PhoneFacts | None: ...

    def lock_account(self, account_id: int) -> AccountFacts | None: ...

    def lock_purse(self, account_id: int) -> Purse: ...

    def account_calls_open(self, account_id: int, before: datetime) -> bool:
        """Whether calls that were offered before an instant go on at an account's expense."""

    def phone_calls_open(self, phone_id: int, month: date) -> bool:
        """Whether calls go on that count in a phone's month."""

    def phone_consumed(self, phone_id: int, month: date) -> Decimal: ...

    def account_consumed(self, account_id: int, month: Period) -> Decimal:
        """What calls took from the account: charges and taxes less gift money."""

    def charge(self, purse: Purse, charge: RecurringCharge, now: datetime) -> bool:
        """Record, post and take from the balance; False: it was done before, nothing is written.

        Raises TollgateError where the currency has no system account.
        """

    def open_period(self, facts: OrderFacts, terms: PeriodTerms, now: datetime) -> int:
        """A new active package; its id. Its consumption counts from the period's begin."""

    def close_active(self, active_id: int, now: datetime) -> None: ...

    def plan_next(self, order_id: int, next_start: datetime | None, now: datetime) -> None:
        """The period to open next; None: the order is over. It waits no more."""

    def wait_for_recharge(self, order_id: int, since: datetime) -> None: ...

    def phone_billed(self, phone_id: int, until: datetime) -> None: ...

    def account_billed(self, account_id: int, until: datetime) -> None: ...


class BillingStore(Protocol):
    """All methods raise StoreUnavailable."""

    def zone(self) -> ZoneInfo:
        """The platform's (parameter `timezone`)."""

    def due(self, as_of: datetime, month_start: datetime) -> Sequence[Candidate]:
        """Everything that may have something due; months that began until `month_start`."""

    def waiting(self, account: str) -> Sequence[Candidate]:
        """Orders that wait for money of an account."""

    def orders(self, keys: Sequence[str]) -> Sequence[Candidate]:
        """Orders by key."""

    def close_without_minimum(self, as_of: datetime, now: datetime) -> int:
        """Close all ended periods that have no minimum consumption."""

    def announce(self) -> bool:
        """Raise the configuration's version if an active package is new; whether it was."""

    def work(self) -> AbstractContextManager[BillingWork]:
        """One transaction; committed unless an exception leaves it."""
