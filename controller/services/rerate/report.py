"""What a re-rating found: sums by account and party, and the lines that matter most.

Bounded however many calls there are: sums grow with the accounts, lists have an end.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import NamedTuple

from controller.domain.cdr import VENDOR, ChargeLine
from controller.domain.rerating import RatedCall, Repriced, Side, side_of
from controller.services.rerate.ports import Applied

UNPRICED_LISTED = 20


@dataclass(slots=True)
class Total:
    """One account's lines in one role and currency, before and after. `unpriced` are in neither."""

    lines: int = 0
    changed: int = 0
    unpriced: int = 0
    old_net: Decimal = Decimal(0)
    old_tax: Decimal = Decimal(0)
    new_net: Decimal = Decimal(0)
    new_tax: Decimal = Decimal(0)

    @property
    def old_gross(self) -> Decimal:
        return self.old_net + self.old_tax

    @property
    def new_gross(self) -> Decimal:
        return self.new_net + self.new_tax

    @property
    def difference(self) -> Decimal:
        return self.new_gross - self.old_gross

    def add(self, change: Repriced) -> None:
        if change.after is None:
            self.unpriced += 1
            return
        self.lines += 1
        self.changed += change.changed
        self.old_net += change.before.net
        self.old_tax += change.before.tax
        self.new_net += change.after.net
        self.new_tax += change.after.tax


class TotalKey(NamedTuple):
    account_id: int
    side: Side
    currency: str


class Found(NamedTuple):
    """A line that was looked at, with its call."""

    call: RatedCall
    change: Repriced


@dataclass(slots=True)
class Report:
    """What a range of calls came to. Each call is counted once, by the worst of its lines.

    `uncharged` have no line to compare: answered without having been admitted, or none of the rate
    group's. `margin` is by how much the operator's profit rises, by currency. `corrected`,
    `postings` and `known` are of an application.
    """

    calls: int = 0
    unchanged: int = 0
    changed: int = 0
    unpriced: int = 0
    uncharged: int = 0
    totals: dict[TotalKey, Total] = field(default_factory=dict)
    margin: dict[str, Decimal] = field(default_factory=dict)
    top: list[Found] = field(default_factory=list)
    without_price: list[Found] = field(default_factory=list)
    corrected: int = 0
    postings: int = 0
    known: int = 0


Detail = Callable[[Found], None]
"""Takes each line that changed or has no price."""


class Tally:
    """Looks at one call after the other and keeps the sums."""

    def __init__(self, top: int, detail: Detail) -> None:
        self._top = top
        self._detail = detail
        self._largest: list[tuple[Decimal, int, Found]] = []
        self._number = count()
        self.report = Report()

    def add(self, call: RatedCall, changes: list[Repriced]) -> None:
        for change in changes:
            self._note(call, change)
        self._count_call(changes)

    def count(self, applied: Applied) -> None:
        self.report.corrected += applied.lines
        self.report.postings += applied.postings
        self.report.known += applied.known

    def finished(self) -> Report:
        largest_first = sorted(self._largest, key=lambda item: (-item[0], -item[1]))
        self.report.top = [found for _, _, found in largest_first]
        return self.report

    def _note(self, call: RatedCall, change: Repriced) -> None:
        line = change.before
        key = TotalKey(line.account_id, side_of(line.party), line.currency)
        self.report.totals.setdefault(key, Total()).add(change)
        found = Found(call, change)
        if change.after is None:
            self._detail(found)
            if len(self.report.without_price) < UNPRICED_LISTED:
                self.report.without_price.append(found)
        elif change.changed:
            self._detail(found)
            self._add_margin(call, change, change.after)
            self._keep(abs(change.difference), found)

    def _add_margin(self, call: RatedCall, change: Repriced, after: ChargeLine) -> None:
        """The operator earns what the topmost payer pays without tax, less what the vendor gets."""
        line, margin = change.before, self.report.margin
        more = Decimal(0)
        if line.party == VENDOR:
            more = -change.difference
        elif line.party == call.top:
            more = after.net - line.net
        margin[line.currency] = margin.get(line.currency, Decimal(0)) + more

    def _keep(self, size: Decimal, found: Found) -> None:
        item = (size, -next(self._number), found)
        if len(self._largest) < self._top:
            heapq.heappush(self._largest, item)
        elif self._largest:
            heapq.heappushpop(self._largest, item)

    def _count_call(self, changes: list[Repriced]) -> None:
        report = self.report
        report.calls += 1
        if any(change.after is None for change in changes):
            report.unpriced += 1
        elif any(change.changed for change in changes):
            report.changed += 1
        elif changes:
            report.unchanged += 1
        else:
            report.uncharged += 1
