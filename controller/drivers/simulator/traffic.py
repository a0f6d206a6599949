"""The traffic generator: calls by a profile, the same ones for the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.drivers.simulator.clock import Timer
from controller.drivers.simulator.core import Core
from controller.drivers.simulator.dice import Dice
from controller.drivers.simulator.draws import CallerScript, draw_caller
from controller.drivers.simulator.world import TrafficProfile, World

_MAX_LAG_S = 1.0


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """One call of the generator: when, after the one before, who, and the dice of its fate."""

    gap_s: float
    script: CallerScript
    dice: Dice


def generate(profile: TrafficProfile, world: World, dice: Dice) -> Iterator[OfferedCall]:
    """The calls of a profile, without end or as many as it says. Pure: nothing but draws."""
    mean_gap_s = 1.0 / profile.calls_per_second
    number = 0
    while not profile.calls or number < profile.calls:
        number += 1
        own = Dice(dice.bits())
        drawn_gap_s = own.exponential(mean_gap_s)
        gap_s = mean_gap_s if profile.even else drawn_gap_s
        yield OfferedCall(gap_s, draw_caller(world.trunks, profile, own), own)


class TrafficSource:
    """Offers the calls of one profile to a switch, in real time."""

    def __init__(
        self, core: Core, profile: TrafficProfile, offer: Callable[[OfferedCall], None]
    ) -> None:
        self._core = core
        self._profile = profile
        self._offer = offer
        self._calls = generate(profile, core.world, core.next_call_dice())
        self._timer: Timer | None = None
        self._due_us = core.now_us()
        self._ends_us = self._due_us + int(profile.duration_s * 1_000_000)
        self.offered = 0
        self.skipped_s = 0.0
        self.finished = False
        self._schedule()

    def stop(self) -> None:
        """Offer no more calls."""
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        call = next(self._calls, None)
        if call is None:
            self.finished = True
            return
        self._due_us += round(call.gap_s * 1_000_000)
        if self._profile.duration_s and self._due_us >= self._ends_us:
            self.finished = True
            return
        core = self._core
        self._timer = core.timers.at(core.clock, self._due_us, self._arrive, call)

    def _arrive(self, call: OfferedCall) -> None:
        if self.finished:
            return
        self.offered += 1
        self._offer(call)
        self._skip_lag()
        self._schedule()

    def _skip_lag(self) -> None:
        """A machine that cannot keep up offers fewer calls instead of an ever longer burst."""
        lag_s = (self._core.now_us() - self._due_us) / 1_000_000
        if lag_s > _MAX_LAG_S:
            self.skipped_s += lag_s
            self._due_us = self._core.now_us()
