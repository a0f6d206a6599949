"""Accounts that are low on money: locked where they want that, and unlocked again (spec §1.1).

A timed job. It unlocks only what it has locked itself: an account that a person locked stays so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from controller.services.actors import Actor, Source
from controller.services.sign_in import Role

SCHEDULER = Actor("scheduler", Source.SCHEDULER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class LowAccount:
    """`available` is balance + overdraft limit - reserved, `low_balance` its threshold."""

    account_id: int
    name: str
    currency: str
    available: Decimal
    low_balance: Decimal
    locked: bool


class LowBalanceStore(Protocol):
    """Each method is one transaction, with its lines of audit; all raise StoreUnavailable."""

    def lock_low(self, actor: Actor) -> Sequence[LowAccount]:
        """Lock open accounts below their threshold which want it; those that were locked."""

    def unlock_recovered(self, actor: Actor) -> Sequence[LowAccount]:
        """Unlock those locked by this job which have enough again."""


def watch_balances(store: LowBalanceStore) -> tuple[Sequence[LowAccount], Sequence[LowAccount]]:
    """Those that were locked now, and those that were unlocked."""
    return store.lock_low(SCHEDULER), store.unlock_recovered(SCHEDULER)
