"""The switch's events and CDR files as the controller's events.

An event's channel variables and a CDR file's `variables` have the same names and values, so one
translation serves both, and a call settles alike from either. Text is made storable here: it
may hold whatever a caller typed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from controller.domain.errors import ProtocolError
from controller.domain.events import AttemptEnded, CallAnswered, CallEnded, CallOffered
from controller.domain.reasons import Reason
from controller.drivers.freeswitch import variables as v

MAX_TEXT = 128
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

_ARRAY = "ARRAY::"

Lookup = Callable[[str], object]

ChannelEvent = CallOffered | CallAnswered | AttemptEnded | CallEnded


def channel_event(event: Mapping[str, Any], switch_id: str) -> ChannelEvent | None:
    """The meaning of a channel event; None for those that the controller has no use for.

    Raises ProtocolError for an event without a call id, which nothing could be done with.
    """
    name, outbound = event.get(v.EVENT_NAME), event.get(v.DIRECTION) == "outbound"
    if name == "CHANNEL_PARK" and not outbound:
        return call_offered(event, switch_id)
    if name == "CHANNEL_ANSWER" and not outbound:
        call_id = uuid_text(event.get(v.UNIQUE_ID))
        return CallAnswered(switch_id, call_id, stamp(event.get(v.ANSWERED_TIME)), last_leg(event))
    if name == "CHANNEL_HANGUP_COMPLETE":
        lookup = _event_lookup(event)
        return attempt_ended(lookup, switch_id) if outbound else call_ended(lookup, switch_id)
    return None


def call_offered(event: Mapping[str, Any], switch_id: str) -> CallOffered:
    lookup = _event_lookup(event)
    return CallOffered(
        switch_id=switch_id,
        call_id=uuid_text(event.get(v.UNIQUE_ID)),
        offered_us=stamp(event.get(v.CREATED_TIME)),
        source_ip=text(lookup(v.SOURCE_IP)),
        source_port=_number(lookup(v.SOURCE_PORT)),
        caller=text(lookup(v.CALLER)),
        caller_name=text(lookup(v.DISPLAY_NAME)),
        callee=text(lookup(v.CALLEE)),
        sip_call_id=text(lookup(v.SIP_CALL_ID)),
    )


def call_ended(lookup: Lookup, switch_id: str) -> CallEnded:
    """The end of a caller's leg, from an event or from a CDR file."""
    disposition = text(lookup(v.DISPOSITION))
    legs = [_leg(item) for item in _items(lookup(v.LEG_CAUSES))]
    return CallEnded(
        switch_id=switch_id,
        call_id=uuid_text(lookup(v.UUID)),
        offered_us=stamp(lookup(v.START)),
        ringing_us=_first(lookup(v.PROGRESS), lookup(v.PROGRESS_MEDIA)),
        answered_us=stamp(lookup(v.ANSWER)),
        ended_us=stamp(lookup(v.END)),
        cause=text(lookup(v.CAUSE)),
        q850=_number(lookup(v.Q850)),
        sip_status=_sip_status(lookup, disposition),
        hangup_by_caller=disposition in ("recv_bye", "recv_cancel"),
        platform_reason=_platform_reason(lookup),
        connected_leg=next((leg for leg, cause in legs if cause == v.ANSWERED_LEG_CAUSE), ""),
        attempted_legs=tuple(leg for leg, _ in legs),
        source_ip=text(lookup(v.SOURCE_IP)),
        source_port=_number(lookup(v.SOURCE_PORT)),
        caller=text(lookup(v.CALLER)),
        caller_name=text(lookup(v.DISPLAY_NAME)),
        callee=text(lookup(v.CALLEE)),
        sip_call_id=text(lookup(v.SIP_CALL_ID)),
        offline=lookup(v.OFFLINE) == "true",
    )


def attempt_ended(lookup: Lookup, switch_id: str) -> AttemptEnded | None:
    """The end of a leg of ours; None for a leg that no plan asked for."""
    if not lookup(v.ATTEMPT):
        return None
    disposition = text(lookup(v.DISPOSITION))
    return AttemptEnded(
        switch_id=switch_id,
        call_id=uuid_text(lookup(v.ORIGINATOR)),
        leg_id=uuid_text(lookup(v.UUID)),
        number=_number(lookup(v.ATTEMPT)),
        gateway=text(lookup(v.GATEWAY)),
        started_us=stamp(lookup(v.START)),
        ringing_us=_first(lookup(v.PROGRESS), lookup(v.PROGRESS_MEDIA)),
        answered_us=stamp(lookup(v.ANSWER)),
        ended_us=stamp(lookup(v.END)),
        cause=text(lookup(v.CAUSE)),
        q850=_number(lookup(v.Q850)),
        sip_status=_sip_status(lookup, disposition),
        hangup_by_remote=disposition.startswith("recv_"),
        caller_sent=text(lookup(v.LEG_CALLER)),
        callee_sent=_user_part(lookup(v.REQUEST_URI)),
    )


def _user_part(uri: object) -> str:
    """The number in a request URI, as we dialed it: the wire has `#` percent-escaped."""
    return text(unquote(text(uri).partition("@")[0]))


def last_leg(event: Mapping[str, Any]) -> str:
    """The leg that was created last: when hunting serially, the one that answered."""
    legs = _items(event.get(f"variable_{v.LEGS}"))
    return _leg(legs[-1])[0] if legs else ""


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Printable, storable text of bounded length, whatever came."""
    if not isinstance(value, str):
        return ""
    kept = value[:limit].encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "?" for c in kept)


def uuid_text(value: object) -> str:
    """A UUID in lower case. Raises ProtocolError."""
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value.lower()
    raise ProtocolError(f"not a call id: {text(value)!r}")


def _event_lookup(event: Mapping[str, Any]) -> Lookup:
    get = event.get
    return lambda name: get(f"variable_{name}")


def _items(value: object) -> list[str]:
    """An array variable: a list, a plain string when it has one item, or a CDR file's form."""
    if isinstance(value, str):
        return value.removeprefix(_ARRAY).split("|:") if value.startswith(_ARRAY) else [value]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return []


def _leg(item: str) -> tuple[str, str]:
    leg, _, rest = item.partition(";")
    return leg.lower(), rest.partition(";")[0]


def _sip_status(lookup: Lookup, disposition: str) -> int:
    """The final status of the INVITE; 0 where only the reason can tell it.

    A call that was answered has 200. `sip_term_status` is of whoever ended the leg; the failure
    status is copied from the vendor's leg to the caller's.
    """
    if stamp(lookup(v.ANSWER)):
        return 200
    if disposition == "recv_cancel":
        return 487
    return _number(lookup(v.TERM_STATUS)) or _number(lookup(v.FAILURE_STATUS))


def _platform_reason(lookup: Lookup) -> str:
    """What a plan said; without one, a call that ended in `park` was ended by the fail-safe."""
    named = text(lookup(v.REASON))
    undecided = not named and lookup(v.LAST_APPLICATION) == "park"
    return Reason.CONTROLLER_UNAVAILABLE if undecided else named


def _first(*stamps: object) -> int:
    happened = [us for us in map(stamp, stamps) if us]
    return min(happened, default=0)


def stamp(value: object) -> int:
    """Microseconds since the epoch; 0 for what never happened and for nonsense."""
    return _digits(value, 17)


def _number(value: object) -> int:
    return _digits(value, 5)


def _digits(value: object, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 10**most else 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= most:
        return int(value)
    return 0
