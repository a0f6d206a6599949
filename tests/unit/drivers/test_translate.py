"""Recorded events of a real switch, and what the controller must read in them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.call_record import RecordRules
from controller.domain.errors import ProtocolError
from controller.domain.events import AttemptEnded, CallAnswered, CallEnded, CallOffered
from controller.domain.settlement import record_unadmitted
from controller.drivers.freeswitch.codec import (
    FrameDecoder,
    decode_json_event,
    decode_plain_event,
)
from controller.drivers.freeswitch.translate import (
    MAX_TEXT,
    ChannelEvent,
    call_ended,
    channel_event,
    last_leg,
    stamp,
    text,
    uuid_text,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "event_socket"
TRANSCRIPTS = sorted(FIXTURES.glob("*.events.raw"))

A_LEG = "c2340f1b-f21a-426c-a7d5-8a10b05a4b9c"
FIRST_LEG = "0cf86d92-687b-4685-ba32-2cea5ca8c88e"
SECOND_LEG = "450fb749-1de1-46ee-a2ad-9522f5288c59"


def recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FIXTURES / "events" / f"{name}.json").read_text())
    return event


def read(name: str, **changes: Any) -> ChannelEvent | None:
    event = recorded(name)
    for field, value in changes.items():
        event[field] = value
    return channel_event(event, "fs1")


def read_end(name: str, **changes: Any) -> CallEnded:
    event = read(name, **changes)
    assert isinstance(event, CallEnded)
    return event


# -- one call, pasted from a real switch: 503 from the first vendor, answered by the second ----

PARK = {
    "Event-Name": "CHANNEL_PARK",
    "Event-Date-Timestamp": "1795210778105833",
    "Unique-ID": A_LEG,
    "Call-Direction": "inbound",
    "Answer-State": "ringing",
    "Caller-Destination-Number": "390212345678",
    "Caller-Network-Addr": "127.0.0.1",
    "Caller-Channel-Created-Time": "1795210778105833",
    "Caller-Channel-Answered-Time": "0",
    "variable_uuid": A_LEG,
    "variable_sip_from_user": "442071234567",
    "variable_sip_from_display": "Alice",
    "variable_sip_network_ip": "127.0.0.1",
    "variable_sip_network_port": "23000",
    "variable_sip_call_id": "1-19394@127.0.0.1",
    "variable_sip_req_user": "390212345678",
    "variable_tollgate_reason": "controller_unavailable",
}
FAILED_LEG_END = {
    "Event-Name": "CHANNEL_HANGUP_COMPLETE",
    "Hangup-Cause": "NORMAL_TEMPORARY_FAILURE",
    "Unique-ID": FIRST_LEG,
    "Call-Direction": "outbound",
    "variable_uuid": FIRST_LEG,
    "variable_originator": A_LEG,
    "variable_tollgate_attempt": "1",
    "variable_tollgate_gateway": "V1",
    "variable_origination_caller_id_number": "0044207",
    "variable_sip_req_uri": "7788390212345678@127.0.0.1:25001",
    "variable_sip_network_ip": "127.0.0.1",
    "variable_sip_network_port": "25001",
    "variable_sip_hangup_disposition": "recv_refuse",
    "variable_sip_invite_failure_status": "503",
    "variable_sip_term_status": "503",
    "variable_sip_term_cause": "41",
    "variable_hangup_cause": "NORMAL_TEMPORARY_FAILURE",
    "variable_hangup_cause_q850": "41",
    "variable_start_uepoch": "1795210778125816",
    "variable_progress_uepoch": "0",
    "variable_progress_media_uepoch": "0",
    "variable_answer_uepoch": "0",
    "variable_end_uepoch": "1795210778125816",
}
ANSWER = {
    "Event-Name": "CHANNEL_ANSWER",
    "Unique-ID": A_LEG,
    "Call-Direction": "inbound",
    "Caller-Channel-Created-Time": "1795210778105833",
    "Caller-Channel-Answered-Time": "1795210778685819",
    "variable_originated_legs": [
        f"{FIRST_LEG};Outbound Call;390212345678",
        f"{SECOND_LEG};Outbound Call;390212345678",
    ],
    "variable_originate_causes": f"{FIRST_LEG};NORMAL_TEMPORARY_FAILURE",
}
END = {
    "Event-Name": "CHANNEL_HANGUP_COMPLETE",
    "Unique-ID": A_LEG,
    "Call-Direction": "inbound",
    "variable_uuid": A_LEG,
    "variable_sip_from_user": "442071234567",
    "variable_sip_from_display": "Alice",
    "variable_sip_network_ip": "127.0.0.1",
    "variable_sip_network_port": "23000",
    "variable_sip_call_id": "1-19394@127.0.0.1",
    "variable_sip_req_user": "390212345678",
    "variable_originated_legs": ANSWER["variable_originated_legs"],
    # of the attempt that failed; the call was answered all the same
    "variable_sip_hangup_phrase": "Service Unavailable",
    "variable_last_bridge_hangup_cause": "NORMAL_TEMPORARY_FAILURE",
    "variable_last_bridge_proto_specific_hangup_cause": "sip:503",
    "variable_originate_causes": [f"{FIRST_LEG};NORMAL_TEMPORARY_FAILURE", f"{SECOND_LEG};NONE"],
    "variable_sip_term_status": "200",
    "variable_sip_term_cause": "16",
    "variable_sip_hangup_disposition": "recv_bye",
    "variable_hangup_cause": "NORMAL_CLEARING",
    "variable_hangup_cause_q850": "16",
    "variable_start_uepoch": "1795210778105833",
    "variable_progress_uepoch": "1795210778145811",
    "variable_progress_media_uepoch": "1795210778685819",
    "variable_answer_uepoch": "1795210778685819",
    "variable_end_uepoch": "1795210780705810",
}
ANSWERED_END = CallEnded(
    switch_id="fs1",
    call_id=A_LEG,
    offered_us=1795210778105833,
    ringing_us=1795210778145811,
    answered_us=1795210778685819,
    ended_us=1795210780705810,
    cause="NORMAL_CLEARING",
    q850=16,
    sip_status=200,
    hangup_by_caller=True,
    platform_reason="",
    connected_leg=SECOND_LEG,
    attempted_legs=(FIRST_LEG, SECOND_LEG),
    source_ip="127.0.0.1",
    source_port=23000,
    caller="442071234567",
    caller_name="Alice",
    callee="390212345678",
    sip_call_id="1-19394@127.0.0.1",
)


def test_a_parked_call_is_an_offer() -> None:
    assert channel_event(PARK, "fs1") == CallOffered(
        switch_id="fs1",
        call_id=A_LEG,
        offered_us=1795210778105833,
        source_ip="127.0.0.1",
        source_port=23000,
        caller="442071234567",
        caller_name="Alice",
        callee="390212345678",
        sip_call_id="1-19394@127.0.0.1",
    )


def test_the_failed_first_attempt() -> None:
    assert channel_event(FAILED_LEG_END, "fs1") == AttemptEnded(
        switch_id="fs1",
        call_id=A_LEG,
        leg_id=FIRST_LEG,
        number=1,
        gateway="V1",
        started_us=1795210778125816,
        ringing_us=0,
        answered_us=0,
        ended_us=1795210778125816,
        cause="NORMAL_TEMPORARY_FAILURE",
        q850=41,
        sip_status=503,
        hangup_by_remote=True,
        caller_sent="0044207",
        callee_sent="7788390212345678",
    )


def test_an_answer_names_the_leg_that_answered() -> None:
    """After a failover: the first leg's failure is no answer, the second leg's is."""
    assert channel_event(ANSWER, "fs1") == CallAnswered("fs1", A_LEG, 1795210778685819, SECOND_LEG)


def test_the_end_of_the_answered_call() -> None:
    assert channel_event(END, "fs1") == ANSWERED_END
    assert ANSWERED_END.talk_us == 2_019_991


def test_a_cdr_file_tells_the_same_as_the_event() -> None:
    """Its `variables` have the event's names and values, but lists are one text (design §4)."""
    variables: dict[str, object] = {
        name.removeprefix("variable_"): value
        for name, value in END.items()
        if name.startswith("variable_")
    }
    assert call_ended(variables.get, "fs1") == ANSWERED_END
    causes = "ARRAY::" + "|:".join(END["variable_originate_causes"])
    assert call_ended((variables | {"originate_causes": causes}).get, "fs1") == ANSWERED_END


