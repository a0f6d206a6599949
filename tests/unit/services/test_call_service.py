"""Every call of one switch, from offer to settlement, with fakes behind the ports."""

from dataclasses import replace
from decimal import Decimal

import pytest

from controller.domain.admission import AdmissionRules
from controller.domain.call_record import RecordRules
from controller.domain.cdr import EndedBy
from controller.domain.configuration import CallParameters, Route
from controller.domain.events import CallEnded
from controller.domain.holdings import Lines
from controller.domain.plan import STOP_CAUSES, Media
from controller.domain.reasons import Reason
from controller.domain.tariff import parse_tariff
from controller.services.calls import EXTENSION_RETRY_S, PLAN_DEADLINE_S, SHED_AFTER_S
from controller.services.journal_entries import (
    Admit,
    Answered,
    Attempted,
    End,
    Entry,
    Extend,
    Failed,
    Outcome,
    Settled,
)
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    NOW_US,
    VENDOR_GATEWAYS,
    World,
    admitted,
    answered,
    attempt_ended,
    call_id,
    ended,
    extended,
    leg_id,
    offered,
    rate,
)
from tests.unit.memory_store import MemoryCallStore
from tests.unit.stage import Stage

ALPHA, BETA, GAMMA = VENDOR_GATEWAYS.values()


def unanswered_end(stage: Stage, name: str, **changes: object) -> CallEnded:
    """What the switch reports when its fail-safe let a parked call go."""
    changes = {
        "cause": "NORMAL_TEMPORARY_FAILURE",
        "q850": 41,
        "sip_status": 0,
        "platform_reason": "controller_unavailable",
    } | changes
    return stage.hang_up(name, **changes)


CANCELED: dict[str, object] = {
    "cause": "ORIGINATOR_CANCEL",
    "q850": 16,
    "sip_status": 487,
    "hangup_by_caller": True,
}


# -- an ordinary call ------------------------------------------------------------------------


def test_a_whole_call_with_an_extension() -> None:
    """0.06 a minute; talks 75 s, so two minutes are charged and one renewal is made."""
    stage = Stage()
    name = stage.connect()
    plan = stage.link.plan_of(name)
    assert plan.granted_s == 60
    assert stage.store.customer.reserved == Decimal("0.06")
    assert stage.store.customer.lines == 1

    stage.clock.advance(2)
    stage.answer(name)
    stage.pass_time(49.75)
    assert stage.link.timers == []
    stage.pass_time(0.25)
    assert stage.link.timers == [(name, 120, 60, 70)]
    assert stage.store.customer.reserved == Decimal("0.12")

    stage.pass_time(25)
    stage.hang_up(name)
    record = stage.store.record(name)
    assert (record.reason, record.duration_s, record.net) == (
        Reason.ANSWERED,
        75,
        Decimal("0.12"),
    )
    assert record.cost == Decimal("0.025")
    assert (record.routing_gateway, record.callee_sent) == ("alpha", CALLEE)
    assert stage.spool.discarded == [name]
    assert stage.calls.calls == {}
    assert stage.store.customer.balance == Decimal("9.88")
    stage.store.check_nothing_is_held()
    assert stage.journal.kinds() == ["Admit", "Answered", "Extend", "End"]


def test_one_command_for_an_ordinary_call() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(30)
    stage.hang_up(name)
    assert len(stage.link.plans) == 1
    assert not stage.link.timers
    assert not stage.link.endings
    assert not stage.link.hang_ups
    assert not stage.link.asked


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_hang_up_that_somebody_asked_for(is_answered: bool) -> None:
    """What the channel was told is the record's reason; the time talked is charged."""
    stage = Stage()
    name = stage.connect()
    if is_answered:
        stage.answer(name)
        stage.pass_time(30)
    stage.calls.hang_up(name)
    assert stage.link.hang_ups == [(name, Reason.ADMINISTRATOR)]
    stage.hang_up(
        name,
        cause="MANAGER_REQUEST",
        platform_reason="administrator",
        hangup_by_caller=False,
    )
    record = stage.store.record(name)
    assert (record.reason, record.ended_by) == (Reason.ADMINISTRATOR, EndedBy.SERVER)
    assert record.duration_s == (30 if is_answered else 0)
    stage.store.check_nothing_is_held()


