"""Recovery: after a lost link, a restart of ours or of the switch, and at regular times.

Three sources are compared: the calls that the database holds open, the channels that the switch
has, and the CDR files that it left. Silence is never read as the end of a call (design §4).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from controller.domain.admission import Admitted
from controller.domain.call_flow import State
from controller.domain.errors import StoreUnavailable
from controller.domain.events import CallAnswered, CallEnded, LiveChannels, SwitchConnected
from controller.domain.reasons import Reason
from controller.domain.ticket import Ticket
from controller.services.calls import CallService
from controller.services.ports import CallStore, Clock

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECONCILE_EVERY_S = 15.0
SPOOL_AGE_S = 3.0
"""Files younger than this are left to the event that comes with them."""

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
        while True:
            await asyncio.sleep(RECONCILE_EVERY_S)
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
            for ticket, granted_s, answered_at in open_calls:
                if ticket.call_id in recorded:
                    continue
                if ticket.call_id in channels.call_ids:
                    self._missing.pop(ticket.call_id, None)
                    await self._adopt(ticket, granted_s, answered_at)
                else:
                    await self._missing_call(ticket, answered_at)
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
        known = self._calls.calls.get(ticket.call_id)
        if known is not None and not (self._ask_answers and known.state is State.CONNECTING):
            return
        answered_us = await self._link.answered_us(ticket.call_id)
        if answered_us is None and not await self._link.is_live(ticket.call_id):
            return  # it ended while we asked, or the switch doesn't say: the next pass will see
        if answered_us is None and answered_at is not None:
            answered_us = _us(answered_at)
        if known is not None:
            if answered_us:  # the answer came while the link was down
                self._calls.on_answered(CallAnswered(ticket.switch_id, ticket.call_id, answered_us))
            return
        since = None
        if answered_us:
            talked_s = self._clock.now().timestamp() - answered_us / 1e6
            since = self._clock.monotonic() - talked_s
        log.info("adopted", extra={"call_id": ticket.call_id})
        reserved = ticket.sale.charge(granted_s).gross
        self._calls.adopt(ticket, Admitted(granted_s, reserved, ()), since)

    async def _missing_call(self, ticket: Ticket, answered_at: datetime | None) -> None:
        """Open in the database, unknown to the switch: twice, with time between, is gone."""
        now = self._clock.monotonic()
        first = self._missing.setdefault(ticket.call_id, now)
        if now - first < GRACE_S or await self._link.is_live(ticket.call_id) is not False:
            return
        log.error("call vanished", extra={"call_id": ticket.call_id})
        self._report(self._vanished(ticket, answered_at))

    def _vanished(self, ticket: Ticket, answered_at: datetime | None) -> CallEnded:
        """An end without a witness: no talk time is invented; a person looks at the record."""
        died = self._restarted_at is not None and ticket.offered_us < _us(self._restarted_at)
        reason = Reason.SWITCH_RESTARTED if died else Reason.VANISHED
        return CallEnded(
            switch_id=ticket.switch_id,
            call_id=ticket.call_id,
            offered_us=ticket.offered_us,
            ringing_us=0,
            answered_us=_us(answered_at) if answered_at else 0,
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


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