# -- recorded events -------------------------------------------------------------------------

ENDS = [
    # recorded end                cause              Q.850 SIP  caller? reason on channel
    ("answered", "NORMAL_CLEARING", 16, 200, True, ""),
    ("callee_hung_up", "NORMAL_CLEARING", 16, 200, False, ""),
    ("allotted_timeout", "ALLOTTED_TIMEOUT", 16, 200, False, ""),
    ("cancelled", "ORIGINATOR_CANCEL", 16, 487, True, ""),
    ("busy", "USER_BUSY", 17, 486, False, ""),
    ("all_vendors_404", "UNALLOCATED_NUMBER", 1, 404, False, ""),
    ("refused_402", "CALL_REJECTED", 21, 0, False, "insufficient_balance"),
    ("failsafe", "NORMAL_TEMPORARY_FAILURE", 41, 0, False, "controller_unavailable"),
]


@pytest.mark.parametrize(("name", "cause", "q850", "sip", "by_caller", "reason"), ENDS)
def test_how_calls_ended(
    name: str, cause: str, q850: int, sip: int, by_caller: bool, reason: str
) -> None:
    end = read_end(f"hangup_complete_a_{name}")
    assert (end.cause, end.q850, end.sip_status) == (cause, q850, sip)
    assert (end.hangup_by_caller, end.platform_reason) == (by_caller, reason)
    assert (end.caller, end.callee, end.source_ip) == (
        "442071234567",
        "390212345678",
        "127.0.0.1",
    )
    assert (end.caller_name, end.sip_call_id[-10:]) == ("Alice", "@127.0.0.1")


