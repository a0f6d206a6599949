"""The `bridge` application until somebody answers: vendors one after the other, or at once.

Follows what the real switch was recorded to do, which is not always what one would expect: a
183 with media counts as success, so a vendor that sends one and then fails ends the call
without trying the next; 480 and 487 of a vendor let the plan go on behind the bridge; and where
`fail_on_single_reject` lists causes, only `leg_timeout` still limits the ringing.
"""

from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.answering import answer
from controller.drivers.simulator.arguments import is_true, leading_int
from controller.drivers.simulator.bridging import Bridged, goes_on_after
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.clock import Timer
from controller.drivers.simulator.dial_string import (
    DialedLeg,
    DialStringError,
    parse_dial_string,
)
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.legs import (
    UnknownEndpoint,
    limit_leg,
    make_leg,
    send_invite,
    start_talk,
)
from controller.drivers.simulator.vendor_leg import VendorLeg

_DEFAULT_TIMEOUT_S: Final = 60
_DIAL_STATUS: Final = {
    "SUCCESS": "SUCCESS",
    "ORIGINATOR_CANCEL": "CANCEL",
    "USER_BUSY": "BUSY",
    "NO_ANSWER": "NOANSWER",
    "DESTINATION_OUT_OF_ORDER": "INVALIDARGS",
    "INVALID_PROFILE": "INVALIDARGS",
    "CALL_REJECTED": "DONTCALL",
}


