"""Whether this process owns a switch: a lease with an epoch (docs/adr/0013).

One loop, on the thread of the links. Who has the lease decides calls; the others stand by. What
the loop believes is only good for commands to the switch: what may be written is decided by the
database, in each transaction, by the epoch.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from controller.domain.errors import StoreUnavailable
from controller.domain.lease import Lease, LeaseState, LeaseTerms, Owner

log = logging.getLogger(__name__)

SOON_S = 0.02
"""Somebody was quicker, or the lease lapses just now: look again."""


class LeaseStore(Protocol):
    """The leases. All methods raise StoreUnavailable, after a bounded time."""

    async def look(self, switch_id: str) -> LeaseState: ...

    async def take(
        self, switch_id: str, owner: Owner, lapse_s: float, dead: str | None
    ) -> Lease | None:
        """The lease with the next epoch, where it has lapsed, was given back, or is that of the
        token `dead`; None where it is none of these any more."""

    async def renew(self, lease: Lease, lapse_s: float) -> bool:
        """False where the lease is another's by now; then it never comes back."""

    async def release(self, lease: Lease) -> None:
        """Give it back. Nothing where it is another's."""


class Tenure(Protocol):
    """What an owner does: links, decisions, settlements. Begins and ends on the loop's thread."""

    async def begin(self, lease: Lease) -> None: ...

    async def drop(self) -> None:
        """Let go of the switch at once, without touching a call; what waits is not written."""

    def regained(self) -> None:
        """Commands may be sent again; some may have been withheld."""

    async def superseded(self) -> bool:
        """Whether the switch has seen a later epoch, as far as it says."""


class LeaseMetrics(Protocol):
    """Counts what happens to leases."""

    def owning(self, switch_id: str, epoch: int) -> None:
        """`epoch` 0: standing by."""

    def taken_over(self, switch_id: str) -> None: ...

    def lost(self, switch_id: str) -> None: ...


