"""Switches and their owners as an operator sees them, and the end of a switch that is gone.

Not in a call's path. Calls of a switch that no controller owns hold money and lines until
somebody says what became of it: its controller, when it runs again, or a person, by `retire`.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from controller.domain.call_record import RecordRules
from controller.domain.reasons import Reason
from controller.services.journal_entries import End, Settled
from controller.services.ports import CallStore
from controller.services.vanished import vanished

log = logging.getLogger(__name__)

T = TypeVar("T")
RETIRED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that the database knows. `remaining_s` of the lease is by the database's clock.

    `controllers` are those that are connected now, the owner included. `owner` is empty where
    nobody has it; one whose lease has lapsed is still named.
    """

    switch_id: str
    epoch: int
    owner: str
    remaining_s: float
    controllers: int
    open_calls: int
    oldest_call: datetime | None
    retired_at: datetime | None

    @property
    def owned(self) -> bool:
        return bool(self.owner) and self.remaining_s > 0


@dataclass(frozen=True, slots=True)
class HeldCall:
    """An open call, and what the payers of its chain have reserved for it."""

    call_id: str
    account: str
    callee: str
    offered_at: datetime
    answered_at: datetime | None
    granted_s: int
    held: Decimal
    currency: str


class SwitchView(Protocol):
    """The store's side. All methods raise StoreUnavailable."""

    def switches(self) -> list[Switch]:
        """All, by name."""

    def held_calls(self, switch_id: str, limit: int) -> list[HeldCall]:
        """The oldest first."""


def retire_calls(
    store: CallStore, switch_id: str, rules: RecordRules, tell: Callable[[int], None]
) -> int:
    """Close every open call of a switch that is gone: no talk time is invented, nothing is
    charged, what was held is given back, and each record says that a person must look.

    `store` works under the switch's lease. How many calls were closed. Raises Fenced,
    StoreUnavailable; what was told stays done.
    """
    closed = 0
    open_calls = store.open_calls(switch_id)
    for piece in _pieces(open_calls):
        entries = [
            End(vanished(ticket, answered_at, Reason.VANISHED), None, None, rules)
            for ticket, _, answered_at in piece
        ]
        for entry, outcome in zip(entries, store.commit(entries), strict=True):
            closed += isinstance(outcome, Settled)
            log.warning("released, to be reviewed", extra={"call_id": entry.call_id})
        tell(closed)
    return closed


def _pieces(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), RETIRED_AT_ONCE):
        yield rows[start : start + RETIRED_AT_ONCE]
