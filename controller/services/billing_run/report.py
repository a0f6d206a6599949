"""What a billing run did, refused and could not do."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from controller.domain.ledger import PostingKind

MOST_LISTED = 1_000
"""Orders or faults of one sort that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class RefusedRent:
    """An order whose rent was not covered, and what became of it."""

    order: str
    package: str
    account: str
    rent: Decimal
    available: Decimal
    currency: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Noted:
    """An object, and what is to be said of it."""

    subject: str
    why: str


@dataclass(slots=True)
class Report:
    """The totals of one run.

    `nothing_owed` counts charges that came to 0; they are recorded too. `ended`: orders that are
    over before their time, and why. `waiting_for_calls`: minimums whose calls still go on.
    `errors`: objects whose step failed; nothing of that step was written.
    """

    as_of: datetime
    charges: Counter[str] = field(default_factory=Counter)
    totals: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    nothing_owed: int = 0
    opened: int = 0
    closed: int = 0
    ended: list[Noted] = field(default_factory=list)
    refused: list[RefusedRent] = field(default_factory=list)
    waiting_for_calls: list[str] = field(default_factory=list)
    errors: list[Noted] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        return not self.errors

    @property
    def failed(self) -> int:
        return len(self.errors) + self.unlisted["errors"]

    @property
    def anything(self) -> bool:
        """Whether there is something to tell."""
        done = self.charges or self.nothing_owed or self.opened or self.closed
        return bool(done or self.ended or self.errors)

    def charged(self, kind: PostingKind, amount: Decimal, currency: str) -> None:
        if not amount:
            self.nothing_owed += 1
            return
        self.charges[kind.value] += 1
        by_kind = self.totals.setdefault(currency, {})
        by_kind[kind.value] = by_kind.get(kind.value, Decimal(0)) + amount

    def add(self, other: "Report") -> None:
        """Take over what one step did."""
        self.charges.update(other.charges)
        for currency, by_kind in other.totals.items():
            kept = self.totals.setdefault(currency, {})
            for kind, amount in by_kind.items():
                kept[kind] = kept.get(kind, Decimal(0)) + amount
        self.nothing_owed += other.nothing_owed
        self.opened += other.opened
        self.closed += other.closed
        for ended in other.ended:
            self.note_ended(ended.subject, ended.why)
        for refused in other.refused:
            self.note_refused(refused)
        for subject in other.waiting_for_calls:
            self.note_waiting_for_calls(subject)

    def total(self, currency: str) -> Decimal:
        return sum(self.totals.get(currency, {}).values(), Decimal(0))

    def note_ended(self, order: str, why: str) -> None:
        if self._room("ended", len(self.ended)):
            self.ended.append(Noted(order, why))

    def note_refused(self, refused: RefusedRent) -> None:
        if self._room("refused", len(self.refused)):
            self.refused.append(refused)

    def note_waiting_for_calls(self, subject: str) -> None:
        if self._room("waiting_for_calls", len(self.waiting_for_calls)):
            self.waiting_for_calls.append(subject)

    def note_error(self, subject: str, why: str) -> None:
        if self._room("errors", len(self.errors)):
            self.errors.append(Noted(subject, why))

    def _room(self, sort: str, listed: int) -> bool:
        if listed < MOST_LISTED:
            return True
        self.unlisted[sort] += 1
        return False
