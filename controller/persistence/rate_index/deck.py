"""A group's usable rates: what each prefix has, equal ones kept once.

A row that cannot be used is left out and told: without a rate a call is refused, which is better
than a configuration that does not load, and far better than a price of 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from controller.domain.errors import InvalidInput
from controller.domain.numbering import CATCH_ALL, check_prefix
from controller.domain.rates import Rate, RateTable
from controller.domain.sections import SectionMode
from controller.persistence.rate_index.stored import StoredRate, rate_of

EXAMPLES = 20
_LAST = datetime.max.replace(tzinfo=UTC)

Entry = tuple[bytes, ...]
"""The rates of one prefix, each its columns as JSON, in the order in which they begin to hold."""


class LeftOut(NamedTuple):
    """Rows that cannot be used: how many, and prefix and reason of the first."""

    rows: int = 0
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Deck:
    """`by_prefix` says which of `entries` a prefix has (the catch-all is the empty prefix)."""

    mode: SectionMode
    by_prefix: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)


def gather(rates: Iterable[StoredRate], mode: SectionMode) -> Deck:
    """The deck of these rates."""
    gathering = _Gathering(mode)
    for columns, prefixes in rates:
        gathering.add(columns, prefixes)
    return gathering.deck()


def dictionary(deck: Deck) -> RateTable:
    """The deck as a dictionary in memory; equal rates share their objects."""
    rates = [tuple(_rate(body, deck.mode) for body in entry) for entry in deck.entries]
    return RateTable((prefix, rates[entry]) for prefix, entry in deck.by_prefix.items())


class _Gathering:
    def __init__(self, mode: SectionMode) -> None:
        self._deck = Deck(mode)
        self._entries: dict[Entry, int] = {}
        # prefixes that come several times
        self._several: dict[str, list[bytes]] = {}
        self._left_out = 0
        self._examples: list[tuple[str, str]] = []

    def add(self, columns: list[Any], prefixes: list[str]) -> None:
        try:
            rate_of(columns, self._deck.mode)
        except InvalidInput as error:
            for prefix in prefixes:
                self._leave_out(prefix, error)
            return
        body = orjson.dumps(columns)
        entry = self._entry((body,))
        by_prefix = self._deck.by_prefix
        for stored in prefixes:
            try:
                prefix = "" if stored == CATCH_ALL else check_prefix(stored)
            except InvalidInput as error:
                self._leave_out(stored, error)
                continue
            if prefix in by_prefix:
                self._several.setdefault(prefix, [self._body_of(prefix)]).append(body)
            else:
                by_prefix[prefix] = entry

    def deck(self) -> Deck:
        deck = self._deck
        for prefix, bodies in self._several.items():
            deck.by_prefix[prefix] = self._entry(tuple(sorted(bodies, key=self._order)))
        deck.left_out = LeftOut(self._left_out, tuple(self._examples))
        return deck

    def _leave_out(self, prefix: str, why: InvalidInput) -> None:
        self._left_out += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append((prefix[:80], str(why)[:200]))

    def _entry(self, entry: Entry) -> int:
        number = self._entries.setdefault(entry, len(self._deck.entries))
        if number == len(self._deck.entries):
            self._deck.entries.append(entry)
        return number

    def _body_of(self, prefix: str) -> bytes:
        return self._deck.entries[self._deck.by_prefix[prefix]][0]

    def _order(self, body: bytes) -> tuple[datetime, bytes]:
        """By beginning; one without is last, and the bytes decide between equals."""
        return _rate(body, self._deck.mode).valid_from or _LAST, body


def _rate(body: bytes, mode: SectionMode) -> Rate:
    return rate_of(orjson.loads(body), mode)
