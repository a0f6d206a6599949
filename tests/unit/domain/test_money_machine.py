"""Random calls and random movements on one chain: money is neither made nor lost, and no call takes
what is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from controller.domain.billing import Payer
from controller.domain.call_record import RecordRules
from controller.domain.conclusion import release as release_call
from controller.domain.conclusion import take
from controller.domain.holdings import Funds, Held, Holdings
from controller.domain.ledger import SystemAccount
from controller.domain.movements import (
    Cover,
    LimitMode,
    NotMoved,
    Purse,
    change_limit,
    check_zero,
    hold,
    move,
    post_held,
    release,
)
from controller.domain.settlement import settle
from controller.domain.tariff import Tariff
from controller.domain.ticket import Ticket
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    VENDOR_ACCOUNTS,
    call_id,
    ended,
    free_lines,
    payer,
    pricing,
    ticket,
)
from tests.unit.domain.tariffs import tariffs, tax_percents

AGENT = 2
ANSWERED_S = NOW_US // 1_000_000 + 2
ZERO = Decimal(0)

money = st.decimals(0, 30, places=4)
amounts = st.decimals("0.0001", 40, places=4)
accounts = st.sampled_from([CUSTOMER, AGENT])


@dataclass
class Talk:
    """A call in progress, as the store would keep it."""

    ticket: Ticket
    granted_s: int
    held: Held


@dataclass
class FirstPhase:
    """The first phase of a movement."""

    debit: int
    credit: int | None
    amount: Decimal
    over: bool = False


class Money(RuleBasedStateMachine):
    """A customer, its agent and three vendors. `outside` is all system accounts together."""

    talks = Bundle("talks")
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings()
        self.open: dict[str, Talk] = {}
        self.held: list[FirstPhase] = []
        self.count = 0
        self.outside = ZERO

    @initialize(balances=st.tuples(money, money), limits=st.tuples(money, money))
    def start(self, balances: tuple[Decimal, Decimal], limits: tuple[Decimal, Decimal]) -> None:
        self.holdings = Holdings(
            {
                account: Funds(balance, limit, ZERO, 0, None)
                for account, balance, limit in zip((CUSTOMER, AGENT), balances, limits, strict=True)
            }
            | {v: Funds(ZERO, ZERO, ZERO, 0, None) for v in VENDOR_ACCOUNTS.values()},
            free_lines(),
        )
        self.outside = -sum(balances, ZERO)

    def purse(self, account: int | None) -> Purse:
        """None: a system account."""
        if account is None:
            return Purse(0, "cash:EUR", "EUR")
        return Purse(account, f"#{account}", "EUR", False, self.holdings.funds[account])

    def available(self) -> dict[int, Decimal]:
        return {account: self.holdings.funds[account].available for account in (CUSTOMER, AGENT)}

    @contextmanager
    def nobody_below_its_limit(self) -> Iterator[None]:
        """Whoever was above it stays above; whoever was below falls no further."""
        before = self.available()
        yield
        for account, available in self.available().items():
            assert available >= min(ZERO, before[account])

    # -- calls ------------------------------------------------------------------------------

    @rule(
        target=talks,
        own=tariffs,
        above=tariffs,
        tax=tax_percents,
        quantum_s=st.integers(1, 300),
        partial=st.booleans(),
    )
    def place(
        self, own: Tariff, above: Tariff, tax: Decimal, quantum_s: int, partial: bool
    ) -> object:
        self.count += 1
        chain = (
            payer(pricing(str(own), tax=str(tax))),
            Payer(AGENT, "agent", (pricing(str(above), account_id=AGENT),)),
        )
        made = ticket(
            "alpha", "beta", call_id=call_id(self.count), payers=chain, max_duration_s=900
        )
        before = self.available()
        outcome = admit(made, AdmissionRules(quantum_s, partial), self.holdings)
        if not isinstance(outcome, Admitted):
            assert self.available() == before
            return multiple()
        for account, available in self.available().items():
            # a call that costs nothing may be admitted by whoever is below
            assert available >= 0 or available == before[account]
        made = replace(made, payers=outcome.payers)
        talk = Talk(made, outcome.granted_s, outcome.held)
        self.open[made.call_id] = talk
        return talk

    @rule(talk=talks, quantum_s=st.integers(1, 300))
    def renew(self, talk: Talk, quantum_s: int) -> None:
        if talk.ticket.call_id not in self.open:
            return
        with self.nobody_below_its_limit():
            outcome = extend(
                talk.ticket, talk.granted_s, talk.held, quantum_s, ANSWERED_S, self.holdings
            )
        if isinstance(outcome, Admitted):
            talk.granted_s, talk.held = outcome.granted_s, outcome.held

    @rule(talk=consumes(talks), talked_s=st.none() | st.floats(0, 1_500))
    def hang_up(self, talk: Talk, talked_s: float | None) -> None:
        del self.open[talk.ticket.call_id]
        end = ended(talked_s=talked_s, call_id=talk.ticket.call_id)
        settlement = settle(talk.ticket, end, talk.granted_s, talk.held, RecordRules())
        with self.nobody_below_its_limit():
            release_call(talk.ticket, talk.held, self.holdings)
            take(talk.ticket, settlement, self.holdings)
        for posting in settlement.postings:
            self.outside -= posting.amount if isinstance(posting.debit, SystemAccount) else 0
            self.outside += posting.amount if isinstance(posting.credit, SystemAccount) else 0

    # -- movements --------------------------------------------------------------------------

    @rule(account=accounts, amount=amounts)
    def pay(self, account: int, amount: Decimal) -> None:
        assert move(self.purse(None), self.purse(account), amount, Cover.REQUIRED) is None
        self.outside -= amount

    @rule(account=accounts, amount=amounts, cover=st.sampled_from(Cover))
    def withdraw(self, account: int, amount: Decimal, cover: Cover) -> None:
        before = self.available()[account]
        done = move(self.purse(account), self.purse(None), amount, cover)
        assert (done is None) == (cover is Cover.WAIVED or amount <= before)
        if done is None:
            self.outside += amount

    @rule(source=accounts, amount=amounts)
    def transfer(self, source: int, amount: Decimal) -> None:
        target = AGENT if source == CUSTOMER else CUSTOMER
        with self.nobody_below_its_limit():
            move(self.purse(source), self.purse(target), amount, Cover.REQUIRED)

    @rule(account=accounts)
    def make_zero(self, account: int) -> None:
        purse = self.purse(account)
        if check_zero(purse) is not None:
            return
        funds = self.holdings.funds[account]
        sides = (purse, self.purse(None)) if funds.balance > 0 else (self.purse(None), purse)
        balance = funds.balance
        with self.nobody_below_its_limit():
            if balance:
                assert move(*sides, abs(balance), Cover.WAIVED) is None
        assert funds.balance == 0
        self.outside += balance

    @rule(account=accounts, mode=st.sampled_from(LimitMode), amount=money)
    def limit(self, account: int, mode: LimitMode, amount: Decimal) -> None:
        balance = self.holdings.funds[account].balance
        with self.nobody_below_its_limit():
            change_limit(self.purse(account), mode, amount, Cover.REQUIRED)
        assert self.holdings.funds[account].balance == balance

    @rule(account=accounts, mode=st.sampled_from(LimitMode), amount=money)
    def force_limit(self, account: int, mode: LimitMode, amount: Decimal) -> None:
        change_limit(self.purse(account), mode, amount, Cover.WAIVED)
        assert self.holdings.funds[account].overdraft_limit >= 0

    @rule(target=holds, account=accounts, inside=st.booleans(), amount=amounts)
    def hold(self, account: int, inside: bool, amount: Decimal) -> object:
        target = (AGENT if account == CUSTOMER else CUSTOMER) if inside else None
        before = self.available()[account]
        if isinstance(hold(self.purse(account), self.purse(target), amount), NotMoved):
            assert amount > before
            return multiple()
        assert self.available()[account] == before - amount >= 0
        held = FirstPhase(account, target, amount)
        self.held.append(held)
        return held

    @rule(held=consumes(holds), percent=st.integers(1, 100))
    def post(self, held: FirstPhase, percent: int) -> None:
        amount = held.amount * percent / 100
        with self.nobody_below_its_limit():
            debit, credit = self.purse(held.debit), self.purse(held.credit)
            assert post_held(debit, credit, held.amount, amount) is None
        held.over = True
        if held.credit is None:
            self.outside += amount

    @rule(held=consumes(holds))
    def void(self, held: FirstPhase) -> None:
        with self.nobody_below_its_limit():
            release(self.purse(held.debit), held.amount)
        held.over = True

    # -- always -----------------------------------------------------------------------------

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        balances = sum((f.balance for f in self.holdings.funds.values()), ZERO)
        assert balances + self.outside == 0

    @invariant()
    def what_is_reserved_belongs_to_calls_and_holds(self) -> None:
        for level, account in enumerate((CUSTOMER, AGENT)):
            if funds := self.holdings.funds.get(account):
                calls = (talk.held.payers[level].money for talk in self.open.values())
                held = (h.amount for h in self.held if h.debit == account and not h.over)
                assert funds.reserved == sum(calls, ZERO) + sum(held, ZERO)


Money.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMoney = Money.TestCase
