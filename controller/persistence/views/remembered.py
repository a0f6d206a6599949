"""A figure that costs time to read is kept for a time in proportion."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

SHARE = 20
"""A figure is kept at least this many times as long as reading it took (so: 5 % of one core)."""


class Remembered(Generic[T]):
    """Reads at most once at a time; whoever comes meanwhile gets what was read before."""

    def __init__(
        self,
        read: Callable[[], T],
        at_least_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._at_least_s = at_least_s
        self._monotonic = monotonic
        self._reading = threading.Lock()
        self._value: T | None = None
        self._good_until = 0.0

    def get(self) -> T:
        value = self._value
        if value is not None and self._monotonic() < self._good_until:
            return value
        if value is None:
            self._reading.acquire()
        elif not self._reading.acquire(blocking=False):
            return value
        try:
            return self._refresh()
        finally:
            self._reading.release()

    def _refresh(self) -> T:
        began = self._monotonic()
        if self._value is not None and began < self._good_until:
            return self._value
        value = self._read()
        ended = self._monotonic()
        self._value = value
        self._good_until = ended + max(self._at_least_s, SHARE * (ended - began))
        return value
