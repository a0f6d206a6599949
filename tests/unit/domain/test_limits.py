"""Limits of calls and of calls a second: which is named, in which order, and what it leaves."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.admission import AdmissionRules, Admitted, admit, extend
from controller.domain.billing import Payer
from controller.domain.conclusion import answered_by, release
from controller.domain.holdings import (
    SECOND_US,
    SYSTEM_LINE,
    Funds,
    Holdings,
    LineKey,
    Lines,
    MonthUse,
)
from controller.domain.limits import count_failover
from controller.domain.reasons import SIGNALS, Reason, Refused
from controller.domain.ticket import Ticket, ticket_from_json, ticket_to_json
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    TRUNK,
    VENDOR_ACCOUNTS,
    VENDOR_GATEWAYS,
    free_lines,
    payer,
    pricing,
    ticket,
    ticket_attempt,
)

ALPHA, BETA, GAMMA = VENDOR_GATEWAYS.values()
RESELLER, MASTER = 2, 3
EAST, WEST = 301, 302
PHONE = 5
ANSWERED_S = NOW_US // SECOND_US + 2
ZERO = Decimal(0)


def funds(balance: str = "10", capacity: int | None = None, subtree: int | None = None) -> Funds:
    return Funds(Decimal(balance), ZERO, ZERO, 0, capacity, 0, subtree)


def room(**changes: Any) -> Holdings:
    """Money and lines for every party, without any limit."""
    accounts = (CUSTOMER, RESELLER, MASTER, *VENDOR_ACCOUNTS.values())
    held = Holdings(
        {account: funds() for account in accounts},
        free_lines(),
        months={(PHONE, "2026-03-01"): MonthUse(ZERO, ZERO)},
        now_us=NOW_US,
    )
    held.lines[SYSTEM_LINE] = Lines(0, None)
    held.lines["phone", PHONE] = Lines(0, None)
    held.lines["phone_out", PHONE] = Lines(0, None)
    held.lines["group", EAST] = Lines(0, None, name="east")
    held.lines["group", WEST] = Lines(0, None, name="west")
    return replace(held, **changes)


def call(*vendors: str, **changes: Any) -> Ticket:
    """A phone's call below two agents, on a trunk of group east."""
    chain = (
        payer(),
        Payer(RESELLER, "reseller", (pricing(account_id=RESELLER),)),
        Payer(MASTER, "master", (pricing(account_id=MASTER),)),
    )
    made = ticket(*vendors, payers=chain, phone="442071234567", month=(PHONE, "2026-03-01"))
    return replace(made, group_ids=(EAST,), **changes)


def full(key: LineKey) -> Callable[[Holdings], None]:
    def fill(held: Holdings) -> None:
        held.lines[key].used = held.lines[key].capacity = 7

    return fill


def at_pace(key: LineKey, per_second: int) -> Callable[[Holdings], None]:
    def fill(held: Holdings) -> None:
        held.lines[key].per_second = per_second
        held.lines[key].recent = ((NOW_US - 1, per_second),)

    return fill


def of_accounts(account: int, limit: int) -> Callable[[Holdings], None]:
    def fill(held: Holdings) -> None:
        held.funds[account].subtree_lines = held.funds[account].subtree_capacity = limit

    return fill


def own_calls(held: Holdings) -> None:
    held.funds[CUSTOMER].lines = held.funds[CUSTOMER].capacity = 4


def without_money(held: Holdings) -> None:
    held.funds[CUSTOMER].balance = ZERO


RULES = AdmissionRules()
ALL_VENDORS = "alpha: 7 of 7 lines, beta: group west: 7 of 7 calls, gamma: 2 calls a second"


def no_vendor(held: Holdings) -> None:
    full(("routing", ALPHA))(held)
    full(("group", WEST))(held)
    at_pace(("routing", GAMMA), 2)(held)


IN_ORDER = [
    # what is reached                  reason                   named with its figures
    (at_pace(SYSTEM_LINE, 5), "system_cps", "5 calls a second"),
    (at_pace(("mapping", TRUNK), 3), "gateway_cps", "gateway customer-trunk: 3 calls a second"),
    (full(("phone_out", PHONE)), "phone_capacity", "phone 442071234567: 7 of 7 outgoing calls"),
    (full(("phone", PHONE)), "phone_capacity", "phone 442071234567: 7 of 7 calls"),
    (own_calls, "account_capacity", "account customer: 4 of 4 calls"),
    (of_accounts(CUSTOMER, 6), "agent_capacity", "account customer: 6 of 6 calls of its accounts"),
    (of_accounts(RESELLER, 20), "agent_capacity", "agent reseller: 20 of 20 calls of its accounts"),
    (of_accounts(MASTER, 30), "agent_capacity", "agent master: 30 of 30 calls of its accounts"),
    (full(("mapping", TRUNK)), "gateway_capacity", "gateway customer-trunk: 7 of 7 calls"),
    (full(("group", EAST)), "group_capacity", "group east: 7 of 7 calls"),
    (no_vendor, "no_route_capacity", ALL_VENDORS),
    (without_money, "insufficient_balance", "available 0, needed 0.06 for 60 s"),
]


