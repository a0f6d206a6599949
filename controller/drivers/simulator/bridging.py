"""Two legs joined: talking, or hearing a vendor's early media. And what follows a failed bridge."""

from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.arguments import is_true, leading_int
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import CAUSES
from controller.drivers.simulator.clock import Timer
from controller.drivers.simulator.encoding import HeaderValue
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.headers import as_originatee
from controller.drivers.simulator.vendor_leg import VendorLeg

_ALWAYS_CONTINUE: Final = frozenset({"NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL"})


class Bridged:
    """A caller's leg while it is joined with a vendor's, talking or hearing early media."""

    def __init__(self, channel: CallerLeg, leg: VendorLeg, done: Callable[[], None]) -> None:
        self._channel = channel
        self._leg = leg
        self._done = done
        self._over = False
        self._timer: Timer | None = None
        self._ends = {"Bridge-A-Unique-ID": channel.uuid, "Bridge-B-Unique-ID": leg.uuid}

    def start(self) -> None:
        channel, leg = self._channel, self._leg
        channel.mark_bridged()
        leg.mark_bridged()
        channel.headers.update(as_originatee(leg.headers))
        channel.headers["variable_signal_bond"] = leg.uuid
        channel.fire("CHANNEL_BRIDGE", dict(self._ends))
        channel.bridge_role = "originator"
        leg.bridge_role = "originatee"
        leg.enter("CS_EXCHANGE_MEDIA")
        channel.headers["variable_sip_cseq"] = "1"
        _name_each_other(channel, leg)
        _name_each_other(leg, channel)
        if not leg.answered_us:
            self._limit_early_media()

    def _limit_early_media(self) -> None:
        """`bridge_answer_timeout`: the only thing that ends a 183 without a 200."""
        channel = self._channel
        seconds = leading_int(channel.get("bridge_answer_timeout") or "")
        if seconds > 0:
            at_us = channel.core.timer_deadline_us(channel.clock, seconds)
            self._timer = channel.core.timers.at(channel.clock, at_us, self._expire, None)

    def _expire(self, _: None) -> None:
        if not self._leg.answered_us:
            hang_up(self._channel, "ALLOTTED_TIMEOUT")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def interrupted(self, *, hung_up: bool) -> None:
        """The caller's leg ends or goes elsewhere: the vendor's leg ends with it."""
        leg, channel = self._leg, self._channel
        self._over = True
        leg.detached = True
        leg.headers["Channel-Call-UUID"] = leg.uuid
        leg.headers["variable_call_uuid"] = leg.uuid
        if hung_up:
            leg.set("bridge_hangup_cause", channel.cause)
        self._cancel_timer()
        hang_up(
            leg,
            "NORMAL_CLEARING" if leg.answered_us else "ORIGINATOR_CANCEL",
            report_late=hung_up and channel.reports_first(),
        )
        self._part()
        if not hung_up:
            channel.unbridge()

    def leg_ended(self) -> None:
        """The vendor's leg is over."""
        if self._over:
            return
        self._over = True
        self._cancel_timer()
        channel, leg = self._channel, self._leg
        self._part()
        channel.activity = None
        if leg.answered_us:
            goes_on = not is_true(channel.get("hangup_after_bridge"))
        else:
            goes_on = goes_on_after(channel, leg.cause)
        if goes_on:
            self._done()
        else:
            hang_up(channel, leg.cause)

    def _part(self) -> None:
        self._channel.set("bridge_hangup_cause", self._leg.cause)
        self._channel.fire("CHANNEL_UNBRIDGE", dict(self._ends))
        self._channel.bridge_role = self._leg.bridge_role = ""


def _name_each_other(channel: CallerLeg | VendorLeg, other: CallerLeg | VendorLeg) -> None:
    channel.headers.update(
        {
            "variable_last_bridge_to": other.uuid,
            "variable_bridge_channel": other.name,
            "variable_bridge_uuid": other.uuid,
            "variable_signal_bond": other.uuid,
            "variable_last_sent_callee_id_name": _shown_name(other),
            "variable_last_sent_callee_id_number": _shown_number(other),
        }
    )


def _shown_name(channel: CallerLeg | VendorLeg) -> HeaderValue:
    header = "Caller-Caller-ID-Name" if channel.inbound else "Caller-Callee-ID-Name"
    return channel.headers[header]


def _shown_number(channel: CallerLeg | VendorLeg) -> HeaderValue:
    header = "Caller-Caller-ID-Number" if channel.inbound else "Caller-Callee-ID-Number"
    return channel.headers[header]


def goes_on_after(channel: CallerLeg, cause: str) -> bool:
    """Whether the plan behind a failed bridge is executed."""
    continue_on = channel.get("continue_on_fail")
    failures = channel.get("failure_causes")
    if continue_on is None and failures is None:
        return cause in _ALWAYS_CONTINUE
    if failures is not None and not _names(failures, cause):
        return True
    return continue_on is not None and (is_true(continue_on) or _names(continue_on, cause))


def _names(listed: str, cause: str) -> bool:
    names = {name.strip().upper() for name in listed.split(",")}
    return cause in names or str(CAUSES.get(cause, -1)) in names