RANG = {"answered", "callee_hung_up", "allotted_timeout", "cancelled"}
TALKED = {"answered", "callee_hung_up", "allotted_timeout"}


@pytest.mark.parametrize("name", [name for name, *_ in ENDS])
def test_stamps_agree_with_those_of_the_callers_channel(name: str) -> None:
    """The variables say what the channel's own fields say, to the microsecond."""
    event, end = recorded(f"hangup_complete_a_{name}"), read_end(f"hangup_complete_a_{name}")

    def channel(what: str) -> int:
        return int(event[f"Caller-Channel-{what}-Time"])

    assert end.call_id == event["Unique-ID"]
    assert (end.offered_us, end.answered_us, end.ended_us) == (
        channel("Created"),
        channel("Answered"),
        channel("Hangup"),
    )
    assert end.ringing_us == (channel("Progress") or channel("Progress-Media"))
    assert bool(end.ringing_us) == (name in RANG)
    assert bool(end.answered_us) == (name in TALKED)
    assert end.offered_us < end.ended_us
    if end.answered_us:
        assert end.talk_us == int(event["variable_billusec"])


CONNECTED = {
    # recorded end: which of the tried legs was connected, of how many
    "answered": (2, 2),
    "callee_hung_up": (2, 2),
    "allotted_timeout": (1, 1),
    "cancelled": (0, 1),
    "busy": (0, 1),
    "all_vendors_404": (0, 2),
    "refused_402": (0, 0),
    "failsafe": (0, 0),
}


@pytest.mark.parametrize("name", list(CONNECTED))
def test_legs_of_calls(name: str) -> None:
    """One attempt comes as a string, more come as a list."""
    which, tried = CONNECTED[name]
    end = read_end(f"hangup_complete_a_{name}")
    assert len(end.attempted_legs) == len(set(end.attempted_legs)) == tried
    assert end.connected_leg == (end.attempted_legs[which - 1] if which else "")
    if which:
        bridged = recorded(f"hangup_complete_a_{name}")["variable_last_bridge_to"]
        assert end.connected_leg == bridged


