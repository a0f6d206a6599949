"""Settlement: from a ticket and the call's end to its record and its postings. Pure.

The same figures whether the end came as an event, from the CDR spool after a crash, or twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from controller.domain.cdr import Cdr, EndedBy
from controller.domain.events import CallEnded
from controller.domain.ledger import Posting, PostingKind, SystemAccount, call_posting_id
from controller.domain.reasons import (
    PLATFORM_ENDINGS,
    REFUSALS,
    SIGNALS,
    TIMER_CAUSE,
    TIMER_ENDINGS,
    Reason,
    reason_from_id,
    reason_of_cause,
)
from controller.domain.tariff import ZERO_CHARGE, Charge, Pricing
from controller.domain.ticket import Ticket, TicketAttempt

TIMER_SLACK_S = 2
"""The switch ends a call within this many seconds after its timer; more is for a person to see."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written for an ended call."""

    cdr: Cdr
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Unadmitted:
    """What is known of a call that was never admitted: why, and how far the decision came."""

    reason: Reason
    account_id: int | None = None
    mapping_gateway: str = ""
    trace: tuple[tuple[str, str, str], ...] = ()


def hold_time_s(talk_us: int, threshold_ms: int) -> int:
    """Whole seconds of a talk time: a fraction of at least the threshold counts (spec §2.8).

    With the default of 50 ms, 10.049 s is 10 and 10.050 s is 11.
    """
    seconds, rest_us = divmod(talk_us, 1_000_000)
    return seconds + (1 if rest_us >= max(1, threshold_ms * 1000) else 0)


def settle(ticket: Ticket, ended: CallEnded, granted_s: int, threshold_ms: int) -> Settlement:
    """The record and the postings of an admitted call.

    The customer pays at most for the granted seconds, which were reserved: what the switch's
    timer let run longer is ours. The vendor is paid for the true duration.
    """
    duration_s = hold_time_s(ended.talk_us, threshold_ms)
    attempt = ticket.attempt(ended.connected_leg) or _last_attempt(ticket, ended)
    sale = ticket.sale.charge(min(duration_s, granted_s))
    cost = attempt.cost.charge(duration_s) if attempt and duration_s else ZERO_CHARGE
    review = _review(ticket, ended, duration_s, granted_s)
    cdr = _admitted_cdr(ticket, ended, duration_s, sale, attempt, cost, review)
    return Settlement(cdr, tuple(_postings(ticket, ended, sale, attempt, cost)))


def record_unadmitted(known: Unadmitted | None, ended: CallEnded, threshold_ms: int) -> Settlement:
    """The record of a call without a ticket: refused, or let go by the fail-safe."""
    reason = _reason(ended, known.reason if known else None)
    duration_s = hold_time_s(ended.talk_us, threshold_ms)
    review = "answered without having been admitted" if duration_s else ""
    known = known or Unadmitted(reason)
    return Settlement(
        _cdr(
            ended,
            duration_s,
            reason,
            ZERO_CHARGE,
            None,
            ZERO_CHARGE,
            account_id=known.account_id,
            mapping_gateway=known.mapping_gateway,
            trace=known.trace,
            review=review,
        ),
        (),
    )


def at_us(stamp_us: int) -> datetime:
    """A switch's microsecond stamp as an aware time, exactly."""
    return _EPOCH + timedelta(microseconds=stamp_us)


def _review(ticket: Ticket, ended: CallEnded, duration_s: int, granted_s: int) -> str:
    """Why a person should look at this record, or nothing."""
    if not ended.ended_us:
        talked = f"at most {granted_s} s were reserved" if ended.answered_us else "not answered"
        return f"no record of the end was found; talk time unknown, {talked}"
    if duration_s > granted_s + TIMER_SLACK_S:
        return f"talked {duration_s} s, {granted_s} s were granted"
    if duration_s and ticket.attempt(ended.connected_leg) is None:
        return "answered by a leg that is not in the plan"
    return ""


def _last_attempt(ticket: Ticket, ended: CallEnded) -> TicketAttempt | None:
    for leg_id in reversed(ended.attempted_legs):
        if attempt := ticket.attempt(leg_id):
            return attempt
    return None


def _admitted_cdr(
    ticket: Ticket,
    ended: CallEnded,
    duration_s: int,
    sale: Charge,
    attempt: TicketAttempt | None,
    cost: Charge,
    review: str,
) -> Cdr:
    return _cdr(
        ended,
        duration_s,
        _reason(ended, None),
        sale,
        attempt,
        cost,
        account_id=ticket.account_id,
        mapping_gateway=ticket.mapping_gateway,
        trace=ticket.trace,
        review=review,
        pricing=ticket.sale,
        rated=(ticket.caller, ticket.callee),
    )


