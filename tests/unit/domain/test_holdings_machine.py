"""Random calls of a chain with packages and a monthly maximum: nobody spends what is not there."""

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from controller.domain.admission import AdmissionRules, Admitted, admit, extend
from controller.domain.billing import FreeUse, Payer
from controller.domain.call_record import RecordRules
from controller.domain.conclusion import release, take
from controller.domain.holdings import (
    Allowance,
    Funds,
    Held,
    Holdings,
    Lines,
    MonthUse,
    PackageFunds,
)
from controller.domain.ledger import SystemAccount
from controller.domain.pricing import Pricing
from controller.domain.settlement import settle
from controller.domain.ticket import Ticket
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    SECOND_US,
    VENDOR_ACCOUNTS,
    call_id,
    ended,
    free_lines,
    payer,
    pricing,
    ticket,
)
from tests.unit.domain.tariffs import tariffs, tax_percents
from tests.unit.domain.test_pricing import pricings

AGENT, TOP = 2, 3
PACKAGE, EARLY = 71, 72
MONTH = (5, "2026-03-01")
MAXIMUM = Decimal(25)
ANSWERED_S = NOW_US // SECOND_US + 2

money = st.decimals(0, 30, places=4)
plain = st.builds(lambda tariff, tax: pricing(str(tariff), tax=str(tax)), tariffs, tax_percents)


@dataclass
class Talk:
    """A call in progress, as the store would keep it."""

    ticket: Ticket
    granted_s: int
    held: Held


