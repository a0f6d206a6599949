"""From a call's end to its record and its postings: figures, reasons, and who ended it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.call_record import RecordRules, Unadmitted, at_us
from controller.domain.cdr import EndedBy
from controller.domain.events import CallEnded
from controller.domain.ledger import PostingKind, SystemAccount
from controller.domain.reasons import Reason
from controller.domain.settlement import Settlement, record_unadmitted
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    NOW_US,
    SECOND_US,
    VENDOR_ACCOUNTS,
    VENDOR_GATEWAYS,
    call_id,
    ended,
    leg_id,
    pricing,
    settled,
    ticket,
    ticket_attempt,
)

ALPHA_LEG, BETA_LEG = (leg_id(VENDOR_GATEWAYS[name]) for name in ("alpha", "beta"))
FAILSAFE: dict[str, Any] = {
    "cause": "NORMAL_TEMPORARY_FAILURE",
    "q850": 41,
    "sip_status": 0,
    "platform_reason": "controller_unavailable",
    "attempted_legs": (),
    "rang_s": None,
}


def sold(
    end: CallEnded, granted_s: int = 7200, tiers: str = "0|0:0.06/60/60", **terms: Any
) -> Settlement:
    return settled(ticket(sale=pricing(tiers, **terms)), end, granted_s)


CHARGED = [
    # talked    granted  charged for  net      cost     review
    (None, 60, 0, "0", "0", False),
    ("0.049", 60, 0, "0", "0", False),
    ("0.050", 60, 1, "0.06", "0.000333", False),
    ("10.049", 60, 10, "0.06", "0.003333", False),
    ("10.050", 60, 11, "0.06", "0.003667", False),
    ("60.049", 60, 60, "0.06", "0.02", False),
    ("61", 60, 60, "0.06", "0.020333", False),  # a timer's second of slack is ours
    ("62", 60, 60, "0.06", "0.020667", False),
    ("63", 60, 60, "0.06", "0.021", True),  # more than the slack: somebody should look
    ("600", 60, 60, "0.06", "0.2", True),
    ("119.9", 120, 120, "0.12", "0.04", False),
]


@pytest.mark.parametrize(("talked", "granted_s", "charged_s", "net", "cost", "review"), CHARGED)
def test_the_customer_pays_what_was_granted_the_vendor_gets_the_true_time(
    talked: str | None, granted_s: int, charged_s: int, net: str, cost: str, review: bool
) -> None:
    end = ended(talked_s=float(talked) if talked else None)
    cdr = sold(end, granted_s).cdr
    assert (cdr.net, cdr.cost) == (Decimal(net), Decimal(cost))
    assert min(cdr.duration_s, granted_s) == charged_s
    assert bool(cdr.review) == review


def test_the_record_shows_the_base_and_the_debit_has_the_tax() -> None:
    """B2 as a call: 250 s, 0.51 in the record, 0.561 debited."""
    result = sold(ended(talked_s=250), tiers="0|0:=0.21;180:0.15/60/60", tax="10")
    cdr = result.cdr
    assert (cdr.net, cdr.tax, cdr.billed_s, cdr.duration_s) == (
        Decimal("0.51"),
        Decimal("0.051"),
        300,
        250,
    )
    moved = [(p.kind, p.debit, p.credit, p.amount) for p in result.postings]
    assert moved == [
        (PostingKind.CALL_CHARGE, CUSTOMER, SystemAccount.REVENUE, Decimal("0.51")),
        (PostingKind.CALL_TAX, CUSTOMER, SystemAccount.TAX, Decimal("0.051")),
        (
            PostingKind.CALL_COST,
            VENDOR_ACCOUNTS["alpha"],
            SystemAccount.TERMINATION_COST,
            Decimal("0.083333"),
        ),
    ]


def test_a_vendors_tax_is_part_of_the_cost() -> None:
    attempt = ticket_attempt(
        "alpha", cost=pricing("0|0:0.02/60/1", account_id=VENDOR_ACCOUNTS["alpha"], tax="50")
    )
    result = settled(ticket(attempts=(attempt,)), ended(talked_s=60), 60)
    assert result.cdr.cost == Decimal("0.03")
    assert result.postings[-1].amount == Decimal("0.03")


def test_each_posting_is_in_the_currency_of_its_account() -> None:
    dollars = pricing("0|0:0.02/60/1", account_id=VENDOR_ACCOUNTS["alpha"], currency="USD")
    made = ticket(attempts=(ticket_attempt("alpha", cost=dollars),))
    result = settled(made, ended(talked_s=60), 60)
    assert [(p.kind.value, p.currency) for p in result.postings] == [
        ("call_charge", "EUR"),
        ("call_cost", "USD"),
    ]
    assert (result.cdr.currency, result.cdr.cost_currency) == ("EUR", "USD")


def test_a_failed_call_costs_nothing_and_still_has_its_record() -> None:
    result = sold(ended(), tiers="0.50|0:0.06/60/60")
    assert result.postings == ()
    cdr = result.cdr
    assert [cdr.net, cdr.tax, cdr.cost] == [Decimal(0)] * 3
    assert [cdr.billed_s, cdr.talk_ms] == [0, 0]
    assert (cdr.routing_gateway, cdr.attempts) == ("alpha", 1)
    assert cdr.answered_at is None
    assert (cdr.account_id, cdr.rate_prefix) == (CUSTOMER, "39")


def test_a_free_call_leaves_no_postings() -> None:
    made = ticket(
        sale=pricing("0|0:0/60/60"),
        attempts=(ticket_attempt("alpha", cost=pricing("0|0:0/60/60", account_id=11)),),
    )
    result = settled(made, ended(talked_s=60), 60)
    assert result.postings == ()
    assert result.cdr.billed_s == 60


VENDORS = [
    # connected leg  tried legs              paid to   review
    (ALPHA_LEG, (ALPHA_LEG,), "alpha", False),
    (BETA_LEG, (ALPHA_LEG, BETA_LEG), "beta", False),
    (ALPHA_LEG, (ALPHA_LEG, BETA_LEG), "alpha", False),
    ("", (ALPHA_LEG, BETA_LEG), "beta", True),  # nobody said which: the last one
    (leg_id(999), (ALPHA_LEG,), "alpha", True),
    (leg_id(999), (leg_id(999),), "", True),
    ("", (), "", True),
]


@pytest.mark.parametrize(("connected", "tried", "paid", "review"), VENDORS)
def test_the_vendor_that_answered_is_paid(
    connected: str, tried: tuple[str, ...], paid: str, review: bool
) -> None:
    result = sold(ended(talked_s=60, connected_leg=connected, attempted_legs=tried))
    assert result.cdr.routing_gateway == paid
    costs = [p for p in result.postings if p.kind is PostingKind.CALL_COST]
    assert [p.debit for p in costs] == ([VENDOR_ACCOUNTS[paid]] if paid else [])
    assert bool(result.cdr.review) == review
    assert result.cdr.attempts == len(tried)
    assert result.cdr.net == Decimal("0.06")


REASONS = [
    # how it ended                                            reason       ended by  SIP
    ({"talked_s": 60, "hangup_by_caller": True}, "answered", "caller", 200),
    ({"talked_s": 60}, "answered", "callee", 200),
    ({"cause": "USER_BUSY", "sip_status": 486}, "busy", "callee", 486),
    ({"cause": "NO_ANSWER", "sip_status": 0}, "no_answer", "callee", 480),
    ({"cause": "UNALLOCATED_NUMBER", "sip_status": 404}, "unallocated", "callee", 404),
    ({"cause": "CALL_REJECTED", "sip_status": 603}, "rejected", "callee", 603),
    ({"cause": "NORMAL_TEMPORARY_FAILURE", "sip_status": 503}, "vendor_failure", "callee", 503),
    (
        {"cause": "ORIGINATOR_CANCEL", "sip_status": 487, "hangup_by_caller": True},
        "canceled",
        "caller",
        487,
    ),
    # the fail-safe, and a caller who gave up before it or before a plan
    (FAILSAFE, "controller_unavailable", "server", 503),
    (
        FAILSAFE | {"cause": "ORIGINATOR_CANCEL", "sip_status": 487, "hangup_by_caller": True},
        "canceled",
        "caller",
        487,
    ),
    # ended by the platform: the timer is announced first, then it ends the call
    (
        {"talked_s": 60, "cause": "ALLOTTED_TIMEOUT", "platform_reason": "balance_exhausted"},
        "balance_exhausted",
        "server",
        200,
    ),
    (
        {"talked_s": 60, "cause": "ALLOTTED_TIMEOUT", "platform_reason": "max_duration"},
        "max_duration",
        "server",
        200,
    ),
    ({"talked_s": 60, "cause": "ALLOTTED_TIMEOUT"}, "not_renewed", "server", 200),
    (
        {"talked_s": 60, "cause": "MANAGER_REQUEST", "platform_reason": "administrator"},
        "administrator",
        "server",
        200,
    ),
    # announced, but a party hung up before the timer
    (
        {"talked_s": 55, "platform_reason": "balance_exhausted", "hangup_by_caller": True},
        "answered",
        "caller",
        200,
    ),
    ({"talked_s": 55, "platform_reason": "max_duration"}, "answered", "callee", 200),
    # a party chooses the cause of its own hang-up (Reason header of the BYE): it proves nothing
    (
        {"talked_s": 5, "cause": "ALLOTTED_TIMEOUT", "hangup_by_caller": True},
        "answered",
        "caller",
        200,
    ),
    (
        {"talked_s": 5, "cause": "SYSTEM_SHUTDOWN", "hangup_by_caller": True},
        "answered",
        "caller",
        200,
    ),
    (
        {"talked_s": 5, "cause": "MANAGER_REQUEST", "hangup_by_caller": True},
        "answered",
        "caller",
        200,
    ),
    # the switch was stopped, or an operator ended the call at the switch
    ({"talked_s": 60, "cause": "SYSTEM_SHUTDOWN"}, "switch_restarted", "server", 200),
    ({"talked_s": 60, "cause": "MANAGER_REQUEST"}, "administrator", "server", 200),
    ({"cause": "SYSTEM_SHUTDOWN", "sip_status": 0}, "switch_restarted", "server", 500),
    # a ring time-out has the timer's cause, too
    ({"cause": "ALLOTTED_TIMEOUT", "sip_status": 0}, "no_answer", "callee", 480),
    (
        {"cause": "ALLOTTED_TIMEOUT", "sip_status": 0, "platform_reason": "balance_exhausted"},
        "no_answer",
        "callee",
        480,
    ),
    # text on the channel that is no reason of ours, or cannot be one of an answered call
    ({"talked_s": 60, "platform_reason": "nonsense"}, "answered", "callee", 200),
    ({"talked_s": 60, "platform_reason": "controller_unavailable"}, "answered", "callee", 200),
    ({"talked_s": 60, "platform_reason": "insufficient_balance"}, "answered", "callee", 200),
]


@pytest.mark.parametrize(("how", "reason", "ended_by", "sip_status"), REASONS)
def test_reason_hangup_side_and_status(
    how: dict[str, Any], reason: str, ended_by: str, sip_status: int
) -> None:
    cdr = sold(ended(**how)).cdr
    assert (cdr.reason, cdr.ended_by, cdr.sip_status) == (reason, ended_by, sip_status)


VANISHED: dict[str, Any] = {
    "ended_us": 0,
    "cause": "",
    "q850": 0,
    "sip_status": 0,
    "connected_leg": "",
}


def test_a_call_that_vanished_is_not_charged_and_a_person_looks_at_it() -> None:
    end = ended(talked_s=1, attempted_legs=(), platform_reason="vanished", **VANISHED)
    result = sold(end, granted_s=120)
    assert result.postings == ()
    cdr = result.cdr
    assert (cdr.reason, cdr.ended_by) == (Reason.VANISHED, EndedBy.SERVER)
    assert cdr.duration_s == 0
    assert cdr.ended_at == cdr.answered_at
    assert cdr.review == (
        "no record of the end was found; talk time unknown, at most 120 s were reserved"
    )


def test_a_vanished_call_that_was_not_answered() -> None:
    end = ended(attempted_legs=(), platform_reason="switch_restarted", **VANISHED)
    cdr = sold(end).cdr
    assert (cdr.reason, cdr.sip_status) == (Reason.SWITCH_RESTARTED, 500)
    assert cdr.ended_at == cdr.started_at
    assert cdr.review.endswith("not answered")


def test_times_and_numbers_of_the_record() -> None:
    made = ticket(
        attempts=(ticket_attempt("alpha", caller="0044207", callee="7788390212"),),
        caller="44207",
        callee="390212",
    )
    end = ended(rang_s=1.5, talked_s=3.25, caller="+44207", callee="00390212")
    cdr = settled(made, end, 60).cdr
    assert cdr.started_at == datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
    assert cdr.ringing_at == datetime(2026, 3, 2, 12, 0, 1, 500_000, tzinfo=UTC)
    assert cdr.answered_at == datetime(2026, 3, 2, 12, 0, 2, tzinfo=UTC)
    assert cdr.ended_at == datetime(2026, 3, 2, 12, 0, 5, 250_000, tzinfo=UTC)
    assert (cdr.pdd_ms, cdr.talk_ms, cdr.duration_s) == (1500, 3250, 4)
    assert (cdr.caller_received, cdr.caller_rated, cdr.caller_sent) == (
        "+44207",
        "44207",
        "0044207",
    )
    assert (cdr.callee_received, cdr.callee_rated, cdr.callee_sent) == (
        "00390212",
        "390212",
        "7788390212",
    )


@pytest.mark.parametrize(
    ("rang_s", "talked_s", "pdd_ms"), [(0.02, None, 20), (None, 5, 2000), (None, None, None)]
)
def test_post_dial_delay(rang_s: float | None, talked_s: float | None, pdd_ms: int | None) -> None:
    assert sold(ended(rang_s=rang_s, talked_s=talked_s)).cdr.pdd_ms == pdd_ms


# -- postings --------------------------------------------------------------------------------


def test_a_replay_gives_the_same_record_and_the_same_ids() -> None:
    end = ended(talked_s=250)
    first, again = sold(end, tax="10"), sold(end, tax="10")
    assert first == again
    assert len({p.posting_id for p in first.postings}) == 3


def test_another_call_has_other_ids() -> None:
    one = settled(ticket(), ended(talked_s=60), 60)
    two = settled(ticket(call_id=call_id(2)), ended(talked_s=60, call_id=call_id(2)), 60)
    assert {p.posting_id for p in one.postings}.isdisjoint(p.posting_id for p in two.postings)


@given(
    st.none() | st.integers(0, 8_000 * SECOND_US),
    st.integers(1, 7_200),
    st.integers(0, 999),
    st.decimals(0, 50, places=2),
)
def test_the_debit_is_never_more_than_what_was_reserved(
    talked_us: int | None, granted_s: int, threshold_ms: int, tax: Decimal
) -> None:
    sale = pricing("0.05|0:=0.21;30:0.0601/60/6", tax=str(tax))
    end = ended(talked_s=talked_us / SECOND_US if talked_us is not None else None)
    result = settled(ticket(sale=sale), end, granted_s, threshold_ms)
    debits = [p for p in result.postings if p.debit == CUSTOMER]
    assert sum(p.amount for p in debits) == result.cdr.net + result.cdr.tax
    assert result.cdr.net + result.cdr.tax <= sale.charge(granted_s).gross
    assert all(p.amount > 0 for p in result.postings)
    assert all(isinstance(p.credit, SystemAccount) for p in result.postings)


# -- calls without a ticket ------------------------------------------------------------------


def test_a_refused_call_is_recorded_with_all_that_is_known() -> None:
    known = Unadmitted(
        Reason.INSUFFICIENT_BALANCE, CUSTOMER, "customer-trunk", (("admit", "refused", "0.00"),)
    )
    end = ended(cause="CALL_REJECTED", sip_status=0, attempted_legs=(), rang_s=None)
    result = record_unadmitted(known, end, RecordRules())
    assert result.postings == ()
    cdr = result.cdr
    assert (cdr.reason, cdr.sip_status, cdr.ended_by) == (
        Reason.INSUFFICIENT_BALANCE,
        402,
        EndedBy.SERVER,
    )
    assert (cdr.account_id, cdr.mapping_gateway, cdr.trace) == (
        CUSTOMER,
        "customer-trunk",
        (("admit", "refused", "0.00"),),
    )
    assert (cdr.caller_received, cdr.callee_received) == (CALLER, CALLEE)
    assert (cdr.net, cdr.cost) == (Decimal(0), Decimal(0))
    assert (cdr.currency, cdr.review) == ("", "")


def test_a_call_that_nobody_knows_tells_its_reason_by_itself() -> None:
    cdr = record_unadmitted(None, ended(**FAILSAFE), RecordRules()).cdr
    assert (cdr.reason, cdr.account_id, cdr.sip_status) == (
        Reason.CONTROLLER_UNAVAILABLE,
        None,
        503,
    )
    refused = replace(ended(**FAILSAFE), platform_reason="unknown_source", cause="CALL_REJECTED")
    assert record_unadmitted(None, refused, RecordRules()).cdr.reason is Reason.UNKNOWN_SOURCE


def test_an_answered_call_without_admission_is_for_a_person_to_see() -> None:
    result = record_unadmitted(None, ended(talked_s=5), RecordRules())
    assert result.cdr.review == "answered without having been admitted"
    assert result.postings == ()
    assert result.cdr.reason is Reason.ANSWERED


def test_stamps_become_times_exactly() -> None:
    assert at_us(NOW_US + 1).microsecond == 1
    assert at_us(1_795_210_778_105_833).isoformat() == "2026-11-20T21:39:38.105833+00:00"
