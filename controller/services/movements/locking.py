"""Locking accounts for a movement. What was pending for too long expires first, then they count."""

from controller.domain.movements import Purse, release
from controller.domain.pending import Event, Pending, State, after
from controller.services.movements.orders import Ending
from controller.services.movements.ports import AccountFacts, MovementWork


def lock(work: MovementWork, *accounts: AccountFacts) -> list[Purse]:
    """The accounts' money, in their order, without what expired holds had reserved."""
    purses = work.lock(*accounts)
    expire(work, purses)
    return purses


def lock_limit(work: MovementWork, account: AccountFacts) -> Purse:
    purse = work.lock_limit(account)
    expire(work, [purse])
    return purse


def expire(work: MovementWork, purses: list[Purse]) -> list[Pending]:
    """End what has had its time; what was ended."""
    ended = []
    for pending in work.overdue():
        state = after(pending, Event.EXPIRE)
        holder = next((p for p in purses if p.account_id == pending.debit_id), None)
        if holder is not None and isinstance(state, State):
            release(holder, pending.amount)
            work.write_end(pending, state, None, (holder,), Ending(key=pending.key))
            ended.append(pending)
    return ended
