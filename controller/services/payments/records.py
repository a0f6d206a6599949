"""Payments as people see them afterwards."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

MAX_LINES = 500
"""Rows of one page."""


class PaymentKind(StrEnum):
    PAYMENT = "payment"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    MAKE_ZERO = "make_zero"
    CREDIT = "credit_limit"
    CARD = "card"
    CARD_STOCK = "card_stock"
    CARD_RETURN = "card_return"
    CORRECTION = "correction"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """`account`: one account's alone. `since` and `until` are times of recording, the first
    included. `after` is where the page before ended."""

    account: str = ""
    kind: PaymentKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """`amount` is what `account` got, negative where it gave; of a credit, what its overdraft limit
    became more or less. `balance_after` None: not kept. `other` is the other account of a transfer
    where the asking one may know of it. `who` is empty where that is not his business."""

    payment_id: str
    at: datetime
    kind: PaymentKind
    account: str
    amount: Decimal
    currency: str
    balance_after: Decimal | None
    limit_after: Decimal | None
    other: str
    memo: str
    who: str


@dataclass(frozen=True, slots=True)
class PaymentPage:
    rows: tuple[PaymentRow, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """`number` is short, for people; `title` is the account's."""

    row: PaymentRow
    number: str
    title: str
    company: str
    address: str
