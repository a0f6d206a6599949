"""JSON as the API takes it: nothing that two readers could understand differently.

Beyond RFC 8259: no key twice in an object, no NaN or Infinity, no number with a fraction or an
exponent (amounts are strings), bounded depth and numbers, no text that cannot be stored.
"""

import json
from typing import Any, NoReturn

MAX_DEPTH = 20
MAX_DIGITS = 18


class NotJson(ValueError):
    """What is wrong, in a sentence."""


def read(body: bytes) -> Any:
    """The value. Raises NotJson."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"Not UTF-8 at byte {error.start}.") from None
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_no_fraction,
            parse_int=_bounded,
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg}: line {error.lineno}, column {error.colno}.") from None
    _check_texts(value, "")
    return value


def _check_depth(text: str) -> None:
    """Before parsing: a deep document costs nothing. Brackets within texts are not counted."""
    depth, in_text, escaped = 0, False, False
    for character in text:
        if in_text:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_text = False
        elif character == '"':
            in_text = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotJson(f"Nested deeper than {MAX_DEPTH}.")
        elif character in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NotJson(f"The key {json.dumps(name[:80])} is there twice.")
            seen.add(name)
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON.")


def _no_fraction(text: str) -> NoReturn:
    raise NotJson(f"{text[:40]}: write numbers with a fraction or an exponent as strings.")


def _bounded(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise NotJson(f"A number of more than {MAX_DIGITS} digits.")
    return int(text)


def _check_texts(value: Any, pointer: str) -> None:
    """At most MAX_DEPTH deep by now."""
    if isinstance(value, str):
        if not storable(value):
            raise NotJson(f"Text at {pointer or '/'} has a NUL or half a surrogate pair.")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_texts(item, f"{pointer}/{number}")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_texts(name, pointer)
            _check_texts(item, f"{pointer}/{name[:80]}")


def storable(text: str) -> bool:
    """No NUL, which PostgreSQL refuses, and nothing that UTF-8 cannot say."""
    if "\0" in text:
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
