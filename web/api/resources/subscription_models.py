"""What answers say of packages, recurring money and postings."""

from datetime import date

from pydantic import Field

from web.api.paging import PageOut
from web.api.values import AmountOut, MomentOut, Outgoing


class FreeSecondsOut(Outgoing):
    prefixes: list[str]
    start_s: int = Field(description="Of the local day.")
    end_s: int
    total_s: int
    left_s: int
    reserved_s: int


class PackageOut(Outgoing):
    """A package's current period. Benefits begin at `effective_consumption`."""

    name: str
    phone: str = Field(description="Empty: the whole account's.")
    currency: str
    period_start: MomentOut
    period_end: MomentOut
    rent_paid: AmountOut
    gift_total: AmountOut
    gift_left: AmountOut
    gift_reserved: AmountOut
    consumption: AmountOut
    minimum_consumption: AmountOut
    effective_consumption: AmountOut
    is_effective: bool
    free: list[FreeSecondsOut]


class RecurringOut(Outgoing):
    """Rent or a shortfall that was charged."""

    kind: str
    source: str
    period_start: MomentOut
    amount: AmountOut
    currency: str
    at: MomentOut


class PhoneMonthOut(Outgoing):
    """A phone's current month."""

    number: str
    locked: bool
    rent: AmountOut
    minimum: AmountOut
    maximum: AmountOut | None
    consumed: AmountOut
    reserved: AmountOut


class SubscriptionsOut(Outgoing):
    """Packages in use, recurring money of the last time, and phones' months: the first of them."""

    month: date
    packages: list[PackageOut]
    recurring: list[RecurringOut]
    phones: list[PhoneMonthOut]
    phones_count: int


class PostedCallOut(Outgoing):
    """The call that a posting is of; seconds and prefix are the account's own."""

    callee: str
    billed_s: int
    duration_s: int
    rate_prefix: str


class PostingOut(Outgoing):
    """A posting as the account sees it: `amount` is positive where the balance rose."""

    posting_id: str
    kind: str
    at: MomentOut
    amount: AmountOut
    currency: str
    other_account: str
    memo: str
    call_id: str | None
    call: PostedCallOut | None
    balance_after: AmountOut | None


class PostingPageOut(PageOut):
    items: list[PostingOut]
