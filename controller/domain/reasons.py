"""Why a call was refused or ended, and what each reason is in SIP and Q.850: the one table.

Vocabulary: spec §9.7. SIP: RFC 3261 §21. Q.850 causes: ITU-T Q.850 table 1;
of a refusal it is the one that belongs to the SIP status (RFC 3398 §7.2.4.1), as the switch sends.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Stable ids: they stand in CDRs, logs, metrics and on the channel."""

    # refused before any dialing
    UNKNOWN_SOURCE = "unknown_source"
    GATEWAY_LOCKED = "gateway_locked"
    INVALID_CALLEE = "invalid_callee"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_EXPIRED = "account_expired"
    ACCOUNT_CLOSED = "account_closed"
    PHONE_LOCKED = "phone_locked"
    NO_RATE_GROUP = "no_rate_group"
    NO_MATCHING_RATE = "no_matching_rate"
    NO_CALL_PERMISSION = "no_call_permission"
    NO_ROUTE = "no_route"
    NO_ROUTE_CAPACITY = "no_route_capacity"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    MONTHLY_MAXIMUM = "monthly_maximum"
    ACCOUNT_CAPACITY = "account_capacity"
    GATEWAY_CAPACITY = "gateway_capacity"
    STORE_UNAVAILABLE = "store_unavailable"
    OVERLOADED = "overloaded"
    CONTROLLER_UNAVAILABLE = "controller_unavailable"
    INTERNAL_ERROR = "internal_error"
    PHONE_CAPACITY = "phone_capacity"
    AGENT_CAPACITY = "agent_capacity"
    GROUP_CAPACITY = "group_capacity"
    GATEWAY_CPS = "gateway_cps"
    SYSTEM_CPS = "system_cps"
    DESTINATION_DENIED = "destination_denied"
    # ended by the platform
    BALANCE_EXHAUSTED = "balance_exhausted"
    MONTHLY_MAXIMUM_REACHED = "monthly_maximum_reached"
    MAX_DURATION = "max_duration"
    NOT_RENEWED = "not_renewed"
    ADMINISTRATOR = "administrator"
    SWITCH_RESTARTED = "switch_restarted"
    VANISHED = "vanished"
    VENDOR_BALANCE_EXHAUSTED = "vendor_balance_exhausted"
    # ended by a party or by a vendor
    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    REJECTED = "rejected"
    UNALLOCATED = "unallocated"
    UNREACHABLE = "unreachable"
    CODEC_MISMATCH = "codec_mismatch"
    VENDOR_FAILURE = "vendor_failure"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a reason is on the wire and in words.

    `retry_after_s` asks the sender to leave us alone for so long, with every call (RFC 3261
    §21.5.4): only for what concerns every call. 0: not at all.
    """

    sip_status: int
    sip_phrase: str
    q850: int
    text: str
    retry_after_s: int = 0


SIGNALS: dict[Reason, Signal] = {
    Reason.UNKNOWN_SOURCE: Signal(403, "Forbidden", 21, "no gateway with this address"),
    Reason.GATEWAY_LOCKED: Signal(403, "Forbidden", 21, "the gateway is locked"),
    Reason.INVALID_CALLEE: Signal(484, "Address Incomplete", 28, "not a dialable number"),
    Reason.ACCOUNT_LOCKED: Signal(403, "Forbidden", 21, "the account is locked"),
    Reason.ACCOUNT_EXPIRED: Signal(403, "Forbidden", 21, "the account has expired"),
    Reason.ACCOUNT_CLOSED: Signal(403, "Forbidden", 21, "the account is closed"),
    Reason.PHONE_LOCKED: Signal(403, "Forbidden", 21, "the phone may not call"),
    Reason.NO_RATE_GROUP: Signal(503, "Service Unavailable", 41, "the account has no rate group"),
    Reason.NO_MATCHING_RATE: Signal(503, "Service Unavailable", 41, "no matching rate"),
    Reason.NO_CALL_PERMISSION: Signal(403, "Forbidden", 21, "rate type above the authorization"),
    Reason.NO_ROUTE: Signal(503, "Service Unavailable", 41, "no usable routing gateway"),
    Reason.NO_ROUTE_CAPACITY: Signal(503, "Service Unavailable", 41, "every vendor line is in use"),
    Reason.INSUFFICIENT_BALANCE: Signal(402, "Payment Required", 21, "insufficient balance"),
    Reason.MONTHLY_MAXIMUM: Signal(
        402, "Payment Required", 21, "the phone's monthly maximum is reached"
    ),
    Reason.ACCOUNT_CAPACITY: Signal(503, "Service Unavailable", 41, "account line limit reached"),
    Reason.GATEWAY_CAPACITY: Signal(503, "Service Unavailable", 41, "gateway line limit reached"),
    Reason.STORE_UNAVAILABLE: Signal(
        503, "Service Unavailable", 41, "the database is unavailable", retry_after_s=5
    ),
    Reason.OVERLOADED: Signal(
        503, "Service Unavailable", 41, "more calls than can be decided", retry_after_s=2
    ),
    Reason.CONTROLLER_UNAVAILABLE: Signal(503, "Service Unavailable", 41, "no controller decided"),
    Reason.INTERNAL_ERROR: Signal(500, "Server Internal Error", 41, "a fault in the controller"),
    Reason.PHONE_CAPACITY: Signal(503, "Service Unavailable", 41, "phone line limit reached"),
    Reason.AGENT_CAPACITY: Signal(
        503, "Service Unavailable", 41, "line limit of an agent's accounts reached"
    ),
    Reason.GROUP_CAPACITY: Signal(
        503, "Service Unavailable", 41, "line limit of a gateway group reached"
    ),
    Reason.GATEWAY_CPS: Signal(
        503, "Service Unavailable", 41, "too many calls a second by the gateway", retry_after_s=1
    ),
    Reason.SYSTEM_CPS: Signal(
        503, "Service Unavailable", 41, "too many calls a second", retry_after_s=1
    ),
    Reason.DESTINATION_DENIED: Signal(403, "Forbidden", 21, "the destination is not allowed"),
    Reason.BALANCE_EXHAUSTED: Signal(200, "OK", 16, "ended: the balance was used up"),
    Reason.MONTHLY_MAXIMUM_REACHED: Signal(
        200, "OK", 16, "ended: the phone's monthly maximum was reached"
    ),
    Reason.MAX_DURATION: Signal(200, "OK", 16, "ended: the longest call length was reached"),
    Reason.NOT_RENEWED: Signal(200, "OK", 41, "ended: the reservation was not renewed in time"),
    Reason.ADMINISTRATOR: Signal(200, "OK", 16, "ended by an administrator or an agent"),
    Reason.SWITCH_RESTARTED: Signal(500, "Server Internal Error", 41, "the switch restarted"),
    Reason.VANISHED: Signal(500, "Server Internal Error", 41, "the switch lost the call"),
    Reason.VENDOR_BALANCE_EXHAUSTED: Signal(
        200, "OK", 16, "ended: the money at the prepaid vendor was used up"
    ),
    Reason.ANSWERED: Signal(200, "OK", 16, "answered, ended by a party"),
    Reason.BUSY: Signal(486, "Busy Here", 17, "the called party is busy"),
    Reason.NO_ANSWER: Signal(480, "Temporarily Unavailable", 19, "no answer"),
    Reason.CANCELED: Signal(487, "Request Terminated", 16, "the caller gave up"),
    Reason.REJECTED: Signal(603, "Decline", 21, "the called party declined"),
    Reason.UNALLOCATED: Signal(404, "Not Found", 1, "the number does not exist"),
    Reason.UNREACHABLE: Signal(480, "Temporarily Unavailable", 20, "not reachable"),
    Reason.CODEC_MISMATCH: Signal(488, "Not Acceptable Here", 88, "no common codec"),
    Reason.VENDOR_FAILURE: Signal(503, "Service Unavailable", 34, "every vendor failed"),
}

PLATFORM_ENDINGS = frozenset(
    {
        Reason.BALANCE_EXHAUSTED,
        Reason.MONTHLY_MAXIMUM_REACHED,
        Reason.MAX_DURATION,
        Reason.NOT_RENEWED,
        Reason.ADMINISTRATOR,
        Reason.SWITCH_RESTARTED,
        Reason.VANISHED,
        Reason.VENDOR_BALANCE_EXHAUSTED,
    }
)
TIMER_CAUSE = "ALLOTTED_TIMEOUT"
"""The switch's cause when its own timer ended a leg."""