def test_events_of_one_call_name_the_same_call_and_legs() -> None:
    """park, answer, both legs' ends and the call's end were recorded from one call."""
    offer, answer = read("park_trunk"), read("answer_a_leg")
    failed, connected = read("hangup_complete_b_503"), read("hangup_complete_b_answered")
    end = read_end("hangup_complete_a_answered")
    assert isinstance(offer, CallOffered)
    assert isinstance(answer, CallAnswered)
    assert isinstance(failed, AttemptEnded)
    assert isinstance(connected, AttemptEnded)
    assert {e.call_id for e in (offer, answer, failed, connected)} == {end.call_id}
    assert end.attempted_legs == (failed.leg_id, connected.leg_id)
    assert answer.leg_id == end.connected_leg == connected.leg_id
    assert answer.answered_us == end.answered_us
    assert offer.offered_us == end.offered_us
    assert (offer.caller, offer.callee, offer.source_port, offer.sip_call_id) == (
        end.caller,
        end.callee,
        end.source_port,
        end.sip_call_id,
    )
    assert (failed.number, connected.number) == (1, 2)
    assert (failed.sip_status, connected.sip_status) == (503, 200)
    assert (failed.hangup_by_remote, connected.hangup_by_remote) == (True, False)
    assert offer.offered_us < failed.started_us <= connected.started_us < answer.answered_us


def test_a_heartbeat_means_nothing_to_calls() -> None:
    assert channel_event({"Event-Name": "HEARTBEAT", "Core-UUID": A_LEG}, "fs1") is None


STATUS = [
    # of an unanswered call: disposition, term status, failure status     the caller got
    ("recv_cancel", None, None, 487),
    ("recv_cancel", "200", "503", 487),
    ("send_refuse", "486", None, 486),
    ("send_refuse", None, "404", 404),
    ("send_refuse", "503", "404", 503),
    ("send_refuse", None, None, 0),
    ("send_refuse", "nonsense", "", 0),
    (None, None, None, 0),
]


@pytest.mark.parametrize(("disposition", "term", "failure", "status"), STATUS)
def test_the_final_status_of_an_unanswered_call(
    disposition: str | None, term: str | None, failure: str | None, status: int
) -> None:
    fields = {
        "variable_answer_uepoch": "0",
        "variable_sip_hangup_disposition": disposition,
        "variable_sip_term_status": term,
        "variable_sip_invite_failure_status": failure,
    }
    end = channel_event(END | fields, "fs1")
    assert isinstance(end, CallEnded)
    assert end.sip_status == status
    assert end.hangup_by_caller == (disposition == "recv_cancel")


WHY = [
    # reason on the channel   last application   what the platform said
    ({}, "bridge", ""),
    ({}, "park", "controller_unavailable"),  # nobody decided: the fail-safe ended it
    ({"variable_tollgate_reason": "insufficient_balance"}, "respond", "insufficient_balance"),
    ({"variable_tollgate_reason": "balance_exhausted"}, "bridge", "balance_exhausted"),
    ({"variable_tollgate_reason": "administrator"}, "park", "administrator"),
    ({}, None, ""),
    ({}, ["park"], ""),
]


@pytest.mark.parametrize(("reason", "last_application", "said"), WHY)
def test_what_the_platform_said_about_the_end(
    reason: dict[str, Any], last_application: object, said: str
) -> None:
    end = channel_event(END | {"variable_last_app": last_application} | reason, "fs1")
    assert isinstance(end, CallEnded)
    assert end.platform_reason == said


def test_a_leg_that_rang_too_long_was_let_go_by_us() -> None:
    attempt = read("hangup_complete_b_leg_timeout")
    assert isinstance(attempt, AttemptEnded)
    assert (attempt.cause, attempt.sip_status, attempt.hangup_by_remote) == (
        "ALLOTTED_TIMEOUT",
        487,
        False,
    )
    assert attempt.answered_us == 0


def test_a_vendors_hang_up_is_seen_on_its_leg() -> None:
    attempt = read("hangup_complete_b_callee_hung_up")
    assert isinstance(attempt, AttemptEnded)
    assert attempt.hangup_by_remote
    assert attempt.sip_status == 200


# -- transcripts -----------------------------------------------------------------------------


