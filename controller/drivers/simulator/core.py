"""What all parts of one simulated switch share: its registry, clock, chance and counters."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from controller.drivers.simulator.clock import US_PER_S, CallClock, TimerQueue
from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.dice import Dice, fresh_seed
from controller.drivers.simulator.events import EventHub, Identity
from controller.drivers.simulator.world import World

if TYPE_CHECKING:
    from controller.drivers.simulator.channel import Channel
    from controller.drivers.simulator.tasks import TaskList

_CORE_STREAM: Final = 1
_CALL_STREAM: Final = 2


class Counters:
    """What `status`, HEARTBEAT and the tests ask for."""

    def __init__(self) -> None:
        self.sessions = 0
        self.peak = 0
        self.calls_offered = 0
        self.calls_refused = 0
        self.calls_answered = 0
        self.calls_ended = 0
        self.events_dropped = 0
        self.ended_by_cause: dict[str, int] = {}


class Core:
    """The state of one run of the switch; a restart begins a new one."""

    def __init__(
        self, config: SimulatorConfig, world: World, timers: TimerQueue, run_number: int = 0
    ) -> None:
        self.config = config
        self.world = world
        self.timers = timers
        self.seed = fresh_seed() if config.seed is None else config.seed
        root = Dice(self.seed)
        self.dice = root.split(_CORE_STREAM).split(run_number)
        self._call_dice = root.split(_CALL_STREAM).split(run_number)
        self.events = EventHub(Identity(self.dice.uuid(), config.switch_name, config.sip_ip))
        self.channels: dict[str, Channel] = {}
        self.tasks: TaskList
        self.run_api: Callable[[str], str]
        self.counters = Counters()
        self.vendor_calls: dict[str, int] = {}
        # set by global_setvar; like the real switch's, they last until its restart
        self.variables: dict[str, str] = {}
        self.paused = False
        self.max_sessions = config.max_sessions
        self.sessions_per_second = config.sessions_per_second
        self.started_s = timers.now_s()
        self.started_us = epoch_us()
        # Timers that belong to no call run in real time.
        self.clock = CallClock(self.started_s, self.started_us, 1.0)

    @property
    def switch_address(self) -> str:
        """Where the switch's SIP profile listens."""
        return f"{self.config.sip_ip}:{self.config.sip_port}"

    def next_call_dice(self) -> Dice:
        """The stream of the next call."""
        return Dice(self._call_dice.bits())

    def new_call_clock(self) -> CallClock:
        """A clock that begins at the wall clock's present."""
        return CallClock(self.timers.now_s(), epoch_us(), self.config.speed)

    def now_us(self) -> int:
        """The present of what belongs to no call."""
        self.clock.sync(self.timers.now_s())
        return self.clock.now_us

    def uptime_s(self) -> float:
        """Real seconds since this run began."""
        return self.timers.now_s() - self.started_s

    def add_channel(self, channel: "Channel") -> None:
        """Register a leg and number its session."""
        counters = self.counters
        counters.sessions += 1
        channel.headers["variable_session_id"] = str(counters.sessions)
        self.channels[channel.uuid] = channel
        counters.peak = max(counters.peak, len(self.channels))

    def timer_deadline_us(self, clock: CallClock, seconds: int) -> int:
        """When a timer of so many seconds, set now, fires on this clock."""
        if self.config.whole_seconds:
            return max(clock.now_us, (clock.now_us // US_PER_S + seconds) * US_PER_S)
        return clock.now_us + seconds * US_PER_S

    def real_deadline_us(self, clock: CallClock, seconds: int) -> int:
        """The same for a timer that runs in real time whatever the speed, on a call's clock."""
        now_us = epoch_us()
        left_us = seconds * US_PER_S
        if self.config.whole_seconds:
            left_us -= now_us % US_PER_S
        return clock.now_us + round(max(0, left_us) * self.config.speed)


def epoch_us() -> int:
    """The wall clock, in microseconds."""
    return time.time_ns() // 1_000
