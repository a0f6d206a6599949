"""Timers: the fail-safe, the end of granted time, renewals, virtual time."""

import asyncio
import time

import pytest

from controller.drivers.simulator import CallerScript, Distribution, answers, rejects
from controller.drivers.simulator.clock import CallClock, TimerQueue
from tests.integration.simulator.client import Event, Running, in_loop, running

BRIDGE = "bridge:sofia/trunks/900@127.0.0.1:5081"


def _granted(seconds: int) -> str:
    return f"m:~:set:execute_on_answer=sched_hangup +{seconds} ALLOTTED_TIMEOUT~{BRIDGE}"


async def _ended(here: Running) -> Event:
    return await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")


def _talk_s(event: Event) -> float:
    return int(event["variable_billusec"]) / 1_000_000


@in_loop
async def test_without_a_controller_the_fail_safe_ends_the_call() -> None:
    async with running() as here:
        begun_s = time.monotonic()
        call = here.simulator.place_call("1")
        ended = await call.ended()
        assert 1.9 < time.monotonic() - begun_s < 3.5
        assert (ended.cause, ended.sip_status) == ("NORMAL_TEMPORARY_FAILURE", 503)
        event = await _ended(here)
        assert "variable_tollgate_reason" not in event
        assert event["variable_last_app"] == "park"


@in_loop
async def test_the_fail_safe_leaves_a_controller_its_real_seconds_at_any_speed() -> None:
    async with running(speed=1000.0) as here:
        call = here.simulator.place_call("1")
        await asyncio.sleep(1.0)
        assert await here.commands.api(f"uuid_exists {call.uuid}") == "true"


@in_loop
async def test_a_plan_may_park_again_with_its_own_timeout() -> None:
    async with running() as here:
        here.answer_parks("m:~:set:park_timeout=1:CALL_REJECTED~park:")
        assert (await here.simulator.place_call("1").ended()).cause == "CALL_REJECTED"


@pytest.mark.parametrize(("whole", "least_s", "most_s"), [(True, 9.0, 10.0), (False, 10.0, 10.0)])
def test_granted_time_ends_the_call(whole: bool, least_s: float, most_s: float) -> None:
    """Whole epoch seconds are the real switch's: a timer is up to one second short."""

    @in_loop
    async def check() -> None:
        async with running(speed=20.0, whole_seconds=whole) as here:
            here.answer_parks(_granted(10))
            ended = await here.simulator.place_call("1", legs=[answers()]).ended()
            assert ended.cause == "ALLOTTED_TIMEOUT"
            event = await _ended(here)
            assert least_s <= _talk_s(event) <= most_s
            assert event["variable_sip_hangup_disposition"] == "send_bye"

    check()


@in_loop
async def test_renewal_replaces_the_timer() -> None:
    async with running(speed=10.0) as here:
        here.answer_parks(_granted(3))
        call = here.simulator.place_call("1", legs=[answers()])
        await here.events.event("CHANNEL_ANSWER")
        api = here.commands.api
        group = f"tollgate-{call.uuid}-1"
        added = await api(f"sched_api +9 {group} uuid_kill {call.uuid} ALLOTTED_TIMEOUT")
        assert added.startswith("+OK Added: ")
        assert await api(f"sched_del {call.uuid}") == "+OK Deleted: 1\n"  # the plan's own timer
        assert group in await api("show tasks")
        assert (await call.ended()).cause == "ALLOTTED_TIMEOUT"
        assert 7.0 <= _talk_s(await _ended(here)) <= 10.0


@in_loop
async def test_a_timer_is_deleted_by_its_number() -> None:
    async with running() as here:
        call = here.simulator.place_call("1")
        added = await here.commands.api(f"sched_api +30 g uuid_kill {call.uuid}")
        number = added.rpartition(": ")[2].strip()
        assert await here.commands.api(f"sched_del {number}") == "+OK Deleted: 1\n"
        assert await here.commands.api(f"sched_del {number}") == "+OK Deleted: 0\n"


@in_loop
async def test_a_dead_calls_own_timers_go_with_it_and_others_stay_harmless() -> None:
    async with running(speed=20.0) as here:
        here.answer_parks(_granted(3600))
        call = here.simulator.place_call("1", legs=[answers(talk_s=1.0)])
        await here.events.event("CHANNEL_ANSWER")
        await here.commands.api(f"sched_api +3 own-group uuid_kill {call.uuid}")
        await call.ended()
        tasks = await here.commands.api("show tasks")
        assert call.uuid not in tasks
        assert "own-group" in tasks
        await asyncio.sleep(0.3)
        assert await here.commands.api("show tasks") == "\n0 total.\n"