def events_of(transcript: Path) -> list[ChannelEvent]:
    decoders = {"text/event-json": decode_json_event, "text/event-plain": decode_plain_event}
    frames = FrameDecoder().feed(transcript.read_bytes())
    decoded = [decoders[f.content_type](f.body) for f in frames if f.content_type in decoders]
    events = [channel_event(event, "fs1") for event in decoded]
    return [event for event in events if event is not None]


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.name.split(".")[0])
def test_the_record_has_the_status_that_the_caller_got(transcript: Path) -> None:
    about = json.loads(transcript.with_name(transcript.name.split(".")[0] + ".json").read_text())
    ends = [event for event in events_of(transcript) if isinstance(event, CallEnded)]
    status = about["final_status_to_caller"]
    for end in ends:
        record = record_unadmitted(None, end, RecordRules()).cdr
        assert end.call_id == about["a_leg_uuid"]
        if status is not None:
            assert record.sip_status == status
    assert status is None or ends


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.name.split(".")[0])
def test_every_attempt_belongs_to_its_call_and_every_answer_to_its_leg(transcript: Path) -> None:
    events = events_of(transcript)
    ends = {event.call_id: event for event in events if isinstance(event, CallEnded)}
    for event in events:
        if isinstance(event, AttemptEnded) and ends:
            assert event.leg_id in ends[event.call_id].attempted_legs
        if isinstance(event, CallAnswered) and ends:
            assert event.leg_id == ends[event.call_id].connected_leg
            assert event.answered_us == ends[event.call_id].answered_us


def test_plain_and_json_events_mean_the_same() -> None:
    def outline(name: str) -> list[tuple[object, ...]]:
        events = events_of(FIXTURES / f"{name}.events.raw")
        ends = [event for event in events if isinstance(event, CallEnded)]
        return [(e.cause, e.q850, e.sip_status, len(e.attempted_legs), e.callee) for e in ends]

    assert outline("failover_answered_caller_hangs_up") == outline("failover_answered_plain")
    assert outline("refused_402") == outline("refused_402_plain")


# -- what is of no use -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Event-Name": "HEARTBEAT"},
        {"Event-Name": "CHANNEL_PARK", "Call-Direction": "outbound"},
        {"Event-Name": "CHANNEL_ANSWER", "Call-Direction": "outbound"},
        {"Event-Name": ["CHANNEL_PARK"]},
        {"Event-Name": None},
        {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Call-Direction": "outbound"},
    ],
)
def test_events_without_use_are_none(event: dict[str, Any]) -> None:
    assert channel_event(event, "fs1") is None


@pytest.mark.parametrize("name", ["CHANNEL_PARK", "CHANNEL_ANSWER"])
@pytest.mark.parametrize("uuid", [None, "", "x", 5, [], "c2340f1b-f21a-426c-a7d5-8a10b05a4b9", " "])
def test_an_event_without_a_call_id_is_a_protocol_error(name: str, uuid: object) -> None:
    with pytest.raises(ProtocolError, match="call id"):
        channel_event({"Event-Name": name, "Call-Direction": "inbound", "Unique-ID": uuid}, "fs1")


def test_an_end_without_a_call_id_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        read("hangup_complete_a_busy", variable_uuid="../../etc/passwd")
    with pytest.raises(ProtocolError):
        read("hangup_complete_b_503", variable_originator=None)


def test_a_leg_that_no_plan_asked_for_is_no_attempt() -> None:
    assert read("hangup_complete_b_503", variable_tollgate_attempt=None) is None
    assert read("hangup_complete_b_503", variable_tollgate_attempt="") is None


# -- hostile values --------------------------------------------------------------------------

HOSTILE = [
    # as it comes                       as it is kept
    ("Zoë Müller", "Zoë Müller"),
    ("a\nUnique-ID: forged", "a?Unique-ID: forged"),
    ("a\r\n\r\nb", "a????b"),
    ("a\u2028b\u2029c\x85d", "a?b?c?d"),
    ("nul\0nul", "nul?nul"),
    ("\ud800lone", "?lone"),
    ("bell\x07\x1b[31m", "bell??[31m"),
    ("right\u202eleft", "right?left"),
    ("", ""),
    (None, ""),
    (5, ""),
    (["a"], ""),
    ({"a": 1}, ""),
]