def test_nothing_is_dialed_before_the_reservation_is_committed() -> None:
    stage = Stage()
    stage.offer()
    assert stage.link.plans == []
    assert stage.journal.kinds() == ["Admit"]
    stage.journal.flush()
    assert len(stage.link.plans) == 1


def test_the_plan_says_all_that_the_vendors_need() -> None:
    world = World(routes=[Route("39", ALPHA, 10), Route("39", BETA, 20), Route("39", GAMMA, 30)])
    world.trunk = replace(world.trunk, media=Media(("G729",), t38=True))
    world.change_gateway(
        "alpha",
        host="192.0.2.50",
        port=5070,
        transport="tcp",
        ring_timeout_s=33,
        progress_timeout_s=7,
        media=Media(("PCMA",)),
    )
    stage = Stage(world)
    plan = stage.link.plan_of(stage.connect())
    assert plan.media == Media(("G729",), t38=True)
    assert plan.stop_causes == STOP_CAUSES
    first = plan.attempts[0]
    assert (first.number, first.gateway, first.host, first.port, first.transport) == (
        1,
        "alpha",
        "192.0.2.50",
        5070,
        "tcp",
    )
    assert (first.ring_timeout_s, first.progress_timeout_s, first.media) == (
        33,
        7,
        Media(("PCMA",)),
    )
    assert (first.caller, first.callee) == (CALLER, CALLEE)
    assert [a.number for a in plan.attempts] == [1, 2, 3]
    assert len({a.leg_id for a in plan.attempts}) == 3


def test_only_vendors_that_got_a_line_are_in_the_plan() -> None:
    world = World(routes=[Route("39", ALPHA, 10), Route("39", BETA, 20), Route("39", GAMMA, 30)])
    stage = Stage(world)
    stage.store.kept.holdings.lines["routing", ALPHA] = Lines(1, 1)
    plan = stage.link.plan_of(stage.connect())
    assert [(a.number, a.gateway) for a in plan.attempts] == [(1, "beta"), (2, "gamma")]


def test_with_an_attempt_limit_a_full_vendor_is_not_an_attempt() -> None:
    """Limit 2; the first two vendors have no free line, the third carries the call."""
    world = World(routes=[Route("39", ALPHA, 10), Route("39", BETA, 20), Route("39", GAMMA, 30)])
    world.parameters = CallParameters(max_attempts=2)
    stage = Stage(world)
    for gateway in (ALPHA, BETA):
        stage.store.kept.holdings.lines["routing", gateway] = Lines(1, 1)
    plan = stage.link.plan_of(stage.connect())
    assert [a.gateway for a in plan.attempts] == ["gamma"]


def test_vendors_hold_a_line_until_another_answers() -> None:
    stage = Stage()
    name = stage.connect()
    lines = stage.store.kept.holdings.lines
    assert (lines["routing", ALPHA].used, lines["routing", BETA].used) == (1, 1)
    stage.answer(name, attempt=1)
    lines = stage.store.kept.holdings.lines
    assert (lines["routing", ALPHA].used, lines["routing", BETA].used) == (0, 1)
    stage.hang_up(name)
    stage.store.check_nothing_is_held()


def test_an_unanswered_call_gives_everything_back() -> None:
    stage = Stage()
    name = stage.connect()
    stage.clock.advance(20)
    stage.hang_up(name, cause="USER_BUSY", q850=17, sip_status=486)
    record = stage.store.record(name)
    assert (record.reason, record.net, record.account_id) == (Reason.BUSY, Decimal(0), CUSTOMER)
    assert stage.store.kept.postings == {}
    stage.store.check_nothing_is_held()


def test_attempts_are_recorded_as_they_were_reported() -> None:
    stage = Stage()
    name = stage.connect()
    leg = stage.link.plan_of(name).attempts[0].leg_id
    event = attempt_ended(leg_id=leg, call_id=name, caller_sent=CALLER, callee_sent=CALLEE)
    stage.calls.on_attempt_ended(event)
    stage.journal.flush()
    assert stage.store.kept.attempts[leg] == event


def test_an_attempt_that_is_told_after_the_end_of_its_call_is_recorded_too() -> None:
    """Recorded from a real switch: the vendor's leg may end after the caller's."""
    stage = Stage()
    name = stage.connect()
    stage.hang_up(name)
    event = attempt_ended(call_id=name)
    stage.calls.on_attempt_ended(event)
    stage.journal.flush()
    assert stage.store.kept.attempts == {event.leg_id: event}
    assert stage.calls.calls == {}


