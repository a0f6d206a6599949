"""A call whose end nobody saw: the switch lost it, restarted, or is gone for good."""

from datetime import UTC, datetime, timedelta

from controller.domain.events import CallEnded
from controller.domain.reasons import Reason
from controller.domain.ticket import Ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def vanished(ticket: Ticket, answered_at: datetime | None, reason: Reason) -> CallEnded:
    """An end without a witness: no talk time is invented; a person looks at the record."""
    return CallEnded(
        switch_id=ticket.switch_id,
        call_id=ticket.call_id,
        offered_us=ticket.offered_us,
        ringing_us=0,
        answered_us=stamp_us(answered_at) if answered_at else 0,
        ended_us=0,
        cause="",
        q850=0,
        sip_status=0,
        hangup_by_caller=False,
        platform_reason=reason,
        connected_leg="",
        attempted_legs=(),
        source_ip="",
        source_port=0,
        caller=ticket.caller,
        caller_name="",
        callee=ticket.callee,
    )


def stamp_us(moment: datetime) -> int:
    """Microseconds since the epoch, as switches stamp their events."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
