"""Use cases of vendors' trunks. Operators only (docs/adr/0020).

A vendor of an agent could serve calls of that agent's accounts alone, and the router does not
tell yet whose call it is. Until it does, agents have no vendors, and see nobody's.
"""

import re
from collections.abc import Sequence

from controller.domain.errors import Conflict, InvalidFields, InvalidInput, NotAllowed
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import changed
from controller.services.config_as_code import values as read
from controller.services.config_as_code.checks.gateways import (
    check_gateway_groups,
    check_routing_gateways,
)
from controller.services.config_as_code.model import Section, State
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.sections.gateways import read_routing_gateway
from controller.services.config_as_code.specs import RouteSpec, RoutingGatewaySpec
from controller.services.gateways.ports import GatewayStore, GatewayWork
from controller.services.gateways.records import (
    ROUTING,
    GatewayPage,
    GatewayQuery,
    RoutingRecord,
)
from controller.services.records.queries import check_query, is_name
from controller.services.records.values import (
    FieldPlaces,
    Values,
    list_of_texts,
    read_values,
    texts_of,
    values_of,
)
from controller.services.records.work import check_revision, not_found, note

ROUTES = "routes"
MAX_ROUTES = 10_000
DEFAULT_PRIORITY = 100
_KNOWN = tuple(RoutingGatewaySpec.__dataclass_fields__)
_LISTS = ("groups", "codecs")
_ROUTE = re.compile(r"([^=]+)(?:=(.+))?", re.DOTALL)
_priority = read.integer(0, 1_000_000)


class RoutingGateways:
    """Values are those of a form (`records.values`), with `routes` as a list of `PREFIX` or
    `PREFIX=PRIORITY`. Everything raises StoreUnavailable, and NotAllowed for an agent."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store

    def page(self, actor: Actor, query: GatewayQuery) -> GatewayPage:
        """Raises InvalidFields."""
        _require_operator(actor)
        check_query(query.limit, search=query.search, account=query.account, after=query.after)
        return self._store.routing_page(query)

    def get(self, actor: Actor, name: str, _action: str = "read") -> RoutingRecord:
        """Whatever for: all of it is the operator's. Raises NotFound, NotAllowed."""
        _require_operator(actor)
        found = self._store.routing(name) if is_name(name) else None
        if found is None:
            raise not_found(ROUTING, name)
        return found

    def create(self, actor: Actor, values: Values) -> RoutingRecord:
        """Raises InvalidFields."""
        _require_operator(actor)
        gateway, routes = _read(values)
        with self._store.begin(actor) as work:
            if work.routing(gateway.name) is not None:
                raise InvalidFields({"name": f"the name {gateway.name} is taken"})
            _check(work, gateway)
            work.write_routing(gateway, routes)
            made = _found(work, gateway.name)
            note(work, actor, "create", ROUTING, gateway.name, made.account_id, _changes(made=made))
            return made

    def change(
        self, actor: Actor, name: str, values: Values, revision: int | None = None
    ) -> RoutingRecord:
        """The fields that `values` names. Raises NotFound, Stale, InvalidFields."""
        _require_operator(actor)
        with self._store.begin(actor) as work:
            before = _found(work, name)
            check_revision(work, actor, ROUTING, name, before.revision, revision)
            gateway, routes = _read({**values_of(before.spec), **values})
            if gateway.name != name:
                raise InvalidFields({"name": "a gateway keeps its name: make another one"})
            if gateway == before.spec and routes in (None, before.routes):
                return before
            _check(work, gateway)
            work.write_routing(gateway, routes)
            after = _found(work, name)
            changes = _changes(before, after)
            note(work, actor, "change", ROUTING, name, after.account_id, changes)
            return after

    def delete(self, actor: Actor, name: str, revision: int | None = None) -> None:
        """With its routes. Raises Conflict while calls use it; NotFound, Stale."""
        _require_operator(actor)
        with self._store.begin(actor) as work:
            before = _found(work, name)
            check_revision(work, actor, ROUTING, name, before.revision, revision)
            if work.has_calls(ROUTING, name):
                raise Conflict(f"{ROUTING} {name} has calls in progress: lock it and wait for them")
            work.delete(ROUTING, name)
            note(work, actor, "delete", ROUTING, name, before.account_id, _changes(before))


def _require_operator(actor: Actor) -> None:
    if not actor.is_operator:
        raise NotAllowed("routing gateways are the operator's")


def _read(values: Values) -> tuple[RoutingGatewaySpec, tuple[RouteSpec, ...] | None]:
    """`routes` None where the values do not name them."""
    given = dict(values)
    wanted = given.pop(ROUTES, None)
    gateway = read_values(given, _KNOWN, read_routing_gateway, lists=_LISTS)
    return gateway, None if wanted is None else _routes(gateway.name, list_of_texts(wanted, ROUTES))


def _routes(gateway: str, texts: Sequence[str]) -> tuple[RouteSpec, ...]:
    """Raises InvalidFields."""
    if len(texts) > MAX_ROUTES:
        raise InvalidFields({ROUTES: f"more than {MAX_ROUTES} entries"})
    found: dict[str, RouteSpec] = {}
    for text in texts:
        matched = _ROUTE.fullmatch(text)
        try:
            if matched is None:
                raise InvalidInput(f"{shown(text)} is not PREFIX or PREFIX=PRIORITY")
            prefix = read.prefix(matched[1].strip())
            priority = _priority(matched[2].strip()) if matched[2] else DEFAULT_PRIORITY
        except InvalidInput as error:
            raise InvalidFields({ROUTES: str(error)}) from None
        if prefix in found:
            raise InvalidFields({ROUTES: f"{prefix} comes twice"})
        found[prefix] = RouteSpec(prefix, gateway, priority)
    return tuple(sorted(found.values(), key=lambda route: route.prefix))


def _check(work: GatewayWork, gateway: RoutingGatewaySpec) -> None:
    """The rules of a configuration file. Raises InvalidFields."""
    chain = work.chain(gateway.clearing_account, EVERYTHING)
    state = State(
        accounts={account.name: account for account in chain},
        gateway_groups=work.groups(gateway.groups),
        routing_gateways={gateway.name: gateway},
    )
    places = FieldPlaces(_KNOWN)
    lines = places.lines(Section.ROUTING_GATEWAYS, gateway.name)
    found = [*check_routing_gateways(state, lines), *check_gateway_groups(state, lines)]
    whose = f"gateway {gateway.name}: "
    if errors := places.errors(found):
        raise InvalidFields({name: why.removeprefix(whose) for name, why in errors.items()})


def _found(work: GatewayWork, name: str) -> RoutingRecord:
    """Raises NotFound."""
    found = work.routing(name) if is_name(name) else None
    if found is None:
        raise not_found(ROUTING, name)
    return found


def _changes(
    before: RoutingRecord | None = None, made: RoutingRecord | None = None
) -> dict[str, tuple[str, str]]:
    return changed(_texts(before), _texts(made))


def _texts(record: RoutingRecord | None) -> dict[str, str]:
    if record is None:
        return {}
    return {**texts_of(record.spec), ROUTES: ", ".join(route_texts(record.routes))}


def route_texts(routes: Sequence[RouteSpec]) -> list[str]:
    """As they are written in a form."""
    return [f"{route.prefix}={route.priority}" for route in routes]
