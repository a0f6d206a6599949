"""Limits as callers meet them: each refusal says which limit it was, and its figures.

Each case runs on the simulator, and on FreeSWITCH where there is one. That no limit is ever passed,
whoever races, is shown on the database (tests/integration/test_limits.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence import database
from controller.persistence.ledger_store import PostgresBooks
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.exchange import Exchange, exchange
from tests.e2e.records import CALLER, assert_refused_record, cdrs, open_calls, refused
from tests.e2e.staging import free_ports
from tests.e2e.tcp_proxy import TcpProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Customer, Seed, plant

FREESWITCH = pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.sipp])
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", [FREESWITCH, "simulator"])]

TALK_S = 1.5
PAUSE = re.compile(r"tollgate_reason=(\w+);sip_rh_Retry-After=(\d+)~respond:503")


@dataclass(frozen=True, slots=True)
class Case:
    """Some calls at once, of which so many get through, by which vendors; why the others do not."""

    name: str
    limit: str
    answered: dict[str, int]
    refused: int = 0
    reason: str = ""
    figures: str = ""
    seed: dict[str, Any] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(self.answered.values()) + self.refused

    @property
    def carries_pause(self) -> bool:
        return self.reason in ("system_cps", "gateway_cps")


FIRST, SECOND = "vendor-1-trunk", "vendor-2-trunk"
RESELLER = Agent("reseller", {"39": "0|0:0.10/60/1"})
GROUP = (
    "INSERT INTO gateway_groups (name, capacity) VALUES ('site', 2);"
    " INSERT INTO {side}_gateway_groups SELECT g.id, s.id FROM {side}_gateways g, gateway_groups s"
)
CASES = (
    Case(
        "calls a second of the platform",
        "SELECT",
        {FIRST: 5},
        7,
        "system_cps",
        "5 calls a second",
        {"parameters": {"calls_per_second": 5}},
    ),
    Case(
        "calls a second of a customer's trunk",
        "UPDATE mapping_gateways SET calls_per_second = 5",
        {FIRST: 5},
        1,
        "gateway_cps",
        "gateway customer-trunk: 5 calls a second",
    ),
    Case(
        "calls a second of a vendor",
        "UPDATE routing_gateways SET calls_per_second = 5 WHERE name = 'vendor-1-trunk'",
        {FIRST: 5, SECOND: 1},
    ),
    Case(
        "calls a second of all vendors",
        "UPDATE routing_gateways SET calls_per_second = 2",
        {FIRST: 2, SECOND: 2},
        2,
        "no_route_capacity",
        f"{FIRST}: 2 calls a second, {SECOND}: 2 calls a second",
    ),
    Case(
        "outgoing calls of a phone",
        "INSERT INTO phones (number, account_id, lines_out)"
        " SELECT '442071234567', id, 2 FROM accounts WHERE name = 'customer'",
        {FIRST: 2},
        2,
        "phone_capacity",
        f"phone {CALLER}: 2 of 2 outgoing calls",
        {"mapping": {"allow_phone_billing": True}},
    ),
    Case(
        "calls of a group of customers' trunks",
        GROUP.format(side="mapping"),
        {FIRST: 2},
        2,
        "group_capacity",
        "group site: 2 of 2 calls",
    ),
    Case(
        "calls of a group of vendors' trunks",
        GROUP.format(side="routing"),
        {FIRST: 2},
        1,
        "no_route_capacity",
        f"{FIRST}: group site: 2 of 2 calls, {SECOND}: group site: 2 of 2 calls",
    ),
    Case(
        "a prepaid vendor without money",
        "UPDATE routing_gateways SET prepaid = true WHERE name = 'vendor-1-trunk'",
        {SECOND: 2},
    ),
    Case(
        "prepaid vendors without money",
        "UPDATE routing_gateways SET prepaid = true",
        {},
        2,
        "no_route_capacity",
        f"{FIRST}: available 0, needed 0.31, {SECOND}: available 0, needed 0.31",
    ),
)


@contextmanager
def operator(
    kind: str, url: str, folder: Path, limit: str, **seed: Any
) -> Iterator[tuple[Exchange, TcpProxy, sa.Engine]]:
    """A switch with a controller that has a limit; both vendors answer at the same port."""
    (vendor_port,) = free_ports(1)
    engine = database.make_engine(url)
    plant(engine, Seed((vendor_port,) * 2, **seed))
    with engine.begin() as connection:
        connection.execute(sa.text(limit))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        switch = stack.enter_context(exchange(kind, folder / "switch", vendor_port))
        proxy = stack.enter_context(TcpProxy(switch.address.event_socket))
        controller = RunningController(switch.address.through(proxy.port), url, folder)
        stack.callback(controller.stop)
        controller.start()
        yield switch, proxy, engine
        wait_until(lambda: open_calls(engine) == [], "the end of all calls", 20)
        assert_books_balance(engine)
        assert PostgresBooks(engine).verify(lambda _: None).differences == ()


def assert_named(engine: sa.Engine, record: sa.Row[Any], case: Case) -> None:
    """The record of a refusal says which limit it was."""
    assert record.trace[-1] == ["admit", f"refused: {case.reason}", case.figures]
    assert_refused_record(engine, record, refused(case.reason, 503))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_limit_lets_so_many_calls_through_and_names_itself_to_the_others(
    kind: str, case: Case, database_url: str, tmp_path: Path
) -> None:
    with operator(kind, database_url, tmp_path, case.limit, **case.seed) as (
        switch,
        proxy,
        engine,
    ):
        switch.call(case.calls, TALK_S)
        wait_until(lambda: len(cdrs(engine)) == case.calls, f"{case.calls} records", 20)
        records = cdrs(engine)
        talked = [record for record in records if record.reason == "answered"]
        assert Counter(record.routing_gateway for record in talked) == case.answered
        # a vendor that cannot be used is no attempt
        assert {record.attempts for record in talked} <= {1}
        for record in records:
            if record not in talked:
                assert_named(engine, record, case)
        pauses = [match.groups() for match in map(PAUSE.search, proxy.sent()) if match]
        assert pauses == [(case.reason, "1")] * (case.refused if case.carries_pause else 0)


def test_an_agents_calls_are_those_of_all_accounts_below_it(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    (second_port,) = free_ports(1)
    limit = (
        "UPDATE accounts a SET parent_id = p.id FROM accounts p"
        " WHERE a.name = 'second' AND p.name = 'reseller';"
        " UPDATE accounts SET subtree_capacity = 3 WHERE name = 'reseller'"
    )
    customers = {"agents": (RESELLER,), "more_customers": (Customer("second", second_port),)}
    with operator(kind, database_url, tmp_path, limit, **customers) as (
        switch,
        _,
        engine,
    ):
        switch.call(2, 4)
        wait_until(lambda: len(open_calls(engine)) == 2, "the first customer's calls")
        switch.call(1, 2, second_port)
        wait_until(lambda: len(open_calls(engine)) == 3, "the second customer's call")
        switch.call_refused(1)
        wait_until(lambda: len(cdrs(engine)) == 4, "all records", 20)
        (late,) = (record for record in cdrs(engine) if record.reason != "answered")
        figures = "agent reseller: 3 of 3 calls of its accounts"
        assert_named(engine, late, Case("", "", {}, reason="agent_capacity", figures=figures))


def test_the_sender_reads_how_long_it_is_to_wait(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    """Another controller has just taken all calls of this second."""
    limit = (
        "UPDATE lines SET recent = json_build_array(json_build_array("
        "CAST((extract(epoch FROM clock_timestamp()) + {ahead}) * 1000000 AS bigint), 5))"
        " WHERE kind = 'system'"
    )
    rules = {"parameters": {"calls_per_second": 5}}
    with operator(kind, database_url, tmp_path, "SELECT", **rules) as (switch, _, engine):
        with engine.begin() as connection:
            connection.execute(sa.text(limit.format(ahead=0.9)))
        switch.call_refused(3)
        wait_until(lambda: len(cdrs(engine)) == 3, "the records")
        if kind == "freeswitch":
            wait_until(lambda: switch.pauses_s() == [1, 1, 1], "the answers on the wire")
        assert {record.reason for record in cdrs(engine)} == {"system_cps"}
