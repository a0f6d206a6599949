"""What a configuration file wants and what a database has, by sections of named objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from controller.domain.configuration import CallParameters
from controller.domain.decks import DeckRow
from controller.services.config_as_code.specs import (
    AccountSpec,
    CalendarSpec,
    GatewayGroupSpec,
    MappingGatewaySpec,
    PackageOrderSpec,
    PackageSpec,
    PhoneSpec,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
    Spec,
)


class Section(StrEnum):
    """Top-level keys that list objects, in the order in which they depend on each other."""

    CALENDARS = "calendars"
    RATE_GROUPS = "rate_groups"
    ACCOUNTS = "accounts"
    PHONES = "phones"
    PACKAGES = "packages"
    PACKAGE_ORDERS = "package_orders"
    GATEWAY_GROUPS = "gateway_groups"
    MAPPING_GATEWAYS = "mapping_gateways"
    ROUTING_GATEWAYS = "routing_gateways"
    ROUTES = "routes"

    @property
    def noun(self) -> str:
        """One object of the section, in words."""
        return self.replace("_", " ").removesuffix("s")


@dataclass(frozen=True, slots=True)
class State:
    """Objects by name, of the whole database or of one file."""

    calendars: Mapping[str, CalendarSpec] = field(default_factory=dict)
    rate_groups: Mapping[str, RateGroupSpec] = field(default_factory=dict)
    accounts: Mapping[str, AccountSpec] = field(default_factory=dict)
    phones: Mapping[str, PhoneSpec] = field(default_factory=dict)
    packages: Mapping[str, PackageSpec] = field(default_factory=dict)
    package_orders: Mapping[str, PackageOrderSpec] = field(default_factory=dict)
    gateway_groups: Mapping[str, GatewayGroupSpec] = field(default_factory=dict)
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
