"""The link to one FreeSWITCH: events on one connection, commands on another (design §4).

Implements `services.ports.SwitchLink`. It reconnects by itself and says so with events; what a
lost link means for calls is the call service's business (it means nothing).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from controller.domain.errors import ProtocolError, SwitchError, SwitchUnavailable, UnsafeText
from controller.domain.events import LiveChannels, SwitchConnected, SwitchEvent, SwitchLost
from controller.domain.plan import Connect, Plan, Refuse
from controller.domain.reasons import TIMER_CAUSE, Reason
from controller.drivers.freeswitch import variables as v
from controller.drivers.freeswitch.codec import Frame, decode_json_event
from controller.drivers.freeswitch.connection import EventSocket, open_socket
from controller.drivers.freeswitch.dialplan import transfer_command, uuid_of
from controller.drivers.freeswitch.translate import channel_event, stamp, uuid_text

log = logging.getLogger(__name__)

SUBSCRIPTION = (
    "event json CHANNEL_PARK CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE HEARTBEAT",
    # one matching filter is enough: callers' legs, every leg's end, and the heartbeat
    f"filter {v.DIRECTION} inbound",
    f"filter {v.EVENT_NAME} CHANNEL_HANGUP_COMPLETE",
    f"filter {v.EVENT_NAME} HEARTBEAT",
)
RECONNECT_DELAYS_S = (0.1, 0.25, 0.5, 1.0, 2.0)
SILENCE_S = 25.0
"""Longer than the longest heartbeat interval of a stock switch (20 s): then it is dead to us."""

SLOW_REPLY_S = 0.2
"""An answer about the time that took longer says too little."""

_KILL_CAUSES = {Reason.ADMINISTRATOR: "MANAGER_REQUEST"}


class FreeSwitchLink:
    """One switch. `run` lives as long as the controller."""

    def __init__(
        self,
        switch_id: str,
        host: str,
        port: int,
        password: str,
        on_event: Callable[[SwitchEvent], None],
        timeout_s: float = 5.0,
    ) -> None:
        self.switch_id = switch_id
        self._host, self._port, self._password = host, port, password
        self._on_event = on_event
        self._timeout_s = timeout_s
        self._commands: EventSocket | None = None

    @property
    def connected(self) -> bool:
        return self._commands is not None

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        failures = 0
        while True:
            try:
                why = await self._session()
                failures = 0
            except SwitchError as error:
                why, failures = str(error), failures + 1
            log.warning("switch link down", extra={"switch": self.switch_id, "why": why})
            await asyncio.sleep(RECONNECT_DELAYS_S[min(failures, len(RECONNECT_DELAYS_S) - 1)])

    # -- SwitchLink -----------------------------------------------------------------------

    def send_plan(self, plan: Plan) -> None:
        """One command. A plan that would be unsafe to send becomes a refusal."""
        try:
            command = transfer_command(plan)
        except UnsafeText as error:
            log.error("unsafe plan", extra={"call_id": plan.call_id, "why": str(error)})
            command = transfer_command(Refuse(plan.call_id, Reason.INTERNAL_ERROR))
        self._send(command, plan.call_id, "plan" if isinstance(plan, Connect) else "refusal")

    def arm_timer(self, call_id: str, granted_s: int, replaced_s: int, seconds: int) -> None:
        """The new timer first, then the old ones away: at no moment is the call without.

        A timer is named for the grant that it ends, which the database knows, so that another
        controller finds it; the plan's own timer has the call's id.
        """
        kill = f"uuid_kill {uuid_of(call_id)} {TIMER_CAUSE}"
        group = _timer_group(call_id, granted_s)
        self._send(f"api sched_api +{max(1, seconds)} {group} {kill}", call_id, "timer")
        for old in (_timer_group(call_id, replaced_s), call_id):
            self._send(f"api sched_del {old}", call_id, "old timer")

    def name_ending(self, call_id: str, reason: Reason) -> None:
        self._send(f"api uuid_setvar {uuid_of(call_id)} {v.REASON} {reason}", call_id, "reason")

    def hang_up(self, call_id: str, reason: Reason) -> None:
        self.name_ending(call_id, reason)
        cause = _KILL_CAUSES.get(reason, "NORMAL_CLEARING")
        self._send(f"api uuid_kill {uuid_of(call_id)} {cause}", call_id, "hang-up")

    def note_owner(self, epoch: int) -> None:
        """Leave word at the switch who owns it, for an owner that can ask nobody else."""
        self._send(f"api global_setvar {v.OWNER_EPOCH}={int(epoch)}", "", "owner")

    async def owner_epoch(self) -> int | None:
        """The epoch of the last owner that left word; None when the switch doesn't say."""
        if self._commands is None:
            return None
        try:
            reply = (await self._commands.ask(f"api global_getvar {v.OWNER_EPOCH}")).reply
        except SwitchError:
            return None
        digits = reply.strip()
        return int(digits) if digits.isascii() and digits.isdigit() else None

    async def clock_ahead_s(self) -> float | None:
        """The switch's time less this machine's; None when it doesn't say, or not soon enough."""
        if self._commands is None:
            return None
        try:
            before = time.time()
            reply = (await self._commands.ask("api strmicroepoch")).reply
            after = time.time()
        except SwitchError:
            return None
        micros = stamp(reply.strip())
        if not micros or after - before > SLOW_REPLY_S:
            return None
        return micros / 1e6 - (before + after) / 2

    async def live_channels(self) -> LiveChannels:
        """The calls that the switch holds, or `known=False` when it doesn't say."""
        if self._commands is None:
            return LiveChannels(False)
        try:
            reply = await self._commands.ask("api show channels as json")
            return _live(decode_json_event(reply.body))
        except SwitchError as error:  # a ProtocolError is one, too
            log.warning("no list of channels", extra={"why": str(error)})
            return LiveChannels(False)

    async def is_live(self, call_id: str) -> bool | None:
        """Whether the switch has this channel; None when it doesn't say."""
        if self._commands is None:
            return None
        try:
            reply = (await self._commands.ask(f"api uuid_exists {uuid_of(call_id)}")).reply
        except SwitchError:
            return None
        return {"true": True, "false": False}.get(reply.strip())

    async def answered_us(self, call_id: str) -> int | None:
        """When the channel was answered (µs), 0 if it was not; None when the switch won't say."""
        if self._commands is None:
            return None
        try:
            frame = await self._commands.ask(f"api uuid_dump {uuid_of(call_id)} json")
            return stamp(decode_json_event(frame.body).get(v.ANSWERED_TIME))
        except SwitchError:
            return None

    # -- internals ------------------------------------------------------------------------

    async def _session(self) -> str:
        events = await self._open(self._event_frame)
        try:
            commands = await self._open(_ignore)
            try:
                instance = await _subscribe(events, commands)
                self._commands = commands
                self._on_event(SwitchConnected(self.switch_id, instance))
                return await self._until_lost(events, commands)
            finally:
                self._commands = None
                commands.close("session over")
        finally:
            events.close("session over")

    async def _open(self, on_event: Callable[[Frame], None]) -> EventSocket:
        return await open_socket(self._host, self._port, self._password, on_event, self._timeout_s)

    async def _until_lost(self, events: EventSocket, commands: EventSocket) -> str:
        loop = asyncio.get_running_loop()
        while True:
            done, _ = await asyncio.wait(
                {events.closed, commands.closed},
                timeout=SILENCE_S / 4,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done and loop.time() - events.last_heard > SILENCE_S:
                events.close(f"no heartbeat for {SILENCE_S} s")
                done = {events.closed}
            if done:
                why = done.pop().result()
                self._on_event(SwitchLost(self.switch_id, why))
                return why

    def _event_frame(self, frame: Frame) -> None:
        try:
            event = channel_event(decode_json_event(frame.body), self.switch_id)
        except ProtocolError as error:
            log.error("unusable event", extra={"switch": self.switch_id, "why": str(error)})
            return
        if event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            # a fault with one call must not cost the events of all others behind it
            log.exception("event not handled", extra={"call_id": event.call_id})

    def _send(self, command: str, call_id: str, what: str) -> None:
        if self._commands is None:
            log.warning("no link for a command", extra={"call_id": call_id, "what": what})
            return
        try:
            reply = self._commands.ask(command)
        except (SwitchUnavailable, UnsafeText) as error:
            log.error("command not sent", extra={"call_id": call_id, "why": str(error)})
            return
        reply.add_done_callback(lambda done: _log_failure(done, call_id, what))


def _timer_group(call_id: str, granted_s: int) -> str:
    return f"{v.TIMER_GROUP}-{uuid_of(call_id)}-{granted_s}"


async def _subscribe(events: EventSocket, commands: EventSocket) -> str:
    """Subscribe, then learn which instance of the switch this is."""
    for command in SUBSCRIPTION:
        reply = (await events.ask(command)).reply
        if not reply.startswith("+OK"):
            raise SwitchError(f"{command}: {reply}")
    instance = (await commands.ask("api global_getvar core_uuid")).reply
    return uuid_text(instance)


def _live(answer: dict[str, Any]) -> LiveChannels:
    """Channels out of `show channels as json`: without channels there is no `rows` at all."""
    rows = answer.get("rows", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ProtocolError("not a list of channels")
    if len(rows) != answer.get("row_count"):
        raise ProtocolError("an incomplete list of channels")
    inbound = [row.get("uuid") for row in rows if row.get("direction") == "inbound"]
    return LiveChannels(True, frozenset(map(uuid_text, inbound)))


def _log_failure(reply: asyncio.Future[Frame], call_id: str, what: str) -> None:
    if reply.cancelled():
        return
    error = reply.exception()
    answer = str(error) if error else reply.result().reply
    if answer.startswith("+OK"):
        return
    # a caller may be gone before a command reaches the switch: news, but no fault
    log.info("switch declined", extra={"call_id": call_id, "what": what, "answer": answer[:80]})


def _ignore(_frame: Frame) -> None:
    """The command connection subscribes to nothing."""
