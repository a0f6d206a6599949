"""Processes that stand still, lose the database, die and come back, in any order: never two owners.

Real time is only here. Each process has a clock of its own that runs up to a tenth too slow or
too fast; the database has one, too.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.domain.lease import Lease, LeaseTerms, Owner
from controller.services.ownership import Ownership
from tests.unit.domain.builders import SWITCH
from tests.unit.leases import LeaseSession, MemoryLeases

TERMS = LeaseTerms(renew_s=1.0, lapse_s=3.0)
NAMES = ("one", "two", "three")
names = st.sampled_from(NAMES)


class Silent:
    """A tenure and metrics that do nothing, but remember the epochs that began."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    async def begin(self, lease: Lease) -> None:
        self.epochs.append(lease.epoch)

    async def drop(self) -> None:
        """Nothing is there."""

    def regained(self) -> None:
        """Nothing was withheld."""

    async def superseded(self) -> bool:
        return False

    def owning(self, switch_id: str, epoch: int) -> None:
        """Not counted."""

    def taken_over(self, switch_id: str) -> None:
        """Not counted."""

    def lost(self, switch_id: str) -> None:
        """Not counted."""


class OwnershipMachine(RuleBasedStateMachine):
    @initialize(rates=st.tuples(*(st.floats(0.9, 1.1) for _ in NAMES)))
    def start(self, rates: tuple[float, ...]) -> None:
        self.time_s = 0.0
        self.leases = MemoryLeases(lambda: self.time_s * 0.99 + 1e6)
        self.rates = dict(zip(NAMES, rates, strict=True))
        self.sessions: dict[str, LeaseSession] = {}
        self.tenures: dict[str, Silent] = {}
        self.processes: dict[str, Ownership] = {}
        self.still: set[str] = set()
        self.dead: set[str] = set()
        self.births = 0
        for name in NAMES:
            self._be_born(name)

    def _be_born(self, name: str) -> None:
        self.births += 1
        session, tenure = LeaseSession(self.leases), Silent()
        self.sessions[name], self.tenures[name] = session, tenure
        self.processes[name] = Ownership(
            session,
            SWITCH,
            Owner(f"{name}-{self.births}", name, self.births),
            TERMS,
            tenure,
            tenure,
            elapsed_s=lambda: self.time_s * self.rates[name],
            # "one" and "two" are processes of the same machine
            is_dead=lambda owner: owner.token in self.dead and name != "three",
        )

    @rule(seconds=st.floats(0.01, 4.0))
    def time_passes(self, seconds: float) -> None:
        self.time_s += seconds

    @rule(name=names)
    def step(self, name: str) -> None:
        if name not in self.still:
            run(self.processes[name].step())

    @rule(pause_s=st.floats(0.1, 0.5))
    def all_step_for_a_while(self, pause_s: float = 0.5) -> None:
        """Those that do not stand still."""
        for _ in range(20):
            self.time_s += pause_s
            for name in NAMES:
                self.step(name)
                self.never_two_owners()

    @rule(name=names)
    def stand_still(self, name: str) -> None:
        self.still.add(name)

    @rule(name=names)
    def wake_up(self, name: str) -> None:
        self.still.discard(name)

    @rule(name=names, away=st.booleans(), deaf=st.booleans())
    def network(self, name: str, away: bool, deaf: bool) -> None:
        self.sessions[name].away, self.sessions[name].deaf = away, deaf

    @rule(name=names)
    def give_back(self, name: str) -> None:
        if name not in self.still:
            run(self.processes[name].release())

    @rule(name=names)
    def die_and_come_back(self, name: str) -> None:
        row = self.leases.row(SWITCH)
        if row.owner is not None and row.owner.host == name:
            self.dead.add(row.owner.token)
        self.still.discard(name)
        self._be_born(name)

    @rule(name=names)
    def a_commit_is_refused(self, name: str) -> None:
        process = self.processes[name]
        if process.lease is not None and not self.leases.fence(process.lease):
            process.fenced(process.lease.epoch)

    @invariant()
    def never_two_owners(self) -> None:
        """Whoever may command is the one whose commits are taken."""
        commanding = [p for p in self.processes.values() if p.may_command()]
        assert len(commanding) <= 1
        for process in commanding:
            assert process.lease is not None
            assert self.leases.fence(process.lease)

    @invariant()
    def epochs_only_grow(self) -> None:
        assert self.leases.epochs == list(range(1, len(self.leases.epochs) + 1))
        for tenure in self.tenures.values():
            assert tenure.epochs == sorted(set(tenure.epochs))

    def teardown(self) -> None:
        """When everybody can reach everything again, somebody owns the switch."""
        if not hasattr(self, "processes"):
            return
        self.still.clear()
        for session in self.sessions.values():
            session.away = session.deaf = False
        self.all_step_for_a_while()
        self.all_step_for_a_while()
        assert sum(p.may_command() for p in self.processes.values()) == 1


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return LOOP.run_until_complete(work)


LOOP = asyncio.new_event_loop()
TestOwnership = OwnershipMachine.TestCase
TestOwnership.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
