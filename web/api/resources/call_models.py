"""What answers say of calls: records, calls in progress, figures."""

from typing import Annotated

from pydantic import Field

from controller.domain.reasons import Reason
from controller.services.views.hang_ups import CommandState
from web.api.paging import PageOut, PageQuery
from web.api.values import (
    AmountOut,
    FlagInQuery,
    Incoming,
    Line,
    MomentIn,
    MomentOut,
    Name,
    NumberPrefix,
    Outgoing,
    WholeInQuery,
)


class RecordsQuery(Incoming):
    """Which records; `since` is included, `until` is not. Numbers are what they begin with."""

    since: MomentIn | None = None
    until: MomentIn | None = None
    account: Annotated[Name | None, Field(description="And all below it.")] = None
    caller: NumberPrefix | None = None
    callee: NumberPrefix | None = None
    gateway: Name | None = None
    reason: Reason | None = None
    answered: Annotated[FlagInQuery, Field(description="Only answered calls.")] = False
    review: Annotated[FlagInQuery, Field(description="Only those that somebody should see.")] = (
        False
    )


class RecordPageQuery(PageQuery, RecordsQuery):
    """Which records."""


class ExportQuery(RecordsQuery):
    """Which records, and how many at most, the newest first."""

    most: Annotated[WholeInQuery, Field(ge=1, le=1_000_000)] = 1_000_000


class PartOut(Outgoing):
    """One line's figures: what an account pays for a call, and by which rate."""

    net: AmountOut
    tax: AmountOut
    gross: AmountOut
    currency: str
    billed_s: int
    prefix: str


class PlatformOut(Outgoing):
    """What of a call is the platform's own business: the switch, addresses, the vendor."""

    switch_id: str
    sip_call_id: str
    source_ip: str
    source_port: int
    caller_sent: str
    callee_sent: str
    routing_gateway: str
    attempts: int
    cost_account: str
    cost_prefix: str
    cost: AmountOut
    cost_currency: str
    cause: str
    review: str


class RecordOut(Outgoing):
    """A call that has ended.

    `earned` is what the account directly below you owes for it, `paid` what you owe yourself
    (an administrator: the topmost payer, and the vendor). `platform` is for administrators.
    """

    call_id: str
    started_at: MomentOut
    ringing_at: MomentOut | None
    answered_at: MomentOut | None
    ended_at: MomentOut
    pdd_ms: int | None = Field(description="Post-dial delay.")
    talk_ms: int
    duration_s: int
    caller_received: str
    callee_received: str
    caller_rated: str
    callee_rated: str
    account: str
    mapping_gateway: str
    phone: str
    reason: str
    q850: int
    sip_status: int
    ended_by: str
    earned: PartOut | None
    paid: PartOut | None
    margin: AmountOut | None
    platform: PlatformOut | None


class RecordPageOut(PageOut):
    """`searched_to`: the search stopped early to stay quick; `next` goes on from there."""

    items: list[RecordOut]
    searched_to: MomentOut | None


class LineOut(Outgoing):
    """What one party was charged, revision by revision; the highest one stands."""

    account: str
    side: str
    revision: int
    rate_group: str
    prefix: str
    rated_s: int
    billed_s: int
    free_s: int
    net: AmountOut
    tax: AmountOut
    currency: str
    gift: AmountOut
    packages: list[str]


class AttemptOut(Outgoing):
    """A try at one vendor."""

    number: int
    gateway: str
    caller_sent: str
    callee_sent: str
    started_at: MomentOut
    ringing_at: MomentOut | None
    answered_at: MomentOut | None
    ended_at: MomentOut
    cause: str
    q850: int
    sip_status: int


class StepOut(Outgoing):
    """A step of a decision."""

    step: str
    verdict: str
    detail: str


class RecordDetailOut(Outgoing):
    """A record with all that you may know of it. Attempts and trace are for administrators."""

    record: RecordOut
    lines: list[LineOut]
    attempts: list[AttemptOut]
    trace: list[StepOut]


class LiveQuery(Incoming):
    search: Annotated[Line, Field(max_length=64, description="How number or account begins.")] = ""
    limit: Annotated[WholeInQuery, Field(ge=1, le=1_000)] = 200


class LiveCallOut(Outgoing):
    """A call in progress. `reserved` is what is held of you for it. Switch and vendors are for
    administrators. `hang_up` is the state of a hang-up that was asked for, empty where none was."""

    call_id: str
    switch_id: str
    caller: str
    callee: str
    account: str
    currency: str
    mapping_gateway: str
    routing_gateways: list[str]
    offered_at: MomentOut
    answered_at: MomentOut | None
    reserved: AmountOut
    granted_s: int
    hang_up: str


class HangUpOut(Outgoing):
    """A hang-up that was asked for. `done`: it was sent to the switch, and the call's record comes
    with its end. `not_there`: the call had ended. `expired`: no controller could do it in time."""

    call_id: str
    state: CommandState
    asked_at: MomentOut
    expires_at: MomentOut
    ended_at: MomentOut | None


class LiveCallsOut(Outgoing):
    """The newest calls that match, and how many there are."""

    total: int
    talking: int
    matching: int
    items: list[LiveCallOut]


class FiguresQuery(Incoming):
    zone: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$", max_length=64),
    ] = "UTC"


class TrafficOut(Outgoing):
    """ASR is the answer-seizure ratio, ACD the average duration of answered calls."""

    offered: int
    answered: int
    talk_ms: int
    asr_percent: AmountOut | None
    acd_s: AmountOut | None


class TakingsOut(Outgoing):
    """Money of calls in one currency, without tax."""

    currency: str
    earned: AmountOut
    paid: AmountOut
    margin: AmountOut
    tax: AmountOut


class SpanOut(Outgoing):
    traffic: TrafficOut
    takings: list[TakingsOut]


class HourOut(Outgoing):
    at: MomentOut
    today: SpanOut | None
    yesterday: SpanOut


class MinuteOut(Outgoing):
    at: MomentOut
    offered: int
    answered: int


class FundsOut(Outgoing):
    """Your account's money."""

    account: str
    currency: str
    balance: AmountOut
    reserved: AmountOut
    available: AmountOut
    low_balance: AmountOut | None
    is_low: bool


class FiguresOut(Outgoing):
    """The figures of the first page. Days are those of the zone that was asked for."""

    at: MomentOut
    calls_now: int
    talking_now: int
    calls_per_second: AmountOut
    last_hour: TrafficOut
    today: SpanOut
    by_now: SpanOut = Field(description="Yesterday up to this time of day.")
    yesterday: SpanOut
    hours: list[HourOut]
    minutes: list[MinuteOut]
    to_review: int
    funds: FundsOut | None