def three_vendors() -> Ticket:
    attempts = (
        ticket_attempt("alpha"),
        ticket_attempt("beta", group_ids=(EAST, WEST)),
        ticket_attempt("gamma"),
    )
    return call(attempts=attempts)


@pytest.mark.parametrize("place", range(len(IN_ORDER)))
def test_the_first_limit_is_named_although_all_that_follow_are_reached_too(place: int) -> None:
    held = room()
    for fill, _, _ in IN_ORDER[place:]:
        fill(held)
    before = repr(held)
    _, reason, detail = IN_ORDER[place]
    assert admit(three_vendors(), RULES, held) == Refused(Reason(reason), detail)
    assert repr(held) == before
    assert SIGNALS[Reason(reason)].sip_status in (402, 503)


def test_a_call_counts_in_everything_that_it_belongs_to_and_in_nothing_after_its_end() -> None:
    held = room()
    made = three_vendors()
    outcome = admit(made, RULES, held)
    assert isinstance(outcome, Admitted)
    assert {key for key, lines in held.lines.items() if lines.used} == {
        ("mapping", TRUNK),
        ("phone", PHONE),
        ("phone_out", PHONE),
        ("routing", ALPHA),
        ("routing", BETA),
        ("routing", GAMMA),
        ("group", EAST),
        ("group", WEST),
    }
    assert {lines.used for lines in held.lines.values()} == {0, 1}
    assert [held.funds[a].subtree_lines for a in (CUSTOMER, RESELLER, MASTER)] == [1, 1, 1]
    assert [held.funds[a].lines for a in (CUSTOMER, RESELLER, MASTER)] == [1, 0, 0]
    release(made, outcome.held, held)
    assert not any(lines.used for lines in held.lines.values())
    assert not any(f.lines or f.subtree_lines or f.reserved for f in held.funds.values())


# -- agents' accounts ------------------------------------------------------------------------


def test_an_agent_is_limited_by_all_its_accounts_together() -> None:
    """Two customers below one reseller that may have three calls."""
    held = room()
    held.funds[4] = funds()
    held.funds[RESELLER].subtree_capacity = 3
    other = call(
        account_id=4,
        payers=(
            payer(pricing(account_id=4), account_id=4, name="other"),
            *call().payers[1:],
        ),
    )
    first, second, third = (admit(c, RULES, held) for c in (call(), other, call()))
    assert all(isinstance(outcome, Admitted) for outcome in (first, second, third))
    refusal = Refused(Reason.AGENT_CAPACITY, "agent reseller: 3 of 3 calls of its accounts")
    assert [admit(c, RULES, held) for c in (call(), other)] == [refusal, refusal]
    assert isinstance(second, Admitted)
    release(other, second.held, held)
    assert isinstance(admit(call(), RULES, held), Admitted)


# -- groups ----------------------------------------------------------------------------------


def test_a_call_counts_once_in_a_group_of_its_trunk_and_of_two_of_its_vendors() -> None:
    held = room()
    held.lines["group", EAST].capacity = 1
    attempts = tuple(ticket_attempt(v, group_ids=(EAST,)) for v in ("alpha", "beta"))
    outcome = admit(call(attempts=attempts), RULES, held)
    assert isinstance(outcome, Admitted)
    assert outcome.gateway_ids == (ALPHA, BETA)
    assert outcome.held.group_ids == (EAST,)
    assert held.lines["group", EAST].used == 1


def test_a_vendor_of_a_full_group_is_left_out() -> None:
    held = room()
    held.lines["group", WEST] = Lines(30, 30, name="west")
    outcome = admit(three_vendors(), RULES, held)
    assert isinstance(outcome, Admitted)
    assert outcome.gateway_ids == (ALPHA, GAMMA)
    assert held.lines["group", WEST].used == 30


