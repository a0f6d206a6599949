"""Calls that a person hangs up, from the web's services to the record (docs/adr/0023).

Each test runs on the simulator, and on FreeSWITCH where there is one. Two controllers have one
switch: only the owner acts, and where it dies or stands still, the next one does.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence import schema as t
from controller.services.actors import operator
from controller.services.views.hang_ups import CommandState, HangUps
from tests.e2e.controller_process import wait_until
from tests.e2e.records import cdrs, open_calls, wait_for_cdrs
from tests.e2e.test_takeover import (
    FREESWITCH,
    TAKEN_WITHIN_S,
    Pair,
    assert_each_charged_once,
    pair,
    tell,
)
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.wiring import web_services

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("kind", [FREESWITCH, "simulator"]),
]
OPS = operator("ops")


def desk(engine: sa.Engine) -> HangUps:
    return web_services(engine, OwnedClock(datetime.now(UTC)), PASSWORDS).hang_ups


def commands(engine: sa.Engine) -> list[tuple[Any, ...]]:
    table = t.call_commands.c
    query = sa.select(table.call_id, table.state, table.epoch).order_by(table.id)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def the_endless_call(the: Pair) -> str:
    """The one that only the switch ends: it comes from a port of its own."""
    the.exchange.call_until_hung_up_on(the.limited_port)
    the.wait_until_talking(1)
    (call,) = open_calls(the.engine)
    return str(call.call_id)


def assert_hung_up(the: Pair, call_id: str, talked_s: float) -> sa.Row[Any]:
    """Its record says so, and it was charged for as long as it lasted."""
    (record,) = [record for record in cdrs(the.engine) if record.call_id == call_id]
    assert (record.reason, record.ended_by) == ("administrator", "server")
    assert record.cause == "MANAGER_REQUEST"
    assert record.review == ""
    assert abs(record.talk_ms / 1000 - talked_s) < 1.5, (record.talk_ms, talked_s)
    return record


def test_a_call_is_hung_up_by_the_owner_alone(kind: str, database_url: str, tmp_path: Path) -> None:
    with pair(kind, database_url, tmp_path) as the:
        call_id = the_endless_call(the)
        talking_since = time.monotonic()
        the.exchange.call(2, talk_s=6)
        the.wait_until_talking(3)
        asked_at = time.monotonic()
        asked = desk(the.engine).ask(OPS, call_id)
        assert asked.state is CommandState.ASKED
        wait_for_cdrs(the.engine, 1)
        tell(f"hung up {time.monotonic() - asked_at:.2f} s after it was asked for ({kind})")
        assert time.monotonic() - asked_at < 2
        assert_hung_up(the, call_id, asked_at - talking_since)
        assert commands(the.engine) == [(call_id, "done", 1)]
        kills = [line for line in the.first_sends.sent() if line.startswith("api uuid_kill")]
        assert kills == [f"api uuid_kill {call_id} MANAGER_REQUEST"]
        assert "hung up on request" not in the.second.log()
        # the others are left alone
        the.exchange.wait()
        assert_each_charged_once(the.engine, 3)
        assert sorted(r.reason for r in cdrs(the.engine)) == ["administrator"] + ["answered"] * 2


@pytest.mark.parametrize("ill", ["killed", "frozen"])
def test_the_one_that_takes_over_does_it(
    kind: str, ill: str, database_url: str, tmp_path: Path
) -> None:
    with pair(kind, database_url, tmp_path) as the:
        call_id = the_endless_call(the)
        talking_since = time.monotonic()
        sent_before = len(the.first_sends.sent())
        if ill == "killed":
            the.first.kill()
            desk(the.engine).ask(OPS, call_id)
            wait_for_cdrs(the.engine, 1)
        else:
            with the.first.frozen():
                desk(the.engine).ask(OPS, call_id)
                wait_for_cdrs(the.engine, 1)
            the.first.wait_for_log("standing by")
        taken_s = time.monotonic() - talking_since
        assert taken_s < TAKEN_WITHIN_S + 2
        assert_hung_up(the, call_id, taken_s)
        assert commands(the.engine) == [(call_id, "done", 2)]
        assert not [line for line in the.first_sends.sent()[sent_before:] if "uuid_kill" in line]
        the.exchange.wait()
        assert_each_charged_once(the.engine, 1)


def test_without_a_controller_it_expires_and_the_call_goes_on(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    # the first grant is for all of the call's 14 s: nobody is needed who renews it
    with pair(kind, database_url, tmp_path, quantum_s=20) as the:
        call_id = the_endless_call(the)
        the.second.kill()
        the.first.kill()
        asked = desk(the.engine)
        asked.ask(OPS, call_id)
        with the.engine.begin() as connection:  # as if so long had passed
            connection.execute(t.call_commands.update().values(expires_at=sa.func.now()))
        assert asked.command(OPS, call_id).state is CommandState.EXPIRED
        the.first.start()
        wait_until(lambda: commands(the.engine) == [(call_id, "expired", 2)], "its end")
        the.exchange.wait()
        assert_each_charged_once(the.engine, 1)
        assert [record.reason for record in cdrs(the.engine)] == ["max_duration"]


def test_from_the_command_line(kind: str, database_url: str, tmp_path: Path) -> None:
    with pair(kind, database_url, tmp_path) as the:
        call_id = the_endless_call(the)
        listed = json.loads(the.first.command("calls", "list", "--json").stdout)
        assert [call["call_id"] for call in listed["calls"]] == [call_id]
        done = the.first.command("calls", "hang-up", call_id)
        assert (done.returncode, done.stdout) == (0, f"{call_id}: hung up\n"), done.stderr
        wait_for_cdrs(the.engine, 1)
        again = the.first.command("calls", "hang-up", call_id)
        assert (again.returncode, again.stderr) == (1, "tollgate: conflict: the call has ended\n")
        strange = the.first.command("calls", "hang-up", "x;rm")
        assert (strange.returncode, strange.stdout) == (2, "")
        nowhere = the.first.command("calls", "hang-up", "00000000-0000-4000-8000-000000000000")
        assert nowhere.returncode == 1
        the.exchange.wait()
        assert_each_charged_once(the.engine, 1)
