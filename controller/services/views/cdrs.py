"""Call records, as pages and exports show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from controller.services.actors import Scope
from controller.services.views.cdr_lines import NO_PARTS, Parts, PartyLine
from controller.services.views.paging import PageRequest, Position


@dataclass(frozen=True, slots=True)
class CdrFilter:
    """What a list of call records is limited to. Numbers are prefixes; empty means any.

    `since` is included, `until` is not. `account_id`: calls of the account and of what is below it.
    What people may not see (vendors' gateways, reviews) they cannot look for either.
    """

    since: datetime | None = None
    until: datetime | None = None
    account_id: int | None = None
    caller: str = ""
    callee: str = ""
    gateway: str = ""
    reason: str = ""
    answered_only: bool = False
    review_only: bool = False


@dataclass(frozen=True, slots=True)
class CdrRow:
    """A call record as stored (`domain/cdr.py`), with the accounts' names.

    Views leave empty what the one who looks may not see (`visibility.RECORD`).
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
    account: str
    mapping_gateway: str
    phone: str
    routing_gateway: str
    attempts: int
    rate_prefix: str
    net: Decimal
    tax: Decimal
    currency: str
    cost_account_id: int | None
    cost_account: str
    cost_prefix: str
    cost: Decimal
    cost_currency: str
    reason: str
    cause: str
    q850: int
    sip_status: int
    ended_by: str
    review: str

    @property
    def gross(self) -> Decimal:
        """What the customer was debited."""
        return self.net + self.tax

    @property
    def margin(self) -> Decimal | None:
        """The customer's net less cost, whoever between the two earns it; None where they are in
        different currencies."""
        if self.cost_currency and self.cost_currency != self.currency:
            return None
        return self.net - self.cost


@dataclass(frozen=True, slots=True)
class SeenCdr:
    """A record as somebody sees it, and that somebody's part of its money."""

    record: CdrRow
    parts: Parts = NO_PARTS


@dataclass(frozen=True, slots=True)
class CdrPage:
    """Rows newest first. `searched_to` is set when the search stopped early to stay quick: what
    is older has not been looked at yet and `older` goes on there."""

    rows: tuple[SeenCdr, ...]
    newer: Position | None
    older: Position | None
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One leg toward a vendor."""

    leg_id: str
    number: int
    gateway: str
    caller_sent: str
    callee_sent: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime
    cause: str
    q850: int
    sip_status: int
    hangup_by_remote: bool


@dataclass(frozen=True, slots=True)
class CdrDetail:
    """`lines` has every revision of each party's line that may be seen. Attempts and trace are
    empty for all but operators."""

    record: CdrRow
    attempts: tuple[AttemptRow, ...]
    trace: tuple[tuple[str, str, str], ...]
    lines: tuple[PartyLine, ...] = ()
    parts: Parts = NO_PARTS


@dataclass(frozen=True, slots=True)
class CdrChoices:
    """Names to offer while typing; not all of them where there are many."""

    accounts: tuple[str, ...]
    gateways: tuple[str, ...]


class CdrView(Protocol):
    """A scope's calls are those of its accounts by the time that they ended: an account that is
    moved does not take its old calls along."""

    def page(self, scope: Scope, wanted: CdrFilter, request: PageRequest) -> CdrPage: ...

    def export(self, scope: Scope, wanted: CdrFilter, limit: int) -> Iterator[SeenCdr]:
        """The newest `limit` records, read piece by piece; no transaction stays open."""

    def detail(self, scope: Scope, call_id: str) -> CdrDetail | None:
        """None for a call out of scope, too."""

    def choices(self, scope: Scope) -> CdrChoices: ...
