"""Admission and extension on locked figures: money, lines, vendors, and the words of a refusal."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.admission import (
    AdmissionRules,
    Admitted,
    admit,
    extend,
)
from controller.domain.holdings import Funds, Holdings, Lines
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    TRUNK,
    VENDOR_ACCOUNTS,
    VENDOR_GATEWAYS,
    admitted,
    extended,
    free_lines,
    pricing,
    ticket,
)
from tests.unit.domain.builders import (
    held as holds,
)

ALPHA, BETA, GAMMA = VENDOR_GATEWAYS.values()
TEN_CENTS_A_MINUTE = "0|0:0.10/60/60"


def funds(balance: str = "10", **changes: Any) -> Funds:
    figures: dict[str, Any] = {
        "balance": Decimal(balance),
        "overdraft_limit": Decimal(0),
        "reserved": Decimal(0),
        "lines": 0,
        "capacity": None,
    }
    return Funds(**(figures | changes))


def holdings(balance: str = "10", **changes: Any) -> Holdings:
    return Holdings(
        funds={CUSTOMER: funds(balance, **changes)}
        | {account: funds("0") for account in VENDOR_ACCOUNTS.values()},
        lines=free_lines(),
    )


def call(*vendors: str, tiers: str = TEN_CENTS_A_MINUTE, **changes: Any) -> Ticket:
    return ticket(*vendors, sale=pricing(tiers), **changes)


TWO_MINUTES = AdmissionRules(quantum_s=120)


def test_b3_five_calls_are_admitted_and_the_sixth_is_refused_with_the_figures() -> None:
    """Balance 1.00, 0.10 a minute, two minutes reserved for each call (spec B3)."""
    held = holdings("1.00")
    for number in range(1, 6):
        outcome = admit(call(), TWO_MINUTES, held)
        assert outcome == admitted(120, "0.20", ALPHA, BETA, of=call()), number
    assert held.funds[CUSTOMER].available == 0
    assert admit(call(), TWO_MINUTES, held) == Refused(
        Reason.INSUFFICIENT_BALANCE, "available 0, needed 0.2 for 120 s"
    )
    assert held.funds[CUSTOMER].lines == 5
    assert held.funds[CUSTOMER].reserved == Decimal("1.00")


def test_the_overdraft_limit_is_money_too() -> None:
    held = holdings("0", overdraft_limit=Decimal("0.40"))
    assert isinstance(admit(call(), TWO_MINUTES, held), Admitted)
    assert isinstance(admit(call(), TWO_MINUTES, held), Admitted)
    assert isinstance(admit(call(), TWO_MINUTES, held), Refused)


def test_tax_is_reserved_too() -> None:
    taxed = ticket(sale=pricing(TEN_CENTS_A_MINUTE, tax="10"))
    held = holdings("0.219999")
    outcome = admit(taxed, TWO_MINUTES, held)
    assert isinstance(outcome, Refused)
    assert outcome.detail == "available 0.219999, needed 0.22 for 120 s"
    assert admit(taxed, TWO_MINUTES, holdings("0.22")) == admitted(
        120, "0.22", ALPHA, BETA, of=taxed
    )


def test_a_refusal_changes_nothing() -> None:
    for held in (
        holdings("0"),
        holdings(lines=1, capacity=1),
        _full(holdings(), ALPHA, BETA),
        _trunk_full(holdings()),
    ):
        before = repr(held)
        assert isinstance(admit(call(), TWO_MINUTES, held), Refused)
        assert repr(held) == before


def test_account_lines_are_counted() -> None:
    held = holdings(capacity=2)
    assert isinstance(admit(call(), TWO_MINUTES, held), Admitted)
    assert isinstance(admit(call(), TWO_MINUTES, held), Admitted)
    assert admit(call(), TWO_MINUTES, held) == Refused(
        Reason.ACCOUNT_CAPACITY, "account customer: 2 of 2 calls"
    )


def test_trunk_lines_are_counted() -> None:
    held = holdings()
    held.lines["mapping", TRUNK] = Lines(0, 1)
    assert isinstance(admit(call(), TWO_MINUTES, held), Admitted)
    assert admit(call(), TWO_MINUTES, held) == Refused(
        Reason.GATEWAY_CAPACITY, "gateway customer-trunk: 1 of 1 calls"
    )


def test_a_capacity_of_zero_admits_nobody() -> None:
    assert admit(call(), TWO_MINUTES, holdings(capacity=0)) == Refused(
        Reason.ACCOUNT_CAPACITY, "account customer: 0 of 0 calls"
    )


def _full(held: Holdings, *gateways: int) -> Holdings:
    for gateway in gateways:
        held.lines["routing", gateway] = Lines(3, 3)
    return held


def _trunk_full(held: Holdings) -> Holdings:
    held.lines["mapping", TRUNK] = Lines(7, 7)
    return held


def test_a_full_vendor_is_left_out_and_the_others_hold_a_line_each() -> None:
    held = _full(holdings(), ALPHA)
    assert admit(call(), TWO_MINUTES, held) == admitted(120, "0.20", BETA, of=call())
    assert held.lines["routing", ALPHA].used == 3
    assert held.lines["routing", BETA].used == 1


def test_without_any_free_vendor_the_refusal_has_their_figures() -> None:
    held = _full(holdings(), ALPHA, BETA)
    assert admit(call(), TWO_MINUTES, held) == Refused(
        Reason.NO_ROUTE_CAPACITY, "alpha: 3 of 3 lines, beta: 3 of 3 lines"
    )


def test_the_attempt_limit_counts_only_vendors_that_got_a_line() -> None:
    """G1: at most two attempts; a vendor without a free line is not one of them."""
    rules = replace(TWO_MINUTES, max_attempts=2)
    three = call("alpha", "beta", "gamma")
    everybody = admit(three, rules, holdings())
    assert isinstance(everybody, Admitted)
    assert everybody.gateway_ids == (ALPHA, BETA)
    one_full = _full(holdings(), ALPHA)
    outcome = admit(three, rules, one_full)
    assert isinstance(outcome, Admitted)
    assert outcome.gateway_ids == (BETA, GAMMA)
    assert [one_full.lines["routing", g].used for g in (ALPHA, BETA, GAMMA)] == [3, 1, 1]
    two_full = admit(three, rules, _full(holdings(), ALPHA, BETA))
    assert isinstance(two_full, Admitted)
    assert two_full.gateway_ids == (GAMMA,)


PARTIAL = [
    # balance  partial allowed   granted seconds, reserved; None: refused
    ("0.20", False, (120, "0.20")),
    ("0.19", False, None),
    ("0.19", True, (60, "0.10")),
    ("0.10", True, (60, "0.10")),
    ("0.09", True, None),
    ("0", True, None),
    ("5", True, (120, "0.20")),
]


@pytest.mark.parametrize(("balance", "allowed", "granted"), PARTIAL)
def test_a_partial_first_quantum_only_where_it_is_allowed(
    balance: str, allowed: bool, granted: tuple[int, str] | None
) -> None:
    outcome = admit(call(), replace(TWO_MINUTES, admit_partial=allowed), holdings(balance))
    if granted is None:
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.INSUFFICIENT_BALANCE
    else:
        seconds, reserved = granted
        assert outcome == admitted(seconds, reserved, ALPHA, BETA, of=call())


def test_no_more_is_granted_than_the_longest_call() -> None:
    outcome = admit(call(max_duration_s=30), TWO_MINUTES, holdings())
    assert outcome == admitted(30, "0.10", ALPHA, BETA, of=call())


def test_a_free_destination_needs_no_money_but_no_debt_either() -> None:
    free = call(tiers="0|0:0/60/60")
    assert isinstance(admit(free, TWO_MINUTES, holdings("0")), Admitted)
    assert isinstance(admit(free, TWO_MINUTES, holdings("-0.01")), Refused)


# -- extension -------------------------------------------------------------------------------

ANSWERED_S = NOW_US // 1_000_000 + 2


def renew(of: Ticket, granted_s: int, reserved: str, account: Funds) -> Admitted | Refused:
    """One more minute for a call that holds so much."""
    return extend(of, granted_s, holds(reserved), 60, ANSWERED_S, Holdings({CUSTOMER: account}))


def test_a_call_is_extended_until_the_money_is_gone() -> None:
    """0.25 at 0.10 a minute by the second: one minute, another, and half of a third."""
    ten_cents = call(tiers="0|0:0.10/60/1")
    held = holdings("0.25")
    granted = admit(ten_cents, AdmissionRules(quantum_s=60), held)
    seconds = []
    while isinstance(granted, Admitted):
        seconds.append((granted.granted_s, granted.reserved))
        granted = extend(ten_cents, granted.granted_s, granted.held, 60, ANSWERED_S, held)
    assert seconds == [
        (60, Decimal("0.1")),
        (120, Decimal("0.2")),
        (150, Decimal("0.25")),
    ]
    assert granted == Refused(Reason.INSUFFICIENT_BALANCE, "available 0.25, needed 0.35 for 210 s")
    assert held.funds[CUSTOMER].reserved == Decimal("0.25")


def test_the_longest_call_ends_by_its_own_reason() -> None:
    long_call = call(max_duration_s=150)
    account = funds("10", reserved=Decimal("0.30"))
    assert renew(long_call, 120, "0.20", account) == extended(150, "0.30", of=long_call)
    assert renew(long_call, 150, "0.30", account) == Refused(Reason.MAX_DURATION, "150 s")


def test_an_extension_inside_a_paid_increment_costs_nothing_more() -> None:
    account = funds("0.10", reserved=Decimal("0.10"))
    outcome = extend(call(), 30, holds("0.10"), 30, ANSWERED_S, Holdings({CUSTOMER: account}))
    assert outcome == extended(60, "0.10", of=call())
    assert account.available == 0


def test_a_lowered_overdraft_limit_ends_the_call_and_takes_nothing_back() -> None:
    account = funds("0", overdraft_limit=Decimal("-5"), reserved=Decimal("0.20"))
    assert isinstance(renew(call(), 120, "0.20", account), Refused)
    assert account.reserved == Decimal("0.20")


def test_only_the_money_not_reserved_by_other_calls_counts() -> None:
    account = funds("1.00", reserved=Decimal("0.95"))
    assert renew(call(), 60, "0.10", account) == Refused(
        Reason.INSUFFICIENT_BALANCE, "available 0.15, needed 0.2 for 120 s"
    )
    account = funds("1.00", reserved=Decimal("0.90"))
    assert renew(call(), 60, "0.10", account) == extended(120, "0.2", of=call())
    assert account.available == 0
