"""Leases and the fence in the real database: one owner, and nothing from anybody else."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import TypeVar

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.errors import Fenced, StoreUnavailable
from controller.domain.lease import Lease, LeaseState, Owner
from controller.persistence import lease_sql
from controller.persistence import schema as t
from controller.persistence.call_store import STANDSTILL_S, PostgresCallStore
from controller.persistence.lease_store import PostgresLeaseStore
from controller.services.journal import GroupCommitJournal
from controller.services.journal_entries import Admit, Entry, Outcome
from tests.integration.placed_calls import SWITCH, Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

T = TypeVar("T")
ONE, TWO = (Owner(f"0000000{n}-0000-4000-8000-000000000000", f"host-{n}", n) for n in (1, 2))
LAPSE_S = 0.4


class Leases:
    """The store as a test asks it, one question at a time."""

    def __init__(self, url: str, attempt_s: float = 5.0) -> None:
        self.store = PostgresLeaseStore(url, SWITCH, attempt_s)
        self.loop = asyncio.new_event_loop()

    def look(self) -> LeaseState:
        return self.ask(lambda: self.store.look(SWITCH))

    def take(self, owner: Owner, lapse_s: float = LAPSE_S, dead: str | None = None) -> Lease | None:
        self.look()
        return self.ask(lambda: self.store.take(SWITCH, owner, lapse_s, dead))

    def renew(self, lease: Lease) -> bool:
        return self.ask(lambda: self.store.renew(lease, LAPSE_S))

    def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        async def asked() -> T:
            return await question()

        return self.loop.run_until_complete(asked())

    def close(self) -> None:
        self.store.close()
        self.loop.close()


@pytest.fixture
def leases(database_url: str) -> Iterator[Leases]:
    made = Leases(database_url)
    yield made
    made.close()


@pytest.fixture
def caller(engine: sa.Engine, database_url: str) -> Iterator[Caller]:
    plant(engine, Seed((5080,), balance=Decimal(1000)))
    made = Caller(engine, database_url)
    yield made
    made.close()


@contextmanager
def owners_store(url: str, lease: Lease) -> Iterator[PostgresCallStore]:
    store = PostgresCallStore(url, lease=lease)
    try:
        yield store
    finally:
        store.close()


def taken(leases: Leases, owner: Owner, dead: Owner | None = None) -> Lease:
    lease = leases.take(owner, dead=dead.token if dead else None)
    assert lease is not None
    return lease


def admission(caller: Caller) -> Admit:
    return Admit(caller.draft(), AdmissionRules())


def what_is_held(engine: sa.Engine) -> tuple[int, Decimal, int]:
    """Open calls, reserved money, lines in use."""
    with engine.connect() as connection:
        calls = connection.scalar(sa.select(sa.func.count()).select_from(t.calls))
        funds = t.account_funds.c
        reserved, lines = connection.execute(
            sa.select(sa.func.sum(funds.reserved), sa.func.sum(funds.lines))
        ).one()
    return int(calls or 0), reserved, lines


# -- one owner -------------------------------------------------------------------------------


def test_a_switch_goes_from_hand_to_hand(leases: Leases) -> None:
    assert leases.look().owner is None
    first = taken(leases, ONE)
    state = leases.look()
    assert (state.owner, state.epoch) == (ONE, 1)
    assert 0 < state.remaining_s <= LAPSE_S
    assert leases.take(TWO) is None
    assert leases.renew(first)
    time.sleep(LAPSE_S + 0.05)
    assert leases.look().remaining_s < 0
    second = taken(leases, TWO)
    assert second.epoch == 2
    assert not leases.renew(first)
    leases.ask(lambda: leases.store.release(first))  # not its own any more
    assert leases.look().owner == TWO
    leases.ask(lambda: leases.store.release(second))
    assert leases.look().owner is None
    assert taken(leases, ONE).epoch == 3


def test_a_late_renewal_of_what_nobody_took_is_good(leases: Leases) -> None:
    lease = taken(leases, ONE)
    time.sleep(LAPSE_S + 0.05)
    assert leases.renew(lease)
    assert leases.take(TWO) is None


def test_a_dead_owner_is_named_by_its_token_and_not_by_its_name(leases: Leases) -> None:
    taken(leases, ONE)
    again = Owner("00000009-0000-4000-8000-000000000000", ONE.host, ONE.pid)
    assert leases.take(TWO, dead=again.token) is None
    assert taken(leases, TWO, dead=ONE).epoch == 2


def test_of_many_that_try_at_once_one_gets_it(database_url: str, leases: Leases) -> None:
    for round_ in range(1, 6):
        taken(leases, ONE, dead=TWO if round_ > 1 else None)
        rivals = [Leases(database_url) for _ in range(8)]
        for rival in rivals:
            rival.look()
        with ThreadPoolExecutor(8) as pool:
            tries = [pool.submit(rival.take, TWO, 60.0, ONE.token) for rival in rivals]
            got = [lease for lease in (one.result() for one in tries) if lease]
        assert [lease.epoch for lease in got] == [2 * round_]
        for rival in rivals:
            rival.close()


def test_a_database_that_says_nothing_counts_as_away_and_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        leases = Leases(f"postgresql://x@127.0.0.1:{port}/x", attempt_s=0.2)
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                leases.look()
            assert time.monotonic() - began < 1.0
        leases.close()


def test_a_connection_that_hangs_is_broken_off_and_made_anew(
    database_url: str, engine: sa.Engine
) -> None:
    leases = Leases(database_url, attempt_s=0.3)
    leases.look()
    with engine.begin() as other:
        other.execute(sa.text("LOCK TABLE switch_leases IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreUnavailable):
            leases.look()
    deadline = time.monotonic() + 3
    while True:
        try:
            assert leases.look().owner is None
            break
        except StoreUnavailable:
            assert time.monotonic() < deadline
    leases.close()


# -- the fence -------------------------------------------------------------------------------


def test_the_owners_batch_is_taken(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    with owners_store(database_url, taken(leases, ONE)) as store:
        (outcome,) = store.commit([admission(caller)])
        assert isinstance(outcome, Admitted)
        assert store.note_switch(SWITCH, "instance-1") is None
    assert what_is_held(engine)[0] == 1


def test_a_stale_owners_batch_writes_nothing_at_all(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    open_call = caller.admit()
    before = what_is_held(engine)
    with owners_store(database_url, taken(leases, ONE)) as store:
        taken(leases, TWO, dead=ONE)
        with pytest.raises(Fenced):
            store.commit([admission(caller), admission(caller)])
        with pytest.raises(Fenced):
            store.note_switch(SWITCH, "instance-1")
        # it stays so, also on the next try with the same connection
        with pytest.raises(Fenced):
            store.commit([admission(caller)])
        # reading harms nobody
        assert [ticket.call_id for ticket, _, _ in store.open_calls(SWITCH)] == [open_call.call_id]
    assert what_is_held(engine) == before
    assert_books_balance(engine)


def test_another_processs_token_does_not_pass_with_the_same_epoch(
    leases: Leases, caller: Caller, database_url: str
) -> None:
    """As after the loss of a commit, by a database that was restored: two owners of one epoch."""
    lease = taken(leases, ONE)
    stranger = Lease(SWITCH, lease.epoch, TWO.token)
    with owners_store(database_url, stranger) as store, pytest.raises(Fenced):
        store.commit([admission(caller)])


def test_a_take_waits_for_a_commit_that_has_passed_the_fence(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    """What it writes is there before the next owner looks."""
    with owners_store(database_url, taken(leases, ONE)) as store, ThreadPoolExecutor(2) as pool:
        with held_up(engine):
            committing = pool.submit(store.commit, [admission(caller)])
            wait_until_blocked(engine)
            taking = pool.submit(taken, leases, TWO, ONE)
            time.sleep(0.3)
            assert not taking.done()
        assert isinstance(committing.result(5)[0], Admitted)
        assert taking.result(5).epoch == 2
    assert what_is_held(engine)[0] == 1
    assert_books_balance(engine)


def test_a_commit_that_meets_a_take_waits_and_is_refused(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    lease = taken(leases, ONE)
    values = {"switch": SWITCH, "token": TWO.token, "host": "", "pid": 0, "mark": ""}
    with owners_store(database_url, lease) as store, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(database_url) as taking:
            taking.execute(lease_sql.TAKE, values | {"lapse_s": 60, "dead": ONE.token})
            committing = pool.submit(store.commit, [admission(caller)])
            time.sleep(0.3)
            assert not committing.done()
        with pytest.raises(Fenced):
            committing.result(5)
    assert what_is_held(engine)[0] == 0


def test_renewals_and_commits_do_not_wait_for_each_other(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    lease = taken(leases, ONE)
    with owners_store(database_url, lease) as store, ThreadPoolExecutor(1) as pool:
        with held_up(engine):
            committing = pool.submit(store.commit, [admission(caller)])
            wait_until_blocked(engine)
            began = time.monotonic()
            assert leases.renew(lease)
            assert time.monotonic() - began < 1.0
        assert isinstance(committing.result(5)[0], Admitted)


def test_after_a_take_not_one_call_of_the_former_owner_comes_in(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    """The former owner commits as fast as it can while the switch changes hands, many times."""
    owner, former = ONE, TWO
    lease = taken(leases, owner)
    for _ in range(6):
        told: list[Fenced] = []
        with owners_store(database_url, lease) as store:

            def admit_for_ever(store: PostgresCallStore = store, told: list[Fenced] = told) -> None:
                try:
                    while True:
                        store.commit([admission(caller)])
                except Fenced as error:
                    told.append(error)

            busy = threading.Thread(target=admit_for_ever)
            busy.start()
            time.sleep(0.1)
            owner, former = former, owner
            lease = taken(leases, owner, dead=former)
            at_take = what_is_held(engine)
            busy.join(5)
            assert len(told) == 1
            assert what_is_held(engine) == at_take
    assert at_take[0] > 6
    assert_books_balance(engine)


def test_a_process_that_stands_still_in_a_transaction_does_not_hold_up_the_next_owner(
    leases: Leases, caller: Caller, database_url: str
) -> None:
    lease = taken(leases, ONE)
    with owners_store(database_url, lease) as store:
        began = time.monotonic()
        with store._transaction() as connection:
            connection.execute(lease_sql.FENCE, (SWITCH, lease.epoch, lease.token))
            connection.execute("SELECT * FROM account_funds FOR UPDATE")
            assert taken(leases, TWO, dead=ONE).epoch == 2
            assert time.monotonic() - began < STANDSTILL_S + 1
            connection.close()  # the server has done it already
        # and its locks are gone with it
        assert isinstance(caller.store.commit([admission(caller)])[0], Admitted)


def test_the_journal_gives_up_once_and_for_all(
    leases: Leases, caller: Caller, database_url: str, engine: sa.Engine
) -> None:
    lease = taken(leases, ONE)
    told: list[str] = []
    outcomes: list[tuple[Entry, Outcome]] = []
    with owners_store(database_url, lease) as store:
        journal = GroupCommitJournal(
            store, outcomes.extend, fenced=lambda: told.append("fenced"), max_batch=2
        )
        journal.start()
        taken(leases, TWO, dead=ONE)
        for _ in range(10):
            journal.submit(admission(caller))
        deadline = time.monotonic() + 5
        while not told:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        journal.submit(admission(caller))
        assert journal.stop()
    assert told == ["fenced"]
    assert outcomes == []
    assert journal.waiting == 0
    assert what_is_held(engine)[0] == 0


@contextmanager
def held_up(engine: sa.Engine) -> Iterator[None]:
    """Every commit that moves money waits until the block ends."""
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT * FROM account_funds FOR UPDATE"))
        yield


def wait_until_blocked(engine: sa.Engine) -> None:
    """Return when some session waits for a lock."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    deadline = time.monotonic() + 5
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(query):
            assert time.monotonic() < deadline, "nobody waits for a lock"
            time.sleep(0.01)
