"""Movements in two phases: hold first, then post, void, or let it expire (docs/adr/0014).

What is held counts as reserved at once: calls find less available. A movement is named by the key
of its hold. It has one post, whose id follows from the movement, so that it cannot be posted twice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from controller.domain.errors import InvalidInput
from controller.domain.ledger import Posting, PostingKind, SystemAccount, pending_posting_id
from controller.domain.movements import NotMoved, Purse, hold, post_held, release
from controller.domain.pending import Event, Pending, State, after
from controller.services.movements.locking import expire, lock
from controller.services.movements.orders import Ending, Hold
from controller.services.movements.ports import (
    AccountFacts,
    Known,
    MovementStore,
    MovementWork,
)
from controller.services.movements.replies import PendingReply, figures
from controller.services.movements.run import customer, other_order

USUAL_TIME = timedelta(days=1)
LONGEST_TIME = timedelta(days=366)
EXPIRE_AT_ONCE = 1_000


class TwoPhase:
    """All methods raise InvalidInput for what is not there, StoreUnavailable."""

    def __init__(self, store: MovementStore) -> None:
        self._store = store

    def hold(self, order: Hold) -> PendingReply | NotMoved:
        with self._store.work(order.key) as work:
            if known := work.known(order.key):
                return _held_before(work, known, order)
            debit, credit, kind = _sides(work, order)
            purse, other = lock(work, debit, credit)
            expires_at = _expiry(order.expires_at, work.now)
            if refused := hold(purse, other, order.amount):
                return refused
            work.write_hold(order, kind, purse, other, expires_at)
            return PendingReply(_there(work, order.key), True, figures(purse, other))

    def post(self, ending: Ending, amount: Decimal | None) -> PendingReply | NotMoved:
        """Move what is held, or a part of it; the rest is free again. `amount` None: all of it."""
        return self._end(ending, Event.POST, amount)

    def void(self, ending: Ending) -> PendingReply | NotMoved:
        """Give back what is held."""
        return self._end(ending, Event.VOID, None)

    def pendings(self, account: str, limit: int, *, everything: bool) -> list[Pending]:
        return list(self._store.pendings(account, limit, everything=everything))

    def expire_due(self) -> Iterator[Pending]:
        """End movements that have had their time, an account's in one transaction; told as done."""
        while accounts := self._store.due(EXPIRE_AT_ONCE):
            ended = [pending for account in accounts for pending in self._expire(account)]
            yield from ended
            if not ended:
                # somebody else was faster
                return

    def _expire(self, account: AccountFacts) -> list[Pending]:
        with self._store.work() as work:
            return expire(work, work.lock(account))

    def _end(self, ending: Ending, event: Event, amount: Decimal | None) -> PendingReply | NotMoved:
        key = ending.key
        with self._store.work(key) as work:
            accounts = work.accounts_of(_there(work, key))
            debit, credit = lock(work, *accounts)
            # as it is now: locking has ended it if it had its time
            pending = _there(work, key)
            state = after(pending, event, amount)
            if isinstance(state, NotMoved):
                return state
            if state is None:
                return PendingReply(pending, False, figures(debit, credit))
            posting = _conclude(work, pending, state, amount, debit, credit)
            if isinstance(posting, NotMoved):
                return posting
            work.write_end(pending, state, posting, (debit, credit), ending)
            return PendingReply(_there(work, key), True, figures(debit, credit))


def _conclude(
    work: MovementWork,
    pending: Pending,
    state: State,
    amount: Decimal | None,
    debit: Purse,
    credit: Purse,
) -> Posting | NotMoved | None:
    """Change both accounts; the posting where there is one."""
    if state is not State.POSTED:
        release(debit, pending.amount)
        return None
    moved = pending.amount if amount is None else amount
    if refused := post_held(debit, credit, pending.amount, moved):
        return refused
    return Posting(
        pending_posting_id(pending.pending_id),
        PostingKind(pending.kind),
        debit.account_id,
        credit.account_id,
        moved,
        pending.currency,
        work.now,
        memo=pending.memo,
    )


def _sides(work: MovementWork, order: Hold) -> tuple[AccountFacts, AccountFacts, PostingKind]:
    account = customer(work, order.account)
    if order.target:
        return account, customer(work, order.target), PostingKind.TRANSFER
    cash = work.system(SystemAccount.CASH, account.currency)
    return account, cash, PostingKind.WITHDRAWAL


def _held_before(work: MovementWork, known: Known, order: Hold) -> PendingReply | NotMoved:
    if refused := other_order(known, order):
        return refused
    pending = _there(work, order.key)
    return PendingReply(pending, False, figures(*work.read(*work.accounts_of(pending))))


def _expiry(wanted: datetime | None, now: datetime) -> datetime:
    expires_at = wanted or now + USUAL_TIME
    if not now < expires_at <= now + LONGEST_TIME:
        raise InvalidInput(f"expires: a time within the next {LONGEST_TIME.days} days is expected")
    return expires_at


def _there(work: MovementWork, key: str) -> Pending:
    pending = work.pending(key)
    if pending is None:
        raise InvalidInput(f"no pending movement has the key {key[:80]!r}")
    return pending