class Ownership:
    """One process's claim to one switch."""

    def __init__(
        self,
        store: LeaseStore,
        switch_id: str,
        me: Owner,
        terms: LeaseTerms,
        tenure: Tenure,
        metrics: LeaseMetrics,
        *,
        elapsed_s: Callable[[], float],
        is_dead: Callable[[Owner], bool],
    ) -> None:
        """`elapsed_s` counts on while the machine sleeps. `is_dead` never guesses."""
        self._store = store
        self._switch_id = switch_id
        self._me = me
        self._terms = terms
        self._tenure = tenure
        self._metrics = metrics
        self._elapsed_s = elapsed_s
        self._is_dead = is_dead
        self.lease: Lease | None = None
        self._valid_until = float("-inf")
        self._away_until = float("-inf")
        self._fenced = False
        self._said = ""
        self._wake = asyncio.Event()

    # -- what the owner may do ------------------------------------------------------------

    def may_command(self) -> bool:
        """Whether commands to the switch are surely those of its owner."""
        return self.lease is not None and self._elapsed_s() < self._valid_until

    def may_refuse(self) -> bool:
        """Whether new calls may be turned away: also while the database is away, and with it
        the only way to keep the lease. `superseded` then says if another one got it."""
        return self.may_command() or (
            self.lease is not None and not self._fenced and self._elapsed_s() < self._away_until
        )

    def fenced(self, epoch: int) -> None:
        """The database refused a commit of this epoch."""
        if self.lease is not None and self.lease.epoch == epoch:
            self._fenced = True
            self._valid_until = float("-inf")
            self._wake.set()

    # -- the loop -------------------------------------------------------------------------

    async def run(self) -> None:
        """For as long as the process lives."""
        while True:
            try:
                wait_s = await self.step()
            except Exception:
                # whatever one step stumbles over, the next one must come
                log.exception("ownership failed", extra={"switch": self._switch_id})
                wait_s = self._terms.renew_s
            if not self._fenced:
                await self._pause(wait_s)

    async def step(self) -> float:
        """Take, keep or lose the lease; seconds until the next step."""
        self._wake.clear()
        try:
            if self.lease is None:
                return await self._stand_by()
            if self._fenced:
                return await self._lose("a commit was refused")
            return await self._keep(self.lease)
        except StoreUnavailable as error:
            return await self._without_database(str(error))

    async def release(self) -> None:
        """Give the lease back: a standby has the switch within a second."""
        if self.lease is None:
            return
        lease, self.lease = self.lease, None
        self._metrics.owning(self._switch_id, 0)
        try:
            await self._store.release(lease)
            log.info("switch given back", extra=_words(lease))
        except StoreUnavailable as error:
            log.warning("lease left to lapse", extra=_words(lease) | {"why": str(error)})

    # -- without the lease ----------------------------------------------------------------

    async def _stand_by(self) -> float:
        state = await self._store.look(self._switch_id)
        dead = state.owner.token if state.owner and self._is_over(state.owner) else None
        if state.owner is not None and state.remaining_s > 0 and dead is None:
            self._say("standing by", owner=str(state.owner), epoch=state.epoch)
            return max(SOON_S, min(self._terms.renew_s / 2, state.remaining_s))
        asked_at = self._elapsed_s()
        lease = await self._store.take(self._switch_id, self._me, self._terms.lapse_s, dead)
        if lease is None:
            return SOON_S
        await self._begin(lease, state, asked_at)
        return self._terms.renew_s

    def _is_over(self, owner: Owner) -> bool:
        """Its own token: a take of ours whose answer did not arrive."""
        return owner.token == self._me.token or self._is_dead(owner)

    async def _begin(self, lease: Lease, before: LeaseState, asked_at: float) -> None:
        self.lease = lease
        self._fenced = False
        self._valid_until = asked_at + self._terms.command_s
        self._said = ""
        self._metrics.owning(lease.switch_id, lease.epoch)
        former = str(before.owner) if before.owner else ""
        if former:
            self._metrics.taken_over(lease.switch_id)
        log.info("switch taken", extra=_words(lease) | {"former_owner": former})
        try:
            await self._tenure.begin(lease)
        except Exception:
            await self.release()  # for one that can
            raise

    # -- with the lease -------------------------------------------------------------------

    async def _keep(self, lease: Lease) -> float:
        asked_at = self._elapsed_s()
        if not await self._store.renew(lease, self._terms.lapse_s):
            return await self._lose("another process has taken it")
        lapsed = self._elapsed_s() >= self._valid_until
        self._valid_until = asked_at + self._terms.command_s
        self._away_until = float("-inf")
        if lapsed:
            log.warning("lease kept, late", extra=_words(lease))
            self._tenure.regained()
        self._said = ""
        return max(SOON_S, self._terms.renew_s - (self._elapsed_s() - asked_at))

    async def _without_database(self, why: str) -> float:
        """Nobody can be asked. An owner goes on refusing calls, unless the switch knows better."""
        self._away_until = self._elapsed_s() + self._terms.lapse_s
        self._say("lease not asked for: database unavailable", logging.ERROR, why=why)
        if self.lease is not None and not self.may_command() and await self._tenure.superseded():
            return await self._lose("the switch has a later owner")
        return self._terms.renew_s / 2

    async def _lose(self, why: str) -> float:
        lease, self.lease = self.lease, None
        self._fenced = False
        self._valid_until = self._away_until = float("-inf")
        if lease is not None:
            log.error("switch lost", extra=_words(lease) | {"why": why})
            self._metrics.owning(lease.switch_id, 0)
            self._metrics.lost(lease.switch_id)
        await self._tenure.drop()
        return self._terms.renew_s / 2

    # -- internals ------------------------------------------------------------------------

    def _say(self, message: str, level: int = logging.INFO, **fields: object) -> None:
        """Once, until something else is the case."""
        if self._said != (said := f"{message} {fields.get('owner', '')}"):
            self._said = said
            log.log(level, message, extra={"switch": self._switch_id, **fields})

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return


def _words(lease: Lease) -> dict[str, object]:
    return {"switch": lease.switch_id, "epoch": lease.epoch}
