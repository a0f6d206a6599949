"""Trunks as people keep them: each field by its right, addresses that are one tenant's."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound, Stale
from controller.domain.rights import ALL_RIGHTS, Right
from controller.persistence.gateway_store import PostgresGateways
from controller.services.config_as_code.specs import MappingGatewaySpec
from controller.services.gateways import (
    FIELD_RIGHTS,
    OPERATOR_ONLY,
    GatewayQuery,
    MappingGateways,
    RoutingGateways,
)
from tests.integration.tenants import OPERATOR, Tenants

pytestmark = pytest.mark.postgres

TRUNK = {"name": "shop-trunk", "account": "shop", "addresses": "192.0.2.9\n192.0.2.10:5070"}
OTHER_VALUES: dict[str, object] = {
    "account": "dhaka",
    "addresses": ["192.0.2.11"],
    "authorization": "local",
    "codecs": "PCMA, G729",
    "t38": "true",
    "rewrite_callee": "00:,+:",
    "rewrite_caller": "*:9*",
    "max_duration_s": "60",
    "locked": True,
    "memo": "m",
    "capacity": 7,
    "calls_per_second": "8",
    "groups": ["west"],
    "allow_phone_billing": "true",
}
"""Of each field but the name, a value that is not its default."""
GATEWAY_RIGHTS = (Right.GATEWAYS, Right.GATEWAY_SETTINGS, Right.GATEWAY_CAPACITY)


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


@pytest.fixture
def mapping(tenants: Tenants) -> MappingGateways:
    return MappingGateways(PostgresGateways(tenants.engine))


@pytest.fixture
def routing(tenants: Tenants) -> RoutingGateways:
    return RoutingGateways(PostgresGateways(tenants.engine))


def test_every_field_belongs_to_one_right() -> None:
    assert set(FIELD_RIGHTS) == {f.name for f in fields(MappingGatewaySpec)}
    assert set(FIELD_RIGHTS.values()) == set(GATEWAY_RIGHTS)
    assert set(OTHER_VALUES) == set(FIELD_RIGHTS) - {"name"}


def test_a_trunk_from_a_form(tenants: Tenants, mapping: MappingGateways) -> None:
    made = mapping.create(OPERATOR, {**TRUNK, **OTHER_VALUES, "account": "shop"})
    spec = made.spec
    assert list(map(str, spec.addresses)) == ["192.0.2.11"]
    assert (spec.codecs, spec.groups, spec.capacity) == (("PCMA", "G729"), ("west",), 7)
    assert mapping.get(OPERATOR, "shop-trunk") == made
    loaded = tenants.loaded.identify("192.0.2.11", 5060)
    assert loaded is not None
    assert (loaded.name, loaded.locked, loaded.max_duration_s) == ("shop-trunk", True, 60)
    assert tenants.audit() == [("create", "mapping gateway", "shop-trunk")]


@pytest.mark.parametrize("field", list(OTHER_VALUES))
@pytest.mark.parametrize("right", GATEWAY_RIGHTS)
def test_an_agent_changes_a_field_by_its_right_alone(
    tenants: Tenants, mapping: MappingGateways, field: str, right: Right
) -> None:
    """The rights table, by field: with one right of the three, exactly its fields change."""
    mapping.create(OPERATOR, TRUNK)
    actor = tenants.agent("bd", frozenset({right}))
    before = mapping.get(OPERATOR, "shop-trunk")
    may = FIELD_RIGHTS[field] is right and field not in OPERATOR_ONLY
    if may:
        after = mapping.change(actor, "shop-trunk", {field: OTHER_VALUES[field]})
        assert getattr(after.spec, field) != getattr(before.spec, field)
        return
    with pytest.raises(NotAllowed, match=field):
        mapping.change(actor, "shop-trunk", {field: OTHER_VALUES[field]})
    assert mapping.get(OPERATOR, "shop-trunk") == before


@pytest.mark.parametrize("right", [r for r in Right if r not in GATEWAY_RIGHTS])
def test_other_rights_are_no_rights_to_trunks(
    tenants: Tenants, mapping: MappingGateways, right: Right
) -> None:
    mapping.create(OPERATOR, TRUNK)
    actor = tenants.agent("bd", frozenset({right}))
    for do in _every_change(mapping):
        with pytest.raises(NotAllowed):
            do(actor)
    for do in _every_change(mapping):
        with pytest.raises(NotAllowed):
            do(tenants.customer("shop"))
    assert mapping.get(tenants.customer("shop"), "shop-trunk").spec.account == "shop"


def _every_change(mapping: MappingGateways) -> list[Callable[..., object]]:
    return [
        lambda who: mapping.create(who, {"name": "another", "account": "shop"}),
        lambda who: mapping.change(who, "shop-trunk", {"memo": "x"}),
        lambda who: mapping.change(who, "shop-trunk", {}),
        lambda who: mapping.delete(who, "shop-trunk"),
    ]


def test_adding_and_deleting_is_a_right_of_its_own(
    tenants: Tenants, mapping: MappingGateways
) -> None:
    adder = tenants.agent("bd", frozenset({Right.GATEWAYS}))
    with pytest.raises(NotAllowed, match="addresses"):
        mapping.create(adder, TRUNK)
    made = mapping.create(adder, {"name": "bare", "account": "shop"})
    assert (made.spec.addresses, made.spec.capacity) == ((), 0)
    settings = tenants.agent("bd", frozenset({Right.GATEWAYS, Right.GATEWAY_SETTINGS}))
    assert mapping.create(settings, {**TRUNK, "capacity": ""}).spec.capacity == 0
    with pytest.raises(NotAllowed, match="capacity"):
        mapping.create(settings, {**TRUNK, "name": "big", "capacity": 5})
    full = tenants.agent("bd", frozenset(GATEWAY_RIGHTS))
    assert mapping.create(full, {"name": "open", "account": "shop"}).spec.capacity is None
    with pytest.raises(NotAllowed):
        mapping.delete(tenants.agent("bd", ALL_RIGHTS - {Right.GATEWAYS}), "bare")
    mapping.delete(adder, "bare")


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"name": "a b"}, {"name"}),
        ({"account": "gone"}, {"account"}),
        ({"account": "vendor"}, {"account"}),
        ({"addresses": ["192.0.2.0/24"]}, {"addresses"}),
        ({"addresses": "192.0.2.9, 192.0.2.9"}, {"addresses"}),
        ({"addresses": "192.0.2.7"}, {"addresses"}),
        ({"codecs": ["MP3"]}, {"codecs"}),
        ({"rewrite_callee": "no colon"}, {"rewrite_callee"}),
        ({"max_duration_s": 0, "capacity": "-1"}, {"max_duration_s", "capacity"}),
        ({"groups": ["gone"]}, {"groups"}),
        ({"<script>": 1}, {"<script>"}),
    ],
)
def test_wrong_fields_are_named(
    tenants: Tenants, mapping: MappingGateways, values: dict[str, object], errors: set[str]
) -> None:
    before = tenants.everything
    with pytest.raises(InvalidFields) as error:
        mapping.create(OPERATOR, {**TRUNK, **values})
    assert error.value.errors.keys() == errors
    assert tenants.everything == before


def test_a_name_and_an_address_are_taken_once(mapping: MappingGateways) -> None:
    made = mapping.create(OPERATOR, TRUNK)
    with pytest.raises(InvalidFields, match="the name shop-trunk is taken"):
        mapping.create(OPERATOR, {**TRUNK, "addresses": []})
    with pytest.raises(InvalidFields, match=r"address 192.0.2.9 belongs to gateway shop-trunk"):
        mapping.create(OPERATOR, {**TRUNK, "name": "second"})
    mapping.create(OPERATOR, {**TRUNK, "name": "second", "addresses": "192.0.2.9:5080"})
    with pytest.raises(Stale, match="changed by ops"):
        mapping.change(OPERATOR, "shop-trunk", {"memo": "x"}, made.revision + 7)
    with pytest.raises(InvalidFields, match="keeps its name"):
        mapping.change(OPERATOR, "shop-trunk", {"name": "other"})


def test_an_agent_takes_no_port_of_anothers_address(
    tenants: Tenants, mapping: MappingGateways
) -> None:
    """A source with a port goes before the one without: it would take over atlas's calls."""
    bd = tenants.agent("bd")
    for address in ("192.0.2.7", "192.0.2.7:5060", "::ffff:192.0.2.7"):
        with pytest.raises(InvalidFields) as error:
            mapping.create(bd, {**TRUNK, "addresses": [address]})
        assert "is taken" in error.value.errors["addresses"]
        assert "atlas" not in str(error.value)
    mapping.create(
        tenants.agent("atlas"), {**TRUNK, "account": "cairo", "addresses": "192.0.2.7:9"}
    )


