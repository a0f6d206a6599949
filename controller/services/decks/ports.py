"""What the use cases of decks need from the store, and the values that go in and out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from controller.domain.decks import DeckRow
from controller.domain.sections import SectionMode
from controller.services.audit import AuditLine

EXAMPLES = 5
"""Changed rates that a comparison names; the rest is counted."""

NumberedRow = tuple[int, DeckRow]
RowProblem = tuple[int, str]
"""A row's number (0: the deck as a whole) and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """One prefix that differs: `before` None is new, `after` None is taken away."""

    prefix: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class DeckDifference:
    """What a deck would change in a rate group, counted, and the first few by prefix."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    examples: tuple[RateChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A staged row whose validity overlaps a rate that would stay."""

    row: int
    prefix: str
    effective_from: str
    effective_to: str


class DeckWork(Protocol):
    """What configuration as code needs of decks, within its own transaction."""

    def timezone(self, group: str) -> str | None:
        """The rate group's time zone; None where there is no such group."""

    def stage_deck(self, group: str, rows: Iterable[NumberedRow]) -> int:
        """Load rows beside the stored ones; how many."""

    def deck_difference(self, group: str, *, replace: bool) -> DeckDifference:
        """Staged against stored; without `replace`, stored rates that are not staged stay."""

    def merge_deck(self, group: str, *, replace: bool) -> None: ...

    def overlaps(self, group: str) -> list[Overlap]:
        """Staged rows that overlap stored ones of their prefix which stay."""

    def deck_rows(self, group: str) -> Iterator[DeckRow]:
        """Stored rates by prefix and time."""

    def bump_version(self) -> int:
        """Tell the controllers; the new configuration version."""

    def commit(self) -> None: ...


class DeckOrigin(StrEnum):
    """How a deck came in."""

    STAGED = "staged"
    IMPORT = "import"
    CONFIGURATION = "configuration"


class DeckState(StrEnum):
    """What has become of a deck."""

    STAGED = "staged"
    ACTIVE = "active"
    ROLLED_BACK = "rolled_back"
    DISCARDED = "discarded"


class ChangeKind(StrEnum):
    """What a deck does to one rate."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"


class WarningKind(StrEnum):
    """What makes a price absurd."""

    ABOVE_LIMIT = "above_limit"
    """A minute costs more than the limit."""
    ZERO = "zero"
    CHANGE = "change"
    """The minute's price moves by more than the limit, in percent."""
    FROM_ZERO = "from_zero"


@dataclass(frozen=True, slots=True)
class ReviewLimits:
    """From where on a price is absurd."""

    price_per_minute: Decimal = Decimal(100)
    change_percent: Decimal = Decimal(300)


@dataclass(frozen=True, slots=True)
class GroupTerms:
    """How a rate group reads decks, and which version its rates have."""

    group_id: int
    zone: ZoneInfo
    section_mode: SectionMode
    rates_version: int


@dataclass(frozen=True, slots=True)
class NewDeck:
    """A deck that is about to be loaded. `effective_at` None: at once when it is activated."""

    group: str
    origin: DeckOrigin
    file: str
    replace: bool
    effective_at: datetime | None = None
    limits: ReviewLimits = ReviewLimits()


@dataclass(frozen=True, slots=True)
class StagedDeck:
    """A deck, what it would change, and what has become of it.

    `wrong` counts what is wrong with its rows and with them beside the live rates; `unchanged`
    its rows that the live deck has too.
    """

    deck_id: int
    group: str
    origin: DeckOrigin
    file: str
    replace: bool
    state: DeckState
    section_mode: SectionMode
    effective_at: datetime | None
    limits: ReviewLimits
    rows: int
    wrong: int
    difference: DeckDifference
    unchanged: int
    staged_at: datetime
    activated_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended_before(self) -> int:
        """Rows whose validity ends before the deck takes effect: nothing becomes of them."""
        return self.rows - self.difference.added - self.difference.changed - self.unchanged


