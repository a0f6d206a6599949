"""Customers' trunks (mapping gateways) and vendors' trunks (routing gateways)."""

from pydantic import BaseModel

from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.gateways.records import (
    GatewayPage,
    GatewayQuery,
    MappingRecord,
    RoutingRecord,
)
from controller.services.gateways.routing import route_texts
from web.api.operations import PREFIX, Reply
from web.api.paging import cursor, links, text_place
from web.api.problems import Problems
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.gateway_models import (
    GatewayPageOut,
    GatewayRowOut,
    GatewaysQuery,
    MappingGatewayChange,
    MappingGatewayNew,
    MappingGatewayOut,
    RoutingGatewayChange,
    RoutingGatewayNew,
    RoutingGatewayOut,
)
from web.api.values import Name, parts_of
from web.context import services

ROUTES_BODY = 512 * 1024
_READ = ApiScope.GATEWAYS_READ
_WRITE = ApiScope.GATEWAYS_WRITE

mapping = Resource(blueprint, "Mapping gateways", "Customers' trunks: where their calls come from.")
routing = Resource(blueprint, "Routing gateways", "Vendors' trunks. For administrators.")


@mapping.get("/mapping-gateways", _READ, is_paged=True)
def list_gateways(actor: Actor, query: GatewaysQuery) -> Reply[GatewayPageOut]:
    """Customers' trunks."""
    return _page(query, services().mapping_gateways.page(actor, _wanted(query)))


@mapping.post("/mapping-gateways", _WRITE, status=201, has_etag=True)
def create(actor: Actor, body: MappingGatewayNew) -> Reply[MappingGatewayOut]:
    """Make a customer's trunk.

    Each field belongs to one of the three rights on gateways. Without the right to capacity it
    begins with no lines.
    """
    made = services().mapping_gateways.create(actor, _given(body))
    location = f"{PREFIX}/mapping-gateways/{made.spec.name}"
    return Reply(_mapping_out(made), 201, made.revision, location)


@mapping.get("/mapping-gateways/<gateway>", _READ, has_etag=True)
def show(actor: Actor, gateway: Name) -> Reply[MappingGatewayOut]:
    """A customer's trunk."""
    found = services().mapping_gateways.get(actor, gateway)
    return Reply(_mapping_out(found), revision=found.revision)


@mapping.patch("/mapping-gateways/<gateway>", _WRITE)
def change(
    actor: Actor, gateway: Name, revision: int | None, body: MappingGatewayChange
) -> Reply[MappingGatewayOut]:
    """Change a customer's trunk.

    Only the fields that are sent, each with its right.
    """
    changed = services().mapping_gateways.change(actor, gateway, _given(body), revision)
    return Reply(_mapping_out(changed), revision=changed.revision)


@mapping.delete("/mapping-gateways/<gateway>", _WRITE, problems=(Problems.CONFLICT,))
def delete(actor: Actor, gateway: Name, revision: int | None) -> None:
    """Delete a customer's trunk.

    Not while calls use it.
    """
    services().mapping_gateways.delete(actor, gateway, revision)


@routing.get("/routing-gateways", _READ, is_paged=True)
def list_vendors(actor: Actor, query: GatewaysQuery) -> Reply[GatewayPageOut]:
    """Vendors' trunks."""
    return _page(query, services().routing_gateways.page(actor, _wanted(query)))


@routing.post("/routing-gateways", _WRITE, status=201, has_etag=True, max_body=ROUTES_BODY)
def create_vendor(actor: Actor, body: RoutingGatewayNew) -> Reply[RoutingGatewayOut]:
    """Make a vendor's trunk."""
    made = services().routing_gateways.create(actor, _given(body))
    location = f"{PREFIX}/routing-gateways/{made.spec.name}"
    return Reply(_routing_out(made), 201, made.revision, location)


@routing.get("/routing-gateways/<gateway>", _READ, has_etag=True)
def show_vendor(actor: Actor, gateway: Name) -> Reply[RoutingGatewayOut]:
    """A vendor's trunk."""
    found = services().routing_gateways.get(actor, gateway)
    return Reply(_routing_out(found), revision=found.revision)


@routing.patch("/routing-gateways/<gateway>", _WRITE, max_body=ROUTES_BODY)
def change_vendor(
    actor: Actor, gateway: Name, revision: int | None, body: RoutingGatewayChange
) -> Reply[RoutingGatewayOut]:
    """Change a vendor's trunk.

    Only the fields that are sent; `routes` replaces all of them.
    """
    changed = services().routing_gateways.change(actor, gateway, _given(body), revision)
    return Reply(_routing_out(changed), revision=changed.revision)


@routing.delete("/routing-gateways/<gateway>", _WRITE, problems=(Problems.CONFLICT,))
def delete_vendor(actor: Actor, gateway: Name, revision: int | None) -> None:
    """Delete a vendor's trunk.

    With its routes; not while calls use it.
    """
    services().routing_gateways.delete(actor, gateway, revision)


def _wanted(query: GatewaysQuery) -> GatewayQuery:
    return GatewayQuery(
        search=query.search,
        account=query.account or "",
        locked=query.locked,
        descending=query.descending,
        after=text_place(query),
        limit=query.limit,
    )


def _page(query: GatewaysQuery, page: GatewayPage) -> Reply[GatewayPageOut]:
    following = cursor(query, page.next_after) if page.next_after else None
    rows = [GatewayRowOut.model_validate(row) for row in page.rows]
    return Reply(GatewayPageOut(items=rows, next=following), links=links(following))


def _given(body: BaseModel) -> dict[str, object]:
    return body.model_dump(exclude_unset=True)


def _mapping_out(record: MappingRecord) -> MappingGatewayOut:
    return MappingGatewayOut.model_validate(parts_of(record.spec, record))


def _routing_out(record: RoutingRecord) -> RoutingGatewayOut:
    values = parts_of(record.spec, record)
    return RoutingGatewayOut.model_validate({**values, "routes": route_texts(record.routes)})