def test_another_agents_trunk_is_not_found(tenants: Tenants, mapping: MappingGateways) -> None:
    bd = tenants.agent("bd")
    before = tenants.everything
    for do in (
        lambda: mapping.get(bd, "atlas-trunk"),
        lambda: mapping.change(bd, "atlas-trunk", {"memo": "mine"}),
        lambda: mapping.delete(bd, "atlas-trunk"),
    ):
        with pytest.raises(NotFound, match="there is no mapping gateway 'atlas-trunk'"):
            do()
    with pytest.raises(NotFound, match="there is no mapping gateway 'no-trunk'"):
        mapping.get(bd, "no-trunk")
    with pytest.raises(NotFound):
        mapping.get(bd, "nul\x00")
    with pytest.raises(InvalidFields, match="there is no account 'cairo'"):
        mapping.create(bd, {**TRUNK, "account": "cairo"})
    assert tenants.audit("denied") == [
        ("read", "mapping gateway", "atlas-trunk"),
        ("change", "mapping gateway", "atlas-trunk"),
        ("delete", "mapping gateway", "atlas-trunk"),
        ("create", "mapping gateway", "shop-trunk"),
    ]
    assert tenants.everything == before
    assert mapping.page(bd, GatewayQuery()).rows == ()


def test_a_trunk_moves_within_the_tree(tenants: Tenants, mapping: MappingGateways) -> None:
    mapping.create(OPERATOR, TRUNK)
    bd = tenants.agent("bd")
    assert mapping.change(bd, "shop-trunk", {"account": "bd"}).spec.account == "bd"
    assert tenants.audit()[-1] == ("move", "mapping gateway", "shop-trunk")
    with pytest.raises(InvalidFields):
        mapping.change(bd, "shop-trunk", {"account": "atlas"})


