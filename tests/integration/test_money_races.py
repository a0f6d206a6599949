"""Calls, payments, transfers, limits, holds and rates, all at once on the same money."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules
from controller.domain.movements import LimitMode, NotMoved
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket
from controller.persistence.config_reader import load_configuration
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.services.journal_entries import Admit, End, Extend, Outcome, Settled
from controller.services.movements.orders import (
    Deposit,
    Ending,
    Hold,
    LimitOrder,
    Order,
    Transfer,
    Withdrawal,
)
from controller.services.movements.run import Movements
from controller.services.movements.two_phase import TwoPhase
from tests.integration.placed_calls import Caller, end_of
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def until_somebody_waits(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        row = connection.execute(WAITING).fetchone()
        if row and row[0]:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits for the lock")


def test_an_admission_that_waited_sees_the_limit_as_it_is_now(
    engine: sa.Engine, database_url: str
) -> None:
    """The limit is lowered while the call waits for the account."""
    plant(engine, Seed((5061,), balance=Decimal(0), overdraft=Decimal(100)))
    caller = Caller(engine, database_url)
    draft = caller.draft()
    outcomes: list[Outcome] = []
    call = threading.Thread(
        target=lambda: outcomes.extend(caller.store.commit([Admit(draft, AdmissionRules())]))
    )
    with (
        psycopg.connect(database_url) as other,
        psycopg.connect(database_url, autocommit=True) as watch,
    ):
        other.execute("SELECT FROM account_funds FOR UPDATE")
        call.start()
        until_somebody_waits(watch)
        other.execute("UPDATE accounts SET overdraft_limit = 0 WHERE name = 'customer'")
        other.commit()
    call.join()
    caller.close()
    (outcome,) = outcomes
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.INSUFFICIENT_BALANCE


# -- everything at once ----------------------------------------------------------------------

CONTROLLERS, CALLS_EACH, BATCH, MOST_OPEN = 3, 150, 5, 25
QUANTUM_S = 60
PAYERS = ("customer", "reseller", "master")
PRICES = ("0|0:0.60/60/1", "0|0:0.90/60/6", "0|0:=0.30;60:0.45/60/60")
CHAIN = (
    Agent("reseller", {"39": "0|0:0.40/60/1"}, balance=Decimal(30), tax_percent=Decimal(10)),
    Agent("master", {"39": "0|0:0.30/60/1"}, balance=Decimal(25)),
)
PRICE = """
UPDATE rates SET tiers = :tiers
WHERE rate_group_id = (SELECT id FROM rate_groups WHERE name = 'sell')
"""
BELOW_NOTHING = """
SELECT a.name, f.balance, a.overdraft_limit, f.reserved
FROM accounts a JOIN account_funds f ON f.account_id = a.id
WHERE a.kind = 'ordinary' AND f.balance + a.overdraft_limit - f.reserved < 0
"""


class Race:
    """What everybody shares: the platform, what happened how often, and whether it is over."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self.engine = engine
        self.url = url
        self.over = threading.Event()
        self.happened: Counter[str] = Counter()
        self.overdrawn: list[tuple[object, ...]] = []

    def controller(self, number: int) -> None:
        """Admits in batches, renews and ends what is open in any order, ends everything."""
        chance = random.Random(number)
        caller = Caller(self.engine, self.url)
        calls: dict[str, tuple[Ticket, int]] = {}
        for _ in range(CALLS_EACH // BATCH):
            caller.configuration = load_configuration(self.engine)
            tickets = [caller.draft() for _ in range(BATCH)]
            entries = [Admit(ticket, AdmissionRules()) for ticket in tickets]
            for ticket, outcome in zip(tickets, caller.store.commit(entries), strict=True):
                self.count(outcome)
                if isinstance(outcome, Admitted):
                    calls[ticket.call_id] = ticket, outcome.granted_s
            self.renew(caller, calls, chance)
            while len(calls) > chance.randrange(MOST_OPEN):
                self.end(caller, *calls.pop(chance.choice(list(calls))), chance)
        for ticket, granted_s in calls.values():
            self.end(caller, ticket, granted_s, chance)
        caller.close()

    def renew(
        self, caller: Caller, calls: dict[str, tuple[Ticket, int]], chance: random.Random
    ) -> None:
        for ticket, _ in [call for call in calls.values() if chance.random() < 0.3]:
            (outcome,) = caller.store.commit([Extend(ticket, QUANTUM_S, ticket.offered_us)])
            self.count(outcome, "renewed, ")
            if isinstance(outcome, Admitted):
                calls[ticket.call_id] = ticket, outcome.granted_s

    def end(self, caller: Caller, ticket: Ticket, granted_s: int, chance: random.Random) -> None:
        """Sometimes told twice; up to two seconds late, as timers are."""
        ended = end_of(ticket, chance.choice((0, 7, granted_s // 2, granted_s, granted_s + 2)))
        entry = End(ended, ticket, None, RecordRules())
        for _ in range(chance.choice((1, 2))):
            (outcome,) = caller.store.commit([entry])
            self.count(outcome)

    def teller(self, number: int) -> None:
        """Payments, withdrawals, transfers, limits and holds; some orders come twice."""
        chance = random.Random(100 + number)
        movements = Movements(PostgresMovements(self.engine))
        holds = TwoPhase(PostgresMovements(self.engine))
        turn = 0
        while not self.over.is_set():
            turn += 1
            key = f"teller {number}, {turn}"
            account, other = chance.sample(PAYERS, 2)
            amount = Decimal(chance.randrange(1, 900)) / 100
            mode = chance.choice(list(LimitMode))
            orders: tuple[Order, ...] = (
                Deposit(key=key, account=account, amount=amount / 4),
                Withdrawal(key=key, account=account, amount=amount),
                Transfer(key=key, source=account, target=other, amount=amount),
                LimitOrder(key=key, account=account, mode=mode, amount=amount),
                Hold(key=key, account=account, amount=amount),
            )
            order = chance.choice(orders)
            for _ in range(chance.choice((1, 1, 2))):
                held = self.order(movements, holds, order)
            if held and chance.random() < 0.8:
                ending = Ending(key=key)
                post = chance.random() < 0.5
                done = holds.post(ending, None) if post else holds.void(ending)
                self.count(done, "hold posted, " if post else "hold voided, ")

    def order(self, movements: Movements, holds: TwoPhase, order: Order) -> bool:
        """Whether something is held now."""
        if isinstance(order, Hold):
            done = holds.hold(order)
            self.count(done, "hold, ")
            return not isinstance(done, NotMoved)
        if isinstance(order, LimitOrder):
            self.count(movements.change_limit(order), "limit, ")
        elif isinstance(order, Deposit | Withdrawal | Transfer):
            self.count(movements.move(order), f"{order.kind}, ")
        return False

    def clerk(self) -> None:
        """Another price, again and again: calls in progress keep theirs."""
        turn = 0
        while not self.over.is_set():
            turn += 1
            with self.engine.begin() as connection:
                connection.execute(sa.text(PRICE), {"tiers": PRICES[turn % len(PRICES)]})
                version = "UPDATE configuration_state SET version = version + 1"
                connection.execute(sa.text(version))
            self.happened["price changed"] += 1
            time.sleep(0.02)

    def watcher(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.over.is_set():
                self.overdrawn += connection.execute(BELOW_NOTHING).fetchall()
                self.happened["looked"] += 1

    def count(self, outcome: object, what: str = "") -> None:
        name = type(outcome).__name__
        if isinstance(outcome, Settled) and outcome.settlement is None:
            name = "Settled before"
        if isinstance(outcome, Refused):
            assert outcome.reason is Reason.INSUFFICIENT_BALANCE, outcome
        self.happened[what + name] += 1


def test_nobody_is_ever_below_nothing_whatever_arrives(
    engine: sa.Engine, database_url: str
) -> None:
    """450 calls of three controllers on a chain of three prepaid accounts with too little money."""
    plant(engine, Seed((5061,), balance=Decimal(20), sell={"39": PRICES[0]}, agents=CHAIN))
    race = Race(engine, database_url)
    with ThreadPoolExecutor(CONTROLLERS + 5) as pool:
        calls = [pool.submit(race.controller, number) for number in range(CONTROLLERS)]
        works = [race.clerk, race.watcher, *(lambda n=n: race.teller(n) for n in range(3))]
        beside = [pool.submit(work) for work in works]
        try:
            for done in calls:
                done.result(100)
        finally:
            race.over.set()
        for done in beside:
            done.result(30)
    assert race.overdrawn == []
    happened = race.happened
    assert happened["Admitted"] + happened["Refused"] == CONTROLLERS * CALLS_EACH
    assert happened["Admitted"] == happened["Settled"]
    for each in (
        "Admitted",
        "Refused",
        "Settled before",
        "renewed, Admitted",
        "renewed, Refused",
        "payment, Moved",
        "withdrawal, Moved",
        "withdrawal, NotMoved",
        "transfer, Moved",
        "limit, LimitChanged",
        "hold posted, PendingReply",
        "hold voided, PendingReply",
        "price changed",
        "looked",
    ):
        assert happened[each] > 0, (each, happened)
    with engine.connect() as connection:
        records = connection.scalar(sa.text("SELECT count(*) FROM cdrs"))
        assert connection.scalar(sa.text("SELECT count(*) FROM calls")) == 0
    assert records == happened["Admitted"]
    assert_books_balance(engine)
    assert PostgresBooks(engine).verify(lambda _: None).differences == ()
