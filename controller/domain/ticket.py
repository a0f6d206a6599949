"""The ticket of an admitted call: all that settlement needs, stored with the reservation.

Whoever finds the call's end later (another process after a crash, the CDR spool) settles from
the stored ticket and gets the same figures as the process that admitted it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from controller.domain.money import Rounding
from controller.domain.tariff import Pricing, Terms, parse_tariff


@dataclass(frozen=True, slots=True)
class TicketAttempt:
    """A vendor in the plan: the leg's id (chosen by us), numbers as sent, and the cost."""

    leg_id: str
    gateway_id: int
    gateway: str
    caller: str
    callee: str
    cost: Pricing


@dataclass(frozen=True, slots=True)
class Ticket:
    """Frozen at admission. `caller` and `callee` are the rated ones, after the ingress rewrite."""

    call_id: str
    switch_id: str
    offered_us: int
    account_id: int
    account: str
    mapping_gateway_id: int
    mapping_gateway: str
    caller: str
    callee: str
    sale: Pricing
    attempts: tuple[TicketAttempt, ...]
    max_duration_s: int
    trace: tuple[tuple[str, str, str], ...] = ()

    def attempt(self, leg_id: str) -> TicketAttempt | None:
        return next((a for a in self.attempts if a.leg_id == leg_id), None)


def ticket_to_json(ticket: Ticket) -> dict[str, Any]:
    """A JSON-ready form; exact amounts are text."""
    return {
        "call_id": ticket.call_id,
        "switch_id": ticket.switch_id,
        "offered_us": ticket.offered_us,
        "account_id": ticket.account_id,
        "account": ticket.account,
        "mapping_gateway_id": ticket.mapping_gateway_id,
        "mapping_gateway": ticket.mapping_gateway,
        "caller": ticket.caller,
        "callee": ticket.callee,
        "sale": _pricing_to_json(ticket.sale),
        "attempts": [
            [a.leg_id, a.gateway_id, a.gateway, a.caller, a.callee, _pricing_to_json(a.cost)]
            for a in ticket.attempts
        ],
        "max_duration_s": ticket.max_duration_s,
        "trace": ticket.trace,
    }


def ticket_from_json(data: dict[str, Any]) -> Ticket:
    """The inverse of `ticket_to_json`."""
    attempts = tuple(
        TicketAttempt(leg_id, gateway_id, gateway, caller, callee, _pricing_from_json(cost))
        for leg_id, gateway_id, gateway, caller, callee, cost in data["attempts"]
    )
    plain = {name: data[name] for name in _PLAIN_FIELDS}
    trace = tuple((step, verdict, detail) for step, verdict, detail in data["trace"])
    return Ticket(**plain, sale=_pricing_from_json(data["sale"]), attempts=attempts, trace=trace)


_PLAIN_FIELDS = (
    "call_id",
    "switch_id",
    "offered_us",
    "account_id",
    "account",
    "mapping_gateway_id",
    "mapping_gateway",
    "caller",
    "callee",
    "max_duration_s",
)


def _pricing_to_json(pricing: Pricing) -> list[Any]:
    terms = pricing.terms
    return [
        pricing.account_id,
        pricing.prefix,
        str(pricing.tariff),
        terms.currency,
        terms.decimals,
        terms.rounding.value,
        str(pricing.tax_percent),
    ]


def _pricing_from_json(fields: list[Any]) -> Pricing:
    account_id, prefix, tariff, currency, decimals, rounding, tax = fields
    terms = Terms(currency, decimals, Rounding(rounding))
    return Pricing(account_id, prefix, parse_tariff(tariff), terms, Decimal(tax))
