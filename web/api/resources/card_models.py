"""What requests and answers say of phone cards."""

from typing import Annotated

from pydantic import Field

from controller.domain.cards import MAX_CARDS, CardState
from web.api.paging import PageOut, PageQuery
from web.api.resources.money_models import AccountAfterOut
from web.api.values import (
    AmountIn,
    AmountOut,
    Incoming,
    Line,
    Memo,
    MomentIn,
    MomentOut,
    Name,
    Outgoing,
    PositiveId,
    Revision,
)

BatchId = PositiveId
CardNumber = PositiveId
_BATCH_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"
Pin = Annotated[str, Field(pattern=r"^[0-9]{10,16}$", examples=["400012345678"])]
Password = Annotated[str, Field(pattern=r"^([0-9]{4,8})?$", description="Empty: it has none.")]


class BatchesQuery(PageQuery):
    """Which batches."""

    search: Annotated[Line, Field(max_length=40, description="How the name begins.")] = ""
    issuer: Annotated[Name | None, Field(description="Only this agent's.")] = None


class BatchNew(Incoming):
    """A batch of cards. An agent's are issued by its own account, which pays for them now."""

    name: Annotated[str, Field(pattern=_BATCH_NAME, description="Begins each serial number.")]
    face_value: Annotated[AmountIn, Field(description="Of each card, above zero.")]
    count: Annotated[int, Field(ge=1, le=MAX_CARDS)]
    issuer: Annotated[
        Name | None, Field(description="An agent's account; null: the platform, or your own.")
    ] = None
    currency: Annotated[
        str | None,
        Field(pattern=r"^[A-Z]{3}$", description="Needed where the platform issues them."),
    ] = None
    pin_length: Annotated[int, Field(ge=10, le=16)] = 12
    prefix: Annotated[str, Field(pattern=r"^[0-9]{0,8}$", description="Begins each PIN.")] = ""
    password_length: Annotated[
        int, Field(ge=0, le=8, description="0: none; else 4 to 8 digits.")
    ] = 0
    expires_at: MomentIn | None = None
    memo: Memo = ""


class BatchOut(Outgoing):
    """A batch, with how many of its cards are what by now. `issuer` empty: the platform."""

    batch_id: int
    name: str
    issuer: str
    currency: str
    face_value: AmountOut
    count: int
    pin_length: int
    prefix: str
    password_length: int
    expires_at: MomentOut | None
    memo: str
    created_at: MomentOut
    created_by: str = Field(description="Empty where that is not your business.")
    revision: Revision
    unused: int
    used: int
    voided: int
    expired: int


class BatchPageOut(PageOut):
    items: list[BatchOut]


class NewCardOut(Outgoing):
    serial: str
    pin: str
    password: str


class BatchMade(Outgoing):
    """The PINs are in the first answer only; `cards` is null in every later one."""

    batch: BatchOut
    cards: list[NewCardOut] | None


class CardsQuery(PageQuery):
    """Which cards of a batch."""

    state: CardState | None = None


class CardOut(Outgoing):
    """A card without its PIN. `account` and `payment_id`: what was recharged with it."""

    number: int
    serial: str
    last_digits: str = Field(description="Of the PIN.")
    state: CardState
    locked: bool
    ended_at: MomentOut | None = Field(description="Used, voided or expired.")
    ended_by: str
    account: str
    payment_id: str
    revision: Revision


class CardPageOut(PageOut):
    items: list[CardOut]


class VoidedOut(Outgoing):
    """`returned` went back to the issuer; 0 where that is the platform."""

    batch: BatchOut
    count: int
    returned: AmountOut


class CardPayment(Incoming):
    """What stands on the card."""

    pin: Pin
    password: Password = ""


class CardPaid(Outgoing):
    """`account` is the money that is there now; `payment_id` finds the receipt."""

    payment_id: str
    serial: str
    account: AccountAfterOut
