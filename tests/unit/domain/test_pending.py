"""Movements in two phases: every state × event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from controller.domain.movements import NotMoved
from controller.domain.pending import TRANSITIONS, Event, Pending, State, after

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HELD = Pending(
    "5d5e0e6c-5ab4-5a0a-8d4b-5f1f0a4b1c11",
    "order 7",
    "transfer",
    1,
    "agent",
    2,
    "customer",
    Decimal(6),
    "USD",
    "",
    "anna",
    NOW,
    NOW + timedelta(days=1),
    State.PENDING,
)
AS_BEFORE = None

# in each state, what each event does
TABLE: dict[State, dict[Event, State | str | None]] = {
    State.PENDING: {
        Event.POST: State.POSTED,
        Event.VOID: State.VOIDED,
        Event.EXPIRE: State.EXPIRED,
    },
    State.POSTED: {
        Event.POST: AS_BEFORE,
        Event.VOID: "it was posted before",
        Event.EXPIRE: AS_BEFORE,
    },
    State.VOIDED: {
        Event.POST: "it was voided before",
        Event.VOID: AS_BEFORE,
        Event.EXPIRE: AS_BEFORE,
    },
    State.EXPIRED: {
        Event.POST: "it has expired",
        Event.VOID: AS_BEFORE,
        Event.EXPIRE: AS_BEFORE,
    },
}


def in_state(state: State) -> Pending:
    return replace(HELD, state=state, posted=HELD.amount if state is State.POSTED else None)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_every_state_and_event(state: State, event: Event) -> None:
    outcome = after(in_state(state), event)
    wanted = TABLE[state][event]
    assert outcome == (NotMoved(wanted) if wanted and not isinstance(wanted, State) else wanted)


def test_the_table_has_every_pair() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in State for event in Event}


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [
        (None, State.POSTED),
        ("6", State.POSTED),
        ("0.0000000001", State.POSTED),
        ("6.0000000001", "6 is held, 6.0000000001 cannot be posted"),
    ],
)
def test_a_part_may_be_posted_but_no_more_than_is_held(
    amount: str | None, outcome: State | str
) -> None:
    done = after(HELD, Event.POST, Decimal(amount) if amount else None)
    assert done == (outcome if isinstance(outcome, State) else NotMoved(outcome))


@pytest.mark.parametrize(
    ("posted", "amount", "outcome"),
    [
        ("6", None, None),
        ("6", "6", None),
        ("2", "2", None),
        ("2", None, "it was posted with 2 before, not 6"),
        ("2", "3", "it was posted with 2 before, not 3"),
        ("2", "9", "it was posted with 2 before, not 9"),
    ],
)
def test_it_is_posted_once(posted: str, amount: str | None, outcome: str | None) -> None:
    done = replace(HELD, state=State.POSTED, posted=Decimal(posted))
    again = after(done, Event.POST, Decimal(amount) if amount else None)
    assert again == (NotMoved(outcome) if outcome else None)
