"""Database, switch and memory brought together: after a lost link, a restart, and now and then."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.call_flow import State
from controller.domain.events import CallEnded, SwitchConnected
from controller.domain.reasons import Reason
from controller.services import recovery as recovery_module
from controller.services.recovery import GRACE_S, Recovery
from tests.unit.domain.builders import CUSTOMER, SWITCH, VENDOR_GATEWAYS, call_id
from tests.unit.stage import Stage

ALPHA = VENDOR_GATEWAYS["alpha"]
ONE, TWO = (f"c95d0ccd-a4a4-45bc-b034-44e9e626256{n}" for n in (1, 2))


class Scene(Stage):
    """A stage with a recovery; `reconcile` passes once and commits what it found."""

    def __init__(self) -> None:
        super().__init__()
        self.recovery = self._recovery()

    def _recovery(self) -> Recovery:
        return Recovery(
            self.link, self.store, self.spool, self.calls, self.clock, self.calls.on_ended
        )

    def restart(self) -> None:
        """The controller dies and another one starts on the same store and switch."""
        self.new_process()
        self.recovery = self._recovery()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run(work)
        if not self.store.away:
            self.journal.flush()

    def reconcile(self) -> None:
        self.run(self.recovery.reconcile())

    def connected(self, instance: str = ONE) -> None:
        self.run(self.recovery.on_connected(SwitchConnected(SWITCH, instance)))

    def talking(self, number: int = 1, for_s: float = 0) -> str:
        """A call that the switch has and that has talked for a while."""
        name = self.connect(number)
        assert self.link.channels is not None
        self.link.channels.add(name)
        self.answer(name)
        self.link.answered[name] = self.stamp_us()
        self.pass_time(for_s)
        return name

    def ringing(self, number: int = 1) -> str:
        name = self.connect(number)
        assert self.link.channels is not None
        self.link.channels.add(name)
        return name


# -- taking over -----------------------------------------------------------------------------


def test_a_talking_call_is_taken_over_with_its_grant() -> None:
    scene = Scene()
    name = scene.talking(for_s=60)
    scene.link.timers.clear()
    scene.restart()
    scene.reconcile()
    call = scene.calls.calls[name]
    assert call.state is State.TALKING
    assert call.granted is not None
    assert call.granted.granted_s == 120
    assert scene.store.customer.reserved == Decimal("0.12")
    # its predecessor's timer may still be the one of the grant before
    assert scene.link.timers == [(name, 120, 60, 60)]
    scene.pass_time(50)
    assert scene.link.timers[1:] == [(name, 180, 120, 70)]


def test_the_switch_knows_best_when_the_call_was_answered() -> None:
    """The answer came while nobody listened: the database doesn't know of it."""
    scene = Scene()
    name = scene.ringing()
    scene.clock.advance(5)
    scene.link.answered[name] = scene.stamp_us()
    scene.clock.advance(20)
    scene.restart()
    scene.reconcile()
    assert scene.calls.calls[name].state is State.TALKING
    assert scene.link.timers == [(name, 60, 0, 40)]


def test_the_databases_word_on_the_answer_where_the_switch_has_none() -> None:
    scene = Scene()
    name = scene.talking(for_s=20)
    scene.link.answered[name] = None
    scene.restart()
    scene.reconcile()
    assert scene.calls.calls[name].state is State.TALKING
    assert scene.link.timers == [(name, 60, 0, 40)]


def test_a_ringing_call_is_taken_over_without_a_timer() -> None:
    scene = Scene()
    name = scene.ringing()
    scene.restart()
    scene.reconcile()
    assert scene.calls.calls[name].state is State.CONNECTING
    assert scene.link.timers == []


def test_calls_in_memory_are_left_alone() -> None:
    scene = Scene()
    name = scene.talking(for_s=10)
    before = scene.calls.calls[name]
    scene.link.asked.clear()
    scene.reconcile()
    scene.reconcile()
    assert scene.calls.calls == {name: before}
    assert scene.link.timers == []
    assert scene.link.asked == []


