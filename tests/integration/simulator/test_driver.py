"""The project's own driver on the simulator: one real plan, its events, a lost link, a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from controller.domain.events import (
    AttemptEnded,
    CallAnswered,
    CallEnded,
    CallOffered,
    SwitchConnected,
    SwitchEvent,
    SwitchLost,
)
from controller.domain.plan import STOP_CAUSES, Attempt, Connect, Media, Refuse
from controller.domain.reasons import Reason
from controller.drivers.freeswitch.link import FreeSwitchLink
from controller.drivers.simulator import CallerScript, answers, rejects
from tests.integration.simulator.client import PASSWORD, Running, in_loop, running

_E = TypeVar("_E", bound=SwitchEvent)
LEGS = [f"b0000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]


@dataclass(slots=True)
class Controller:
    """As much of a controller as a link needs."""

    link: FreeSwitchLink
    seen: list[SwitchEvent] = field(default_factory=list)
    decide: Callable[[CallOffered], None] = lambda _: None

    async def first(self, kind: type[_E], after: int = 0) -> _E:
        """The first event of a kind behind the first `after` ones, perhaps yet to come."""
        async with asyncio.timeout(20):
            while True:
                for event in self.seen[after:]:
                    if isinstance(event, kind):
                        return event
                await asyncio.sleep(0.005)

    def take(self, event: SwitchEvent) -> None:
        self.seen.append(event)
        if isinstance(event, CallOffered):
            self.decide(event)


@asynccontextmanager
async def _controlled(here: Running) -> AsyncIterator[Controller]:
    seen: list[Controller] = []
    link = FreeSwitchLink(
        "sim", "127.0.0.1", here.simulator.port, PASSWORD, lambda event: seen[0].take(event)
    )
    seen.append(Controller(link))
    task = asyncio.create_task(link.run())
    await seen[0].first(SwitchConnected)
    yield seen[0]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _plan(call_id: str, granted_s: int = 60) -> Connect:
    attempts = tuple(
        Attempt(
            number=number,
            leg_id=leg_id,
            gateway_id=number,
            gateway=f"vendor-{number}",
            host="127.0.0.1",
            port=5080 + number,
            transport="udp",
            caller="442079460000",
            callee="390212345678",
            media=Media(("PCMA",), t38=True),
            ring_timeout_s=30,
            progress_timeout_s=10,
        )
        for number, leg_id in enumerate(LEGS, start=1)
    )
    return Connect(call_id, granted_s, attempts, STOP_CAUSES, Media())


@in_loop
async def test_a_plan_is_carried_out_and_reported() -> None:
    async with running(speed=20.0) as here, _controlled(here) as controller:
        controller.decide = lambda offer: controller.link.send_plan(_plan(offer.call_id))
        script = CallerScript(caller="1000", callee="390212345678", source_ip="192.0.2.10")
        call = here.simulator.place_call("", script=script, legs=[rejects(503), answers(talk_s=9)])
        offered = await controller.first(CallOffered)
        answered = await controller.first(CallAnswered)
        ended = await controller.first(CallEnded)
        attempts = [event for event in controller.seen if isinstance(event, AttemptEnded)]
    assert (offered.call_id, offered.source_ip, offered.callee) == (
        call.uuid,
        "192.0.2.10",
        "390212345678",
    )
    assert answered.answered_us == ended.answered_us
    assert (ended.talk_us, ended.cause, ended.hangup_by_caller) == (
        9_000_000,
        "NORMAL_CLEARING",
        False,
    )
    assert (ended.connected_leg, ended.attempted_legs) == (LEGS[1], tuple(LEGS))
    assert [(a.gateway, a.cause, a.sip_status, a.q850) for a in attempts] == [
        ("vendor-1", "NORMAL_TEMPORARY_FAILURE", 503, 41),
        ("vendor-2", "NORMAL_CLEARING", 200, 16),
    ]
    assert attempts[1].hangup_by_remote


@in_loop
async def test_a_refusal_reaches_the_caller_with_its_status() -> None:
    async with running() as here, _controlled(here) as controller:
        controller.decide = lambda offer: controller.link.send_plan(
            Refuse(offer.call_id, Reason.INSUFFICIENT_BALANCE)
        )
        call = here.simulator.place_call("1")
        assert (await call.ended()).sip_status == 402
        assert (await controller.first(CallEnded)).platform_reason == Reason.INSUFFICIENT_BALANCE


@in_loop
async def test_live_calls_survive_a_lost_link() -> None:
    async with running() as here, _controlled(here) as controller:
        controller.decide = lambda offer: controller.link.send_plan(_plan(offer.call_id))
        call = here.simulator.place_call("1", legs=[answers()])
        await controller.first(CallAnswered)
        before = len(controller.seen)
        here.simulator.faults.drop_links()
        await controller.first(SwitchLost, before)
        again = await controller.first(SwitchConnected, before)
        assert again.instance == here.simulator.core_uuid
        assert (await controller.link.live_channels()).call_ids == {call.uuid}
        assert await controller.link.is_live(call.uuid) is True


@in_loop
async def test_a_restart_shows_in_the_instance() -> None:
    async with running() as here, _controlled(here) as controller:
        first = await controller.first(SwitchConnected)
        here.simulator.place_call("1")
        before = len(controller.seen)
        here.simulator.faults.restart()
        second = await controller.first(SwitchConnected, before)
        assert second.instance != first.instance
        live = await controller.link.live_channels()
        assert (live.known, live.call_ids) == (True, frozenset())