def a_call(tenants: Tenants, gateway: str, column: str) -> None:
    """A call in progress that uses the gateway."""
    tenants.execute(
        "INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id,"
        " routing_gateway_ids, payer_ids, payer_reserved, granted_s, offered_at, ticket)"
        " SELECT gen_random_uuid(), 'fs1', 1,"
        " coalesce((SELECT id FROM mapping_gateways WHERE name = :mapping), 0),"
        " ARRAY(SELECT id FROM routing_gateways WHERE name = :routing), '{}', '{}', 60, now(), ''",
        **{"mapping": "", "routing": "", column: gateway},
    )


def test_a_trunk_with_calls_stays(tenants: Tenants, mapping: MappingGateways) -> None:
    mapping.create(OPERATOR, TRUNK)
    a_call(tenants, "shop-trunk", "mapping")
    with pytest.raises(Conflict, match="has calls in progress"):
        mapping.delete(OPERATOR, "shop-trunk")
    tenants.execute("DELETE FROM calls")
    mapping.delete(OPERATOR, "shop-trunk")
    with pytest.raises(NotFound):
        mapping.get(OPERATOR, "shop-trunk")


VENDOR = {
    "name": "out",
    "clearing_account": "vendor",
    "host": "sip.example.net",
    "routes": "39=10, 44",
}


