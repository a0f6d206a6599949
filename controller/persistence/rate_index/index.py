"""Lookup in a compiled deck. Implements `domain.rates.RateIndex`; every call comes here.

Rates are made from their text when they are first asked for and kept, as there are few of them;
a deck in which all rates differ keeps the last ones.
"""

import mmap
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

import orjson

from controller.domain.numbering import CATCH_ALL, MAX_NUMBER, PrefixIndex
from controller.domain.rates import MatchedRate, Rate, first_usable
from controller.persistence.rate_index.deck import LeftOut
from controller.persistence.rate_index.intervals import LENGTH_BITS, LENGTH_MASK
from controller.persistence.rate_index.layout import Identity, unpack
from controller.persistence.rate_index.stored import rate_of

MAX_KEPT = 100_000
"""Entries whose rates are kept as objects, of some 500 bytes each."""

Rates = tuple[Rate, ...]
_Ways = tuple[
    int,
    tuple[int, ...],
    tuple[int, ...],
    int,
    memoryview,
    memoryview,
    memoryview,
    list[Rate | None],
]
# the least integer of so many digits that does not begin with 0
_LEAST = tuple(10 ** max(0, length - 1) for length in range(MAX_NUMBER + 1))
_DIGITS = frozenset("0123456789")
# as `MatchedRate(…)`, without the call of a function that a named tuple's own constructor is
_matched = tuple.__new__


class CompiledIndex:
    """A deck in a buffer, by rule a mapped file. Immutable but for the rates that it keeps."""

    __slots__ = ("_header", "_kept", "_long", "_mode", "_others", "_sections", "_ways")

    def __init__(self, buffer: "mmap.mmap | bytes", identity: Identity) -> None:
        """Raises DamagedIndex unless the buffer is whole and what `identity` says."""
        self._header, self._sections = unpack(memoryview(buffer), identity)
        self._mode = identity.mode
        self._long = PrefixIndex[int](orjson.loads(self._sections.long).items())
        self._forget()

    def __len__(self) -> int:
        return self._header.prefixes

    @property
    def left_out(self) -> LeftOut:
        return self._header.left_out

    def rate_for(self, number: str, when: datetime) -> MatchedRate | None:
        """The usable rate of the longest prefix, at once in the usual case."""
        width, scales, least, cell_size, cells, starts, answers, plain = self._ways
        length = len(number)
        try:
            value, scale = int(number), scales[length]
        except (ValueError, IndexError):
            return first_usable(self.matches(number), when)
        # signs, blanks and foreign digits are well to `int`; they leave too few digits of ours
        if not number.isascii() or (value < least[length] and not number.isdecimal()):
            return first_usable(self.matches(number), when)
        key = value * scale if length <= width else value // scale
        cell = key // cell_size
        answer = answers[bisect_right(starts, key, cells[cell], cells[cell + 1]) - 1]
        matched = answer & LENGTH_MASK
        if matched > length or not matched:
            return first_usable(self.matches(number), when)
        rate = plain[answer >> LENGTH_BITS]
        if rate is None:
            return self._examined(number, when, answer)
        return _matched(MatchedRate, (number[:matched], rate))

    def matches(self, number: str) -> Iterator[tuple[str, Rates]]:
        """Every prefix of `number` with its rates, from the longest to the shortest."""
        for prefix, entry in self._long.matches(number):
            yield prefix, self._entry(entry + 1)
        for answer in self._answers(number):
            matched = answer & LENGTH_MASK
            yield number[:matched] or CATCH_ALL, self._entry(answer >> LENGTH_BITS)

    def prefixes(self) -> Iterator[str]:
        """Every prefix once; the catch-all is the empty one."""
        yield from self._long.prefixes()
        width, sections = self._header.width, self._sections
        last = 0
        for start, owner in zip(sections.starts, sections.owners, strict=True):
            # prefixes are numbered along the line: those above the last one begin here
            digits = f"{start:0{width}d}"
            for number in [number for number in self._up(owner) if number > last][::-1]:
                yield digits[: sections.answers_of[number] & LENGTH_MASK]
                last = number

    def _examined(self, number: str, when: datetime, answer: int) -> MatchedRate | None:
        """The usable one of the longest prefix's rates, or of a shorter prefix."""
        for rate in self._entry(answer >> LENGTH_BITS):
            if rate.usable_at(when):
                return MatchedRate(number[: answer & LENGTH_MASK], rate)
        return first_usable(self.matches(number), when)

    def _answers(self, number: str) -> Iterator[int]:
        sections = self._sections
        digits = "".join(takewhile(_DIGITS.__contains__, number[: self._header.width]))
        key = int(digits or 0) * 10 ** (self._header.width - len(digits))
        owner = sections.owners[bisect_right(sections.starts, key) - 1]
        for prefix in self._up(owner):
            answer = sections.answers_of[prefix]
            # the zeros that fill a short number are not dialed
            if answer & LENGTH_MASK <= len(digits):
                yield answer

    def _up(self, owner: int) -> Iterator[int]:
        """A prefix's number and those of all shorter ones."""
        while owner:
            yield owner
            owner = self._sections.parents[owner]

    def _entry(self, place: int) -> Rates:
        """Rates of an entry (counted from 1)."""
        plain = self._ways[-1][place]
        if plain is not None:
            return (plain,)
        return self._others.get(place) or self._make(place)

    def _make(self, place: int) -> Rates:
        if self._kept >= MAX_KEPT:
            self._forget()
        ends = self._sections.ends
        begin = ends[place - 2] if place > 1 else 0
        text = self._sections.texts[begin : ends[place - 1]]
        rates = tuple(rate_of(columns, self._mode) for columns in orjson.loads(text))
        self._kept += 1
        if len(rates) == 1 and rates[0].always_usable:
            self._ways[-1][place] = rates[0]
        else:
            self._others[place] = rates
        return rates

    def _forget(self) -> None:
        self._kept = 0
        self._others: dict[int, Rates] = {}
        width = self._header.width
        longest = width if self._long else MAX_NUMBER
        # what a lookup needs, as one attribute. Numbers for which `_long` must be asked have no
        # scale; rates are by place where an entry is one that is always usable, else in `_others`
        self._ways: _Ways = (
            width,
            tuple(10 ** abs(width - length) for length in range(longest + 1)),
            _LEAST,
            10 ** (width - self._header.cell_digits),
            self._sections.cells,
            self._sections.starts,
            self._sections.answers,
            [None] * (len(self._sections.ends) + 1),
        )
