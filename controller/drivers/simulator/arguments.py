"""The switch's own way of cutting an argument text into words. No I/O.

Used by api commands, inline dialplans and dial strings. The rules are the real switch's: a
delimiter inside a pair of apostrophes does not cut, a backslash escapes, words lose their
apostrophes and outer spaces, a leading `^^X` makes X the delimiter. A text with neither
apostrophe nor backslash, which is nearly every one, takes a path without a loop in Python.
"""

import re
from typing import Final

_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "s": " "}
_BLANKS: Final = re.compile(" +")
_INTEGER: Final = re.compile(r"\s*([+-]?\d+)", re.ASCII)


def separate(text: str, delimiter: str, limit: int = 1024) -> list[str]:
    """Cut `text` at `delimiter` into at most `limit` words; the last one holds the rest."""
    if text.startswith("^^") and len(text) > 3:
        delimiter, text = text[2], text[3:]
    if not text:
        return []
    if "'" not in text and "\\" not in text:
        return _separate_plain(text, delimiter, limit)
    pieces = _cut_blanks(text, limit) if delimiter == " " else _cut(text, delimiter, limit)
    escapable = "" if delimiter == " " else delimiter
    return [_clean(piece, escapable) for piece in pieces]


def _separate_plain(text: str, delimiter: str, limit: int) -> list[str]:
    if delimiter == " ":
        words = _BLANKS.split(text.lstrip(" "), limit - 1)
    else:
        words = text.split(delimiter, limit - 1)
    if words and not words[-1]:
        words.pop()
    return [word.strip(" ") for word in words]


def _cut(text: str, delimiter: str, limit: int) -> list[str]:
    pieces: list[str] = []
    start = position = 0
    quoted = False
    while position < len(text) and len(pieces) < limit - 1:
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "'" and (quoted or "'" in text[position + 1 :]):
            quoted = not quoted
        elif character == delimiter and not quoted:
            pieces.append(text[start:position])
            start = position + 1
        position += 1
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _cut_blanks(text: str, limit: int) -> list[str]:
    pieces: list[str] = []
    start = position = len(text) - len(text.lstrip(" "))
    quoted = False
    while position < len(text) and len(pieces) < limit - 1:
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "'":
            quoted = not quoted
        elif character == " " and not quoted:
            pieces.append(text[start:position])
            start = position = _end_of_blanks(text, position)
            continue
        position += 1
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _end_of_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] == " ":
        position += 1
    return position


def _clean(piece: str, delimiter: str) -> str:
    """Take off apostrophes, outer spaces and backslashes that escape something."""
    out: list[str] = []
    end = 0
    quoted = False
    text = piece.lstrip(" ")
    position = 0
    while position < len(text):
        character = text[position]
        escaped = _escaped(text, position, delimiter) if character == "\\" else None
        if escaped is not None:
            out.append(escaped)
            end = len(out)
            position += 1
        elif character == "'" and (quoted or "'" in text[position + 1 :]):
            quoted = not quoted
            end = len(out) if quoted else end
        else:
            out.append(character)
            end = len(out) if character != " " or quoted else end
        position += 1
    return "".join(out[:end])


def _escaped(text: str, position: int, delimiter: str) -> str | None:
    following = text[position + 1 : position + 2]
    if not following:
        return None
    if following in "'\"\\" or following == delimiter:
        return following
    return _ESCAPES.get(following)


def is_true(text: str | None) -> bool:
    """Whether a variable's value means yes, to the switch."""
    if not text:
        return False
    return text.lower() in {"yes", "on", "true", "t", "enabled", "active", "allow"} or (
        text.isascii() and text.isdigit() and int(text) != 0
    )


def leading_int(text: str) -> int:
    """What C's atoi makes of a text: its leading digits, or 0."""
    matched = _INTEGER.match(text)
    return int(matched[1]) if matched else 0
