"""What a re-rating needs from the store, and the values that go in and out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from controller.domain.cdr import ChargeLine
from controller.domain.ledger import Posting
from controller.domain.rerating import RatedCall


class Place(NamedTuple):
    """Where a piece of the range ended: the next one begins behind it."""

    started_at: datetime
    call_id: str


@dataclass(frozen=True, slots=True)
class CallRange:
    """Answered calls that started from `since` to before `until`.

    `account_id`: those in which the account is a party. `gateway`: those that came from or went to
    a gateway of this name; empty is any.
    """

    since: datetime
    until: datetime
    account_id: int | None = None
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A line's next revision with the postings that make up for the difference."""

    line: ChargeLine
    postings: tuple[Posting, ...]


class Applied(NamedTuple):
    """What one piece's corrections came to; `known` had been made under the key before."""

    lines: int
    postings: int
    known: int


class RerateRun(Protocol):
    """An application that has begun; no other can begin meanwhile.

    `rates_at` is that of its beginning, also where an interrupted one goes on.
    """

    key: str
    rates_at: datetime | None
    finished_at: datetime | None

    def correct(self, corrections: Sequence[Correction]) -> Applied:
        """All of them with the balances that follow, in one transaction; each once for the key."""

    def finish(self) -> None:
        """From now on the key stands for something that is done."""


class RatedCalls(Protocol):
    """Where calls are kept. Raises StoreUnavailable."""

    def calls(self, wanted: CallRange, after: Place | None, limit: int) -> list[RatedCall]:
        """The next calls by time, each with its parties' last revisions."""
