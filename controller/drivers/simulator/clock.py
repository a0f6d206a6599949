"""Time: each call's own microseconds, and one queue of timers for all of them.

The stamps of a call start at the wall clock's time of its INVITE and then run `speed` times as
fast as real time, so that a minute's talk may pass in a second and still be billed as a minute.
A timer sets its call's clock to the very microsecond it was due at: lateness of the machine
never shows in a call's durations.

There is one event loop callback for all timers, at most every `resolution_s`: thousands of
calls a second must not cost thousands of wake-ups.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, Final

US_PER_S: Final = 1_000_000


class CallClock:
    """The time of one call, in microseconds since the epoch. It never goes back."""

    __slots__ = ("_anchor_s", "_anchor_us", "_rate", "now_us")

    def __init__(self, now_s: float, now_us: int, speed: float) -> None:
        self._anchor_s = now_s
        self._anchor_us = now_us
        self._rate = speed * US_PER_S
        self.now_us = now_us

    def reach(self, at_us: int) -> None:
        """Move on to a stamp."""
        if at_us > self.now_us:
            self.now_us = at_us

    def sync(self, now_s: float) -> None:
        """Move on to what the loop's time corresponds to."""
        self.reach(self._anchor_us + int((now_s - self._anchor_s) * self._rate))

    def loop_time_of(self, at_us: int) -> float:
        """When, in the loop's seconds, a stamp is reached."""
        return self._anchor_s + (at_us - self._anchor_us) / self._rate


class Timer:
    """Something to be done later; a cancelled one has no action."""

    __slots__ = ("action", "argument", "at_us", "clock")

    def __init__(
        self, clock: CallClock, at_us: int, action: Callable[[Any], None], argument: object
    ) -> None:
        self.clock = clock
        self.at_us = at_us
        self.action: Callable[[Any], None] | None = action
        self.argument = argument

    def cancel(self) -> None:
        """Make sure it is not done."""
        self.action = None
        self.argument = None


class TimerQueue:
    """All timers of a switch in one heap, run by one callback of the event loop."""

    def __init__(self, resolution_s: float) -> None:
        self._resolution_s = resolution_s
        self._heap: list[tuple[float, int, Timer]] = []
        self._sequence = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at_s = 0.0
        self._ran_at_s = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to the loop that will run the timers."""
        self._loop = loop

    def stop(self) -> None:
        """Forget every timer."""
        self._heap.clear()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def now_s(self) -> float:
        """The loop's time in seconds."""
        if self._loop is None:
            return 0.0
        return self._loop.time()

    def at(
        self, clock: CallClock, at_us: int, action: Callable[[Any], None], argument: object
    ) -> Timer:
        """Do `action(argument)` when this clock reaches a stamp."""
        timer = Timer(clock, at_us, action, argument)
        when_s = clock.loop_time_of(at_us)
        self._sequence += 1
        heapq.heappush(self._heap, (when_s, self._sequence, timer))
        if self._wake is None or when_s < self._wake_at_s:
            self._wake_for(when_s)
        return timer

    def after(
        self, clock: CallClock, delay_s: float, action: Callable[[Any], None], argument: object
    ) -> Timer:
        """Do `action(argument)` so many of this clock's seconds from its present."""
        return self.at(clock, clock.now_us + round(delay_s * US_PER_S), action, argument)

    def run_due(self) -> None:
        """Run what is due by now, in order."""
        now_s = self._ran_at_s = self.now_s()
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            timer = heapq.heappop(heap)[2]
            action = timer.action
            if action is not None:
                timer.action = None
                timer.clock.reach(timer.at_us)
                action(timer.argument)

    def _wake_for(self, when_s: float) -> None:
        at_s = max(when_s, self._ran_at_s + self._resolution_s)
        if self._loop is None or (self._wake is not None and at_s >= self._wake_at_s):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at_s = at_s
        self._wake = self._loop.call_at(at_s, self._awake)

    def _awake(self) -> None:
        self._wake = None
        try:
            self.run_due()
        finally:
            if self._heap:
                self._wake_for(self._heap[0][0])
