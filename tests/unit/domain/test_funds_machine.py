"""Random calls on one account: it is never overdrawn, and nothing stays reserved behind."""

from dataclasses import dataclass
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

from controller.domain.admission import (
    AdmissionRules,
    Admitted,
    admit,
    extend,
)
from controller.domain.call_record import RecordRules
from controller.domain.conclusion import release, take
from controller.domain.holdings import Funds, Held, Holdings
from controller.domain.ledger import SystemAccount
from controller.domain.settlement import settle
from controller.domain.tariff import Tariff, Terms
from controller.domain.ticket import Ticket
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    VENDOR_ACCOUNTS,
    call_id,
    ended,
    free_lines,
    pricing,
    ticket,
)
from tests.unit.domain.tariffs import tariffs, tax_percents, terms

ANSWERED_S = NOW_US // 1_000_000 + 2
money = st.decimals(0, 30, places=4)


@dataclass
class Talk:
    """A call in progress, as the store would keep it."""

    ticket: Ticket
    granted_s: int
    held: Held


class SharedFunds(RuleBasedStateMachine):
    """One customer and three vendors; calls come, are extended and end in any order."""

    talks = Bundle("talks")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings()
        self.open: dict[str, Talk] = {}
        self.postings: set[str] = set()
        self.count = 0
        self.paid_in = Decimal(0)
        self.system = Decimal(0)

    @property
    def customer(self) -> Funds:
        return self.holdings.funds[CUSTOMER]

    @initialize(
        balance=money,
        overdraft=money,
        capacity=st.none() | st.integers(0, 5),
        vendor_lines=st.none() | st.integers(0, 3),
    )
    def start(
        self, balance: Decimal, overdraft: Decimal, capacity: int | None, vendor_lines: int | None
    ) -> None:
        self.holdings = Holdings(
            {CUSTOMER: Funds(balance, overdraft, Decimal(0), 0, capacity)}
            | {
                v: Funds(Decimal(0), Decimal(0), Decimal(0), 0, None)
                for v in VENDOR_ACCOUNTS.values()
            },
            free_lines(trunk=capacity, vendor=vendor_lines),
        )
        self.paid_in = balance

    @rule(
        target=talks,
        tariff=tariffs,
        at=terms,
        tax=tax_percents,
        quantum_s=st.integers(1, 300),
        partial=st.booleans(),
        max_duration_s=st.integers(1, 1_000),
    )
    def place(
        self,
        tariff: Tariff,
        at: Terms,
        tax: Decimal,
        quantum_s: int,
        partial: bool,
        max_duration_s: int,
    ) -> object:
        self.count += 1
        sale = pricing(str(tariff), tax=str(tax), decimals=at.decimals, rounding=at.rounding)
        made = ticket(
            "alpha", "beta", call_id=call_id(self.count), sale=sale, max_duration_s=max_duration_s
        )
        rules = AdmissionRules(quantum_s, partial)
        outcome = admit(made, rules, self.holdings)
        if not isinstance(outcome, Admitted):
            return multiple()
        assert 1 <= outcome.granted_s <= min(quantum_s, max_duration_s)
        assert outcome.reserved == sale.charge(outcome.granted_s).gross
        talk = Talk(made, outcome.granted_s, outcome.held)
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
            assert talk.granted_s < outcome.granted_s <= talk.ticket.max_duration_s
            talk.granted_s, talk.held = outcome.granted_s, outcome.held

    @rule(talk=consumes(talks), talked_s=st.none() | st.floats(0, 1_500))
    def hang_up(self, talk: Talk, talked_s: float | None) -> None:
        del self.open[talk.ticket.call_id]
        release(talk.ticket, talk.held, self.holdings)
        end = ended(talked_s=talked_s, call_id=talk.ticket.call_id)
        settlement = settle(talk.ticket, end, talk.granted_s, talk.held, RecordRules())
        take(talk.ticket, settlement, self.holdings)
        for posting in settlement.postings:
            assert posting.posting_id not in self.postings
            self.postings.add(posting.posting_id)
            for account, amount in (
                (posting.debit, -posting.amount),
                (posting.credit, posting.amount),
            ):
                if isinstance(account, SystemAccount):
                    self.system += amount

    @invariant()
    def the_customer_is_never_overdrawn(self) -> None:
        if self.holdings.funds:
            assert self.customer.available >= 0
            assert self.customer.balance + self.customer.overdraft_limit >= 0

    @invariant()
    def what_is_reserved_belongs_to_open_calls(self) -> None:
        if self.holdings.funds:
            assert self.customer.reserved == sum(
                talk.held.payers[0].money for talk in self.open.values()
            )
            assert self.customer.lines == len(self.open)

    @invariant()
    def lines_are_within_their_limits(self) -> None:
        for lines in self.holdings.lines.values():
            assert lines.used >= 0
            assert lines.capacity is None or lines.used <= lines.capacity

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        if self.holdings.funds:
            total = sum(funds.balance for funds in self.holdings.funds.values())
            assert total + self.system == self.paid_in

    def teardown(self) -> None:
        for talk in list(self.open.values()):
            self.hang_up(talk, talked_s=float(talk.granted_s))
        if self.holdings.funds:
            self.the_customer_is_never_overdrawn()
            assert self.customer.reserved == 0
            assert self.customer.lines == 0
            assert not any(lines.used for lines in self.holdings.lines.values())


SharedFunds.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestSharedFunds = SharedFunds.TestCase