def test_calls_of_other_switches_are_not_touched() -> None:
    scene = Scene()
    scene.connect(switch_id="fs2")
    scene.restart()
    for _ in range(3):
        scene.reconcile()
        scene.clock.advance(GRACE_S)
    assert scene.calls.calls == {}
    assert len(scene.store.kept.open) == 1


def test_a_call_that_ends_while_it_is_taken_over_leaves_nothing_behind() -> None:
    scene = Scene()
    name = scene.talking(for_s=10)
    end = scene.end(name)
    scene.restart()

    def ends_now(_call_id: str) -> None:
        assert scene.link.channels is not None
        scene.link.channels.discard(name)
        scene.calls.on_ended(end)
        scene.journal.flush()

    scene.link.while_asked = ends_now
    scene.reconcile()
    assert scene.calls.calls == {}
    assert scene.store.record(name).duration_s == 10
    scene.store.check_nothing_is_held()


# -- unknown is never ended ------------------------------------------------------------------


def test_a_switch_that_does_not_say_what_it_has_changes_nothing() -> None:
    scene = Scene()
    name = scene.talking(for_s=10)
    scene.link.channels = None
    for _ in range(5):
        scene.reconcile()
        scene.clock.advance(GRACE_S)
    assert set(scene.store.kept.open) == {name}
    assert scene.store.kept.records == {}
    assert scene.calls.calls[name].state is State.TALKING


def test_a_call_that_is_missing_once_is_not_gone() -> None:
    scene = Scene()
    name = scene.talking()
    scene.link.channels = set()
    scene.reconcile()
    scene.clock.advance(GRACE_S - 0.1)
    scene.reconcile()
    assert set(scene.store.kept.open) == {name}
    assert scene.store.kept.records == {}


def test_a_call_that_is_missing_twice_and_does_not_exist_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    record = scene.store.record(name)
    assert (record.reason, record.net, record.duration_s) == (Reason.VANISHED, Decimal(0), 0)
    assert record.account_id == CUSTOMER
    assert "talk time unknown" in record.review
    assert scene.calls.calls == {}
    scene.store.check_nothing_is_held()
    gone, released = (line for line in caplog.records if line.levelno >= logging.WARNING)
    assert (gone.message, released.message) == ("call vanished", "released, to be reviewed")
    assert {vars(line)["call_id"] for line in (gone, released)} == {name}
    assert (vars(gone)["released_s"], vars(gone)["payers"]) == (60, ["customer"])


def test_a_missing_call_of_a_process_before_is_gone_too() -> None:
    scene = Scene()
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.restart()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.VANISHED
    assert scene.store.record(name).answered_at is not None
    scene.store.check_nothing_is_held()


@pytest.mark.parametrize("said", [True, None])
def test_a_missing_call_that_may_exist_is_not_gone(said: bool | None) -> None:
    """The list was incomplete: the question for the one channel decides."""
    scene = Scene()
    name = scene.talking()
    scene.link.lives[name] = said
    scene.link.channels = set()
    for _ in range(4):
        scene.reconcile()
        scene.clock.advance(GRACE_S)
    assert set(scene.store.kept.open) == {name}
    assert scene.store.kept.records == {}


def test_a_call_that_shows_up_again_starts_afresh() -> None:
    scene = Scene()
    name = scene.talking()
    scene.link.channels = set()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.link.channels = {name}
    scene.reconcile()
    scene.link.channels = set()
    scene.reconcile()
    assert scene.store.kept.records == {}
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.VANISHED


def test_a_call_that_is_admitted_during_the_comparison_does_not_seem_missing() -> None:
    scene = Scene()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    name = scene.connect()
    scene.link.channels = set()
    scene.reconcile()
    assert set(scene.store.kept.open) == {name}


