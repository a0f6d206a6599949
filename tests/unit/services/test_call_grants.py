"""The grants of calls in progress: renewed in time, and armed again by whoever takes over."""

from decimal import Decimal

import pytest

from controller.bootstrap.tenure import TICK_S
from controller.domain.admission import Admitted
from controller.domain.call_flow import State
from controller.domain.cdr import EndedBy
from controller.domain.configuration import CallParameters
from controller.domain.reasons import Reason
from controller.domain.tariff import parse_tariff
from controller.services.calls import EXTENSION_RETRY_S
from controller.services.journal_entries import Extend, Failed
from controller.services.planning import renewal_lead_s
from tests.unit.domain.builders import CUSTOMER, NOW_US, VENDOR_GATEWAYS, World, answered, rate
from tests.unit.memory_store import MemoryCallStore
from tests.unit.stage import Stage

ALPHA = VENDOR_GATEWAYS["alpha"]


# -- renewal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted_s", "lead_s"),
    [(1, 0.5), (5, 2.5), (6, 3), (8, 3), (12, 3), (20, 5), (40, 10), (60, 10), (7200, 10)],
)
def test_a_grant_is_renewed_a_quarter_before_its_end_within_three_and_ten_seconds(
    granted_s: int, lead_s: float
) -> None:
    assert renewal_lead_s(granted_s) == lead_s


def test_every_quantum_is_renewed_before_its_timer_can_fire() -> None:
    """A second for the switch's whole seconds, one for the rounding of what is left, and a tick."""
    assert all(renewal_lead_s(quantum_s) >= 2 + TICK_S for quantum_s in range(5, 901))


def test_renewals_go_on_for_as_long_as_the_call_talks() -> None:
    stage = Stage()
    name = stage.connect()
    stage.clock.advance(12)
    stage.answer(name)
    stage.pass_time(240)
    assert stage.link.timers == [
        (name, 120, 60, 70),
        (name, 180, 120, 70),
        (name, 240, 180, 70),
        (name, 300, 240, 70),
    ]
    assert stage.store.customer.reserved == Decimal("0.30")
    stage.hang_up(name)
    assert stage.store.record(name).net == Decimal("0.24")
    stage.store.check_nothing_is_held()


def test_a_renewal_is_asked_once_however_long_the_answer_takes() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(50)
    for _ in range(5):
        stage.calls.tick()
        stage.clock.advance(1)
    assert stage.journal.kinds() == ["Admit", "Answered", "Extend"]
    stage.journal.flush()
    assert stage.link.timers == [(name, 120, 60, 65)]


def test_a_call_that_rings_is_not_renewed() -> None:
    stage = Stage()
    stage.connect()
    stage.pass_time(110, step_s=1)
    assert stage.journal.kinds() == ["Admit"]


def test_when_the_money_is_gone_the_timer_stands_and_the_reason_is_named() -> None:
    stage = Stage(store=MemoryCallStore("0.12"))
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(115)
    assert stage.link.timers == [(name, 120, 60, 70)]
    assert stage.link.endings == [(name, Reason.BALANCE_EXHAUSTED)]
    assert stage.link.hang_ups == []
    assert stage.calls.calls[name].state is State.LAST_GRANT
    stage.clock.advance(5)
    stage.hang_up(name, cause="ALLOTTED_TIMEOUT", platform_reason="balance_exhausted")
    record = stage.store.record(name)
    assert (record.reason, record.ended_by, record.net) == (
        Reason.BALANCE_EXHAUSTED,
        EndedBy.SERVER,
        Decimal("0.12"),
    )
    assert stage.store.customer.balance == 0
    stage.store.check_nothing_is_held()


def test_the_last_seconds_that_can_be_paid_are_granted() -> None:
    """0.06 a minute by the second, 0.085 in all: 85 s."""
    world = World(sell_rates=[rate("39", parse_tariff("0|0:0.06/60/1"))])
    stage = Stage(world, MemoryCallStore("0.085"))
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(80)
    assert stage.link.timers == [(name, 85, 60, 35)]
    assert stage.link.endings == [(name, Reason.BALANCE_EXHAUSTED)]


def test_the_longest_call_is_named_too() -> None:
    world = World(parameters=CallParameters(max_duration_s=90))
    stage = Stage(world)
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(85)
    assert stage.link.timers == [(name, 90, 60, 40)]
    assert stage.link.endings == [(name, Reason.MAX_DURATION)]


