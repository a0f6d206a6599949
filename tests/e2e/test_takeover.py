"""Two controllers for one switch, and two switches for one customer (docs/adr/0013).

Each test runs on the simulator, and on FreeSWITCH where there is one. Calls go on while their
controller is killed, stands still or is stopped; each is charged once, at its true duration.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence import database
from controller.persistence import schema as t
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.exchange import Exchange, exchange
from tests.e2e.records import cdrs, open_calls, postings
from tests.e2e.staging import free_ports
from tests.e2e.tcp_proxy import DatabaseProxy, TcpProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Customer, Seed, plant

FREESWITCH = pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.sipp])
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("kind", [FREESWITCH, "simulator"]),
]

QUANTUM_S = 8
CHANGES_A_CALL = re.compile(r"api (uuid_transfer|uuid_kill|uuid_setvar|sched_\w+) ")
TAKEN_WITHIN_S = 5.0


@dataclass(slots=True)
class Pair:
    """Two controllers of one switch: the first one owns it, the second one stands by."""

    first: RunningController
    second: RunningController
    first_sends: TcpProxy
    exchange: Exchange
    engine: sa.Engine
    limited_port: int

    def wait_until_talking(self, count: int) -> None:
        wait_until(
            lambda: sum(1 for call in open_calls(self.engine) if call.answered_at) >= count,
            f"{count} answered calls",
        )

    def adopted(self) -> set[str]:
        log = self.second.log()
        return set(re.findall(r'"message": "adopted", "call_id": "([0-9a-f-]+)"', log))

    def takeover_s(self, since: float) -> float:
        """Seconds until the second one has the switch, its link and all calls in progress."""
        held = {call.call_id for call in open_calls(self.engine)}
        self.second.wait_for_log("switch taken")
        self.second.wait_for_link(1)
        wait_until(lambda: self.adopted() >= held, "the adoptions")
        return time.monotonic() - since


@contextmanager
def pair(
    kind: str,
    database_url: str,
    directory: Path,
    first_url: str | None = None,
    quantum_s: int = QUANTUM_S,
) -> Iterator[Pair]:
    """`first_url`: another way to the same database, for the first one."""
    vendor_port, limited_port = free_ports(2)
    limited = Customer("limited", limited_port, gateway={"max_duration_s": 14})
    seed = Seed((vendor_port,), parameters={"quantum_s": quantum_s}, more_customers=(limited,))
    engine = database.make_engine(database_url)
    plant(engine, seed)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        switch = stack.enter_context(exchange(kind, directory / "switch", vendor_port))
        proxy = stack.enter_context(TcpProxy(switch.address.event_socket))
        controllers = []
        for name, address, url in (
            ("first", switch.address.through(proxy.port), first_url or database_url),
            ("second", switch.address, database_url),
        ):
            folder = directory / name
            folder.mkdir()
            controllers.append(RunningController(address, url, folder))
            stack.callback(controllers[-1].stop)
        first, second = controllers
        first.start()
        second.stand_by()
        yield Pair(first, second, proxy, switch, engine, limited_port)


def assert_each_charged_once(engine: sa.Engine, calls: int) -> None:
    """One record a call, one charge and one cost for its duration, and the books balance."""
    wait_until(lambda: len(cdrs(engine)) >= calls, f"{calls} records", 30)
    records = cdrs(engine)
    assert len(records) == len({record.call_id for record in records}) == calls
    for record in records:
        posted = {kind: amount for kind, _, _, amount in postings(engine, record.call_id)}
        charged = {"call_charge": record.net, "call_cost": record.cost}
        assert posted == {name: amount for name, amount in charged.items() if amount}, record
        assert record.net == Decimal("0.01") * record.billed_s
    assert open_calls(engine) == []
    assert {record.review for record in records} == {""}
    assert_books_balance(engine)


def test_a_standby_takes_over_from_a_killed_controller(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    with pair(kind, database_url, tmp_path) as the:
        the.exchange.call(10, talk_s=14)
        the.exchange.call_until_hung_up_on(the.limited_port)
        the.wait_until_talking(11)
        killed_at = time.monotonic()
        the.first.kill()
        taken_s = the.takeover_s(killed_at)
        tell(f"killed, taken over in {taken_s:.2f} s with 11 calls in progress ({kind})")
        assert taken_s < TAKEN_WITHIN_S
        the.exchange.call(1, talk_s=1)
        the.exchange.wait()
        assert_each_charged_once(the.engine, 12)
        by_reason: dict[str, list[int]] = {}
        for record in cdrs(the.engine):
            by_reason.setdefault(record.reason, []).append(record.duration_s)
        (limited_s,) = by_reason.pop("max_duration")
        assert 13 <= limited_s <= 15
        assert set(by_reason) == {"answered"}
        assert all(14 <= s <= 15 or 1 <= s <= 2 for s in by_reason["answered"]), by_reason
        assert lease(the.engine).epoch == 2


def test_an_owner_that_stood_still_does_no_harm_when_it_wakes(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    with pair(kind, database_url, tmp_path) as the:
        the.exchange.call(10, talk_s=16)
        the.exchange.call_until_hung_up_on(the.limited_port)
        the.wait_until_talking(11)
        with the.first.frozen():
            frozen_at = time.monotonic()
            taken_s = the.takeover_s(frozen_at)
            tell(f"stood still, taken over in {taken_s:.2f} s with 11 calls ({kind})")
            assert taken_s < TAKEN_WITHIN_S
            # what the first one finds when it wakes: offers, answers, ends, due renewals
            the.exchange.call(3, talk_s=1)
            time.sleep(max(0.0, frozen_at + QUANTUM_S - time.monotonic()))
            the.exchange.call(3, talk_s=1)
            sent_before = len(the.first_sends.sent())
        the.exchange.call(3, talk_s=1)
        the.first.wait_for_log("standing by")
        the.exchange.wait()
        sent = the.first_sends.sent()[sent_before:]
        assert [line for line in sent if CHANGES_A_CALL.match(line)] == []
        assert the.first.log().count('"message": "switch lost"') >= 1
        assert_each_charged_once(the.engine, 20)
        assert {record.reason for record in cdrs(the.engine)} == {"answered", "max_duration"}
        assert lease(the.engine).epoch == 2
        # and it is as good a standby as any
        the.second.kill()
        the.first.wait_for_log("switch taken", times=2)
        the.first.wait_for_link(2)
        the.exchange.call(1, talk_s=1)
        the.exchange.wait()
        assert_each_charged_once(the.engine, 21)


def test_a_stopped_owner_hands_over_at_once(kind: str, database_url: str, tmp_path: Path) -> None:
    with pair(kind, database_url, tmp_path) as the:
        the.exchange.call(5, talk_s=6)
        the.wait_until_talking(5)
        stopped_at = time.monotonic()
        the.first.children[-1].send_signal(signal.SIGTERM)
        taken_s = the.takeover_s(stopped_at)
        tell(f"stopped, taken over in {taken_s:.2f} s ({kind})")
        assert taken_s < 2.5
        assert the.first.children[-1].wait(5) == 0
        the.exchange.wait()
        assert_each_charged_once(the.engine, 5)


def test_an_owner_without_its_database_makes_room_for_the_one_that_has_it(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    """It cannot be told by the database; the switch knows that another one has come."""
    with (
        TemporaryDirectory(prefix="pg-") as short,  # the path of a local socket is short
        DatabaseProxy(database_url, Path(short)) as way,
        pair(kind, database_url, tmp_path, way.url) as the,
    ):
        the.exchange.call(5, talk_s=12)
        the.wait_until_talking(5)
        way.cut()
        cut_at = time.monotonic()
        # as long as nobody else has the switch, the first one refuses, and nobody waits for that
        the.exchange.call_refused(1)
        taken_s = the.takeover_s(cut_at)
        tell(f"cut off from its database, taken over in {taken_s:.2f} s ({kind})")
        assert taken_s < TAKEN_WITHIN_S
        the.first.wait_for_log("switch lost", timeout_s=3)
        sent_before = len(the.first_sends.sent())
        the.exchange.call(3, talk_s=1)
        the.exchange.wait()
        assert the.first_sends.sent()[sent_before:] == []
        way.mend()
        the.first.wait_for_log("standing by")
        assert_each_charged_once(the.engine, 9)
        reasons = [record.reason for record in cdrs(the.engine)]
        assert sorted(reasons) == ["answered"] * 8 + ["store_unavailable"]
        assert lease(the.engine).epoch == 2


CAPACITY = 6
CALLS_OF_MONEY = 9


@pytest.mark.parametrize("limit", ["lines", "money"])
def test_two_switches_share_one_customers_limits(
    kind: str, limit: str, database_url: str, tmp_path: Path
) -> None:
    """Calls at once on two switches with a controller each: together never over."""
    allowed = {"lines": CAPACITY, "money": CALLS_OF_MONEY}[limit]
    vendor_ports = free_ports(2)
    seed = Seed(
        vendor_ports,
        balance=Decimal("0.6") * CALLS_OF_MONEY if limit == "money" else Decimal(100),
    )
    engine = database.make_engine(database_url)
    plant(engine, seed)
    if limit == "lines":
        with engine.begin() as connection:
            connection.execute(
                t.accounts.update().where(t.accounts.c.name == "customer").values(capacity=CAPACITY)
            )
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        switches = []
        for number, vendor_port in enumerate(vendor_ports, start=1):
            folder = tmp_path / str(number)
            switches.append(stack.enter_context(exchange(kind, folder / "switch", vendor_port)))
            settings = {"TOLLGATE_SWITCH_ID": f"switch-{number}"}
            address = switches[-1].address
            controller = RunningController(address, database_url, folder, settings)
            stack.callback(controller.stop)
            controller.start()
        with watched(lambda: used(engine)) as most:
            _call_at_once(switches, 2 * allowed, talk_s=3)
            wait_until(lambda: len(cdrs(engine)) == 4 * allowed, "all records", 30)
        reasons = [record.reason for record in cdrs(engine)]
        assert max(lines for lines, _ in most) == allowed
        assert min(left for _, left in most) >= 0
        refusal = {"lines": "account_capacity", "money": "insufficient_balance"}[limit]
        assert reasons.count("answered") == allowed
        assert reasons.count(refusal) == 3 * allowed
        assert_books_balance(engine)


def _call_at_once(switches: list[Exchange], count: int, talk_s: float) -> None:
    """From both sides at the same time. Most are refused, which their callers do not expect."""
    callers = [threading.Thread(target=switch.call, args=(count, talk_s)) for switch in switches]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def used(engine: sa.Engine) -> tuple[int, Decimal]:
    """The customer's lines in use, and what is left of its money."""
    query = sa.text(
        "SELECT f.lines, f.balance + a.overdraft_limit - f.reserved FROM account_funds f"
        " JOIN accounts a ON a.id = f.account_id WHERE a.name = 'customer'"
    )
    with engine.connect() as connection:
        lines, left = connection.execute(query).one()
    return lines, left


@contextmanager
def watched(look: Callable[[], Any]) -> Iterator[list[Any]]:
    """What was seen at any time in the block."""
    seen: list[Any] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(look())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def tell(what: str) -> None:
    """For who runs the tests with -s."""
    sys.stdout.write(f"\n{what}\n")


def lease(engine: sa.Engine) -> sa.Row[Any]:
    with engine.connect() as connection:
        return connection.execute(sa.select(t.switch_leases)).one()
