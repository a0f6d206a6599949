"""The one table of reasons: stable ids, and what each is in SIP and Q.850."""

import pytest

from controller.domain.reasons import (
    PLATFORM_ENDINGS,
    REFUSALS,
    SIGNALS,
    Reason,
    reason_from_id,
    reason_of_cause,
)

FROZEN = [
    "unknown_source",
    "gateway_locked",
    "invalid_callee",
    "account_locked",
    "account_expired",
    "account_closed",
    "phone_locked",
    "no_rate_group",
    "no_matching_rate",
    "no_call_permission",
    "no_route",
    "no_route_capacity",
    "insufficient_balance",
    "monthly_maximum",
    "account_capacity",
    "gateway_capacity",
    "store_unavailable",
    "overloaded",
    "controller_unavailable",
    "internal_error",
    "phone_capacity",
    "agent_capacity",
    "group_capacity",
    "gateway_cps",
    "system_cps",
    "destination_denied",
    "balance_exhausted",
    "monthly_maximum_reached",
    "max_duration",
    "not_renewed",
    "administrator",
    "switch_restarted",
    "vanished",
    "vendor_balance_exhausted",
    "answered",
    "busy",
    "no_answer",
    "canceled",
    "rejected",
    "unallocated",
    "unreachable",
    "codec_mismatch",
    "vendor_failure",
]


def test_ids_are_stable() -> None:
    """They stand in stored CDRs: add new ones at the end of their group, never change one."""
    assert [str(reason) for reason in Reason] == FROZEN


WIRE = {
    # reason                 SIP  Q.850
    "unknown_source": (403, 21),
    "gateway_locked": (403, 21),
    "invalid_callee": (484, 28),
    "account_locked": (403, 21),
    "account_expired": (403, 21),
    "account_closed": (403, 21),
    "phone_locked": (403, 21),
    "no_rate_group": (503, 41),
    "no_matching_rate": (503, 41),
    "no_call_permission": (403, 21),
    "no_route": (503, 41),
    "no_route_capacity": (503, 41),
    "insufficient_balance": (402, 21),
    "monthly_maximum": (402, 21),
    "account_capacity": (503, 41),
    "gateway_capacity": (503, 41),
    "store_unavailable": (503, 41),
    "overloaded": (503, 41),
    "controller_unavailable": (503, 41),
    "internal_error": (500, 41),
    "phone_capacity": (503, 41),
    "agent_capacity": (503, 41),
    "group_capacity": (503, 41),
    "gateway_cps": (503, 41),
    "system_cps": (503, 41),
    "destination_denied": (403, 21),
    "balance_exhausted": (200, 16),
    "monthly_maximum_reached": (200, 16),
    "max_duration": (200, 16),
    "not_renewed": (200, 41),
    "administrator": (200, 16),
    "switch_restarted": (500, 41),
    "vanished": (500, 41),
    "vendor_balance_exhausted": (200, 16),
    "answered": (200, 16),
    "busy": (486, 17),
    "no_answer": (480, 19),
    "canceled": (487, 16),
    "rejected": (603, 21),
    "unallocated": (404, 1),
    "unreachable": (480, 20),
    "codec_mismatch": (488, 88),
    "vendor_failure": (503, 34),
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_signal(reason: Reason) -> None:
    signal = SIGNALS[reason]
    assert (signal.sip_status, signal.q850) == WIRE[reason]
    assert 200 <= signal.sip_status <= 699
    assert 1 <= signal.q850 <= 127
    assert signal.text
    assert signal.sip_phrase.isascii()
    assert signal.sip_phrase.replace(" ", "").isalpha()


def test_a_refusal_is_a_failure_on_the_wire() -> None:
    assert all(SIGNALS[reason].sip_status >= 400 for reason in REFUSALS)
    assert {str(reason) for reason in REFUSALS} == set(FROZEN[: FROZEN.index("balance_exhausted")])
    assert not REFUSALS & PLATFORM_ENDINGS
    assert Reason.ANSWERED not in PLATFORM_ENDINGS


@pytest.mark.parametrize("reason", list(Reason))
def test_ids_are_read_back(reason: Reason) -> None:
    assert reason_from_id(str(reason)) is reason


@pytest.mark.parametrize("text", ["", "ANSWERED", "answered ", "nonsense", "Reason.BUSY"])
def test_other_text_is_no_reason(text: str) -> None:
    assert reason_from_id(text) is None


CAUSES = [
    # the switch's cause       before the answer       after it
    ("USER_BUSY", "busy", "answered"),
    ("NO_ANSWER", "no_answer", "answered"),
    ("NO_USER_RESPONSE", "no_answer", "answered"),
    ("ALLOTTED_TIMEOUT", "no_answer", "not_renewed"),
    ("PROGRESS_TIMEOUT", "vendor_failure", "answered"),
    ("ORIGINATOR_CANCEL", "canceled", "answered"),
    ("CALL_REJECTED", "rejected", "answered"),
    ("UNALLOCATED_NUMBER", "unallocated", "answered"),
    ("NO_ROUTE_DESTINATION", "unallocated", "answered"),
    ("SUBSCRIBER_ABSENT", "unreachable", "answered"),
    ("USER_NOT_REGISTERED", "unreachable", "answered"),
    ("INCOMPATIBLE_DESTINATION", "codec_mismatch", "answered"),
    ("SYSTEM_SHUTDOWN", "switch_restarted", "switch_restarted"),
    ("NORMAL_TEMPORARY_FAILURE", "vendor_failure", "answered"),
    ("NORMAL_CLEARING", "vendor_failure", "answered"),
    ("", "vendor_failure", "answered"),
    ("A_CAUSE_OF_TOMORROW", "vendor_failure", "answered"),
]


@pytest.mark.parametrize(("cause", "before", "after"), CAUSES)
def test_reasons_of_causes(cause: str, before: str, after: str) -> None:
    assert reason_of_cause(cause, answered=False) == before
    assert reason_of_cause(cause, answered=True) == after
