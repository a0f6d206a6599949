"""Movements of money that people order: what is allowed, and what it changes. Pure.

Works on what one transaction has locked (`Purse`), as admission and settlement do. A movement
touches balances only; what calls and pending movements have reserved stays reserved. Available =
balance + overdraft limit − reserved is never made negative by one, unless somebody waives it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from controller.domain.holdings import Funds
from controller.domain.money import plain

MAX_AMOUNT = Decimal(10) ** 12
"""Of one movement and of an overdraft limit: far above any payment."""
MAX_BALANCE = Decimal(10) ** 13
"""Either way; the ledger can hold ten times that (numeric(24,10))."""


class Cover(StrEnum):
    """Whether the debited account must have the money."""

    REQUIRED = "required"
    WAIVED = "waived"


class LimitMode(StrEnum):
    """How an overdraft limit is changed (spec §1.7: Credit raises it)."""

    RAISE = "raise"
    LOWER = "lower"
    SET = "set"


@dataclass(slots=True)
class Purse:
    """An account's money, locked. A system account keeps none: it has no `funds`."""

    account_id: int
    name: str
    currency: str
    closed: bool = False
    funds: Funds | None = None


@dataclass(frozen=True, slots=True)
class NotMoved:
    """Why nothing was done. `may_be_forced`: only for want of money."""

    why: str
    may_be_forced: bool = False


def move(debit: Purse, credit: Purse, amount: Decimal, cover: Cover) -> NotMoved | None:
    """Take `amount` (> 0) from one account and give it to another; None when it is done."""
    refused = (
        _unfit(debit, credit)
        or _uncovered(debit, amount, cover)
        or _too_much(debit, credit, amount)
    )
    if refused is None:
        if debit.funds is not None:
            debit.funds.balance -= amount
        if credit.funds is not None:
            credit.funds.balance += amount
    return refused


def check_zero(purse: Purse) -> NotMoved | None:
    """Why a balance cannot be made zero (spec §1.7): calls count on it.

    A debt always can: it makes nobody poorer. Nobody may force it: the money that calls in
    progress and pending movements have reserved would be there no more.
    """
    funds = _funds(purse)
    if funds.balance <= 0 or funds.overdraft_limit >= funds.reserved:
        return None
    return NotMoved(
        f"{plain(funds.reserved)} of {purse.name}'s balance of {plain(funds.balance)} is reserved"
        " for calls in progress and pending movements: wait until they are over"
    )


def change_limit(
    purse: Purse, mode: LimitMode, amount: Decimal, cover: Cover
) -> Decimal | NotMoved:
    """The overdraft limit as it is now; the balance stays (spec §1.7)."""
    funds = _funds(purse)
    limit = _new_limit(funds.overdraft_limit, mode, amount)
    if purse.closed and limit > funds.overdraft_limit:
        return NotMoved(f"account {purse.name} is closed")
    if limit < 0:
        return NotMoved(
            f"the limit of {purse.name} is {plain(funds.overdraft_limit)}:"
            f" it cannot be lowered by {plain(amount)}"
        )
    if limit > MAX_AMOUNT:
        return NotMoved(f"no limit is above {plain(MAX_AMOUNT)}")
    available = funds.balance + limit - funds.reserved
    if limit < funds.overdraft_limit and available < 0 and cover is Cover.REQUIRED:
        return NotMoved(
            f"with a limit of {plain(limit)}, {purse.name} would have {plain(available)} available"
            f" (balance {plain(funds.balance)}, reserved {plain(funds.reserved)}): no new calls,"
            " and calls in progress end when what they have reserved is used up",
            may_be_forced=True,
        )
    funds.overdraft_limit = limit
    return limit


def hold(debit: Purse, credit: Purse, amount: Decimal) -> NotMoved | None:
    """Reserve what a pending movement is to take; it cannot be forced."""
    refused = _unfit(debit, credit) or _uncovered(debit, amount, Cover.REQUIRED)
    if refused is None:
        _funds(debit).reserved += amount
        return None
    return NotMoved(refused.why)


def post_held(debit: Purse, credit: Purse, held: Decimal, amount: Decimal) -> NotMoved | None:
    """Move `amount` (at most what is held); the rest of the hold is free again."""
    if refused := _unfit(debit, credit):
        return refused
    release(debit, held)
    return move(debit, credit, amount, Cover.WAIVED)


def release(debit: Purse, held: Decimal) -> None:
    _funds(debit).reserved -= held


def _unfit(debit: Purse, credit: Purse) -> NotMoved | None:
    """Two accounts between which nothing can be moved."""
    if debit.account_id == credit.account_id:
        return NotMoved(f"{debit.name} cannot pay itself")
    if debit.currency != credit.currency:
        return NotMoved(
            f"{debit.name} is in {debit.currency}, {credit.name} in {credit.currency}:"
            " money is not exchanged"
        )
    if credit.closed:
        return NotMoved(f"account {credit.name} is closed")
    return None


def _uncovered(debit: Purse, amount: Decimal, cover: Cover) -> NotMoved | None:
    funds = debit.funds
    if funds is None or cover is Cover.WAIVED or amount <= funds.available:
        return None
    return NotMoved(
        f"{debit.name} has {plain(funds.available)} {debit.currency} available"
        f" (balance {plain(funds.balance)}, overdraft limit {plain(funds.overdraft_limit)},"
        f" reserved {plain(funds.reserved)}), needed {plain(amount)}",
        may_be_forced=True,
    )


def _too_much(debit: Purse, credit: Purse, amount: Decimal) -> NotMoved | None:
    for purse, moved in ((debit, -amount), (credit, amount)):
        if purse.funds is not None and abs(purse.funds.balance + moved) > MAX_BALANCE:
            return NotMoved(f"{purse.name} would have a balance beyond {plain(MAX_BALANCE)}")
    return None


def _new_limit(limit: Decimal, mode: LimitMode, amount: Decimal) -> Decimal:
    if mode is LimitMode.SET:
        return amount
    return limit + amount if mode is LimitMode.RAISE else limit - amount


def _funds(purse: Purse) -> Funds:
    """Callers have seen to it that this is nobody's system account."""
    if purse.funds is None:
        raise ValueError(f"{purse.name} keeps no balance")
    return purse.funds
