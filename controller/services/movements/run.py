"""Movements in one phase: each order is one short transaction, carried out once under its key.

Gather (what is known under the key, both accounts, locked in the call path's order), decide (pure,
`domain/movements.py`), write. Nothing else is waited for while accounts are locked.
"""

from dataclasses import dataclass
from decimal import Decimal

from controller.domain.errors import InvalidInput
from controller.domain.ledger import (
    CARD_KINDS,
    Posting,
    PostingKind,
    SystemAccount,
    keyed_posting_id,
)
from controller.domain.movements import Cover, NotMoved, Purse, change_limit, check_zero, move
from controller.services.movements.locking import lock, lock_limit
from controller.services.movements.orders import (
    Asked,
    CardRecharge,
    CardReturn,
    CardStock,
    Correction,
    Deposit,
    LimitOrder,
    MakeZero,
    Move,
    Order,
    Reversal,
    Transfer,
    Withdrawal,
)
from controller.services.movements.ports import (
    AccountFacts,
    Known,
    MovementStore,
    MovementWork,
    PostedFacts,
)
from controller.services.movements.replies import LimitChanged, Moved, figures


@dataclass(frozen=True, slots=True)
class _Route:
    """From where to where; `amount` None: the balance of `debit`, whatever it is."""

    debit: AccountFacts
    credit: AccountFacts
    amount: Decimal | None
    cover: Cover = Cover.REQUIRED


class Movements:
    def __init__(self, store: MovementStore) -> None:
        self._store = store

    def move(self, order: Move) -> Moved | NotMoved:
        """Raises InvalidInput for accounts and postings that are not there, StoreUnavailable."""
        with self._store.work(order.key) as work:
            return move_within(work, order)

    def change_limit(self, order: LimitOrder) -> LimitChanged | NotMoved:
        """Raises as `move`."""
        with self._store.work(order.key) as work:
            account = customer(work, order.account)
            if known := work.known(order.key):
                return _limit_changed_before(work, known, order, account)
            purse = lock_limit(work, account)
            before = _limit_of(purse)
            after = change_limit(purse, order.mode, order.amount, order.cover)
            if isinstance(after, NotMoved):
                return after
            work.write_limit(order, purse)
            (shown,) = figures(purse)
            return LimitChanged(order.key, before, after, work.now, True, shown)


def move_within(work: MovementWork, order: Move) -> Moved | NotMoved:
    """`Movements.move` as a part of somebody's transaction, which has locked the order's key."""
    if known := work.known(order.key):
        return _moved_before(work, known, order)
    route = _route(work, order)
    if isinstance(route, NotMoved):
        return route
    return _carry_out(work, order, route)


def customer(work: MovementWork, name: str) -> AccountFacts:
    """An account that keeps a balance: not one of the platform's own."""
    account = work.account(name)
    if account is None or account.is_system:
        raise InvalidInput(f"no account {name[:80]!r} that keeps a balance")
    return account


def other_order(known: Known, order: Order) -> NotMoved | None:
    """A key that was used for something else, and how that differs."""
    return used_for(order.key, known, order.kind, order.asked())


def used_for(key: str, known: Known, kind: str, asked: Asked) -> NotMoved | None:
    if known.kind != kind:
        said = ", ".join(f"{name} {value}" for name, value in known.asked.items() if value)
        return NotMoved(f"key {key!r} was used for something else: {_words(known.kind)} ({said})")
    differing = [name for name in asked if known.asked.get(name, "") != asked[name]]
    if not differing:
        return None
    said = ", ".join(
        f"{name} {known.asked.get(name) or 'none'}, not {asked[name] or 'none'}"
        for name in differing
    )
    return NotMoved(f"key {key!r} was used for another {_words(kind)}: {said}")


def _words(kind: str) -> str:
    return kind.replace("_", " ")


# -- in one phase -------------------------------------------------------------------------


def _route(work: MovementWork, order: Move) -> _Route | NotMoved:
    if isinstance(order, Reversal):
        return _route_back(work, order)
    if isinstance(order, Transfer):
        source, target = customer(work, order.source), customer(work, order.target)
        return _Route(source, target, order.amount, order.cover)
    account = customer(work, order.account)
    if isinstance(order, Deposit | CardRecharge):
        return _Route(work.system(order.till, account.currency), account, order.amount)
    if isinstance(order, CardStock | CardReturn):
        return _route_of_stock(work, order, account)
    if isinstance(order, Withdrawal):
        till = work.system(order.till, account.currency)
        return _Route(account, till, order.amount, order.cover)
    if isinstance(order, MakeZero):
        other = work.system(order.against, account.currency)
        return _Route(account, other, None, Cover.WAIVED)
    return _correction(work, order, account)


