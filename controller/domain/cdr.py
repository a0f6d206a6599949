"""The call detail record: one for every offered call, refused ones included (spec §9.1)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from controller.domain.reasons import Reason


class EndedBy(StrEnum):
    """Who ended the call (spec §9.1 endDirection 0, 1, 2)."""

    CALLER = "caller"
    CALLEE = "callee"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Cdr:
    """Amounts are those of the call; `net` is the base, the debit was `net + tax` (spec §2.2).

    `caller` and `callee` come three times: as received, as rated, as sent to the vendor.
    `review` is empty, or says why a person has to look at the record.
    """

    call_id: str
    switch_id: str
    sip_call_id: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    pdd_ms: int | None
    talk_ms: int
    duration_s: int
    billed_s: int
    source_ip: str
    source_port: int
    caller_received: str
    callee_received: str
    caller_rated: str
    callee_rated: str
    caller_sent: str
    callee_sent: str
    account_id: int | None
    mapping_gateway: str
    phone: str
    routing_gateway: str
    attempts: int
    rate_prefix: str
    net: Decimal
    tax: Decimal
    currency: str
    cost_account_id: int | None
    cost_prefix: str
    cost: Decimal
    cost_currency: str
    reason: Reason
    cause: str
    q850: int
    sip_status: int
    ended_by: EndedBy
    trace: tuple[tuple[str, str, str], ...]
    review: str = ""


VENDOR = -1
"""The party number of the vendor; 0 is the customer, 1 the agent above it, and so on."""


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One party's part of a call. `raw` is the exact amount before rounding, as a ratio.

    `free_s` and `gift` are what packages paid: the seconds are not in `billed_s`, the gift is a
    part of `net + tax`. `rated_s` are the seconds that the price was asked for, free ones included:
    the vendor's are the true duration, a payer's at most what was granted, less the grace. Revision
    0 is the charge at the call's end; re-rating adds more.
    """

    call_id: str
    started_at: datetime
    party: int
    account_id: int
    rate_group: str
    prefix: str
    billed_s: int
    raw: str
    net: Decimal
    tax: Decimal
    currency: str
    free_s: int = 0
    gift: Decimal = Decimal(0)
    package_ids: tuple[int, ...] = ()
    revision: int = 0
    rated_s: int = 0