class Chain(RuleBasedStateMachine):
    """A customer with two packages and a phone, an agent, and the agent above that."""

    talks = Bundle("talks")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings()
        self.open: dict[str, Talk] = {}
        self.count = 0
        self.moved = Decimal(0)
        self.paid_in = Decimal(0)

    @initialize(
        balances=st.tuples(money, money, money),
        left_s=st.integers(0, 300),
        gifts=st.tuples(st.decimals(0, 5, places=2), st.decimals(0, 5, places=2)),
        needed=st.decimals(0, 3, places=2),
    )
    def start(
        self,
        balances: tuple[Decimal, Decimal, Decimal],
        left_s: int,
        gifts: tuple[Decimal, Decimal],
        needed: Decimal,
    ) -> None:
        zero = Decimal(0)
        funds = dict(zip((CUSTOMER, AGENT, TOP), balances, strict=True))
        funds |= dict.fromkeys(VENDOR_ACCOUNTS.values(), zero)
        self.holdings = Holdings(
            {a: Funds(balance, zero, zero, 0, None) for a, balance in funds.items()},
            free_lines() | {(kind, MONTH[0]): Lines(0, None) for kind in ("phone", "phone_out")},
            {
                PACKAGE: PackageFunds(gifts[0], zero, zero, zero),
                EARLY: PackageFunds(gifts[1], zero, zero, needed),
            },
            {1: Allowance(left_s, 0), 2: Allowance(left_s, 0)},
            {MONTH: MonthUse(zero, zero)},
        )
        self.paid_in = sum(funds.values(), zero)

    @rule(
        target=talks,
        own=st.lists(plain | pricings(), min_size=1, max_size=2),
        agents=st.tuples(plain | pricings(), plain),
        early_price=st.booleans(),
        quantum_s=st.integers(1, 300),
        partial=st.booleans(),
        setup_s=st.integers(2, 20),
    )
    def place(
        self,
        own: list[Pricing],
        agents: tuple[Pricing, Pricing],
        early_price: bool,
        quantum_s: int,
        partial: bool,
        setup_s: int,
    ) -> object:
        self.count += 1
        customer = payer(
            *(replace(p, package_id=EARLY if early_price else None) for p in own),
            pricing(),
            free=(FreeUse(1, PACKAGE, 60), FreeUse(2, EARLY, 1)),
            gifts=(PACKAGE, EARLY),
            packages=(PACKAGE, EARLY),
        )
        chain = (
            customer,
            Payer(AGENT, "agent", (agents[0],)),
            Payer(TOP, "top", (agents[1],)),
        )
        made = ticket(
            "alpha",
            call_id=call_id(self.count),
            payers=chain,
            max_duration_s=900,
            setup_s=setup_s,
            month=MONTH,
            monthly_maximum=MAXIMUM,
        )
        outcome = admit(made, AdmissionRules(quantum_s, partial), self.holdings)
        if not isinstance(outcome, Admitted):
            return multiple()
        assert 1 <= outcome.granted_s <= quantum_s
        admitted = replace(made, payers=outcome.payers)
        talk = Talk(admitted, outcome.granted_s, outcome.held)
        self.open[made.call_id] = talk
        return talk

    @rule(talk=talks, quantum_s=st.integers(1, 300))
    def renew(self, talk: Talk, quantum_s: int) -> None:
        if talk.ticket.call_id not in self.open:
            return
        outcome = extend(
            talk.ticket, talk.granted_s, talk.held, quantum_s, ANSWERED_S, self.holdings
        )
        if isinstance(outcome, Admitted):
            assert outcome.granted_s > talk.granted_s
            talk.granted_s, talk.held = outcome.granted_s, outcome.held

    @rule(talk=consumes(talks), talked_s=st.none() | st.integers(0, 1_000))
    def hang_up(self, talk: Talk, talked_s: int | None) -> None:
        del self.open[talk.ticket.call_id]
        end = ended(talked_s=talked_s, call_id=talk.ticket.call_id)
        settlement = settle(talk.ticket, end, talk.granted_s, talk.held, RecordRules())
        release(talk.ticket, talk.held, self.holdings)
        take(talk.ticket, settlement, self.holdings)
        for posting in settlement.postings:
            if isinstance(posting.debit, SystemAccount):
                self.moved -= posting.amount
            if isinstance(posting.credit, SystemAccount):
                self.moved += posting.amount
        if talked_s:
            assert [line.party for line in settlement.lines] == [0, 1, 2, -1]
        assert "were reserved" not in settlement.cdr.review or "charged" not in (
            settlement.cdr.review
        )

    @invariant()
    def nobody_is_overdrawn(self) -> None:
        for account in (CUSTOMER, AGENT, TOP):
            if funds := self.holdings.funds.get(account):
                assert funds.available >= 0
                assert funds.balance >= 0
                assert funds.reserved >= 0

    @invariant()
    def no_free_second_is_spent_twice(self) -> None:
        for allowance in self.holdings.allowances.values():
            assert 0 <= allowance.reserved_s <= allowance.left_s

    @invariant()
    def no_gift_is_spent_twice(self) -> None:
        for package in self.holdings.packages.values():
            assert 0 <= package.gift_reserved <= package.gift_left

    @invariant()
    def the_month_has_its_maximum(self) -> None:
        for use in self.holdings.months.values():
            assert use.reserved >= 0
            assert use.consumed + use.reserved <= MAXIMUM

    @invariant()
    def every_call_is_counted(self) -> None:
        for account in (CUSTOMER, AGENT, TOP):
            if funds := self.holdings.funds.get(account):
                assert funds.subtree_lines == len(self.open)
        for kind in ("phone", "phone_out"):
            if lines := self.holdings.lines.get((kind, MONTH[0])):
                assert lines.used == len(self.open)

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        if self.holdings.funds:
            total = sum(funds.balance for funds in self.holdings.funds.values())
            assert total + self.moved == self.paid_in

    def teardown(self) -> None:
        for talk in list(self.open.values()):
            self.hang_up(talk, talked_s=talk.granted_s)
        for funds in self.holdings.funds.values():
            assert funds.reserved == 0
            assert (funds.lines, funds.subtree_lines) == (0, 0)
        for allowance in self.holdings.allowances.values():
            assert allowance.reserved_s == 0
        for package in self.holdings.packages.values():
            assert package.gift_reserved == 0
        for use in self.holdings.months.values():
            assert use.reserved == 0


Chain.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestChain = Chain.TestCase
