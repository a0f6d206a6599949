"""Failover, stop causes, races of vendors, early media: what each plan ends in.

The expectations are what a real switch (1.11.1) did with the same plan and the same vendors,
read off its events and off the caller's SIP; one or two of them nobody would guess.
"""

import asyncio

import pytest

from controller.drivers.simulator import (
    answers,
    rejects,
    rings,
)
from tests.integration.simulator.bridge_cases import CASES, LEG_IDS, TALK, Case
from tests.integration.simulator.client import Event, in_loop, running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(case: Case) -> None:
    @in_loop
    async def check() -> None:
        async with running(speed=10.0) as here:
            here.answer_parks(_plan_of(case))
            call = here.simulator.place_call("12025550100", legs=case.legs)
            ended = await call.ended()
            event = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
            legs = [e for e in here.events.events if e.get("Call-Direction") == "outbound"]
        assert (ended.cause, ended.sip_status) == (case.cause, case.status)
        assert _leg_causes(event) == list(case.leg_causes)
        assert len(legs) == len(case.leg_causes)

    check()


def _plan_of(case: Case) -> str:
    legs = {
        str(number): (
            f"[^^;origination_uuid={LEG_IDS[number - 1]};tollgate_attempt={number}"
            f";{case.leg_variables}]sofia/trunks/12025550100@127.0.0.1:508{number}"
        )
        for number in range(1, 4)
    }
    dial_string = "".join(legs.get(sign, sign) for sign in case.shape)
    return f"m:~:multiset:^^;tollgate_reason=;{case.variables}~bridge:{dial_string}{case.behind}"


def _leg_causes(event: Event) -> list[str]:
    causes = event["variable_originate_causes"]
    return [item.split(";")[1] for item in (causes if isinstance(causes, list) else [causes])]


@in_loop
async def test_one_attempt_is_a_string_two_are_an_array() -> None:
    async with running(speed=10.0) as here:
        plan = _plan_of(CASES[1])
        here.answer_parks(plan)
        await here.simulator.place_call("1", legs=[TALK]).ended()
        await here.simulator.place_call("1", legs=[rejects(503), TALK]).ended()
        await here.events.wait_for(lambda client: len(client.named("CHANNEL_HANGUP_COMPLETE")) == 5)
        ended = [e for e in here.events.events if "variable_originate_causes" in e]
        one, *_, two = (event["variable_originated_legs"] for event in ended)
    assert one == f"{LEG_IDS[0]};Outbound Call;12025550100"
    assert two == [f"{leg_id};Outbound Call;12025550100" for leg_id in LEG_IDS[:2]]


@in_loop
async def test_the_order_of_events_of_an_answered_call() -> None:
    wanted = (
        "CREATE PARK UNPARK PROGRESS PROGRESS_MEDIA ANSWER BRIDGE UNBRIDGE HANGUP HANGUP_COMPLETE"
    )
    names = [f"CHANNEL_{name}" for name in wanted.split()]
    async with running(None, f"event json {' '.join(names)}", speed=10.0) as here:
        here.answer_parks(_plan_of(CASES[0]))
        await here.simulator.place_call("1", legs=[TALK]).ended()
        await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
        seen = [
            f"{event['Event-Name'].removeprefix('CHANNEL_')}-{event['Call-Direction'][0]}"
            for event in here.events.events
        ]
    assert seen == [
        "CREATE-i",
        "PARK-i",
        "UNPARK-i",
        "CREATE-o",
        "PROGRESS-o",
        "PROGRESS-i",
        "ANSWER-o",
        "PROGRESS_MEDIA-i",
        "ANSWER-i",
        "BRIDGE-i",
        "HANGUP-o",
        "HANGUP_COMPLETE-o",
        "UNBRIDGE-i",
        "HANGUP-i",
        "HANGUP_COMPLETE-i",
    ]


