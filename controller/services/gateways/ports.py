"""What gateways need of a store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.config_as_code.addresses import Address
from controller.services.config_as_code.specs import (
    GatewayGroupSpec,
    MappingGatewaySpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from controller.services.gateways.records import (
    GatewayPage,
    GatewayQuery,
    MappingRecord,
    RoutingRecord,
)
from controller.services.records.locks import Locks
from controller.services.records.work import RecordWork


@dataclass(frozen=True, slots=True)
class AddressUse:
    """An address of a stored gateway, and whether that one is in the asked scope."""

    address: Address
    gateway: str
    in_scope: bool
    locks: Locks


class GatewayWork(RecordWork, Protocol):
    """One transaction on gateways of either kind."""

    def groups(self, names: Sequence[str]) -> Mapping[str, GatewayGroupSpec]: ...

    def mapping(self, name: str, scope: Scope) -> MappingRecord | None: ...

    def routing(self, name: str) -> RoutingRecord | None: ...

    def uses(self, addresses: Sequence[Address], scope: Scope) -> Sequence[AddressUse]:
        """Addresses of stored gateways that have one of these IP addresses, with any port."""

    def write_mapping(self, gateway: MappingGatewaySpec) -> None: ...

    def write_routing(
        self, gateway: RoutingGatewaySpec, routes: Sequence[RouteSpec] | None
    ) -> None:
        """`routes` None: they stay."""

    def has_calls(self, kind: str, name: str) -> bool:
        """Calls in progress use the gateway."""

    def delete(self, kind: str, name: str) -> None: ...


class GatewayStore(Protocol):
    """All methods raise StoreUnavailable."""

    def begin(self, actor: Actor) -> AbstractContextManager[GatewayWork]:
        """Committed at its end; an exception takes everything back but what was denied."""

    def mapping_page(self, scope: Scope, query: GatewayQuery) -> GatewayPage: ...

    def routing_page(self, query: GatewayQuery) -> GatewayPage: ...

    def mapping(self, scope: Scope, name: str) -> MappingRecord | None: ...

    def routing(self, name: str) -> RoutingRecord | None: ...

    def deny(self, line: AuditLine) -> None:
        """A line of the audit log by itself."""
