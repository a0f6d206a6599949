"""Failover, stop causes, races of vendors, early media: what each plan ends in.

The expectations are what a real switch (1.11.1) did with the same plan and the same vendors,
read off its events and off the caller's SIP; one or two of them nobody would guess.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from controller.drivers.simulator import (
    SILENT,
    UNREACHABLE,
    LegScript,
    answers,
    rejects,
    rings,
)
from tests.integration.simulator.client import Event, in_loop, running

EARLY = LegScript(progress_after_s=0.02, early_media=True, status=503, reject_after_s=0.3)
TALK = answers(0.1, talk_s=0.3)
STOP = "fail_on_single_reject=USER_BUSY,NO_ANSWER"
LEG_IDS = [f"b0000000-0000-4000-8000-00000000000{number}" for number in range(1, 5)]


@dataclass(frozen=True, slots=True)
class Case:
    """A bridge: `shape` says how the legs are joined (`|` in turn, `,` at once)."""

    name: str
    legs: Sequence[LegScript]
    shape: str
    cause: str
    status: int
    leg_causes: Sequence[str]
    variables: str = STOP
    leg_variables: str = "leg_timeout=2"
    behind: str = ""


CLEAR, TEMP, BUSY = "NORMAL_CLEARING", "NORMAL_TEMPORARY_FAILURE", "USER_BUSY"
UNKNOWN, TIMEOUT = "UNALLOCATED_NUMBER", "ALLOTTED_TIMEOUT"

CASES = [
    Case("answered", [TALK], "1", CLEAR, 200, ["NONE"]),
    Case("failover", [rejects(503), TALK], "1|2", CLEAR, 200, [TEMP, "NONE"]),
    Case("port closed", [UNREACHABLE, TALK], "1|2", CLEAR, 200, [TEMP, "NONE"]),
    Case("last cause counts", [rejects(503), rejects(404)], "1|2", UNKNOWN, 404, [TEMP, UNKNOWN]),
    Case("stop cause", [rejects(486), TALK], "1|2", BUSY, 486, [BUSY]),
    Case(
        "stop causes negated, stops",
        [rejects(404), TALK],
        "1|2",
        UNKNOWN,
        404,
        [UNKNOWN],
        "fail_on_single_reject=!NORMAL_TEMPORARY_FAILURE",
    ),
    Case(
        "stop causes negated, goes on",
        [rejects(503), TALK],
        "1|2",
        CLEAR,
        200,
        [TEMP, "NONE"],
        "fail_on_single_reject=!NORMAL_TEMPORARY_FAILURE",
    ),
    Case(
        "true stops nothing in turn",
        [rejects(503), TALK],
        "1|2",
        CLEAR,
        200,
        [TEMP, "NONE"],
        "fail_on_single_reject=true",
    ),
    Case("without stop causes", [rejects(486), TALK], "1|2", CLEAR, 200, [BUSY, "NONE"], "a=b"),
    Case("ring timeout, next answers", [rings(), TALK], "1|2", CLEAR, 200, [TIMEOUT, "NONE"]),
    Case("ring timeout of the only one", [rings()], "1", TIMEOUT, 480, [TIMEOUT]),
    Case(
        "ring timeout as a stop cause",
        [rings(), TALK],
        "1|2",
        TIMEOUT,
        480,
        [TIMEOUT],
        "fail_on_single_reject=ALLOTTED_TIMEOUT",
    ),
    Case("silent vendor", [SILENT, TALK], "1|2", CLEAR, 200, [TIMEOUT, "NONE"]),
    Case(
        "no progress in time",
        [SILENT, TALK],
        "1|2",
        CLEAR,
        200,
        ["PROGRESS_TIMEOUT", "NONE"],
        leg_variables="leg_timeout=20;leg_progress_timeout=1",
    ),
    Case(
        "silent until timer B",
        [SILENT],
        "1",
        "RECOVERY_ON_TIMER_EXPIRE",
        408,
        ["RECOVERY_ON_TIMER_EXPIRE"],
        leg_variables="x=1",
    ),
    Case(
        "call_timeout", [rings(), TALK], "1|2", CLEAR, 480, ["NO_ANSWER"], "call_timeout=2", "x=1"
    ),
    Case(
        "call_timeout, goes on",
        [rings(), TALK],
        "1|2",
        CLEAR,
        200,
        ["NO_ANSWER", "NONE"],
        "call_timeout=2;originate_continue_on_timeout=true",
        "x=1",
    ),
    Case(
        "call_timeout is void beside stop causes",
        [answers(4.0, talk_s=0.2)],
        "1",
        CLEAR,
        200,
        ["NONE"],
        f"call_timeout=1;{STOP}",
        "x=1",
    ),
    Case(
        "at once, the first to answer wins",
        [TALK, rings()],
        "1,2",
        CLEAR,
        200,
        ["NONE", "LOSE_RACE"],
    ),
    Case(
        "at once, all fail",
        [rejects(503, 0.1), rejects(404, 0.2)],
        "1,2",
        TEMP,
        404,
        [TEMP, UNKNOWN],
    ),
    Case(
        "at once, a stop cause",
        [rejects(486, 0.1), answers(0.5)],
        "1,2",
        CLEAR,
        486,
        [BUSY, "NO_ANSWER"],
    ),
    Case("early media is success", [EARLY, TALK], "1|2", TEMP, 503, ["NONE"]),
    Case(
        "early media ignored",
        [EARLY, TALK],
        "1|2",
        CLEAR,
        200,
        [TEMP, "NONE"],
        f"ignore_early_media=true;{STOP}",
    ),
    Case(
        "early media for ever",
        [rings(early_media=True)],
        "1",
        TIMEOUT,
        480,
        ["NONE"],
        f"bridge_answer_timeout=2;{STOP}",
    ),
    Case(
        "480 lets the plan go on",
        [rejects(480)],
        "1",
        BUSY,
        480,
        ["NO_USER_RESPONSE"],
        behind="~hangup:USER_BUSY",
    ),
    Case("487 lets the plan go on", [rejects(487)], "1", CLEAR, 487, ["ORIGINATOR_CANCEL"]),
    Case(
        "404 ends the plan",
        [rejects(404)],
        "1",
        UNKNOWN,
        404,
        [UNKNOWN],
        behind="~hangup:USER_BUSY",
    ),
    Case(
        "continue_on_fail",
        [rejects(404)],
        "1",
        BUSY,
        404,
        [UNKNOWN],
        "continue_on_fail=true",
        behind="~hangup:USER_BUSY",
    ),
    Case(
        "continue_on_fail of other causes",
        [rejects(404)],
        "1",
        UNKNOWN,
        404,
        [UNKNOWN],
        "continue_on_fail=USER_BUSY",
        behind="~hangup:USER_BUSY",
    ),
    Case(
        "after the talk",
        [TALK],
        "1",
        BUSY,
        200,
        ["NONE"],
        "hangup_after_bridge=false",
        behind="~sleep:100~hangup:USER_BUSY",
    ),
    Case(
        "a Reason header overrides",
        [rejects(503, q850=34)],
        "1",
        "NORMAL_CIRCUIT_CONGESTION",
        503,
        ["NORMAL_CIRCUIT_CONGESTION"],
    ),
    Case(
        "a Reason header undoes a stop cause",
        [rejects(486, q850=31), TALK],
        "1|2",
        CLEAR,
        200,
        ["NORMAL_UNSPECIFIED", "NONE"],
    ),
]


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
