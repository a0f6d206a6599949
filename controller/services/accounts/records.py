"""An account as people see it: what was set, what follows from it, and its revision."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.rights import Right, Rights
from controller.services.config_as_code.specs import AccountSpec
from controller.services.records.locks import Locks

KIND = "account"
"""In the audit log and in messages."""

LISTS = ("rights", "number_sections", "destination_rules")
MAX_LINES = 500
"""Rows of one page."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """`is_agent` is derived: somebody names it as parent (spec §1.1 “category”).

    `effective` are the rights that count: its own, as far as every agent above has them.
    """

    spec: AccountSpec
    account_id: int
    revision: int
    created_at: datetime
    is_agent: bool
    awaiting_approval: bool
    locked_for_balance_at: datetime | None
    effective: Rights
    locks: Locks = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RightView:
    """A right of an account: given to it or not, and the agents above that lack it."""

    right: Right
    given: bool
    lacking_above: tuple[str, ...]

    @property
    def counts(self) -> bool:
        return self.given and not self.lacking_above


class AccountState(StrEnum):
    """What a list can be narrowed to. An account may be in several of these."""

    OPEN = "open"
    LOCKED = "locked"
    EXPIRED = "expired"
    CLOSED = "closed"
    WAITING = "waiting"
    LOW = "low"


class AccountSort(StrEnum):
    NAME = "name"
    CREATED = "created"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """`search` is any part of name or title. `under` one account's name: what is below it, all of
    it or only its direct children. `after` is where the page before ended."""

    search: str = ""
    kind: str = ""
    currency: str = ""
    state: AccountState | None = None
    under: str = ""
    direct: bool = False
    sort: AccountSort = AccountSort.NAME
    descending: bool = False
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AccountRow:
    """`parent` is empty where it lies outside the scope. `children`: how many directly below."""

    account_id: int
    name: str
    title: str
    kind: str
    currency: str
    parent: str
    rate_group: str
    locked: bool
    expires_at: datetime | None
    closed_at: datetime | None
    awaiting_approval: bool
    created_at: datetime
    overdraft_limit: Decimal
    low_balance: Decimal | None
    balance: Decimal
    reserved: Decimal
    lines: int
    children: int

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved

    @property
    def is_low(self) -> bool:
        return self.low_balance is not None and self.available < self.low_balance


@dataclass(frozen=True, slots=True)
class AccountPage:
    rows: tuple[AccountRow, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An agent in the navigation tree; `agents` are the agents directly below it, and `accounts`
    all accounts directly below."""

    account_id: int
    name: str
    title: str
    agents: int
    accounts: int
