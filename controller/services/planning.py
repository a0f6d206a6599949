"""From a decision to a ticket, and from an admission to a plan. Pure but for fresh leg ids."""

from zoneinfo import ZoneInfo

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.authorization import Authorized
from controller.domain.call_record import Unadmitted, at_us
from controller.domain.configuration import CallParameters, Configuration
from controller.domain.events import AttemptEnded, CallOffered
from controller.domain.plan import Attempt, Connect
from controller.domain.reasons import Refused
from controller.domain.routing import Candidate
from controller.domain.ticket import Ticket, TicketAttempt
from controller.services.ports import Ids

MAX_RENEWAL_LEAD_S = 10.0
MIN_RENEWAL_LEAD_S = 3.0
"""The switch's timers count whole seconds, and what is left of a grant is rounded down to arm them:
one may end its call almost two seconds before the grant."""
CALLER_GAVE_UP = "ORIGINATOR_CANCEL"
"""The switch's cause of an attempt that ended with its call."""


def make_ticket(
    event: CallOffered,
    decision: Authorized,
    trace: tuple[tuple[str, str, str], ...],
    ids: Ids,
    zone: ZoneInfo,
) -> Ticket:
    """All that admission and settlement need; every leg gets its id now.

    `zone` says which month it is.
    """
    phone = decision.phone
    return Ticket(
        call_id=event.call_id,
        switch_id=event.switch_id,
        offered_us=event.offered_us,
        account_id=decision.account.account_id,
        account=decision.account.name,
        mapping_gateway_id=decision.gateway.gateway_id,
        mapping_gateway=decision.gateway.name,
        caller=decision.caller,
        callee=decision.callee,
        payers=decision.payers,
        attempts=tuple(_ticket_attempt(c, ids.leg_id()) for c in decision.candidates),
        max_duration_s=decision.max_duration_s,
        trace=trace,
        setup_s=decision.setup_s,
        rated_time=decision.rated_time,
        recorded=decision.recorded,
        phone=phone.number if phone else "",
        month=(phone.phone_id, _first_of_month(event.offered_us, zone)) if phone else None,
        monthly_maximum=phone.monthly_maximum if phone else None,
        group_ids=decision.gateway.group_ids,
    )


def admission_rules(parameters: CallParameters) -> AdmissionRules:
    return AdmissionRules(
        parameters.quantum_s,
        parameters.admit_partial_quantum,
        parameters.max_attempts,
        parameters.calls_per_second,
    )


def connect_plan(
    ticket: Ticket, decision: Authorized, granted: Admitted, stop_causes: tuple[str, ...]
) -> Connect:
    """The plan of an admitted call: only the vendors that got a line."""
    attempts = [
        _attempt(number, leg, candidate)
        for number, (leg, candidate) in enumerate(
            (
                (leg, candidate)
                for leg, candidate in zip(ticket.attempts, decision.candidates, strict=True)
                if leg.gateway_id in granted.gateway_ids
            ),
            start=1,
        )
    ]
    return Connect(
        ticket.call_id,
        granted.granted_s,
        tuple(attempts),
        stop_causes,
        decision.gateway.media,
        granted.offline,
    )


def limited_failover(
    ended: AttemptEnded, ticket: Ticket, granted: Admitted, configuration: Configuration
) -> int | None:
    """The vendor that is dialed now that an attempt has failed, if new calls to it are limited."""
    stops = ended.cause in (CALLER_GAVE_UP, *configuration.parameters.stop_causes)
    if ended.answered_us or stops or ended.number >= len(granted.gateway_ids):
        return None
    planned = [a.gateway_id for a in ticket.attempts if a.gateway_id in granted.gateway_ids]
    gateway = configuration.routing_gateways.get(planned[ended.number])
    limited = gateway is not None and gateway.calls_per_second is not None
    return planned[ended.number] if limited else None


def unadmitted_ticket(ticket: Ticket | None, refused: Refused) -> Unadmitted:
    """What the record of a call shows that came as far as admission, and no further."""
    step = ("admit", f"refused: {refused.reason}", refused.detail)
    if ticket is None:
        return Unadmitted(refused.reason, trace=(step,))
    return Unadmitted(
        refused.reason, ticket.account_id, ticket.mapping_gateway, (*ticket.trace, step)
    )


def renewal_lead_s(granted_s: int) -> float:
    """How long before its end a grant is renewed: a quarter of it, at most ten seconds, and not
    less than the timer's inexactness with some room, but for grants so short that it is a half."""
    least = min(MIN_RENEWAL_LEAD_S, granted_s / 2)
    return min(MAX_RENEWAL_LEAD_S, max(least, granted_s / 4))


def _first_of_month(offered_us: int, zone: ZoneInfo) -> str:
    """The first day of the call's month, by the platform's clock (spec §2.10)."""
    return f"{at_us(offered_us).astimezone(zone):%Y-%m}-01"


def _ticket_attempt(candidate: Candidate, leg_id: str) -> TicketAttempt:
    gateway = candidate.gateway
    return TicketAttempt(
        leg_id,
        gateway.gateway_id,
        gateway.name,
        candidate.caller,
        candidate.callee,
        candidate.cost,
        gateway.prepaid,
        gateway.group_ids,
    )


def _attempt(number: int, leg: TicketAttempt, candidate: Candidate) -> Attempt:
    gateway = candidate.gateway
    return Attempt(
        number=number,
        leg_id=leg.leg_id,
        gateway_id=gateway.gateway_id,
        gateway=gateway.name,
        host=gateway.host,
        port=gateway.port,
        transport=gateway.transport,
        caller=leg.caller,
        callee=leg.callee,
        media=gateway.media,
        ring_timeout_s=gateway.ring_timeout_s,
        progress_timeout_s=gateway.progress_timeout_s,
    )