@dataclass(frozen=True, slots=True)
class DeckChange:
    """One rate that a deck makes, changes or ends; `position` is its place in the difference.

    Prices are those of a call of 60 s without tax; `percent` is None where there was no price or
    one of 0.
    """

    position: int
    kind: ChangeKind
    row: int | None
    before: DeckRow | None
    after: DeckRow | None
    before_price: Decimal | None
    after_price: Decimal | None
    percent: Decimal | None

    @property
    def prefix(self) -> str:
        row = self.after or self.before
        return row.prefix if row else ""

    @property
    def area(self) -> str:
        row = self.after or self.before
        return row.area if row else ""


@dataclass(frozen=True, slots=True)
class DeckWarning:
    """A kind of absurd price: how many rates have it, and the first of them."""

    kind: WarningKind
    count: int
    examples: tuple[DeckChange, ...]


@dataclass(frozen=True, slots=True)
class ChangeQuery:
    """A page of a difference: from `after` (a position) on, by prefix."""

    kind: ChangeKind | None = None
    after: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ForeignChange:
    """A group's rates were changed by something that is no deck since a deck was activated.

    `prefixes` are some of the deck's own rates that are not as it left them; none: others were
    changed.
    """

    prefixes: tuple[str, ...] = ()


class StagedDeckWork(Protocol):
    """One transaction on staged decks; nothing stays unless `commit` is called."""

    def terms(self, group: str) -> GroupTerms | None:
        """None where there is no such group."""

    def add(self, deck: NewDeck, now: datetime, *, keep_rows: bool) -> int:
        """A new deck's id. Without `keep_rows` its rows live as long as the transaction."""

    def load(self, deck_id: int, rows: Iterable[NumberedRow]) -> int:
        """Write rows; how many."""

    def note_problems(self, deck_id: int, problems: Sequence[RowProblem], total: int) -> None:
        """Keep what is wrong with a deck's rows."""

    def compare(self, deck_id: int) -> StagedDeck:
        """The deck with its difference from the live rates, worked out again if these changed."""

    def deck(self, deck_id: int) -> StagedDeck | None: ...

    def decks(self, group: str | None, limit: int) -> list[StagedDeck]:
        """The newest first."""

    def problems(self, deck_id: int, limit: int) -> list[RowProblem]:
        """What is wrong with its rows in the file's order, then against the live rates."""

    def warnings(self, deck_id: int) -> list[DeckWarning]: ...

    def changes(self, deck_id: int, query: ChangeQuery) -> list[DeckChange]: ...

    def largest(self, deck_id: int, limit: int, *, increases: bool) -> list[DeckChange]:
        """Changed prices, those that move most first."""

    def all_changes(self, deck_id: int) -> Iterator[DeckChange]: ...

    def set_effective(self, deck_id: int, effective_at: datetime | None) -> None:
        """Another moment; what was compared before is void."""

    def activate(self, deck_id: int, now: datetime) -> None:
        """Carry out the difference of a deck that was compared in this transaction."""

    def discard(self, deck_id: int, now: datetime) -> None: ...

    def last_activated(self, group: str) -> StagedDeck | None:
        """The deck that was activated last, also where it was rolled back since."""

    def foreign_change(self, deck: StagedDeck) -> ForeignChange | None:
        """What else changed the group's rates after the deck; None: nothing did."""

    def is_recorded(self, deck: StagedDeck) -> bool:
        """Whether everything that the deck did is still known."""

    def undo(self, deck_id: int, now: datetime) -> None:
        """Put every rate back that a deck made, changed or ended."""

    def rows(self, group: str) -> Iterator[DeckRow]:
        """Live rates by prefix and time."""

    def has_sections(self, group: str) -> bool: ...

    def bump_version(self) -> int:
        """Tell the controllers; the new configuration version."""

    def audit(self, *lines: AuditLine) -> None: ...

    def commit(self) -> None: ...


class StagedDecks(Protocol):
    """Where staged decks are kept."""

    def begin(self) -> AbstractContextManager[StagedDeckWork]:
        """A transaction that no other change of the configuration overlaps."""

    def begin_staging(self) -> AbstractContextManager[StagedDeckWork]:
        """A transaction that leaves live rates alone, and waits for nobody's change of them."""
