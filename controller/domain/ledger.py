"""Postings: immutable double entries. A balance is what was credited less what was debited.

A posting moves a positive amount from one account to another, so the sum over all accounts is
always zero. The platform's side of each movement is a system account, one for each currency.
Ids follow from what the posting is for, so that posting twice is impossible (design §3).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import NAMESPACE_URL, UUID, uuid5


class SystemAccount(StrEnum):
    """The platform's own accounts; each exists once for every currency in use."""

    CASH = "cash"
    AGENTS_CASH = "agents_cash"
    """What agents take from the accounts below them, and give back: their till, not ours."""
    REVENUE = "revenue"
    TAX = "tax"
    TERMINATION_COST = "termination_cost"
    RESALE = "resale"
    """What accounts below an agent pay: the reseller's income, not the operator's."""
    GIFTS = "gifts"
    """The other side of gift money: what packages paid in place of a balance."""
    CARDS = "cards"
    """What agents have paid for cards that nobody has used yet. Moved by cards alone."""
    ADJUSTMENTS = "adjustments"
    """The other side of balances made zero and of corrections that nothing else explains."""


class PostingKind(StrEnum):
    OPENING = "opening"
    PAYMENT = "payment"
    WITHDRAWAL = "withdrawal"
    MAKE_ZERO = "make_zero"
    TRANSFER = "transfer"
    CALL_CHARGE = "call_charge"
    CALL_TAX = "call_tax"
    CALL_COST = "call_cost"
    GIFT = "gift"
    PACKAGE_RENT = "package_rent"
    PACKAGE_MINIMUM = "package_minimum"
    PHONE_RENT = "phone_rent"
    PHONE_MINIMUM = "phone_minimum"
    ACCOUNT_MINIMUM = "account_minimum"
    CARD = "card"
    """An account is recharged with a phone card."""
    CARD_STOCK = "card_stock"
    """An agent pays for a batch of cards when it is made."""
    CARD_RETURN = "card_return"
    """An agent has back what cards that are void or past their time were worth."""
    CORRECTION = "correction"
    REVERSAL = "reversal"
    """The exact opposite of another posting."""


CARD_KINDS = frozenset({PostingKind.CARD, PostingKind.CARD_STOCK, PostingKind.CARD_RETURN})
"""Each has its cards, so none of them is reversed by itself."""


@dataclass(frozen=True, slots=True)
class Posting:
    """`amount` (> 0, in `currency`) leaves `debit` and enters `credit`: ids or system accounts."""

    posting_id: str
    kind: PostingKind
    debit: int | SystemAccount
    credit: int | SystemAccount
    amount: Decimal
    currency: str
    at: datetime
    call_id: str | None = None
    memo: str = ""

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a posting moves a positive amount")


def call_posting_id(call_id: str, kind: PostingKind, account_id: int) -> str:
    """The one id of this charge of this call: replays collide instead of charging twice."""
    return str(uuid5(UUID(call_id), f"{kind}:{account_id}"))


def keyed_posting_id(key: str) -> str:
    """The one id of a movement that a person or a file named by an idempotency key."""
    return str(uuid5(NAMESPACE_URL, f"tollgate:posting:{key}"))


def pending_posting_id(pending_id: str) -> str:
    """The one id of the posting that a pending movement ends in: it is posted once."""
    return str(uuid5(UUID(pending_id), "posted"))
