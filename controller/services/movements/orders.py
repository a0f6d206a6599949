"""What people order of the ledger. Each order has a key, under which it is carried out once.

`asked` is what a key stands for: the same order again has the same, another one differs, and the
names of what differs tell how. Memo and who gave it are not part of it; the first ones count.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from controller.domain.ledger import PostingKind, SystemAccount
from controller.domain.moments import moment_text
from controller.domain.money import plain
from controller.domain.movements import Cover, LimitMode
from controller.services.actors import Actor

Asked = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`who` is the person or program that gave it."""

    kind: ClassVar[str]

    key: str
    memo: str = ""
    who: str = ""
    actor: Actor | None = None
    """Who gave it, for the audit log; `who` is his name."""

    def asked(self) -> Asked:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a pending movement, named by its key; who gives it is told as in an order."""

    key: str
    memo: str = ""
    who: str = ""
    actor: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Order):
    """A payment: money from outside, through a till."""

    kind: ClassVar[str] = PostingKind.PAYMENT

    account: str
    amount: Decimal
    till: SystemAccount = SystemAccount.CASH

    def asked(self) -> Asked:
        return {"account": self.account, "amount": plain(self.amount), **_other(self.till)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(Order):
    """Money out, through a till (the reference's deduction)."""

    kind: ClassVar[str] = PostingKind.WITHDRAWAL

    account: str
    amount: Decimal
    cover: Cover = Cover.REQUIRED
    till: SystemAccount = SystemAccount.CASH

    def asked(self) -> Asked:
        return {"account": self.account, "amount": plain(self.amount), **_other(self.till)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Order):
    """From one account to another of the same currency."""

    kind: ClassVar[str] = PostingKind.TRANSFER

    source: str
    target: str
    amount: Decimal
    cover: Cover = Cover.REQUIRED

    def asked(self) -> Asked:
        return {"from": self.source, "to": self.target, "amount": plain(self.amount)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeZero(Order):
    """The balance becomes 0, whatever it is then; `against` is the other side."""

    kind: ClassVar[str] = PostingKind.MAKE_ZERO

    account: str
    against: SystemAccount = SystemAccount.ADJUSTMENTS

    def asked(self) -> Asked:
        own = self.against is not SystemAccount.ADJUSTMENTS
        return {"account": self.account, **({"against": self.against.value} if own else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Order):
    """`amount` of any sign for the account; `against` is the other side.

    `of` is the id of the posting that is corrected, or empty.
    """

    kind: ClassVar[str] = PostingKind.CORRECTION

    account: str
    amount: Decimal
    against: SystemAccount = SystemAccount.ADJUSTMENTS
    of: str = ""
    cover: Cover = Cover.REQUIRED

    def asked(self) -> Asked:
        return {
            "account": self.account,
            "amount": plain(self.amount),
            "against": self.against.value,
            "of": self.of,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal(Order):
    """The exact opposite of the posting `of`, once."""

    kind: ClassVar[str] = PostingKind.REVERSAL

    of: str
    cover: Cover = Cover.REQUIRED

    def asked(self) -> Asked:
        return {"of": self.of}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRecharge(Order):
    """A phone card's face value, for `account`. `till`: who had been paid for the card."""

    kind: ClassVar[str] = PostingKind.CARD

    account: str
    amount: Decimal
    card: str
    till: SystemAccount = SystemAccount.CASH

    def asked(self) -> Asked:
        said = {"account": self.account, "amount": plain(self.amount), "card": self.card}
        return said | _other(self.till)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStock(Order):
    """An agent pays for the cards of a batch."""

    kind: ClassVar[str] = PostingKind.CARD_STOCK

    account: str
    amount: Decimal
    batch: str

    def asked(self) -> Asked:
        return {"account": self.account, "amount": plain(self.amount), "batch": self.batch}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReturn(Order):
    """An agent has back what `count` of its cards are worth that nobody will use."""

    kind: ClassVar[str] = PostingKind.CARD_RETURN

    account: str
    amount: Decimal
    batch: str
    count: int

    def asked(self) -> Asked:
        return {
            "account": self.account,
            "amount": plain(self.amount),
            "batch": self.batch,
            "cards": str(self.count),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOrder(Order):
    """Another overdraft limit (the reference's credit). No posting: nothing is moved."""

    kind: ClassVar[str] = "credit_limit"

    account: str
    mode: LimitMode
    amount: Decimal
    cover: Cover = Cover.REQUIRED

    def asked(self) -> Asked:
        return {"account": self.account, "mode": self.mode.value, "amount": plain(self.amount)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Order):
    """The first phase: `amount` of `account` is held, for `target` or (empty) for `cash`.

    `expires_at` None: a day later, by the database's clock.
    """

    kind: ClassVar[str] = "hold"

    account: str
    amount: Decimal
    target: str = ""
    expires_at: datetime | None = None

    def asked(self) -> Asked:
        expires = moment_text(self.expires_at) if self.expires_at else ""
        amount = plain(self.amount)
        return {"account": self.account, "to": self.target, "amount": amount, "expires": expires}


CardMove = CardRecharge | CardStock | CardReturn
Move = Deposit | Withdrawal | Transfer | MakeZero | Correction | Reversal | CardMove
"""Orders that post at once."""


def _other(till: SystemAccount) -> Asked:
    """Named where it is not the platform's own: keys of before mean that one."""
    return {} if till is SystemAccount.CASH else {"till": till.value}


def forced(order: Order) -> bool:
    return getattr(order, "cover", Cover.REQUIRED) is Cover.WAIVED
