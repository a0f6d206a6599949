"""A plan as one inline dialplan, for one `uuid_transfer`.

Syntax (checked against a real switch, fixtures/event_socket/): applications are separated by
`~`, variables by `;` after `^^;`, attempts by `|`. Every value passes `safe`: a number or name
that held one of those signs would be an instruction to the switch.
"""

import re

from controller.domain.errors import UnsafeText
from controller.domain.numbering import sendable
from controller.domain.plan import Attempt, Connect, Media, Plan, Refuse
from controller.domain.reasons import SIGNALS, TIMER_CAUSE
from controller.drivers.freeswitch import variables as v

_SAFE = re.compile(r"[0-9A-Za-z+*#_.:@/ -]*", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TRANSPORTS = {"udp": "", "tcp": ";transport=tcp", "tls": ";transport=tls"}
_UNWRITABLE_STATUS = 484
_CODEC = re.compile(r"[0-9A-Za-z.@-]{1,32}", re.ASCII)


def transfer_command(plan: Plan) -> str:
    """The api command that carries the plan out. Raises UnsafeText."""
    body = _connect(plan) if isinstance(plan, Connect) else _refuse(plan)
    return f"api uuid_transfer {uuid_of(plan.call_id)} 'm:~:{body}' inline"


def safe(value: str) -> str:
    """The value, if no sign in it means anything to the switch. Raises UnsafeText."""
    if not _SAFE.fullmatch(value):
        raise UnsafeText(f"{value[:64]!r} may not stand in a command to the switch")
    return value


def uuid_of(text: str) -> str:
    """The text, if it is a UUID. Raises UnsafeText."""
    if not _UUID.fullmatch(text):
        raise UnsafeText(f"{text[:64]!r} is not a call id")
    return text


def _refuse(plan: Refuse) -> str:
    signal = SIGNALS[plan.reason]
    if signal.sip_status == _UNWRITABLE_STATUS:
        # the switch would put the called number into a reply of its own, which fails with 500
        # where the number has signs that no header may have; ending the call does not
        return f"set:{v.REASON}={plan.reason}~hangup:INVALID_NUMBER_FORMAT"
    if signal.retry_after_s:
        told = {v.REASON: str(plan.reason), v.RETRY_AFTER: str(signal.retry_after_s)}
        tell = f"multiset:^^;{_joined(told)}"
    else:
        tell = f"set:{v.REASON}={plan.reason}"
    return f"{tell}~respond:{signal.sip_status} {signal.sip_phrase}"


def _connect(plan: Connect) -> str:
    """The caller's leg, where it needs anything, and the hunt.

    Each application and each variable costs the switch more than all of the controller's own
    work on them (docs/adr/0002), so what can stand in the dial string does.
    """
    legs = "|".join(map(_attempt, plan.attempts))
    bridge = f"bridge:{{^^;{_joined(_hunt(plan))}}}{legs}"
    # the switch itself ends a call whose hunt failed, save after some causes (480, 487)
    hunt = f"{bridge}~hangup:${{{v.HUNT_CAUSE}}}"
    caller_leg = _media(plan.media, v.INBOUND_CODECS)
    if plan.offline:
        caller_leg[v.OFFLINE] = "true"
    return f"multiset:^^;{_joined(caller_leg)}~{hunt}" if caller_leg else hunt


def _hunt(plan: Connect) -> dict[str, str]:
    """What holds for all attempts. The answering leg sets the timer of the caller's leg."""
    timer = f"sched_hangup +{plan.granted_s} {uuid_of(plan.call_id)} {TIMER_CAUSE}"
    if plan.stop_causes:
        # with a list of causes the switch leaves all time-outs to the legs
        return {v.ON_ANSWER: timer, v.STOP_CAUSES: ",".join(_switch_causes(plan.stop_causes))}
    longest_s = max(attempt.ring_timeout_s for attempt in plan.attempts)
    return {
        v.ON_ANSWER: timer,
        v.GO_ON_AFTER_TIMEOUT: "true",
        # counted anew for each attempt; without it, 60 s would end a longer ringing
        v.HUNT_TIMEOUT: str(longest_s + 5),
    }


def _switch_causes(causes: tuple[str, ...]) -> list[str]:
    """An unanswered leg ends with the timer's cause when `leg_timeout` was the reason."""
    names = [safe(cause) for cause in causes]
    return [*names, TIMER_CAUSE] if "NO_ANSWER" in names else names


def _attempt(attempt: Attempt) -> str:
    # name and number of our own at every leg: else the caller's display name, line breaks and
    # all, would be written into the INVITE to the vendor
    variables = {
        v.LEG_ID: uuid_of(attempt.leg_id),
        v.ATTEMPT: str(attempt.number),
        v.GATEWAY: safe(attempt.gateway),
        v.LEG_TIMEOUT: str(attempt.ring_timeout_s),
        v.LEG_PROGRESS_TIMEOUT: str(attempt.progress_timeout_s),
        v.LEG_CALLER: safe(attempt.caller) or v.ANONYMOUS,
        v.LEG_CALLER_NAME: v.NO_NAME,
        v.LEG_IDENTITY: "none",
        **_media(attempt.media, v.CODECS),
    }
    return f"[^^;{_joined(variables)}]{_address(attempt)}"


def _address(attempt: Attempt) -> str:
    host = f"[{attempt.host}]" if ":" in attempt.host else attempt.host
    if not re.fullmatch(r"\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+", host):
        raise UnsafeText(f"{host!r} is not a host")
    if not sendable(attempt.callee) or attempt.transport not in _TRANSPORTS:
        raise UnsafeText(f"{attempt.callee[:64]!r} over {attempt.transport[:16]!r}")
    suffix = _TRANSPORTS[attempt.transport]
    return f"sofia/{v.TRUNK_PROFILE}/{attempt.callee}@{host}:{attempt.port}{suffix}"


def _media(media: Media, codecs_variable: str) -> dict[str, str]:
    """T.38 has to be switched on at each leg; a codec list is the leg's whole offer."""
    chosen = {v.T38: "true"} if media.t38 else {}
    if media.codecs:
        if not all(_CODEC.fullmatch(codec) for codec in media.codecs):
            raise UnsafeText(f"codecs {media.codecs}")
        chosen[codecs_variable] = ",".join(media.codecs)
    return chosen


def _joined(variables: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in variables.items())
