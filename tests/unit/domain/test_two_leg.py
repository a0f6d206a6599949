"""Callback billing, both readings of "flow" (spec §12.6, K2)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.tariff import ZERO_CHARGE, Charge, Terms, parse_tariff, price
from controller.domain.two_leg import (
    ChargeOf,
    CtdBilling,
    CtdFlowSemantics,
    Leg,
    Part,
    bill_two_legs,
    flow_agents_agree,
)

STANDARD, FLOW = CtdBilling.STANDARD, CtdBilling.FLOW
COMBINED, PER_LEG = CtdFlowSemantics.COMBINED, CtdFlowSemantics.PER_LEG
MICRO = Terms("USD", 6)


def per_minute(rate: str, tax_percent: str = "0") -> ChargeOf:
    tariff = parse_tariff(f"0|0:{rate}/60/60")

    def charge(duration_s: int) -> Charge:
        return price(tariff, MICRO, Decimal(tax_percent), duration_s)

    return charge


K2 = [
    # leg A 0.02 a minute, leg B 0.05 a minute, combined rate 0.06 a minute
    # billing   flow means  leg A s  leg B s  due     leg A   leg B   whole call
    (STANDARD, COMBINED, 180, 180, "0.21", "0.06", "0.15", None),
    (FLOW, COMBINED, 180, 180, "0.18", "0", "0", "0.18"),
    (STANDARD, PER_LEG, 180, 180, "0.18", "0", "0", "0.18"),
    (FLOW, PER_LEG, 180, 180, "0.21", "0.06", "0.15", None),
    # the destination answers later than the caller
    (STANDARD, COMBINED, 180, 100, "0.16", "0.06", "0.10", None),
    (FLOW, COMBINED, 180, 100, "0.18", "0", "0", "0.18"),
    # or hangs up later
    (FLOW, COMBINED, 100, 180, "0.18", "0", "0", "0.18"),
    # the destination is never reached
    (STANDARD, COMBINED, 45, 0, "0.02", "0.02", "0", None),
    (FLOW, COMBINED, 45, 0, "0.06", "0", "0", "0.06"),
    # nobody is reached
    (STANDARD, COMBINED, 0, 0, "0", "0", "0", None),
    (FLOW, COMBINED, 0, 0, "0", "0", "0", "0"),
]


@pytest.mark.parametrize(("billing", "semantics", "a_s", "b_s", "due", "a", "b", "whole"), K2)
def test_k2_callback(
    billing: CtdBilling,
    semantics: CtdFlowSemantics,
    a_s: int,
    b_s: int,
    due: str,
    a: str,
    b: str,
    whole: str | None,
) -> None:
    bill = bill_two_legs(
        billing,
        semantics,
        Leg(a_s, per_minute("0.02")),
        Leg(b_s, per_minute("0.05")),
        per_minute("0.06"),
    )
    assert bill.net == Decimal(due)
    net = {line.part: line.charge.net for line in bill.parts}
    assert net.get(Part.WHOLE_CALL) == (None if whole is None else Decimal(whole))
    assert (net[Part.LEG_A], net[Part.LEG_B]) == (Decimal(a), Decimal(b))


def test_legs_of_a_combined_price_are_kept_at_zero_and_linked() -> None:
    bill = bill_two_legs(
        FLOW,
        COMBINED,
        Leg(180, per_minute("0.02")),
        Leg(150, per_minute("0.05")),
        per_minute("0.06"),
    )
    assert [(line.part, line.duration_s, line.charged_in) for line in bill.parts] == [
        (Part.WHOLE_CALL, 180, Part.WHOLE_CALL),
        (Part.LEG_A, 180, Part.WHOLE_CALL),
        (Part.LEG_B, 150, Part.WHOLE_CALL),
    ]
    assert [line.charge for line in bill.parts[1:]] == [ZERO_CHARGE, ZERO_CHARGE]


def test_each_leg_bears_its_own_tax() -> None:
    bill = bill_two_legs(
        STANDARD,
        COMBINED,
        Leg(180, per_minute("0.02", "10")),
        Leg(180, per_minute("0.05", "20")),
        per_minute("0.06"),
    )
    assert (bill.net, bill.tax, bill.gross) == (Decimal("0.21"), Decimal("0.036"), Decimal("0.246"))
    assert [(line.part, line.charged_in) for line in bill.parts] == [
        (Part.LEG_A, Part.LEG_A),
        (Part.LEG_B, Part.LEG_B),
    ]


AGENTS = [
    # flow agents above the caller, above the access account   leg B may be placed
    (set[int](), set[int](), True),
    ({7}, {7}, True),
    ({7, 8}, {8, 9}, True),
    ({7}, set[int](), False),
    (set[int](), {7}, False),
    ({7}, {8}, False),
]


@pytest.mark.parametrize(("of_caller", "of_access", "agree"), AGENTS)
def test_flow_agents_are_common_or_absent(
    of_caller: set[int], of_access: set[int], agree: bool
) -> None:
    assert flow_agents_agree(of_caller, of_access) == agree


seconds = st.integers(0, 7_200)


@given(seconds, seconds)
def test_the_two_readings_swap_the_names_and_nothing_else(a_s: int, b_s: int) -> None:
    legs = Leg(a_s, per_minute("0.02", "7")), Leg(b_s, per_minute("0.05"))
    combined = per_minute("0.06", "19")
    for here, there in ((STANDARD, FLOW), (FLOW, STANDARD)):
        by_one = bill_two_legs(here, COMBINED, *legs, combined)
        by_other = bill_two_legs(there, PER_LEG, *legs, combined)
        assert by_one == by_other


@given(seconds, seconds, st.sampled_from(CtdBilling), st.sampled_from(CtdFlowSemantics))
def test_every_price_is_in_exactly_one_line(
    a_s: int, b_s: int, billing: CtdBilling, semantics: CtdFlowSemantics
) -> None:
    legs = Leg(a_s, per_minute("0.02")), Leg(b_s, per_minute("0.05"))
    bill = bill_two_legs(billing, semantics, *legs, per_minute("0.06"))
    lines = {line.part: line for line in bill.parts}
    assert len(lines) == len(bill.parts)
    assert {Part.LEG_A, Part.LEG_B} <= set(lines)
    for line in bill.parts:
        assert lines[line.charged_in].charged_in is line.charged_in
        assert line.charged_in is line.part or line.charge == ZERO_CHARGE
