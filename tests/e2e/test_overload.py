"""More calls than the database takes: new ones are refused at once, the others are untouched."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.exchange import exchange
from tests.e2e.records import cdrs, open_calls
from tests.e2e.staging import free_ports
from tests.e2e.tcp_proxy import TcpProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

FREESWITCH = pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.sipp])
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", [FREESWITCH, "simulator"])]

MOST_WAITING = 5
BEYOND = 30
PAUSE_S = 2
QUANTUM_S, TALK_S = 20, 23
RENEWED_AFTER_S = QUANTUM_S * 3 / 4
"""The rest is the time that a renewal may take: more than the standstill and the timer's second."""
PAUSE = re.compile(r"tollgate_reason=overloaded;sip_rh_Retry-After=(\d+)~respond:503")


def test_beyond_capacity_calls_are_refused_at_once_and_the_others_go_on(
    kind: str, database_url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    (vendor_port,) = free_ports(1)
    plant(engine, Seed((vendor_port,), parameters={"quantum_s": QUANTUM_S}))
    settings = {"TOLLGATE_JOURNAL_MAX_WAITING": str(MOST_WAITING)}
    with ExitStack() as stack:
        switch = stack.enter_context(exchange(kind, tmp_path / "switch", vendor_port))
        proxy = stack.enter_context(TcpProxy(switch.address.event_socket))
        address = switch.address.through(proxy.port)
        controller = RunningController(address, database_url, tmp_path, settings)
        stack.callback(controller.stop)
        controller.start()
        switch.call(5, talk_s=TALK_S)
        wait_until(lambda: len(answered_at(engine)) == 5, "the calls")
        answered = answered_at(engine)
        sleep_until(answered[0] + timedelta(seconds=RENEWED_AFTER_S - 0.6))
        with engine.begin() as standstill:
            standstill.execute(sa.text("SELECT * FROM account_funds FOR UPDATE"))
            # one is being committed, the others wait
            switch.call(1, talk_s=2)
            time.sleep(0.2)
            switch.call(MOST_WAITING, talk_s=2)
            time.sleep(0.4)
            switch.call_refused(BEYOND)
            wait_until(lambda: len(pauses(proxy)) >= BEYOND, "the refusals", 1.0)
            # and those that are talking need their next quantum meanwhile
            sleep_until(answered[-1] + timedelta(seconds=RENEWED_AFTER_S + 0.2))
            assert {c.granted_s for c in open_calls(engine) if c.answered_at} == {QUANTUM_S}
        switch.wait()
        total = 5 + 1 + MOST_WAITING + BEYOND
        wait_until(lambda: len(cdrs(engine)) == total, "all records", 20)
        records = cdrs(engine)
        shed = [record for record in records if record.reason == "overloaded"]
        assert len(shed) == BEYOND
        # they had their answer within half a second each, while nothing could be written
        assert max(record.ended_at - record.started_at for record in shed) < timedelta(seconds=0.5)
        assert {record.sip_status for record in shed} == {503}
        assert {(r.net, r.attempts, r.account_id is None) for r in shed} == {(0, 0, False)}
        served = [record for record in records if record.reason == "answered"]
        assert sorted(record.duration_s for record in served) == [2] * 6 + [TALK_S] * 5
        assert pauses(proxy) == [PAUSE_S] * BEYOND
        assert switch.pauses_s() in ([], [PAUSE_S] * BEYOND)
        assert bool(switch.pauses_s()) == (kind == "freeswitch")
        assert_books_balance(engine)


def answered_at(engine: sa.Engine) -> list[datetime]:
    return sorted(call.answered_at for call in open_calls(engine) if call.answered_at)


def sleep_until(instant: datetime) -> None:
    time.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))


def pauses(proxy: TcpProxy) -> list[int]:
    """How long those that were turned away were asked to wait, in seconds."""
    found = (PAUSE.search(command) for command in proxy.sent())
    return [int(match[1]) for match in found if match]
