"""A leg toward a vendor: a B leg."""

from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.channel import Channel
from controller.drivers.simulator.clock import Timer
from controller.drivers.simulator.draws import LegScript


class VendorLeg(Channel):
    """A B leg, dialed for a caller's leg."""

    def __init__(
        self, originator: CallerLeg, uuid: str, name: str, number: str, host_port: str
    ) -> None:
        super().__init__(originator.core, originator.clock, uuid, name)
        self.originator = originator
        self.number = number
        self.host_port = host_port
        self.headers["Channel-Call-UUID"] = originator.uuid
        self.sip_call_id = f"{uuid}@{originator.core.config.sip_ip}"
        self.timers: list[Timer] = []
        self.script = LegScript()
        self.detached = False

    def partner(self) -> Channel | None:
        return None if self.detached else self.originator

    def cancel_timers(self) -> None:
        """Nothing more happens to this leg by itself."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