def test_attempts_of_unknown_calls_and_legs_are_recorded_too() -> None:
    stage = Stage()
    stage.calls.on_attempt_ended(attempt_ended(leg_id=leg_id(77)))
    name = stage.connect()
    stage.calls.on_attempt_ended(attempt_ended(leg_id=leg_id(78), call_id=name))
    stage.journal.flush()
    assert set(stage.store.kept.attempts) == {leg_id(77), leg_id(78)}


def test_decision_times_are_told() -> None:
    stage = Stage()
    stage.offer()
    stage.clock.advance(0.5)
    stage.journal.flush()
    assert stage.metrics.decision_times_s == [0.5]


def test_refusals_and_settlements_are_counted() -> None:
    stage = Stage()
    name = stage.offer(source_ip="203.0.113.99")
    stage.journal.flush()
    assert stage.metrics.refusals == [Reason.UNKNOWN_SOURCE]
    stage.calls.on_ended(stage.end(name))
    stage.journal.flush()
    assert stage.metrics.settlements == 1


def test_the_hold_time_threshold_is_that_of_the_configuration() -> None:
    world = World(parameters=CallParameters(hold_time_threshold_ms=999))
    stage = Stage(world)
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(10.9)
    stage.hang_up(name)
    assert stage.store.record(name).duration_s == 10


# -- refused ---------------------------------------------------------------------------------


def test_an_unknown_source_is_refused_at_once_and_recorded() -> None:
    stage = Stage()
    name = stage.offer(source_ip="203.0.113.9")
    assert stage.link.refusal_of(name) is Reason.UNKNOWN_SOURCE
    assert stage.journal.kinds() == []
    unanswered_end(stage, name, cause="CALL_REJECTED", platform_reason="unknown_source")
    record = stage.store.record(name)
    assert (record.reason, record.account_id, record.sip_status) == (
        Reason.UNKNOWN_SOURCE,
        None,
        403,
    )
    assert record.trace[-1][1] == "refused: unknown_source"
    assert stage.spool.discarded == [name]


def test_a_refusal_of_a_known_customer_is_recorded_at_its_account() -> None:
    stage = Stage()
    name = stage.offer(callee="4420123")
    assert stage.link.refusal_of(name) is Reason.NO_MATCHING_RATE
    unanswered_end(stage, name, cause="CALL_REJECTED", platform_reason="no_matching_rate")
    record = stage.store.record(name)
    assert (record.account_id, record.mapping_gateway) == (CUSTOMER, "customer-trunk")
    assert record.callee_received == "4420123"


def test_too_little_money_is_refused_with_the_figures_in_the_record() -> None:
    stage = Stage(store=MemoryCallStore("0.05"))
    name = stage.connect()
    assert stage.link.refusal_of(name) is Reason.INSUFFICIENT_BALANCE
    unanswered_end(stage, name, cause="CALL_REJECTED", platform_reason="insufficient_balance")
    record = stage.store.record(name)
    assert (record.reason, record.sip_status, record.ended_by) == (
        Reason.INSUFFICIENT_BALANCE,
        402,
        EndedBy.SERVER,
    )
    assert record.account_id == CUSTOMER
    assert record.trace[-1] == (
        "admit",
        "refused: insufficient_balance",
        "available 0.05, needed 0.06 for 60 s",
    )
    assert [step for step, *_ in record.trace][:2] == ["identify", "account"]
    stage.store.check_nothing_is_held()


def test_five_parallel_calls_are_admitted_and_the_sixth_is_not() -> None:
    """B3 through the whole service: 1.00, 0.10 a minute, two minutes reserved."""
    world = World(parameters=CallParameters(quantum_s=120))
    world.sell_rates = [rate("39", parse_tariff("0|0:0.10/60/60"))]
    stage = Stage(world, MemoryCallStore("1.00"))
    names = [stage.offer(number) for number in range(1, 7)]
    stage.journal.flush()
    assert len(stage.store.batches) == 1
    assert all(stage.link.plan_of(name).granted_s == 120 for name in names[:5])
    assert stage.link.refusal_of(names[5]) is Reason.INSUFFICIENT_BALANCE
    assert stage.store.customer.available == 0


