"""`tollgate switch` and the doctor's view: who owns what, and the end of a switch that is gone."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.bootstrap.switches import switch_view
from controller.cli.cdr import cdr_group
from controller.cli.switch import switch_group
from controller.config import Settings
from controller.domain.lease import Lease, Owner
from controller.persistence import schema as t
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.lease_store import PostgresLeaseStore
from controller.services.actors import EVERYTHING
from controller.services.audit import AuditQuery
from controller.services.diagnosis.ownership import judge_ownership
from controller.services.doctor import Finding, Status
from tests.integration.command_line import run, settings_for
from tests.integration.placed_calls import SWITCH, Caller, end_of, write_cdr_file
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres

OWNER = Owner("00000001-0000-4000-8000-000000000000", "core-7", 4711)
OTHER = Owner("00000002-0000-4000-8000-000000000000", "core-8", 42)


@pytest.fixture
def settings(database_url: str, engine: sa.Engine, tmp_path: Path) -> Settings:
    agency = Agent("agency", {"39": "0|0:0.50/60/1"})
    plant(engine, Seed((5061, 5062), balance=Decimal(1000), agents=(agency,)))
    return settings_for(database_url, tmp_path, cdr_spool=tmp_path)


@pytest.fixture
def caller(settings: Settings, engine: sa.Engine) -> Iterator[Caller]:
    caller = Caller(engine, settings.database_url or "")
    yield caller
    caller.close()


@contextmanager
def controllers(url: str, *owners: Owner, lapse_s: float = 60.0) -> Iterator[Lease]:
    """Sessions of so many controllers; the first one has the switch."""
    loop = asyncio.new_event_loop()
    stores = [PostgresLeaseStore(url, SWITCH, 10.0) for _ in owners]
    for store in stores:
        loop.run_until_complete(store.look(SWITCH))
    lease = loop.run_until_complete(stores[0].take(SWITCH, owners[0], lapse_s, None))
    assert lease is not None
    try:
        yield lease
    finally:
        for store in stores:
            store.close()
        loop.close()


def findings(settings: Settings) -> dict[str, Finding]:
    found = judge_ownership(SWITCH, switch_view(settings).switches())
    return {finding.check: finding for finding in found}


def test_a_switch_that_nobody_has_seen(settings: Settings) -> None:
    assert run(switch_group, settings, "list").out == "no switch yet\n"
    assert findings(settings)["switch owner"].status is Status.WARN
    assert run(switch_group, settings, "retire", "no-such").status == 2


def test_an_owner_and_its_standbys(settings: Settings, caller: Caller) -> None:
    caller.admit()
    with controllers(settings.database_url or "", OWNER, OTHER, OTHER):
        (line,) = run(switch_group, settings, "list", "--json").json["switches"]
        assert (line["owner"], line["epoch"], line["controllers"]) == ("core-7 pid 4711", 1, 3)
        assert line["open_calls"] == 1
        assert 0 < line["remaining_s"] <= 60
        table = run(switch_group, settings, "list").out
        assert "core-7 pid 4711" in table
        assert "owned" in table
        found = findings(settings)
        assert found["switch owner"].status is Status.OK
        assert "core-7 pid 4711 owns switch-1" in found["switch owner"].detail
        assert "2 standing by" in found["switch owner"].detail
        assert found["calls without owner"].status is Status.OK


def test_a_switch_that_is_owned_is_not_retired(
    settings: Settings, caller: Caller, engine: sa.Engine
) -> None:
    caller.admit()
    with controllers(settings.database_url or "", OWNER):
        ran = run(switch_group, settings, "retire", SWITCH, "--yes")
    assert (ran.status, ran.err) == (1, "core-7 pid 4711 owns switch-1: stop it first")
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.calls)) == 1


def test_the_calls_of_a_switch_that_is_gone(
    settings: Settings, caller: Caller, engine: sa.Engine
) -> None:
    open_calls = [caller.admit() for _ in range(3)]
    with controllers(settings.database_url or "", OWNER, lapse_s=0.01):
        threading.Event().wait(0.05)
    warned = findings(settings)["calls without owner"]
    assert warned.status is Status.WARN
    assert "switch-1: 3 since " in warned.detail
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.sum(t.account_funds.c.reserved))) > 0
    # what its files still tell is settled first, for its true duration
    known = end_of(open_calls[0], 30)
    write_cdr_file(settings.spool_dir, known)
    assert run(cdr_group, settings, "ingest").status == 0

    ran = run(switch_group, settings, "retire", SWITCH, "--yes")
    assert ran.status == 0, ran.err
    assert open_calls[1].call_id in ran.out
    assert "switch-1 is retired; 2 calls closed" in ran.out
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(t.calls)) == 0
        assert connection.scalar(sa.select(sa.func.sum(t.account_funds.c.reserved))) == 0
        assert connection.scalar(sa.select(sa.func.sum(t.account_funds.c.lines))) == 0
        records = connection.execute(sa.select(t.cdrs).order_by(t.cdrs.c.duration_s)).all()
    assert [(r.reason, r.duration_s, r.net) for r in records] == [
        ("vanished", 0, Decimal(0)),
        ("vanished", 0, Decimal(0)),
        ("answered", 30, Decimal("0.3")),
    ]
    assert_books_balance(engine)
    review = run(cdr_group, settings, "review", "--json").json
    assert {row["call_id"] for row in review} == {call.call_id for call in open_calls[1:]}
    assert findings(settings)["calls without owner"].status is Status.OK
    assert " retired " in run(switch_group, settings, "list").out
    (line,) = PostgresAudit(engine).page(EVERYTHING, AuditQuery(kind="switch")).rows
    assert (line.action, line.name, line.changes) == (
        "retire",
        SWITCH,
        {"open calls": ("2", "0")},
    )

    # a second time there is nothing to do; and should the switch come back, it is like any other
    assert run(switch_group, settings, "retire", SWITCH, "--yes", "--json").json["closed"] == 0
    with controllers(settings.database_url or "", OTHER) as lease:
        assert lease.epoch == 4
        (line,) = run(switch_group, settings, "list", "--json").json["switches"]
        assert (line["retired_at"], line["owner"]) == (None, "core-8 pid 42")


def test_a_machine_is_not_asked_twice(settings: Settings, caller: Caller) -> None:
    caller.admit()
    assert run(switch_group, settings, "retire", SWITCH, "--json").status == 2
