"""Values of a form or of a request, read by the very readers of the configuration file.

A value is text, a truth, a whole number, an exact amount, nothing, or a list of texts. What is
wrong is collected by field, all of it at once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields as fields_of
from decimal import Decimal
from enum import IntEnum
from typing import TypeVar

from controller.domain.errors import InvalidFields
from controller.domain.money import plain
from controller.services.config_as_code.document import MAX_SCALAR, ListNode, MapNode, Node, Scalar
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Lines, Section
from controller.services.config_as_code.problems import Problem, Problems

Values = Mapping[str, object]
T = TypeVar("T")

MAX_FIELDS = 100
_SEPARATORS = re.compile(r"[,;\r\n]+")
MAX_WHOLE = 10**30


class FieldPlaces:
    """Fields as lines: checks that were written for files say in which field a fault is."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(names))

    def line(self, name: str) -> int:
        return self._names.index(name) + 1

    def name(self, line: int) -> str:
        return self._names[line - 1] if 0 < line <= len(self._names) else ""

    def lines(self, section: Section, object_name: str) -> Lines:
        """Where each field of an object is."""
        return Lines({(section, object_name, name): self.line(name) for name in self._names})

    def errors(self, problems: Iterable[Problem]) -> dict[str, str]:
        """The first fault of each field, without the field's name before it."""
        found: dict[str, str] = {}
        for problem in problems:
            name = self.name(problem.line)
            found.setdefault(name, problem.message.removeprefix(f"{name}: "))
        return found


def read_values(
    values: Values,
    known: Iterable[str],
    read: Callable[[Fields], T],
    *,
    lists: Iterable[str] = (),
) -> T:
    """One object from its values. Raises InvalidFields with a sentence for each wrong field.

    A list may come as text too, its entries on lines or with commas between them.
    """
    if len(values) > MAX_FIELDS:
        raise InvalidFields({"": f"more than {MAX_FIELDS} fields"})
    known, lists = tuple(known), frozenset(lists)
    given = {_name(name): value for name, value in values.items()}
    places, problems = FieldPlaces((*known, *given)), Problems()
    entries = [
        (Scalar(name, True, line), _node(given.get(name), line, problems, is_list=name in lists))
        for name in dict.fromkeys((*known, *given))
        if (line := places.line(name))
    ]
    found = read(Fields(MapNode(tuple(entries), 0, 0), known, problems))
    if problems:
        raise InvalidFields(places.errors(problems.found))
    return found


def values_of(spec: object) -> dict[str, object]:
    """The values that read as an object's own."""
    return {f.name: _value(getattr(spec, f.name)) for f in fields_of(spec)}  # type: ignore[arg-type]  # specs are dataclasses


def texts_of(spec: object) -> dict[str, str]:
    """Every field as a line of text, for the audit log."""
    return {name: _text(value) for name, value in values_of(spec).items()}


def text_of(value: object) -> str:
    """One field's value, as `texts_of` writes it."""
    return _text(_value(value))


def list_of_texts(value: object, name: str) -> list[str]:
    """A list, or text with an entry on each line or between commas. Raises InvalidFields."""
    if isinstance(value, str):
        return _entries(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str | int) for item in value):
        return [str(item).strip() for item in value]
    raise InvalidFields({name: "expected a list of texts"})


def _entries(text: str) -> list[str]:
    return [entry for part in _SEPARATORS.split(text) if (entry := part.strip())]


def _name(name: object) -> str:
    return str(name)[:64]


def _node(value: object, line: int, problems: Problems, *, is_list: bool) -> Node:
    if is_list and isinstance(value, str):
        value = _entries(value)
    if isinstance(value, list | tuple):
        return ListNode(tuple(_scalar(item, line, problems) for item in value), line, 1)
    return _scalar(value, line, problems)


def _scalar(value: object, line: int, problems: Problems) -> Scalar:
    text = _written(value)
    if text is None:
        kind = type(value).__name__
        problems.add(
            line, f"expected text, a whole number or a truth, not {kind}: write it as text"
        )
        return Scalar("", True, line)
    if len(text) > MAX_SCALAR:
        problems.add(line, f"longer than {MAX_SCALAR} characters")
        return Scalar("", True, line)
    return Scalar(text, not text, line)


def _written(value: object) -> str | None:
    """None for what no field is: floats, above all, which are not exact."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value.strip() if "\n" not in value else value
    if isinstance(value, int):
        return str(value) if abs(value) < MAX_WHOLE else None
    if isinstance(value, Decimal):
        return plain(value) if value.is_finite() else None
    return None


def _value(value: object) -> object:
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value if isinstance(value, bool | int | Decimal | None) else str(value)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _written(value) or ""
