"""Waiting: for a controller's plan in park, or for a pause to pass."""

from collections.abc import Callable

from controller.drivers.simulator.arguments import leading_int
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import cause_named
from controller.drivers.simulator.clock import Timer
from controller.drivers.simulator.hangup import hang_up


class Parked:
    """A call that waits to be told what to do.

    Its `park_timeout`, which park consumes, is the fail-safe: the time a controller has, in real
    seconds whatever the speed of the simulation, for the controller's thinking is real.
    """

    def __init__(self, channel: CallerLeg) -> None:
        self._channel = channel
        self._timer: Timer | None = None

    def start(self) -> None:
        channel = self._channel
        timeout = channel.get("park_timeout")
        channel.set("park_timeout", None)
        channel.fire("CHANNEL_PARK")
        if timeout is not None:
            seconds, _, cause = timeout.partition(":")
            at_us = channel.core.real_deadline_us(channel.clock, leading_int(seconds))
            self._timer = channel.core.timers.at(
                channel.clock, at_us, self._expire, cause_named(cause)
            )

    def interrupted(self, *, hung_up: bool) -> None:  # noqa: ARG002 - the port's shape
        if self._timer is not None:
            self._timer.cancel()
        self._channel.fire("CHANNEL_UNPARK")

    def _expire(self, cause: str) -> None:
        hang_up(self._channel, cause)


class Pausing:
    """`sleep`, and `playback` of something that nobody hears."""

    def __init__(self, channel: CallerLeg, seconds: float, done: Callable[[], None]) -> None:
        self._channel = channel
        self._seconds = seconds
        self._done = done
        self._timer: Timer | None = None

    def start(self) -> None:
        channel = self._channel
        self._timer = channel.core.timers.after(channel.clock, self._seconds, self._expire, None)

    def interrupted(self, *, hung_up: bool) -> None:  # noqa: ARG002 - the port's shape
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self, _: None) -> None:
        self._done()
