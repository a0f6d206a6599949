"""The simulator's public face: start it, place calls, start traffic, break it, stop it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.core import Counters
from controller.drivers.simulator.draws import CallerScript, LegScript
from controller.drivers.simulator.events import EventHeaders
from controller.drivers.simulator.faults import Faults
from controller.drivers.simulator.hangup import receive_bye, receive_cancel
from controller.drivers.simulator.server import Server
from controller.drivers.simulator.spool import call_record
from controller.drivers.simulator.switch import Switch
from controller.drivers.simulator.traffic import OfferedCall, TrafficSource
from controller.drivers.simulator.world import TrafficProfile, World


class CallRefused(Exception):
    """The switch was paused or full and answered 503 before any dialplan."""


class CallLost(Exception):
    """The switch died, or the simulator was stopped, with the call in progress."""


@dataclass(frozen=True, slots=True)
class EndedCall:
    """How a placed call went, as its caller and the switch saw it."""

    uuid: str
    cause: str
    sip_status: int
    answered_us: int
    ended_us: int
    record: dict[str, object]

    @property
    def talk_us(self) -> int:
        """Microseconds from answer to end, 0 if unanswered."""
        return self.ended_us - self.answered_us if self.answered_us else 0


class PlacedCall:
    """A call that a test has placed."""

    def __init__(self, channel: CallerLeg) -> None:
        self._channel = channel
        self._ended: asyncio.Future[EndedCall] = asyncio.get_running_loop().create_future()
        self.uuid = channel.uuid
        channel.on_ended.append(self._note_end)

    async def ended(self, timeout_s: float = 30.0) -> EndedCall:
        """Wait for its end; raises TimeoutError, CallLost."""
        return await asyncio.wait_for(asyncio.shield(self._ended), timeout_s)

    def lose(self) -> None:
        """The switch is gone, and the call with it."""
        if not self._ended.done():
            self._ended.set_exception(CallLost(self.uuid))
            self._ended.exception()  # whoever waits gets it; nobody has to

    def hang_up(self) -> None:
        """The caller hangs up, or gives up if nobody has answered yet."""
        channel = self._channel
        channel.clock.sync(channel.core.timers.now_s())
        if channel.answered_us:
            receive_bye(channel)
        else:
            receive_cancel(channel)

    def headers(self) -> EventHeaders:
        """What uuid_dump shows of it."""
        return dict(self._channel.headers)

    def _note_end(self, channel: Channel) -> None:
        if self._ended.done() or not isinstance(channel, CallerLeg):
            return
        self._ended.set_result(
            EndedCall(
                uuid=channel.uuid,
                cause=channel.cause,
                sip_status=channel.sip_status_sent,
                answered_us=channel.answered_us,
                ended_us=channel.ended_us,
                record=call_record(channel),
            )
        )


class Simulator:
    """A switch that speaks the Event Socket, with a world of callers and vendors around it."""

    def __init__(self, config: SimulatorConfig | None = None, world: World | None = None) -> None:
        self._server = Server(config or SimulatorConfig(), world or World())
        self._server.on_restart = self._restarted
        self._sources: list[tuple[TrafficSource, TrafficProfile]] = []
        self._placed: set[PlacedCall] = set()
        self.faults = Faults(self._server)
        self.port = 0

    async def start(self) -> int:
        """Listen; the port."""
        spool = self._server.config.spool_directory
        if spool is not None:
            Path(spool).mkdir(parents=True, exist_ok=True)
        self.port = await self._server.start()
        return self.port

    async def stop(self) -> None:
        """Stop traffic, end and report all calls, close all links."""
        self.stop_traffic()
        await self._server.stop()
        self._lose_calls()

    @property
    def switch(self) -> Switch:
        """The present run of the switch."""
        return self._server.switch

    @property
    def core_uuid(self) -> str:
        """Which run of the switch this is."""
        return self.switch.core.events.identity.core_uuid

    @property
    def counters(self) -> Counters:
        """Calls and events of the present run."""
        return self.switch.core.counters

    @property
    def live_calls(self) -> int:
        """A legs that exist now."""
        return sum(channel.inbound for channel in self.switch.core.channels.values())

    def place_call(
        self,
        callee: str,
        caller: str = "442079460000",
        *,
        script: CallerScript | None = None,
        legs: Sequence[LegScript] = (),
    ) -> PlacedCall:
        """Place one call; raises CallRefused.

        `legs` say what the vendors do, attempt by attempt, the last one for all further ones;
        without them the world decides. `script` says everything about the caller instead of
        `callee` and `caller`.
        """
        core = self.switch.core
        channel = self.switch.offer(
            script or CallerScript(caller=caller, callee=callee),
            core.next_call_dice(),
            leg_scripts=legs,
        )
        if channel is None:
            raise CallRefused(callee)
        placed = PlacedCall(channel)
        self._placed.add(placed)
        channel.on_ended.append(lambda _: self._placed.discard(placed))
        return placed

    def heard(self, event_name: str) -> bool:
        """Whether some client has subscribed to this event."""
        subscriptions = (connection.subscription for connection in self._server.connections)
        return any(each.enabled and event_name in each.names for each in subscriptions)

    def start_traffic(self, profile: TrafficProfile) -> TrafficSource:
        """Offer the calls of a profile from now on."""
        source = TrafficSource(self.switch.core, profile, lambda call: self._offer(call, profile))
        self._sources.append((source, profile))
        return source

    def stop_traffic(self) -> None:
        """Offer no more calls; those in progress go on."""
        for source, _ in self._sources:
            source.stop()
        self._sources.clear()

    def _restarted(self) -> None:
        """Calls are gone; whoever was calling tries again, from the profile's beginning."""
        self._lose_calls()
        going_on = [profile for source, profile in self._sources if not source.finished]
        self.stop_traffic()
        for profile in going_on:
            self.start_traffic(profile)

    def _lose_calls(self) -> None:
        for placed in list(self._placed):
            placed.lose()
        self._placed.clear()

    def _offer(self, call: OfferedCall, profile: TrafficProfile) -> None:
        self.switch.offer(call.script, call.dice, profile)
