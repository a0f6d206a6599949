"""Use cases of customers' trunks, each with its rights, its scope, its revision and its audit.

An agent keeps the trunks of its own account and of those below it. Seeing needs no right.
"""

from controller.domain.errors import Conflict, InvalidFields, NotAllowed
from controller.domain.rights import Right
from controller.services.actors import EVERYTHING, Actor
from controller.services.audit import changed
from controller.services.config_as_code.checks.gateways import (
    check_gateway_groups,
    check_mapping_gateways,
)
from controller.services.config_as_code.model import Section, State
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.sections.gateways import read_mapping_gateway
from controller.services.config_as_code.specs import MappingGatewaySpec
from controller.services.gateways.field_rights import FIELD_RIGHTS, changed_fields, check_rights
from controller.services.gateways.ports import GatewayStore, GatewayWork
from controller.services.gateways.records import (
    MAPPING,
    GatewayPage,
    GatewayQuery,
    MappingRecord,
)
from controller.services.records.locks import check_locks, check_removal, locks_from_above
from controller.services.records.queries import check_query, is_name
from controller.services.records.values import (
    FieldPlaces,
    Values,
    read_values,
    texts_of,
    values_of,
)
from controller.services.records.work import (
    check_revision,
    denial,
    in_scope,
    not_found,
    note,
    refuse_outside,
)

_KNOWN = tuple(MappingGatewaySpec.__dataclass_fields__)
_LISTS = ("addresses", "groups", "codecs")


class MappingGateways:
    """Values are those of a form (`records.values`). Everything raises StoreUnavailable."""

    def __init__(self, store: GatewayStore) -> None:
        self._store = store

    def page(self, actor: Actor, query: GatewayQuery) -> GatewayPage:
        """Raises InvalidFields."""
        check_query(query.limit, search=query.search, account=query.account, after=query.after)
        return self._store.mapping_page(actor.scope, query)

    def get(self, actor: Actor, name: str, action: str = "read") -> MappingRecord:
        """`action`: what it is looked at for; `change` and `delete` need their rights.

        Raises NotFound, NotAllowed.
        """
        found = self._seen(actor, name, action)
        try:
            _require(actor, action)
        except NotAllowed:
            self._store.deny(denial(actor, action, MAPPING, name, found.account_id))
            raise
        return found

    def _seen(self, actor: Actor, name: str, action: str) -> MappingRecord:
        scope = actor.scope
        if not is_name(name):
            raise not_found(MAPPING, name)
        if found := self._store.mapping(scope, name):
            return found
        if not scope.is_everything and (theirs := self._store.mapping(EVERYTHING, name)):
            self._store.deny(denial(actor, action, MAPPING, name, theirs.account_id))
        raise not_found(MAPPING, name)

    def create(self, actor: Actor, values: Values) -> MappingRecord:
        """Raises InvalidFields, NotAllowed. Without the right to capacity, `capacity` is 0."""
        actor.require(Right.GATEWAYS)
        given = {"addresses": [], **values}
        no_lines = None if actor.may(Right.GATEWAY_CAPACITY) else 0
        if given.get("capacity") in (None, ""):
            given["capacity"] = no_lines
        gateway = _read(given)
        bare = MappingGatewaySpec(gateway.name, gateway.account, capacity=no_lines)
        check_rights(actor, changed_fields(bare, gateway))
        with self._store.begin(actor) as work:
            if work.mapping(gateway.name, EVERYTHING) is not None:
                raise InvalidFields({"name": f"the name {gateway.name} is taken"})
            _check(work, actor, gateway)
            work.write_mapping(gateway)
            owner = work.account_id(gateway.account)
            changes = changed({}, texts_of(gateway))
            note(work, actor, "create", MAPPING, gateway.name, owner, changes)
            return _found(work, actor, gateway.name, "create")

    def change(
        self, actor: Actor, name: str, values: Values, revision: int | None = None
    ) -> MappingRecord:
        """The fields that `values` names; another `account` moves the gateway.

        `revision`: the one that the change was made on. Raises NotFound, Stale, InvalidFields,
        NotAllowed.
        """
        with self._store.begin(actor) as work:
            before = _found(work, actor, name, "change")
            _require(actor, "change")
            check_revision(work, actor, MAPPING, name, before.revision, revision)
            gateway = _read({**values_of(before.spec), **values})
            if gateway.name != name:
                raise InvalidFields({"name": "a gateway keeps its name: make another one"})
            names = changed_fields(before.spec, gateway)
            check_rights(actor, names)
            if names:
                gone = not set(before.spec.addresses) <= set(gateway.addresses)
                check_locks(work, actor, before.locks, gateway, {"addresses": ("locked", gone)})
                _check(work, actor, gateway)
                work.write_mapping(gateway)
                action = "move" if "account" in names else "change"
                changes = changed(texts_of(before.spec), texts_of(gateway))
                owner = work.account_id(gateway.account)
                note(work, actor, action, MAPPING, name, owner, changes)
            return _found(work, actor, name, "change")

    def delete(self, actor: Actor, name: str, revision: int | None = None) -> None:
        """Raises Conflict while calls use it; else as `change`."""
        with self._store.begin(actor) as work:
            before = _found(work, actor, name, "delete")
            _require(actor, "delete")
            check_removal(work, actor, MAPPING, name, before.locks)
            check_revision(work, actor, MAPPING, name, before.revision, revision)
            if work.has_calls(MAPPING, name):
                raise Conflict(f"{MAPPING} {name} has calls in progress: lock it and wait for them")
            work.delete(MAPPING, name)
            changes = changed(texts_of(before.spec), {})
            note(work, actor, "delete", MAPPING, name, before.account_id, changes)


