"""Real calls: SIPp, the real switch, the controller as a process, a real PostgreSQL."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.e2e.controller_process import RunningController, attempts, wait_for_cdrs
from tests.e2e.sipp import Sipp
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def running(switch: Switch, database_url: str, tmp_path: Path) -> Iterator[RunningController]:
    controller = RunningController(switch, database_url, tmp_path)
    yield controller
    controller.stop()
    switch.wait_until_idle()


def test_a_call_fails_over_is_answered_recorded_and_posted(
    running: RunningController, sipp: Sipp, engine: sa.Engine, ports: tuple[int, int]
) -> None:
    plant(engine, Seed(ports))
    running.start()
    sipp.rejecting_vendor(ports[0], 503)
    sipp.vendor("uas_answer", ports[1])
    sipp.caller("uac_call", free_port(), called="390212345678", hold_ms=2500).wait()

    (cdr,) = wait_for_cdrs(engine, 1)
    assert (cdr.reason, cdr.ended_by, cdr.sip_status, cdr.q850) == ("answered", "caller", 200, 16)
    assert (cdr.callee_received, cdr.callee_sent) == ("390212345678", "390212345678")
    assert (cdr.mapping_gateway, cdr.routing_gateway) == ("customer-trunk", "vendor-2-trunk")
    assert cdr.duration_s in (2, 3)
    assert cdr.net == Decimal("0.01") * cdr.duration_s
    assert cdr.cost == Decimal("0.005") * cdr.duration_s
    assert cdr.rate_prefix == cdr.cost_prefix == "39"
    tried = attempts(engine, cdr.call_id)
    assert [(a.gateway, a.sip_status) for a in tried] == [
        ("vendor-1-trunk", 503),
        ("vendor-2-trunk", 200),
    ]
    assert_books_balance(engine)
