"""An account's postings in the order in which they were recorded, as an auditor reads them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

LIMITS = "credit_limit"
"""Asked for as a kind: changes of the overdraft limit, which are no postings."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """`since` ≤ recorded < `until`; `kind` empty: all. The newest `limit` lines are told."""

    since: datetime | None = None
    until: datetime | None = None
    kind: str = ""
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """`amount` is positive where the balance rose; `balance_after` counts every posting so far.

    `at` is the moment of what was posted, `recorded_at` that of posting it. `key` and `who` are of
    the order, where a person gave one; `of` the posting that it reverses or refers to.
    """

    posting_id: str
    kind: str
    at: datetime
    recorded_at: datetime
    amount: Decimal
    balance_after: Decimal
    other: str
    memo: str
    call_id: str | None
    key: str
    who: str
    of: str | None


@dataclass(frozen=True, slots=True)
class LimitLine:
    at: datetime
    before: Decimal
    after: Decimal
    key: str
    memo: str
    who: str


@dataclass(frozen=True, slots=True)
class History:
    """`opening` is the balance before the first posting of the period, `closing` after its last.

    `left_out` lines are older than those that are told.
    """

    account: str
    currency: str
    opening: Decimal
    closing: Decimal
    lines: tuple[HistoryLine, ...]
    left_out: int
    limits: tuple[LimitLine, ...]


class Histories(Protocol):
    def history(self, account: str, wanted: HistoryFilter) -> History | None:
        """None where there is no such account; raises StoreUnavailable."""
