"""Identify, check, rate, route: the order of the checks and every refusal."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.authorization import Authorized, authorize
from controller.domain.configuration import Account, AccountKind, MappingGateway
from controller.domain.events import CallOffered
from controller.domain.numbering import Rewrite
from controller.domain.rates import RateType
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import parse_tariff
from controller.domain.trace import Trace
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    NOW,
    TRUNK_IP,
    World,
    offered,
    rate,
)


def decide(world: World, event: CallOffered | None = None) -> tuple[Authorized | Refused, Trace]:
    trace = Trace()
    return authorize(event or offered(), world.configuration(), NOW, trace), trace


def admitted(world: World, event: CallOffered | None = None) -> Authorized:
    decision, trace = decide(world, event)
    assert isinstance(decision, Authorized), trace.steps
    return decision


def with_trunk(**changes: Any) -> World:
    world = World()
    world.trunk = replace(world.trunk, **changes)
    return world


def with_account(**changes: Any) -> World:
    world = World()
    world.customer = replace(world.customer, **changes)
    return world


def with_rate(**changes: Any) -> World:
    prefix, found = World().sell_rates[0]
    rate = (prefix, replace(found, **changes))
    return World(sell_rates=[rate])


def test_an_ordinary_call_is_authorized_with_all_that_follows() -> None:
    decision, trace = decide(World())
    assert isinstance(decision, Authorized)
    assert decision.gateway.name == "customer-trunk"
    assert decision.account.account_id == CUSTOMER
    assert (decision.caller, decision.callee) == (CALLER, CALLEE)
    assert (decision.sale.account_id, decision.sale.prefix) == (CUSTOMER, "39")
    assert [candidate.gateway.name for candidate in decision.candidates] == ["alpha", "beta"]
    assert decision.max_duration_s == 7200
    assert [step for step, *_ in trace.steps] == [
        "identify",
        "account",
        "number",
        "rate",
        "route",
        "route",
    ]


REFUSALS = [
    # world                                        event                      reason
    (World(), {"source_ip": "203.0.113.9"}, Reason.UNKNOWN_SOURCE, "203.0.113.9:5060"),
    (World(), {"source_port": 5061}, Reason.UNKNOWN_SOURCE, f"{TRUNK_IP}:5061"),
    (World(), {"source_ip": ""}, Reason.UNKNOWN_SOURCE, ":5060"),
    (with_trunk(locked=True), {}, Reason.GATEWAY_LOCKED, "customer-trunk"),
    (with_account(closed=True), {}, Reason.ACCOUNT_CLOSED, "customer"),
    (with_account(locked=True), {}, Reason.ACCOUNT_LOCKED, "customer"),
    (with_account(expires_at=NOW), {}, Reason.ACCOUNT_EXPIRED, "customer at 2026-03-02"),
    (World(), {"callee": "39;x"}, Reason.INVALID_CALLEE, "'39;x'"),
    (World(), {"callee": ""}, Reason.INVALID_CALLEE, "''"),
    (World(), {"callee": "alice"}, Reason.INVALID_CALLEE, "'alice'"),
    (with_trunk(rewrite_callee=Rewrite("*:")), {}, Reason.INVALID_CALLEE, "rewritten to ''"),
    (with_account(rate_group_id=None), {}, Reason.NO_RATE_GROUP, "customer"),
    (World(), {"callee": "4420123"}, Reason.NO_MATCHING_RATE, "4420123 in sell"),
    (with_rate(locked=True), {}, Reason.NO_MATCHING_RATE, f"{CALLEE} in sell"),
    (with_rate(valid_until=NOW), {}, Reason.NO_MATCHING_RATE, f"{CALLEE} in sell"),
    (
        with_rate(valid_from=NOW + timedelta(seconds=1)),
        {},
        Reason.NO_MATCHING_RATE,
        f"{CALLEE} in sell",
    ),
    (
        with_trunk(authorization=RateType.DOMESTIC),
        {},
        Reason.NO_CALL_PERMISSION,
        "international above domestic",
    ),
    (World(routes=[]), {}, Reason.NO_ROUTE, CALLEE),
]


@pytest.mark.parametrize(("world", "event", "reason", "detail"), REFUSALS)
def test_refusals_with_their_reason_and_figures(
    world: World, event: dict[str, Any], reason: Reason, detail: str
) -> None:
    decision, trace = decide(world, offered(**event))
    assert decision == Refused(reason, detail)
    assert trace.steps[-1][1:] == (f"refused: {reason}", detail)


def test_the_checks_come_in_the_order_of_the_reference() -> None:
    """A call that is wrong in every way, made right step by step: each step shows the next."""
    world = World(sell_rates=[], routes=[])
    world.trunk = replace(world.trunk, locked=True, authorization=RateType.NET)
    world.customer = replace(
        world.customer, closed=True, locked=True, expires_at=NOW, rate_group_id=None
    )
    event = offered(source_ip="203.0.113.9", callee="x")

    def reason() -> Reason:
        decision, _ = decide(world, event)
        assert isinstance(decision, Refused)
        return decision.reason

    found = [reason()]
    event = replace(event, source_ip=TRUNK_IP)
    found.append(reason())
    world.trunk = replace(world.trunk, locked=False)
    found.append(reason())
    world.customer = replace(world.customer, closed=False)
    found.append(reason())
    world.customer = replace(world.customer, locked=False)
    found.append(reason())
    world.customer = replace(world.customer, expires_at=None)
    found.append(reason())
    event = replace(event, callee=CALLEE)
    found.append(reason())
    world.customer = replace(world.customer, rate_group_id=World().customer.rate_group_id)
    found.append(reason())
    world.sell_rates = World().sell_rates
    found.append(reason())
    world.trunk = replace(world.trunk, authorization=RateType.INTERNATIONAL)
    found.append(reason())
    world.routes = World().routes
    assert isinstance(decide(world, event)[0], Authorized)
    assert found == [
        Reason.UNKNOWN_SOURCE,
        Reason.GATEWAY_LOCKED,
        Reason.ACCOUNT_CLOSED,
        Reason.ACCOUNT_LOCKED,
        Reason.ACCOUNT_EXPIRED,
        Reason.INVALID_CALLEE,
        Reason.NO_RATE_GROUP,
        Reason.NO_MATCHING_RATE,
        Reason.NO_CALL_PERMISSION,
        Reason.NO_ROUTE,
    ]


@pytest.mark.parametrize("may_call", list(RateType))
@pytest.mark.parametrize("rate_type", list(RateType))
def test_a_gateway_calls_its_own_rate_type_and_those_below(
    may_call: RateType, rate_type: RateType
) -> None:
    """Spec §2.7: international > domestic > local > net."""
    world = with_rate(rate_type=rate_type)
    world.trunk = replace(world.trunk, authorization=may_call)
    decision, _ = decide(world)
    assert isinstance(decision, Authorized) == (may_call >= rate_type)


def test_address_and_port_go_before_the_address_alone() -> None:
    world = World()
    by_port = replace(world.trunk, gateway_id=1, name="by-port", addresses=((TRUNK_IP, 5070),))
    by_ip = replace(world.trunk, gateway_id=2, name="by-ip", addresses=((TRUNK_IP, None),))
    configuration = replace(
        world.configuration(), sources={(TRUNK_IP, 5070): by_port, (TRUNK_IP, None): by_ip}
    )

    def found(ip: str, port: int) -> MappingGateway | None:
        return configuration.identify(ip, port)

    assert found(TRUNK_IP, 5070) is by_port
    assert found(TRUNK_IP, 5060) is by_ip
    assert found("192.0.2.11", 5070) is None


def test_an_account_is_good_until_the_moment_it_expires() -> None:
    world = with_account(expires_at=NOW + timedelta(microseconds=1))
    assert isinstance(decide(world)[0], Authorized)


def test_the_rate_is_that_of_the_number_after_the_ingress_rewrite() -> None:
    world = with_trunk(rewrite_callee=Rewrite("00:"), rewrite_caller=Rewrite("0:44"))
    decision = admitted(world, offered(callee="00" + CALLEE, caller="02071234567"))
    assert (decision.callee, decision.caller, decision.sale.prefix) == (CALLEE, CALLER, "39")


def test_a_leading_plus_is_not_part_of_the_rated_number() -> None:
    decision = admitted(World(), offered(callee="+" + CALLEE))
    assert (decision.callee, decision.sale.prefix) == (CALLEE, "39")


@pytest.mark.parametrize("caller", ["", "anonymous", "44;x", "${a}", "1" * 33, "44\n"])
def test_a_caller_that_is_no_number_is_withheld_and_the_call_goes_on(caller: str) -> None:
    assert admitted(World(), offered(caller=caller)).caller == ""


@pytest.mark.parametrize(
    ("gateway_s", "limit_s"), [(None, 7200), (60, 60), (7200, 7200), (9999, 7200)]
)
def test_the_shorter_of_both_call_lengths_counts(gateway_s: int | None, limit_s: int) -> None:
    assert admitted(with_trunk(max_duration_s=gateway_s)).max_duration_s == limit_s


def test_no_matching_rate_is_never_a_price_of_zero() -> None:
    decision, _ = decide(World(sell_rates=[rate("44", parse_tariff("0|0:1/60/60"))]))
    assert decision == Refused(Reason.NO_MATCHING_RATE, f"{CALLEE} in sell")


def test_the_longest_prefix_prices_the_call() -> None:
    world = World(
        sell_rates=[
            rate("*", parse_tariff("0|0:9/60/60")),
            rate("39", parse_tariff("0|0:0.06/60/60")),
            rate("3902", parse_tariff("0|0:0.04/60/60"), tax_percent=Decimal(22)),
        ]
    )
    sale = admitted(world).sale
    assert (sale.prefix, sale.charge(60).net, sale.tax_percent) == (
        "3902",
        Decimal("0.04"),
        Decimal(22),
    )


def test_the_same_rate_in_two_periods_is_taken_by_its_validity() -> None:
    changes_at = NOW
    world = World(
        sell_rates=[
            rate("39", parse_tariff("0|0:0.06/60/60"), valid_until=changes_at),
            rate("39", parse_tariff("0|0:0.05/60/60"), valid_from=changes_at),
        ]
    )
    assert admitted(world).sale.charge(60).net == Decimal("0.05")


def test_a_hostile_callee_is_shortened_in_the_trace() -> None:
    decision, _ = decide(World(), offered(callee="9" * 60_000))
    assert isinstance(decision, Refused)
    assert decision.reason is Reason.INVALID_CALLEE
    assert len(decision.detail) < 100


def test_the_customers_account_is_charged_not_the_vendors() -> None:
    """An account of any kind may own a trunk; the sale follows the trunk's account."""
    world = World()
    world.customer = Account(CUSTOMER, "reseller", AccountKind.ORDINARY, "EUR", rate_group_id=1001)
    decision = admitted(world)
    assert decision.sale.account_id == CUSTOMER
    assert {c.cost.account_id for c in decision.candidates} == {11, 12}