def test_a_call_never_runs_past_its_grant_even_when_the_clock_is_at_its_end() -> None:
    """The answer took so long that less than a second is left: the timer is one second."""
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(50)
    stage.calls.tick()
    stage.clock.advance(69.9)
    stage.journal.flush()
    assert stage.link.timers == [(name, 120, 60, 1)]


def test_without_a_database_the_renewal_is_tried_again_until_the_timer_ends_the_call() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(50)
    for _ in range(3):
        stage.calls.tick()
        entry = stage.journal.waiting.pop()
        assert isinstance(entry, Extend)
        stage.calls.on_outcomes([(entry, Failed("connection refused", retry=True))])
        stage.clock.advance(EXTENSION_RETRY_S - 0.1)
        stage.calls.tick()
        assert not stage.journal.waiting
        stage.clock.advance(0.1)
    stage.calls.tick()
    stage.journal.flush()
    assert stage.link.timers == [(name, 120, 60, 67)]
    assert stage.link.endings == []


def test_a_renewal_that_the_database_will_never_take_is_not_repeated() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(50)
    stage.calls.tick()
    entry = stage.journal.waiting.pop()
    stage.calls.on_outcomes([(entry, Failed("refused", retry=False))])
    stage.pass_time(20)
    assert stage.journal.kinds().count("Extend") == 1
    assert stage.link.timers == []
    assert name in stage.calls.calls


def test_many_calls_are_renewed_each_at_its_own_time() -> None:
    stage = Stage()
    names = []
    for number in range(1, 6):
        names.append(stage.connect(number))
        stage.answer(names[-1])
        stage.pass_time(2)
    stage.pass_time(45)
    assert [timer[0] for timer in stage.link.timers] == names[:3]
    assert {timer[3] for timer in stage.link.timers} == {70}


# -- taking over -----------------------------------------------------------------------------


def test_a_talking_call_of_another_process_is_armed_and_renewed() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(60)
    made, granted_s, _ = stage.store.open_calls("fs1")[0]
    stage.link.timers.clear()

    successor = stage.new_process()
    granted = Admitted(granted_s, payers=made.payers)
    successor.adopt(made, granted, stage.clock.monotonic() - 60, NOW_US)
    assert stage.link.timers == [(name, 120, 60, 60)]
    stage.pass_time(50)
    assert stage.link.timers[1:] == [(name, 180, 120, 70)]
    stage.clock.advance(5)
    stage.hang_up(name)
    assert stage.store.record(name).net == Decimal("0.12")
    stage.store.check_nothing_is_held()


def test_a_ringing_call_of_another_process_waits_for_its_answer() -> None:
    stage = Stage()
    name = stage.connect()
    made, granted_s, _ = stage.store.open_calls("fs1")[0]
    plan = stage.link.plan_of(name)
    successor = stage.new_process()
    successor.adopt(made, Admitted(granted_s, payers=made.payers), None, 0)
    assert stage.link.timers == []
    stage.clock.advance(3)
    successor.on_answered(
        answered(plan.attempts[1].leg_id, call_id=name, answered_us=stage.stamp_us())
    )
    stage.journal.flush()
    assert stage.store.kept.holdings.lines["routing", ALPHA].used == 0
    stage.pass_time(50)
    assert stage.link.timers == [(name, 120, 60, 70)]


def test_a_call_that_another_process_admitted_is_settled_from_its_stored_ticket() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(30)
    stage.new_process()
    stage.hang_up(name)
    record = stage.store.record(name)
    assert (record.net, record.routing_gateway, record.account_id) == (
        Decimal("0.06"),
        "alpha",
        CUSTOMER,
    )
    stage.store.check_nothing_is_held()


def test_timers_that_a_lost_link_swallowed_are_armed_again() -> None:
    stage = Stage()
    extended, fresh, ringing = stage.connect(1), stage.connect(2), stage.connect(3)
    stage.answer(extended)
    stage.link.up = False
    stage.pass_time(51)
    stage.link.up = True
    stage.answer(fresh)
    assert stage.link.timers == []
    stage.calls.arm_timers_again()
    assert stage.link.timers == [(extended, 120, 60, 69)]
    assert ringing in stage.calls.calls
