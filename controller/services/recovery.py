"""Recovery: after a lost link, a restart of ours or of the switch, and at regular times.

Three sources are compared: the calls that the database holds open, the channels that the switch
has, and the CDR files that it left. Silence is never read as the end of a call (design §4).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from controller.domain.admission import Admitted
from controller.domain.errors import StoreUnavailable
from controller.domain.events import CallEnded, LiveChannels, SwitchConnected
from controller.domain.reasons import Reason
from controller.domain.ticket import Ticket
from controller.services.calls import CallService
from controller.services.ports import CallStore, Clock

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 15.0
GRACE_S = 10.0
"""An open call must be missing at the switch this long before it counts as vanished."""


class RecoveryLink(Protocol):
    """What recovery asks a switch."""

    switch_id: str

    async def live_channels(self) -> LiveChannels: ...

    async def is_live(self, call_id: str) -> bool | None: ...

    async def answered_us(self, call_id: str) -> int | None: ...


class Spool(Protocol):
    """CDR files of ended calls whose event we may have missed."""

    def ended_calls(self, min_age_s: float) -> Iterable[CallEnded]: ...


class Recovery:
    """Brings database, switch and memory together for one switch."""

    def __init__(
        self,
        link: RecoveryLink,
        store: CallStore,
        spool: Spool,
        calls: CallService,
        clock: Clock,
        report: Callable[[CallEnded], None],
    ) -> None:
        self._link = link
        self._store = store
        self._spool = spool
        self._calls = calls
        self._clock = clock
        self._report = report
        self._missing: dict[str, float] = {}
        self._restarted = False
        self._busy = asyncio.Lock()

    async def on_connected(self, event: SwitchConnected) -> None:
        """Learn whether the switch restarted, then reconcile."""
        try:
            before = await asyncio.to_thread(
                self._store.note_switch, event.switch_id, event.instance
            )
        except StoreUnavailable as error:
            log.error("recovery postponed", extra={"why": str(error)})
            return
        if before is not None and before != event.instance:
            log.warning("the switch restarted", extra={"switch": event.switch_id})
            self._restarted = True
        await self.reconcile()

    async def run(self) -> None:
        """Reconcile at regular times, for as long as the controller lives."""
        while True:
            await asyncio.sleep(RECONCILE_EVERY_S)
            try:
                await self.reconcile()
            except StoreUnavailable as error:
                log.error("recovery postponed", extra={"why": str(error)})

    async def reconcile(self) -> None:
        """One comparison. Calls that the switch has are adopted, ended ones settled."""
        async with self._busy:
            for ended in await asyncio.to_thread(lambda: list(self._spool.ended_calls(GRACE_S))):
                self._report(ended)
            channels = await self._link.live_channels()
            if not channels.known:
                return
            open_calls = await asyncio.to_thread(self._store.open_calls, self._link.switch_id)
            for ticket, granted_s, answered_at in open_calls:
                if ticket.call_id in channels.call_ids:
                    self._missing.pop(ticket.call_id, None)
                    await self._adopt(ticket, granted_s, answered_at)
                else:
                    await self._missing_call(ticket, granted_s, answered_at)
            self._forget({ticket.call_id for ticket, _, _ in open_calls})

    async def _adopt(self, ticket: Ticket, granted_s: int, answered_at: datetime | None) -> None:
        if ticket.call_id in self._calls.calls:
            return
        answered_us = await self._link.answered_us(ticket.call_id)
        if answered_us is None and answered_at is not None:
            answered_us = int(answered_at.timestamp() * 1_000_000)
        since = None
        if answered_us:
            talked_s = self._clock.now().timestamp() - answered_us / 1e6
            since = self._clock.monotonic() - talked_s
        log.info("adopted", extra={"call_id": ticket.call_id})
        reserved = ticket.sale.charge(granted_s).gross
        self._calls.adopt(ticket, Admitted(granted_s, reserved, ()), since)

    async def _missing_call(
        self, ticket: Ticket, granted_s: int, answered_at: datetime | None
    ) -> None:
        """Open in the database, unknown to the switch: twice, with time between, is gone."""
        now = self._clock.monotonic()
        first = self._missing.setdefault(ticket.call_id, now)
        if now - first < GRACE_S or await self._link.is_live(ticket.call_id) is not False:
            return
        log.error("call vanished", extra={"call_id": ticket.call_id})
        self._report(self._vanished(ticket, answered_at))

    def _vanished(self, ticket: Ticket, answered_at: datetime | None) -> CallEnded:
        """An end without a witness: no talk time is invented; a person looks at the record."""
        reason = Reason.SWITCH_RESTARTED if self._restarted else Reason.VANISHED
        return CallEnded(
            switch_id=ticket.switch_id,
            call_id=ticket.call_id,
            offered_us=ticket.offered_us,
            ringing_us=0,
            answered_us=int(answered_at.timestamp() * 1_000_000) if answered_at else 0,
            ended_us=0,
            cause="",
            q850=0,
            sip_status=0,
            hangup_by_caller=False,
            platform_reason=reason,
            connected_leg="",
            attempted_legs=(),
            source_ip="",
            source_port=0,
            caller=ticket.caller,
            caller_name="",
            callee=ticket.callee,
        )

    def _forget(self, open_ids: set[str]) -> None:
        for call_id in [c for c in self._missing if c not in open_ids]:
            del self._missing[call_id]
