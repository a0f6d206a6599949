"""The leg that came in from a customer: the A leg, which has a plan to follow."""

from collections import deque
from typing import TYPE_CHECKING

from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.clock import CallClock, Timer
from controller.drivers.simulator.core import Core
from controller.drivers.simulator.dice import Dice
from controller.drivers.simulator.draws import CallerScript, LegScript
from controller.drivers.simulator.headers import inbound_headers
from controller.drivers.simulator.inline import Application
from controller.drivers.simulator.media import session_description
from controller.drivers.simulator.world import TrafficProfile

if TYPE_CHECKING:
    from controller.drivers.simulator.vendor_leg import VendorLeg


class CallerLeg(Channel):
    """An A leg. What it is busy with is its `activity`: park, a pause, dialing, a talk."""

    inbound = True

    def __init__(
        self,
        core: Core,
        clock: CallClock,
        script: CallerScript,
        dice: Dice,
        profile: TrafficProfile | None = None,
    ) -> None:
        uuid = dice.uuid()
        name = f"sofia/{script.profile}/{script.caller}@{script.source_ip}:{script.source_port}"
        super().__init__(core, clock, uuid, name)
        self.headers.update(
            inbound_headers(script, uuid, name, str(self.created_us), core.switch_address)
        )
        self.script = script
        self.dice = dice
        self.traffic = profile
        self.plan: deque[Application] = deque()
        self.plan_text = ""
        self.application = ("", "")
        self.application_log: list[tuple[str, str, int]] = []
        self._running: list[Application] = []
        self.leg_scripts: deque[LegScript] = deque()
        self.peer: VendorLeg | None = None
        self.legs: list[VendorLeg] = []
        self.exported_only: dict[str, str] = {}
        self.cancel_timer: Timer | None = None
        self.sip_status_sent = 0

    def partner(self) -> Channel | None:
        return self.peer

    def reports_first(self) -> bool:
        """Whether this leg, ending now, is reported before the vendor's that ends with it."""
        ratio = self.core.config.late_leg_ratio
        return ratio > 0 and self.dice.share() < ratio

    def release_legs(self) -> None:
        """Let go of its vendors' legs, which know it: no work for the garbage collector."""
        self.peer = None
        self.legs.clear()

    def unbridge(self) -> None:
        """Forget the leg that it was joined with: it has gone elsewhere."""
        for name in [name for name in self.headers if name.startswith("Other-")]:
            del self.headers[name]
        self.peer = None
        self.bridged_us = 0
        self.headers["Caller-Channel-Bridged-Time"] = "0"
        self.set("signal_bond", None)

    def begin_application(self, name: str, argument: str) -> None:
        """Record and announce that an application runs."""
        self.application = (name, argument)
        self._running.append(self.application)
        self.application_log.append((name, argument, self.clock.now_us))
        self.set("current_application_data", argument)
        self.set("current_application", name)
        self.fire("CHANNEL_EXECUTE", {"Application": name, "Application-Data": argument})

    def end_application(self) -> None:
        """Announce that the application begun last is done; it may have been already."""
        if self._running:
            name, argument = self._running.pop()
            self.fire(
                "CHANNEL_EXECUTE_COMPLETE",
                {
                    "Application": name,
                    "Application-Data": argument,
                    "Application-Response": "_none_",
                },
            )

    def end_applications(self) -> None:
        """The same for all that run, the innermost first."""
        while self._running:
            self.end_application()

    def mark_answered(self) -> None:
        # Answering a leg that had no media passes through early media first.
        if not self.answered_us:
            self.start_early_media()
        super().mark_answered()

    def negotiate_media(self) -> None:
        if not self.has_media:
            self.headers["variable_sip_to_tag"] = self.uuid[:8]
            ip = self.core.config.sip_ip
            self.headers["variable_rtp_local_sdp_str"] = session_description(ip, 26206)
        super().negotiate_media()
