"""What a deck's file is and what its columns mean: a mapping file in YAML, or a command's options.

sheet: Prices              # of a workbook; the first one, if not given
delimiter: ";"             # of a text file: , ; | or tab
encoding: cp1252
header_row: 3
decimal: comma
date_format: "%d/%m/%Y"
columns:
  prefix: [Country code, Area codes]
  price_per_minute: Price
  increment: Increment
constants: {rate_type: international}
values: {locked: {blocked: "true", open: "false"}}
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.domain.deck_mapping import TARGETS, DeckMapping
from controller.domain.errors import InvalidConfiguration
from controller.domain.money import MAX_DECIMALS
from controller.services.config_as_code.document import (
    ListNode,
    MapNode,
    Node,
    Scalar,
    read_document,
)
from controller.services.config_as_code.problems import shown

DELIMITERS = {",": ",", ";": ";", "|": "|", "tab": "\t", "\t": "\t"}
ENCODINGS = (
    "utf-8",
    "utf-16",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1254",
    "latin-1",
    "iso-8859-2",
    "iso-8859-9",
    "iso-8859-15",
    "gb18030",
    "big5",
    "shift_jis",
)
MAX_HEADER_ROW = 1_000


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is read as a table. Delimiter and encoding are of text files, the sheet of
    workbooks; numbers of a workbook come with the mapping's decimal sign."""

    sheet: str = ""
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False


@dataclass(frozen=True, slots=True)
class DeckLayout:
    """A file's format and, where its columns are not the canonical ones, their mapping."""

    file: FileFormat = FileFormat()
    mapping: DeckMapping | None = None


CANONICAL_LAYOUT = DeckLayout()


def read_layout(text: str) -> DeckLayout:
    """The layout that a mapping file describes. Raises InvalidConfiguration with the line."""
    root = read_document(text)
    if not isinstance(root, MapNode):
        raise InvalidConfiguration("a mapping file is a mapping of its settings", root.line)
    given = _entries(root, tuple(_READERS))
    values = {key: _READERS[key](node) for key, (node, _) in given.items()}
    decimal_comma = values.pop("decimal", False)
    tax_as_fraction = values.pop("tax", False)
    file = {key: values.pop(key) for key in ("sheet", "delimiter", "encoding") if key in values}
    return DeckLayout(
        FileFormat(**file, decimal_comma=decimal_comma),
        DeckMapping(**values, decimal_comma=decimal_comma, tax_as_fraction=tax_as_fraction),
    )


def delimiter(text: str) -> str:
    """Raises InvalidConfiguration."""
    if text not in DELIMITERS:
        raise InvalidConfiguration(f"delimiter {shown(text)} is none of , ; | tab")
    return DELIMITERS[text]


def encoding(text: str) -> str:
    """Raises InvalidConfiguration."""
    if text.lower() not in ENCODINGS:
        raise InvalidConfiguration(f"encoding {shown(text)} is none of {', '.join(ENCODINGS)}")
    return text.lower()


def header_row(text: str) -> int:
    """Raises InvalidConfiguration."""
    return _whole(text, 1, MAX_HEADER_ROW, "header_row")


def date_format(text: str) -> str:
    """A format of `strptime`. Raises InvalidConfiguration."""
    sample = datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)
    try:
        parsed = datetime.strptime(sample.strftime(text), text)  # noqa: DTZ007 - only a test of it
    except ValueError:
        parsed = None
    if parsed is None or parsed.date() != sample.date():
        raise InvalidConfiguration(f"date_format {shown(text)} does not name a day (%d/%m/%Y)")
    return text


def target(name: str) -> str:
    """A canonical column's name. Raises InvalidConfiguration."""
    if name not in TARGETS:
        raise InvalidConfiguration(f"{shown(name)} is none of {', '.join(TARGETS)}")
    return name


def _whole(text: str, low: int, high: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and low <= int(text) <= high):
        raise InvalidConfiguration(f"{what}: {shown(text)} is not {low} to {high}")
    return int(text)


def _choice(text: str, choices: dict[str, bool], what: str) -> bool:
    if text not in choices:
        raise InvalidConfiguration(f"{what}: {shown(text)} is none of {', '.join(choices)}")
    return choices[text]


def _scalar(read: Callable[[str], object]) -> Callable[[Node], object]:
    return lambda node: _at(node, lambda: read(_text(node)))


def _at(node: Node, read: Callable[[], object]) -> object:
    """A value's complaint with its line."""
    try:
        return read()
    except InvalidConfiguration as error:
        if error.line:
            raise
        raise InvalidConfiguration(str(error), node.line) from None


def _text(node: Node) -> str:
    if not isinstance(node, Scalar):
        raise InvalidConfiguration("one value is expected here", node.line)
    return node.text


def _texts(node: Node) -> tuple[str, ...]:
    if isinstance(node, ListNode):
        return tuple(_text(item) for item in node.items)
    return (_text(node),)


def _entries(node: Node, keys: tuple[str, ...]) -> dict[str, tuple[Node, int]]:
    """A mapping's values, its keys known and each there once."""
    if not isinstance(node, MapNode):
        raise InvalidConfiguration("a mapping is expected here", node.line)
    found: dict[str, tuple[Node, int]] = {}
    for key, value in node.entries:
        if keys and key.text not in keys:
            raise InvalidConfiguration(f"{shown(key.text)} is none of {', '.join(keys)}", key.line)
        if key.text in found:
            raise InvalidConfiguration(f"{shown(key.text)} comes more than once", key.line)
        found[key.text] = (value, key.line)
    return found


def _columns(node: Node) -> dict[str, tuple[str, ...]]:
    found = {key: _texts(value) for key, (value, _) in _entries(node, TARGETS).items()}
    for key, names in found.items():
        if not names:
            raise InvalidConfiguration(f"{key}: no column is named", node.line)
    return found


def _constants(node: Node) -> dict[str, str]:
    return {key: _text(value) for key, (value, _) in _entries(node, TARGETS).items()}


def _values(node: Node) -> dict[str, dict[str, str]]:
    return {
        key: {word: _text(meaning) for word, (meaning, _) in _entries(words, ()).items()}
        for key, (words, _) in _entries(node, TARGETS).items()
    }


_READERS: dict[str, Callable[[Node], Any]] = {
    "sheet": _scalar(str),
    "delimiter": _scalar(delimiter),
    "encoding": _scalar(encoding),
    "header_row": _scalar(header_row),
    "decimal": _scalar(lambda text: _choice(text, {"point": False, "comma": True}, "decimal")),
    "date_format": _scalar(date_format),
    "price_decimals": _scalar(lambda text: _whole(text, 0, MAX_DECIMALS, "price_decimals")),
    "tax": _scalar(lambda text: _choice(text, {"percent": False, "fraction": True}, "tax")),
    "columns": _columns,
    "constants": _constants,
    "values": _values,
    "ignore": _texts,
    "drop_from_prefix": _texts,
    "drop_from_prices": _texts,
}
