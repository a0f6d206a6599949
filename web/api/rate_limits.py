"""How many requests a token may send in a minute; in memory, bounded, for each web process.

A minute begins with the first request. The headers are those of the IETF's draft on RateLimit
fields: what is granted in which window, what is left, and when the next window begins.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60
MAX_TRACKED = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """`remaining` below zero: this request is one too many."""

    limit: int
    remaining: int
    reset_s: int

    @property
    def is_used_up(self) -> bool:
        return self.remaining < 0

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"minute";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"minute";r={max(0, self.remaining)};t={self.reset_s}',
        }


@dataclass(slots=True)
class _Window:
    began: float
    used: int = 0


class RateLimits:
    """Counts by key. When there are too many keys, the one that was quiet longest is forgotten."""

    def __init__(self, monotonic: Callable[[], float], most: int = MAX_TRACKED) -> None:
        self._monotonic = monotonic
        self._most = most
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, limit: int) -> Allowance:
        """Count one request."""
        return self._count(key, limit, 1)

    def look(self, key: str, limit: int) -> Allowance:
        """What would be left after one more, without counting it."""
        return self._count(key, limit, 0)

    def _count(self, key: str, limit: int, by: int) -> Allowance:
        with self._lock:
            now = self._monotonic()
            window = self._windows.get(key)
            if window is None or now - window.began >= WINDOW_S:
                window = self._windows[key] = _Window(now)
            self._windows.move_to_end(key)
            window.used = min(window.used + by, limit + 1)
            while len(self._windows) > self._most:
                self._windows.popitem(last=False)
            used = window.used + (1 - by)
            reset_s = max(1, math.ceil(window.began + WINDOW_S - now))
        return Allowance(limit, limit - used, reset_s)
