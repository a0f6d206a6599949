"""Which vendors may carry a call, in which order, and why the others were dropped."""

from datetime import timedelta
from decimal import Decimal

import pytest

from controller.domain.configuration import AccountKind, PrefixMode, Route
from controller.domain.numbering import Rewrite
from controller.domain.prices import Moment
from controller.domain.routing import candidates
from controller.domain.tariff import parse_tariff
from controller.domain.trace import Trace
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    NOW,
    World,
    rate,
)

TERMINATE, CONTINUE = PrefixMode.TERMINATE, PrefixMode.CONTINUE


def route(world: World, callee: str = CALLEE, caller: str = CALLER) -> tuple[list[str], Trace]:
    trace = Trace()
    found = candidates(world.configuration(), caller, callee, Moment(callee, NOW, 7200), trace)
    return [candidate.gateway.name for candidate in found], trace


E1 = [
    # modes of 101-t-err, 103, 102, 101-t                order
    ((TERMINATE, CONTINUE, CONTINUE, CONTINUE), ["101-t-err", "103"]),
    ((CONTINUE, TERMINATE, CONTINUE, CONTINUE), ["101-t-err", "103"]),
    ((CONTINUE, CONTINUE, CONTINUE, CONTINUE), ["101-t-err", "103", "102", "101-t"]),
    ((CONTINUE, CONTINUE, CONTINUE, TERMINATE), ["101-t-err", "103", "102", "101-t"]),
    ((CONTINUE, CONTINUE, TERMINATE, CONTINUE), ["101-t-err", "103", "102"]),
]


@pytest.mark.parametrize(("modes", "order"), E1)
def test_e1_prefix_mode(modes: tuple[PrefixMode, ...], order: list[str]) -> None:
    """For 90080001: the first two share the longest prefix, the others have shorter ones."""
    world = World(buy_rates=[rate("*", parse_tariff("0|0:0.01/60/1"))])
    names = ("101-t-err", "103", "102", "101-t")
    for number, (name, mode) in enumerate(zip(names, modes, strict=True), start=1):
        world.add_gateway(name, number, prefix_mode=mode)
    world.routes = [Route("9008", 1), Route("9008", 2), Route("90", 3), Route("*", 4)]
    assert route(world, "90080001")[0] == order


def test_the_smallest_priority_goes_first_then_the_smallest_id() -> None:
    world = World(routes=[Route("39", 203, 10), Route("39", 202, 10), Route("39", 201, 20)])
    assert route(world)[0] == ["beta", "gamma", "alpha"]


def test_a_longer_prefix_goes_before_any_priority() -> None:
    world = World(routes=[Route("39", 201, 1), Route("3902", 202, 900)])
    world.change_gateway("beta", prefix_mode=CONTINUE)
    assert route(world)[0] == ["beta", "alpha"]


def test_a_gateway_is_tried_once_though_two_prefixes_lead_to_it() -> None:
    world = World(routes=[Route("39", 201), Route("3902", 201)])
    world.change_gateway("alpha", prefix_mode=CONTINUE)
    assert route(world)[0] == ["alpha"]


def test_no_route_is_an_empty_list() -> None:
    assert route(World(), "4420123")[0] == []
    assert route(World(routes=[]))[0] == []


DROPPED = [
    # what is wrong with alpha                                  why, in the trace
    ({"locked": True}, {}, "alpha: locked"),
    ({}, {"locked": True}, "alpha: clearing account alpha-clearing is locked or closed"),
    ({}, {"closed": True}, "alpha: clearing account alpha-clearing is locked or closed"),
    ({}, {"expires_at": NOW}, "alpha: clearing account alpha-clearing has expired"),
    ({}, {"kind": AccountKind.ORDINARY}, "alpha: alpha-clearing is not a clearing account"),
    ({}, {"rate_group_id": None}, f"alpha: no cost rate for {CALLEE}"),
    ({"rewrite_callee": Rewrite("*:")}, {}, "alpha: the rewrite gives no number"),
    (
        {"rewrite_callee": Rewrite("*:1234567890123456789012345678901234*")},
        {},
        "alpha: the rewrite gives no number",
    ),
]


