"""Accounts, their money and their postings, as pages show them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from controller.services.views.paging import PageRequest, Position


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """`search` is any part of the name or title; `kind` empty: all but the platform's own."""

    search: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account with its money. `balance` is not kept for accounts of kind `system`."""

    account_id: int
    name: str
    title: str
    kind: str
    currency: str
    parent: str
    locked: bool
    expires_at: datetime | None
    closed_at: datetime | None
    overdraft_limit: Decimal
    capacity: int | None
    balance: Decimal
    reserved: Decimal
    lines: int

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Rows by name. `next_after` is the name after which the next page begins."""

    rows: tuple[AccountRow, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class AccountDetail:
    row: AccountRow
    rate_group: str
    gateways: tuple[str, ...]
    created_at: datetime
    memo: str


@dataclass(frozen=True, slots=True)
class PostedCall:
    """What a posting needs to say about its call."""

    callee: str
    billed_s: int
    duration_s: int
    rate_prefix: str
    routing_gateway: str


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting as one account sees it: `amount` is positive where the balance rose.

    `balance_after` is None where nothing keeps or can quickly tell it.
    """

    posting_id: str
    kind: str
    at: datetime
    amount: Decimal
    currency: str
    other_account: str
    memo: str
    call_id: str | None
    call: PostedCall | None
    balance_after: Decimal | None


@dataclass(frozen=True, slots=True)
class PostingPage:
    rows: tuple[PostingRow, ...]
    newer: Position | None
    older: Position | None


class AccountView(Protocol):
    def page(self, wanted: AccountFilter, after: str, limit: int) -> AccountPage: ...

    def detail(self, account_id: int) -> AccountDetail | None: ...

    def id_of(self, name: str) -> int | None: ...

    def postings(self, account_id: int, request: PageRequest) -> PostingPage: ...