class Dialing:
    """A caller's leg while its vendors are tried."""

    def __init__(self, channel: CallerLeg, text: str, done: Callable[[], None]) -> None:
        self._channel = channel
        self._text = text
        self._done = done
        self._shared: dict[str, str] = {}
        self._groups: list[tuple[DialedLeg, ...]] = []
        self._legs: list[VendorLeg] = []
        self._over = False
        self._timer: Timer | None = None
        self._cause = "DESTINATION_OUT_OF_ORDER"
        self._forced_cause = ""
        self._stop_causes = ""

    def start(self) -> None:
        channel = self._channel
        channel.set("originate_disposition", "failure")
        channel.set("DIALSTATUS", "INVALIDARGS")
        try:
            dialed = parse_dial_string(self._text)
        except DialStringError:
            self._fail("DESTINATION_OUT_OF_ORDER")
            return
        self._shared = dialed.variables
        self._groups = list(dialed.groups)
        self._stop_causes = self._option("fail_on_single_reject") or ""
        self._next_group()

    def interrupted(self, *, hung_up: bool) -> None:  # noqa: ARG002 - both end the legs
        if not self._over:
            self._over = True
            self._cancel_timer()
            self._note_outcome("ORIGINATOR_CANCEL")
            self._end_legs("ORIGINATOR_CANCEL", report_late=self._channel.reports_first())
            self._note_legs()
            self._channel.set("originate_failed_cause", "ORIGINATOR_CANCEL")

    def _option(self, name: str) -> str | None:
        return self._shared.get(name) or self._channel.get(name)

    # Groups, in series

    def _next_group(self) -> None:
        while not self._over:
            if not self._groups:
                self._fail(self._forced_cause or self._cause)
                return
            if self._dial_group(self._groups.pop(0)):
                return

    def _dial_group(self, group: tuple[DialedLeg, ...]) -> bool:
        """Dial the legs of one group at once; False where none could be made."""
        self._legs = []
        for dialed in group:
            try:
                self._make(dialed)
            except UnknownEndpoint as unknown:
                self._cause = str(unknown)
                if self._stops(self._cause):
                    self._groups.clear()
        for leg in list(self._legs):
            send_invite(leg, self)
            limit_leg(leg, "leg_timeout", "ALLOTTED_TIMEOUT")
            limit_leg(leg, "leg_progress_timeout", "PROGRESS_TIMEOUT")
        if self._legs:
            self._limit_group()
        return bool(self._legs)

    def _make(self, dialed: DialedLeg) -> None:
        channel = self._channel
        leg = make_leg(channel, dialed, self._shared)
        self._legs.append(leg)
        channel.peer = leg
        channel.set("originate_signal_bond", leg.uuid)
        channel.push("originated_legs", f"{leg.uuid};Outbound Call;{leg.number}")

    def _limit_group(self) -> None:
        """`call_timeout`, void where `fail_on_single_reject` lists causes: so is the real one."""
        if self._stop_causes and not is_true(self._stop_causes):
            return
        limit = self._shared.get("originate_timeout") or self._channel.get("call_timeout") or ""
        seconds = leading_int(limit) or _DEFAULT_TIMEOUT_S
        channel = self._channel
        at_us = channel.core.timer_deadline_us(channel.clock, seconds)
        self._timer = channel.core.timers.at(channel.clock, at_us, self._group_expired, None)

    def _group_expired(self, _: None) -> None:
        if not is_true(self._option("originate_continue_on_timeout")):
            self._groups.clear()
        self._close_group("NO_ANSWER")

    # What vendors do

    def rang(self, leg: VendorLeg) -> None:
        if not self._over:
            self._channel.set("sip_to_tag", self._channel.uuid[:8])
            self._channel.ring()
        elif leg.bridged_us:
            self._channel.ring()

    def early_media(self, leg: VendorLeg) -> None:
        if not self._over and not is_true(self._option("ignore_early_media")):
            self._take_media(leg)
            self._channel.start_early_media()
            self._succeed(leg)

    def answered(self, leg: VendorLeg) -> None:
        if not self._over:
            self._end_legs("LOSE_RACE", winner=leg)
            self._take_media(leg)
            answer(self._channel)
            self._succeed(leg)
        elif leg.bridged_us:
            leg.enter("CS_EXCHANGE_MEDIA")
            answer(self._channel)
        start_talk(leg)

    def _take_media(self, leg: VendorLeg) -> None:
        self._channel.headers["variable_switch_m_sdp"] = leg.headers["variable_switch_r_sdp"]

    def leg_ended(self, leg: VendorLeg) -> None:
        if self._over:
            return
        if leg.cause == "PROGRESS_TIMEOUT":
            self._forced_cause = leg.cause
        if all(each.ended for each in self._legs):
            self._close_group(self._legs[0].cause)
        elif self._stops(leg.cause) or is_true(self._stop_causes):
            self._groups.clear()
            self._close_group("NO_ANSWER")

    # Outcomes

    def _succeed(self, leg: VendorLeg) -> None:
        self._over = True
        self._cancel_timer()
        self._end_legs("LOSE_RACE", winner=leg)
        channel = self._channel
        if channel.ended:
            hang_up(leg, "ORIGINATOR_CANCEL")
            return
        channel.peer = leg
        self._note_outcome("SUCCESS")
        self._note_legs()
        channel.set("originate_signal_bond", None)
        bridged = Bridged(channel, leg, self._done)
        channel.activity = bridged
        leg.on_ended.append(lambda _: bridged.leg_ended())
        bridged.start()

    def _close_group(self, cause: str) -> None:
        """Every leg of the group has failed, or is made to."""
        self._cancel_timer()
        self._cause = cause
        over, self._over = self._over, True
        self._note_outcome(cause)
        self._end_legs(cause)
        self._over = over
        self._note_legs()
        if any(self._stops(leg.cause) for leg in self._legs):
            self._groups.clear()
        self._next_group()

    def _fail(self, cause: str) -> None:
        self._over = True
        channel = self._channel
        self._note_outcome(cause)
        channel.set("originate_failed_cause", cause)
        if goes_on_after(channel, cause):
            self._done()
        else:
            hang_up(channel, cause)

    def _stops(self, cause: str) -> bool:
        """Whether `fail_on_single_reject` names the cause: a substring test, `!` negates it all."""
        stop = self._stop_causes.upper()
        if not stop or is_true(stop):
            return False
        return (cause in stop) != stop.startswith("!")

    def _note_outcome(self, cause: str) -> None:
        self._channel.set("originate_disposition", cause)
        self._channel.set("DIALSTATUS", _DIAL_STATUS.get(cause, cause))

    def _note_legs(self) -> None:
        for leg in self._legs:
            self._channel.push("originate_causes", f"{leg.uuid};{leg.cause or 'NONE'}")

    def _end_legs(
        self, cause: str, winner: VendorLeg | None = None, *, report_late: bool = False
    ) -> None:
        over, self._over = self._over, True
        for leg in self._legs:
            if leg is not winner:
                hang_up(leg, cause, report_late=report_late)
        self._over = over

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
