"""Gateways as people see them."""

from dataclasses import dataclass, field

from controller.services.config_as_code.specs import (
    MappingGatewaySpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from controller.services.records.locks import Locks

MAPPING = "mapping gateway"
ROUTING = "routing gateway"
"""In the audit log and in messages."""


@dataclass(frozen=True, slots=True)
class MappingRecord:
    spec: MappingGatewaySpec
    account_id: int
    revision: int
    locks: Locks = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoutingRecord:
    """With the prefixes that are routed to it."""

    spec: RoutingGatewaySpec
    routes: tuple[RouteSpec, ...]
    account_id: int
    revision: int


@dataclass(frozen=True, slots=True)
class GatewayQuery:
    """Gateways by name. `search` is any part of the name; `account` one account's name.

    `locked`: only locked ones (true), or only the others (false). `after` is where the page before
    this one ended (`GatewayPage.next_after`).
    """

    search: str = ""
    account: str = ""
    locked: bool | None = None
    descending: bool = False
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """`addresses` are a customer's sources, or a vendor's one host; `lines` those in use."""

    name: str
    account: str
    account_id: int
    locked: bool
    capacity: int | None
    calls_per_second: int | None
    lines: int
    addresses: tuple[str, ...]
    memo: str


@dataclass(frozen=True, slots=True)
class GatewayPage:
    rows: tuple[GatewayRow, ...]
    next_after: str | None
