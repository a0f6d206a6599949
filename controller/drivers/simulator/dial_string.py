"""Dial strings: which legs a `bridge` tries, in which order, with which variables. No I/O.

`{a=1,b=2}[c=3]sofia/trunks/N@H:P,[…]sofia/…|[…]sofia/…`: groups cut at `|` are tried one after
the other, the legs of a group (cut at `,`) at once. `{}` is for all legs, `[]` for one, and
`^^X` right after a bracket makes X the delimiter of its variables. A `|` inside brackets cuts
all the same, as on the real switch.
"""

from dataclasses import dataclass, field
from typing import Final

from controller.drivers.simulator.arguments import separate

_CLOSING: Final = {"{": "}", "[": "]"}


class DialStringError(ValueError):
    """A bracket that is never closed, or nothing to dial."""


@dataclass(frozen=True, slots=True)
class DialedLeg:
    """One leg to try: where to, and the variables of its own."""

    endpoint: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialString:
    """Groups of legs in serial order, and the variables that all of them get."""

    variables: dict[str, str]
    groups: tuple[tuple[DialedLeg, ...], ...]


def parse_dial_string(text: str) -> DialString:
    """Parse; raises DialStringError."""
    shared, rest = _take_brackets(text.lstrip(" "), "{")
    if not rest:
        raise DialStringError("nothing to dial")
    groups = tuple(_parse_group(group) for group in separate(rest, "|", 128))
    return DialString(shared, groups)


def _parse_group(text: str) -> tuple[DialedLeg, ...]:
    return tuple(_parse_leg(leg) for leg in _split_legs(text))


def _parse_leg(text: str) -> DialedLeg:
    variables, endpoint = _take_brackets(text.strip(" "), "[")
    return DialedLeg(endpoint, variables)


def _split_legs(text: str) -> list[str]:
    """Cut at commas outside of square brackets."""
    if "," not in text:
        return [text]
    legs: list[str] = []
    depth = start = 0
    for position, character in enumerate(text):
        if character == "[":
            depth += 1
        elif character == "]":
            depth = max(0, depth - 1)
        elif character == "," and not depth:
            legs.append(text[start:position])
            start = position + 1
    legs.append(text[start:])
    return [leg for leg in legs if leg]


def _take_brackets(text: str, opening: str) -> tuple[dict[str, str], str]:
    """The variables of all leading brackets of one kind, and what follows them."""
    variables: dict[str, str] = {}
    while text.startswith(opening):
        end = _end_of_bracket(text, opening)
        variables.update(_parse_variables(text[1:end]))
        text = text[end + 1 :].lstrip(" ")
    return variables, text


def _end_of_bracket(text: str, opening: str) -> int:
    closing = _CLOSING[opening]
    end = text.find(closing)
    if end > 0 and opening not in text[1:end]:
        return end
    depth = 0
    for position, character in enumerate(text):
        if character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if not depth:
                return position
    raise DialStringError(f"{opening} is never closed")


def _parse_variables(text: str) -> dict[str, str]:
    if text.startswith("^^") and len(text) > 3 and "'" not in text and "\\" not in text:
        pairs = (word.split("=", 1) for word in text[3:].split(text[2]))
        return {pair[0].strip(" "): pair[1].strip(" ") for pair in pairs if len(pair) == 2}
    variables: dict[str, str] = {}
    for word in separate(text, ","):
        pair = separate(word, "=", 2)
        if len(pair) == 2:
            variables[pair[0]] = pair[1]
    return variables
