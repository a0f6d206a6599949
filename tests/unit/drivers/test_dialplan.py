"""A plan as one command: exact text, and that no text in a plan can be more than a value."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import UnsafeText
from controller.domain.plan import STOP_CAUSES, Attempt, Connect, Media, Refuse
from controller.domain.reasons import SIGNALS, Reason
from controller.drivers.freeswitch.dialplan import safe, transfer_command
from controller.drivers.simulator.config import HAND_OFF
from controller.drivers.simulator.inline import parse_inline
from tests.unit.domain.builders import CALLEE, CALLER, call_id, leg_id

HAND_OFF_FILE = Path(__file__).resolve().parents[3] / "dialplan" / "00_tollgate.xml"
FORBIDDEN = "'\"\\$(){}<>|,;~^[]%\r\n\t\0`&=!?"

ALPHA = Attempt(
    number=1,
    leg_id=leg_id(1),
    gateway_id=201,
    gateway="alpha",
    host="alpha.example",
    port=5060,
    transport="udp",
    caller=CALLER,
    callee=CALLEE,
    media=Media(),
    ring_timeout_s=30,
    progress_timeout_s=8,
)
BETA = replace(
    ALPHA,
    number=2,
    leg_id=leg_id(2),
    gateway="beta",
    host="192.0.2.7",
    port=5080,
    callee="7788" + CALLEE,
    media=Media(("PCMA", "PCMU"), t38=True),
    ring_timeout_s=45,
)
PLAN = Connect(call_id(), 60, (ALPHA, BETA), STOP_CAUSES, Media(("G729", "PCMA"), t38=True))


# -- reading a command back ------------------------------------------------------------------


@dataclass(frozen=True)
class Leg:
    variables: dict[str, str]
    callee: str
    host: str
    port: int
    transport: str


@dataclass(frozen=True)
class Carried:
    """What the switch would understand."""

    call_id: str
    caller_leg: dict[str, str]
    hunt: dict[str, str]
    legs: tuple[Leg, ...]


_COMMAND = re.compile(r"api uuid_transfer (\S+) '([^']*)' inline")
_LEG = re.compile(
    r"\[\^\^;([^\[\]]*)\]sofia/trunks/([^@/: ]*)@(\[[0-9A-Fa-f:.]+\]|[^:;\[\]@/ ]+):(\d+)"
    r"(?:;transport=(\w*))?"
)


def variables(text: str) -> dict[str, str]:
    read: dict[str, str] = {}
    for name, _, value in (assignment.partition("=") for assignment in text.split(";")):
        assert name not in read
        read[name] = value
    return read


def apps(command: str) -> tuple[str, list[tuple[str, str]]]:
    """The call's id and the applications of the inline dialplan, as the switch takes it apart."""
    whole = _COMMAND.fullmatch(command)
    assert whole, command
    assert command.isascii()
    assert command.isprintable()
    assert whole[2].startswith("m:~:")
    parts = [app.split(":", 1) for app in whole[2].removeprefix("m:~:").split("~")]
    return whole[1], [(name, argument) for name, argument in parts]


def carried(command: str) -> Carried:
    uuid, steps = apps(command)
    *before, (dial, bridge), after = steps
    assert dial == "bridge"
    # reached only where the switch itself doesn't end a call whose hunt failed
    assert after == ("hangup", "${originate_disposition}")
    assert [name for name, _ in before] in ([], ["multiset"])
    caller_leg = {}
    for _, assignments in before:
        assert assignments.startswith("^^;")
        caller_leg = variables(assignments.removeprefix("^^;"))
    hunt = re.fullmatch(r"\{\^\^;([^{}]*)\}([^{}]*)", bridge)
    assert hunt, bridge
    legs = [_LEG.fullmatch(leg) for leg in hunt[2].split("|")]
    assert all(legs), hunt[2]
    return Carried(
        uuid,
        caller_leg,
        variables(hunt[1]),
        tuple(
            Leg(variables(m[1]), m[2], m[3], int(m[4]), m[5] or "udp")
            for m in legs
            if m is not None
        ),
    )


