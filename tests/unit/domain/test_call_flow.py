"""Every state × every signal, written out."""

import pytest

from controller.domain.call_flow import TRANSITIONS, Do, Signal, State, step

S, G = State, Signal

# signal      offered      connecting  talking     last_grant  turned_away  ended
TABLE = """
admitted        connecting   .           .           .           .            .
admitted_late   turned_away  .           .           .           .            .
refused         turned_away  .           .           .           .            .
answered        .            talking     .           .           .            .
grant_runs_out  .            .           talking     .           .            .
extended        .            .           talking     .           .            .
not_extended    .            .           last_grant  .           .            .
hung_up         ended        ended       ended       ended       ended        .
"""
STATES = [S.OFFERED, S.CONNECTING, S.TALKING, S.LAST_GRANT, S.TURNED_AWAY, S.ENDED]

DONE = {
    (S.OFFERED, G.ADMITTED): (Do.SEND_PLAN,),
    (S.OFFERED, G.ADMITTED_LATE): (),
    (S.OFFERED, G.REFUSED): (Do.SEND_REFUSAL,),
    (S.OFFERED, G.HUNG_UP): (Do.SETTLE,),
    (S.CONNECTING, G.ANSWERED): (Do.RECORD_ANSWER, Do.WATCH_GRANT),
    (S.CONNECTING, G.HUNG_UP): (Do.SETTLE,),
    (S.TALKING, G.GRANT_RUNS_OUT): (Do.ASK_EXTENSION,),
    (S.TALKING, G.EXTENDED): (Do.ARM_TIMER, Do.WATCH_GRANT),
    (S.TALKING, G.NOT_EXTENDED): (),
    (S.TALKING, G.HUNG_UP): (Do.SETTLE,),
    (S.LAST_GRANT, G.HUNG_UP): (Do.SETTLE,),
    (S.TURNED_AWAY, G.HUNG_UP): (Do.SETTLE,),
}


def rows() -> list[tuple[State, Signal, State]]:
    written = []
    for line in TABLE.split("\n"):
        if not line.strip():
            continue
        name, *cells = line.split()
        for state, cell in zip(STATES, cells, strict=True):
            written.append((state, Signal(name), state if cell == "." else State(cell)))
    return written


def test_the_table_has_every_pair_once() -> None:
    pairs = [(state, signal) for state, signal, _ in rows()]
    assert sorted(pairs) == sorted((state, signal) for state in State for signal in Signal)


@pytest.mark.parametrize(("state", "signal", "then"), rows())
def test_state_and_signal(state: State, signal: Signal, then: State) -> None:
    assert step(state, signal) == (then, DONE.get((state, signal), ()))


def test_a_call_is_settled_exactly_once_whatever_comes() -> None:
    """SETTLE comes only with the transition to ENDED, and nothing leads out of it."""
    for (state, _), (then, done) in TRANSITIONS.items():
        assert (Do.SETTLE in done) == (then is State.ENDED)
        assert state is not State.ENDED


def test_a_plan_is_sent_only_from_offered() -> None:
    senders = [
        state
        for (state, _), (_, done) in TRANSITIONS.items()
        if {Do.SEND_PLAN, Do.SEND_REFUSAL} & {*done}
    ]
    assert set(senders) == {State.OFFERED}
