"""The time of one owner at one switch: links, journal, call service and recovery of one epoch.

Made when the switch is taken, and never used again once it is lost: nothing that an owner knew
reaches the next one, but through the database, the spool and the switch.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from controller import telemetry
from controller.bootstrap.foundations import RandomIds, SwitchClock
from controller.config import Settings
from controller.domain.errors import Fenced
from controller.domain.events import (
    AttemptEnded,
    CallAnswered,
    CallEnded,
    CallOffered,
    SwitchConnected,
    SwitchEvent,
    SwitchLost,
)
from controller.domain.lease import Lease
from controller.drivers.freeswitch.link import FreeSwitchLink
from controller.drivers.freeswitch.spool import CdrSpool
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.command_watcher import AskedHangUp, CommandWatcher
from controller.services.calls import CallService
from controller.services.journal import GroupCommitJournal
from controller.services.journal_entries import Entry, Outcome
from controller.services.leased_link import CommandRights, LeasedLink
from controller.services.offline_desk import Offline
from controller.services.ports import ConfigurationSource
from controller.services.recovery import Recovery

log = logging.getLogger(__name__)

TICK_S = 0.25
CLOCKS_EVERY_S = 5.0
"""How often the switch's clock is compared with ours."""

LOOP_S = 5.0
"""What the loop has not done by then is asked for again."""


class SwitchTenure:
    """One switch, one epoch."""

    def __init__(
        self,
        settings: Settings,
        url: str,
        configuration: ConfigurationSource,
        lease: Lease,
        rights: CommandRights,
        fenced: Callable[[int], None],
        offline: Offline,
    ) -> None:
        """`fenced` hears of the epoch that the database refuses, on this loop's thread."""
        self._lease = lease
        self._rights = rights
        self._fenced = fenced
        self._loop = asyncio.get_running_loop()
        self._store = PostgresCallStore(url, lease=lease)
        # never closed under the thread that may still ask it: it goes with the last who holds it
        recovery_store = PostgresCallStore(url, application="tollgate-recovery", lease=lease)
        self.journal = GroupCommitJournal(
            self._store,
            self._deliver,
            settings.journal_max_batch,
            settings.journal_max_waiting,
            fenced=lambda: self._call_soon(fenced, lease.epoch),
            offline=offline,
        )
        spool = CdrSpool(settings.spool_dir, settings.switch_id)
        self._clock = SwitchClock()
        self._link = FreeSwitchLink(
            settings.switch_id,
            settings.switch_host,
            settings.switch_port,
            settings.switch_password,
            self._on_event,
            settings.switch_timeout_s,
        )
        self.calls = CallService(
            LeasedLink(
                self._link,
                rights,
                telemetry.COMMANDS_WITHHELD.inc,
                lease.epoch,
                self._link.owner_epoch,
            ),
            self.journal,
            configuration,
            self._clock,
            RandomIds(),
            spool,
            telemetry.PrometheusCalls(),
        )
        self._recovery = Recovery(
            self._link, recovery_store, spool, self.calls, self._clock, self.calls.on_ended
        )
        self._commands = CommandWatcher(
            url, lease, self._carry_out, lambda: self._call_soon(fenced, lease.epoch)
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[type, Callable[..., None]] = {
            CallOffered: self._offered,
            CallAnswered: self.calls.on_answered,
            AttemptEnded: self.calls.on_attempt_ended,
            CallEnded: self.calls.on_ended,
            SwitchConnected: self._connected,
            SwitchLost: self._lost,
        }

    def start(self) -> None:
        """Start everything; the tasks run until `finish` or `drop`."""
        self.journal.start()
        self._commands.start()
        for work in (self._link.run(), self._recovery.run(), self._tick(), self._compare()):
            self._spawn(work)

    async def finish(self) -> None:
        """Stop listening, then commit what waits. Calls go on at the switch."""
        await self._stop_listening()
        self._close(await asyncio.to_thread(self.journal.stop))

    async def drop(self) -> None:
        """Stop listening and write nothing more: the switch has another owner."""
        await self._stop_listening()
        self._close(await asyncio.to_thread(self.journal.abandon))

    def regained(self) -> None:
        """What was withheld meanwhile is done now, as far as it still matters."""
        self._link.note_owner(self._lease.epoch)
        self.calls.arm_timers_again()

    async def superseded(self) -> bool:
        seen = await self._link.owner_epoch()
        return seen is not None and seen > self._lease.epoch

    # -- internals ------------------------------------------------------------------------

    def _carry_out(self, asked: Sequence[AskedHangUp]) -> Collection[int]:
        """On the watcher's thread: the loop does it, and only while the switch surely is ours."""
        work = self._hang_up(asked)
        try:
            done = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            return ()
        try:
            return done.result(LOOP_S)
        except (TimeoutError, concurrent.futures.CancelledError):
            done.cancel()
            return ()

    async def _hang_up(self, asked: Sequence[AskedHangUp]) -> Collection[int]:
        if not (self._link.connected and self._rights.may_command()):
            return ()
        for command in asked:
            self.calls.hang_up(command.call_id)
        return [command.command_id for command in asked]

    def _on_event(self, event: SwitchEvent) -> None:
        self._handlers[type(event)](event)

    def _offered(self, event: CallOffered) -> None:
        telemetry.CALLS_OFFERED.inc()
        self.calls.on_offered(event)

    def _connected(self, event: SwitchConnected) -> None:
        log.info("switch connected", extra={"switch": event.switch_id, "core": event.instance})
        telemetry.SWITCH_CONNECTED.labels(event.switch_id).set(1)
        if self._rights.may_command():
            self._link.note_owner(self._lease.epoch)
        self._spawn(self._resume(event))

    async def _resume(self, event: SwitchConnected) -> None:
        await self._compare_clocks()  # first: how long calls talk is told by the switch's clock
        await self._recovery.on_connected(event)

    def _lost(self, event: SwitchLost) -> None:
        telemetry.SWITCH_CONNECTED.labels(event.switch_id).set(0)

    def _deliver(self, outcomes: list[tuple[Entry, Outcome]]) -> None:
        """From the journal's thread to the loop's."""
        self._call_soon(self.calls.on_outcomes, outcomes)

    def _call_soon(self, work: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(work, *arguments)

    async def _tick(self) -> None:
        while True:
            self.calls.tick()
            telemetry.JOURNAL_WAITING.set(self.journal.waiting)
            telemetry.CALLS_OPEN.set(len(self.calls.calls))
            await asyncio.sleep(TICK_S)

    async def _compare(self) -> None:
        while True:
            await asyncio.sleep(CLOCKS_EVERY_S)
            await self._compare_clocks()

    async def _compare_clocks(self) -> None:
        ahead_s = await self._link.clock_ahead_s()
        if ahead_s is not None:
            self._clock.ahead_s = ahead_s

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Fenced:
            self._fenced(self._lease.epoch)
        except Exception:
            log.exception("background work failed")

    async def _stop_listening(self) -> None:
        self._commands.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        telemetry.SWITCH_CONNECTED.labels(self._lease.switch_id).set(0)
        telemetry.CALLS_OPEN.set(0)
        telemetry.JOURNAL_WAITING.set(0)

    def _close(self, idle: bool) -> None:
        """A connection that the journal's thread still waits on is left to it."""
        if idle:
            self._store.close()
