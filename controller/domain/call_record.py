"""The record of an ended call: what the switch said, in the platform's words. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.domain.billing import Bill
from controller.domain.cdr import Cdr, EndedBy
from controller.domain.events import CallEnded
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
from controller.domain.tariff import ZERO_CHARGE, Charge
from controller.domain.ticket import Ticket, TicketAttempt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordRules:
    """How durations are rounded and which calls leave a record (spec §2.8)."""

    hold_time_threshold_ms: int = 50
    record_zero_duration: bool = True
    record_server_hangup: bool = True


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


def at_us(stamp_us: int) -> datetime:
    """A switch's microsecond stamp as an aware time, exactly."""
    return _EPOCH + timedelta(microseconds=stamp_us)


def admitted_cdr(
    ticket: Ticket,
    ended: CallEnded,
    duration_s: int,
    sale: Bill,
    attempt: TicketAttempt | None,
    cost: Charge,
    review: str,
) -> Cdr:
    return _cdr(
        ended,
        duration_s,
        reason_of_end(ended, None),
        sale,
        attempt,
        cost,
        account_id=ticket.account_id,
        mapping_gateway=ticket.mapping_gateway,
        trace=ticket.trace,
        review=review,
        phone=ticket.phone,
        rated=(ticket.caller, ticket.callee),
    )


def unadmitted_cdr(known: Unadmitted, ended: CallEnded, duration_s: int, review: str) -> Cdr:
    return _cdr(
        ended,
        duration_s,
        known.reason,
        None,
        None,
        ZERO_CHARGE,
        account_id=known.account_id,
        mapping_gateway=known.mapping_gateway,
        trace=known.trace,
        review=review,
    )


def is_kept(cdr: Cdr, rules: RecordRules) -> bool:
    """Whether the parameters want a record of a call that cost nothing (spec §2.8)."""
    if cdr.duration_s == 0 and not rules.record_zero_duration:
        return False
    return rules.record_server_hangup or cdr.ended_by is not EndedBy.SERVER


def _cdr(
    ended: CallEnded,
    duration_s: int,
    reason: Reason,
    sale: Bill | None,
    attempt: TicketAttempt | None,
    cost: Charge,
    *,
    account_id: int | None,
    mapping_gateway: str,
    trace: tuple[tuple[str, str, str], ...],
    review: str,
    phone: str = "",
    rated: tuple[str, str] = ("", ""),
) -> Cdr:
    charge = sale.charge if sale else ZERO_CHARGE
    answered_s = ended.answered_us // 1_000_000
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
        billed_s=charge.billed_s,
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
        phone=phone,
        routing_gateway=attempt.gateway if attempt else "",
        attempts=len(ended.attempted_legs),
        rate_prefix=sale.prefix(answered_s) if sale else "",
        net=charge.net,
        tax=charge.tax,
        currency=sale.pricing.terms.currency if sale else "",
        cost_account_id=attempt.cost.account_id if attempt else None,
        cost_prefix=attempt.cost.prefix_at(answered_s) if attempt else "",
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


def reason_of_end(ended: CallEnded, known: Reason | None) -> Reason:
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
