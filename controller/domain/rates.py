"""Rate groups and their rates: which price a number has at a moment.

A rate group is a deck with its terms. Lookup is by longest prefix among the rates that are usable
(spec §2.3); period rates (spec §2.9, `periods.py`) then change or replace that price by the hour.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from controller.domain.numbering import PrefixIndex
from controller.domain.periods import PeriodSchedule
from controller.domain.tariff import Tariff, Terms


class RateType(IntEnum):
    """Destination class and, on a gateway or phone, the highest class it may call (spec §2.2)."""

    NET = 1
    LOCAL = 2
    DOMESTIC = 4
    INTERNATIONAL = 5


class Boundary(StrEnum):
    """What a call pays that crosses from one period into another (design §6)."""

    ANSWER = "answer"
    """The whole call is priced by the period in which it was answered."""
    SPLIT = "split"
    """Each period prices its own part."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A destination's price in one deck, valid from `valid_from` until `valid_until` (UTC)."""

    tariff: Tariff
    tax_percent: Decimal = Decimal(0)
    area: str = ""
    rate_type: RateType = RateType.INTERNATIONAL
    locked: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    # neither locked nor bound to a time
    always_usable: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bound = self.valid_from is not None or self.valid_until is not None
        object.__setattr__(self, "always_usable", not (self.locked or bound))

    def valid_at(self, when: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= when) and (
            self.valid_until is None or when < self.valid_until
        )

    def usable_at(self, when: datetime) -> bool:
        """Whether a call may be priced by it: valid, and not locked."""
        return self.always_usable or (not self.locked and self.valid_at(when))


class MatchedRate(NamedTuple):
    """A rate and the prefix under which it was found (`*` for the catch-all)."""

    prefix: str
    rate: Rate


class RateIndex(Protocol):
    """Rates by prefix: a dictionary for small decks, a compiled file for large ones."""

    def rate_for(self, number: str, when: datetime) -> MatchedRate | None:
        """The usable rate of the longest prefix (spec §2.3); locked or not valid: the next one."""

    def matches(self, number: str) -> Iterable[tuple[str, tuple[Rate, ...]]]:
        """Every prefix of `number` with its rates, from the longest to the shortest."""

    def prefixes(self) -> Iterator[str]:
        """Every prefix once; the catch-all is the empty one."""

    def __len__(self) -> int:
        """How many prefixes."""


class RateTable(PrefixIndex[tuple[Rate, ...]]):
    """A dictionary of rates. Implements `RateIndex`."""

    __slots__ = ()

    def rate_for(self, number: str, when: datetime) -> MatchedRate | None:
        return first_usable(self.matches(number), when)


def first_usable(
    matches: Iterable[tuple[str, tuple[Rate, ...]]], when: datetime
) -> MatchedRate | None:
    """The first rate that may price a call at this time, and its prefix."""
    for prefix, rates in matches:
        for rate in rates:
            if rate.usable_at(when):
                return MatchedRate(prefix, rate)
    return None


@dataclass(frozen=True, slots=True)
class RateGroup:
    """A deck: its terms, every prefix's rates, and the periods that change them."""

    group_id: int
    name: str
    terms: Terms
    rates: RateIndex
    periods: PeriodSchedule | None = None
    boundary: Boundary = Boundary.ANSWER
    # that of `rates` itself, without a call in between
    rate_for: Callable[[str, datetime], MatchedRate | None] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate_for", self.rates.rate_for)


def index_rates(rates: Iterable[tuple[str, Rate]]) -> RateTable:
    """A dictionary of rates, each given with its prefix."""
    by_prefix: dict[str, list[Rate]] = {}
    for prefix, rate in rates:
        by_prefix.setdefault(prefix, []).append(rate)
    return RateTable((prefix, tuple(same)) for prefix, same in by_prefix.items())
