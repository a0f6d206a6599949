"""Number sections: the numbers that an account and all below it may have (spec §1.6, reading 1).

A section is every number of its length from its first to its last. An account without sections
has those of the nearest account above it that has some; where there is none, any number will do.
Pure.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from controller.domain.errors import InvalidNumber
from controller.domain.numbering import MAX_NUMBER

_DIGITS = re.compile(rf"[0-9]{{1,{MAX_NUMBER}}}", re.ASCII)
_SEPARATOR = "-"


@dataclass(frozen=True, slots=True, order=True)
class NumberSection:
    """Numbers from `first` to `last`, both of the same length. Made by `number_section`."""

    first: str
    last: str

    def __contains__(self, number: str) -> bool:
        return len(number) == len(self.first) and self.first <= number <= self.last

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}{_SEPARATOR}{self.last}"

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(self.last) - int(self.first) + 1


def is_number(text: str) -> bool:
    """Digits only, as a phone's number is."""
    return _DIGITS.fullmatch(text) is not None


def number_section(first: str, last: str) -> NumberSection:
    """The section between two numbers. Raises InvalidNumber, saying which of the rules it breaks.

    A leading zero counts: `0100` and `100` are different numbers.
    """
    for text in (first, last):
        if not is_number(text):
            raise InvalidNumber(f"{_shown(text)} is not a number of 1 to {MAX_NUMBER} digits")
    if len(first) != len(last):
        raise InvalidNumber(
            f"{first} has {len(first)} digits, {last} has {len(last)}:"
            " both ends of a section must have as many"
        )
    if first > last:
        raise InvalidNumber(f"a section begins with its smallest number: {last}-{first}")
    return NumberSection(first, last)


def read_section(text: str) -> NumberSection:
    """`8801700000-8801799999`, or one number. Raises InvalidNumber."""
    first, dash, last = (part.strip() for part in text.partition(_SEPARATOR))
    return number_section(first, last if dash else first)


class NumberSections:
    """Several sections together: what lies in any of them. Immutable; empty is false.

    Sections that overlap or follow on each other count as one, so a number or a smaller section
    may lie across the seam.
    """

    __slots__ = ("_bounds", "sections")

    def __init__(self, sections: Iterable[NumberSection] = ()) -> None:
        self.sections = tuple(sorted(set(sections)))
        # by length of number: first numbers in order, and the last number that belongs to each
        self._bounds: dict[int, tuple[list[int], list[int]]] = {}
        for section in sorted(self.sections, key=lambda s: (len(s.first), s.first)):
            self._join(len(section.first), int(section.first), int(section.last))

    def _join(self, length: int, first: int, last: int) -> None:
        firsts, lasts = self._bounds.setdefault(length, ([], []))
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)

    def __bool__(self) -> bool:
        return bool(self.sections)

    def __contains__(self, number: str) -> bool:
        """For numbers of digits."""
        firsts, lasts = self._bounds.get(len(number), ((), ()))
        value = int(number)
        position = bisect_right(firsts, value) - 1
        return position >= 0 and value <= lasts[position]

    def __str__(self) -> str:
        return ", ".join(map(str, self.sections))

    def covers(self, section: NumberSection) -> bool:
        return not self.lacking(section)

    def lacking(self, section: NumberSection) -> tuple[NumberSection, ...]:
        """The parts of a section that are not in these, in order; none where it is covered."""
        length = len(section.first)
        found = []
        at, end = int(section.first), int(section.last)
        for first, last in zip(*self._bounds.get(length, ((), ())), strict=True):
            if last < at:
                continue
            if first > end:
                break
            if first > at:
                found.append(_of(at, first - 1, length))
            at = last + 1
        if at <= end:
            found.append(_of(at, end, length))
        return tuple(found)


ANY_NUMBER = NumberSections()
"""No sections at all: nothing is limited. `limits` asks for that, not `in`."""


def limits(sections: NumberSections, number: str) -> bool:
    """True where sections are set and the number is in none of them."""
    return bool(sections) and number not in sections


def _of(first: int, last: int, length: int) -> NumberSection:
    return NumberSection(f"{first:0{length}}", f"{last:0{length}}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= MAX_NUMBER else f"{text[:MAX_NUMBER]}…")
