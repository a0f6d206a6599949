"""Everything that is missing between routes and decks, and what is sold below cost. Pure.

One walk over all prefixes in order. Routes and the rates of every deck come merged and sorted;
each is seen once, and what is kept are the prefixes that the present one begins with. So a million
rates take a million steps, however many decks they are in and however many are compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

ROUTES = 0
"""The stream of the routes; decks are streams 1, 2, …"""

MOST_LOSSES = 100_000
"""After so many the walk looks for no more of them: there is no telling them apart any more."""


class GapKind(StrEnum):
    """What is missing of a destination, or wrong with it."""

    UNSOLD = "unsold"
    UNROUTED = "unrouted"
    UNCOSTED = "uncosted"
    CHAIN = "chain"
    LOSS = "loss"


class Row(NamedTuple):
    """A rate of a deck, or a route to a vendor (stream `ROUTES`).

    The catch-all's prefix is the empty one. `net` and `gross` are of a call of 60 s, without and
    with tax, in the ledger's smallest unit.
    """

    prefix: str
    stream: int
    net: int = 0
    gross: int = 0
    area: str = ""
    vendor: int = -1


@dataclass(frozen=True, slots=True)
class Seller:
    """Accounts whose calls are priced in these decks, in the order of the hierarchy.

    `agents` are the sellers above it, each of which must price what it sells. Without `has_calls`
    it is only an agent of others. What an `is_top` one pays is the operator's income, which is
    compared with the cost.
    """

    streams: tuple[int, ...]
    currency: str
    agents: tuple[int, ...] = ()
    has_calls: bool = True
    is_top: bool = True


@dataclass(frozen=True, slots=True)
class Vendor:
    """A routing gateway with the deck of its costs; None: it has none.

    Routing passes over a `dead` one, whose routes end a group of routes all the same (spec §6.2).
    Costs of the number as sent (`by_sent_number`) are not looked up by the route's prefix, so
    nothing is said about them here.
    """

    stream: int | None
    currency: str
    terminates: bool = True
    dead: bool = False
    by_sent_number: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A destination of which something is missing or wrong. By kind:

    unsold: seller `owner` has no rate where calls could be routed. unrouted: no route where deck
    `owner` has a rate. uncosted: vendor `owner` has routes and no cost rate. chain: the agent
    `other` has no rate where seller `owner` has one. loss: seller `owner` pays less (`sell`) than
    vendor `other` is paid (`cost`).
    """

    kind: GapKind
    owner: int
    prefix: str
    area: str = ""
    other: int = -1
    sell: Row | None = None
    cost: Row | None = None


@dataclass(frozen=True, slots=True)
class _Need:
    """Streams (as bits), one of which a destination must be in, or else it is this gap."""

    bits: int
    kind: GapKind
    owner: int
    other: int = -1


@dataclass(slots=True)
class _Open:
    """A prefix that the present one begins with.

    The streams, as bits: those that have it itself, a shorter one, a longer one. `before` is what
    held in each of its own streams until it came.
    """

    prefix: str
    rows: list[Row]
    own: int
    above: int
    before: list[Row | None]
    reachable_before: tuple[int, ...]
    inside: int = 0


