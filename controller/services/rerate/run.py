"""Comparing a range of calls with other prices, and correcting what was charged.

Calls stream from the store in pieces, so that a million take no more memory than a thousand. A
comparison writes nothing; an application posts the corrections of each piece in one transaction.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from controller.domain.errors import InvalidInput
from controller.domain.rerating import PriceBook, RatedCall, Repriced, Side, corrections, side_of
from controller.domain.texts import is_plain_text
from controller.services.rerate.ports import CallRange, Correction, Place, RatedCalls, RerateRun
from controller.services.rerate.report import Detail, Report, Tally

COMPARED_AT_ONCE = 1_000
CORRECTED_AT_ONCE = 100
"""Calls of one transaction: live calls of their accounts wait until it is over, some 20 ms."""

MAX_KEY = 200

Watch = Callable[[Report, Place], None]
"""Hears after every piece how far the work is."""


@dataclass(frozen=True, slots=True)
class Rerating:
    """What to compare, with which prices; `top` is how many of the largest differences to keep."""

    calls: CallRange
    book: PriceBook
    sides: frozenset[Side] = frozenset(Side)
    top: int = 10

    def reprice(self, call: RatedCall) -> list[Repriced]:
        """The call's lines that are asked for, each with what it would be."""
        lines = (line for line in call.lines if side_of(line.party) in self.sides)
        priced = (self.book.reprice(call, line) for line in lines)
        return [change for change in priced if change is not None]


def check_range(since: datetime, until: datetime, now: datetime) -> None:
    """Raises InvalidInput for a range that is none, or whose calls are not over yet."""
    if since >= until:
        raise InvalidInput("--to is not after --from")
    if until > now:
        raise InvalidInput("--to is in the future: calls of a range are compared when it is over")


def check_key(key: str) -> str:
    key = key.strip()
    if not key or len(key) > MAX_KEY or not is_plain_text(key):
        raise InvalidInput(f"--key: 1 to {MAX_KEY} printable characters are expected")
    return key


def compare(rated: RatedCalls, wanted: Rerating, watch: Watch, detail: Detail) -> Report:
    """The differences; nothing is written."""
    tally = Tally(wanted.top, detail)
    for piece in _pieces(rated, wanted.calls, COMPARED_AT_ONCE):
        for call in piece:
            tally.add(call, wanted.reprice(call))
        watch(tally.report, _place(piece))
    return tally.finished()


def apply(
    rated: RatedCalls,
    run: RerateRun,
    wanted: Rerating,
    at: datetime,
    watch: Watch,
    detail: Detail,
) -> Report:
    """The differences, and a correction of each, posted `at` one time for all.

    A piece is corrected in one transaction: what is interrupted is half done, never half a piece.
    """
    tally = Tally(wanted.top, detail)
    for piece in _pieces(rated, wanted.calls, CORRECTED_AT_ONCE):
        made: list[Correction] = []
        for call in piece:
            changes = wanted.reprice(call)
            tally.add(call, changes)
            made += _corrections(call, changes, run.key, at)
        if made:
            tally.count(run.correct(made))
        watch(tally.report, _place(piece))
    run.finish()
    return tally.finished()


def _pieces(rated: RatedCalls, wanted: CallRange, limit: int) -> Iterator[list[RatedCall]]:
    after: Place | None = None
    while piece := rated.calls(wanted, after, limit):
        yield piece
        after = _place(piece)


def _place(piece: list[RatedCall]) -> Place:
    return Place(piece[-1].started_at, piece[-1].call_id)


def _corrections(
    call: RatedCall, changes: list[Repriced], key: str, at: datetime
) -> Iterator[Correction]:
    for change in changes:
        if change.changed and change.after is not None:
            yield Correction(change.after, corrections(change, call.top, key, at))
