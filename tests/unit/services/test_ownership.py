"""One owner for each switch: who takes it, keeps it, loses it, and what it may do meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from controller.domain.lease import Lease, LeaseTerms, Owner
from controller.domain.plan import Attempt, Connect, Media, Refuse
from controller.domain.reasons import Reason
from controller.services.leased_link import LeasedLink
from controller.services.ownership import Ownership
from tests.unit.domain.builders import SWITCH, call_id, leg_id
from tests.unit.fakes import FakeLink
from tests.unit.leases import LeaseSession, MemoryLeases

TERMS = LeaseTerms(renew_s=1.0, lapse_s=3.0)
ATTEMPT = Attempt(
    1, leg_id(), 201, "alpha", "192.0.2.1", 5060, "udp", "1", "390212345678", Media(), 30, 10
)


class World:
    """Real time, the database, and which processes are dead."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.leases = MemoryLeases(lambda: self.time_s)
        self.dead: set[str] = set()

    def pass_s(self, seconds: float) -> None:
        self.time_s += seconds


class FakeTenure:
    """Implements `services.ownership.Tenure`; remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.later_owner = False

    async def begin(self, lease: Lease) -> None:
        self.told.append(f"begin {lease.epoch}")

    async def drop(self) -> None:
        self.told.append("drop")

    def regained(self) -> None:
        self.told.append("regained")

    async def superseded(self) -> bool:
        return self.later_owner


class CountedLeases:
    """Implements `services.ownership.LeaseMetrics`."""

    def __init__(self) -> None:
        self.epoch = 0
        self.takeovers = 0
        self.losses = 0

    def owning(self, switch_id: str, epoch: int) -> None:
        assert switch_id == SWITCH
        self.epoch = epoch

    def taken_over(self, switch_id: str) -> None:
        assert switch_id == SWITCH
        self.takeovers += 1

    def lost(self, switch_id: str) -> None:
        assert switch_id == SWITCH
        self.losses += 1


class Process:
    """One controller process, with a clock that started at some other time."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.session = LeaseSession(world.leases)
        self.tenure = FakeTenure()
        self.metrics = CountedLeases()
        self.ownership = Ownership(
            self.session,
            SWITCH,
            Owner(name, f"host-of-{name}", 1),
            TERMS,
            self.tenure,
            self.metrics,
            elapsed_s=lambda: world.time_s - 77,
            is_dead=lambda owner: owner.token in world.dead,
        )

    def step(self) -> float:
        wait_s: float = run(self.ownership.step())
        return wait_s

    @property
    def owns(self) -> bool:
        return self.ownership.lease is not None


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def pair(world: World) -> tuple[Process, Process]:
    """The first one owns the switch, the second one stands by."""
    first, second = Process(world, "first"), Process(world, "second")
    first.step()
    second.step()
    assert (first.owns, second.owns) == (True, False)
    return first, second


# -- taking ----------------------------------------------------------------------------------


def test_the_first_one_takes_a_switch_that_nobody_had(world: World) -> None:
    process = Process(world, "first")
    assert not process.ownership.may_command()
    assert process.step() == TERMS.renew_s
    assert process.tenure.told == ["begin 1"]
    assert process.ownership.may_command()
    assert (process.metrics.epoch, process.metrics.takeovers) == (1, 0)


def test_the_second_one_stands_by(pair: tuple[Process, Process]) -> None:
    _, second = pair
    assert second.step() <= TERMS.renew_s / 2
    assert second.tenure.told == []
    assert not second.ownership.may_command()
    assert not second.ownership.may_refuse()
    assert second.metrics.epoch == 0


def test_a_renewed_lease_stays_where_it_is(world: World, pair: tuple[Process, Process]) -> None:
    first, second = pair
    for _ in range(20):
        world.pass_s(1)
        first.step()
        second.step()
    assert first.tenure.told == ["begin 1"]
    assert second.tenure.told == []
    assert first.ownership.may_command()


