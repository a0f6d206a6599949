"""The calls that `record_transcripts` plays, as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from tests.e2e.sipp import Sipp, SippProcess

CALLED = "390212345678"
CALLER = "442071234567"
HOSTILE_NAME = (
    'x%0AEvent-Name: FORGED%0A%0Avariable_tollgate_reason: forged \\"quoted\\" '
    "'single' ${core_uuid} ~a:b|c,d[e]{f} Zoë☎"  # RFC 3261 quoted string: \" is a quote
)
# The user part of a SIP URI, percent-encoded as RFC 3261 allows: LF, quote, the dial string's
# and the inline dialplan's delimiters, a variable reference.
HOSTILE_NUMBER = "39%0A02%27,%7C%5Bx=1%5D%7By%7D~hangup:~%24%7Bcore_uuid%7D"


@dataclass(frozen=True, slots=True)
class Stage:
    """The ports of the two vendors and of the caller."""

    first: int
    second: int
    caller: int


Vendor = Callable[[Sipp, Stage], SippProcess]
Caller = Callable[[Sipp, Stage], SippProcess]
OnPark = Callable[[str, Stage], list[str]]
OnAnswer = Callable[[str], list[str]]


def nothing(_uuid: str, _stage: Stage | None = None) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    caller: Caller | None = None
    vendors: tuple[Vendor, ...] = ()
    on_park: OnPark = nothing
    on_answer: OnAnswer = nothing
    before: tuple[str, ...] = ()
    form: Literal["json", "plain"] = "json"
    answer_pause_s: float = 0.0
    patience_s: float = 20.0
    stops_switch: bool = False  # at the answer, with SIGTERM; only as the last scenario


# ---- callers


def calls(hold_ms: int = 1_000, display: str = "Alice") -> Caller:
    return lambda sipp, stage: sipp.caller(
        "uac_call", stage.caller, called=CALLED, hold_ms=hold_ms, display=display
    )


def is_refused(called: str = CALLED) -> Caller:
    return lambda sipp, stage: sipp.caller("uac_refused", stage.caller, called=called)


def waits_for_bye() -> Caller:
    return lambda sipp, stage: sipp.caller("uac_until_bye", stage.caller, called=CALLED)


def cancels() -> Caller:
    return lambda sipp, stage: sipp.caller("uac_cancel", stage.caller, called=CALLED, hold_ms=800)


# ---- vendors


def first_rejects(code: int) -> Vendor:
    return lambda sipp, stage: sipp.rejecting_vendor(stage.first, code)


def second_rejects(code: int) -> Vendor:
    return lambda sipp, stage: sipp.rejecting_vendor(stage.second, code)


def first(scenario: str, hold_ms: int = 0) -> Vendor:
    return lambda sipp, stage: sipp.vendor(scenario, stage.first, hold_ms=hold_ms)


def second(scenario: str, hold_ms: int = 0) -> Vendor:
    return lambda sipp, stage: sipp.vendor(scenario, stage.second, hold_ms=hold_ms)


# ---- the controller


def plan(timer_s: int = 60, legs: int = 2, leg_timeout_s: int = 20, more: str = "") -> OnPark:
    """The driver's own plan: serial attempts, a stop cause, a timer armed at the answer.

    `more` are variables of the caller's leg before the others.

    The caller's name never goes out as it came in: the switch would write a decoded %0A into
    the From of the vendor's INVITE.
    """

    def commands(uuid: str, stage: Stage) -> list[str]:
        attempts = "|".join(
            f"[^^;origination_uuid={uuid4()};tollgate_attempt={number}"
            f";tollgate_gateway=vendor{number};leg_timeout={leg_timeout_s}"
            f";leg_progress_timeout=20;origination_caller_id_number={CALLER}"
            ";origination_caller_id_name=_undef_;sip_cid_type=none"
            ";fax_enable_t38=true;absolute_codec_string=PCMA,PCMU"
            f"]sofia/trunks/{CALLED}@127.0.0.1:{port}"
            for number, port in enumerate((stage.first, stage.second)[:legs], start=1)
        )
        hunt = (
            f"{{^^;api_on_answer=sched_hangup +{timer_s} {uuid} ALLOTTED_TIMEOUT"
            ";fail_on_single_reject=USER_BUSY}"
        )
        inline = (
            f"m:~:multiset:^^;{more}fax_enable_t38=true"
            f"~bridge:{hunt}{attempts}~hangup:${{originate_disposition}}"
        )
        return [f"uuid_transfer {uuid} '{inline}' inline"]

    return commands


def refuse(uuid: str, _stage: Stage) -> list[str]:
    inline = "m:~:set:tollgate_reason=insufficient_balance~respond:402 Payment Required"
    return [f"uuid_transfer {uuid} '{inline}' inline"]


def inspect(uuid: str) -> list[str]:
    return [
        "show channels as json",
        "show calls as json",
        f"uuid_exists {uuid}",
        f"uuid_dump {uuid} json",
        f"uuid_dump {uuid}",
        f"uuid_getvar {uuid} tollgate_attempt",
        "show tasks as json",
    ]


def renew_timer(uuid: str) -> list[str]:
    """What a renewed reservation does: first the new timer, then the old one's end."""
    return [
        f"sched_api +4 tollgate-{uuid}-1 uuid_kill {uuid} ALLOTTED_TIMEOUT",
        f"sched_del {uuid}",
        f"sched_api +2 tollgate-{uuid}-2 uuid_kill {uuid} ALLOTTED_TIMEOUT",
        f"sched_del tollgate-{uuid}-1",
    ]