@in_loop
async def test_sched_hangup_and_sched_transfer() -> None:
    async with running(speed=20.0) as here:
        first, second = here.simulator.place_call("1"), here.simulator.place_call("2")
        assert await here.commands.api(f"sched_hangup +2 {first.uuid} USER_BUSY") == "+OK\n"
        plan = "'m:~:set:moved=1~hangup:CALL_REJECTED'"
        transferred = await here.commands.api(f"sched_transfer +2 {second.uuid} {plan} inline")
        assert transferred == "+OK\n"
        assert (await first.ended()).cause == "USER_BUSY"
        assert (await second.ended()).cause == "CALL_REJECTED"


@in_loop
async def test_sched_cancel_without_a_group_cancels_all_of_a_channels_timers() -> None:
    async with running(speed=20.0) as here:
        here.answer_parks("m:~:sched_hangup:+1 ALLOTTED_TIMEOUT~sched_cancel:~sleep:4000~hangup:")
        assert (await here.simulator.place_call("1").ended()).cause == "NORMAL_CLEARING"


@in_loop
async def test_an_absolute_time_in_the_past_never_comes() -> None:
    """It becomes a timer decades away: the trap that plans must not step into."""
    async with running(speed=20.0) as here:
        call = here.simulator.place_call("1")
        await here.commands.api(f"sched_hangup 1100000000 {call.uuid}")
        await asyncio.sleep(0.3)
        assert await here.commands.api(f"uuid_exists {call.uuid}") == "true"


@in_loop
async def test_a_minutes_talk_passes_in_a_second_and_is_still_a_minute() -> None:
    async with running(speed=60.0) as here:
        here.answer_parks(BRIDGE)
        begun_s = time.monotonic()
        await here.simulator.place_call("1", legs=[answers(3.0, talk_s=60.0)]).ended()
        assert time.monotonic() - begun_s < 10
        event = await _ended(here)
        assert event["variable_billusec"] == "60000000"
        assert event["variable_billmsec"] == "60000"
        stamps = [int(event[f"variable_{name}_uepoch"]) for name in ("start", "answer", "end")]
        assert stamps[2] - stamps[1] == 60_000_000
        assert int(event["Event-Date-Timestamp"]) == stamps[2]
        assert abs(stamps[0] / 1_000_000 - time.time()) < 30  # calls begin at the present


@in_loop
async def test_a_caller_cancels_at_its_own_time() -> None:
    async with running(speed=20.0) as here:
        here.answer_parks(BRIDGE)
        script = CallerScript(caller="1", callee="2", cancel_after_s=2.5)
        ended = await here.simulator.place_call("", script=script, legs=[answers(9.0)]).ended()
        assert ended.cause == "ORIGINATOR_CANCEL"
        event = await _ended(here)
        assert event["variable_uduration"] == "2500000"


@in_loop
async def test_pauses_take_their_time() -> None:
    async with running(speed=20.0) as here:
        here.answer_parks("m:~:answer:~sleep:2000~playback:tone_stream://%(3000,0,440)~hangup:")
        await here.simulator.place_call("1").ended()
        assert (await _ended(here))["variable_billusec"] == "5000000"


def test_a_clock_never_goes_back() -> None:
    clock = CallClock(10.0, 1_000_000, 2.0)
    clock.sync(10.5)
    assert clock.now_us == 2_000_000
    clock.sync(10.25)
    clock.reach(5)
    assert clock.now_us == 2_000_000
    assert clock.loop_time_of(3_000_000) == 11.0


@in_loop
async def test_timers_run_in_order_and_at_their_own_time() -> None:
    queue = TimerQueue(0.001)
    queue.start(asyncio.get_running_loop())
    clock = CallClock(queue.now_s(), 0, 1.0)
    ran: list[tuple[str, int]] = []

    def note(name: str) -> None:
        ran.append((name, clock.now_us))

    queue.after(clock, 0.03, note, "late")
    queue.after(clock, 0.01, note, "early")
    queue.after(clock, 0.02, note, "cancelled").cancel()
    await asyncio.sleep(0.06)
    assert ran == [("early", 10_000), ("late", 30_000)]


@in_loop
async def test_a_vendors_timing_is_that_of_its_script() -> None:
    async with running(speed=20.0) as here:
        here.answer_parks("m:~:bridge:sofia/trunks/1@127.0.0.1:5081|sofia/trunks/1@127.0.0.1:5082")
        await here.simulator.place_call(
            "1", legs=[rejects(503, after_s=1.0), answers(4.0, talk_s=2.0)]
        ).ended()
        await _ended(here)
        legs = [e for e in here.events.events if e["Call-Direction"] == "outbound"]
    assert [leg["variable_uduration"] for leg in legs] == ["1000000", "6000000"]
    assert legs[1]["variable_progressusec"] == "2000000"
    assert Distribution(1.0).shape == "fixed"