def test_a_lapsed_lease_is_taken_within_the_lapse(
    world: World, pair: tuple[Process, Process]
) -> None:
    _, second = pair
    waited_s = 0.0
    while not second.owns:
        wait_s = second.step()
        world.pass_s(wait_s)
        waited_s += wait_s
    assert waited_s <= TERMS.lapse_s + TERMS.renew_s
    assert second.tenure.told == ["begin 2"]
    assert second.metrics.takeovers == 1


def test_a_dead_process_of_the_same_machine_is_not_waited_for(
    world: World, pair: tuple[Process, Process]
) -> None:
    _, second = pair
    world.dead.add("first")
    second.step()
    assert second.tenure.told == ["begin 2"]


def test_a_lease_that_was_given_back_is_free_at_once(pair: tuple[Process, Process]) -> None:
    first, second = pair
    run(first.ownership.release())
    assert not first.ownership.may_command()
    second.step()
    assert second.tenure.told == ["begin 2"]
    assert second.metrics.takeovers == 0


def test_a_take_whose_answer_got_lost_is_made_good(world: World) -> None:
    process = Process(world, "first")
    process.session.deaf = True
    process.step()
    assert not process.owns
    # it looked, and heard nothing; now the take itself is done, and its answer lost
    process.session.deaf = False
    run(process.session.take(SWITCH, Owner("first", "", 1), 3, None))
    process.step()
    assert process.tenure.told == ["begin 2"]


# -- losing ----------------------------------------------------------------------------------