def _read(values: Values) -> MappingGatewaySpec:
    return read_values(values, _KNOWN, read_mapping_gateway, lists=_LISTS)


def _require(actor: Actor, action: str) -> None:
    """Of the rights to change gateways any; which one it must be, the fields say."""
    if action == "delete":
        actor.require(Right.GATEWAYS)
    elif action != "read" and not any(actor.may(right) for right in FIELD_RIGHTS.values()):
        actor.require(Right.GATEWAY_SETTINGS)


def _check(work: GatewayWork, actor: Actor, gateway: MappingGatewaySpec) -> None:
    """The rules of a configuration file, within a scope. Raises InvalidFields."""
    chain = work.chain(gateway.account, actor.scope)
    if not chain:
        refuse_outside(work, actor, MAPPING, gateway.name, gateway.account)
        raise InvalidFields({"account": f"there is no account {shown(gateway.account)}"})
    state = State(
        accounts={account.name: account for account in chain},
        gateway_groups=work.groups(gateway.groups),
        mapping_gateways={gateway.name: gateway},
    )
    places = FieldPlaces(_KNOWN)
    lines = places.lines(Section.MAPPING_GATEWAYS, gateway.name)
    found = [*check_mapping_gateways(state, lines), *check_gateway_groups(state, lines)]
    whose = f"gateway {gateway.name}: "
    errors = {name: why.removeprefix(whose) for name, why in places.errors(found).items()}
    if taken := _taken(work, actor, gateway):
        errors["addresses"] = taken
    if errors:
        raise InvalidFields(errors)


def _taken(work: GatewayWork, actor: Actor, gateway: MappingGatewaySpec) -> str:
    """An address identifies one gateway; of another tenant's, or of one that somebody above has
    locked, no port may be taken either.

    A source with a port goes before the same one without: whoever could add it would take over
    calls of the tenant that has the whole address, or go around the lock.
    """
    for use in work.uses(gateway.addresses, actor.scope):
        if use.gateway == gateway.name:
            continue
        if not use.in_scope:
            ours = next(a for a in gateway.addresses if a.ip == use.address.ip)
            return f"address {ours} is taken"
        if use.address in gateway.addresses:
            return f"address {use.address} belongs to gateway {use.gateway}"
        if locks_from_above(work, actor, use.locks):
            return f"address {use.address} is that of gateway {use.gateway}, which is locked"
    return ""


def _found(work: GatewayWork, actor: Actor, name: str, action: str) -> MappingRecord:
    """Raises NotFound."""
    if not is_name(name):
        raise not_found(MAPPING, name)
    return in_scope(work, actor, action, MAPPING, name, lambda scope: work.mapping(name, scope))
