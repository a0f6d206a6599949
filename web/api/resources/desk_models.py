"""What requests and answers say of pending movements, packages and decks."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from controller.domain.pending import State
from controller.domain.subscriptions import OnInsufficient
from controller.services.decks.ports import (
    ChangeKind,
    DeckOrigin,
    DeckState,
    ReviewLimits,
    WarningKind,
)
from web.api.paging import PageOut, PageQuery
from web.api.resources.phone_models import Number
from web.api.values import (
    AmountIn,
    AmountOut,
    FlagInQuery,
    Incoming,
    Line,
    Memo,
    MomentIn,
    MomentOut,
    Name,
    Outgoing,
    PositiveId,
    WholeInQuery,
)

Most = Annotated[WholeInQuery, Field(ge=1, le=500)]
_USUAL = ReviewLimits()
Movement = Annotated[Line, Field(min_length=1, max_length=200, description="Its key.")]
OrderKey = Annotated[Line, Field(min_length=1, max_length=200, description="The order's key.")]


class PendingQuery(Incoming):
    account: Name | None = None
    everything: Annotated[FlagInQuery, Field(description="Also those that are over.")] = False
    limit: Most = 50


class HoldNew(Incoming):
    """`to` left out: the money is to leave the platform. `expires_at` left out: a day later."""

    account: Name
    amount: AmountIn
    to: Name | None = None
    expires_at: MomentIn | None = None
    memo: Memo = ""


class PostOrder(Incoming):
    """`amount` left out: all that is held."""

    movement: Movement
    amount: AmountIn | None = None
    memo: Memo = ""


class VoidOrder(Incoming):
    movement: Movement
    memo: Memo = ""


class PendingOut(Outgoing):
    """A movement in two phases. `amount` is held at `debit` while it is pending."""

    key: str
    kind: str
    debit: str
    credit: str
    amount: AmountOut
    currency: str
    state: State
    posted: AmountOut | None
    memo: str
    who: str
    at: MomentOut
    expires_at: MomentOut
    ended_at: MomentOut | None
    ended_by: str
    ended_memo: str


class PendingsOut(Outgoing):
    items: list[PendingOut]


class PackageLineOut(Outgoing):
    """A package that can be ordered. `orders` are going on, `active` periods run."""

    name: str
    period: str
    period_s: int | None
    alignment: str
    allow_partial_first: bool
    rent: AmountOut
    currency: str
    gift_money: AmountOut
    free_s: int
    minimum_consumption: AmountOut
    effective_consumption: AmountOut
    orders: int
    active: int


class PackageLinesOut(Outgoing):
    items: list[PackageLineOut]


class OrdersQuery(Incoming):
    account: Name | None = None
    everything: Annotated[FlagInQuery, Field(description="Also those that are over.")] = False
    limit: Most = 50


class OrderNew(Incoming):
    """For an account or for a phone. `available_from` left out: from now on."""

    package: Name
    account: Name | None = None
    phone: Number | None = None
    available_from: date | None = None
    expires: date | None = None
    priority: Annotated[int, Field(ge=0, le=999_999_999)] | None = None
    on_insufficient: OnInsufficient = OnInsufficient.WAIT_RECHARGE
    rent_percent: AmountIn | None = None
    memo: Memo = ""


class OrderMade(Outgoing):
    key: str


class CancelOrder(Incoming):
    key: OrderKey


class OrderLineOut(Outgoing):
    key: str
    package: str
    account: str
    phone: str | None
    state: str = Field(description="waiting for money, planned, or over.")
    available_from: MomentOut
    expires_at: MomentOut | None
    next_period_start: MomentOut | None
    waiting_since: MomentOut | None
    priority: int | None
    on_insufficient: str
    rent_percent: AmountOut
    ended_at: MomentOut | None
    memo: str


class OrderLinesOut(Outgoing):
    items: list[OrderLineOut]


class ActiveLineOut(Outgoing):
    """A period of a package that runs, or ran."""

    number: int
    package: str
    order: str
    account: str
    phone: str | None
    currency: str
    period_start: MomentOut
    period_end: MomentOut
    rent_paid: AmountOut
    gift_left: AmountOut
    gift_reserved: AmountOut
    consumption: AmountOut
    minimum_consumption: AmountOut
    effective_consumption: AmountOut
    closed_at: MomentOut | None


class ActiveLinesOut(Outgoing):
    items: list[ActiveLineOut]


class ActiveEnded(Outgoing):
    number: int
    ended: Literal[True]


class DecksQuery(Incoming):
    group: Name | None = None


class DeckNew(Incoming):
    """A deck as text: a header and a row for each rate (docs/decks.md)."""

    group: Name
    file: Annotated[Line, Field(max_length=200, description="What it is called in lists.")] = ""
    table: Annotated[str, Field(min_length=1, examples=["prefix,tiers\n39,0|0:0.02/60/60\n"])]
    layout: Annotated[
        str,
        Field(
            max_length=65_536,
            description="A mapping file's text, where the columns are not the canonical ones.",
        ),
    ] = ""
    replace: Annotated[bool, Field(description="Rates that it leaves out end.")] = False
    effective_at: Annotated[MomentIn | None, Field(description="Null: when activated.")] = None
    max_price_per_minute: AmountIn = _USUAL.price_per_minute
    max_change_percent: AmountIn = _USUAL.change_percent


class DeckOut(Outgoing):
    """A deck, what it would change, and what has become of it."""

    deck_id: int
    group: str
    origin: DeckOrigin
    file: str
    replace: bool
    state: DeckState
    effective_at: MomentOut | None
    rows: int
    wrong: int
    added: int
    changed: int
    removed: int
    unchanged: int
    staged_at: MomentOut
    activated_at: MomentOut | None
    ended_at: MomentOut | None


class DecksOut(Outgoing):
    items: list[DeckOut]


class DeckQuery(PageQuery):
    kind: ChangeKind | None = None


class DeckChangeOut(Outgoing):
    """A rate that a deck makes, changes or ends; prices are those of 60 s without tax."""

    kind: ChangeKind
    prefix: str
    area: str
    before_price: AmountOut | None
    after_price: AmountOut | None
    percent: AmountOut | None


class DeckProblemOut(Outgoing):
    row: int = Field(description="0: the deck as a whole.")
    message: str


class DeckWarningOut(Outgoing):
    kind: WarningKind
    count: int


class DeckPageOut(PageOut):
    """A deck with a page of its changes, by prefix."""

    deck: DeckOut
    problems: list[DeckProblemOut]
    warnings: list[DeckWarningOut]
    changes: list[DeckChangeOut]


class ActivateDeck(Incoming):
    accept_warnings: bool = False


class RollBack(Incoming):
    group: Name


ActiveNumber = PositiveId
DeckId = PositiveId
