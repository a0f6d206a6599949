"""What requests and answers say of rates and of what calls cost."""

from typing import Annotated

from pydantic import Field

from controller.domain.money import Rounding
from controller.domain.rates import Boundary
from controller.domain.sections import SectionMode
from controller.domain.tariff import MAX_SECONDS
from controller.services.views.rates import Validity
from web.api.paging import PageOut, PageQuery
from web.api.resources.call_models import StepOut
from web.api.values import (
    AmountOut,
    Incoming,
    Line,
    MomentIn,
    MomentOut,
    Name,
    Outgoing,
    WholeInQuery,
)

Dialed = Annotated[str, Field(pattern=r"^\+?[0-9*#]{1,32}$", examples=["390212345678"])]
Duration = Annotated[WholeInQuery, Field(ge=0, le=MAX_SECONDS)]


class RateGroupsQuery(PageQuery):
    search: Annotated[Line, Field(max_length=64, description="A part of name or memo.")] = ""


class RateGroupOut(Outgoing):
    """Terms by which rates are read. What only concerns administrators is 0 or empty for others."""

    group_id: int
    name: str
    memo: str
    currency: str
    decimals: int | None = Field(description="Null: the platform's.")
    rounding: Rounding
    timezone: str
    section_mode: SectionMode
    boundary: Boundary
    rate_count: int
    owner: str
    accounts: int
    phones: int
    is_cost: bool = Field(description="Vendors are paid by it.")


class RateGroupPageOut(PageOut):
    items: list[RateGroupOut]


class UseOut(Outgoing):
    name: str
    kind: str
    how: str


class RateGroupDetailOut(Outgoing):
    """A rate group, who uses it, who may see it, and its periods in words."""

    group: RateGroupOut
    users: list[UseOut]
    agents: list[str]
    periods: list[str]
    calendar: str
    used_by_periods_of: list[str]


class RatesQuery(PageQuery):
    prefix: Annotated[str, Field(pattern=r"^([0-9]{1,32}|\*)?$")] = ""
    area: Annotated[Line, Field(max_length=64, description="Any part of it.")] = ""


class RateOut(Outgoing):
    """A rate as the deck has it; `words` say what it means, `minute` is the price of 60 s."""

    rate_id: int
    prefix: str
    area: str
    kind: str
    tiers: str
    sections: str
    tax_percent: AmountOut
    effective_from: MomentOut | None
    effective_to: MomentOut | None
    locked: bool
    validity: Validity
    minute: AmountOut | None
    words: list[str]


class RatePageOut(PageOut):
    """`searched_to`: the search stopped early to stay quick; `next` goes on from there."""

    items: list[RateOut]
    searched_to: str


class MatchingQuery(Incoming):
    number: Dialed


class MatchingOut(Outgoing):
    """Rates whose prefix the number begins with, from the longest."""

    items: list[RateOut]


class PriceQuery(Incoming):
    """Of an account, or of a phone."""

    account: Name | None = None
    phone: Dialed | None = None
    number: Dialed
    duration_s: Duration = 60
    at: Annotated[MomentIn | None, Field(description="Left out: now.")] = None


class ChargeLineOut(Outgoing):
    """What one tier added. `amount` is exact: a ratio, before rounding."""

    text: str
    start_s: int
    billed_s: int
    amount: str
    words: str


class BillOut(Outgoing):
    """What a party owes: `gross` is net and tax, `due` what is left after gift money."""

    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    gift: AmountOut
    due: AmountOut
    currency: str
    prefix: str
    billed_s: int
    rated_s: int
    free_s: int
    exact: str
    lines: list[ChargeLineOut]


class CandidateOut(Outgoing):
    """A place that may have a price, and why it is the price or is not."""

    source: str
    rate_group: str
    prefix: str | None
    tiers: str | None
    price: AmountOut | None
    verdict: str
    why: str


class PartyOut(Outgoing):
    """The customer, or an agent above it."""

    account: str
    role: str
    refused: str | None
    bill: BillOut | None
    candidates: list[CandidateOut]
    words: list[str]


class PriceOut(Outgoing):
    """What so long a call costs each party that you may know of, the customer first."""

    account: str
    phone: str | None
    number: str = Field(description="As it is rated.")
    at: MomentOut
    duration_s: int
    refused: str | None = Field(description="Why such a call is refused for want of a price.")
    parties: list[PartyOut]


class DecisionQuery(Incoming):
    gateway: Name
    caller: Annotated[str, Field(pattern=r"^(\+?[0-9*#]{1,32})?$")] = ""
    callee: Dialed
    duration_s: Duration | None = None
    at: MomentIn | None = None


class VendorOut(Outgoing):
    """`number` 0: it would not be tried, and `why_not` says why."""

    number: int
    gateway: str
    address: str
    caller: str
    callee: str
    why_not: str


class DecisionOut(Outgoing):
    """What would become of a call, by the functions of the live one; nothing is written."""

    admitted: bool
    reason: str | None
    detail: str | None
    sip_status: int | None
    granted_s: int | None
    account: str | None
    phone: str | None
    trace: list[StepOut]
    parties: list[PartyOut]
    vendors: list[VendorOut]


class CoverageQuery(Incoming):
    limit: Annotated[WholeInQuery, Field(ge=0, le=10_000, description="Gaps of each kind.")] = 100


class GapOut(Outgoing):
    owner: str
    prefix: str
    area: str
    whom: str
    sell: AmountOut | None
    cost: AmountOut | None
    currency: str
    sell_prefix: str
    cost_prefix: str


class GapsOut(Outgoing):
    kind: str
    count: int
    items: list[GapOut]


class CheckBegunOut(Outgoing):
    is_running: bool


class CoverageOut(Outgoing):
    """The last report, and whether a new one is being made. `at` null: there is none yet."""

    is_running: bool
    failure: str
    at: MomentOut | None
    is_complete: bool | None
    routes: int | None
    rates: int | None
    not_compared: list[str]
    gaps: list[GapsOut]