ANSWERED = [
    # who answers   vendors with a line   groups in which it still counts
    (ALPHA, {ALPHA}, {EAST}),
    (BETA, {BETA}, {EAST, WEST}),
    (GAMMA, {GAMMA}, {EAST}),
    (None, {ALPHA, BETA, GAMMA}, {EAST, WEST}),
    (999, {ALPHA, BETA, GAMMA}, {EAST, WEST}),
]


@pytest.mark.parametrize(("gateway", "vendors", "groups"), ANSWERED)
def test_the_answer_frees_what_only_the_other_vendors_needed(
    gateway: int | None, vendors: set[int], groups: set[int]
) -> None:
    held = room()
    made = three_vendors()
    outcome = admit(made, RULES, held)
    assert isinstance(outcome, Admitted)
    now = answered_by(made, outcome.held, gateway, held)
    used = {key for key, lines in held.lines.items() if lines.used}
    assert {id_ for kind, id_ in used if kind == "routing"} == vendors
    assert {id_ for kind, id_ in used if kind == "group"} == groups
    assert (set(now.gateway_ids), set(now.group_ids)) == (vendors, groups)
    release(made, now, held)
    assert not any(lines.used for lines in held.lines.values())


def test_what_a_call_belongs_to_stands_in_its_ticket() -> None:
    made = call(attempts=(ticket_attempt("alpha", prepaid=True), ticket_attempt("beta")))
    assert ticket_from_json(ticket_to_json(made)) == made
    made = replace(three_vendors(), group_ids=())
    assert ticket_from_json(ticket_to_json(made)) == made


# -- calls a second --------------------------------------------------------------------------


def test_g3_the_sixth_call_within_a_second_is_refused() -> None:
    held = room()
    held.lines["mapping", TRUNK].per_second = 5
    refusal = Refused(Reason.GATEWAY_CPS, "gateway customer-trunk: 5 calls a second")
    for after_us in (0, 100_000, 100_000, 500_000, 700_000):
        held.now_us = NOW_US + after_us
        assert isinstance(admit(call(), RULES, held), Admitted)
    for after_us in (700_000, 999_999):
        held.now_us = NOW_US + after_us
        assert admit(call(), RULES, held) == refusal
    held.now_us = NOW_US + SECOND_US
    assert isinstance(admit(call(), RULES, held), Admitted)
    assert admit(call(), RULES, held) == refusal
    held.now_us = NOW_US + SECOND_US + 100_000
    assert [isinstance(admit(call(), RULES, held), Admitted) for _ in range(3)] == [
        True,
        True,
        False,
    ]
    assert sum(count for _, count in held.lines["mapping", TRUNK].recent) == 5


def test_g3_a_vendor_with_enough_calls_in_a_second_is_skipped() -> None:
    held = room()
    held.lines["routing", ALPHA].per_second = 5
    plans = []
    for _ in range(6):
        outcome = admit(call("alpha", "beta"), RULES, held)
        assert isinstance(outcome, Admitted)
        plans.append(outcome.gateway_ids)
    assert plans == [(ALPHA, BETA)] * 5 + [(BETA,)]


def test_a_second_choice_is_not_counted_until_it_is_dialed() -> None:
    held = room()
    held.lines["routing", BETA].per_second = 1
    assert isinstance(admit(call("alpha", "beta"), RULES, held), Admitted)
    assert held.lines["routing", BETA].recent == ()
    count_failover(BETA, held)
    assert held.lines["routing", BETA].recent == ((NOW_US, 1),)
    outcome = admit(call("alpha", "beta"), RULES, held)
    assert isinstance(outcome, Admitted)
    assert outcome.gateway_ids == (ALPHA,)


def test_a_refused_call_takes_nothing_of_the_second() -> None:
    held = room()
    held.lines["mapping", TRUNK].per_second = held.lines["routing", ALPHA].per_second = 1
    held.lines[SYSTEM_LINE].per_second = 1
    without_money(held)
    assert isinstance(admit(call(), RULES, held), Refused)
    held.funds[CUSTOMER].balance = Decimal(10)
    assert isinstance(admit(call(), RULES, held), Admitted)
    assert admit(call(), RULES, held) == Refused(Reason.SYSTEM_CPS, "1 calls a second")


CLOCK_SET_BACK = [
    # by              still counted
    (1, True),
    (SECOND_US - 1, True),
    (SECOND_US, False),
    (3600 * SECOND_US, False),
]


@pytest.mark.parametrize(("back_us", "counted"), CLOCK_SET_BACK)
def test_a_clock_that_is_set_back_refuses_nobody_for_long(back_us: int, counted: bool) -> None:
    lines = Lines(0, None, 1, ((NOW_US, 1),))
    assert lines.is_too_fast(NOW_US - back_us) == counted


