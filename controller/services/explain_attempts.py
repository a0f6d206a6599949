"""Which vendors a call would try, in order, and why others are not tried. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from controller.domain.authorization import Authorized
from controller.domain.configuration import RoutingGateway
from controller.domain.holdings import Holdings
from controller.domain.plan import Attempt, Connect
from controller.domain.pricing import Pricing
from controller.domain.ticket import Ticket, TicketAttempt


@dataclass(frozen=True, slots=True)
class ExplainedAttempt:
    """A vendor, and whether the call would try it: `number` is 0 where it would not, and
    `why_not` says why."""

    number: int
    why_not: str
    gateway: str
    address: str
    caller: str
    callee: str
    cost: Pricing
    lines_used: int
    lines_capacity: int | None

    def margin(self, sale: Pricing, duration_s: int, answered_s: int = 0) -> Decimal | None:
        """Net price less cost; None where the two are in different currencies."""
        if sale.terms.currency != self.cost.terms.currency:
            return None
        cost = self.cost.charge(duration_s, answered_s).gross
        return sale.charge(duration_s, answered_s).net - cost


def explain_attempts(
    ticket: Ticket, decision: Authorized, planned: Connect | None, before: Holdings
) -> tuple[ExplainedAttempt, ...]:
    """`planned` None: the call is refused. `before` is what was read, before the call's own."""
    tried = {attempt.leg_id: attempt for attempt in planned.attempts} if planned else {}
    return tuple(
        _attempt(leg, candidate.gateway, tried.get(leg.leg_id), before, refused=planned is None)
        for leg, candidate in zip(ticket.attempts, decision.candidates, strict=True)
    )


def _attempt(
    leg: TicketAttempt,
    gateway: RoutingGateway,
    planned: Attempt | None,
    before: Holdings,
    *,
    refused: bool,
) -> ExplainedAttempt:
    lines = before.routing_lines[leg.gateway_id]
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    return ExplainedAttempt(
        planned.number if planned else 0,
        "" if planned else _why_not(leg, gateway, before, refused=refused),
        leg.gateway,
        f"{host}:{gateway.port}/{gateway.transport}",
        leg.caller,
        leg.callee,
        leg.cost,
        lines.used,
        lines.capacity,
    )


def _why_not(
    leg: TicketAttempt, gateway: RoutingGateway, before: Holdings, *, refused: bool
) -> str:
    lines = before.routing_lines[leg.gateway_id]
    if lines.full:
        return f"{lines.used} of {lines.capacity} lines in use"
    if gateway.prepaid and before.funds[leg.cost.account_id].available <= 0:
        return "prepaid, and nothing is left"
    return "the call is refused" if refused else "enough vendors come before it"
