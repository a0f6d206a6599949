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
