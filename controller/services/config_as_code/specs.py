"""The objects of a configuration, by name: what a file declares and what a database has.

Objects refer to each other by name, never by id, so both sides compare field by field. What an
object lists (days of a calendar, period rates) is part of it and compares as one value.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.calendars import DayKind
from controller.domain.configuration import AccountKind, PrefixMode
from controller.domain.destinations import DestinationRule
from controller.domain.money import Rounding, plain
from controller.domain.number_sections import NumberSection
from controller.domain.rates import Boundary, RateType
from controller.domain.rights import Right
from controller.domain.sections import SectionMode
from controller.domain.subscriptions import OnInsufficient
from controller.services.config_as_code.addresses import Address
from controller.services.config_as_code.values import END_OF_DAY, MIDNIGHT, Clock

PLATFORM = "platform"
"""In place of a number of decimals: the platform's fee precision."""

WORKING_WEEK = ("mon", "tue", "wed", "thu", "fri")


@dataclass(frozen=True, slots=True)
class CalendarDay:
    day: date
    kind: DayKind
    memo: str = ""

    def __str__(self) -> str:
        return f"{self.day.isoformat()} {self.kind}"


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """Which days are working days (spec §9.3)."""

    name: str
    working_weekdays: tuple[str, ...] = WORKING_WEEK
    days: tuple[CalendarDay, ...] = ()
    memo: str = ""


@dataclass(frozen=True, slots=True)
class PeriodRateSpec:
    """Another price on some days, between two times of the local day.

    Either `multiplier` or `rate_group` is given.
    """

    days: tuple[str, ...] = ()
    start: Clock = MIDNIGHT
    end: Clock = END_OF_DAY
    multiplier: Decimal | None = None
    rate_group: str | None = None

    def __str__(self) -> str:
        days = "+".join(self.days) or "every day"
        price = f"rate group {self.rate_group}"
        if self.multiplier is not None:
            price = f"times {plain(self.multiplier)}"
        return f"{days} {self.start}-{self.end} {price}"


@dataclass(frozen=True, slots=True)
class RateGroupSpec:
    """Terms of a deck. Its rates are compared apart, for they are many.

    `decimals` is a number or `PLATFORM`.
    """

    name: str
    currency: str
    decimals: int | str = 6
    rounding: Rounding = Rounding.HALF_UP
    timezone: str = "UTC"
    section_mode: SectionMode = SectionMode.INCREMENT
    boundary: Boundary = Boundary.ANSWER
    calendar: str | None = None
    owner: str | None = None
    agents: tuple[str, ...] = ()
    period_rates: tuple[PeriodRateSpec, ...] = ()
    memo: str = ""


CONTACT = (
    "company",
    "contact_person",
    "telephone",
    "fax",
    "email",
    "email_cc",
    "email_bcc",
    "address",
    "post_code",
    "bank",
    "card_type",
    "card_number",
)
"""Fields of an account that are stored together (spec §1.1, “additional info”)."""


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """Everything of an account but its money. A file never wants `closed`: it leaves out.

    Who to ask and where to write (`CONTACT`) is data of people: nothing is decided by it.
    """

    name: str
    currency: str
    kind: AccountKind = AccountKind.ORDINARY
    title: str = ""
    parent: str | None = None
    rate_group: str | None = None
    private_rate_group: str | None = None
    overdraft_limit: Decimal = Decimal(0)
    monthly_minimum: Decimal = Decimal(0)
    capacity: int | None = None
    subtree_capacity: int | None = None
    offline_calls: int | None = None
    offline_minutes: int | None = None
    offline_money: Decimal | None = None
    locked: bool = False
    expires_at: datetime | None = None
    number_sections: tuple[NumberSection, ...] = ()
    destination_rules: tuple[DestinationRule, ...] = ()
    rights: tuple[Right, ...] = ()
    low_balance: Decimal | None = None
    low_balance_locks: bool = False
    company: str = ""
    contact_person: str = ""
    telephone: str = ""
    fax: str = ""
    email: str = ""
    email_cc: str = ""
    email_bcc: str = ""
    address: str = ""
    post_code: str = ""
    bank: str = ""
    card_type: str = ""
    card_number: str = ""
    memo: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class PhoneSpec:
    """A number of ours (spec §2.10, §3.1). `locked`: may not call; `locked_in`: nor be called."""

    number: str
    account: str
    rate_group: str | None = None
    authorization: RateType = RateType.INTERNATIONAL
    dids: tuple[str, ...] = ()
    locked: bool = False
    locked_in: bool = False
    monthly_minimum: Decimal = Decimal(0)
    monthly_maximum: Decimal | None = None
    monthly_rent: Decimal = Decimal(0)
    lines_in: int | None = None
    lines_out: int | None = None
    lines_total: int | None = None
    memo: str = ""

    @property
    def name(self) -> str:
        return self.number


