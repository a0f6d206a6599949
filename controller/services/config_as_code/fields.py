"""Reading the fields of one object: absent, wrong, unknown and repeated keys are all reported.

A reader never stops at the first fault. Where a value is wrong it takes the default, so that
what stands around it is still checked; the object is never applied, as a problem was noted.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from controller.domain.errors import InvalidInput
from controller.services.config_as_code.document import ListNode, MapNode, Node, Scalar
from controller.services.config_as_code.problems import Problems, shown
from controller.services.config_as_code.values import hint

T = TypeVar("T")
Read = Callable[[str], T]

MAX_LIST = 100_000


class Fields:
    """The entries of one mapping in the file."""

    def __init__(self, node: MapNode, known: Iterable[str], problems: Problems) -> None:
        self.line = node.line
        self.problems = problems
        self._nodes: dict[str, Node] = {}
        self._lines: dict[str, int] = {}
        known = tuple(known)
        for key, value in node.entries:
            if key.text in self._nodes:
                problems.add(key.line, f"{shown(key.text)} comes twice")
            elif key.text not in known:
                problems.add(key.line, f"unknown key {shown(key.text)}{hint(key.text, known)}")
            self._nodes.setdefault(key.text, value)
            self._lines.setdefault(key.text, key.line)

    def __contains__(self, key: str) -> bool:
        node = self._nodes.get(key)
        return node is not None and not (isinstance(node, Scalar) and node.is_null)

    def line_of(self, key: str) -> int:
        """The key's line; the object's where it lacks the key."""
        return self._lines.get(key, self.line)

    def lines(self) -> dict[str, int]:
        return dict(self._lines)

    def required(self, key: str, read: Read[T], placeholder: T) -> T:
        if key not in self:
            self.problems.add(self.line_of(key), f"{key} is missing")
            return placeholder
        return self.optional(key, read, placeholder)

    def optional(self, key: str, read: Read[T], default: T) -> T:
        """The value; the default where there is none or a wrong one."""
        if key not in self:
            return default
        value = self._read(self._nodes[key], key, read)
        return default if value is None else value

    def many(self, key: str, read: Read[T], limit: int = MAX_LIST) -> tuple[T, ...]:
        """A list of values without repetition; empty where there is none."""
        if key not in self:
            return ()
        found: dict[T, None] = {}
        for node in self.items(key, limit):
            value = self._read(node, key, read)
            if value is not None and value in found:
                self.problems.add(node.line, f"{key}: {shown(str(value))} comes twice")
            elif value is not None:
                found[value] = None
        return tuple(found)

    def items(self, key: str, limit: int = MAX_LIST) -> tuple[Node, ...]:
        """The nodes of a list; a problem where the value is no list."""
        node = self._nodes[key]
        if not isinstance(node, ListNode):
            self.problems.add(node.line, f"{key}: expected a list")
            return ()
        if len(node.items) > limit:
            self.problems.add(node.line, f"{key}: more than {limit} entries")
            return ()
        return node.items

    def objects(self, key: str, known: Iterable[str], limit: int = MAX_LIST) -> list["Fields"]:
        """A list of mappings."""
        known = tuple(known)
        found = []
        for node in self.items(key, limit) if key in self else ():
            if isinstance(node, MapNode):
                found.append(Fields(node, known, self.problems))
            else:
                self.problems.add(node.line, f"{key}: expected a mapping of fields")
        return found

    def child(self, key: str, known: Iterable[str]) -> "Fields | None":
        """A mapping inside this one."""
        node = self._nodes.get(key)
        if key not in self or node is None:
            return None
        if not isinstance(node, MapNode):
            self.problems.add(node.line, f"{key}: expected a mapping of fields")
            return None
        return Fields(node, known, self.problems)

    def cells(self) -> dict[str, str]:
        """Every scalar as text: a rate written in the file reads like a row of a deck."""
        cells = {}
        for key, node in self._nodes.items():
            if not isinstance(node, Scalar):
                self.problems.add(node.line, f"{key}: expected one value")
            elif not node.is_null:
                cells[key] = node.text
        return cells

    def _read(self, node: Node, key: str, read: Read[T]) -> T | None:
        if not isinstance(node, Scalar):
            self.problems.add(node.line, f"{key}: expected one value")
            return None
        try:
            return read(node.text)
        except InvalidInput as error:
            self.problems.add(node.line, f"{key}: {error}")
            return None
