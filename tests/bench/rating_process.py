"""`python -m tests.bench.rating_process URL FOLDER`: loads the deck as a controller does.

Its own process, for its memory is measured. A thread loads the rate groups, as the controller's
watcher does, while the main thread runs an event loop and notes how late its timer fires.
Reads numbers, one a line, from stdin; writes one JSON object to stdout.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.rates import RateGroup
from controller.domain.tariff import price
from controller.persistence import database
from controller.persistence.rate_loader import RateGroups

TICK_S = 0.001
IDLE_S = 5.0
ROUNDS = 9
LONGEST_CALL_S = 3600
GROUP = "bench"


@dataclass(frozen=True, slots=True)
class Timed:
    """Microseconds: of calls one by one (the clock's own 0.05 included), and each in a loop.

    `loop_us` is the median of some rounds, `best_us` the best: others share the machine.
    """

    p50_us: float
    p99_us: float
    loop_us: float | None = None
    best_us: float | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """Megabytes are 10⁶ bytes. Pauses are how late a timer of the event loop fired, at most."""

    prefixes: int
    build_s: float
    rebuild_s: float
    open_s: float
    unchanged_ms: float
    pause_ms: float
    idle_pause_ms: float
    file_mb: float
    own_mb: float
    mapped_mb: float
    kept_mb: float
    lookup_cold: Timed
    charge_cold: Timed
    lookup: Timed
    charge: Timed


def main(url: str, folder: str) -> int:
    numbers = sys.stdin.read().split()
    rating = asyncio.run(_measure(url, Path(folder), numbers))
    sys.stdout.write(json.dumps(asdict(rating)))
    return 0


async def _measure(url: str, folder: Path, numbers: list[str]) -> Rating:
    """The old group is let go while the new one is put in place, as at the controller."""
    loading = _Loading(url, folder)
    own_mb, mapped_mb = _memory_mb()
    _, idle_ms = await _watched(lambda: time.sleep(IDLE_S))
    build_s, build_ms = await _watched(loading.load)
    loaded_mb, all_mapped_mb = _memory_mb()
    prefixes = len(loading.group.rates)
    timings = _timings(loading.group, numbers)
    kept_mb = _memory_mb()[0] - loaded_mb
    unchanged_s, _ = await _watched(loading.load)
    loading.change_a_rate()
    rebuild_s, rebuild_ms = await _watched(loading.load)
    # as another process that finds the file: its rates are not made yet
    other = _Loading(url, folder)
    open_s, open_ms = await _watched(other.load)
    return Rating(
        prefixes=prefixes,
        build_s=build_s,
        rebuild_s=rebuild_s,
        open_s=open_s,
        unchanged_ms=unchanged_s * 1000,
        pause_ms=max(build_ms, rebuild_ms, open_ms),
        idle_pause_ms=idle_ms,
        file_mb=max(path.stat().st_size for path in folder.iterdir()) / 1e6,
        own_mb=loaded_mb - own_mb,
        mapped_mb=all_mapped_mb - mapped_mb,
        kept_mb=kept_mb,
        charge_cold=_Work(other.group, numbers).charges_singly(),
        **timings,
    )


def _timings(group: RateGroup, numbers: list[str]) -> dict[str, Timed]:
    work = _Work(group, numbers)
    return {
        "lookup_cold": work.lookups_singly(),
        "lookup": work.in_loops(work.lookups, work.lookups_singly()),
        "charge": work.in_loops(work.charges, work.charges_singly()),
    }


class _Loading:
    """What the controller's watcher does when the version has moved."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._engine = database.make_engine(url)
        self._groups = RateGroups(folder)
        self.group: RateGroup

    def load(self) -> None:
        options = {"isolation_level": "REPEATABLE READ"}
        with self._engine.connect().execution_options(**options) as connection:
            connection.execute(sa.text("SELECT version FROM configuration_state"))
            groups = self._groups.load(connection, {}, CallParameters())
        self.group = next(group for group in groups.values() if group.name == GROUP)

    def change_a_rate(self) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(
                "UPDATE rates SET tax_percent = 20 WHERE id = (SELECT max(id) FROM rates)"
            )


class _Work:
    """Lookups, and lookups with charges, of the same numbers again and again."""

    def __init__(self, group: RateGroup, numbers: list[str]) -> None:
        self._group = group
        dice = random.Random(1)
        self._calls = [(number, dice.randint(1, LONGEST_CALL_S)) for number in numbers]
        self._now = datetime.now(UTC)

    def lookups(self) -> None:
        rate_for, now = self._group.rate_for, self._now
        for number, _ in self._calls:
            rate_for(number, now)

    def charges(self) -> None:
        rate_for, terms, now = self._group.rate_for, self._group.terms, self._now
        for number, duration_s in self._calls:
            if matched := rate_for(number, now):
                _, rate = matched
                price(rate.tariff, terms, rate.tax_percent, duration_s)

    def lookups_singly(self) -> Timed:
        rate_for, now, clock = self._group.rate_for, self._now, time.perf_counter_ns
        taken = []
        for number, _ in self._calls:
            began = clock()
            rate_for(number, now)
            taken.append(clock() - began)
        return _timed(taken)

    def charges_singly(self) -> Timed:
        rate_for, terms, now = self._group.rate_for, self._group.terms, self._now
        clock, taken = time.perf_counter_ns, []
        for number, duration_s in self._calls:
            began = clock()
            if matched := rate_for(number, now):
                _, rate = matched
                price(rate.tariff, terms, rate.tax_percent, duration_s)
            taken.append(clock() - began)
        return _timed(taken)

    def in_loops(self, work: Callable[[], None], singly: Timed) -> Timed:
        rounds = sorted(_cpu_s(work) * 1e6 / len(self._calls) for _ in range(ROUNDS))
        return Timed(singly.p50_us, singly.p99_us, rounds[ROUNDS // 2], rounds[0])


async def _watched(work: Callable[[], None]) -> tuple[float, float]:
    """Do it in a thread: seconds, and how late (ms) the loop's timer fired, at most."""
    began, latest_s = time.perf_counter(), 0.0
    working = asyncio.ensure_future(asyncio.to_thread(work))
    while not working.done():
        tick = time.perf_counter()
        await asyncio.sleep(TICK_S)
        latest_s = max(latest_s, time.perf_counter() - tick - TICK_S)
    await working
    return time.perf_counter() - began, latest_s * 1000


def _cpu_s(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _timed(taken_ns: list[int]) -> Timed:
    taken_ns.sort()
    return Timed(taken_ns[len(taken_ns) // 2] / 1000, taken_ns[len(taken_ns) * 99 // 100] / 1000)


def _memory_mb() -> tuple[float, float]:
    """What only this process has, and what it has mapped from files."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    own, mapped = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return own, mapped


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