# -- exact forms -----------------------------------------------------------------------------


def test_the_callers_leg_has_its_own_media_and_nothing_else() -> None:
    assert carried(transfer_command(PLAN)).caller_leg == {
        "fax_enable_t38": "true",
        "codec_string": "G729,PCMA",
    }
    assert carried(transfer_command(replace(PLAN, media=Media()))).caller_leg == {}


def test_what_holds_for_the_whole_hunt() -> None:
    """The leg that answers arms the timer of the caller's leg; before that nothing runs."""
    assert carried(transfer_command(PLAN)).hunt == {
        "api_on_answer": f"sched_hangup +60 {call_id()} ALLOTTED_TIMEOUT",
        "fail_on_single_reject": (
            "USER_BUSY,NO_ANSWER,CALL_REJECTED,UNALLOCATED_NUMBER,ALLOTTED_TIMEOUT"
        ),
    }


def test_without_stop_causes_the_hunt_has_time_for_the_longest_ringing() -> None:
    """The switch would end it after 60 s; a list of causes switches that limit off (recorded)."""
    hunt = carried(transfer_command(replace(PLAN, stop_causes=()))).hunt
    assert hunt["originate_timeout"] == "50"
    assert hunt["originate_continue_on_timeout"] == "true"
    assert "fail_on_single_reject" not in hunt


def test_the_attempts_in_order_each_with_its_own_variables() -> None:
    plan = carried(transfer_command(PLAN))
    assert plan.call_id == call_id()
    first, second = plan.legs
    assert (first.callee, first.host, first.port) == (CALLEE, "alpha.example", 5060)
    assert (second.callee, second.host, second.port) == ("7788" + CALLEE, "192.0.2.7", 5080)
    expected = {
        "origination_uuid": leg_id(1),
        "tollgate_attempt": "1",
        "tollgate_gateway": "alpha",
        "leg_timeout": "30",
        "leg_progress_timeout": "8",
        "origination_caller_id_number": CALLER,
    }
    assert expected.items() <= first.variables.items()
    expected = {
        "origination_uuid": leg_id(2),
        "tollgate_attempt": "2",
        "tollgate_gateway": "beta",
        "leg_timeout": "45",
        "absolute_codec_string": "PCMA,PCMU",
        "fax_enable_t38": "true",
    }
    assert expected.items() <= second.variables.items()
    assert "absolute_codec_string" not in first.variables
    assert "fax_enable_t38" not in first.variables


def test_no_text_of_the_callers_own_reaches_a_vendor_as_a_name() -> None:
    """The display name would otherwise be taken over from the caller's leg."""
    for leg in carried(transfer_command(PLAN)).legs:
        assert leg.variables["origination_caller_id_name"] in ("_undef_", CALLER)


def test_a_withheld_caller_is_anonymous() -> None:
    plan = replace(PLAN, attempts=(replace(ALPHA, caller=""),))
    (leg,) = carried(transfer_command(plan)).legs
    assert leg.variables["origination_caller_id_number"] == "anonymous"


def test_an_ipv6_host_stands_in_brackets_and_a_transport_behind() -> None:
    plan = replace(PLAN, attempts=(replace(ALPHA, host="2001:db8::1", transport="tcp"),))
    assert "sofia/trunks/390212345678@[2001:db8::1]:5060;transport=tcp" in transfer_command(plan)


def test_no_answer_as_a_stop_cause_covers_a_ring_time_out() -> None:
    """A leg that rang too long ends with the timer's cause (recorded)."""
    for causes, written in [
        (("NO_ANSWER",), "NO_ANSWER,ALLOTTED_TIMEOUT"),
        (("USER_BUSY",), "USER_BUSY"),
    ]:
        plan = carried(transfer_command(replace(PLAN, stop_causes=causes)))
        assert plan.hunt["fail_on_single_reject"] == written


