"""A phone as people see it: with its revision, and without its password."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.services.config_as_code.specs import PhoneSpec
from controller.services.records.locks import Locks

KIND = "phone"
"""In the audit log and in messages."""

LISTS = ("dids",)


@dataclass(frozen=True, slots=True)
class PhoneRecord:
    """`password_set_at` None: it has no SIP password yet, so it cannot register."""

    spec: PhoneSpec
    account_id: int
    revision: int
    created_at: datetime
    password_set_at: datetime | None = None
    locks: Locks = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewPhone:
    """The password is told this once; nobody can ask for it again."""

    record: PhoneRecord
    password: str = field(repr=False)


class PhoneSort(StrEnum):
    NUMBER = "number"
    ACCOUNT = "account"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class PhoneQuery:
    """`search` is the beginning of a number, or a whole DID; `account` one account's name.

    `locked`: only those that may not call (true), or that may (false). `after` is where the page
    before this one ended (`PhonePage.next_after`).
    """

    search: str = ""
    account: str = ""
    locked: bool | None = None
    sort: PhoneSort = PhoneSort.NUMBER
    descending: bool = False
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PhoneRow:
    number: str
    account: str
    account_id: int
    currency: str
    authorization: str
    rate_group: str
    locked: bool
    locked_in: bool
    dids: int
    lines_total: int | None
    has_password: bool
    created_at: datetime
    memo: str


@dataclass(frozen=True, slots=True)
class PhonePage:
    rows: tuple[PhoneRow, ...]
    next_after: str | None
