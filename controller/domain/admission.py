"""Admission: money and lines for a call, decided on figures that are locked in the database.

Pure: `Holdings` is what the transaction read; `admit` and `extend` decide and change that
working copy, so that many calls of one transaction are decided one after the other.
Available = balance + overdraft limit − reserved (design §3).
"""

from dataclasses import dataclass, field
from decimal import Decimal

from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket


@dataclass(slots=True)
class Funds:
    """An account's money and lines, as locked. `lines` counts its calls in progress."""

    balance: Decimal
    overdraft_limit: Decimal
    reserved: Decimal
    lines: int
    capacity: int | None

    @property
    def available(self) -> Decimal:
        return self.balance + self.overdraft_limit - self.reserved


@dataclass(slots=True)
class Lines:
    """A gateway's calls in progress and its limit (None: no limit)."""

    used: int
    capacity: int | None

    @property
    def full(self) -> bool:
        return self.capacity is not None and self.used >= self.capacity


@dataclass(slots=True)
class Holdings:
    """Everything a batch of admissions may touch, by id."""

    funds: dict[int, Funds] = field(default_factory=dict)
    mapping_lines: dict[int, Lines] = field(default_factory=dict)
    routing_lines: dict[int, Lines] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """Parameters of an admission: see `configuration.CallParameters`."""

    quantum_s: int = 60
    admit_partial: bool = False
    max_attempts: int = 5
    prepaid_gateways: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Admitted:
    """What was reserved: `reserved` at the payer's account for `granted_s` seconds.

    `gateway_ids` are the vendors that hold a line for the call until it is answered or over.
    """

    granted_s: int
    reserved: Decimal
    gateway_ids: tuple[int, ...]


def admit(ticket: Ticket, rules: AdmissionRules, holdings: Holdings) -> Admitted | Refused:
    """All or nothing: money for the first quantum, a line of each party, at least one vendor."""
    refused = _lines_refusal(ticket, holdings)
    if refused:
        return refused
    gateway_ids = _usable_vendors(ticket, rules, holdings)
    if not gateway_ids:
        return Refused(Reason.NO_ROUTE_CAPACITY, _vendor_figures(ticket, holdings))
    funds = holdings.funds[ticket.account_id]
    quantum_s = min(rules.quantum_s, ticket.max_duration_s)
    granted_s = _first_grant_s(ticket, funds, quantum_s, rules.admit_partial)
    if isinstance(granted_s, Refused):
        return granted_s
    reserved = ticket.sale.charge(granted_s).gross
    funds.reserved += reserved
    funds.lines += 1
    holdings.mapping_lines[ticket.mapping_gateway_id].used += 1
    for gateway_id in gateway_ids:
        holdings.routing_lines[gateway_id].used += 1
    return Admitted(granted_s, reserved, gateway_ids)


def extend(
    ticket: Ticket, granted_s: int, reserved: Decimal, quantum_s: int, funds: Funds
) -> Admitted | Refused:
    """Reserve for the next quantum, or for as many seconds as the money lasts.

    Refused when not one second more can be paid or the longest call length is reached.
    """
    wanted_s = min(granted_s + quantum_s, ticket.max_duration_s)
    if wanted_s <= granted_s:
        return Refused(Reason.MAX_DURATION, f"{ticket.max_duration_s} s")
    affordable_s = ticket.sale.affordable_s(funds.available + reserved, wanted_s)
    if affordable_s <= granted_s:
        return Refused(Reason.INSUFFICIENT_BALANCE, f"available {funds.available}")
    total = ticket.sale.charge(affordable_s).gross
    funds.reserved += total - reserved
    return Admitted(affordable_s, total, ())


def _lines_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    funds = holdings.funds[ticket.account_id]
    if funds.capacity is not None and funds.lines >= funds.capacity:
        return Refused(Reason.ACCOUNT_CAPACITY, f"{funds.lines} of {funds.capacity}")
    lines = holdings.mapping_lines[ticket.mapping_gateway_id]
    if lines.full:
        return Refused(Reason.GATEWAY_CAPACITY, f"{lines.used} of {lines.capacity}")
    return None


def _usable_vendors(ticket: Ticket, rules: AdmissionRules, holdings: Holdings) -> tuple[int, ...]:
    """Vendors with a free line and, where prepaid, money left at them (spec §6.1, §6.4).

    Only then are they counted: a vendor without a line is not an attempt (spec §6.5).
    """
    usable = [
        attempt.gateway_id
        for attempt in ticket.attempts
        if not holdings.routing_lines[attempt.gateway_id].full
        and (
            attempt.gateway_id not in rules.prepaid_gateways
            or holdings.funds[attempt.cost.account_id].available > 0
        )
    ]
    return tuple(usable[: rules.max_attempts])


def _vendor_figures(ticket: Ticket, holdings: Holdings) -> str:
    lines = holdings.routing_lines
    return ", ".join(
        f"{a.gateway}: {lines[a.gateway_id].used} of {lines[a.gateway_id].capacity} lines"
        for a in ticket.attempts
    )


def _first_grant_s(
    ticket: Ticket, funds: Funds, quantum_s: int, admit_partial: bool
) -> int | Refused:
    """Seconds of the first grant: the whole quantum, or less where that is allowed (spec B3)."""
    needed = ticket.sale.charge(quantum_s).gross
    if funds.available >= needed:
        return quantum_s
    granted_s = ticket.sale.affordable_s(funds.available, quantum_s) if admit_partial else 0
    if granted_s < 1:
        return Refused(
            Reason.INSUFFICIENT_BALANCE,
            f"available {funds.available}, needed {needed} for {quantum_s} s",
        )
    return granted_s
