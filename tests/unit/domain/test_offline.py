"""Calls without the database: what an account's terms let through, and what they never do."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.authorization import Authorized, authorize
from controller.domain.billing import FreeUse
from controller.domain.call_record import RecordRules
from controller.domain.configuration import OfflineTerms
from controller.domain.offline import OfflineBooks, OfflineRules, offline_rules
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket
from controller.domain.trace import Trace
from tests.unit.domain.builders import (
    CUSTOMER,
    CUSTOMER_ACCOUNT,
    NOW,
    TRUNK,
    VENDOR_GATEWAYS,
    World,
    call_id,
    ended,
    leg_id,
    offered,
    payer,
    pricing,
    ticket,
    ticket_attempt,
)

RULES = AdmissionRules()
RECORDS = RecordRules()
AGENT = 2
CENT_A_SECOND = pricing("0|0:0.60/60/1")
AGENTS_PRICE = pricing("0|0:0.30/60/1", account_id=AGENT)


def terms(calls: int = 5, minutes: int = 2, money: str = "10") -> OfflineTerms:
    return OfflineTerms(calls, minutes, Decimal(money))


def rules(own: OfflineTerms | None = None, **others: Any) -> OfflineRules:
    return replace(OfflineRules({CUSTOMER: own or terms()}, None, {}), **others)


def call(number: int = 1, **changes: Any) -> Ticket:
    changes.setdefault("sale", CENT_A_SECOND)
    return ticket(call_id=call_id(number), **changes)


def admit(books: OfflineBooks, number: int = 1, own: OfflineTerms | None = None) -> Any:
    return books.admit(call(number), RULES, rules(own))


def refusal(why: str) -> Refused:
    return Refused(Reason.STORE_UNAVAILABLE, f"without the database: {why}")


# -- what the terms say ----------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "longest_s", "granted_s"), [(2, 7200, 120), (10, 90, 90)])
def test_a_call_is_granted_the_minutes_of_the_terms_and_no_more_than_any_call(
    minutes: int, longest_s: int, granted_s: int
) -> None:
    made = call(max_duration_s=longest_s)
    outcome = OfflineBooks().admit(made, RULES, rules(terms(minutes=minutes)))
    assert isinstance(outcome, Admitted)
    assert (outcome.granted_s, outcome.offline) == (granted_s, True)
    assert outcome.reserved == Decimal("0.01") * granted_s
    assert outcome.gateway_ids == (VENDOR_GATEWAYS["alpha"], VENDOR_GATEWAYS["beta"])


def test_so_many_calls_at_a_time() -> None:
    books = OfflineBooks()
    two = terms(calls=2)
    assert [admit(books, number, two).granted_s for number in (1, 2)] == [120, 120]
    full = refusal("agent_capacity: account customer: 2 of 2 calls of its accounts")
    assert admit(books, 3, two) == full
    books.end(ended(call_id=call_id(1)), RECORDS)
    assert isinstance(admit(books, 3, two), Admitted)


def test_so_much_money_of_which_ended_calls_keep_what_they_cost() -> None:
    """1.20 for two minutes; 30 s cost 0.30, and a call that nobody answered nothing."""
    books = OfflineBooks()
    own = terms(money="2.50")
    assert isinstance(admit(books, 1, own), Admitted)
    assert isinstance(admit(books, 2, own), Admitted)
    poor = refusal("insufficient_balance: available {}, needed 1.2 for 120 s")
    assert admit(books, 3, own).detail == poor.detail.format("0.1")
    books.end(ended(call_id=call_id(1), talked_s=30), RECORDS)
    assert admit(books, 3, own).detail == poor.detail.format("1")
    for _ in range(2):  # told twice, as an event and by the file
        books.end(ended(call_id=call_id(2)), RECORDS)
    assert isinstance(admit(books, 3, own), Admitted)
    assert admit(books, 4, own).detail == poor.detail.format("1")
    # the database knows what it cost: that is its business now
    books.forget(call_id(1))
    assert isinstance(admit(books, 4, own), Admitted)


def test_less_than_the_minutes_where_the_platform_grants_parts() -> None:
    part = replace(RULES, admit_partial=True)
    outcome = OfflineBooks().admit(call(), part, rules(terms(money="0.45")))
    assert isinstance(outcome, Admitted)
    assert outcome.granted_s == 45


def test_every_agent_above_has_terms_of_its_own() -> None:
    """Both customers of the agent count in its calls and its money."""
    books = OfflineBooks()
    chain = (payer(CENT_A_SECOND), payer(AGENTS_PRICE, account_id=AGENT, name="agent"))
    above = rules(terms=({CUSTOMER: terms(), AGENT: terms(minutes=1, money="0.5")}))
    first = books.admit(call(1, payers=chain, sale=None), RULES, above)
    assert isinstance(first, Admitted)
    assert first.granted_s == 60
    assert books.admit(call(2, payers=chain, sale=None), RULES, above) == refusal(
        "insufficient_balance: agent agent: available 0.2, needed 0.3 for 60 s"
    )


# -- what nobody knows without the database --------------------------------------------------


def test_prepaid_vendors_are_left_out() -> None:
    prepaid, other = ticket_attempt("alpha", prepaid=True), ticket_attempt("beta")
    books = OfflineBooks()
    outcome = books.admit(call(1, attempts=(prepaid, other)), RULES, rules())
    assert isinstance(outcome, Admitted)
    assert outcome.gateway_ids == (VENDOR_GATEWAYS["beta"],)
    outcome = books.admit(call(2, attempts=(prepaid,)), RULES, rules())
    assert isinstance(outcome, Refused)
    assert "no_route_capacity: alpha: available 0, needed" in outcome.detail


def test_a_phone_with_a_monthly_maximum_waits_for_the_database() -> None:
    limited = call(phone="0612345678", month=(7, "2026-03-01"), monthly_maximum=Decimal(5))
    assert OfflineBooks().admit(limited, RULES, rules()) == refusal(
        "the month of phone 0612345678 is not known"
    )
    free = replace(limited, monthly_maximum=None)
    assert isinstance(OfflineBooks().admit(free, RULES, rules()), Admitted)


def test_free_seconds_and_gifts_stay_where_they_are() -> None:
    gifted = payer(CENT_A_SECOND, free=(FreeUse(3, 9, 60),), gifts=(9,), packages=(9,))
    outcome = OfflineBooks().admit(call(payers=(gifted,), sale=None), RULES, rules())
    assert isinstance(outcome, Admitted)
    assert outcome.reserved == Decimal("1.20")
    (without,) = outcome.payers
    assert (without.free, without.gifts, without.packages) == ((), (), (9,))


def test_lines_are_limited_by_what_went_through_here() -> None:
    capacities = {("mapping", TRUNK): 5, ("routing", VENDOR_GATEWAYS["alpha"]): 1}
    offline = rules(capacity=2, capacities=capacities)
    books = OfflineBooks()
    outcomes = [books.admit(call(number), RULES, offline) for number in (1, 2, 3)]
    vendors = [o.gateway_ids for o in outcomes if isinstance(o, Admitted)]
    alpha, beta = VENDOR_GATEWAYS["alpha"], VENDOR_GATEWAYS["beta"]
    assert vendors == [(alpha, beta), (beta,)]
    assert outcomes[2] == refusal("account_capacity: account customer: 2 of 2 calls")


# -- who has terms ---------------------------------------------------------------------------


def decided(world: World) -> Any:
    decision = authorize(offered(), world.configuration(), NOW, Trace())
    assert isinstance(decision, Authorized)
    return offline_rules(world.configuration(), decision)


def test_an_account_without_terms_waits_for_the_database() -> None:
    assert decided(World()) is None


def test_the_rules_are_those_of_the_configuration() -> None:
    world = World(customer=replace(CUSTOMER_ACCOUNT, offline=terms(minutes=3), capacity=7))
    world.change_gateway("beta", capacity=4)
    found = decided(world)
    assert (found.terms, found.capacity, found.longest_s) == ({1: terms(minutes=3)}, 7, 180)
    assert found.capacities == {
        ("mapping", TRUNK): None,
        ("routing", 201): None,
        ("routing", 202): 4,
    }


def test_an_agent_without_terms_keeps_all_below_it_waiting() -> None:
    agent = replace(CUSTOMER_ACCOUNT, account_id=AGENT, name="agent")
    customer = replace(CUSTOMER_ACCOUNT, offline=terms(), parent_id=AGENT)
    assert decided(World(customer=customer, agents=[agent])) is None
    assert decided(World(customer=customer, agents=[replace(agent, offline=terms())])) is not None


# -- always ----------------------------------------------------------------------------------


class OfflineMachine(RuleBasedStateMachine):
    """Whatever begins, ends and is told: never more calls or money than the terms say."""

    CALLS, MONEY = 3, Decimal("3.00")

    def __init__(self) -> None:
        super().__init__()
        self.books = OfflineBooks()
        self.number = 0
        self.talking: dict[int, Decimal] = {}
        self.over: dict[int, Decimal] = {}

    @rule(minutes=st.integers(1, 3), partial=st.booleans())
    def offer(self, minutes: int, *, partial: bool) -> None:
        self.number += 1
        own = OfflineTerms(self.CALLS, minutes, self.MONEY)
        outcome = self.books.admit(
            call(self.number), replace(RULES, admit_partial=partial), rules(own)
        )
        if isinstance(outcome, Admitted):
            self.talking[self.number] = outcome.reserved
        else:
            needed = Decimal("0.01") if partial else Decimal("0.60") * minutes
            assert len(self.talking) == self.CALLS or self.spent + needed > self.MONEY

    @precondition(lambda self: self.talking)
    @rule(data=st.data(), talked_s=st.none() | st.integers(1, 400))
    def end(self, data: st.DataObject, talked_s: int | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.talking)))
        held = self.talking.pop(number)
        leg = leg_id(VENDOR_GATEWAYS["alpha"])
        self.books.end(
            ended(call_id=call_id(number), talked_s=talked_s, connected_leg=leg), RECORDS
        )
        # a call pays at most for what it was granted
        self.over[number] = min(held, Decimal("0.01") * (talked_s or 0))

    @precondition(lambda self: self.talking or self.over)
    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted([*self.talking, *self.over])))
        self.talking.pop(number, None)
        self.over.pop(number, None)
        self.books.forget(call_id(number))
        self.books.end(ended(call_id=call_id(number), talked_s=9), RECORDS)

    @property
    def spent(self) -> Decimal:
        return sum((*self.talking.values(), *self.over.values()), Decimal(0))

    @invariant()
    def within_the_terms(self) -> None:
        assert len(self.talking) <= self.CALLS
        assert self.spent <= self.MONEY
        assert len(self.books) == len(self.talking) + len(self.over)


OfflineMachine.TestCase.settings = settings(max_examples=60, deadline=None)
TestOfflineMachine = OfflineMachine.TestCase
