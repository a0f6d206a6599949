"""YAML text to a tree of nodes, each with its line: bounded, and without constructing anything.

Only the parser's events are used. No tag is ever resolved, so a value is text until the field
that it belongs to reads it: `0044` stays `0044`, `0.10` never becomes a float, `no` is no
boolean, and nothing in a file can name a class.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from controller.domain.errors import InvalidConfiguration

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 200_000
"""Nodes after aliases are followed: what a "billion laughs" file multiplies."""
MAX_DEPTH = 8
MAX_SCALAR = 70_000
"""A little over the longest rewrite list (spec §7.1)."""

_PARSER_FAULTS = (
    ValueError,
    ArithmeticError,
    LookupError,
    AssertionError,
    AttributeError,
    TypeError,
)
"""What the parser lets out of itself for some broken texts, such as an escape beyond Unicode."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    plain: bool
    line: int
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Nothing, `~` or `null`, unless quoted."""
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class ListNode:
    items: tuple["Node", ...]
    line: int
    size: int


@dataclass(frozen=True, slots=True)
class MapNode:
    entries: tuple[tuple[Scalar, "Node"], ...]
    line: int
    size: int


Node = Scalar | ListNode | MapNode


def decode(data: bytes) -> str:
    """The text of a file. Raises InvalidConfiguration."""
    if len(data) > MAX_BYTES:
        raise InvalidConfiguration(f"the file is larger than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidConfiguration("not UTF-8", line) from None


def read_document(text: str) -> Node:
    """The tree of a file's one document. Raises InvalidConfiguration with the line."""
    if len(text) > MAX_BYTES:
        raise InvalidConfiguration(f"the file is larger than {MAX_BYTES} characters")
    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text)).build()
    except InvalidConfiguration:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidConfiguration(_one_line(error), mark.line + 1 if mark else 0) from None
    except (YAMLError, *_PARSER_FAULTS) as error:
        raise InvalidConfiguration(f"not YAML: {' '.join(str(error).split())[:200]}") from None


class _Builder:
    """Events to nodes. `_open` counts nested collections, `_anchors` holds finished nodes only."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self._depth = 0

    def build(self) -> Node:
        self._skip("StreamStartEvent")
        if _kind(start := next(self._events)) != "DocumentStartEvent":
            raise InvalidConfiguration("the file is empty")
        if start.version is not None or start.tags:
            raise InvalidConfiguration("directives (%YAML, %TAG) are not used here", 1)
        root = self._node(next(self._events))
        self._skip("DocumentEndEvent")
        if _kind(more := next(self._events)) != "StreamEndEvent":
            raise InvalidConfiguration("more than one document in the file", _line(more))
        return root

    def _skip(self, kind: str) -> None:
        if _kind(event := next(self._events)) != kind:
            raise InvalidConfiguration(f"unexpected {_kind(event)}", _line(event))

    def _node(self, event: Any) -> Node:
        kind = _kind(event)
        if kind == "AliasEvent":
            return self._alias(event)
        self._count(1, event)
        if event.tag is not None:
            raise InvalidConfiguration(
                f"tag {str(event.tag)[:64]}: tags are not used", _line(event)
            )
        node = self._scalar(event) if kind == "ScalarEvent" else self._collection(event, kind)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise InvalidConfiguration(f"nothing is anchored as &{event.anchor}", _line(event))
        self._count(node.size, event)
        return node

    def _scalar(self, event: Any) -> Scalar:
        if len(event.value) > MAX_SCALAR:
            raise InvalidConfiguration(f"a value of {len(event.value)} characters", _line(event))
        return Scalar(event.value, event.style is None, _line(event))

    def _collection(self, event: Any, kind: str) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidConfiguration(f"nested deeper than {MAX_DEPTH} levels", _line(event))
        node = self._list(event) if kind == "SequenceStartEvent" else self._map(event)
        self._depth -= 1
        return node

    def _list(self, start: Any) -> ListNode:
        items: list[Node] = []
        while _kind(event := next(self._events)) != "SequenceEndEvent":
            items.append(self._node(event))
        return ListNode(tuple(items), _line(start), 1 + sum(item.size for item in items))

    def _map(self, start: Any) -> MapNode:
        entries: list[tuple[Scalar, Node]] = []
        while _kind(event := next(self._events)) != "MappingEndEvent":
            key = self._node(event)
            if not isinstance(key, Scalar):
                raise InvalidConfiguration("a key must be plain text", key.line)
            entries.append((key, self._node(next(self._events))))
        return MapNode(tuple(entries), _line(start), 1 + sum(1 + n.size for _, n in entries))

    def _count(self, nodes: int, event: Any) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise InvalidConfiguration(
                f"more than {MAX_NODES} values (aliases count)", _line(event)
            )


def _kind(event: Any) -> str:
    return type(event).__name__


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _one_line(error: MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return " ".join(" ".join(parts).split())[:200]
