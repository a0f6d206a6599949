"""What movements need of a store: what is known under a key, accounts under lock, and writing."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from controller.domain.ledger import Posting, PostingKind, SystemAccount
from controller.domain.movements import Purse
from controller.domain.pending import Pending, State
from controller.services.movements.orders import Asked, Ending, Hold, LimitOrder, Order


@dataclass(frozen=True, slots=True)
class AccountFacts:
    account_id: int
    name: str
    currency: str
    closed: bool
    is_system: bool


@dataclass(frozen=True, slots=True)
class PostedFacts:
    """A posting that is there."""

    posting_id: str
    kind: str
    debit: AccountFacts
    credit: AccountFacts
    amount: Decimal
    currency: str
    call_id: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What was done under a key. `asked` tells what was ordered; `posted` what it moved."""

    kind: str
    asked: Asked
    at: datetime
    posted: PostedFacts | None


class MovementWork(Protocol):
    """One transaction. Whoever has the same key waits until it ends."""

    @property
    def now(self) -> datetime:
        """The database's clock when the accounts were locked."""

    def known(self, key: str) -> Known | None: ...

    def account(self, name: str) -> AccountFacts | None: ...

    def system(self, role: SystemAccount, currency: str) -> AccountFacts:
        """Raises InvalidInput where nobody has made it yet."""

    def posting(self, posting_id: str) -> PostedFacts | None: ...

    def reversed_by(self, posting_id: str) -> str | None:
        """The key of the reversal of a posting, if there is one."""

    def lock(self, *accounts: AccountFacts) -> list[Purse]:
        """Their money until the end, locked in the order in which calls lock it."""

    def overdue(self) -> Sequence[Pending]:
        """Of the accounts that were locked: what is still pending, and has had its time."""

    def lock_limit(self, account: AccountFacts) -> Purse:
        """As `lock`, and nobody else changes the account's limit meanwhile."""

    def read(self, *accounts: AccountFacts) -> list[Purse]:
        """Their money as it is, without a lock."""

    def limit_change(self, key: str) -> tuple[Decimal, Decimal]:
        """Before and after."""

    def pending(self, key: str) -> Pending | None: ...

    def accounts_of(self, pending: Pending) -> tuple[AccountFacts, AccountFacts]:
        """Debit and credit."""

    def write(self, order: Order, posting: Posting | None, purses: Sequence[Purse]) -> None:
        """The order's line, its posting, and the balances that follow."""

    def write_limit(self, order: LimitOrder, purse: Purse) -> None: ...

    def write_hold(
        self,
        order: Hold,
        kind: PostingKind,
        debit: Purse,
        credit: Purse,
        expires_at: datetime,
    ) -> None: ...

    def write_end(
        self,
        pending: Pending,
        state: State,
        posting: Posting | None,
        purses: Sequence[Purse],
        ending: Ending,
    ) -> None: ...


class MovementStore(Protocol):
    """All methods raise StoreUnavailable."""

    def work(self, key: str = "") -> AbstractContextManager[MovementWork]:
        """Committed at its end; an exception takes everything back. An empty key is nobody's."""

    def due(self, limit: int) -> Sequence[AccountFacts]:
        """Accounts that hold money for pending movements which have had their time."""

    def pendings(self, account: str, limit: int, *, everything: bool) -> Sequence[Pending]:
        """Newest first; of all accounts where `account` is empty, and with those that are over
        where `everything` is asked for."""
