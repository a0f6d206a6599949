"""Read views on PostgreSQL, asked by everybody about everything: nothing comes from elsewhere."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from controller.domain.errors import NotAllowed, NotFound
from controller.persistence.account_store import PostgresAccountStore
from controller.persistence.views.accounts import PostgresAccounts
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.rates import PostgresRates
from controller.services.accounts import AccountQuery
from controller.services.actors import EVERYTHING, Scope
from controller.services.views.cdrs import CdrFilter
from controller.services.views.paging import PageRequest
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.hierarchy import CALLERS, CHARGES, COST, COST_TAX, PARENTS, World, add_call, plant
from tests.web.wiring import web_services

AGENTS = sorted(PARENTS)
MANY = PageRequest(50)


@pytest.fixture
def world(engine: sa.Engine, clock: OwnedClock) -> World:
    return plant(engine, clock.now())


def listed(world: World, scope: Scope, wanted: CdrFilter | None = None) -> set[str]:
    page = PostgresCdrs(world.engine).page(scope, wanted or CdrFilter(), MANY)
    return {seen.record.call_id for seen in page.rows}


def calls_of(world: World, names: set[str]) -> set[str]:
    """Answered and refused ones."""
    both = (world.answered, world.refused)
    return {found[name] for found in both for name in names if name in found}


# -- call records -------------------------------------------------------------------------


def test_an_agent_lists_the_calls_of_its_subtree_refused_ones_too(world: World) -> None:
    for name in AGENTS:
        expected = calls_of(world, world.below(name))
        scope = world.agent(name)
        assert listed(world, scope) == expected
        exported = PostgresCdrs(world.engine).export(scope, CdrFilter(), 100)
        assert {seen.record.call_id for seen in exported} == expected


def test_people_of_a_customer_list_its_own_calls_only(world: World) -> None:
    for name in AGENTS:
        assert listed(world, world.customer(name)) == calls_of(world, {name})


def test_operators_list_all_of_them(world: World) -> None:
    assert len(listed(world, EVERYTHING)) == 2 * len(CALLERS) + 1


def test_a_call_by_its_id(world: World) -> None:
    for looks in AGENTS:
        for owner in CALLERS:
            view = PostgresCdrs(world.engine)
            for call_id in (world.answered[owner], world.refused[owner]):
                found = view.detail(world.agent(looks), call_id)
                assert (found is not None) == (owner in world.below(looks))
                own = view.detail(world.customer(looks), call_id)
                assert (own is not None) == (owner == looks)


def test_money_of_a_call_by_level(world: World) -> None:
    view = PostgresCdrs(world.engine)
    call_id = world.answered["shop"]
    expected = {
        "shop": (None, CHARGES[0], {0}),
        "dhaka": (CHARGES[0], CHARGES[1], {0, 1}),
        "bd": (CHARGES[1], CHARGES[2], {1, 2}),
    }
    for name, (earned, paid, parties) in expected.items():
        page = view.page(world.agent(name), CdrFilter(account_id=world.ids["shop"]), MANY)
        seen = next(seen for seen in page.rows if seen.record.call_id == call_id)
        assert (seen.parts.earned and seen.parts.earned.net) == earned
        assert seen.parts.paid is not None
        assert seen.parts.paid.net == paid
        detail = view.detail(world.agent(name), call_id)
        assert detail is not None
        assert {line.party for line in detail.lines} == parties
        assert detail.parts == seen.parts
        assert not detail.trace
        assert not detail.attempts
        assert not detail.record.cost
        assert not detail.record.net
    whole = view.detail(EVERYTHING, call_id)
    assert whole is not None
    assert whole.parts.margin == CHARGES[2] - COST - COST_TAX
    assert whole.trace
    assert whole.attempts


def test_an_account_filter_means_the_account_and_all_below_it(world: World) -> None:
    of_dhaka = CdrFilter(account_id=world.ids["dhaka"])
    expected = calls_of(world, {"dhaka", "shop", "kiosk"})
    for scope in (EVERYTHING, world.agent("bd"), world.agent("dhaka")):
        assert listed(world, scope, of_dhaka) == expected
    # a forged id gives nothing, whoever made it up
    for scope in (world.agent("atlas"), world.customer("bd"), world.customer("shop")):
        assert listed(world, scope, of_dhaka) == set()


@pytest.mark.parametrize(
    "wanted",
    [CdrFilter(gateway="kestrel-out"), CdrFilter(callee="88999"), CdrFilter(caller="88999")],
)
def test_what_is_hidden_cannot_be_looked_for(world: World, wanted: CdrFilter) -> None:
    assert listed(world, world.agent("bd"), wanted) == set()


def test_reviews_are_the_operators(world: World) -> None:
    world.run("UPDATE cdrs SET review = 'odd' WHERE call_id = :id", id=world.answered["shop"])
    wanted = CdrFilter(review_only=True)
    assert listed(world, EVERYTHING, wanted) == {world.answered["shop"]}
    assert listed(world, world.agent("bd"), wanted) == listed(world, world.agent("bd"))


def test_filters_find_what_is_told(world: World) -> None:
    statement = "UPDATE cdrs SET reason = 'no_route_capacity' WHERE call_id = :id"
    world.run(statement, id=world.refused["shop"])
    agent = world.agent("bd")
    assert listed(world, agent, CdrFilter(reason="no_route")) == {world.refused["shop"]}
    assert listed(world, agent, CdrFilter(reason="no_route_capacity")) == set()
    page = PostgresCdrs(world.engine).page(agent, CdrFilter(), MANY)
    assert {seen.record.reason for seen in page.rows} <= {
        "answered",
        "insufficient_balance",
        "no_route",
    }


def test_paging_an_agents_calls_gives_each_once_in_order(world: World, clock: OwnedClock) -> None:
    """Its own and those below it come from two indexes."""
    with world.engine.begin() as connection:
        for number in range(40):
            name = ("dhaka", "shop", "kiosk", "cairo")[number % 4]
            at = clock.now() - timedelta(hours=1, minutes=number // 3)
            add_call(connection, world, name, at, answered=number % 2 == 0)
    view, scope = PostgresCdrs(world.engine), world.agent("dhaka")
    request, found = PageRequest(7), []
    while True:
        page = view.page(scope, CdrFilter(), request)
        found += [(seen.record.started_at, seen.record.call_id) for seen in page.rows]
        if page.older is None:
            break
        request = PageRequest(7, page.older)
    assert len(found) == 30 + 6
    assert found == sorted(set(found), reverse=True)


def test_an_account_that_moves_leaves_its_old_calls_where_they_were(
    world: World, clock: OwnedClock
) -> None:
    world.run(
        "UPDATE accounts SET parent_id = :atlas WHERE name = 'shop'", atlas=world.ids["atlas"]
    )
    with world.engine.begin() as connection:
        new = add_call(
            connection, world, "shop", clock.now() - timedelta(minutes=1), answered=False
        )
    old = calls_of(world, {"shop"})
    assert old <= listed(world, world.agent("dhaka"))
    assert not old & listed(world, world.agent("atlas"))
    assert new in listed(world, world.agent("atlas"))
    assert new not in listed(world, world.agent("dhaka"))
    # dhaka knows its calls still, and no more whose they are
    view = PostgresCdrs(world.engine)
    before = view.detail(world.agent("dhaka"), world.answered["shop"])
    assert before is not None
    assert (before.record.account_id, before.record.account) == (None, "")
    assert before.parts.earned is not None


def test_choices_are_of_the_scope(world: World) -> None:
    view = PostgresCdrs(world.engine)
    dhaka = view.choices(world.agent("dhaka"))
    assert dhaka.accounts == ("dhaka", "kiosk", "shop")
    assert dhaka.gateways == ("dhaka-in", "kiosk-in", "shop-in")
    assert view.choices(world.customer("shop")).accounts == ("shop",)
    assert "kestrel-out" in view.choices(EVERYTHING).gateways


# -- calls in progress --------------------------------------------------------------------


def test_live_calls_and_their_figures(world: World) -> None:
    for name in AGENTS:
        view = PostgresLiveCalls(world.engine)
        expected = {world.live[n] for n in world.below(name) if n in world.live}
        shown = view.live(world.agent(name), "", 100)
        assert {call.call_id for call in shown.rows} == expected
        assert (shown.total, shown.talking, shown.matching) == (len(expected),) * 3
        own = view.live(world.customer(name), "", 100)
        assert [call.call_id for call in own.rows] == [
            world.live[n] for n in (name,) if n in CALLERS
        ]
        assert view.live(world.agent(name), "solo", 100).matching == (1 if name == "solo" else 0)


def test_what_is_held_is_ones_own(world: World) -> None:
    view = PostgresLiveCalls(world.engine)
    held = {}
    for name in ("shop", "dhaka", "bd"):
        rows = view.live(world.agent(name), "", 100).rows
        call = next(row for row in rows if row.call_id == world.live["shop"])
        held[name] = call.reserved
        assert (call.switch_id, call.routing_gateways) == ("", ())
    assert held == dict(zip(("shop", "dhaka", "bd"), CHARGES, strict=True))


# -- accounts -----------------------------------------------------------------------------


def test_an_account_by_its_id_and_name(world: World, clock: OwnedClock) -> None:
    for looks in AGENTS:
        for owner in AGENTS:
            view, scope, owner_id = (
                PostgresAccounts(world.engine),
                world.agent(looks),
                world.ids[owner],
            )
            if owner in world.below(looks):
                assert view.detail(scope, owner_id) is not None
                assert view.id_of(scope, owner) == owner_id
                assert view.postings(scope, owner_id, MANY).rows
                view.subscriptions(scope, owner_id, clock.now())
                continue
            assert view.detail(scope, owner_id) is None
            assert view.id_of(scope, owner) is None
            with pytest.raises(NotFound):
                view.postings(scope, owner_id, MANY)
            with pytest.raises(NotFound):
                view.subscriptions(scope, owner_id, clock.now())


def test_lists_of_accounts(world: World) -> None:
    for name in AGENTS:
        store = PostgresAccountStore(world.engine)
        found = store.page(world.agent(name), AccountQuery()).rows
        assert {row.name for row in found} == world.below(name)
        own = store.page(world.customer(name), AccountQuery()).rows
        assert {row.name for row in own} == {name}
        assert all(row.parent in ("", *world.below(name)) for row in found)
        assert store.page(world.agent(name), AccountQuery(search="inc", kind="system")).rows == ()


def test_nobody_sees_what_is_above(world: World) -> None:
    view = PostgresAccounts(world.engine)
    own = view.detail(world.agent("dhaka"), world.ids["dhaka"])
    assert own is not None
    assert (own.row.parent, own.chain, own.memo) == ("", (), "")
    assert own.children_count == 2
    below = view.detail(world.agent("dhaka"), world.ids["shop"])
    assert below is not None
    assert [link.name for link in below.chain] == ["dhaka"]
    assert below.memo == "noted about shop"
    alone = view.detail(world.customer("dhaka"), world.ids["dhaka"])
    assert alone is not None
    assert (alone.children, alone.children_count) == ((), 0)


def test_postings_name_nobody_out_of_scope(world: World) -> None:
    view = PostgresAccounts(world.engine)
    (posting,) = view.postings(world.agent("shop"), world.ids["shop"], MANY).rows
    assert (posting.other_account, posting.memo) == ("", "paid by shop")
    (posting,) = view.postings(EVERYTHING, world.ids["shop"], MANY).rows
    assert posting.other_account == "cash:USD"


# -- rates, explanations, coverage --------------------------------------------------------


def test_rate_groups_of_the_subtree_and_the_one_in_use(world: World) -> None:
    for name in AGENTS:
        view, scope = PostgresRates(world.engine), world.agent(name)
        expected = {"sell", *(f"{owner}-own" for owner in world.below(name))}
        found = view.groups(scope, "", "", 50).rows
        assert {row.name for row in found} == expected
        for row in found:
            assert (row.accounts, row.phones, row.is_cost) == (0, 0, False)
            assert row.owner in ("", *world.below(name))
        for group, group_id in world.groups.items():
            assert (view.group(scope, group_id) is not None) == (group in expected)
        own = {row.name for row in view.groups(world.customer(name), "", "", 50).rows}
        assert own == {"sell", f"{name}-own"}


def test_vendors_and_costs_are_explained_to_operators_only(world: World, clock: OwnedClock) -> None:
    services = web_services(world.engine, clock, PASSWORDS)
    for scope in (world.agent("bd"), world.customer("shop")):
        with pytest.raises(NotAllowed):
            services.explain.call(scope, "1", "2", "shop-in", clock.now(), None)
        with pytest.raises(NotAllowed):
            services.explain.gateways(scope)
        with pytest.raises(NotAllowed):
            services.coverage.state(scope)
    assert services.explain.accounts(world.agent("dhaka")) == ("dhaka", "kiosk", "shop")
    assert services.explain.accounts(world.customer("dhaka")) == ("dhaka",)
