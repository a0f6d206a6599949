"""A plan that could not be carried out cannot be made."""

from dataclasses import replace

import pytest

from controller.domain.plan import STOP_CAUSES, Attempt, Connect, Media
from tests.unit.domain.builders import CALLEE, CALLER, call_id, leg_id

ATTEMPT = Attempt(
    1, leg_id(), 201, "alpha", "alpha.example", 5060, "udp", CALLER, CALLEE, Media(), 30, 10
)
PLAN = Connect(call_id(), 60, (ATTEMPT,), STOP_CAUSES, Media())


@pytest.mark.parametrize("granted_s", [0, -1])
def test_a_plan_grants_at_least_a_second(granted_s: int) -> None:
    with pytest.raises(ValueError, match="second"):
        replace(PLAN, granted_s=granted_s)


def test_a_plan_has_at_least_an_attempt() -> None:
    with pytest.raises(ValueError, match="attempt"):
        replace(PLAN, attempts=())


def test_busy_and_no_answer_end_the_hunt_by_default() -> None:
    assert {"USER_BUSY", "NO_ANSWER"} <= set(STOP_CAUSES)
    assert "NORMAL_TEMPORARY_FAILURE" not in STOP_CAUSES
