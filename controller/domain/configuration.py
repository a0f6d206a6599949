"""The immutable configuration that decisions read; replaced as a whole when it changes.

Money that moves (balances, reservations, lines in use) is never here: admission reads it in the
database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from controller.domain.call_record import RecordRules
from controller.domain.destinations import DestinationRules
from controller.domain.numbering import PrefixIndex, Rewrite
from controller.domain.packages import PackageShelf
from controller.domain.plan import STOP_CAUSES, Media
from controller.domain.rates import RateGroup, RateType

DEFAULT_MEDIA = Media()
NO_REWRITE = Rewrite()


class AccountKind(StrEnum):
    """Stored types of account (spec §1.1); `system` accounts are the ledger's other side."""

    ORDINARY = "ordinary"
    PHONE_CARD = "phone_card"
    CLEARING = "clearing"
    SYSTEM = "system"


class RateSelection(StrEnum):
    """Which of several prices of a call applies (spec §2.6)."""

    CHEAPEST = "cheapest"
    HIERARCHY = "hierarchy"


class PrefixMode(StrEnum):
    """Whether shorter prefixes are tried after this gateway's (spec §6.2)."""

    TERMINATE = "terminate"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class OfflineTerms:
    """What an account may do while the database is away (docs/limits.md).

    So many `calls` at a time, its own and those of accounts below it, each for so many `minutes` at
    most, all of them together for so much `money` until the database has them in its books.
    """

    calls: int
    minutes: int
    money: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """A holder of money, without the money."""

    account_id: int
    name: str
    kind: AccountKind
    currency: str
    parent_id: int | None = None
    rate_group_id: int | None = None
    private_rate_group_id: int | None = None
    overdraft_limit: Decimal = Decimal(0)
    capacity: int | None = None
    locked: bool = False
    closed: bool = False
    expires_at: datetime | None = None
    # none: its calls are refused while the database is away
    offline: OfflineTerms | None = None


@dataclass(frozen=True, slots=True)
class MappingGateway:
    """A customer's trunk (spec §4.1), identified by where its signalling comes from."""

    gateway_id: int
    name: str
    account_id: int
    addresses: tuple[tuple[str, int | None], ...]
    locked: bool = False
    capacity: int | None = None
    authorization: RateType = RateType.INTERNATIONAL
    media: Media = DEFAULT_MEDIA
    rewrite_callee: Rewrite = NO_REWRITE
    rewrite_caller: Rewrite = NO_REWRITE
    max_duration_s: int | None = None
    allow_phone_billing: bool = False
    group_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Phone:
    """A number of ours (spec §3.1) as far as money goes: its account, prices and monthly limit."""

    phone_id: int
    number: str
    account_id: int
    rate_group_id: int | None = None
    authorization: RateType = RateType.INTERNATIONAL
    locked: bool = False
    monthly_maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RoutingGateway:
    """A vendor's trunk (spec §5.1) and the clearing account that pays for it."""

    gateway_id: int
    name: str
    clearing_account_id: int
    host: str
    port: int = 5060
    transport: str = "udp"
    locked: bool = False
    capacity: int | None = None
    prefix_mode: PrefixMode = PrefixMode.TERMINATE
    media: Media = DEFAULT_MEDIA
    rewrite_callee: Rewrite = NO_REWRITE
    rewrite_caller: Rewrite = NO_REWRITE
    ring_timeout_s: int = 120
    progress_timeout_s: int = 20
    prepaid: bool = False
    bill_sent_number: bool = False
    calls_per_second: int | None = None
    group_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A prefix that a routing gateway serves; the smallest priority goes first (spec §6.3)."""

    prefix: str
    gateway_id: int
    priority: int = 100


@dataclass(frozen=True, slots=True)
class CallParameters:
    """System parameters of calls, with the reference's names in the settings' documentation."""

    quantum_s: int = 60
    admit_partial_quantum: bool = False
    max_duration_s: int = 7200
    max_attempts: int = 5
    hold_time_threshold_ms: int = 50
    stop_causes: tuple[str, ...] = STOP_CAUSES
    # of months, of packages' periods and of their hours
    timezone: str = "UTC"
    rate_selection: RateSelection = RateSelection.CHEAPEST
    # at which the cheapest price is chosen before a call
    expected_duration_s: int = 60
    # taken off the duration before rating; then at least `minimum_duration_s` is rated
    free_time_s: int = 0
    minimum_duration_s: int = 0
    record_zero_duration: bool = True
    record_server_hangup: bool = True
    # decimals of rate groups that name none
    fee_precision: int = 2
    # what every fee is a multiple of; 0: whatever the decimals allow
    fee_unit: Decimal = Decimal(0)
    # callees (a `*` at the end is any tail) that cost nothing, with or without a record
    free_numbers: tuple[str, ...] = ()
    unrecorded_free_numbers: tuple[str, ...] = ()
    # technical prefixes that rating does not see
    route_prefixes: tuple[str, ...] = ()
    # new calls of the whole platform; none: no limit
    calls_per_second: int | None = None
    # accounts that agents make have no calls until an administrator approves them
    approve_sub_agents: bool = False
    # roles whose users must have a second factor before they see anything
    second_factor_roles: tuple[str, ...] = ()

    @property
    def record_rules(self) -> RecordRules:
        return RecordRules(
            self.hold_time_threshold_ms, self.record_zero_duration, self.record_server_hangup
        )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of everything that decisions need."""

    version: int
    accounts: Mapping[int, Account]
    rate_groups: Mapping[int, RateGroup]
    mapping_gateways: Mapping[int, MappingGateway]
    routing_gateways: Mapping[int, RoutingGateway]
    routes: PrefixIndex[tuple[Route, ...]]
    sources: Mapping[tuple[str, int | None], MappingGateway]
    phones: Mapping[str, Phone] = field(default_factory=dict)
    packages: PackageShelf = field(default_factory=PackageShelf)
    parameters: CallParameters = CallParameters()
    # of the accounts that have some
    destination_rules: Mapping[int, DestinationRules] = field(default_factory=dict)

    def agents_above(self, account: Account) -> tuple[Account, ...]:
        """Every agent above an account, the nearest first (spec §1.4)."""
        chain = []
        parent_id = account.parent_id
        while parent_id is not None:
            agent = self.accounts[parent_id]
            chain.append(agent)
            parent_id = agent.parent_id
        return tuple(chain)

    def identify(self, ip: str, port: int) -> MappingGateway | None:
        """The mapping gateway of a source: by address and port first, then by address."""
        return self.sources.get((ip, port)) or self.sources.get((ip, None))


def index_sources(
    gateways: Mapping[int, MappingGateway],
) -> dict[tuple[str, int | None], MappingGateway]:
    """Every address of every gateway; two gateways never share one (checked when stored)."""
    return {address: gateway for gateway in gateways.values() for address in gateway.addresses}


def index_routes(routes: list[Route]) -> PrefixIndex[tuple[Route, ...]]:
    by_prefix: dict[str, list[Route]] = {}
    for route in sorted(routes, key=lambda r: (r.priority, r.gateway_id)):
        by_prefix.setdefault(route.prefix, []).append(route)
    return PrefixIndex((prefix, tuple(same)) for prefix, same in by_prefix.items())
