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
from controller.domain.call_flow import State
from controller.domain.errors import StoreUnavailable
from controller.domain.events import CallAnswered, CallEnded, LiveChannels, SwitchConnected
from controller.domain.reasons import Reason
from controller.domain.ticket import Ticket
from controller.services.calls import CallService
from controller.services.ports import CallStore, Clock
from controller.services.vanished import stamp_us, vanished

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 15.0
SPOOL_AGE_S = 3.0
"""Files younger than this are left to the event that comes with them."""

FIRST_AFTER_S = SPOOL_AGE_S + 1
"""Calls that ended while nobody listened have a file that was too young when the link came up."""

ADOPTED_AT_ONCE = 64
"""Questions to the switch under way at the same time: a take-over must not wait for each."""

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
        self._ask_answers = True
        self._unnoted: SwitchConnected | None = None
        self._restarted_at: datetime | None = None
        self._busy = asyncio.Lock()

    async def on_connected(self, event: SwitchConnected) -> None:
        """Learn whether the switch restarted, then reconcile."""
        self._calls.arm_timers_again()
        self._ask_answers = True
        self._unnoted = event
        try:
            await self.reconcile()
        except StoreUnavailable as error:
            log.error("recovery postponed", extra={"why": str(error)})

    async def run(self) -> None:
        """Reconcile at regular times, for as long as the controller lives."""
        wait_s = FIRST_AFTER_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = RECONCILE_EVERY_S
            try:
                await self.reconcile()
            except StoreUnavailable as error:
                log.error("recovery postponed", extra={"why": str(error)})
            except Exception:
                # whatever one pass stumbles over, the next one must come
                log.exception("recovery failed")

    async def reconcile(self) -> None:
        """One comparison. Calls that the switch has are adopted, ended ones settled."""
        async with self._busy:
            await self._note_instance()
            # first what the database holds: a call that is opened later cannot seem to be missing
            open_calls = await asyncio.to_thread(self._store.open_calls, self._link.switch_id)
            spooled = await asyncio.to_thread(lambda: list(self._spool.ended_calls(SPOOL_AGE_S)))
            for ended in spooled:
                self._report(ended)
            channels = await self._link.live_channels()
            if not channels.known:
                return
            recorded = {ended.call_id for ended in spooled}
            unsettled = [row for row in open_calls if row[0].call_id not in recorded]
            live = [row for row in unsettled if row[0].call_id in channels.call_ids]
            for start in range(0, len(live), ADOPTED_AT_ONCE):
                await asyncio.gather(
                    *(self._adopt(*row) for row in live[start : start + ADOPTED_AT_ONCE])
                )
            for ticket, granted_s, answered_at in unsettled:
                if ticket.call_id not in channels.call_ids:
                    await self._missing_call(ticket, granted_s, answered_at)
            self._ask_answers = False
            self._forget({ticket.call_id for ticket, _, _ in open_calls})

    async def _note_instance(self) -> None:
        """Remember which instance of the switch we talk to; another one than before restarted."""
        event = self._unnoted
        if event is None:
            return
        before = await asyncio.to_thread(self._store.note_switch, event.switch_id, event.instance)
        if before is not None and before != event.instance:
            log.warning("the switch restarted", extra={"switch": event.switch_id})
            self._restarted_at = self._clock.now()
        self._unnoted = None

    async def _adopt(self, ticket: Ticket, granted_s: int, answered_at: datetime | None) -> None:
        self._missing.pop(ticket.call_id, None)
        known = self._calls.calls.get(ticket.call_id)
        if known is not None and not (self._ask_answers and known.state is State.CONNECTING):
            return
        answered_us = await self._link.answered_us(ticket.call_id)
        if answered_us is None and not await self._link.is_live(ticket.call_id):
            return  # it ended while we asked, or the switch doesn't say: the next pass will see
        if answered_us is None and answered_at is not None:
            answered_us = stamp_us(answered_at)
        if known is not None:
            if answered_us:  # the answer came while the link was down
                self._calls.on_answered(CallAnswered(ticket.switch_id, ticket.call_id, answered_us))
            return
        since = None
        if answered_us:
            talked_s = self._clock.now().timestamp() - answered_us / 1e6
            since = self._clock.monotonic() - talked_s
        log.info("adopted", extra={"call_id": ticket.call_id})
        granted = Admitted(granted_s, payers=ticket.payers)
        self._calls.adopt(ticket, granted, since, answered_us or 0)

    async def _missing_call(
        self, ticket: Ticket, granted_s: int, answered_at: datetime | None
    ) -> None:
        """Open in the database, unknown to the switch: twice, with time between, is gone.

        Its end releases the lines and what the payers have reserved for `granted_s` seconds.
        """
        now = self._clock.monotonic()
        first = self._missing.setdefault(ticket.call_id, now)
        if now - first < GRACE_S or await self._link.is_live(ticket.call_id) is not False:
            return
        log.error(
            "call vanished",
            extra={
                "call_id": ticket.call_id,
                "account": ticket.account,
                "gateway": ticket.mapping_gateway,
                "released_s": granted_s,
                "payers": [payer.name for payer in ticket.payers],
            },
        )
        died = self._restarted_at is not None and ticket.offered_us < stamp_us(self._restarted_at)
        reason = Reason.SWITCH_RESTARTED if died else Reason.VANISHED
        self._report(vanished(ticket, answered_at, reason))

    def _forget(self, open_ids: set[str]) -> None:
        for call_id in [c for c in self._missing if c not in open_ids]:
            del self._missing[call_id]
