"""How the switch cuts texts into words, plans and dial strings: tables."""

import pytest

from controller.drivers.simulator.arguments import is_true, leading_int, separate
from controller.drivers.simulator.causes import (
    CAUSES,
    cause_named,
    cause_of_sip,
    q850_of,
    sip_of_cause,
)
from controller.drivers.simulator.dial_string import DialStringError, parse_dial_string
from controller.drivers.simulator.inline import parse_inline


@pytest.mark.parametrize(
    ("text", "delimiter", "words"),
    [
        ("a b c", " ", ["a", "b", "c"]),
        ("  a   b  ", " ", ["a", "b"]),
        ("", " ", []),
        ("a 'b c' d", " ", ["a", "b c", "d"]),
        ("u 'm:~:set:a=b c~hangup:' inline", " ", ["u", "m:~:set:a=b c~hangup:", "inline"]),
        (r"a\,b,c", ",", ["a,b", "c"]),
        (r"say\shello,b", ",", ["say hello", "b"]),
        ("a,,b,", ",", ["a", "", "b"]),
        (" a , b ", ",", ["a", "b"]),
        ("^^;a=1;b=2,3", ",", ["a=1", "b=2,3"]),
        ("it's,b", ",", ["it's", "b"]),  # one apostrophe alone quotes nothing
        ("'x,y',z", ",", ["x,y", "z"]),
    ],
)
def test_words(text: str, delimiter: str, words: list[str]) -> None:
    assert separate(text, delimiter) == words


def test_the_last_word_holds_the_rest() -> None:
    assert separate("uuid name a value of words", " ", 3) == ["uuid", "name", "a value of words"]
    assert separate("k='a=b'=c", "=", 2) == ["k", "a=b=c"]


def test_an_apostrophe_in_a_quoted_plan_breaks_it_as_on_the_real_switch() -> None:
    words = separate("U 'm:~:set:a=it's~hangup:USER_BUSY' inline", " ", 6)
    assert words[1] != "m:~:set:a=it's~hangup:USER_BUSY"


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("hangup:USER_BUSY", [("hangup", "USER_BUSY")]),
        ("set:a=b,hangup:", [("set", "a=b"), ("hangup", "")]),
        ("m:~:set:a=b,c~park", [("set", "a=b,c"), ("park", "")]),
        ("m:~: set:lead=1~ answer", [("set", "lead=1"), ("answer", "")]),
        (
            "m:|:bridge:[^^;a=1]sofia/trunks/1@h:5|hangup:",
            [("bridge", "[^^;a=1]sofia/trunks/1@h:5"), ("hangup", "")],
        ),
        ("", []),
    ],
)
def test_inline_plans(text: str, plan: list[tuple[str, str]]) -> None:
    assert parse_inline(text) == plan


def test_an_inline_plan_ends_after_128_applications() -> None:
    assert len(parse_inline(",".join(["set:a=b"] * 200))) == 128


@pytest.mark.parametrize(
    ("text", "shared", "groups"),
    [
        ("sofia/trunks/1@h:5", {}, [[("sofia/trunks/1@h:5", {})]]),
        ("[a=1,b=2]e/1", {}, [[("e/1", {"a": "1", "b": "2"})]]),
        ("[^^;a=1;b=x,y]e/1|e/2", {}, [[("e/1", {"a": "1", "b": "x,y"})], [("e/2", {})]]),
        ("e/1,[c=3]e/2", {}, [[("e/1", {}), ("e/2", {"c": "3"})]]),
        ("{a=1}e/1|e/2", {"a": "1"}, [[("e/1", {})], [("e/2", {})]]),
        ("{a=1}{b=2}e/1", {"a": "1", "b": "2"}, [[("e/1", {})]]),
        ("{^^:a=1:b=x,y}[^^;c=1]e/1", {"a": "1", "b": "x,y"}, [[("e/1", {"c": "1"})]]),
        ("{a='x,y'}e/1", {"a": "x,y"}, [[("e/1", {})]]),
        ("[a=1][b=2]e/1", {}, [[("e/1", {"a": "1", "b": "2"})]]),
        ("[a=b=c]e/1", {}, [[("e/1", {"a": "b=c"})]]),
        (
            "{originate_timeout=35}[^^;k=1]sofia/trunks/1@h:5",
            {"originate_timeout": "35"},
            [[("sofia/trunks/1@h:5", {"k": "1"})]],
        ),
    ],
)
def test_dial_strings(
    text: str, shared: dict[str, str], groups: list[list[tuple[str, dict[str, str]]]]
) -> None:
    dialed = parse_dial_string(text)
    assert dialed.variables == shared
    assert [[(leg.endpoint, leg.variables) for leg in group] for group in dialed.groups] == groups


@pytest.mark.parametrize("text", ["", "   ", "{a=1}", "{a=1", "[a=1"])
def test_broken_dial_strings(text: str) -> None:
    with pytest.raises(DialStringError):
        parse_dial_string(text)


@pytest.mark.parametrize(
    ("status", "cause", "q850"),
    [
        (404, "UNALLOCATED_NUMBER", 1),
        (480, "NO_USER_RESPONSE", 18),
        (486, "USER_BUSY", 17),
        (503, "NORMAL_TEMPORARY_FAILURE", 41),
        (408, "RECOVERY_ON_TIMER_EXPIRE", 102),
        (603, "CALL_REJECTED", 21),
        (487, "ORIGINATOR_CANCEL", 16),
        (699, "NORMAL_UNSPECIFIED", 31),
    ],
)
def test_causes_of_sip_statuses(status: int, cause: str, q850: int) -> None:
    assert (cause_of_sip(status), q850_of(cause)) == (cause, q850)


def test_causes_by_name_and_number() -> None:
    assert cause_named("user_busy") == "USER_BUSY"
    assert cause_named("17") == "USER_BUSY"
    assert cause_named("999") == "UNKNOWN"
    assert cause_named("nonsense") == "NORMAL_CLEARING"
    assert q850_of("ALLOTTED_TIMEOUT") == 16
    assert sip_of_cause("ALLOTTED_TIMEOUT") == 480
    assert all(100 <= sip_of_cause(cause) < 700 for cause in CAUSES)


def test_truth_and_leading_numbers() -> None:
    assert is_true("true")
    assert is_true("1")
    assert not is_true("USER_BUSY,NO_ANSWER")
    assert not is_true("0")
    assert [leading_int(text) for text in ("+60", "12:CAUSE", "x", "")] == [60, 12, 0, 0]
