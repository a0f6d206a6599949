"""Hang-ups that people ask for: who may ask, and that only the switch's owner carries them out."""

import asyncio
import threading
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from controller.domain.errors import Conflict, NotAllowed, NotFound
from controller.domain.lease import Lease, Owner
from controller.domain.rights import NO_RIGHTS, Right
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.call_commands import PostgresCallCommands
from controller.persistence.command_watcher import AskedHangUp, CommandWatcher
from controller.persistence.database import driver_url
from controller.persistence.lease_store import PostgresLeaseStore
from controller.persistence.views.cdrs import PostgresCdrs
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.owners import PostgresOwners
from controller.services.actors import EVERYTHING, Actor, Source, operator
from controller.services.sign_in import Role
from controller.services.views.denials import Denials
from controller.services.views.hang_ups import CommandState, HangUps
from tests.e2e.controller_process import wait_until
from tests.web import hierarchy
from tests.web.hierarchy import World

pytestmark = pytest.mark.postgres

SWITCH = "switch-hidden"
OPS = operator("ops")
ACCOUNTS = frozenset({Right.ACCOUNTS})
ONE, TWO = (Owner(f"0000000{n}-0000-4000-8000-000000000000", f"host-{n}", n) for n in (1, 2))


@pytest.fixture
def world(engine: sa.Engine) -> World:
    return hierarchy.plant(engine, datetime.now(UTC))


@pytest.fixture
def desk(engine: sa.Engine) -> HangUps:
    return HangUps(
        PostgresCallCommands(engine),
        PostgresLiveCalls(engine),
        PostgresCdrs(engine),
        Denials(PostgresOwners(engine), PostgresAudit(engine)),
    )


def agent(world: World, account: str, rights: frozenset[Right] = ACCOUNTS) -> Actor:
    return Actor(f"{account}-agent", Source.WEB, Role.AGENT, None, world.ids[account], rights)


def rows(engine: sa.Engine, statement: str, **values: object) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement), values)]