def test_a_vendors_trunk_with_its_routes(tenants: Tenants, routing: RoutingGateways) -> None:
    made = routing.create(OPERATOR, {**VENDOR, "prepaid": True, "groups": "west"})
    assert [(r.prefix, r.priority) for r in made.routes] == [("39", 10), ("44", 100)]
    assert (made.spec.host, made.spec.port, made.spec.prepaid) == ("sip.example.net", 5060, True)
    changed = routing.change(OPERATOR, "out", {"memo": "x"}, made.revision)
    assert changed.routes == made.routes
    changed = routing.change(OPERATOR, "out", {"routes": ["44=5", "*"]}, changed.revision)
    assert [(r.prefix, r.priority) for r in changed.routes] == [("*", 100), ("44", 5)]
    found = tenants.loaded.routes.longest("44")
    assert found is not None
    assert found[0].priority == 5
    ((changes,),) = tenants.rows("SELECT changes FROM audit_log ORDER BY id DESC LIMIT 1")
    assert changes == {"routes": ["39=10, 44=100", "*=100, 44=5"]}
    with pytest.raises(Stale):
        routing.change(OPERATOR, "out", {"memo": "y"}, made.revision)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"clearing_account": "shop"}, "clearing_account"),
        ({"clearing_account": "gone"}, "clearing_account"),
        ({"host": "no host!"}, "host"),
        ({"port": "0"}, "port"),
        ({"routes": "39=x"}, "routes"),
        ({"routes": ["39", "39=1"]}, "routes"),
        ({"routes": [{}]}, "routes"),
        ({"routes": 39}, "routes"),
        ({"groups": "gone"}, "groups"),
        ({"ring_timeout_s": 9999}, "ring_timeout_s"),
    ],
)
def test_wrong_fields_of_a_vendors_trunk(
    routing: RoutingGateways, values: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidFields) as error:
        routing.create(OPERATOR, {**VENDOR, **values})
    assert error.value.errors.keys() == {field}


def test_vendors_are_the_operators(tenants: Tenants, routing: RoutingGateways) -> None:
    routing.create(OPERATOR, VENDOR)
    for actor in (tenants.agent("bd"), tenants.customer("shop")):
        for do in (
            lambda who: routing.page(who, GatewayQuery()),
            lambda who: routing.get(who, "out"),
            lambda who: routing.get(who, "no-such"),
            lambda who: routing.create(who, {**VENDOR, "name": "mine"}),
            lambda who: routing.change(who, "out", {"memo": "x"}),
            lambda who: routing.delete(who, "out"),
        ):
            with pytest.raises(NotAllowed, match="routing gateways are the operator's"):
                do(actor)


def test_a_vendors_trunk_with_calls_stays(tenants: Tenants, routing: RoutingGateways) -> None:
    routing.create(OPERATOR, VENDOR)
    a_call(tenants, "out", "routing")
    with pytest.raises(Conflict):
        routing.delete(OPERATOR, "out")
    tenants.execute("DELETE FROM calls")
    routing.delete(OPERATOR, "out")
    assert tenants.rows("SELECT count(*) FROM routes") == [(0,)]


def test_lists_by_name(
    tenants: Tenants, mapping: MappingGateways, routing: RoutingGateways
) -> None:
    for number in range(5):
        mapping.create(
            OPERATOR,
            {
                "name": f"t{number}",
                "account": "shop",
                "addresses": f"192.0.2.2{number}",
                "locked": number == 2,
            },
        )
    first = mapping.page(OPERATOR, GatewayQuery(limit=4))
    assert [row.name for row in first.rows] == ["atlas-trunk", "t0", "t1", "t2"]
    assert first.rows[1].addresses == ("192.0.2.20",)
    rest = mapping.page(OPERATOR, GatewayQuery(limit=4, after=first.next_after or ""))
    assert ([row.name for row in rest.rows], rest.next_after) == (["t3", "t4"], None)
    down = mapping.page(OPERATOR, GatewayQuery(search="T", descending=True, locked=False))
    assert [row.name for row in down.rows] == ["t4", "t3", "t1", "t0", "atlas-trunk"]
    assert mapping.page(OPERATOR, GatewayQuery(search="%")).rows == ()
    assert len(mapping.page(tenants.customer("shop"), GatewayQuery()).rows) == 5
    assert len(mapping.page(OPERATOR, GatewayQuery(account="atlas")).rows) == 1
    routing.create(OPERATOR, {**VENDOR, "host": "2001:db8::1"})
    (row,) = routing.page(OPERATOR, GatewayQuery(search="o")).rows
    assert (row.name, row.account, row.addresses) == ("out", "vendor", ("[2001:db8::1]:5060",))
    with pytest.raises(InvalidFields):
        mapping.page(OPERATOR, GatewayQuery(search="\x00"))
