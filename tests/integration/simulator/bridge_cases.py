"""Bridges and what a real switch (1.11.1) made of them, read off its events and off the SIP."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.drivers.simulator import (
    SILENT,
    UNREACHABLE,
    LegScript,
    answers,
    rejects,
    rings,
)

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
