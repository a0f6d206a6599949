"""One run of the simulated switch: offers calls to its dialplan, beats its heart."""

from collections.abc import Callable, Sequence

from controller.drivers.simulator.applications import run_plan
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.clock import TimerQueue
from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.core import Core
from controller.drivers.simulator.dice import Dice
from controller.drivers.simulator.draws import CallerScript, LegScript
from controller.drivers.simulator.hangup import hang_up, receive_cancel
from controller.drivers.simulator.inline import parse_inline
from controller.drivers.simulator.tasks import TaskList
from controller.drivers.simulator.uptime import uptime_text
from controller.drivers.simulator.world import TrafficProfile, World


class Switch:
    """Channels and their dialplan, without any socket."""

    def __init__(
        self,
        config: SimulatorConfig,
        world: World,
        timers: TimerQueue,
        execute_api: Callable[["Switch", str], str],
        run_number: int = 0,
    ) -> None:
        self.execute_api = execute_api
        self.core = Core(config, world, timers, run_number)
        self.core.tasks = TaskList(self.core)
        self.core.run_api = lambda text: execute_api(self, text)
        self._hand_off = parse_inline(config.hand_off)
        if config.heartbeat_interval_s > 0:
            self._schedule_heartbeat()

    def offer(
        self,
        script: CallerScript,
        dice: Dice,
        profile: TrafficProfile | None = None,
        leg_scripts: Sequence[LegScript] = (),
    ) -> CallerLeg | None:
        """An INVITE arrives. None where the switch is paused or full, and answers 503."""
        core = self.core
        core.counters.calls_offered += 1
        if core.paused or len(core.channels) >= core.max_sessions:
            core.counters.calls_refused += 1
            return None
        channel = CallerLeg(core, core.new_call_clock(), script, dice, profile)
        channel.leg_scripts.extend(leg_scripts)
        core.add_channel(channel)
        channel.fire("CHANNEL_CREATE")
        channel.enter("CS_EXECUTE")
        channel.show_call_state("RINGING")
        if script.cancel_after_s is not None:
            channel.cancel_timer = core.timers.after(
                channel.clock, script.cancel_after_s, receive_cancel, channel
            )
        run_plan(channel, list(self._hand_off))
        return channel

    def hang_up_all(self, cause: str, variable: str = "", value: str = "") -> None:
        """End every leg, vendors' first, or those whose variable has this value."""
        for channel in reversed(list(self.core.channels.values())):
            if not variable or channel.get(variable) == value:
                hang_up(channel, cause)

    def _schedule_heartbeat(self) -> None:
        core = self.core
        core.now_us()
        core.timers.after(core.clock, core.config.heartbeat_interval_s, self._beat, None)

    def _beat(self, _: None) -> None:
        core = self.core
        counters = core.counters
        core.events.fire(
            "HEARTBEAT",
            core.now_us(),
            lambda: {
                "Event-Info": "System Ready",
                "Up-Time": uptime_text(core.uptime_s()),
                "Uptime-msec": str(int(core.uptime_s() * 1_000)),
                "Session-Count": str(len(core.channels)),
                "Max-Sessions": str(core.max_sessions),
                "Session-Per-Sec": str(core.sessions_per_second),
                "Session-Per-Sec-Last": "0",
                "Session-Per-Sec-Max": "0",
                "Session-Per-Sec-FiveMin": "0",
                "Session-Since-Startup": str(counters.sessions),
                "Session-Peak-Max": str(counters.peak),
                "Session-Peak-FiveMin": str(counters.peak),
                "Idle-CPU": "95.000000",
            },
        )
        self._schedule_heartbeat()
