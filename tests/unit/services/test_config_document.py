"""YAML as text: bounded, with lines, and without any meaning of its own."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.errors import InvalidConfiguration
from controller.services.config_as_code.document import (
    MAX_BYTES,
    MAX_NODES,
    ListNode,
    MapNode,
    Scalar,
    decode,
    read_document,
)

LAUGHS = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    + [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdef", "bcdefg", strict=True)]
)


def failure(text: str) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        read_document(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_value_stays_the_text_that_was_written() -> None:
    root = read_document("a: 0044\nb: 0.10\nc: no\nd: 0x1F\ne: 1_000\nf: 2026-01-01\n")
    assert isinstance(root, MapNode)
    texts = [value.text for _, value in root.entries if isinstance(value, Scalar)]
    assert texts == ["0044", "0.10", "no", "0x1F", "1_000", "2026-01-01"]


def test_every_node_knows_its_line() -> None:
    root = read_document("# comment\na:\n  - x\n  -\n    b: y\n")
    assert isinstance(root, MapNode)
    (key, value) = root.entries[0]
    assert isinstance(value, ListNode)
    assert (key.line, value.line, [item.line for item in value.items]) == (2, 3, [3, 5])


@pytest.mark.parametrize(
    ("text", "is_null"), [("a:", True), ("a: ~", True), ("a: null", True), ('a: "null"', False)]
)
def test_nothing_is_null_unless_quoted(text: str, is_null: bool) -> None:
    root = read_document(text)
    assert isinstance(root, MapNode)
    value = root.entries[0][1]
    assert isinstance(value, Scalar)
    assert value.is_null is is_null


def test_an_alias_repeats_what_was_anchored() -> None:
    root = read_document("a: &x [1, 2]\nb: *x\n")
    assert isinstance(root, MapNode)
    assert root.entries[0][1] == root.entries[1][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("a:\n\tb: 1\n", "line 2: while scanning for the next token found character '\\t'"),
        ("a: b: c", "line 1: mapping values are not allowed here"),
        ("a: 'open\n\n", "line 3: while scanning a quoted scalar found unexpected end"),
        ("a: 1\n---\nb: 2\n", "line 2: more than one document"),
        ("%YAML 1.1\n---\na: 1\n", "directives"),
        ("a: 1\nb: !!python/object:os.system x\n", "line 2: tag tag:yaml.org,2002:python/object"),
        ("? [a]\n: b\n", "line 1: a key must be plain text"),
        ("a: *nowhere\n", "line 1: nothing is anchored as &nowhere"),
        ("a: &a [*a]\n", "line 1: nothing is anchored as &a"),
        ('a: "\\U99999999"\n', "not YAML"),
        ("a: \x01\n", "not YAML"),
        ("a: " + "x" * 100_000, "line 1: a value of 100000 characters"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, expected: str) -> None:
    assert expected in failure(text)


def test_a_billion_laughs_are_counted_not_expanded() -> None:
    started = time.monotonic()
    assert "line 6: more than" in failure(LAUGHS)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? "])
def test_deep_nesting_ends_early(opening: str) -> None:
    started = time.monotonic()
    failure(opening * 50_000)
    assert time.monotonic() - started < 10


def test_a_flood_of_values_ends_at_the_limit() -> None:
    assert "more than" in failure("[" + "a,\n" * (MAX_NODES + 1))


def test_a_file_that_is_too_large_is_not_even_decoded() -> None:
    with pytest.raises(InvalidConfiguration, match="larger than"):
        decode(b"#" * (MAX_BYTES + 1))


def test_bytes_that_are_not_utf8_are_named_by_line() -> None:
    with pytest.raises(InvalidConfiguration, match="line 2: not UTF-8"):
        decode(b"a: 1\nb: \xff\n")


def test_a_byte_order_mark_is_no_content() -> None:
    assert decode(b"\xef\xbb\xbfa: 1") == "a: 1"


@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`#\n\t \\ab01~=<.\u2028\x85\ufeffUxu", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidConfiguration):
        assert read_document(text).size >= 1