@in_loop
async def test_a_hang_up_by_the_caller_ends_both_legs() -> None:
    async with running() as here:
        here.answer_parks(_plan_of(CASES[0]))
        call = here.simulator.place_call("1", legs=[answers(0.05)])
        await here.events.event("CHANNEL_ANSWER")
        call.hang_up()
        await call.ended()
        outer = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
        inner = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="outbound")
    assert outer["variable_sip_hangup_disposition"] == "recv_bye"
    assert inner["variable_sip_hangup_disposition"] == "send_bye"
    assert inner["variable_originator"] == call.uuid
    # The real switch has put the leg's own uuid here by then: `originator` is the one to read.
    assert inner["Channel-Call-UUID"] == inner["Unique-ID"]


@in_loop
async def test_a_caller_that_gives_up_cancels_the_vendor() -> None:
    async with running() as here:
        here.answer_parks(_plan_of(CASES[0]))
        call = here.simulator.place_call("1", legs=[rings()])
        while here.simulator.counters.sessions < 2:
            await asyncio.sleep(0.01)
        call.hang_up()
        ended = await call.ended()
        outer = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
        inner = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="outbound")
    assert (ended.cause, ended.sip_status) == ("ORIGINATOR_CANCEL", 487)
    assert outer["variable_sip_hangup_disposition"] == "recv_cancel"
    assert inner["variable_sip_hangup_disposition"] == "send_cancel"


@pytest.mark.parametrize(("ratio", "first"), [(0.0, "outbound"), (1.0, "inbound")])
def test_which_of_two_ending_legs_is_reported_first(ratio: float, first: str) -> None:
    """On a real switch they race; a test may want either."""

    @in_loop
    async def check() -> None:
        async with running(late_leg_ratio=ratio) as here:
            here.answer_parks(_plan_of(CASES[0]))
            call = here.simulator.place_call("1", legs=[answers(0.05)])
            await here.events.event("CHANNEL_ANSWER")
            call.hang_up()
            await here.events.wait_for(lambda c: len(c.named("CHANNEL_HANGUP_COMPLETE")) == 2)
            assert here.events.named("CHANNEL_HANGUP_COMPLETE")[0]["Call-Direction"] == first

    check()


@in_loop
async def test_a_transfer_out_of_a_talk_ends_the_vendor() -> None:
    async with running() as here:
        here.answer_parks(_plan_of(CASES[0]))
        call = here.simulator.place_call("1", legs=[answers(0.05)])
        await here.events.event("CHANNEL_ANSWER")
        plan = "'m:~:set:tollgate_reason=moved~hangup:CALL_REJECTED'"
        await here.commands.api(f"uuid_transfer {call.uuid} {plan} inline")
        assert (await call.ended()).cause == "CALL_REJECTED"
        leg = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="outbound")
        event = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
    assert leg["Hangup-Cause"] == "NORMAL_CLEARING"
    assert "Other-Leg-Unique-ID" not in event
    assert isinstance(event["variable_transfer_history"], list)


@in_loop
async def test_legs_get_their_variables() -> None:
    plan = (
        "m:~:multiset:^^;effective_caller_id_name=X Y;own=1~export:shared=2~export:nolocal:only=3"
        "~bridge:{all=4}[^^;origination_caller_id_number=4712;mine=a,b]"
        "sofia/trunks/900@127.0.0.1:5081;transport=tcp"
    )
    async with running(speed=10.0) as here:
        here.answer_parks(plan)
        await here.simulator.place_call("1", caller="4711", legs=[rejects(404)]).ended()
        leg = await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="outbound")
    assert leg["Caller-Caller-ID-Number"] == "4712"
    assert leg["Caller-Caller-ID-Name"] == "X Y"
    variables = {name: leg.get(f"variable_{name}") for name in ("own", "shared", "only", "all")}
    assert variables == {"own": None, "shared": "2", "only": "3", "all": "4"}
    assert leg["variable_mine"] == "a,b"
    assert leg["Caller-Destination-Number"] == "900"