def test_who_stood_still_sends_nothing_and_goes_back_to_standby(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    world.pass_s(TERMS.lapse_s)
    second.step()
    assert second.owns
    # the first one wakes up: before it has asked anybody, it may do nothing
    assert not first.ownership.may_command()
    assert not first.ownership.may_refuse()
    first.step()
    assert first.tenure.told == ["begin 1", "drop"]
    assert (first.metrics.epoch, first.metrics.losses) == (0, 1)
    first.step()
    assert first.tenure.told == ["begin 1", "drop"]
    assert second.ownership.may_command()


def test_commands_stop_before_the_lease_lapses(world: World, pair: tuple[Process, Process]) -> None:
    first, second = pair
    world.pass_s(TERMS.command_s - 0.01)
    assert first.ownership.may_command()
    world.pass_s(0.02)
    assert not first.ownership.may_command()
    second.step()
    assert not second.owns


def test_a_refused_commit_ends_it_at_once(pair: tuple[Process, Process]) -> None:
    first, _ = pair
    first.ownership.fenced(1)
    assert not first.ownership.may_command()
    assert not first.ownership.may_refuse()
    first.step()
    assert first.tenure.told == ["begin 1", "drop"]


def test_a_refused_commit_of_an_earlier_time_means_nothing(pair: tuple[Process, Process]) -> None:
    first, _ = pair
    first.ownership.fenced(0)
    first.step()
    assert first.tenure.told == ["begin 1"]
    assert first.ownership.may_command()


def test_who_lost_it_may_have_it_again_with_a_new_epoch(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    world.pass_s(TERMS.lapse_s)
    second.step()
    first.step()
    run(second.ownership.release())
    first.step()
    assert first.tenure.told == ["begin 1", "drop", "begin 3"]
    assert first.ownership.may_command()


# -- without the database --------------------------------------------------------------------


def test_a_short_absence_of_the_database_is_not_noticed(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, _ = pair
    world.pass_s(1)
    first.session.away = True
    first.step()
    assert first.ownership.may_command()
    first.session.away = False
    world.pass_s(0.5)
    first.step()
    assert first.tenure.told == ["begin 1"]


def test_without_the_database_calls_are_refused_and_nothing_else(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, _ = pair
    first.session.away = True
    for _ in range(20):
        world.pass_s(0.5)
        first.step()
    assert first.owns
    assert not first.ownership.may_command()
    assert first.ownership.may_refuse()
    link = FakeLink()
    withheld: list[None] = []
    leased = LeasedLink(link, first.ownership, lambda: withheld.append(None), 1, _not_asked)
    leased.send_plan(Refuse(call_id(), Reason.STORE_UNAVAILABLE))
    leased.arm_timer(call_id(), 60, 0, 60)
    leased.name_ending(call_id(), Reason.BALANCE_EXHAUSTED)
    leased.hang_up(call_id(), Reason.ADMINISTRATOR)
    assert link.plans == [Refuse(call_id(), Reason.STORE_UNAVAILABLE)]
    assert (link.timers, link.endings, link.hang_ups) == ([], [], [])
    assert len(withheld) == 3


async def _not_asked() -> int | None:
    raise AssertionError("the switch was asked")


@pytest.mark.parametrize(
    ("seen_epoch", "sent"), [(1, True), (2, False), (None, False)], ids=["ours", "later", "unknown"]
)
def test_a_plan_without_the_database_goes_out_where_the_switch_says_whose_it_is(
    world: World, pair: tuple[Process, Process], seen_epoch: int | None, *, sent: bool
) -> None:
    """Or with it, when it is back and the lease is not renewed yet."""
    first, _ = pair
    first.session.away = True
    for _ in range(20):
        world.pass_s(0.5)
        first.step()
    link = FakeLink()
    withheld: list[None] = []

    async def seen() -> int | None:
        return seen_epoch

    async def send(plan: Connect) -> None:
        leased = LeasedLink(link, first.ownership, lambda: withheld.append(None), 1, seen)
        leased.send_plan(plan)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    plan = Connect(call_id(), 60, (ATTEMPT,), (), Media(), offline=True)
    asyncio.run(send(plan))
    assert (link.plans, len(withheld)) == (([plan], 0) if sent else ([], 1))
    # nor is one sent where a later owner may have come unheard: nobody has looked since
    world.pass_s(TERMS.lapse_s)
    asyncio.run(send(plan))
    assert (len(link.plans), len(withheld)) == (sent, 2 - sent)


def test_when_the_database_is_back_the_owner_goes_on(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, _ = pair
    first.session.away = True
    for _ in range(10):
        world.pass_s(0.5)
        first.step()
    first.session.away = False
    first.step()
    assert first.tenure.told == ["begin 1", "regained"]
    assert first.ownership.may_command()


def test_an_owner_cut_off_from_the_database_learns_of_the_next_one_at_the_switch(
    world: World, pair: tuple[Process, Process]
) -> None:
    first, second = pair
    first.session.away = True
    first.step()
    world.pass_s(TERMS.lapse_s)
    second.step()
    assert second.owns
    first.tenure.later_owner = True
    first.step()
    assert first.tenure.told == ["begin 1", "drop"]
    assert not first.ownership.may_refuse()


def test_an_old_failure_allows_nothing(world: World, pair: tuple[Process, Process]) -> None:
    """It stood still with a failed renewal behind it: that says nothing about now."""
    first, _ = pair
    first.session.away = True
    world.pass_s(3)
    first.step()
    assert first.ownership.may_refuse()
    world.pass_s(3600)
    assert not first.ownership.may_refuse()


def test_who_cannot_begin_gives_the_switch_back_and_tries_again(world: World) -> None:
    process = Process(world, "first")
    tries = 0

    async def begin(lease: Lease) -> None:
        assert lease.epoch == 1
        nonlocal tries
        tries += 1
        raise RuntimeError("a fault of ours")

    process.tenure.begin = begin  # type: ignore[method-assign]

    async def for_a_while() -> None:
        running = asyncio.create_task(process.ownership.run())
        await asyncio.sleep(0.05)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(for_a_while())
    assert tries == 1
    assert not process.owns
    assert world.leases.row(SWITCH).owner is None