def test_a_full_queue_refuses_new_calls_and_keeps_the_old_ones() -> None:
    stage = Stage()
    old = stage.connect(1)
    stage.journal.full = True
    new = stage.offer(2)
    assert stage.link.refusal_of(new) is Reason.OVERLOADED
    stage.answer(old)
    stage.hang_up(old)
    assert stage.store.record(old).reason is Reason.ANSWERED
    unanswered_end(stage, new, cause="CALL_REJECTED", platform_reason="overloaded")
    record = stage.store.record(new)
    assert (record.reason, record.account_id) == (Reason.OVERLOADED, CUSTOMER)
    stage.store.check_nothing_is_held()


def test_a_fault_of_ours_refuses_the_call_and_harms_no_other() -> None:
    stage = Stage()
    stage.world.trunk = replace(stage.world.trunk, account_id=999)
    broken = stage.offer(1)
    assert stage.link.refusal_of(broken) is Reason.INTERNAL_ERROR
    stage.world.trunk = replace(stage.world.trunk, account_id=CUSTOMER)
    assert stage.link.plan_of(stage.connect(2)).attempts
    unanswered_end(stage, broken, cause="CALL_REJECTED", platform_reason="internal_error")
    assert stage.store.record(broken).reason is Reason.INTERNAL_ERROR


def test_without_a_database_a_call_is_refused_and_nothing_stays() -> None:
    stage = Stage()
    name = stage.offer()
    (entry,) = stage.journal.waiting
    stage.journal.waiting.clear()
    stage.calls.on_outcomes([(entry, Failed("connection refused", retry=False))])
    assert stage.link.refusal_of(name) is Reason.STORE_UNAVAILABLE
    unanswered_end(stage, name, cause="CALL_REJECTED", platform_reason="store_unavailable")
    record = stage.store.record(name)
    assert (record.reason, record.sip_status, record.account_id) == (
        Reason.STORE_UNAVAILABLE,
        503,
        CUSTOMER,
    )
    stage.store.check_nothing_is_held()


def test_an_admission_that_was_committed_though_it_was_reported_lost_is_released() -> None:
    """The connection broke after the commit: the call is refused, its end finds the row."""
    stage = Stage()
    name = stage.offer()
    (entry,) = stage.journal.waiting
    stage.journal.waiting.clear()
    stage.store.commit([entry])
    stage.calls.on_outcomes([(entry, Failed("connection lost", retry=False))])
    assert stage.store.customer.reserved == Decimal("0.06")
    unanswered_end(stage, name, cause="CALL_REJECTED", platform_reason="store_unavailable")
    assert stage.store.record(name).reason is Reason.STORE_UNAVAILABLE
    stage.store.check_nothing_is_held()


# -- late ------------------------------------------------------------------------------------


def test_a_late_admission_sends_no_plan_and_its_reservation_is_released_at_the_end() -> None:
    stage = Stage()
    name = stage.offer()
    stage.clock.advance(PLAN_DEADLINE_S + 0.01)
    stage.journal.flush()
    assert stage.link.plans == []
    assert stage.store.customer.reserved == Decimal("0.06")
    unanswered_end(stage, name)
    record = stage.store.record(name)
    assert (record.reason, record.ended_by, record.sip_status) == (
        Reason.CONTROLLER_UNAVAILABLE,
        EndedBy.SERVER,
        503,
    )
    stage.store.check_nothing_is_held()


def test_an_admission_just_in_time_sends_its_plan() -> None:
    stage = Stage()
    name = stage.offer()
    stage.clock.advance(PLAN_DEADLINE_S - 0.01)
    stage.journal.flush()
    assert stage.link.plan_of(name).attempts


def test_the_deadline_counts_from_the_offer_at_the_switch() -> None:
    """0.4 s in the event queue and 1.7 s in the database: together too late."""
    stage = Stage()
    sent_us = stage.stamp_us()
    stage.clock.advance(0.4)
    name = stage.offer(offered_us=sent_us)
    stage.clock.advance(1.7)
    stage.journal.flush()
    assert stage.link.plans == []
    unanswered_end(stage, name)
    stage.store.check_nothing_is_held()


