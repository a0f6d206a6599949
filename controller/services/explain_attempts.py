"""Which vendors a call would try, in order, and why others are not tried. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from controller.domain.admission import AdmissionRules, needed_by
from controller.domain.authorization import Authorized
from controller.domain.configuration import RoutingGateway
from controller.domain.counting import groups_of
from controller.domain.holdings import Holdings, Lines
from controller.domain.limits import vendor_refusal
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
    ticket: Ticket,
    decision: Authorized,
    planned: Connect | None,
    rules: AdmissionRules,
    before: Holdings,
) -> tuple[ExplainedAttempt, ...]:
    """`planned` None: the call is refused. `before` is what was read, before the call's own."""
    tried = {attempt.leg_id: attempt for attempt in planned.attempts} if planned else {}
    needed = needed_by(ticket, rules)
    counted_in = groups_of(ticket, (leg for leg in ticket.attempts if leg.leg_id in tried))
    otherwise = "enough vendors come before it" if planned else "the call is refused"
    return tuple(
        _attempt(
            leg,
            candidate.gateway,
            tried.get(leg.leg_id),
            vendor_refusal(leg, counted_in, needed, before) or otherwise,
            before.lines["routing", leg.gateway_id],
        )
        for leg, candidate in zip(ticket.attempts, decision.candidates, strict=True)
    )


def _attempt(
    leg: TicketAttempt,
    gateway: RoutingGateway,
    planned: Attempt | None,
    why_not: str,
    lines: Lines,
) -> ExplainedAttempt:
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    return ExplainedAttempt(
        planned.number if planned else 0,
        "" if planned else why_not,
        leg.gateway,
        f"{host}:{gateway.port}/{gateway.transport}",
        leg.caller,
        leg.callee,
        leg.cost,
        lines.used,
        lines.capacity,
    )
