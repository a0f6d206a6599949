"""The controller as a process: links, journal, call service and recovery of one switch."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from controller import telemetry
from controller.bootstrap.foundations import RandomIds, SystemClock, database_url, engine
from controller.config import Settings
from controller.domain.events import (
    AttemptEnded,
    CallAnswered,
    CallEnded,
    CallOffered,
    SwitchConnected,
    SwitchEvent,
    SwitchLost,
)
from controller.drivers.freeswitch.link import FreeSwitchLink
from controller.drivers.freeswitch.spool import CdrSpool
from controller.persistence.call_store import PostgresCallStore
from controller.persistence.config_reader import ConfigurationWatcher
from controller.persistence.database import driver_url
from controller.services.calls import CallService
from controller.services.journal import GroupCommitJournal
from controller.services.journal_entries import Entry, Outcome
from controller.services.recovery import Recovery

log = logging.getLogger(__name__)

TICK_S = 0.25


class ControllerProcess:
    """One switch's controller: links, journal, call service, recovery."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        url = driver_url(database_url(settings))
        self._loop = loop
        self._store = PostgresCallStore(url)
        self._recovery_store = PostgresCallStore(url, application="tollgate-recovery")
        self._watcher = ConfigurationWatcher(engine(settings), url)
        self.journal = GroupCommitJournal(
            self._store, self._deliver, settings.journal_max_batch, settings.journal_max_waiting
        )
        spool = CdrSpool(settings.spool_dir, settings.switch_id)
        clock = SystemClock()
        self.link = FreeSwitchLink(
            settings.switch_id,
            settings.switch_host,
            settings.switch_port,
            settings.switch_password,
            self.on_event,
            settings.switch_timeout_s,
        )
        self.calls = CallService(
            self.link,
            self.journal,
            self._watcher,
            clock,
            RandomIds(),
            spool,
            telemetry.PrometheusCalls(),
        )
        self._recovery = Recovery(
            self.link, self._recovery_store, spool, self.calls, clock, self.calls.on_ended
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
        """Start everything; the tasks run until `stop`."""
        self._watcher.start()
        self.journal.start()
        for work in (self.link.run(), self._recovery.run(), self._tick()):
            self._spawn(work)

    async def stop(self) -> None:
        """Stop listening, then commit what waits. Calls go on at the switch."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._watcher.stop()
        await asyncio.to_thread(self.journal.stop)
        self._store.close()
        self._recovery_store.close()

    def on_event(self, event: SwitchEvent) -> None:
        self._handlers[type(event)](event)

    def _offered(self, event: CallOffered) -> None:
        telemetry.CALLS_OFFERED.inc()
        self.calls.on_offered(event)

    def _connected(self, event: SwitchConnected) -> None:
        log.info("switch connected", extra={"switch": event.switch_id, "core": event.instance})
        telemetry.SWITCH_CONNECTED.labels(event.switch_id).set(1)
        self._spawn(self._recovery.on_connected(event))

    def _lost(self, event: SwitchLost) -> None:
        telemetry.SWITCH_CONNECTED.labels(event.switch_id).set(0)

    def _deliver(self, outcomes: list[tuple[Entry, Outcome]]) -> None:
        """From the journal's thread to the loop's."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self.calls.on_outcomes, outcomes)

    async def _tick(self) -> None:
        while True:
            self.calls.tick()
            telemetry.JOURNAL_WAITING.set(self.journal.waiting)
            telemetry.CALLS_OPEN.set(len(self.calls.calls))
            await asyncio.sleep(TICK_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background work failed")
        raise


async def run_controller(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = await asyncio.to_thread(ControllerProcess, settings, loop)
    if settings.metrics_port:
        telemetry.serve_metrics(settings.metrics_port)
    process.start()
    log.info("controller started", extra={"switch": settings.switch_id})
    await stop.wait()
    await process.stop()
