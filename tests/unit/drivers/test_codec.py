"""Framing without I/O: any cut of the bytes, and whatever a hostile peer or caller sends."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import ProtocolError, UnsafeText
from controller.drivers.freeswitch.codec import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    Frame,
    FrameDecoder,
    decode_json_event,
    decode_plain_event,
    encode_command,
    parse_headers,
)

RECORDED = Path(__file__).parents[3] / "fixtures" / "event_socket" / "events"


def frame_bytes(body: bytes, content_type: str = "text/event-json") -> bytes:
    return b"Content-Length: %d\nContent-Type: %s\n\n%s" % (
        len(body),
        content_type.encode(),
        body,
    )


def decode(*pieces: bytes) -> list[Frame]:
    decoder = FrameDecoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


STREAM = (
    b"Content-Type: auth/request\n\n"
    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
    + frame_bytes(b'{"Event-Name":"HEARTBEAT"}')
    + frame_bytes(b"+OK\n", "api/response")
    + frame_bytes(b"", "api/response")
    + frame_bytes("{'name': 'Zoë\n\n'}".encode(), "text/event-plain")
    + b"Content-Type: command/reply\nReply-Text: -ERR no\n\n"
)
KINDS = [
    "auth/request",
    "command/reply",
    "text/event-json",
    "api/response",
    "api/response",
    "text/event-plain",
    "command/reply",
]


def test_pipelined_frames_come_out_one_by_one() -> None:
    frames = decode(STREAM)
    assert [frame.content_type for frame in frames] == KINDS
    assert [frame.reply for frame in frames[:2]] == ["", "+OK accepted"]
    assert frames[2].body == b'{"Event-Name":"HEARTBEAT"}'
    assert frames[3].reply == "+OK"
    assert frames[4].body == b""
    assert frames[6].reply == "-ERR no"


def test_one_byte_at_a_time() -> None:
    assert decode(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == decode(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert decode(*pieces) == decode(STREAM)


@given(st.lists(st.binary(max_size=60), max_size=6), st.data())
def test_bodies_of_any_bytes_stay_whole(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame_bytes, bodies))
    cut = data.draw(st.integers(0, len(stream)))
    assert [frame.body for frame in decode(stream[:cut], stream[cut:])] == bodies


def test_an_unfinished_frame_is_not_given_out() -> None:
    assert decode(STREAM[:-1]) == decode(STREAM)[:-1]
    assert decode(b"Content-Length: 5\n\n1234") == []


def test_empty_lines_between_frames_are_skipped() -> None:
    assert [f.content_type for f in decode(b"\n\n\n" + STREAM[:28] + b"\n\n\n" + STREAM[28:])] == (
        KINDS
    )


def test_of_a_repeated_header_the_first_counts() -> None:
    (frame,) = decode(b"Content-Type: a\nContent-Type: b\n\n")
    assert frame.content_type == "a"


def test_lines_without_a_colon_are_no_headers() -> None:
    assert parse_headers(b"nonsense\nA: 1\n: 2\nB:\nC : 3") == {
        "A": "1",
        "": "2",
        "B": "",
        "C": "3",
    }


# -- bounds ----------------------------------------------------------------------------------


def test_a_header_block_that_never_ends_is_an_error_not_a_leak() -> None:
    with pytest.raises(ProtocolError, match="header block"):
        decode(*[b"x" * 1024] * (MAX_HEADER_BYTES // 1024 + 2))


def test_a_finished_header_block_is_bounded_too() -> None:
    with pytest.raises(ProtocolError, match="header block"):
        decode(b"A: " + b"x" * MAX_HEADER_BYTES + b"\n\n")


def test_a_large_header_within_the_bound_is_taken() -> None:
    value = b"x" * (MAX_HEADER_BYTES - 10)
    (frame,) = decode(b"A: " + value + b"\n\n")
    assert frame.headers["A"] == value.decode()


@pytest.mark.parametrize(
    "length",
    [
        b"-1",
        b"+5",
        b"5.0",
        b"5 5",
        b"0x10",
        b"",
        b"five",
        "٥".encode(),
        b"\xb2",
        str(MAX_BODY_BYTES + 1).encode(),
        b"9" * 30,
        b"9" * 5000,
    ],
)
def test_a_bad_content_length_is_a_protocol_error(length: bytes) -> None:
    with pytest.raises(ProtocolError, match="Content-Length"):
        decode(b"Content-Length: " + length + b"\n\n")


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_any_bytes_give_frames_or_a_protocol_error(pieces: list[bytes]) -> None:
    try:
        decode(*pieces)
    except ProtocolError:
        return


# -- events ----------------------------------------------------------------------------------


def test_percent_encoded_line_breaks_cannot_forge_a_header_of_a_plain_event() -> None:
    body = (
        b"Caller-Caller-ID-Name: Eve%0AUnique-ID%3A%20forged%0D%0A%0D%0AX%3A%201\n"
        b"Unique-ID: 5464e970-9a54-46cb-aef3-1d2dd495baf6\n\n"
    )
    event = decode_plain_event(body)
    assert event == {
        "Caller-Caller-ID-Name": "Eve\nUnique-ID: forged\r\n\r\nX: 1",
        "Unique-ID": "5464e970-9a54-46cb-aef3-1d2dd495baf6",
    }


@given(st.binary(max_size=100))
def test_plain_events_of_any_bytes_are_decoded(value: bytes) -> None:
    line = value.replace(b"\n", b"")
    event = decode_plain_event(b"Name: " + line + b"\nUnique-ID: 1\n\n")
    assert event["Unique-ID"] == "1"
    assert set(event) == {"Name", "Unique-ID"}


def test_raw_bytes_of_a_plain_event_survive() -> None:
    event = decode_plain_event(b"Name: caf\xe9%C3%A9%ff\n\n")
    assert event["Name"].encode("utf-8", "surrogateescape") == b"caf\xe9\xc3\xa9\xff"


def test_json_that_is_not_utf_8_costs_no_event() -> None:
    event = decode_json_event(b'{"Event-Name":"CHANNEL_PARK","name":"caf\xe9 \xff"}')
    assert event["Event-Name"] == "CHANNEL_PARK"
    assert event["name"].encode("utf-8", "surrogateescape") == b"caf\xe9 \xff"


@pytest.mark.parametrize("name", ["\u2028", "\u2029", "\x85", "line\nbreak", "\0", "x" * 65_536])
def test_hostile_names_in_json_stay_values(name: str) -> None:
    body = json.dumps({"Event-Name": "X", "Name": name}, ensure_ascii=False).encode()
    (frame,) = decode(frame_bytes(body))
    assert decode_json_event(frame.body) == {"Event-Name": "X", "Name": name}


def test_raw_control_signs_and_lone_surrogates_in_json_are_tolerated() -> None:
    assert decode_json_event(b'{"a":"x\ny","b":"\\ud800"}') == {"a": "x\ny", "b": "\ud800"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"true",
        b"5",
        b'"text"',
        b"[]",
        b'[{"Event-Name":"X"}]',
        b"{",
        b'{"a":1',
        b"{'a':1}",
        b'{"a":1}{"b":2}',
        b"-ERR No such channel!\n",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_json_event(body)


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_body_is_an_object_or_a_protocol_error(body: bytes) -> None:
    try:
        assert isinstance(decode_json_event(body), dict)
    except ProtocolError:
        return


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda path: path.stem)
def test_recorded_events_pass_through_framing_unchanged(path: Path) -> None:
    recorded = json.loads(path.read_text())
    stream = frame_bytes(json.dumps(recorded).encode())
    middle = len(stream) // 2
    (frame,) = decode(stream[:middle], stream[middle:])
    assert decode_json_event(frame.body) == recorded


# -- commands --------------------------------------------------------------------------------


def test_a_command_ends_with_an_empty_line() -> None:
    assert encode_command("api status") == b"api status\n\n"
    assert encode_command("sendmsg x", {"call-command": "execute"}) == (
        b"sendmsg x\ncall-command: execute\n\n"
    )


@pytest.mark.parametrize("sign", ["\n", "\r", "\r\n", "\0"])
def test_a_line_break_in_a_command_is_refused(sign: str) -> None:
    with pytest.raises(UnsafeText):
        encode_command(f"api x{sign}api shutdown")
    with pytest.raises(UnsafeText):
        encode_command("sendmsg", {"name": f"v{sign}"})
    with pytest.raises(UnsafeText):
        encode_command("sendmsg", {f"na{sign}me": "v"})


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_one_command_or_unsafe(text: str) -> None:
    try:
        data = encode_command(text)
    except UnsafeText:
        return
    assert data.endswith(b"\n\n")
    assert b"\n" not in data[:-2]
    assert data[:-2].decode("utf-8", "surrogateescape") == text