def _route_of_stock(
    work: MovementWork, order: CardStock | CardReturn, account: AccountFacts
) -> _Route:
    outstanding = work.system(SystemAccount.CARDS, account.currency)
    if isinstance(order, CardStock):
        return _Route(account, outstanding, order.amount)
    return _Route(outstanding, account, order.amount)


def _correction(work: MovementWork, order: Correction, account: AccountFacts) -> _Route | NotMoved:
    if order.against is SystemAccount.CARDS:
        return NotMoved("what is outstanding on cards is moved by cards alone")
    if order.of:
        corrected = _there(work, order.of)
        if account not in (corrected.debit, corrected.credit):
            raise InvalidInput(f"posting {order.of} moved no money of {account.name}")
    against = work.system(order.against, account.currency)
    if order.amount > 0:
        return _Route(against, account, order.amount, order.cover)
    return _Route(account, against, -order.amount, order.cover)


def _route_back(work: MovementWork, order: Reversal) -> _Route | NotMoved:
    posting = _there(work, order.of)
    if posting.call_id is not None:
        return NotMoved(
            f"posting {order.of} is of a call, whose record must agree with it:"
            " re-rate the call, or post a correction"
        )
    if posting.kind in CARD_KINDS:
        return NotMoved(f"posting {order.of} is of phone cards: void them, or post a correction")
    if posting.kind == PostingKind.REVERSAL:
        return NotMoved("a reversal is not reversed: order the movement again, under a new key")
    if posting.debit.is_system and posting.credit.is_system:
        return NotMoved(f"posting {order.of} is between two accounts of the platform")
    return _Route(posting.credit, posting.debit, posting.amount, order.cover)


def _there(work: MovementWork, posting_id: str) -> PostedFacts:
    posting = work.posting(posting_id)
    if posting is None:
        raise InvalidInput(f"there is no posting {posting_id}")
    return posting


def _carry_out(work: MovementWork, order: Move, route: _Route) -> Moved | NotMoved:
    debit, credit = lock(work, route.debit, route.credit)
    if isinstance(order, Reversal) and (key := work.reversed_by(order.of)):
        return NotMoved(f"posting {order.of} was reversed before, under the key {key!r}")
    amount = route.amount
    if amount is None:
        if refused := check_zero(debit):
            return refused
        debit, credit, amount = _to_zero(debit, credit)
    posting = None
    if amount:
        if refused := move(debit, credit, amount, route.cover):
            return refused
        posting = _posting(work, order, debit, credit, amount)
    work.write(order, posting, (debit, credit))
    return Moved(
        order.kind,
        order.key,
        posting.posting_id if posting else None,
        debit.name,
        credit.name,
        amount,
        debit.currency,
        work.now,
        True,
        figures(debit, credit),
    )


def _to_zero(purse: Purse, other: Purse) -> tuple[Purse, Purse, Decimal]:
    """Debit, credit and amount that leave no balance: what is there goes, a debt is let off."""
    balance = purse.funds.balance if purse.funds else Decimal(0)
    return (other, purse, -balance) if balance < 0 else (purse, other, balance)


def _posting(
    work: MovementWork, order: Move, debit: Purse, credit: Purse, amount: Decimal
) -> Posting:
    return Posting(
        keyed_posting_id(order.key),
        PostingKind(order.kind),
        debit.account_id,
        credit.account_id,
        amount,
        debit.currency,
        work.now,
        memo=order.memo,
    )


# -- done before --------------------------------------------------------------------------


def _moved_before(work: MovementWork, known: Known, order: Move) -> Moved | NotMoved:
    if refused := other_order(known, order):
        return refused
    posted = known.posted
    if posted is None:
        return _zero_before(work, known, order)
    shown = figures(*work.read(posted.debit, posted.credit))
    return Moved(
        order.kind,
        order.key,
        posted.posting_id,
        posted.debit.name,
        posted.credit.name,
        posted.amount,
        posted.currency,
        known.at,
        False,
        shown,
    )


def _zero_before(work: MovementWork, known: Known, order: Move) -> Moved:
    """A balance that was zero when it was to be made so: nothing was posted, and nothing is."""
    account = customer(work, known.asked["account"])
    other = work.system(SystemAccount.ADJUSTMENTS, account.currency)
    shown = figures(*work.read(account))
    zero = Decimal(0)
    return Moved(
        order.kind,
        order.key,
        None,
        account.name,
        other.name,
        zero,
        account.currency,
        known.at,
        False,
        shown,
    )


def _limit_changed_before(
    work: MovementWork, known: Known, order: LimitOrder, account: AccountFacts
) -> LimitChanged | NotMoved:
    if refused := other_order(known, order):
        return refused
    before, after = work.limit_change(order.key)
    (shown,) = figures(*work.read(account))
    return LimitChanged(order.key, before, after, known.at, False, shown)


def _limit_of(purse: Purse) -> Decimal:
    return purse.funds.overdraft_limit if purse.funds else Decimal(0)
