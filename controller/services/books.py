"""The books beside the calls: payments, balances, the check of everything, and settling late.

Not in a call's path. What is decided here is decided on figures that the store read in one
snapshot (verification) or under the account's lock (payments). `tollgate ledger` and
`tollgate cdr ingest` are its users; pages will be.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Protocol

from controller.domain.call_record import RecordRules
from controller.domain.errors import StoreUnavailable
from controller.domain.events import CallEnded
from controller.services.actors import Actor
from controller.services.journal_entries import End, Entry, Failed, Outcome, Settled
from controller.services.movements.texts import parse_amount, parse_key, parse_memo, parse_who
from controller.services.ports import CallStore

SETTLE_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class AccountMoney:
    """An account's money and lines. A system account's balance follows from its postings.

    `pending` is the part of `reserved` that pending movements hold.
    """

    account_id: int
    name: str
    kind: str
    currency: str
    closed: bool
    balance: Decimal
    overdraft_limit: Decimal
    reserved: Decimal
    pending: Decimal
    lines: int
    capacity: int | None

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(frozen=True, slots=True)
class Payment:
    """Money from outside into an account, in the account's currency.

    `key` makes it happen once: the same payment sent again is the same payment.
    """

    account: str
    amount: Decimal
    key: str
    memo: str = ""
    who: str = ""
    actor: Actor | None = None
    """Who paid it in, for the audit log; `who` is his name."""


@dataclass(frozen=True, slots=True)
class Paid:
    """`recorded` is False when the payment was there already; nothing was written then."""

    posting_id: str
    at: datetime
    payment: Payment
    currency: str
    balance: Decimal
    recorded: bool


@dataclass(frozen=True, slots=True)
class NotPaid:
    """A payment that was refused, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What is stored is not what follows from the postings, the records or the open calls."""

    check: str
    subject: str
    what: str
    stored: str
    expected: str


@dataclass(frozen=True, slots=True)
class BelowZero:
    """A fact, not a fault: balance + overdraft limit − reserved is below zero.

    Usual for a vendor on credit; for a customer, somebody lowered a limit or corrected a balance.
    """

    account: str
    kind: str
    currency: str
    available: Decimal


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of one check of all books. `counted` says how much was looked at.

    `unlisted` differences were found beyond those that are listed.
    """

    counted: dict[str, int]
    differences: tuple[Difference, ...]
    unlisted: int
    below_zero: tuple[BelowZero, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


class Books(Protocol):
    """The store's side. All methods raise StoreUnavailable."""

    def money_of(self, account: str) -> AccountMoney | None: ...

    def pay(self, payment: Payment) -> Paid | NotPaid:
        """Post and update the balance in one transaction, under the account's lock."""

    def verify(self, progress: Callable[[str], None]) -> Verification:
        """Compare everything in one snapshot; `progress` hears the name of each check."""


def parse_payment(
    account: str, amount: str, key: str, memo: str, who: str = "", actor: Actor | None = None
) -> Payment:
    """Raises InvalidInput for an amount that is no exact positive one, or a key that is none."""
    return Payment(
        account, parse_amount(amount), parse_key(key), parse_memo(memo), parse_who(who), actor
    )


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of CDR files: `known` were settled before, `failed` could not be written."""

    settled: int = 0
    known: int = 0
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def read(self) -> int:
        return self.settled + self.known + len(self.failed)


def ingest(
    ended_calls: Iterable[CallEnded],
    store: CallStore,
    rules: RecordRules,
    settled: Callable[[str], None],
) -> Iterator[Ingested]:
    """Settle calls from their records; the totals after each commit.

    The same entries as the live path's, so that a call which that path settles at the same time
    is settled once. `settled` hears of each call whose record is durable now. Raises
    StoreUnavailable; what was told to be settled stays so.
    """
    total = Ingested()
    calls = iter(ended_calls)
    while piece := _distinct(islice(calls, SETTLE_AT_ONCE)):
        entries = [End(ended, None, None, rules) for ended in piece]
        for entry, outcome in zip(entries, _commit(store, entries), strict=True):
            total = _counted(total, entry, outcome)
            if isinstance(outcome, Settled):
                settled(entry.call_id)
        yield total


def _distinct(calls: Iterable[CallEnded]) -> list[CallEnded]:
    """One transaction takes one change of a call."""
    return list({ended.call_id: ended for ended in calls}.values())


def _commit(store: CallStore, entries: Sequence[Entry]) -> list[Outcome]:
    """A batch that the database refuses is taken apart: one bad record harms no other."""
    try:
        return store.commit(entries)
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the database says of one record
        if len(entries) == 1:
            return [Failed(str(error), retry=False)]
        return [outcome for entry in entries for outcome in _commit(store, [entry])]


def _counted(total: Ingested, entry: Entry, outcome: Outcome) -> Ingested:
    if isinstance(outcome, Settled):
        if outcome.settlement is None:
            return replace(total, known=total.known + 1)
        return replace(total, settled=total.settled + 1)
    why = outcome.why if isinstance(outcome, Failed) else "no outcome"
    return replace(total, failed=(*total.failed, (entry.call_id, why)))