class Walk:
    """A single walk, by `gaps`."""

    def __init__(
        self, sellers: Sequence[Seller], vendors: Sequence[Vendor], *, cheapest: bool = True
    ) -> None:
        """`cheapest`: how a seller's price is chosen where several of its decks have one."""
        self._sellers = sellers
        self._vendors = vendors
        self._cheapest = cheapest
        self._needs = self._gather_needs()
        self._tops = tuple(n for n, seller in enumerate(sellers) if seller.is_top)
        self._tops_of = self._gather_tops()
        streams = {stream for seller in sellers for stream in seller.streams}
        streams |= {vendor.stream for vendor in vendors if vendor.stream is not None}
        self._current: list[Row | None] = [None] * (max(streams, default=0) + 1)
        self._reachable: tuple[int, ...] = ()
        self._losses: set[tuple[int, int, str, str]] = set()

    @property
    def all_losses_told(self) -> bool:
        return len(self._losses) < MOST_LOSSES

    def gaps(self, rows: Iterable[Row]) -> Iterator[Gap]:
        """Gaps as they turn up. `rows` come in the order of their prefixes' bytes."""
        path: list[_Open] = []
        for prefix, same in _by_prefix(rows):
            while path and not prefix.startswith(path[-1].prefix):
                yield from self._leave(path)
            opened = self._enter(prefix, same, path)
            path.append(opened)
            yield from self._find_losses(opened)
        while path:
            yield from self._leave(path)

    def _gather_needs(self) -> dict[int, tuple[_Need, ...]]:
        """What the destinations of each stream need."""
        needs: dict[int, dict[_Need, None]] = {}

        def need(stream: int, *wanted: _Need) -> None:
            needs.setdefault(stream, {}).update(dict.fromkeys(wanted))

        for number, seller in enumerate(self._sellers):
            if seller.has_calls:
                need(ROUTES, _Need(_bits(seller.streams), GapKind.UNSOLD, number))
            for stream in seller.streams:
                if seller.has_calls:
                    need(stream, _Need(1 << ROUTES, GapKind.UNROUTED, stream))
                for agent in seller.agents:
                    bits = _bits(self._sellers[agent].streams)
                    need(stream, _Need(bits, GapKind.CHAIN, number, agent))
        return {stream: tuple(wanted) for stream, wanted in needs.items()}

    def _gather_tops(self) -> dict[int, tuple[int, ...]]:
        """By stream: the sellers whose price it may change, of those that pay the operator."""
        tops: dict[int, list[int]] = {}
        for number in self._tops:
            for stream in self._sellers[number].streams:
                tops.setdefault(stream, []).append(number)
        costs = {vendor.stream for vendor in self._vendors}
        return {stream: tuple(n) for stream, n in tops.items() if stream not in costs}

    def _enter(self, prefix: str, rows: list[Row], path: list[_Open]) -> _Open:
        above = path[-1].own | path[-1].above if path else 0
        own = 0
        before = []
        reachable = self._reachable
        for row in rows:
            if row.stream == ROUTES:
                own |= 0 if self._vendors[row.vendor].dead else 1
                continue
            own |= 1 << row.stream
            before.append(self._current[row.stream])
            self._current[row.stream] = row
        if len(before) < len(rows):
            self._reachable = self._reachable_by(rows)
        return _Open(prefix, rows, own, above, before, reachable)

    def _leave(self, path: list[_Open]) -> Iterator[Gap]:
        left = path.pop()
        if path:
            path[-1].inside |= left.own | left.inside
        self._reachable = left.reachable_before
        before = iter(left.before)
        there = left.own | left.above | left.inside
        for row in left.rows:
            if row.stream == ROUTES:
                yield from self._uncosted(row, left, there)
                continue
            self._current[row.stream] = next(before)
            for need in self._needs.get(row.stream, ()):
                if not there & need.bits:
                    yield Gap(need.kind, need.owner, row.prefix, row.area, need.other)
        if left.own & 1:
            for need in self._needs.get(ROUTES, ()):
                if not there & need.bits:
                    yield Gap(need.kind, need.owner, left.prefix, self._area(left))

    def _uncosted(self, route: Row, left: _Open, there: int) -> Iterator[Gap]:
        vendor = self._vendors[route.vendor]
        if vendor.dead or vendor.by_sent_number:
            return
        if vendor.stream is None or not there & (1 << vendor.stream):
            yield Gap(GapKind.UNCOSTED, route.vendor, route.prefix, self._area(left))

    def _area(self, left: _Open) -> str:
        """What any deck calls a routed destination."""
        around = (*left.rows, *(row for row in self._current if row))
        named = [row for row in around if row.area]
        return max(named, key=lambda row: len(row.prefix)).area if named else ""

    def _reachable_by(self, rows: list[Row]) -> tuple[int, ...]:
        """Vendors that a call to this prefix may be routed to (spec §6.2)."""
        group = [row.vendor for row in rows if row.stream == ROUTES]
        found = tuple(vendor for vendor in group if not self._vendors[vendor].dead)
        if any(self._vendors[vendor].terminates for vendor in group):
            return found
        return (*found, *(vendor for vendor in self._reachable if vendor not in found))

    def _find_losses(self, opened: _Open) -> Iterator[Gap]:
        """Compare where a price, a cost or the vendors became other ones."""
        if not self._reachable or not self.all_losses_told:
            return
        changed = self._tops_of.get(opened.rows[0].stream) if len(opened.rows) == 1 else None
        for number in self._tops if changed is None else changed:
            sell = self._price(self._sellers[number])
            if sell is None:
                continue
            for vendor_number in self._reachable:
                cost = self._cost(self._vendors[vendor_number], self._sellers[number])
                if cost is not None and cost.gross > sell.net:
                    yield from self._loss(number, vendor_number, opened.prefix, sell, cost)

    def _price(self, seller: Seller) -> Row | None:
        if len(seller.streams) == 1:
            return self._current[seller.streams[0]]
        prices = [row for stream in seller.streams if (row := self._current[stream])]
        if not prices:
            return None
        return min(prices, key=lambda row: row.net) if self._cheapest else prices[0]

    def _cost(self, vendor: Vendor, seller: Seller) -> Row | None:
        """None where it cannot be compared."""
        if vendor.stream is None or vendor.by_sent_number or vendor.currency != seller.currency:
            return None
        return self._current[vendor.stream]

    def _loss(self, seller: int, vendor: int, prefix: str, sell: Row, cost: Row) -> Iterator[Gap]:
        """Each pair of rates once, at the shortest prefix at which they meet."""
        pair = (seller, vendor, sell.prefix, cost.prefix)
        if pair not in self._losses:
            self._losses.add(pair)
            area = sell.area or cost.area
            yield Gap(GapKind.LOSS, seller, prefix, area, vendor, sell, cost)


def _bits(streams: Iterable[int]) -> int:
    found = 0
    for stream in streams:
        found |= 1 << stream
    return found


def _by_prefix(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows of one prefix together."""
    same: list[Row] = []
    for row in rows:
        if same and row.prefix != same[0].prefix:
            yield same[0].prefix, same
            same = []
        same.append(row)
    if same:
        yield same[0].prefix, same
