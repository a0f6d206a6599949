"""Fakes behind the services' ports. The store has a file of its own (`memory_store.py`)."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from controller.domain.configuration import Configuration
from controller.domain.errors import Overloaded
from controller.domain.events import CallEnded, LiveChannels
from controller.domain.plan import Connect, Plan, Refuse
from controller.domain.reasons import Reason
from controller.services.journal import take_batch
from controller.services.journal_entries import Admit, Entry, Outcome
from tests.unit.domain.builders import NOW, SWITCH, World, leg_id
from tests.unit.memory_store import MemoryCallStore


class ManualClock:
    """Implements `services.ports.Clock`; time passes when a test says so."""

    def __init__(self) -> None:
        self._passed_s = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return 1000.0 + self._passed_s

    @property
    def passed_s(self) -> float:
        return self._passed_s

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds


class NumberedIds:
    """Implements `services.ports.Ids`: leg 1, leg 2, …"""

    def __init__(self) -> None:
        self._count = 0

    def leg_id(self) -> str:
        self._count += 1
        return leg_id(self._count)


class FakeLink:
    """Implements `SwitchLink` and `RecoveryLink`: keeps what it was told.

    While `up` is False commands are lost, as they are at the real one.
    """

    def __init__(self) -> None:
        self.switch_id = SWITCH
        self.up = True
        self.plans: list[Plan] = []
        self.timers: list[tuple[str, int, int, int]] = []
        self.endings: list[tuple[str, Reason]] = []
        self.hang_ups: list[tuple[str, Reason]] = []
        self.channels: set[str] | None = set()
        self.answered: dict[str, int | None] = {}
        self.lives: dict[str, bool | None] = {}
        self.asked: list[tuple[str, str]] = []
        self.while_asked: Callable[[str], None] = lambda _call_id: None

    def send_plan(self, plan: Plan) -> None:
        if self.up:
            self.plans.append(plan)

    def arm_timer(self, call_id: str, granted_s: int, replaced_s: int, seconds: int) -> None:
        assert seconds >= 1
        if self.up:
            self.timers.append((call_id, granted_s, replaced_s, seconds))

    def name_ending(self, call_id: str, reason: Reason) -> None:
        if self.up:
            self.endings.append((call_id, reason))

    def hang_up(self, call_id: str, reason: Reason) -> None:
        if self.up:
            self.hang_ups.append((call_id, reason))

    async def live_channels(self) -> LiveChannels:
        if self.channels is None:
            return LiveChannels(False)
        return LiveChannels(True, frozenset(self.channels))

    async def is_live(self, call_id: str) -> bool | None:
        self.asked.append(("is_live", call_id))
        listed = None if self.channels is None else call_id in self.channels
        return self.lives.get(call_id, listed)

    async def answered_us(self, call_id: str) -> int | None:
        self.asked.append(("answered_us", call_id))
        self.while_asked(call_id)
        if self.channels is None or call_id not in self.channels:
            return None
        return self.answered.get(call_id, 0)

    def plan_of(self, call_id: str) -> Connect:
        (plan,) = [p for p in self.plans if isinstance(p, Connect) and p.call_id == call_id]
        return plan

    def refusal_of(self, call_id: str) -> Reason:
        (plan,) = [p for p in self.plans if isinstance(p, Refuse) and p.call_id == call_id]
        return plan.reason


class HeldJournal:
    """Implements `services.ports.Journal`: keeps entries until a test has them committed."""

    def __init__(self, store: MemoryCallStore) -> None:
        self.store = store
        self.deliver: Callable[[list[tuple[Entry, Outcome]]], None] = lambda _outcomes: None
        self.waiting: deque[Entry] = deque()
        self.seen: list[Entry] = []
        self.full = False
        self.overflowing = False

    def submit(self, entry: Entry) -> None:
        if self.overflowing or (self.full and isinstance(entry, Admit)):
            raise Overloaded("5000 entries wait for the database")
        self.waiting.append(entry)
        self.seen.append(entry)

    def flush(self) -> None:
        """Commit what waits, batch by batch, until nothing comes after."""
        while self.waiting:
            batch = take_batch(self.waiting, 256)
            self.deliver(list(zip(batch, self.store.commit(batch), strict=True)))

    def kinds(self) -> list[str]:
        return [type(entry).__name__ for entry in self.seen]


class MemorySpool:
    """Implements the service's and recovery's spool: records that a switch left."""

    def __init__(self) -> None:
        self.waiting: dict[str, CallEnded] = {}
        self.discarded: list[str] = []

    def discard(self, call_id: str) -> None:
        self.discarded.append(call_id)
        self.waiting.pop(call_id, None)

    def ended_calls(self, min_age_s: float) -> Iterable[CallEnded]:
        assert min_age_s >= 0
        return list(self.waiting.values())


class FixedConfiguration:
    """Implements `services.ports.ConfigurationSource`."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def current(self) -> Configuration:
        return self.world.configuration()


class CountedCalls:
    """Implements `services.ports.CallMetrics`."""

    def __init__(self) -> None:
        self.decision_times_s: list[float] = []
        self.refusals: list[Reason] = []
        self.settlements = 0

    def decided(self, seconds: float) -> None:
        self.decision_times_s.append(seconds)

    def refused(self, reason: Reason) -> None:
        self.refusals.append(reason)

    def settled(self) -> None:
        self.settlements += 1
