"""The prefixes of a deck as intervals of numbers, so that one search finds the longest match.

Padded with zeros to `width` digits, a number is an integer, and a prefix is an interval of them:
with 6 digits, 39 is 390000 to 399999. Intervals of prefixes lie within each other or apart, so
they cut the line of all numbers into pieces of which each has one longest prefix. Shorter ones
follow from it: every prefix knows the next shorter one, its parent.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

MAX_WIDTH = 15
"""Digits of the longest number of E.164; a longer prefix is not made an interval."""

LENGTH_BITS = 4
LENGTH_MASK = (1 << LENGTH_BITS) - 1

_MAX_CELL_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Intervals:
    """What a search needs. An answer is a prefix's entry + 1 and its length; 0 is no prefix.

    `starts` are the beginnings of the pieces, `answers` and `owners` the answer and the number of
    each one's longest prefix. `answers_of` and `parents` are by prefix: these are numbered from 1
    in the order of their intervals, a shorter one before those within it. `cells` are, for each
    value of the first `cell_digits` digits, the pieces that start at or before it.
    """

    width: int
    cell_digits: int
    cells: "array[int]"
    starts: "array[int]"
    answers: "array[int]"
    owners: "array[int]"
    answers_of: "array[int]"
    parents: "array[int]"


def intervals_of(by_prefix: Mapping[str, int]) -> Intervals:
    """Of prefixes of digits (the catch-all is the empty one), none longer than MAX_WIDTH."""
    width = max(1, max(map(len, by_prefix), default=1))
    # the order of text is that of the intervals, a shorter prefix before those within it
    prefixes = sorted(by_prefix)
    answers_of = array("I", [0])
    answers_of.extend((by_prefix[p] + 1) << LENGTH_BITS | len(p) for p in prefixes)
    starts, owners, parents = _pieces(prefixes, width)
    cell_digits = _cell_digits(len(starts), width)
    return Intervals(
        width,
        cell_digits,
        _cells(starts, width, cell_digits),
        starts,
        array("I", map(answers_of.__getitem__, owners)),
        owners,
        answers_of,
        parents,
    )


def _pieces(prefixes: list[str], width: int) -> "tuple[array[int], array[int], array[int]]":
    """Starts and owners of the pieces, and parents of the prefixes.

    Goes along the line once. `ends` and `around` are a stack: the intervals that are not over,
    and their prefixes.
    """
    sizes = [10 ** (width - length) for length in range(width + 1)]
    starts, owners, parents = array("Q", [0]), array("I", [0]), array("I", [0])
    ends, around = [10**width], [0]

    def finish(until: int) -> None:
        while ends[-1] <= until:
            around.pop()
            begin(ends.pop(), around[-1])

    def begin(start: int, owner: int) -> None:
        if starts[-1] == start:
            owners[-1] = owner
        else:
            starts.append(start)
            owners.append(owner)

    for number, prefix in enumerate(prefixes, start=1):
        size = sizes[len(prefix)]
        start = int(prefix or 0) * size
        if ends[-1] <= start:
            finish(start)
        parents.append(around[-1])
        begin(start, number)
        ends.append(start + size)
        around.append(number)
    finish(10**width - 1)
    return starts, owners, parents


def _cell_digits(pieces: int, width: int) -> int:
    """About a cell for each piece, within what is worth its memory (4 MB for six digits)."""
    return min(width, _MAX_CELL_DIGITS, len(str(pieces)))


def _cells(starts: "array[int]", width: int, cell_digits: int) -> "array[int]":
    size: int = 10 ** (width - cell_digits)
    count: int = 10**cell_digits
    here = array("I", bytes(4 * (count + 1)))
    for start in starts:
        # the first cell that begins at or after the piece
        here[-(-start // size)] += 1
    return array("I", accumulate(here))