def end_for(reason: str) -> OnAnswer:
    return lambda uuid: [
        f"uuid_setvar {uuid} tollgate_reason {reason}",
        f"uuid_kill {uuid} ALLOTTED_TIMEOUT",
    ]


def no_such_channel() -> tuple[str, ...]:
    gone = str(uuid4())
    return (
        f"uuid_exists {gone}",
        f"uuid_dump {gone} json",
        f"uuid_kill {gone} NORMAL_CLEARING",
        f"uuid_transfer {gone} 'm:~:respond:404 Not Found' inline",
        f"uuid_setvar {gone} tollgate_reason x",
        f"uuid_getvar {gone} tollgate_reason",
        f"sched_del tollgate-{gone}-1",
        "uuid_exists",
        "uuid_transfer",
        "no_such_command",
        "show channels as json",
        "global_getvar core_uuid",
    )


SCENARIOS = (
    Scenario(
        "failover_answered_caller_hangs_up",
        "first vendor 503, second rings and answers, the caller hangs up",
        calls(),
        (first_rejects(503), second("uas_answer", 500)),
        plan(),
    ),
    Scenario(
        "failover_answered_callee_hangs_up",
        "first vendor 503, second answers and hangs up",
        waits_for_bye(),
        (first_rejects(503), second("uas_hangup", 1_000)),
        plan(),
    ),
    Scenario(
        "failover_answered_plain",
        "as failover_answered_caller_hangs_up, with events in the plain form",
        calls(),
        (first_rejects(503), second("uas_answer", 500)),
        plan(),
        form="plain",
    ),
    Scenario(
        "busy", "a stop cause: 486 ends the search", is_refused(), (first_rejects(486),), plan()
    ),
    Scenario(
        "all_vendors_404",
        "both vendors answer 404, and so does the switch",
        is_refused(),
        (first_rejects(404), second_rejects(404)),
        plan(),
    ),
    Scenario(
        "vendor_down", "nothing listens at the only vendor's port", is_refused(), (), plan(legs=1)
    ),
    Scenario("refused_402", "refused by the controller with 402", is_refused(), (), refuse),
    Scenario(
        "refused_402_plain",
        "refused with 402, events in the plain form",
        is_refused(),
        (),
        refuse,
        form="plain",
    ),
    Scenario(
        "caller_cancels",
        "the caller gives up while the vendor rings",
        cancels(),
        (first("uas_ring"),),
        plan(legs=1),
    ),
    Scenario(
        "timer_ends_call",
        "sched_hangup, armed at the answer for 2 s, ends the call",
        waits_for_bye(),
        (first("uas_answer", 100),),
        plan(timer_s=2, legs=1),
    ),
    Scenario(
        "timer_renewed",
        "the timer is replaced twice with sched_api and sched_del; the last one ends the call",
        waits_for_bye(),
        (first("uas_answer", 100),),
        plan(timer_s=2, legs=1),
        renew_timer,
    ),
    Scenario(
        "ended_by_controller",
        "uuid_setvar of the reason, then uuid_kill, in the middle of the call",
        waits_for_bye(),
        (first("uas_answer", 100),),
        plan(legs=1),
        end_for("balance_exhausted"),
        answer_pause_s=0.5,
    ),
    Scenario(
        "ring_timeout_fails_over",
        "leg_timeout passes at the first vendor, the second answers",
        calls(),
        (first("uas_ring"), second("uas_answer", 100)),
        plan(leg_timeout_s=2),
    ),
    Scenario(
        "ring_timeout_everywhere",
        "leg_timeout passes at the only vendor: 480 to the caller",
        is_refused(),
        (first("uas_ring"),),
        plan(legs=1, leg_timeout_s=2),
    ),
    Scenario("fail_safe", "no controller answers: park_timeout ends the call", is_refused()),
    Scenario(
        "late_plan",
        "the call was refused already when a second plan arrives",
        is_refused(),
        (),
        lambda uuid, stage: [f"uuid_kill {uuid} NORMAL_TEMPORARY_FAILURE", *refuse(uuid, stage)],
    ),
    Scenario(
        "inspect_one_call",
        "the commands of a resynchronization during one call",
        calls(),
        (first("uas_answer", 100),),
        plan(legs=1),
        inspect,
    ),
    Scenario(
        "inspect_no_call",
        "the same commands with no call, and errors: unknown channel, unknown command",
        before=no_such_channel(),
    ),
    Scenario(
        "hostile_caller_name",
        "display name with %0A, quotes, UTF-8, delimiters, a variable reference",
        calls(display=HOSTILE_NAME),
        (first("uas_answer", 100),),
        plan(legs=1),
        inspect,
    ),
    Scenario(
        "hostile_caller_name_plain",
        "the same in the plain form",
        calls(display=HOSTILE_NAME),
        (first("uas_answer", 100),),
        plan(legs=1),
        inspect,
        form="plain",
    ),
    Scenario(
        "hostile_caller_name_latin1",
        "a display name in ISO 8859-1, which is not valid UTF-8",
        calls(display="Zo\udceb"),
        (first("uas_answer", 100),),
        plan(legs=1),
    ),
    Scenario(
        "hostile_called_number",
        "a called number with LF, quote, delimiters, a variable reference; refused",
        is_refused(called=HOSTILE_NUMBER),
        (),
        refuse,
    ),
    Scenario(
        "early_media_answered",
        "183 with SDP, then 200",
        calls(),
        (first("uas_early_media", 500),),
        plan(legs=1),
    ),
    Scenario(
        "early_media_then_503",
        "a refusal after early media: the second vendor is never tried",
        is_refused(),
        (first("uas_early_reject", 500), second("uas_answer")),
        plan(),
    ),
    Scenario(
        "early_media_for_ever",
        "no answer after early media: bridge_answer_timeout ends the call, leg_timeout does not",
        is_refused(),
        (first("uas_early_ring"),),
        plan(legs=1, leg_timeout_s=2, more="bridge_answer_timeout=4;"),
    ),
    Scenario(
        "switch_stops",
        "the switch is stopped (SIGTERM) during a call: its last words on both connections",
        waits_for_bye(),
        (first("uas_answer", 100),),
        plan(legs=1),
        answer_pause_s=0.5,
        stops_switch=True,
    ),
)