@pytest.mark.parametrize(("raw", "kept"), HOSTILE)
def test_text_is_made_storable(raw: object, kept: str) -> None:
    assert text(raw) == kept
    end = read_end("hangup_complete_a_busy", variable_sip_from_display=raw)
    assert end.caller_name == kept


def test_a_name_of_64_kb_is_cut() -> None:
    end = read_end("hangup_complete_a_busy", variable_sip_from_display="x" * 65_536)
    assert len(end.caller_name) == MAX_TEXT
    offer = read("park_trunk", variable_sip_req_user="9" * 65_536)
    assert isinstance(offer, CallOffered)
    assert len(offer.callee) == MAX_TEXT


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_becomes_storable(raw: str) -> None:
    kept = text(raw)
    assert len(kept) <= MAX_TEXT
    assert kept.isprintable()
    assert kept.encode() is not None
    assert "\0" not in kept


@pytest.mark.parametrize(
    ("raw", "us"),
    [
        ("1795210778105833", 1795210778105833),
        (1795210778105833, 1795210778105833),
        ("0", 0),
        ("", 0),
        (None, 0),
        ("-5", 0),
        (-5, 0),
        ("1.5", 0),
        (1.5, 0),
        (True, 0),
        ("9" * 17, int("9" * 17)),
        ("9" * 18, 0),
        (10**17, 0),
        ("٣", 0),
        ("1e9", 0),
        (["1"], 0),
        ("9" * 65_536, 0),
    ],
)
def test_stamps(raw: object, us: int) -> None:
    assert stamp(raw) == us


def test_uuids_are_kept_in_lower_case() -> None:
    assert uuid_text(A_LEG.upper()) == A_LEG
    for wrong in (A_LEG + "\n", A_LEG.replace("-", ""), "{" + A_LEG + "}", None, 5):
        with pytest.raises(ProtocolError):
            uuid_text(wrong)


@pytest.mark.parametrize(
    ("legs", "last"),
    [
        (None, ""),
        ([], ""),
        (f"{FIRST_LEG};Outbound Call;39", FIRST_LEG),
        ([f"{FIRST_LEG};a;b", f"{SECOND_LEG};a;b"], SECOND_LEG),
        (f"ARRAY::{FIRST_LEG};a;b|:{SECOND_LEG};a;b", SECOND_LEG),
        ([FIRST_LEG.upper()], FIRST_LEG),
        ([5, None, f"{FIRST_LEG};a"], FIRST_LEG),
        ({"a": 1}, ""),
        (5, ""),
    ],
)
def test_the_last_leg_of_a_list_of_any_form(legs: object, last: str) -> None:
    assert last_leg({"variable_originated_legs": legs}) == last


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=2)
)


@given(st.data())
def test_real_events_with_any_values_never_break_anything(data: st.DataObject) -> None:
    """Wrong shapes give an event or a ProtocolError, never another error."""
    event: dict[str, object] = dict(data.draw(st.sampled_from([PARK, ANSWER, END, FAILED_LEG_END])))
    fields = sorted(set(event) - {"Event-Name", "Call-Direction", "variable_tollgate_attempt"})
    for field in data.draw(st.lists(st.sampled_from(fields), max_size=6)):
        event[field] = data.draw(values)
    try:
        got = channel_event(event, "fs1")
    except ProtocolError:
        return
    assert got is not None
    assert got.call_id == A_LEG


@pytest.mark.parametrize(
    ("value", "offline"), [(None, False), ("true", True), ("false", False), (["true"], False)]
)
def test_a_call_without_the_database_is_known_by_its_mark(value: object, *, offline: bool) -> None:
    assert read_end("hangup_complete_a_busy", variable_tollgate_offline=value).offline == offline


def test_an_end_can_be_told_twice_and_is_the_same() -> None:
    assert read_end("hangup_complete_a_busy") == read_end("hangup_complete_a_busy")
    assert replace(ANSWERED_END, answered_us=0).talk_us == 0
    assert replace(ANSWERED_END, ended_us=0).talk_us == 0