def states(engine: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT state, epoch FROM call_commands ORDER BY id")


def audit(engine: sa.Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT actor, action, kind, name, outcome FROM audit_log ORDER BY id")


def end_call(world: World, call_id: str) -> None:
    world.run("DELETE FROM calls WHERE call_id = CAST(:id AS uuid)", id=call_id)


# -- asking ---------------------------------------------------------------------------------


def test_asking_twice_is_one_command_with_one_line(
    engine: sa.Engine, world: World, desk: HangUps
) -> None:
    call_id = world.live["shop"]
    first = desk.ask(OPS, call_id)
    again = desk.ask(agent(world, "bd"), call_id)
    assert first == again == desk.command(OPS, call_id)
    assert (first.state, first.ended_at) == (CommandState.ASKED, None)
    assert (first.expires_at - first.asked_at).total_seconds() == 30
    assert audit(engine) == [("ops", "hang up", "call", call_id, "done")]
    ((changes, account_id),) = rows(engine, "SELECT changes, account_id FROM audit_log")
    assert changes["callee"] == ["", "390299999999"]
    assert account_id == world.ids["shop"]
    (shown,) = (c for c in live(engine) if c.call_id == call_id)
    assert shown.hang_up == "asked"


def test_many_who_ask_at_once_make_one_command(
    engine: sa.Engine, world: World, desk: HangUps
) -> None:
    asking = [threading.Thread(target=desk.ask, args=(OPS, world.live["shop"])) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert states(engine) == [("asked", None)]
    assert len(audit(engine)) == 1


@pytest.mark.parametrize(("asker", "of"), [("dhaka", "shop"), ("bd", "shop"), ("dhaka", "dhaka")])
def test_agents_hang_up_calls_of_their_subtree(
    world: World, desk: HangUps, asker: str, of: str
) -> None:
    assert desk.ask(agent(world, asker), world.live[of]).state is CommandState.ASKED


@pytest.mark.parametrize("of", ["chatgaon", "bd", "cairo", "solo"])
def test_calls_of_others_are_not_found(
    engine: sa.Engine, world: World, desk: HangUps, of: str
) -> None:
    who, call_id = agent(world, "dhaka"), world.live[of]
    for use in (desk.call, desk.ask, desk.command):
        with pytest.raises(NotFound) as error:
            use(who, call_id)
        assert str(error.value) == f"there is no call {call_id!r}"
    denied = ("dhaka-agent", "hang up", "call", call_id, "denied")
    assert audit(engine) == [denied] * 3
    assert states(engine) == []


def test_what_does_not_exist_leaves_no_line(engine: sa.Engine, world: World, desk: HangUps) -> None:
    with pytest.raises(NotFound):
        desk.ask(agent(world, "dhaka"), str(uuid.uuid4()))
    with pytest.raises(NotFound):
        desk.ask(OPS, str(uuid.uuid4()))
    assert audit(engine) == []


def test_without_the_right_and_as_a_customer_nothing_is_asked(
    engine: sa.Engine, world: World, desk: HangUps
) -> None:
    customer = Actor("c", Source.WEB, Role.CUSTOMER, None, world.ids["shop"], ACCOUNTS)
    for who in (agent(world, "dhaka", NO_RIGHTS), customer):
        for use in (desk.call, desk.ask, desk.command):
            with pytest.raises(NotAllowed):
                use(who, world.live["shop"])
    with pytest.raises(NotFound):
        desk.ask(customer, world.live["kiosk"])
    assert states(engine) == []


def test_a_call_that_has_ended_is_said_to_have(
    engine: sa.Engine, world: World, desk: HangUps
) -> None:
    with pytest.raises(Conflict, match="the call has ended"):
        desk.ask(agent(world, "dhaka"), world.answered["shop"])
    with pytest.raises(NotFound):
        desk.ask(agent(world, "dhaka"), world.answered["cairo"])
    assert [line[4] for line in audit(engine)] == ["denied"]


def test_what_became_of_it_is_kept_after_the_call(world: World, desk: HangUps) -> None:
    call_id = world.live["shop"]
    desk.ask(OPS, call_id)
    end_call(world, call_id)
    assert desk.command(agent(world, "dhaka"), call_id).state is CommandState.ASKED
    with pytest.raises(NotFound):
        desk.command(agent(world, "chatgaon"), call_id)


def test_without_any_owner_it_expires_and_can_be_asked_again(
    engine: sa.Engine, world: World, desk: HangUps
) -> None:
    call_id = world.live["shop"]
    desk.ask(OPS, call_id)
    expire(world)
    assert desk.command(OPS, call_id).state is CommandState.EXPIRED
    assert desk.ask(OPS, call_id).state is CommandState.ASKED
    assert states(engine) == [("expired", None), ("asked", None)]


def test_old_commands_are_forgotten(engine: sa.Engine, world: World, desk: HangUps) -> None:
    desk.ask(OPS, world.live["shop"])
    world.run(
        "UPDATE call_commands SET asked_at = now() - interval '31 days', state = 'done',"
        " ended_at = now() - interval '31 days'"
    )
    desk.ask(OPS, world.live["kiosk"])
    assert states(engine) == [("asked", None)]


# -- carrying out ---------------------------------------------------------------------------


@dataclass
class Hands:
    """What a controller does; `able`: whether its link and its lease let it."""

    able: bool = True
    hung_up: list[str] = field(default_factory=list)
    fenced: threading.Event = field(default_factory=threading.Event)

    def carry_out(self, asked: Sequence[AskedHangUp]) -> Collection[int]:
        if not self.able:
            return ()
        self.hung_up += [command.call_id for command in asked]
        return [command.command_id for command in asked]


def take(url: str, owner: Owner, dead: Owner | None = None, switch: str = SWITCH) -> Lease:
    async def taken() -> Lease | None:
        store = PostgresLeaseStore(driver_url(url), switch, 5)
        try:
            await store.look(switch)
            return await store.take(switch, owner, 60, dead.token if dead else None)
        finally:
            store.close()

    lease = asyncio.run(taken())
    assert lease is not None
    return lease


@contextmanager
def watching(url: str, lease: Lease, hands: Hands) -> Iterator[CommandWatcher]:
    watcher = CommandWatcher(driver_url(url), lease, hands.carry_out, hands.fenced.set)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()


def live(engine: sa.Engine) -> tuple[Any, ...]:
    return PostgresLiveCalls(engine).live(EVERYTHING, "", 100).rows


def expire(world: World) -> None:
    world.run("UPDATE call_commands SET expires_at = now() WHERE state = 'asked'")


def test_the_owner_is_woken_and_does_it_once(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    hands, call_id = Hands(), world.live["shop"]
    with watching(database_url, take(database_url, ONE), hands):
        wait_until(lambda: listening(engine) == 1, "the listener")
        desk.ask(OPS, call_id)
        wait_until(lambda: states(engine) == [("done", 1)], "the hang-up", 3)  # sooner than a poll
        # a moment later the call may still be there: the same command
        assert desk.ask(OPS, call_id).state is CommandState.DONE
        world.run("UPDATE call_commands SET ended_at = now() - interval '6 seconds'")
        # but one that is there much later can be asked for again
        desk.ask(OPS, call_id)
        wait_until(lambda: states(engine) == [("done", 1), ("done", 1)], "the second one", 3)
    assert hands.hung_up == [call_id] * 2


def test_what_was_asked_before_the_owner_came_is_done_by_it(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    desk.ask(OPS, world.live["shop"])
    desk.ask(OPS, world.live["kiosk"])
    hands = Hands()
    with watching(database_url, take(database_url, ONE), hands):
        wait_until(lambda: states(engine) == [("done", 1)] * 2, "both")
    assert hands.hung_up == [world.live["shop"], world.live["kiosk"]]


def test_too_late_and_gone_are_told_apart_and_not_done(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    desk.ask(OPS, world.live["shop"])
    expire(world)
    desk.ask(OPS, world.live["kiosk"])
    end_call(world, world.live["kiosk"])
    hands = Hands()
    with watching(database_url, take(database_url, ONE), hands):
        wait_until(lambda: states(engine) == [("expired", 1), ("not_there", 1)], "both")
    assert hands.hung_up == []
    assert desk.command(OPS, world.live["kiosk"]).state is CommandState.NOT_THERE


def test_it_waits_for_the_switchs_link_and_expires_without(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    hands = Hands(able=False)
    with watching(database_url, take(database_url, ONE), hands):
        desk.ask(OPS, world.live["shop"])
        desk.ask(OPS, world.live["kiosk"])
        world.run(
            "UPDATE call_commands SET expires_at = now() WHERE call_id = CAST(:id AS uuid)",
            id=world.live["shop"],
        )
        wait_until(lambda: ("expired", 1) in states(engine), "the end of its time")
        assert states(engine)[1] == ("asked", None)
        hands.able = True
        wait_until(lambda: states(engine)[1] == ("done", 1), "the hang-up", 3)
    assert hands.hung_up == [world.live["kiosk"]]


def test_one_who_has_lost_the_switch_takes_nothing(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    old = take(database_url, ONE)
    new = take(database_url, TWO, dead=ONE)
    late, owner = Hands(), Hands()
    desk.ask(OPS, world.live["shop"])
    with watching(database_url, old, late):
        assert late.fenced.wait(5)
        assert states(engine) == [("asked", None)]
        with watching(database_url, new, owner):
            wait_until(lambda: states(engine) == [("done", 2)], "the owner's hang-up")
    assert (late.hung_up, owner.hung_up) == ([], [world.live["shop"]])


def test_one_who_loses_the_switch_while_it_acts_says_nothing_of_it(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    """Its commands are withheld at the switch by then; the next owner does it."""
    hands, old = Hands(), take(database_url, ONE)

    def stands_still(asked: Sequence[AskedHangUp]) -> Collection[int]:
        take(database_url, TWO, dead=ONE)
        return [command.command_id for command in asked]

    desk.ask(OPS, world.live["shop"])
    watcher = CommandWatcher(driver_url(database_url), old, stands_still, hands.fenced.set)
    watcher.start()
    assert hands.fenced.wait(5)
    watcher.stop()
    assert states(engine) == [("asked", None)]


def test_owners_of_other_switches_are_not_concerned(
    engine: sa.Engine, database_url: str, world: World, desk: HangUps
) -> None:
    hands = Hands()
    with watching(database_url, take(database_url, ONE, switch="elsewhere"), hands):
        wait_until(lambda: listening(engine) == 1, "the listener")
        desk.ask(OPS, world.live["shop"])
        threading.Event().wait(1)
    assert (states(engine), hands.hung_up) == ([("asked", None)], [])


def listening(engine: sa.Engine) -> int:
    """Watchers that wait for a notification."""
    ((found,),) = rows(
        engine,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tollgate-commands'"
        " AND state = 'idle' AND query = 'COMMIT' AND datname = current_database()",
    )
    return int(found)
