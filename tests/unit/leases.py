"""Leases in memory, behind the real store's port, with a clock of their own."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.domain.errors import StoreUnavailable
from controller.domain.lease import Lease, LeaseState, Owner


@dataclass(frozen=True, slots=True)
class Row:
    """A switch's lease as the database keeps it."""

    epoch: int = 0
    owner: Owner | None = None
    expires_at: float = 0.0


class MemoryLeases:
    """The database's part: `now_s` is its clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.rows: dict[str, Row] = {}
        self.epochs: list[int] = []

    def row(self, switch_id: str) -> Row:
        return self.rows.get(switch_id, Row())

    def fence(self, lease: Lease) -> bool:
        """Whether a commit of this owner would be taken now."""
        row = self.row(lease.switch_id)
        return row.epoch == lease.epoch and row.owner is not None and row.owner.token == lease.token


class LeaseSession:
    """Implements `services.ownership.LeaseStore`: one process's way to the database.

    `away`: nothing arrives. `deaf`: what is asked is done, but no answer comes back.
    """

    def __init__(self, leases: MemoryLeases) -> None:
        self.leases = leases
        self.away = False
        self.deaf = False

    async def look(self, switch_id: str) -> LeaseState:
        self._reach()
        row = self.leases.row(switch_id)
        remaining_s = row.expires_at - self.leases.now_s()
        self._answer()
        return LeaseState(switch_id, row.epoch, row.owner, remaining_s)

    async def take(
        self, switch_id: str, owner: Owner, lapse_s: float, dead: str | None
    ) -> Lease | None:
        self._reach()
        row, now_s = self.leases.row(switch_id), self.leases.now_s()
        if row.owner is not None and row.expires_at > now_s and row.owner.token != dead:
            self._answer()
            return None
        taken = Row(row.epoch + 1, owner, now_s + lapse_s)
        self.leases.rows[switch_id] = taken
        self.leases.epochs.append(taken.epoch)
        self._answer()
        return Lease(switch_id, taken.epoch, owner.token)

    async def renew(self, lease: Lease, lapse_s: float) -> bool:
        self._reach()
        held = self.leases.fence(lease)
        if held:
            row = self.leases.row(lease.switch_id)
            until = self.leases.now_s() + lapse_s
            self.leases.rows[lease.switch_id] = replace(row, expires_at=until)
        self._answer()
        return held

    async def release(self, lease: Lease) -> None:
        self._reach()
        if self.leases.fence(lease):
            row = self.leases.row(lease.switch_id)
            now_s = self.leases.now_s()
            self.leases.rows[lease.switch_id] = replace(row, owner=None, expires_at=now_s)

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailable("connection refused")

    def _answer(self) -> None:
        if self.deaf:
            raise StoreUnavailable("no answer within 1 s")
