"""Every state of a call in the controller and every transition, as one table.

State × signal → next state and what is to be done. A pair that is not in the table changes
nothing: signals may come late, twice or out of order.
"""

from enum import StrEnum


class State(StrEnum):
    OFFERED = "offered"
    CONNECTING = "connecting"
    TALKING = "talking"
    LAST_GRANT = "last_grant"
    TURNED_AWAY = "turned_away"
    ENDED = "ended"


class Signal(StrEnum):
    ADMITTED = "admitted"
    ADMITTED_LATE = "admitted_late"
    REFUSED = "refused"
    ANSWERED = "answered"
    GRANT_RUNS_OUT = "grant_runs_out"
    EXTENDED = "extended"
    NOT_EXTENDED = "not_extended"
    HUNG_UP = "hung_up"


class Do(StrEnum):
    SEND_PLAN = "send_plan"
    SEND_REFUSAL = "send_refusal"
    RECORD_ANSWER = "record_answer"
    WATCH_GRANT = "watch_grant"
    ASK_EXTENSION = "ask_extension"
    ARM_TIMER = "arm_timer"
    SETTLE = "settle"


_HANG_UP = (State.ENDED, (Do.SETTLE,))

TRANSITIONS: dict[tuple[State, Signal], tuple[State, tuple[Do, ...]]] = {
    (State.OFFERED, Signal.ADMITTED): (State.CONNECTING, (Do.SEND_PLAN,)),
    # too late: the switch's fail-safe has or will have let the call go; a plan now is discarded
    (State.OFFERED, Signal.ADMITTED_LATE): (State.TURNED_AWAY, ()),
    (State.OFFERED, Signal.REFUSED): (State.TURNED_AWAY, (Do.SEND_REFUSAL,)),
    (State.OFFERED, Signal.HUNG_UP): _HANG_UP,
    (State.CONNECTING, Signal.ANSWERED): (State.TALKING, (Do.RECORD_ANSWER, Do.WATCH_GRANT)),
    (State.CONNECTING, Signal.HUNG_UP): _HANG_UP,
    (State.TALKING, Signal.GRANT_RUNS_OUT): (State.TALKING, (Do.ASK_EXTENSION,)),
    (State.TALKING, Signal.EXTENDED): (State.TALKING, (Do.ARM_TIMER, Do.WATCH_GRANT)),
    # the switch's timer ends the call when what was granted is used up
    (State.TALKING, Signal.NOT_EXTENDED): (State.LAST_GRANT, ()),
    (State.TALKING, Signal.HUNG_UP): _HANG_UP,
    (State.LAST_GRANT, Signal.HUNG_UP): _HANG_UP,
    (State.TURNED_AWAY, Signal.HUNG_UP): _HANG_UP,
}


def step(state: State, signal: Signal) -> tuple[State, tuple[Do, ...]]:
    """The next state and its actions; an unlisted pair stays and does nothing."""
    return TRANSITIONS.get((state, signal), (state, ()))