@pytest.mark.parametrize(("gateway", "account", "why"), DROPPED)
def test_an_unusable_vendor_is_dropped_and_the_trace_says_why(
    gateway: dict[str, object], account: dict[str, object], why: str
) -> None:
    world = World()
    world.change_gateway("alpha", **gateway)
    world.change_vendor("alpha", **account)
    order, trace = route(world)
    assert order == ["beta"]
    assert ("route", "dropped", why) in trace.steps


def test_a_clearing_account_is_good_until_the_moment_it_expires() -> None:
    world = World()
    world.change_vendor("alpha", expires_at=NOW + timedelta(microseconds=1))
    assert route(world)[0] == ["alpha", "beta"]


def test_an_unusable_terminate_vendor_still_ends_the_walk() -> None:
    """Spec §6.2: where gateways of that prefix cannot deliver, shorter ones are not tried."""
    world = World(routes=[Route("3902", 201), Route("39", 202)])
    world.change_gateway("alpha", locked=True)
    assert route(world)[0] == []


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({}, True),
        ({"locked": True}, False),
        ({"valid_from": NOW}, True),
        ({"valid_from": NOW + timedelta(seconds=1)}, False),
        ({"valid_until": NOW}, False),
        ({"valid_until": NOW + timedelta(seconds=1)}, True),
    ],
)
def test_a_vendor_needs_a_cost_rate_that_is_valid_now(
    changes: dict[str, object], usable: bool
) -> None:
    only = rate("39", parse_tariff("0|0:0.02/60/1"), **changes)
    order, _ = route(World(buy_rates=[only], routes=[Route("39", 201)]))
    assert order == (["alpha"] if usable else [])


def test_a_locked_or_outdated_rate_leaves_the_next_shorter_prefix() -> None:
    world = World(
        buy_rates=[
            rate("3902", parse_tariff("0|0:9/60/1"), locked=True),
            rate("390", parse_tariff("0|0:8/60/1"), valid_until=NOW),
            rate("39", parse_tariff("0|0:0.02/60/1")),
        ],
        routes=[Route("39", 201)],
    )
    found = candidates(world.configuration(), CALLER, CALLEE, Moment(CALLEE, NOW, 7200), Trace())
    assert found[0].cost.prefix == "39"
    assert found[0].cost.charge(60).net == Decimal("0.02")


def test_cost_is_rated_on_the_number_before_the_vendors_rewrite() -> None:
    world = World(routes=[Route("39", 201)])
    world.change_gateway("alpha", rewrite_callee=Rewrite("39:0039"))
    (found,) = candidates(world.configuration(), CALLER, CALLEE, Moment(CALLEE, NOW, 7200), Trace())
    assert (found.callee, found.cost.prefix) == ("00" + CALLEE, "39")


def test_both_numbers_are_sent_as_the_vendor_wants_them() -> None:
    world = World(routes=[Route("39", 201)])
    world.change_gateway(
        "alpha", rewrite_callee=Rewrite("*:7788*"), rewrite_caller=Rewrite("44:0044")
    )
    (found,) = candidates(world.configuration(), CALLER, CALLEE, Moment(CALLEE, NOW, 7200), Trace())
    assert (found.caller, found.callee) == ("0044" + CALLER[2:], "7788" + CALLEE)


def test_an_unsendable_caller_is_withheld_not_a_reason_to_drop() -> None:
    world = World(routes=[Route("39", 201)])
    world.change_gateway("alpha", rewrite_caller=Rewrite("*:"))
    (found,) = candidates(world.configuration(), CALLER, CALLEE, Moment(CALLEE, NOW, 7200), Trace())
    assert found.caller == ""


def test_every_kept_vendor_is_in_the_trace_with_its_cost() -> None:
    _, trace = route(World())
    assert ("route", "kept", f"alpha: prefix 39, cost 0|0:0.02/60/1, sends {CALLEE}") in trace.steps
    assert len([step for step in trace.steps if step[1] == "kept"]) == 2


def test_a_ticket_never_holds_more_than_twenty_vendors() -> None:
    world = World()
    for number in range(1, 40):
        world.add_gateway(str(number), number)
    world.routes = [Route("39", number, number) for number in range(1, 40)]
    assert route(world)[0] == [str(number) for number in range(1, 21)]