# -- the spool -------------------------------------------------------------------------------


def test_a_record_that_the_switch_left_ends_its_call() -> None:
    scene = Scene()
    name = scene.talking(for_s=30)
    scene.spool.waiting[name] = scene.end(name)
    scene.restart()
    scene.link.channels = set()
    scene.reconcile()
    record = scene.store.record(name)
    assert (record.reason, record.duration_s, record.net) == (
        Reason.ANSWERED,
        30,
        Decimal("0.06"),
    )
    assert scene.spool.waiting == {}
    scene.store.check_nothing_is_held()


def test_a_recorded_call_does_not_vanish_as_well() -> None:
    scene = Scene()
    name = scene.talking(for_s=30)
    scene.link.channels = set()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.spool.waiting[name] = scene.end(name)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.ANSWERED
    assert len(scene.store.kept.records) == 1


def test_records_are_taken_though_the_switch_is_silent() -> None:
    scene = Scene()
    name = scene.talking(for_s=30)
    scene.spool.waiting[name] = scene.end(name)
    scene.link.channels = None
    scene.reconcile()
    assert scene.store.record(name).duration_s == 30
    scene.store.check_nothing_is_held()


def test_records_of_unknown_calls_are_recorded_and_their_files_go() -> None:
    scene = Scene()
    name = scene.talking()
    strange = replace(scene.end(name), call_id=call_id(77), answered_us=0)
    scene.spool.waiting[call_id(77)] = strange
    scene.reconcile()
    assert scene.store.record(call_id(77)).account_id is None
    assert scene.spool.waiting == {}
    assert set(scene.store.kept.open) == {name}


def test_a_record_and_an_event_of_one_call_settle_it_once() -> None:
    scene = Scene()
    name = scene.talking(for_s=30)
    event = scene.hang_up(name)
    scene.spool.waiting[name] = event
    scene.reconcile()
    assert len(scene.store.kept.records) == 1
    assert len(scene.store.kept.postings) == 2
    assert scene.spool.waiting == {}


def test_without_a_database_records_stay_in_the_spool() -> None:
    """Else every pass would queue all of them again."""
    scene = Scene()
    name = scene.talking(for_s=30)
    scene.spool.waiting[name] = scene.end(name)
    scene.store.away = True
    scene.connected()
    assert "End" not in scene.journal.kinds()
    assert set(scene.spool.waiting) == {name}
    scene.store.away = False
    scene.reconcile()
    assert scene.store.record(name).duration_s == 30


# -- connections -----------------------------------------------------------------------------


def test_an_answer_that_came_while_the_link_was_down_is_made_good() -> None:
    scene = Scene()
    scene.connected()
    name = scene.ringing()
    scene.clock.advance(2)
    scene.link.answered[name] = scene.stamp_us()
    scene.clock.advance(30)
    scene.connected()
    assert scene.calls.calls[name].state is State.TALKING
    assert "Answered" in scene.journal.kinds()
    scene.pass_time(20)
    assert scene.link.timers == [(name, 120, 60, 70)]


def test_a_call_that_still_rings_after_a_reconnect_goes_on_ringing() -> None:
    scene = Scene()
    name = scene.ringing()
    scene.connected()
    assert scene.calls.calls[name].state is State.CONNECTING
    scene.clock.advance(5)
    scene.answer(name)
    assert scene.calls.calls[name].state is State.TALKING


def test_ringing_calls_are_asked_about_after_a_reconnect_only() -> None:
    """An ordinary call costs one event and one command."""
    scene = Scene()
    scene.connected()
    name = scene.ringing()
    scene.link.asked.clear()
    for _ in range(3):
        scene.clock.advance(15)
        scene.reconcile()
    assert scene.link.asked == []
    scene.connected()
    assert scene.link.asked == [("answered_us", name)]


