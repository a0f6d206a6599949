"""The writer of exports and the reader of files agree on every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.services.config_as_code.document import (
    ListNode,
    MapNode,
    Node,
    Scalar,
    read_document,
)
from controller.services.config_as_code.emit import WIDTH, emit, scalar

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
tricky = st.sampled_from(
    ["", "null", "~", "-", "*", "&a", "!x", "|", "yes", "true", "0x1F", "1e5", "-5", "+1", ".5"]
)
tricky |= st.sampled_from(
    ["- a", "a: b", "a #b", " a", "a ", "a  b", "a\nb", "a\tb", "--- a", "? a", ", b", "- 5", "..."]
)
tricky |= st.sampled_from(
    ["#", "'", '"', "{", "]", "::1", "[::1]:5060", "127.0.0.1:5060", "00:,+:", "a:", ":a", "%", "@"]
)
tricky |= st.sampled_from(
    ["\\", "é", "\U0001f600", "\u2028", "\x85", "\ufeff", "<<", "=", "`", "2026-01-01T00:00:00Z"]
)
values = texts | tricky
fields = st.dictionaries(st.sampled_from("abc"), values | st.lists(values, max_size=40), min_size=1)
items = fields | st.fixed_dictionaries({"r": st.lists(fields)})


def plain(node: Node) -> object:
    if isinstance(node, Scalar):
        assert not node.is_null
        return node.text
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


@given(items, st.lists(items, max_size=3))
def test_what_is_emitted_is_read_back(
    first: dict[str, object], rest: list[dict[str, object]]
) -> None:
    sections: dict[str, object] = {"one": first, "many": rest}
    root = read_document(emit(sections))  # type: ignore[arg-type]  # items are what it takes
    assert isinstance(root, MapNode)
    assert plain(root) == sections


@pytest.mark.parametrize("text", ["0044", "0.10", "127.0.0.1:5060", "-5", "USD", "Acme Ltd"])
def test_ordinary_values_stand_without_quotes(text: str) -> None:
    assert scalar(text) == text


def test_long_lists_are_folded() -> None:
    text = emit({"routes": [{"prefixes": [str(number) for number in range(1000, 1300)]}]})
    assert max(map(len, text.splitlines())) <= WIDTH
    assert len(text.splitlines()) > 15
