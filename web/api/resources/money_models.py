"""What requests and answers say of money."""

from typing import Annotated

from pydantic import Field

from controller.domain.movements import LimitMode
from controller.services.payments import PaymentKind
from web.api.paging import PageOut, PageQuery
from web.api.values import (
    AmountIn,
    AmountOut,
    Incoming,
    Memo,
    MomentIn,
    MomentOut,
    Name,
    Outgoing,
)


class AmountOrder(Incoming):
    """An amount in the account's currency, above zero."""

    amount: AmountIn
    memo: Memo = ""


class TransferOrder(AmountOrder):
    to: Annotated[Name, Field(description="The account that gets it.")]


class ZeroOrder(Incoming):
    memo: Memo = ""


class CreditOrder(Incoming):
    """The overdraft limit is set to `amount`, or raised or lowered by it."""

    mode: LimitMode = LimitMode.SET
    amount: AmountIn
    memo: Memo = ""


class MoneyOut(Outgoing):
    """An account's money: `available` is balance + overdraft limit - reserved.

    `pending` is the part of `reserved` that pending movements hold; calls hold the rest.
    """

    account: str
    currency: str
    balance: AmountOut
    overdraft_limit: AmountOut
    reserved: AmountOut
    pending: AmountOut
    available: AmountOut
    lines: int = Field(description="Calls in progress.")
    capacity: int | None


class AccountAfterOut(Outgoing):
    """An account's money after the movement."""

    account: str
    currency: str
    balance: AmountOut
    overdraft_limit: AmountOut
    reserved: AmountOut
    available: AmountOut


class Moved(Outgoing):
    """What was done, and the money of its accounts afterwards."""

    payment_id: str
    accounts: list[AccountAfterOut]


class PaymentsQuery(PageQuery):
    """Which payments; `since` is included, `until` is not."""

    account: Name | None = None
    kind: PaymentKind | None = None
    since: MomentIn | None = None
    until: MomentIn | None = None


class PaymentOut(Outgoing):
    """A payment. `amount` is what `account` got; negative: what it gave. Of a credit it is what
    its overdraft limit became more or less."""

    payment_id: str
    at: MomentOut
    kind: PaymentKind
    account: str
    amount: AmountOut
    currency: str
    balance_after: AmountOut | None
    limit_after: AmountOut | None
    other: str
    memo: str
    who: str


class PaymentPageOut(PageOut):
    items: list[PaymentOut]


class ReceiptOut(Outgoing):
    """A receipt, with who it is made out to."""

    number: str
    payment: PaymentOut
    title: str
    company: str
    address: str
