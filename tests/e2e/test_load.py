"""A thousand real calls through failover, and the same with the controller killed in between."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.persistence import schema as t
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.records import attempts, cdrs
from tests.e2e.sipp import Sipp
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp, pytest.mark.slow, pytest.mark.timeout(240)]

CALLS = 1000
RATE = 40


@pytest.fixture
def running(switch: Switch, database_url: str, tmp_path: Path) -> Iterator[RunningController]:
    controller = RunningController(switch, database_url, tmp_path)
    yield controller
    controller.stop()
    switch.wait_until_idle(30)


def test_every_call_is_recorded_exactly_once(
    running: RunningController, switch: Switch, sipp: Sipp, engine: sa.Engine
) -> None:
    ports = (free_port(), free_port())
    plant(engine, Seed(ports, balance=Decimal(1000)))
    running.start()
    sipp.rejecting_vendor(ports[0], 503, calls=CALLS)
    sipp.vendor("uas_answer", ports[1], calls=CALLS)
    sipp.caller("uac_call", free_port(), hold_ms=2000, calls=CALLS, rate=RATE).wait(120)

    wait_until(lambda: _count(engine, t.cdrs) == CALLS, f"{CALLS} CDRs", 20)
    with engine.connect() as connection:
        answered = connection.execute(
            sa.text(
                "SELECT count(DISTINCT call_id), count(*) FILTER (WHERE reason = 'answered'),"
                " sum(net), sum(cost) FROM cdrs"
            )
        ).one()
        posted = connection.execute(
            sa.text(
                "SELECT kind, sum(amount) FROM postings WHERE call_id IS NOT NULL"
                " GROUP BY kind ORDER BY kind"
            )
        ).all()
    assert answered[:2] == (CALLS, CALLS)
    assert posted == [("call_charge", answered[2]), ("call_cost", answered[3])]
    assert _count(engine, t.call_attempts) == 2 * CALLS
    assert_books_balance(engine)
    assert switch.cdr_files() == []


def test_a_killed_controller_loses_and_doubles_nothing(
    running: RunningController, sipp: Sipp, engine: sa.Engine
) -> None:
    """Killed in the middle, started again 3 s later: calls of the gap fail safe, none is lost."""
    ports = (free_port(), free_port())
    plant(engine, Seed(ports, balance=Decimal(1000)))
    running.start()
    sipp.rejecting_vendor(ports[0], 503, calls=CALLS)
    sipp.vendor("uas_answer", ports[1], calls=CALLS)
    caller = sipp.caller("uac_call", free_port(), hold_ms=4000, calls=CALLS, rate=RATE)
    killer = threading.Thread(target=_kill_and_restart, args=(running,))
    killer.start()
    killer.join()
    caller.child.wait(120)

    # what happened while nobody watched comes from the switch's CDR files, after a grace
    wait_until(lambda: _count(engine, t.cdrs) >= CALLS, f"{CALLS} CDRs", 45)
    wait_until(lambda: _count(engine, t.calls) == 0, "no open call", 45)
    records = cdrs(engine)
    assert len(records) == len({record.call_id for record in records}) == CALLS
    assert "answered" in {record.reason for record in records}
    # a machine that is busy with other things may turn some away while it catches up
    turned_away = {"controller_unavailable", "store_unavailable", "overloaded"}
    others = [r for r in records if r.reason not in {"answered", "vanished"} | turned_away]
    assert [(record, attempts(engine, record.call_id)) for record in others] == []
    talked = [r for r in records if r.duration_s]
    assert all(r.net == Decimal("0.01") * min(r.duration_s, 60) for r in talked)
    assert_books_balance(engine)
    assert {r.review for r in records} == {""}


def _kill_and_restart(running: RunningController) -> None:
    time.sleep(10)
    running.kill()
    time.sleep(3)
    running.start()


def _count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