@dataclass(frozen=True, slots=True)
class FreeSecondsSpec:
    """Free seconds of each period, for some destinations at some time of the local day."""

    prefixes: tuple[str, ...]
    seconds: int
    start: Clock = MIDNIGHT
    end: Clock = END_OF_DAY
    cycle_s: int = 60
    memo: str = ""

    def __str__(self) -> str:
        where = "+".join(self.prefixes)
        return f"{self.seconds} s to {where} {self.start}-{self.end} by {self.cycle_s} s"


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """What an order subscribes to (spec §2.9)."""

    name: str
    currency: str
    period: PackagePeriod
    period_s: int | None = None
    rent: Decimal = Decimal(0)
    alignment: Alignment = Alignment.CALENDAR
    allow_partial_first: bool = False
    gift_money: Decimal = Decimal(0)
    minimum_consumption: Decimal = Decimal(0)
    effective_consumption: Decimal = Decimal(0)
    calendar: str | None = None
    free_seconds: tuple[FreeSecondsSpec, ...] = ()
    period_rates: tuple[PeriodRateSpec, ...] = ()
    memo: str = ""


@dataclass(frozen=True, slots=True)
class PackageOrderSpec:
    """A package for an account or a phone; `key` names the order for ever.

    `available_from` and `expires_at` without a zone are local to the platform's, until
    `local_times` makes instants of them. A file never wants `ended`.
    """

    key: str
    package: str
    account: str | None
    phone: str | None
    available_from: datetime
    expires_at: datetime | None = None
    priority: int | None = None
    on_insufficient: OnInsufficient = OnInsufficient.WAIT_RECHARGE
    rent_percent: Decimal = Decimal(100)
    memo: str = ""
    ended: bool = False

    @property
    def name(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class GatewayGroupSpec:
    """Gateways of either side that share lines (spec §6.8)."""

    name: str
    capacity: int | None = None
    memo: str = ""


@dataclass(frozen=True, slots=True)
class MappingGatewaySpec:
    name: str
    account: str
    addresses: tuple[Address, ...] = ()
    capacity: int | None = None
    calls_per_second: int | None = None
    groups: tuple[str, ...] = ()
    authorization: RateType = RateType.INTERNATIONAL
    allow_phone_billing: bool = False
    codecs: tuple[str, ...] = ()
    t38: bool = False
    rewrite_callee: str = ""
    rewrite_caller: str = ""
    max_duration_s: int | None = None
    locked: bool = False
    memo: str = ""


@dataclass(frozen=True, slots=True)
class RoutingGatewaySpec:
    name: str
    clearing_account: str
    host: str
    port: int = 5060
    transport: str = "udp"
    capacity: int | None = None
    calls_per_second: int | None = None
    groups: tuple[str, ...] = ()
    prefix_mode: PrefixMode = PrefixMode.TERMINATE
    codecs: tuple[str, ...] = ()
    t38: bool = False
    rewrite_callee: str = ""
    rewrite_caller: str = ""
    ring_timeout_s: int = 120
    progress_timeout_s: int = 20
    prepaid: bool = False
    bill_sent_number: bool = False
    locked: bool = False
    memo: str = ""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    prefix: str
    gateway: str
    priority: int = 100

    @property
    def name(self) -> str:
        return f"{self.prefix} via {self.gateway}"


Spec = (
    CalendarSpec
    | RateGroupSpec
    | AccountSpec
    | PhoneSpec
    | PackageSpec
    | PackageOrderSpec
    | GatewayGroupSpec
    | MappingGatewaySpec
    | RoutingGatewaySpec
    | RouteSpec
)
Row = CalendarDay | PeriodRateSpec | FreeSecondsSpec
"""What an object lists."""