def test_timers_that_were_lost_with_the_link_are_armed_again() -> None:
    scene = Scene()
    name = scene.talking()
    scene.link.up = False
    scene.pass_time(52)
    assert scene.link.timers == []
    scene.link.up = True
    scene.connected()
    assert scene.link.timers == [(name, 120, 60, 68)]


def test_a_reconnect_without_a_database_still_guards_the_calls() -> None:
    scene = Scene()
    scene.connected()
    talking, ringing = scene.talking(1), scene.ringing(2)
    scene.link.up = False
    scene.pass_time(52)
    scene.link.answered[ringing] = scene.stamp_us()
    scene.link.up = True
    scene.store.away = True
    scene.connected()
    assert (talking, 120, 60, 68) in scene.link.timers
    scene.store.away = False
    scene.clock.advance(15)
    scene.reconcile()
    assert scene.calls.calls[ringing].state is State.TALKING


def test_calls_of_a_switch_that_restarted_say_so() -> None:
    scene = Scene()
    scene.connected(ONE)
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.connected(TWO)
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    record = scene.store.record(name)
    assert record.reason is Reason.SWITCH_RESTARTED
    assert record.review


def test_calls_after_the_restart_do_not() -> None:
    scene = Scene()
    scene.connected(ONE)
    scene.connected(TWO)
    scene.clock.advance(1)
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.VANISHED


def test_the_same_switch_again_is_no_restart() -> None:
    scene = Scene()
    scene.connected(ONE)
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.connected(ONE)
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.VANISHED


def test_a_restart_is_known_though_the_database_was_away_when_it_showed() -> None:
    scene = Scene()
    scene.connected(ONE)
    name = scene.talking(for_s=10)
    scene.link.channels = set()
    scene.store.away = True
    scene.connected(TWO)
    scene.store.away = False
    scene.reconcile()
    scene.clock.advance(GRACE_S)
    scene.reconcile()
    assert scene.store.record(name).reason is Reason.SWITCH_RESTARTED
    assert scene.store.instances == {SWITCH: TWO}


# -- faults ----------------------------------------------------------------------------------


def test_without_a_database_a_connection_is_no_error() -> None:
    scene = Scene()
    scene.store.away = True
    scene.connected()
    assert scene.calls.calls == {}


def test_a_database_that_goes_away_after_the_first_question_is_no_error_either() -> None:
    scene = Scene()
    questions = 0

    def second_fails() -> None:
        nonlocal questions
        questions += 1
        scene.store.away = questions > 1

    scene.store.dawdle = second_fails
    scene.connected()
    assert questions == 2


def test_the_store_is_never_used_by_two_threads_at_once() -> None:
    scene = Scene()
    scene.talking()
    scene.store.dawdle = lambda: time.sleep(0.02)

    async def both() -> None:
        await asyncio.gather(
            scene.recovery.reconcile(),
            scene.recovery.on_connected(SwitchConnected(SWITCH, ONE)),
            scene.recovery.reconcile(),
        )

    scene.run(both())


def test_whatever_one_pass_stumbles_over_the_next_one_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery_module, "FIRST_AFTER_S", 0.002)
    monkeypatch.setattr(recovery_module, "RECONCILE_EVERY_S", 0.002)
    scene = Scene()
    name = scene.talking(for_s=30)
    scene.spool.waiting[name] = scene.end(name)
    good = scene.spool.ended_calls
    passes = 0

    def moody(min_age_s: float) -> Iterable[CallEnded]:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise OSError("the disk is gone")
        if passes == 2:
            raise RuntimeError("a fault of ours")
        return good(min_age_s)

    scene.spool.ended_calls = moody  # type: ignore[method-assign]

    async def until_settled() -> None:
        running = asyncio.create_task(scene.recovery.run())
        async with asyncio.timeout(2):
            while "End" not in scene.journal.kinds():
                await asyncio.sleep(0.002)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    scene.run(until_settled())
    assert scene.store.record(name).duration_s == 30
