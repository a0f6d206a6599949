"""The objects of a configuration file, by name: what a file wants and what a database has.

Objects refer to each other by name, never by id, so both sides compare field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.configuration import AccountKind, CallParameters, PrefixMode, RateType
from controller.domain.decks import DeckRow
from controller.domain.money import Rounding
from controller.services.config_as_code.values import Address


class Section(StrEnum):
    """Top-level keys that list objects, in the order in which they depend on each other."""

    RATE_GROUPS = "rate_groups"
    ACCOUNTS = "accounts"
    MAPPING_GATEWAYS = "mapping_gateways"
    ROUTING_GATEWAYS = "routing_gateways"
    ROUTES = "routes"


@dataclass(frozen=True, slots=True)
class RateGroupSpec:
    """Terms of a deck. Its rates are compared apart, for they are many."""

    name: str
    currency: str
    decimals: int = 6
    rounding: Rounding = Rounding.HALF_UP
    timezone: str = "UTC"
    memo: str = ""


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """Everything of an account but its money. A file never wants `closed`: it leaves out."""

    name: str
    currency: str
    kind: AccountKind = AccountKind.ORDINARY
    title: str = ""
    parent: str | None = None
    rate_group: str | None = None
    overdraft_limit: Decimal = Decimal(0)
    capacity: int | None = None
    locked: bool = False
    expires_at: datetime | None = None
    memo: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class MappingGatewaySpec:
    name: str
    account: str
    addresses: tuple[Address, ...] = ()
    capacity: int | None = None
    authorization: RateType = RateType.INTERNATIONAL
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
    prefix_mode: PrefixMode = PrefixMode.TERMINATE
    codecs: tuple[str, ...] = ()
    t38: bool = False
    rewrite_callee: str = ""
    rewrite_caller: str = ""
    ring_timeout_s: int = 120
    progress_timeout_s: int = 20
    prepaid: bool = False
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


Spec = RateGroupSpec | AccountSpec | MappingGatewaySpec | RoutingGatewaySpec | RouteSpec


@dataclass(frozen=True, slots=True)
class State:
    """Objects by name, of the whole database or of one file."""

    rate_groups: Mapping[str, RateGroupSpec] = field(default_factory=dict)
    accounts: Mapping[str, AccountSpec] = field(default_factory=dict)
    mapping_gateways: Mapping[str, MappingGatewaySpec] = field(default_factory=dict)
    routing_gateways: Mapping[str, RoutingGatewaySpec] = field(default_factory=dict)
    routes: Mapping[str, RouteSpec] = field(default_factory=dict)
    parameters: CallParameters = field(default_factory=CallParameters)

    def section(self, section: Section) -> Mapping[str, Spec]:
        objects: Mapping[str, Spec] = getattr(self, section)
        return objects


@dataclass(frozen=True, slots=True)
class Opening:
    """A named opening posting: `amount` > 0 credits the account, < 0 debits it."""

    posting_id: str
    account: str
    amount: Decimal
    memo: str = ""


@dataclass(frozen=True, slots=True)
class StoredPosting:
    """What stands in the ledger under an id that a file names."""

    opening: Opening
    kind: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Where in the file things are, for messages about their relations. 0: not in the file."""

    of: Mapping[tuple[str, ...], int]

    def find(self, *places: tuple[str, ...]) -> int:
        """The line of the first place that the file has."""
        return next((self.of[place] for place in places if place in self.of), 0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file declares. Only `listed` sections say anything; `parameters` None: not listed."""

    listed: frozenset[Section]
    state: State
    parameters: CallParameters | None
    decks: Mapping[str, tuple[DeckRow, ...]]
    openings: tuple[Opening, ...]
    lines: Lines