TIMER_ENDINGS = frozenset(
    {
        Reason.BALANCE_EXHAUSTED,
        Reason.MONTHLY_MAXIMUM_REACHED,
        Reason.MAX_DURATION,
        Reason.NOT_RENEWED,
        Reason.VENDOR_BALANCE_EXHAUSTED,
    }
)
REFUSALS = frozenset(list(Reason)[: list(Reason).index(Reason.BALANCE_EXHAUSTED)])

_BY_CAUSE = {
    "USER_BUSY": Reason.BUSY,
    "NO_ANSWER": Reason.NO_ANSWER,
    "NO_USER_RESPONSE": Reason.NO_ANSWER,
    TIMER_CAUSE: Reason.NO_ANSWER,
    "PROGRESS_TIMEOUT": Reason.VENDOR_FAILURE,
    "ORIGINATOR_CANCEL": Reason.CANCELED,
    "CALL_REJECTED": Reason.REJECTED,
    "UNALLOCATED_NUMBER": Reason.UNALLOCATED,
    "NO_ROUTE_DESTINATION": Reason.UNALLOCATED,
    "SUBSCRIBER_ABSENT": Reason.UNREACHABLE,
    "USER_NOT_REGISTERED": Reason.UNREACHABLE,
    "INCOMPATIBLE_DESTINATION": Reason.CODEC_MISMATCH,
}


_BY_SWITCH = {
    # causes that no party can send
    "SYSTEM_SHUTDOWN": Reason.SWITCH_RESTARTED,
    "MANAGER_REQUEST": Reason.ADMINISTRATOR,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision not to let a call pass. `detail` has the figures, for the CDR and the log."""

    reason: Reason
    detail: str = ""


def reason_of_cause(cause: str, *, answered: bool) -> Reason:
    """The reason behind a switch's hang-up cause when the platform itself named none.

    The switch's timer has one cause for two things: after the answer it is the end of what was
    reserved (a controller that knew why would have named it), before the answer a ring time-out.
    """
    if cause in _BY_SWITCH:
        return _BY_SWITCH[cause]
    if answered:
        return Reason.NOT_RENEWED if cause == TIMER_CAUSE else Reason.ANSWERED
    return _BY_CAUSE.get(cause, Reason.VENDOR_FAILURE)


def reason_from_id(text: str) -> Reason | None:
    """The reason with this id; None for text that is no reason (it may come from a channel)."""
    return _BY_ID.get(text)


_BY_ID: dict[str, Reason] = {str(reason): reason for reason in Reason}
