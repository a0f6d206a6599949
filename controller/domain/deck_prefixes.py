"""Prefixes as vendors write them: in two columns, several in a cell, as ranges. Pure."""

import re
from collections.abc import Iterator, Sequence

from controller.domain.errors import InvalidNumber

MAX_EXPANDED = 1_000
"""Prefixes that one row may stand for."""

_SEPARATOR = re.compile(r"[,;\n]")
_RANGE = re.compile(r"([0-9]{1,32})[-–]([0-9]{1,32})", re.ASCII)


def expand_prefixes(parts: Sequence[str], dropped: Sequence[str] = ()) -> tuple[str, ...]:
    """Every prefix of the cells `parts`, which are joined: `39` and `320, 328-330` are four.

    Only the last cell may hold several. Spaces and a leading `+` are left out, and so is the
    first of `dropped` with which a prefix begins (`00`, a technical prefix). What the prefixes
    are made of is checked where the row is read. Raises InvalidNumber for a range that is none.
    """
    *heads, last = (_clean(part) for part in parts)
    found = [f"{''.join(heads)}{prefix}" for prefix in _several(last)]
    return tuple(_without(prefix.removeprefix("+"), dropped) for prefix in found)


def _several(cell: str) -> list[str]:
    found: list[str] = []
    for piece in _SEPARATOR.split(cell):
        if not piece:
            continue
        for prefix in _ranged(piece):
            if len(found) == MAX_EXPANDED:
                raise InvalidNumber(f"prefix: stands for more than {MAX_EXPANDED} prefixes")
            found.append(prefix)
    return found or [""]


def _ranged(piece: str) -> Iterator[str]:
    ends = _RANGE.fullmatch(piece)
    if ends is None:
        yield piece
        return
    first, last = ends[1], ends[2]
    if len(first) != len(last) or first > last:
        raise InvalidNumber(
            f"prefix: range {piece[:64]!r} needs two ends of equally many digits, the smaller first"
        )
    for number in range(int(first), int(last) + 1):
        yield str(number).zfill(len(first))


def _clean(cell: str) -> str:
    lines = "\n".join("".join(line.split()) for line in cell.splitlines())
    return lines.removeprefix("+")


def _without(prefix: str, dropped: Sequence[str]) -> str:
    for head in dropped:
        if prefix.startswith(head):
            return prefix[len(head) :]
    return prefix
