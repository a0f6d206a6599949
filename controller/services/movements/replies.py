"""What became of an order: done now, or done before under the same key."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from controller.domain.movements import Purse
from controller.domain.pending import Pending


@dataclass(frozen=True, slots=True)
class AccountAfter:
    """An account's money when the order was carried out; of one done before, as it is now."""

    account: str
    currency: str
    balance: Decimal
    overdraft_limit: Decimal
    reserved: Decimal

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(frozen=True, slots=True)
class Moved:
    """`amount` went from `debit` to `credit`. `recorded` is False where it was done before.

    `posting_id` is None where a balance that was made zero was zero.
    """

    kind: str
    key: str
    posting_id: str | None
    debit: str
    credit: str
    amount: Decimal
    currency: str
    at: datetime
    recorded: bool
    accounts: tuple[AccountAfter, ...]


@dataclass(frozen=True, slots=True)
class LimitChanged:
    key: str
    before: Decimal
    after: Decimal
    at: datetime
    recorded: bool
    account: AccountAfter


@dataclass(frozen=True, slots=True)
class PendingReply:
    """`recorded` is False where the movement was in its state before."""

    pending: Pending
    recorded: bool
    accounts: tuple[AccountAfter, ...]


def figures(*purses: Purse) -> tuple[AccountAfter, ...]:
    """Of those that keep a balance."""
    return tuple(
        AccountAfter(
            purse.name,
            purse.currency,
            purse.funds.balance,
            purse.funds.overdraft_limit,
            purse.funds.reserved,
        )
        for purse in purses
        if purse.funds is not None
    )