def test_an_offer_that_was_heard_late_is_refused_at_once() -> None:
    """Events come faster than they are handled: no decision, no admission, but an answer."""
    stage = Stage()
    sent_us = stage.stamp_us()
    stage.clock.advance(SHED_AFTER_S + 0.1)
    name = stage.offer(offered_us=sent_us)
    assert stage.link.refusal_of(name) is Reason.OVERLOADED
    assert stage.journal.kinds() == []
    assert stage.metrics.refusals == [Reason.OVERLOADED]
    unanswered_end(stage, name)
    assert stage.store.record(name).reason == Reason.OVERLOADED
    assert stage.calls.calls == {}


def test_an_offer_that_comes_too_late_is_not_even_decided() -> None:
    stage = Stage()
    sent_us = stage.stamp_us()
    stage.clock.advance(PLAN_DEADLINE_S + 0.1)
    name = stage.offer(offered_us=sent_us)
    assert stage.journal.kinds() == []
    assert stage.link.plans == []
    unanswered_end(stage, name)
    assert stage.store.record(name).sip_status == 503
    assert stage.calls.calls == {}


def test_a_switch_clock_ahead_of_ours_does_no_harm() -> None:
    stage = Stage()
    name = stage.connect(offered_us=stage.stamp_us() + 3_600_000_000)
    assert stage.link.plan_of(name).attempts


# -- ended before the admission came back ----------------------------------------------------


def test_a_caller_who_gives_up_before_the_admission_is_charged_nothing() -> None:
    stage = Stage()
    name = stage.offer()
    unanswered_end(stage, name, **CANCELED)
    assert stage.link.plans == []
    record = stage.store.record(name)
    assert (record.reason, record.ended_by, record.sip_status) == (
        Reason.CANCELED,
        EndedBy.CALLER,
        487,
    )
    assert record.account_id == CUSTOMER
    stage.store.check_nothing_is_held()
    assert stage.calls.calls == {}


def test_a_caller_who_gives_up_before_a_refusal_is_recorded_at_the_account() -> None:
    stage = Stage(store=MemoryCallStore("0"))
    name = stage.offer()
    unanswered_end(stage, name, **CANCELED)
    assert stage.link.plans == []
    record = stage.store.record(name)
    assert (record.account_id, record.mapping_gateway) == (CUSTOMER, "customer-trunk")
    assert record.trace
    assert record.ended_by is EndedBy.CALLER
    stage.store.check_nothing_is_held()


def test_a_call_that_the_failsafe_ended_while_the_database_was_away_was_not_canceled() -> None:
    stage = Stage(store=MemoryCallStore("0"))
    name = stage.offer()
    stage.clock.advance(3)
    unanswered_end(stage, name)
    record = stage.store.record(name)
    assert (record.reason, record.ended_by, record.account_id) == (
        Reason.CONTROLLER_UNAVAILABLE,
        EndedBy.SERVER,
        CUSTOMER,
    )


# -- duplicates and disorder -----------------------------------------------------------------


def test_events_that_come_twice_count_once() -> None:
    stage = Stage()
    name = stage.connect()
    stage.calls.on_offered(offered(call_id=name, offered_us=stage.stamp_us()))
    stage.answer(name)
    stage.clock.advance(5)
    stage.calls.on_answered(replace(stage.answers[name], answered_us=stage.stamp_us()))
    stage.clock.advance(5)
    event = stage.end(name)
    stage.calls.on_ended(event)
    stage.calls.on_ended(event)
    stage.journal.flush()
    assert stage.journal.kinds() == ["Admit", "Answered", "End"]
    stage.calls.on_ended(event)  # from the spool, after all was settled
    stage.journal.flush()
    assert len(stage.store.kept.records) == 1
    assert len(stage.store.kept.postings) == 2
    stage.store.check_nothing_is_held()


def test_a_second_answer_does_not_move_the_start_of_the_call() -> None:
    """Else the timer of the extension would run past what was reserved."""
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.pass_time(40)
    stage.calls.on_answered(replace(stage.answers[name], answered_us=stage.stamp_us()))
    stage.pass_time(10)
    assert stage.link.timers == [(name, 120, 60, 70)]


def test_an_answer_that_is_told_late_counts_from_the_switchs_stamp() -> None:
    stage = Stage()
    name = stage.connect()
    stamp_us = stage.stamp_us()
    stage.clock.advance(20)
    leg = stage.link.plan_of(name).attempts[0].leg_id
    stage.calls.on_answered(answered(leg, call_id=name, answered_us=stamp_us))
    stage.journal.flush()
    stage.pass_time(30)
    assert stage.link.timers == [(name, 120, 60, 70)]


