"""Random orders, replays and calls on PostgreSQL: the books agree with a simple account of them.

The counterpart of tests/unit/domain/test_money_machine.py, with keys: whatever is sent again, in
whatever order, is done once.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.movements import Cover, LimitMode, NotMoved
from controller.domain.ticket import Ticket
from controller.persistence.database import make_engine
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.services.journal_entries import Admit
from controller.services.movements.orders import (
    Correction,
    Deposit,
    Ending,
    Hold,
    LimitOrder,
    MakeZero,
    Move,
    Order,
    Reversal,
    Transfer,
    Withdrawal,
)
from controller.services.movements.replies import LimitChanged, Moved, PendingReply
from controller.services.movements.run import Movements
from controller.services.movements.two_phase import TwoPhase
from tests.conftest import TEMPLATE
from tests.integration.placed_calls import Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

SELL = {"39": "0|0:0.60/60/1"}
AGENT_SELL = {"39": "0|0:0.54/60/1"}

Reply = Moved | LimitChanged | PendingReply | NotMoved

amounts = st.decimals("0.01", 40, places=2)
accounts = st.sampled_from(["customer", "agent"])
covers = st.sampled_from([Cover.REQUIRED, Cover.REQUIRED, Cover.WAIVED])


class Office(RuleBasedStateMachine):
    """Balances are also kept here, by the simplest means: what each reply says was moved."""

    talks = Bundle("talks")
    postings = Bundle("postings")
    server_url = ""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"t_{uuid.uuid4().hex}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE}")
        url = self.server_url.replace("/postgres?", f"/{self.name}?")
        self.engine = make_engine(url)
        plant(
            self.engine,
            Seed(
                (5061,),
                balance=Decimal(20),
                overdraft=Decimal(5),
                sell=SELL,
                agents=(Agent("agent", AGENT_SELL, Decimal(15)),),
            ),
        )
        self.caller = Caller(self.engine, url)
        self.movements = Movements(PostgresMovements(self.engine))
        self.two_phase = TwoPhase(PostgresMovements(self.engine))
        self.books = PostgresBooks(self.engine)
        self.balances = {"customer": Decimal(20), "agent": Decimal(15)}
        self.done: list[tuple[Order, Reply]] = []
        self.holds: list[str] = []
        self.ends: list[tuple[Callable[[], PendingReply | NotMoved], PendingReply]] = []

    def available(self) -> dict[str, Decimal]:
        found = {}
        for name in self.balances:
            money = self.books.money_of(name)
            assert money is not None
            found[name] = money.available
        return found

    def key(self) -> str:
        return f"key {len(self.done)}"

    def send(self, order: Order) -> Reply:
        if isinstance(order, LimitOrder):
            return self.movements.change_limit(order)
        if isinstance(order, Hold):
            return self.two_phase.hold(order)
        assert isinstance(order, Move)
        return self.movements.move(order)

    def order(self, order: Order) -> Reply:
        """Send it for the first time; a refused order leaves its key free."""
        before = self.available()
        reply = self.send(order)
        if isinstance(reply, NotMoved):
            assert self.available() == before
            return reply
        assert reply.recorded
        self.done.append((order, reply))
        if isinstance(reply, Moved):
            self.note(reply.debit, reply.credit, reply.amount)
        if getattr(order, "cover", Cover.REQUIRED) is Cover.REQUIRED:
            for name, available in self.available().items():
                assert available >= min(Decimal(0), before[name])
        return reply

    def note(self, debit: str, credit: str, amount: Decimal) -> None:
        if debit in self.balances:
            self.balances[debit] -= amount
        if credit in self.balances:
            self.balances[credit] += amount

    # -- orders -----------------------------------------------------------------------------

    @rule(target=postings, account=accounts, amount=amounts)
    def pay(self, account: str, amount: Decimal) -> object:
        return self.posted(Deposit(account=account, amount=amount, key=self.key()))

    @rule(target=postings, account=accounts, amount=amounts, cover=covers)
    def withdraw(self, account: str, amount: Decimal, cover: Cover) -> object:
        return self.posted(Withdrawal(account=account, amount=amount, key=self.key(), cover=cover))

    @rule(target=postings, upwards=st.booleans(), amount=amounts, cover=covers)
    def transfer(self, upwards: bool, amount: Decimal, cover: Cover) -> object:
        source, target = ("customer", "agent") if upwards else ("agent", "customer")
        return self.posted(
            Transfer(source=source, target=target, amount=amount, key=self.key(), cover=cover)
        )

    @rule(target=postings, account=accounts)
    def make_zero(self, account: str) -> object:
        return self.posted(MakeZero(account=account, key=self.key()))

    @rule(target=postings, account=accounts, amount=amounts, negative=st.booleans(), cover=covers)
    def correct(self, account: str, amount: Decimal, negative: bool, cover: Cover) -> object:
        signed = -amount if negative else amount
        return self.posted(
            Correction(account=account, amount=signed, key=self.key(), memo="m", cover=cover)
        )

    @rule(posting=postings, cover=covers)
    def reverse(self, posting: str, cover: Cover) -> None:
        """Once, however often it is tried under ever new keys."""
        before = [o for o, _ in self.done if isinstance(o, Reversal) and o.of == posting]
        reply = self.order(Reversal(of=posting, key=self.key(), cover=cover))
        assert not before or isinstance(reply, NotMoved)

    def posted(self, order: Order) -> object:
        reply = self.order(order)
        return reply.posting_id if isinstance(reply, Moved) and reply.posting_id else multiple()

    @rule(
        account=accounts,
        mode=st.sampled_from(LimitMode),
        amount=st.decimals("0.01", 15, places=2),
        cover=covers,
    )
    def limit(self, account: str, mode: LimitMode, amount: Decimal, cover: Cover) -> None:
        self.order(
            LimitOrder(account=account, mode=mode, amount=amount, key=self.key(), cover=cover)
        )

    @rule(account=accounts, amount=amounts, inside=st.booleans())
    def hold(self, account: str, amount: Decimal, inside: bool) -> None:
        target = ("agent" if account == "customer" else "customer") if inside else ""
        order = Hold(account=account, amount=amount, target=target, key=self.key())
        if isinstance(self.order(order), PendingReply):
            self.holds.append(order.key)

    @rule(data=st.data(), percent=st.integers(1, 100) | st.none())
    def post_or_void(self, data: st.DataObject, percent: int | None) -> None:
        """None: void."""
        if not self.holds:
            return
        key = self.holds.pop(data.draw(st.integers(0, len(self.holds) - 1)))
        (held,) = [p for p in self.two_phase.pendings("", 1_000, everything=False) if p.key == key]
        amount = held.amount * percent / 100 if percent else None

        def end() -> PendingReply | NotMoved:
            if amount is None:
                return self.two_phase.void(Ending(key=key, who="anna"))
            return self.two_phase.post(Ending(key=key, who="anna"), amount)

        before = self.available()
        reply = end()
        assert isinstance(reply, PendingReply)
        assert reply.recorded
        self.note(held.debit, held.credit, amount or Decimal(0))
        assert all(now >= min(Decimal(0), before[n]) for n, now in self.available().items())
        self.ends.append((end, reply))

    # -- again ------------------------------------------------------------------------------

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Any order of before: nothing is done, and the reply says what was done then."""
        if not self.done:
            return
        order, first = data.draw(st.sampled_from(self.done))
        before = self.available()
        again = self.send(order)
        assert not isinstance(again, NotMoved)
        assert not again.recorded
        if isinstance(again, Moved) and isinstance(first, Moved):
            assert replace(again, recorded=True, accounts=()) == replace(first, accounts=())
        if isinstance(again, LimitChanged) and isinstance(first, LimitChanged):
            assert (again.before, again.after) == (first.before, first.after)
        assert self.available() == before

    @rule(data=st.data())
    def end_again(self, data: st.DataObject) -> None:
        if not self.ends:
            return
        end, first = data.draw(st.sampled_from(self.ends))
        before = self.available()
        again = end()
        assert isinstance(again, PendingReply)
        assert (again.recorded, again.pending) == (False, first.pending)
        assert self.available() == before

    @rule(data=st.data(), amount=amounts)
    def send_another_under_the_key(self, data: st.DataObject, amount: Decimal) -> None:
        known = [o for o, _ in self.done if hasattr(o, "amount") and o.amount != amount]
        if not known:
            return
        before = self.available()
        other = replace(data.draw(st.sampled_from(known)), amount=amount)  # type: ignore[call-arg]
        refused = self.send(other)
        assert isinstance(refused, NotMoved)
        assert "amount" in refused.why
        assert self.available() == before

    # -- calls ------------------------------------------------------------------------------

    @rule(target=talks)
    def place(self) -> object:
        ticket = self.caller.draft()
        before = self.available()
        (outcome,) = self.caller.store.commit([Admit(ticket, AdmissionRules())])
        assert isinstance(outcome, Admitted) == all(
            before[name] >= needed
            for name, needed in (("customer", Decimal("0.60")), ("agent", Decimal("0.54")))
        )
        return ticket if isinstance(outcome, Admitted) else multiple()

    @rule(ticket=consumes(talks), talked_s=st.integers(0, 90))
    def hang_up(self, ticket: Ticket, talked_s: int) -> None:
        before = self.available()
        self.caller.settle(ticket, talked_s)
        assert all(now >= before[name] for name, now in self.available().items())
        billed_s = min(talked_s, 60)
        self.balances["customer"] -= billed_s * Decimal("0.01")
        self.balances["agent"] -= billed_s * Decimal("0.009")

    # -- always -----------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        assert self.available() == {"customer": Decimal(25), "agent": Decimal(15)}

    @invariant()
    def balances_are_what_was_moved(self) -> None:
        for name, balance in self.balances.items():
            money = self.books.money_of(name)
            assert money is not None
            assert money.balance == balance

    def teardown(self) -> None:
        try:
            assert_books_balance(self.engine)
            assert self.books.verify(lambda _: None).differences == ()
        finally:
            self.caller.close()
            self.engine.dispose()
            with psycopg.connect(self.server_url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_orders_replays_and_calls(server_url: str, template_url: str) -> None:
    assert TEMPLATE in template_url
    Office.server_url = server_url
    run_state_machine_as_test(
        Office,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
