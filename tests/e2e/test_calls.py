"""The ordinary call, whole: SIPp, the real switch, the controller as a process, PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.records import (
    CALLER_HUNG_UP,
    Numbers,
    Tariff,
    assert_admitted_record,
    assert_attempts,
    attempts,
    balance,
    cdrs,
    reserved,
    wait_for_cdrs,
)
from tests.e2e.staging import Stage, free_ports, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp]


@pytest.fixture
def seed() -> Seed:
    return Seed(
        free_ports(2),
        tax_percent=Decimal(10),
        mapping={"rewrite_callee": "00:,0:39", "rewrite_caller": "+44:44"},
        routing={"rewrite_callee": "39:77#39", "rewrite_caller": "44:0"},
    )


@pytest.fixture
def stage(switch: Switch, database_url: str, tmp_path: Path, seed: Seed) -> Iterator[Stage]:
    with staged(switch, database_url, tmp_path, seed) as stage:
        yield stage


def test_a_call_fails_over_is_answered_recorded_and_posted(stage: Stage, seed: Seed) -> None:
    """With rewrite rules on both sides and tax: what came, what is rated, what goes out."""
    stage.sipp.rejecting_vendor(seed.vendor_ports[0], 503)
    vendor = stage.sipp.vendor("uas_wire", seed.vendor_ports[1])
    caller = stage.sipp.caller(
        "uac_call", free_port(), called="0212345678", caller="+442071234567", hold_ms=2_500
    )
    caller.wait()

    record = stage.record(caller)
    assert_admitted_record(
        stage.engine,
        record,
        CALLER_HUNG_UP,
        talked_s=(2, 3),
        gateway="vendor-2-trunk",
        called=Numbers("0212345678", "39212345678", "77#39212345678"),
        caller=Numbers("+442071234567", "442071234567", "02071234567"),
        tariff=Tariff(tax=Decimal("0.001")),
    )
    assert_attempts(stage.engine, record, ("vendor-1-trunk", 503), ("vendor-2-trunk", 200))
    for attempt in attempts(stage.engine, record.call_id):
        assert (attempt.caller_sent, attempt.callee_sent) == ("02071234567", "77#39212345678")
    # on the wire: `#` may not stand in a URI, so it goes out escaped
    invite = vendor.log()
    assert f"INVITE sip:77%2339212345678@127.0.0.1:{vendor.port} SIP/2.0" in invite
    assert "From: <sip:02071234567@127.0.0.1>;tag=" in invite
    assert "2071234567" not in invite.replace("02071234567", "")
    paid = record.net + record.tax
    assert balance(stage.engine, "customer") == Decimal(100) - paid
    assert balance(stage.engine, "vendor-2") == -record.cost
    assert balance(stage.engine, "vendor-1") == 0
    assert len(cdrs(stage.engine)) == 1
    assert_books_balance(stage.engine)


def test_calls_at_the_same_time_cannot_spend_the_same_money(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    """Twenty calls at once, and money for the first minute of five: five talk, the rest is told."""
    few = Seed(free_ports(1), balance=Decimal("3.10"))
    with staged(switch, database_url, tmp_path, few) as stage:
        stage.sipp.vendor("uas_answer", few.vendor_ports[0], calls=5)
        caller = stage.sipp.caller("uac_perhaps", free_port(), hold_ms=2_500, calls=20, rate=200)
        stage.wait_until_talking(5)
        assert reserved(stage.engine, "customer") == Decimal("3.00")
        caller.wait()
        records = wait_for_cdrs(stage.engine, 20)
        reasons = Counter(record.reason for record in records)
        assert reasons == {"answered": 5, "insufficient_balance": 15}
        assert {r.sip_status for r in records} == {200, 402}
        spent = sum(record.net for record in records)
        assert balance(stage.engine, "customer") == Decimal("3.10") - spent
        assert reserved(stage.engine, "customer") == 0
        assert_books_balance(stage.engine)