@pytest.mark.parametrize("granted_s", [1, 60, 7200])
def test_the_timer_is_relative_and_at_least_a_second(granted_s: int) -> None:
    plan = carried(transfer_command(replace(PLAN, granted_s=granted_s)))
    timer = f"sched_hangup +{granted_s} {call_id()} ALLOTTED_TIMEOUT"
    assert plan.hunt["api_on_answer"] == timer


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_names_its_reason_and_its_status(reason: Reason) -> None:
    uuid, steps = apps(transfer_command(Refuse(call_id(), reason)))
    signal = SIGNALS[reason]
    assert uuid == call_id()
    status = ("respond", f"{signal.sip_status} {signal.sip_phrase}")
    if reason is Reason.INVALID_CALLEE:
        # its own 484 would hold the number, which may be unwritable; the cause's 484 does not
        status = ("hangup", "INVALID_NUMBER_FORMAT")
    told = ("set", f"tollgate_reason={reason}")
    if signal.retry_after_s:
        header = f"sip_rh_Retry-After={signal.retry_after_s}"
        told = ("multiset", f"^^;tollgate_reason={reason};{header}")
    assert steps == [told, status]


def test_only_what_concerns_every_call_asks_for_a_pause() -> None:
    """RFC 3261 §21.5.4: with Retry-After the sender stops all its calls, not only this one."""
    pauses = {reason for reason, signal in SIGNALS.items() if signal.retry_after_s}
    # all calls of the platform; of a trunk's limit, all calls of the sender that is told
    assert pauses == {
        Reason.OVERLOADED,
        Reason.STORE_UNAVAILABLE,
        Reason.SYSTEM_CPS,
        Reason.GATEWAY_CPS,
    }
    assert {SIGNALS[reason].sip_status for reason in pauses} == {503}


# -- hostile texts ---------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [*FORBIDDEN, "\u2028", "é", "٣", "\ud800", "\x7f"])
def test_no_sign_that_means_something_passes(sign: str) -> None:
    with pytest.raises(UnsafeText):
        safe(f"39{sign}40")


HOSTILE = [
    "x]sofia/trunks/1@evil.example",
    "x,y",
    "x;tollgate_gateway=other",
    "x~system:id",
    "x|sofia/trunks/1@evil.example",
    "${system(id)}",
    "$${x}",
    "x' inline\n\napi shutdown",
    "x%0Aapi shutdown",
    "x^^y",
    "{a=b}x",
    "<x>",
    "x\\n",
    "Zoë",
    "x\u2028y",
]


def _changed(attempt: Attempt, field: str, value: Any) -> Attempt:
    return replace(attempt, **{field: value})


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "field", ["leg_id", "gateway", "host", "transport", "caller", "callee", "call_id", "cause"]
)
def test_hostile_texts_are_refused_in_every_place(field: str, text: str) -> None:
    if field == "call_id":
        plan = replace(PLAN, call_id=text)
    elif field == "cause":
        plan = replace(PLAN, stop_causes=(text,))
    else:
        plan = replace(PLAN, attempts=(_changed(ALPHA, field, text),))
    with pytest.raises(UnsafeText):
        transfer_command(plan)


@pytest.mark.parametrize("codec", [*HOSTILE, "", "x" * 33])
def test_hostile_codecs_are_refused_on_both_legs(codec: str) -> None:
    media = Media((codec,))
    with pytest.raises(UnsafeText):
        transfer_command(replace(PLAN, media=media))
    with pytest.raises(UnsafeText):
        transfer_command(replace(PLAN, attempts=(replace(ALPHA, media=media),)))


@pytest.mark.parametrize("host", ["", " ", "a b", "[::1]", "::1]", "a_b", "evil.example:99 "])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(UnsafeText):
        transfer_command(replace(PLAN, attempts=(replace(ALPHA, host=host),)))


