"""Longest prefixes (spec B1) and which texts may be dialed or sent at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidNumber
from controller.domain.numbering import (
    MAX_NUMBER,
    PrefixIndex,
    check_prefix,
    dialable,
    sendable,
)

B1 = [
    # prefixes          number         longest
    (["0", "01", "011"], "01117654321", "011"),
    (["1", "1201"], "12015551234", "1201"),
    (["*", "44"], "4412345678", "44"),
    (["*", "44"], "3912345678", "*"),
    (["44", "4420"], "441", "44"),
    (["44", "4420"], "44", "44"),
    (["44", "4420"], "4420", "4420"),
    (["4420"], "442", None),  # shorter than the prefix
    (["4420"], "", None),
    (["*", "4420"], "", "*"),
    (["*"], "anything", "*"),
    ([], "44", None),
    (["44"], "044", None),
]


@pytest.mark.parametrize(("prefixes", "number", "longest"), B1)
def test_longest_prefix(prefixes: list[str], number: str, longest: str | None) -> None:
    index = PrefixIndex((prefix, prefix) for prefix in prefixes)
    assert index.longest(number) == longest


def test_matches_go_from_the_longest_to_the_shortest() -> None:
    index = PrefixIndex((prefix, prefix.upper()) for prefix in ("*", "0", "011", "0117", "02"))
    assert list(index.matches("01176")) == [
        ("0117", "0117"),
        ("011", "011"),
        ("0", "0"),
        ("*", "*"),
    ]
    assert len(index) == 5


digits = st.text("0123456789", max_size=8)


@given(st.sets(digits, max_size=40), digits)
def test_the_index_agrees_with_trying_every_prefix(prefixes: set[str], number: str) -> None:
    index = PrefixIndex((prefix or "*", prefix) for prefix in prefixes)
    fitting = sorted((p for p in prefixes if number.startswith(p)), key=len, reverse=True)
    assert index.longest(number) == (fitting[0] if fitting else None)
    assert [value for _, value in index.matches(number)] == fitting


@pytest.mark.parametrize("prefix", ["0", "39", "*", "1" * MAX_NUMBER])
def test_a_prefix_is_digits_or_the_catch_all(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize(
    "text", ["", "+39", "39*", "**", "39 ", "3a", "٣٩", "39\n", "-39", "1" * (MAX_NUMBER + 1)]
)
def test_what_is_no_prefix_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidNumber) as refusal:
        check_prefix(text)
    assert repr(text) in str(refusal.value)


DIALED = ["390212345678", "+390212345678", "*21#", "#31#390212345678", "0", "1" * MAX_NUMBER]
HOSTILE = [
    "",
    "+",
    "++39",
    "39+",
    "39 02",
    " 39",
    "39\n",
    "39\r\n",
    "39\0",
    "39;phone-context=x",
    "39,40",
    "39|40",
    "39~40",
    "39@evil.example",
    "39/40",
    "39:40",
    "39'",
    '39"',
    "39\\",
    "39`id`",
    "${system(id)}",
    "$1",
    "39{a=b}",
    "39[a=b]",
    "39<40>",
    "39(40)",
    "39^40",
    "39%0A",
    "39&40",
    "39=40",
    "٣٩",
    "３９",
    "39\u2028",
    "39\u00a0",
    "39\ud800",
    "1" * (MAX_NUMBER + 1),
]


@pytest.mark.parametrize("number", DIALED)
def test_numbers_may_be_dialed(number: str) -> None:
    assert dialable(number)
    assert sendable(number)


@pytest.mark.parametrize("number", HOSTILE)
def test_hostile_texts_are_neither_dialed_nor_sent(number: str) -> None:
    assert not dialable(number)
    assert not sendable(number)


@pytest.mark.parametrize("number", ["a390212", "alice", "39x"])
def test_letters_are_sent_but_not_dialed(number: str) -> None:
    assert not dialable(number)
    assert sendable(number)


@given(st.text(max_size=40))
def test_only_harmless_signs_ever_pass(text: str) -> None:
    if sendable(text):
        assert set(text) <= set("+*#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert 1 <= len(text) <= MAX_NUMBER + 1
    if dialable(text):
        assert sendable(text)
        assert set(text) <= set("+*#0123456789")
