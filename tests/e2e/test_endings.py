"""How calls come to end, by every side, on a real switch: the record, the money, the wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.e2e.records import (
    BUSY,
    CALLEE_HUNG_UP,
    CALLER_HUNG_UP,
    CANCELED,
    NO_ANSWER,
    UNALLOCATED,
    VENDOR_FAILURE,
    Ending,
    assert_admitted_record,
    assert_attempts,
    open_calls,
)
from tests.e2e.sipp import LOOPBACK, SippProcess
from tests.e2e.staging import Stage, free_ports, fresh_database, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]

FIRST, SECOND = "vendor-1-trunk", "vendor-2-trunk"


@pytest.fixture(scope="module")
def stage(
    switch: Switch, server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Two vendors, at ports where each test puts its own SIPp; they may ring for 2 s."""
    seed = Seed(free_ports(2), ring_timeout_s=2, routing={"progress_timeout_s": 2})
    with (
        fresh_database(server_url, template_url) as url,
        staged(switch, url, tmp_path_factory.mktemp("endings"), seed) as stage,
    ):
        yield stage


@pytest.fixture(autouse=True)
def _clean(stage: Stage) -> Iterator[None]:
    """After each test: no vendor left at the ports, no call open, and the books balance."""
    yield
    stage.sipp.close()
    assert open_calls(stage.engine) == []
    assert_books_balance(stage.engine)


def _final_status(caller: SippProcess) -> int:
    caller.wait()
    (refusal,) = caller.refusals()
    return refusal.status


# ---- by a party


def test_the_callee_hangs_up(stage: Stage) -> None:
    stage.sipp.vendor("uas_hangup", stage.vendor_ports[0], hold_ms=1_200)
    caller = stage.sipp.caller("uac_until_bye", free_port())
    caller.wait()
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLEE_HUNG_UP, talked_s=(1, 2))
    assert_attempts(stage.engine, record, (FIRST, 200))


def test_the_caller_hangs_up_and_waited_for_the_answer(stage: Stage) -> None:
    stage.sipp.vendor("uas_answer", stage.vendor_ports[0], hold_ms=1_000)
    caller = stage.sipp.caller("uac_call", free_port(), hold_ms=1_200)
    caller.wait()
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(1, 2))
    assert record.pdd_ms < 900, "post-dial delay ends with the ringing, not with the answer"
    waited = record.answered_at - record.started_at
    assert 0.9 < waited.total_seconds() < 2.5
    assert_attempts(stage.engine, record, (FIRST, 200))


def test_the_caller_cancels_while_it_rings(stage: Stage) -> None:
    stage.sipp.vendor("uas_ring", stage.vendor_ports[0])
    caller = stage.sipp.caller("uac_cancel", free_port(), hold_ms=700)
    caller.wait()
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CANCELED)
    assert_attempts(stage.engine, record, (FIRST, 487))


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (486, BUSY),
        (404, UNALLOCATED),
        (603, Ending("rejected", "callee", "CALL_REJECTED", 21, 603)),
    ],
)
def test_a_verdict_about_the_number_ends_the_hunt(stage: Stage, code: int, ending: Ending) -> None:
    stage.sipp.rejecting_vendor(stage.vendor_ports[0], code)
    spared = stage.sipp.vendor("uas_wire", stage.vendor_ports[1])
    caller = stage.sipp.caller("uac_refused", free_port())
    assert _final_status(caller) == code
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, ending, rang=False)
    assert_attempts(stage.engine, record, (FIRST, code))
    assert spared.log() == ""


def test_ringing_too_long_ends_the_hunt(stage: Stage) -> None:
    """The called party's phone rang: another vendor would ring the same phone again."""
    stage.sipp.vendor("uas_ring", stage.vendor_ports[0])
    spared = stage.sipp.vendor("uas_wire", stage.vendor_ports[1])
    caller = stage.sipp.caller("uac_refused", free_port())
    assert _final_status(caller) == 480
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, NO_ANSWER)
    assert_attempts(stage.engine, record, (FIRST, 487))
    assert spared.log() == ""


# ---- by vendors


@pytest.mark.parametrize("code", [480, 488, 500, 503])
def test_a_vendors_failure_goes_on_to_the_next(stage: Stage, code: int) -> None:
    stage.sipp.rejecting_vendor(stage.vendor_ports[0], code)
    stage.sipp.vendor("uas_answer", stage.vendor_ports[1])
    caller = stage.sipp.caller("uac_call", free_port(), hold_ms=300)
    caller.wait()
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(0, 1), gateway=SECOND)
    assert_attempts(stage.engine, record, (FIRST, code), (SECOND, 200))


def test_a_vendor_that_says_nothing_is_left_for_the_next(stage: Stage) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, stage.vendor_ports[0]))
        stage.sipp.vendor("uas_answer", stage.vendor_ports[1])
        caller = stage.sipp.caller("uac_call", free_port(), hold_ms=300)
        caller.wait()
        record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(0, 1), gateway=SECOND)
    assert 1_900 < record.pdd_ms < 4_000
    assert_attempts(stage.engine, record, (FIRST, 487), (SECOND, 200))


def test_a_vendor_whose_port_is_dead_is_left_for_the_next(stage: Stage) -> None:
    stage.sipp.vendor("uas_answer", stage.vendor_ports[1])
    caller = stage.sipp.caller("uac_call", free_port(), hold_ms=300)
    caller.wait()
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(0, 1), gateway=SECOND)
    assert_attempts(stage.engine, record, (FIRST, 503), (SECOND, 200))
    assert record.pdd_ms < 2_000


def test_every_vendor_fails(stage: Stage) -> None:
    stage.sipp.rejecting_vendor(stage.vendor_ports[0], 500)
    stage.sipp.rejecting_vendor(stage.vendor_ports[1], 503)
    caller = stage.sipp.caller("uac_refused", free_port())
    assert _final_status(caller) == 503
    record = stage.record(caller)
    assert_admitted_record(stage.engine, record, VENDOR_FAILURE, gateway=SECOND, rang=False)
    assert_attempts(stage.engine, record, (FIRST, 500), (SECOND, 503))
