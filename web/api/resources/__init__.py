"""The operations of the API, on one blueprint. A new module adds its resource to `RESOURCES`."""

from web.api.operations import Operation
from web.api.resource import Resource
from web.api.resources import (
    accounts,
    audit,
    calls,
    cards,
    desk,
    gateways,
    itself,
    money,
    phones,
    rates,
    users,
)
from web.api.resources.blueprint import blueprint

RESOURCES: tuple[Resource, ...] = (
    itself.resource,
    accounts.resource,
    money.resource,
    cards.resource,
    desk.pending,
    desk.packages,
    phones.resource,
    gateways.mapping,
    gateways.routing,
    rates.resource,
    desk.decks,
    calls.records,
    calls.live,
    users.people,
    users.tokens,
    audit.resource,
)
OPERATIONS: tuple[Operation, ...] = tuple(
    operation for resource in RESOURCES for operation in resource.operations
)

__all__ = ["OPERATIONS", "RESOURCES", "blueprint"]