# -- prepaid vendors -------------------------------------------------------------------------

PREPAID = [
    # 0.02 a minute by the second, 60 s granted, and 2 s that the timer may be late: 0.020667
    # balance    overdraft  reserved    held; None: the vendor is left out
    ("5", "0", "0", "0.020667"),
    ("0.020667", "0", "0", "0.020667"),
    ("0.020666", "0", "0", None),
    ("0", "0", "0", None),
    ("-1", "0", "0", None),
    ("-1", "2", "0", "0.020667"),
    ("5", "0", "4.99", None),
]


@pytest.mark.parametrize(("balance", "overdraft", "reserved", "amount"), PREPAID)
def test_a_prepaid_vendor_needs_the_money_for_the_quantum(
    balance: str, overdraft: str, reserved: str, amount: str | None
) -> None:
    held = room()
    account = VENDOR_ACCOUNTS["alpha"]
    held.funds[account] = Funds(Decimal(balance), Decimal(overdraft), Decimal(reserved), 0, None)
    attempts = (ticket_attempt("alpha", prepaid=True), ticket_attempt("beta"))
    outcome = admit(call(attempts=attempts), RULES, held)
    assert isinstance(outcome, Admitted)
    if amount is None:
        assert outcome.gateway_ids == (BETA,)
        assert outcome.held.vendors == ()
    else:
        assert outcome.gateway_ids == (ALPHA, BETA)
        assert outcome.held.vendors == ((account, Decimal(amount)),)
    assert held.funds[account].reserved == Decimal(reserved) + Decimal(amount or 0)


def test_without_money_at_the_only_vendor_the_call_is_refused_with_the_figures() -> None:
    held = room()
    held.funds[VENDOR_ACCOUNTS["alpha"]] = funds("0.01")
    made = call(attempts=(ticket_attempt("alpha", prepaid=True),))
    assert admit(made, RULES, held) == Refused(
        Reason.NO_ROUTE_CAPACITY, "alpha: available 0.01, needed 0.020667"
    )


def prepaid(vendor: str, tiers: str, vendor_account: str = "") -> Any:
    account = VENDOR_ACCOUNTS[vendor_account or vendor]
    return ticket_attempt(vendor, cost=pricing(tiers, account_id=account), prepaid=True)


def test_two_gateways_of_one_account_hold_what_the_dearer_costs() -> None:
    held = room()
    attempts = (prepaid("alpha", "0|0:0.06/60/60"), prepaid("beta", "0|0:0.02/60/60", "alpha"))
    outcome = admit(call(attempts=attempts), RULES, held)
    assert isinstance(outcome, Admitted)
    # 62 s are two started minutes
    assert outcome.held.vendors == ((VENDOR_ACCOUNTS["alpha"], Decimal("0.12")),)
    assert held.funds[VENDOR_ACCOUNTS["alpha"]].reserved == Decimal("0.12")


def test_the_answer_frees_the_money_of_the_others_and_an_extension_holds_more() -> None:
    """0.06 a minute: 2 minutes held for 60 s, 3 for 120 s; then the money is used up."""
    held = room()
    alpha, beta = VENDOR_ACCOUNTS["alpha"], VENDOR_ACCOUNTS["beta"]
    held.funds[beta] = funds("0.18")
    attempts = (prepaid("alpha", "0|0:0.06/60/60"), prepaid("beta", "0|0:0.06/60/60"))
    made = call(attempts=attempts)
    outcome = admit(made, RULES, held)
    assert isinstance(outcome, Admitted)
    assert [held.funds[a].reserved for a in (alpha, beta)] == [Decimal("0.12")] * 2
    now = answered_by(made, outcome.held, BETA, held)
    assert [held.funds[a].reserved for a in (alpha, beta)] == [ZERO, Decimal("0.12")]
    more = extend(made, outcome.granted_s, now, 60, ANSWERED_S, held)
    assert isinstance(more, Admitted)
    assert (more.granted_s, held.funds[beta].available) == (120, ZERO)
    # the third minute is paid for but for the moment that the timer may be late
    last = extend(made, more.granted_s, more.held, 60, ANSWERED_S, held)
    assert isinstance(last, Admitted)
    assert (last.granted_s, held.funds[beta].available) == (178, ZERO)
    assert extend(made, last.granted_s, last.held, 60, ANSWERED_S, held) == Refused(
        Reason.VENDOR_BALANCE_EXHAUSTED,
        "vendor beta: available 0.18, needed 0.24 for 238 s",
    )
    release(made, last.held, held)
    assert held.funds[beta].reserved == 0
