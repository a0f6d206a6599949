"""Number rewriting: the table H1 and the syntax of spec §7.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidNumber
from controller.domain.numbering import Rewrite

H1 = [
    # rules            number       becomes      why
    ("", "390212", "390212", "no rule"),
    ("00:", "0039021", "39021", "strips 00"),
    ("00:", "039021", "039021", "does not match"),
    ("0:880", "02123", "8802123", "swaps a prefix"),
    ("*:9*", "1234", "91234", "adds 9 to everything"),
    ("*:a*", "1234", "a1234", "a technical prefix for steering"),
    ("123:45", "1239", "459", "a prefix replaced, the rest kept"),
    ("123:45", "123", "45", "nothing left to keep"),
    ("123:45", "12", "12", "shorter than the original"),
    ("12:x,123:y", "1234", "y4", "the longest original wins"),
    ("123:y,12:x", "1234", "y4", "in whatever order"),
    ("12:x,123:y", "1244", "x44", "the shorter one where the longer doesn't fit"),
    ("*:$$$", "1234567", "123", "keeps the first three digits"),
    ("*:$$$", "12", "12", "of a shorter number, what there is"),
    ("*:0$$", "1234", "023", "$ keeps the digit at its own place"),
    ("*:*", "1234", "1234", "the tail alone"),
    ("*:", "1234", "", "everything away"),
    ("*:0", "1234", "0", "everything becomes one number"),
    ("12*:x*", "1239", "x39", "a head and its tail"),
    ("12*:x", "1239", "x", "the tail was matched and is not kept"),
    ("12*:*9", "1239", "399", "digits behind the tail"),
    ("1?3:x", "1934", "x4", "? in the original is any one digit"),
    ("1?3:x", "1944", "1944", "but exactly one"),
    ("+:00", "+39021", "0039021", "a plus is a sign like others"),
    ("00:+", "0039021", "+39021", "and can be put on"),
    (" 00: , 0:39 ", "0212", "39212", "spaces around rules mean nothing"),
    ("*:9*,00:", "0039", "39", "only one rule applies"),
]


@pytest.mark.parametrize(("rules", "number", "becomes", "why"), H1)
def test_rewriting(rules: str, number: str, becomes: str, why: str) -> None:
    assert Rewrite(rules)(number) == becomes, why


@pytest.mark.parametrize(
    "rules",
    [
        "12",
        "12=13",
        "12:13:14",
        "1 2:3",
        "12:3|4",
        "12:${x}",
        "12:3;4",
        "12:'3'",
        "*1:2",
        "12:**",
        "12:1?",  # a random digit (§7.1) is not supported: refused, not misread
        "٣:4",
    ],
)
def test_a_malformed_rule_is_refused_by_name(rules: str) -> None:
    with pytest.raises(InvalidNumber) as refusal:
        Rewrite(rules)
    assert "rewrite rule" in str(refusal.value)


def test_the_wrong_rule_of_several_is_named() -> None:
    with pytest.raises(InvalidNumber, match="'12'"):
        Rewrite("00:,12,0:39")


@given(st.text("0123456789+*?$#a:, ", max_size=30), st.text("0123456789", max_size=12))
def test_a_rewrite_gives_only_signs_of_the_rule_or_the_number(rules: str, number: str) -> None:
    try:
        rewrite = Rewrite(rules)
    except InvalidNumber:
        return
    assert set(rewrite(number)) <= set(number) | set(rules)