def _cdr(
    ended: CallEnded,
    duration_s: int,
    reason: Reason,
    sale: Charge,
    attempt: TicketAttempt | None,
    cost: Charge,
    *,
    account_id: int | None,
    mapping_gateway: str,
    trace: tuple[tuple[str, str, str], ...],
    review: str,
    pricing: Pricing | None = None,
    rated: tuple[str, str] = ("", ""),
) -> Cdr:
    return Cdr(
        call_id=ended.call_id,
        switch_id=ended.switch_id,
        sip_call_id=ended.sip_call_id,
        started_at=at_us(ended.offered_us),
        ringing_at=at_us(ended.ringing_us) if ended.ringing_us else None,
        answered_at=at_us(ended.answered_us) if ended.answered_us else None,
        ended_at=at_us(ended.ended_us or ended.answered_us or ended.offered_us),
        pdd_ms=_pdd_ms(ended),
        talk_ms=ended.talk_us // 1000,
        duration_s=duration_s,
        billed_s=sale.billed_s,
        source_ip=ended.source_ip,
        source_port=ended.source_port,
        caller_received=ended.caller,
        callee_received=ended.callee,
        caller_rated=rated[0],
        callee_rated=rated[1],
        caller_sent=attempt.caller if attempt else "",
        callee_sent=attempt.callee if attempt else "",
        account_id=account_id,
        mapping_gateway=mapping_gateway,
        routing_gateway=attempt.gateway if attempt else "",
        attempts=len(ended.attempted_legs),
        rate_prefix=pricing.prefix if pricing else "",
        net=sale.net,
        tax=sale.tax,
        currency=pricing.terms.currency if pricing else "",
        cost_account_id=attempt.cost.account_id if attempt else None,
        cost_prefix=attempt.cost.prefix if attempt else "",
        cost=cost.gross,
        cost_currency=attempt.cost.terms.currency if attempt else "",
        reason=reason,
        cause=ended.cause,
        q850=ended.q850,
        sip_status=_sip_status(ended, reason),
        ended_by=_ended_by(ended, reason),
        trace=trace,
        review=review,
    )


def _reason(ended: CallEnded, known: Reason | None) -> Reason:
    """The platform's own word first (memory, then the channel), else what the cause says."""
    if ended.answered_us and ended.hangup_by_caller:
        # the cause may come from the caller's own BYE and say anything
        return Reason.ANSWERED
    named = known or reason_from_id(ended.platform_reason)
    if named is not None and _happened(named, ended):
        return named
    return reason_of_cause(ended.cause, answered=bool(ended.answered_us))


def _happened(named: Reason, ended: CallEnded) -> bool:
    """Whether a reason that was put on the channel is how the call came to end.

    An ending by timer is announced before the timer, and the fail-safe's reason stands on the
    channel from the start: a party may have hung up before either came true.
    """
    if named in TIMER_ENDINGS:
        return bool(ended.answered_us) and ended.cause == TIMER_CAUSE
    if named is Reason.CONTROLLER_UNAVAILABLE and ended.hangup_by_caller:
        return False
    return not ended.answered_us or named in PLATFORM_ENDINGS


def _sip_status(ended: CallEnded, reason: Reason) -> int:
    if ended.sip_status:
        return ended.sip_status
    return 200 if ended.answered_us else SIGNALS[reason].sip_status


def _ended_by(ended: CallEnded, reason: Reason) -> EndedBy:
    if reason in PLATFORM_ENDINGS or reason in REFUSALS:
        return EndedBy.SERVER
    return EndedBy.CALLER if ended.hangup_by_caller else EndedBy.CALLEE


def _pdd_ms(ended: CallEnded) -> int | None:
    """Post-dial delay: from the INVITE to the first ringing, early media or answer."""
    first_us = ended.ringing_us or ended.answered_us
    return (first_us - ended.offered_us) // 1000 if first_us else None


def _postings(
    ticket: Ticket, ended: CallEnded, sale: Charge, attempt: TicketAttempt | None, cost: Charge
) -> list[Posting]:
    at = at_us(ended.ended_us or ended.offered_us)
    customer, currency = ticket.account_id, ticket.sale.terms.currency
    moves: list[tuple[PostingKind, int, SystemAccount, Decimal, str]] = [
        (PostingKind.CALL_CHARGE, customer, SystemAccount.REVENUE, sale.net, currency),
        (PostingKind.CALL_TAX, customer, SystemAccount.TAX, sale.tax, currency),
    ]
    if attempt:
        vendor, vendor_currency = attempt.cost.account_id, attempt.cost.terms.currency
        termination = SystemAccount.TERMINATION_COST
        moves.append((PostingKind.CALL_COST, vendor, termination, cost.gross, vendor_currency))
    return [
        Posting(
            call_posting_id(ticket.call_id, kind, account),
            kind,
            account,
            system,
            amount,
            currency,
            at,
            ticket.call_id,
        )
        for kind, account, system, amount, currency in moves
        if amount > 0
    ]
