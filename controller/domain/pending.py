"""Two-phase movements: money is held first, then posted (in part or whole), voided, or it expires.

All states and transitions are in `TRANSITIONS`. One post ends a movement: what it does not take
is free again. Who asks for what was done already is told so, and nothing is done twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.money import plain
from controller.domain.movements import NotMoved


class State(StrEnum):
    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


class Event(StrEnum):
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"


class Stays(StrEnum):
    """What an event does that changes nothing."""

    DONE = "done"
    """It is as the event wants it."""
    REFUSED = "refused"


TRANSITIONS: Mapping[tuple[State, Event], State | Stays] = {
    (State.PENDING, Event.POST): State.POSTED,
    (State.PENDING, Event.VOID): State.VOIDED,
    (State.PENDING, Event.EXPIRE): State.EXPIRED,
    (State.POSTED, Event.POST): Stays.DONE,
    (State.POSTED, Event.VOID): Stays.REFUSED,
    (State.POSTED, Event.EXPIRE): Stays.DONE,
    (State.VOIDED, Event.POST): Stays.REFUSED,
    (State.VOIDED, Event.VOID): Stays.DONE,
    (State.VOIDED, Event.EXPIRE): Stays.DONE,
    (State.EXPIRED, Event.POST): Stays.REFUSED,
    (State.EXPIRED, Event.VOID): Stays.DONE,
    (State.EXPIRED, Event.EXPIRE): Stays.DONE,
}


_OVER = {
    State.POSTED: "it was posted before",
    State.VOIDED: "it was voided before",
    State.EXPIRED: "it has expired",
}


@dataclass(frozen=True, slots=True)
class Pending:
    """A movement in two phases. `amount` is held at `debit` while it is pending.

    `posted` is what was moved in the end. `who` and `memo` are of its beginning.
    """

    pending_id: str
    key: str
    kind: str
    debit_id: int
    debit: str
    credit_id: int
    credit: str
    amount: Decimal
    currency: str
    memo: str
    who: str
    at: datetime
    expires_at: datetime
    state: State
    posted: Decimal | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_memo: str = ""


def after(pending: Pending, event: Event, amount: Decimal | None = None) -> State | NotMoved | None:
    """The state that an event leads to; None where it is so already, and nothing is to be done.

    `amount` is what is to be posted.
    """
    outcome = TRANSITIONS[pending.state, event]
    if outcome is Stays.REFUSED:
        return NotMoved(_OVER[pending.state])
    if event is Event.POST and (refused := _unfit(pending, amount)):
        return refused
    return outcome if isinstance(outcome, State) else None


def _unfit(pending: Pending, amount: Decimal | None) -> NotMoved | None:
    """Why a post of this amount is not what was held, or what was posted before."""
    wanted = pending.amount if amount is None else amount
    if pending.posted is not None and wanted != pending.posted:
        return NotMoved(f"it was posted with {plain(pending.posted)} before, not {plain(wanted)}")
    if wanted > pending.amount:
        return NotMoved(f"{plain(pending.amount)} is held, {plain(wanted)} cannot be posted")
    return None
