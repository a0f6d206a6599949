"""Plain data to YAML text, in the one style that exports are written in.

Written by hand because every value is text to this file's reader: `0044` and `0.10` stand
without quotes, and what could be misread stands in double quotes with escapes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 96
_HARMLESS = re.compile(
    r"(?:-(?=[0-9]))?[0-9A-Za-z](?:[0-9A-Za-z_.+ -]|:(?=[0-9A-Za-z]))*(?<! )", re.ASCII
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}

Value = str | Sequence[str]
Item = Mapping[str, "Value | Sequence[Mapping[str, Value]]"]


def emit(sections: Mapping[str, Item | Sequence[Item]]) -> str:
    """Sections of one mapping, or of a list of objects."""
    lines: list[str] = []
    for name, content in sections.items():
        lines.append("")
        if isinstance(content, Mapping):
            lines.append(f"{name}:")
            lines.extend(_fields(content, "  "))
        elif content:
            lines.append(f"{name}:")
            lines.extend(line for item in content for line in _item(item))
        else:
            lines.append(f"{name}: []")
    return "\n".join([*lines, ""])


def scalar(text: str) -> str:
    """A value, quoted where YAML or a person could take it for something else."""
    if _HARMLESS.fullmatch(text) and text.lower() != "null":
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _item(item: Item) -> Iterator[str]:
    for number, line in enumerate(_fields(item, "    ")):
        yield f"  - {line[4:]}" if number == 0 else line


def _fields(item: Item, indent: str) -> Iterator[str]:
    for key, value in item.items():
        if isinstance(value, str):
            yield f"{indent}{key}: {scalar(value)}"
        elif value and isinstance(value[0], Mapping):
            yield f"{indent}{key}:"
            yield from (line for entry in value for line in _row(entry, f"{indent}  "))
        else:
            yield from _wrapped(f"{indent}{key}: [", [scalar(str(entry)) for entry in value])


def _row(row: object, indent: str) -> Iterator[str]:
    """What an object lists: on one line, or on several where it lists something itself."""
    assert isinstance(row, Mapping)
    if any(not isinstance(value, str) for value in row.values()):
        for number, line in enumerate(_fields(row, f"{indent}  ")):
            yield f"{indent}- {line[len(indent) + 2 :]}" if number == 0 else line
        return
    pairs = ", ".join(f"{key}: {scalar(value)}" for key, value in row.items())
    yield f"{indent}- {{{pairs}}}"


def _wrapped(head: str, words: list[str]) -> Iterator[str]:
    """A flow list, over several lines where it is long."""
    line, indent = head, " " * len(head)
    for number, word in enumerate(words):
        piece = word if number == len(words) - 1 else f"{word},"
        if len(line) + len(piece) + 2 > WIDTH and line not in (head, indent):
            yield line.rstrip()
            line = indent
        line += piece if line in (head, indent) else f" {piece}"
    yield f"{line}]"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