@pytest.mark.parametrize("callee", ["1@evil.example", "1 2", "a/b", "a:b"])
def test_a_callee_is_never_more_than_a_number(callee: str) -> None:
    with pytest.raises(UnsafeText):
        transfer_command(replace(PLAN, attempts=(replace(ALPHA, callee=callee),)))


def test_a_call_id_is_one_word() -> None:
    with pytest.raises(UnsafeText):
        transfer_command(Refuse(f"{call_id()} x", Reason.BUSY))


signs = st.sampled_from([*FORBIDDEN, *"0123456789abcZ+*#_.:@/ -", "é", "\u2028", "\ud800"])
texts = st.text(signs, max_size=8) | st.text(max_size=8)


def mostly(good: str) -> st.SearchStrategy[str]:
    """The good value, often enough that whole plans come through."""
    return st.one_of(st.just(good), st.just(good), st.just(good), texts)


attempts = st.builds(
    replace,
    st.sampled_from([ALPHA, BETA]),
    leg_id=mostly(leg_id(7)),
    gateway=mostly("Vendor 1"),
    host=mostly("vendor.example"),
    transport=mostly("udp"),
    caller=mostly(CALLER),
    callee=mostly(CALLEE),
    media=st.builds(Media, st.lists(mostly("PCMA"), max_size=2).map(tuple), st.booleans()),
)
plans = st.builds(
    Connect,
    mostly(call_id()),
    st.integers(1, 7200),
    st.lists(attempts, min_size=1, max_size=3).map(tuple),
    st.lists(mostly("USER_BUSY"), max_size=2).map(tuple),
    st.just(Media()),
)


@given(plans)
def test_any_plan_is_carried_out_as_meant_or_refused(plan: Connect) -> None:
    try:
        command = transfer_command(plan)
    except UnsafeText:
        return
    got = carried(command)
    assert got.call_id == plan.call_id
    assert len(got.legs) == len(plan.attempts)
    for leg, attempt in zip(got.legs, plan.attempts, strict=True):
        assert leg.callee == attempt.callee
        assert leg.host.strip("[]") == attempt.host
        assert leg.transport == attempt.transport
        assert leg.variables["origination_uuid"] == attempt.leg_id
        assert leg.variables["tollgate_gateway"] == attempt.gateway
        assert leg.variables["origination_caller_id_number"] == (attempt.caller or "anonymous")
        codecs = leg.variables.get("absolute_codec_string", "")
        assert tuple(filter(None, codecs.split(","))) == attempt.media.codecs
    stops = tuple(filter(None, got.hunt.get("fail_on_single_reject", "").split(",")))
    assert tuple(cause for cause in stops if cause != "ALLOTTED_TIMEOUT") == tuple(
        cause for cause in plan.stop_causes if cause
    )


def test_a_call_without_the_database_carries_a_mark_before_it_is_dialed() -> None:
    plain = replace(PLAN, media=Media())
    command = transfer_command(replace(plain, offline=True))
    assert "'m:~:multiset:^^;tollgate_offline=true~bridge:" in command
    assert command.replace("multiset:^^;tollgate_offline=true~", "") == transfer_command(plain)
    both = transfer_command(replace(PLAN, offline=True))
    assert ";tollgate_offline=true~bridge:" in both


def test_nothing_follows_park_in_the_hand_off() -> None:
    """What follows would run while a transfer takes the call away (docs/freeswitch.md)."""
    root = ElementTree.parse(HAND_OFF_FILE).getroot()  # noqa: S314 - our own
    contexts = {
        context.get("name"): [action.get("application") for action in context.iter("action")]
        for context in root.iter("context")
    }
    assert contexts == {"tollgate": ["park"], "tollgate_phones": ["park"]}
    assert parse_inline(HAND_OFF) == [("park", "")]