_A, _B = "inbound", "outbound"
_PARK, _ANSWER, _ENDED = "CHANNEL_PARK", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"
_FAILOVER = "failover_answered_caller_hangs_up"
_CALLEE_ENDS = "failover_answered_callee_hangs_up"

# One event each, for tests that want an event and not a call: events/NAME.json is the index-th
# event of that name and direction in a scenario.
SAMPLES = {
    "park_trunk": (_FAILOVER, _PARK, _A, 0),
    "park_hostile_caller_name": ("hostile_caller_name", _PARK, _A, 0),
    "park_hostile_called_number": ("hostile_called_number", _PARK, _A, 0),
    "answer_a_leg": (_FAILOVER, _ANSWER, _A, 0),
    "hangup_complete_a_answered": (_FAILOVER, _ENDED, _A, 0),
    "hangup_complete_a_callee_hung_up": (_CALLEE_ENDS, _ENDED, _A, 0),
    "hangup_complete_a_busy": ("busy", _ENDED, _A, 0),
    "hangup_complete_a_all_vendors_404": ("all_vendors_404", _ENDED, _A, 0),
    "hangup_complete_a_refused_402": ("refused_402", _ENDED, _A, 0),
    "hangup_complete_a_cancelled": ("caller_cancels", _ENDED, _A, 0),
    "hangup_complete_a_allotted_timeout": ("timer_ends_call", _ENDED, _A, 0),
    "hangup_complete_a_failsafe": ("fail_safe", _ENDED, _A, 0),
    "hangup_complete_b_503": (_FAILOVER, _ENDED, _B, 0),
    "hangup_complete_b_answered": (_FAILOVER, _ENDED, _B, 1),
    "hangup_complete_b_callee_hung_up": (_CALLEE_ENDS, _ENDED, _B, 1),
    "hangup_complete_b_leg_timeout": ("ring_timeout_fails_over", _ENDED, _B, 0),
    "hangup_complete_b_vendor_down": ("vendor_down", _ENDED, _B, 0),
    "heartbeat": ("inspect_no_call", "HEARTBEAT", None, 0),
}