def test_an_answer_after_the_end_changes_nothing() -> None:
    stage = Stage()
    name = stage.connect()
    leg = stage.link.plan_of(name).attempts[0].leg_id
    stage.calls.on_ended(stage.end(name))
    stage.calls.on_answered(answered(leg, call_id=name, answered_us=stage.stamp_us()))
    stage.journal.flush()
    stage.pass_time(120, step_s=10)
    assert stage.journal.kinds() == ["Admit", "End"]
    stage.store.check_nothing_is_held()


def test_events_of_unknown_calls_are_kept_for_the_record_only() -> None:
    stage = Stage()
    stage.calls.on_answered(answered(call_id=call_id(5)))
    stage.calls.on_ended(ended(call_id=call_id(5)))
    stage.journal.flush()
    assert stage.journal.kinds() == ["End"]
    assert stage.store.record(call_id(5)).account_id is None


def test_outcomes_of_forgotten_calls_are_nobodys_business() -> None:
    stage = Stage()
    name = stage.connect()
    made = stage.calls.calls[name].ticket
    assert made is not None
    granted = admitted(60, "1", ALPHA, of=made)
    more = extended(120, "2", of=made)
    stage.calls.calls.clear()
    outcomes: list[tuple[Entry, Outcome]] = [
        (Admit(made, AdmissionRules()), granted),
        (Extend(made, 60, NOW_US), more),
        (Extend(made, 60, NOW_US), Failed("x", retry=True)),
        (End(ended(call_id=name), made, None, RecordRules()), Settled(None)),
    ]
    stage.calls.on_outcomes(outcomes)
    assert len(stage.link.plans) == 1
    assert not stage.link.timers
    assert not stage.link.endings


def test_an_extension_that_comes_after_the_end_arms_no_timer() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.clock.advance(50)
    stage.calls.tick()
    stage.calls.on_ended(stage.end(name))
    stage.journal.flush()
    assert stage.journal.kinds() == ["Admit", "Answered", "Extend", "End"]
    assert stage.link.timers == []
    stage.store.check_nothing_is_held()


# -- settling --------------------------------------------------------------------------------


def test_a_record_that_could_not_be_written_stays_in_the_spool() -> None:
    stage = Stage()
    name = stage.connect()
    stage.calls.on_ended(stage.end(name))
    (entry,) = stage.journal.waiting
    assert isinstance(entry, End)
    stage.journal.waiting.clear()
    stage.calls.on_outcomes([(entry, Failed("refused", retry=False))])
    assert stage.spool.discarded == []
    assert stage.calls.calls == {}


def test_a_file_is_discarded_only_when_its_call_is_settled() -> None:
    stage = Stage()
    name = stage.connect()
    stage.calls.on_ended(stage.end(name))
    assert stage.spool.discarded == []
    stage.journal.flush()
    assert stage.spool.discarded == [name]


def test_entries_carry_what_settlement_needs() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.calls.on_attempt_ended(attempt_ended(call_id=name))
    stage.calls.on_ended(stage.end(name))
    admit, answer, attempt, end = stage.journal.seen
    assert isinstance(admit, Admit)
    assert isinstance(answer, Answered)
    assert isinstance(attempt, Attempted)
    assert isinstance(end, End)
    assert admit.rules.quantum_s == 60
    assert answer.gateway_id == ALPHA
    assert end.ticket == admit.ticket
    assert {entry.call_id for entry in stage.journal.seen} == {name}


def test_an_end_without_a_place_in_the_queue_is_left_to_the_cdr_file() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    ended = stage.end(name)
    stage.journal.overflowing = True
    stage.calls.on_ended(ended)
    assert name not in stage.calls.calls
    assert stage.spool.discarded == []
    # the database is back; recovery reads the file and tells the end again
    stage.journal.overflowing = False
    stage.calls.on_ended(ended)
    stage.journal.flush()
    assert stage.spool.discarded == [name]


def test_an_extension_without_a_place_is_asked_for_again() -> None:
    stage = Stage()
    name = stage.connect()
    stage.answer(name)
    stage.journal.overflowing = True
    stage.clock.advance(51)
    stage.calls.tick()
    stage.journal.overflowing = False
    stage.clock.advance(EXTENSION_RETRY_S)
    stage.calls.tick()
    assert stage.journal.kinds()[-1] == "Extend"
