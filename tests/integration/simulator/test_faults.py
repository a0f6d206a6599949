"""Faults on the links: what a controller may have to live through."""

import asyncio

import pytest

from controller.drivers.simulator import CallLost, TrafficProfile, answers
from tests.integration.simulator.client import PASSWORD, Client, in_loop, running

BRIDGE = "bridge:sofia/trunks/1@127.0.0.1:5081"


@in_loop
async def test_a_frozen_link_says_nothing_and_goes_on_later() -> None:
    async with running() as here:
        here.simulator.faults.freeze()
        here.simulator.place_call("1")
        here.commands.writer.write(b"api echo thawed\n\n")
        await asyncio.sleep(0.2)
        assert here.events.events == []
        here.simulator.faults.thaw()
        assert (await here.commands.next_reply()).text == "thawed"
        await here.events.event("CHANNEL_PARK")


@in_loop
async def test_a_new_link_to_a_frozen_switch_gets_no_greeting() -> None:
    async with running() as here:
        here.simulator.faults.freeze()
        reader, writer = await asyncio.open_connection("127.0.0.1", here.simulator.port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        here.simulator.faults.thaw()
        assert await asyncio.wait_for(reader.read(8), 5) == b"Content-"
        writer.close()


@in_loop
async def test_a_half_closed_link_still_obeys() -> None:
    async with running() as here:
        call = here.simulator.place_call("1")
        await here.events.event("CHANNEL_PARK")
        here.simulator.faults.half_close()
        await here.commands.wait_for(lambda client: client.closed)
        here.commands.writer.write(f"api uuid_kill {call.uuid} USER_BUSY\n\n".encode())
        assert (await call.ended()).cause == "USER_BUSY"


@in_loop
async def test_dropped_links_leave_the_calls() -> None:
    async with running() as here:
        here.answer_parks(BRIDGE)
        call = here.simulator.place_call("1", legs=[answers()])
        await here.events.event("CHANNEL_ANSWER")
        here.simulator.faults.drop_links()
        await here.events.wait_for(lambda client: client.closed)
        again = await Client.connect(here.simulator.port)
        assert await again.api(f"uuid_exists {call.uuid}") == "true"
        await again.close()


@in_loop
async def test_a_restart_forgets_the_calls_and_has_another_core_uuid() -> None:
    async with running() as here:
        before = here.simulator.core_uuid
        call = here.simulator.place_call("1")
        here.simulator.faults.restart()
        with pytest.raises(CallLost):
            await call.ended()
        again = await Client.connect(here.simulator.port)
        assert await again.api("global_getvar core_uuid") == here.simulator.core_uuid != before
        assert await again.api("show channels as json") == '{"row_count": 0}\n'
        await again.close()


@in_loop
async def test_traffic_goes_on_after_a_restart() -> None:
    async with running() as here:
        here.simulator.start_traffic(TrafficProfile(100.0))
        await asyncio.sleep(0.1)
        here.simulator.faults.restart()
        await asyncio.sleep(0.2)
        assert here.simulator.counters.calls_offered > 5


@in_loop
async def test_one_byte_at_a_time_is_still_the_protocol() -> None:
    async with running() as here:
        here.simulator.faults.one_byte_at_a_time()
        call = here.simulator.place_call("1")
        parked = await here.events.event("CHANNEL_PARK", 40)
        assert parked["Unique-ID"] == call.uuid
        assert await here.commands.api("echo slow") == "slow"


@in_loop
async def test_a_flood_arrives_whole_at_a_client_that_reads() -> None:
    async with running(None, "event json RE_SCHEDULE") as here:
        here.simulator.faults.flood(5_000)
        await here.events.wait_for(lambda client: len(client.events) == 5_000)


@in_loop
async def test_beyond_the_queues_bound_events_are_dropped_silently() -> None:
    async with running(None, "event json RE_SCHEDULE", max_queued_events=100) as here:
        here.simulator.faults.freeze()
        here.simulator.faults.flood(1_000)
        here.simulator.faults.thaw()
        await asyncio.sleep(0.3)
        assert len(here.events.events) == 100
        assert here.simulator.counters.events_dropped == 900
        assert await here.commands.api("echo alive") == "alive"


@in_loop
async def test_bytes_that_are_not_the_protocols() -> None:
    async with running() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.simulator.port)
        writer.write(f"auth {PASSWORD}\n\n".encode())
        await reader.readuntil(b"accepted\n\n")
        here.simulator.faults.send_raw(b"Content-Length: nonsense\n\n\xff\x00")
        assert await asyncio.wait_for(reader.readexactly(28), 5) == (
            b"Content-Length: nonsense\n\n\xff\x00"
        )
        writer.close()


@in_loop
async def test_stopping_ends_every_call_with_a_last_word() -> None:
    async with running() as here:
        here.answer_parks(BRIDGE)
        call = here.simulator.place_call("1", legs=[answers()])
        await here.events.event("CHANNEL_ANSWER")
        await here.simulator.stop()
        assert (await call.ended()).cause == "SYSTEM_SHUTDOWN"
        await here.events.event("CHANNEL_HANGUP_COMPLETE", Call_Direction="inbound")
        notice = await here.events.next_reply()
        assert notice.headers["Content-Type"] == "text/disconnect-notice"
        assert notice.body == b"The system is being shut down.\n"


@in_loop
async def test_stopping_does_not_wait_for_a_client_that_reads_nothing() -> None:
    async with running() as here:
        here.simulator.faults.freeze()
        await asyncio.wait_for(here.simulator.stop(), 5)
