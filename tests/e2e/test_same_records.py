"""The same calls on the real switch and on the simulator lead to the same records.

One list of calls. On the real switch SIPp makes them, in the simulator its scripts do; the
operator, the controller (a process) and the database are the same. Equal is everything but ids
and times; lengths may differ by a second, for both switches end calls by whole seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from controller.drivers.simulator import CallerScript, answers, rejects, rings
from controller.drivers.simulator.draws import UNREACHABLE, LegScript
from controller.persistence import database
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.records import CALLED, CALLER, attempts, wait_for_cdrs
from tests.e2e.simulated_switch import simulated_switch
from tests.e2e.sipp import LOOPBACK, Sipp
from tests.e2e.staging import free_ports, fresh_database, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Customer, Seed, plant

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp, pytest.mark.slow]

IDS = {"call_id", "sip_call_id", "leg_id"}
TIMES = {"started_at", "ringing_at", "answered_at", "ended_at", "pdd_ms"}
LENGTHS = {"talk_ms": 1000, "duration_s": 1, "billed_s": 1}
AMOUNTS = {"net", "cost"}

Vendors = Callable[[Sipp, int, int], object]


@dataclass(frozen=True, slots=True)
class SameCall:
    """One call, twice: who calls with which SIPp scenario, and what the vendors do."""

    name: str
    sipp_caller: str
    vendors: Vendors
    legs: tuple[LegScript, ...]
    hold_ms: int = 500
    called: str = CALLED
    customer: str = "customer"
    cancel_after_s: float | None = None


def nobody(_sipp: Sipp, _first: int, _second: int) -> None:
    """No vendor has to be there."""


def reject(*codes: int) -> Vendors:
    def vendors(sipp: Sipp, *ports: int) -> None:
        for port, code in zip(ports, codes, strict=False):
            sipp.rejecting_vendor(port, code)

    return vendors


def answer_second(sipp: Sipp, first: int, second: int) -> None:
    sipp.rejecting_vendor(first, 503)
    sipp.vendor("uas_answer", second, hold_ms=300)


def _first(scenario: str, hold_ms: int = 0) -> Vendors:
    return lambda sipp, first, _second: sipp.vendor(scenario, first, hold_ms=hold_ms)


TALKS_1_5_S = answers(0.3, 1.5, caller_hangs_up=True)
CALLS = (
    SameCall("answered", "uac_call", _first("uas_answer", 300), (TALKS_1_5_S,), 1_500),
    SameCall("failover", "uac_call", answer_second, (rejects(503), TALKS_1_5_S), 1_500),
    SameCall(
        "callee hangs up", "uac_until_bye", _first("uas_hangup", 1_300), (answers(0.05, 1.3),)
    ),
    SameCall("busy", "uac_refused", reject(486), (rejects(486),)),
    SameCall("no such number", "uac_refused", reject(404), (rejects(404),)),
    SameCall("all fail", "uac_refused", reject(500, 503), (rejects(500), rejects(503))),
    SameCall("nobody there", "uac_refused", nobody, (UNREACHABLE, UNREACHABLE)),
    SameCall("canceled", "uac_cancel", _first("uas_ring"), (rings(),), 800, cancel_after_s=0.85),
    SameCall("rings too long", "uac_refused", _first("uas_ring"), (rings(),)),
    SameCall("no rate", "uac_refused", nobody, (), called="15551234567"),
    SameCall("not a number", "uac_refused", nobody, (), called="39vanity"),
    SameCall("no money", "uac_refused", nobody, (), customer="poor"),
    SameCall("timer", "uac_until_bye", _first("uas_answer"), (answers(0.05),), customer="short"),
)


@pytest.fixture(scope="module")
def seed() -> Seed:
    short, poor = free_ports(2)
    customers = (
        Customer("short", short, gateway={"max_duration_s": 5}),
        Customer("poor", poor, balance=Decimal("0.1")),
    )
    return Seed(free_ports(2), ring_timeout_s=2, more_customers=customers)


@pytest.fixture(scope="module")
def source_ports(seed: Seed) -> dict[str, int]:
    """The port of each call's caller: the same at both switches."""
    of_customer = {customer.name: customer.port for customer in seed.more_customers}
    return {call.name: of_customer.get(call.customer) or free_port() for call in CALLS}


Records = dict[str, tuple[sa.Row[Any], list[sa.Row[Any]]]]
"""By the call's name: its record and those of its attempts."""


@pytest.fixture(scope="module")
def real(
    switch: Switch,
    server_url: str,
    template_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: Seed,
    source_ports: dict[str, int],
) -> Records:
    folder = tmp_path_factory.mktemp("real")
    with (
        fresh_database(server_url, template_url) as url,
        staged(switch, url, folder, seed) as stage,
    ):
        records: Records = {}
        for number, call in enumerate(CALLS, start=1):
            call.vendors(stage.sipp, *seed.vendor_ports)
            caller = stage.sipp.caller(
                call.sipp_caller,
                source_ports[call.name],
                called=call.called,
                hold_ms=call.hold_ms,
            )
            caller.wait()
            records[call.name] = _newest(stage.engine, number)
            stage.sipp.close()
        return records


@pytest.fixture(scope="module")
def simulated(
    server_url: str,
    template_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: Seed,
    source_ports: dict[str, int],
) -> Records:
    folder = tmp_path_factory.mktemp("simulated")
    with (
        fresh_database(server_url, template_url) as url,
        simulated_switch(folder / "spool") as simulator,
    ):
        engine = database.make_engine(url)
        plant(engine, seed)
        controller = RunningController(simulator.address, url, folder)
        try:
            controller.start()
            records: Records = {}
            for number, call in enumerate(CALLS, start=1):
                if simulator.call(_script(call, source_ports[call.name]), call.legs) is None:
                    break
                records[call.name] = _newest(engine, number)
            return records
        finally:
            controller.stop()
            engine.dispose()


def _script(call: SameCall, source_port: int) -> CallerScript:
    return CallerScript(
        caller=CALLER,
        callee=call.called,
        source_ip=LOOPBACK,
        source_port=source_port,
        caller_name="Alice",
        cancel_after_s=call.cancel_after_s,
    )


def _newest(engine: sa.Engine, count: int) -> tuple[sa.Row[Any], list[sa.Row[Any]]]:
    """The last call's record with its attempts, once there are so many records in all."""
    records = wait_for_cdrs(engine, count)
    assert len(records) == count
    wait_until(
        lambda: len(attempts(engine, records[-1].call_id)) == records[-1].attempts, "attempts"
    )
    assert_books_balance(engine)
    return records[-1], attempts(engine, records[-1].call_id)


@pytest.mark.parametrize("name", [call.name for call in CALLS])
def test_records_are_the_same(real: Records, simulated: Records, name: str) -> None:
    assert name in simulated, "in the simulator this call, or one before it, did not end"
    (record, tried), (other, also_tried) = real[name], simulated[name]
    assert _comparable(other) == _comparable(record)
    assert [_comparable(leg) for leg in also_tried] == [_comparable(leg) for leg in tried]
    for field, slack in LENGTHS.items():
        assert abs(getattr(record, field) - getattr(other, field)) <= slack, field
    for field in AMOUNTS:
        # the same price, for lengths that may differ by a second
        assert getattr(record, field) * _length(other) == getattr(other, field) * _length(record)


def test_the_list_covers_what_it_should(real: Records) -> None:
    reasons = {record.reason for record, _ in real.values()}
    assert reasons == {
        "answered",
        "busy",
        "canceled",
        "insufficient_balance",
        "invalid_callee",
        "max_duration",
        "no_answer",
        "no_matching_rate",
        "unallocated",
        "vendor_failure",
    }


def _length(record: sa.Row[Any]) -> int:
    return int(record.duration_s)


def _comparable(row: sa.Row[Any]) -> dict[str, object]:
    """All columns; of a time only whether there is one."""
    left_out = IDS | set(LENGTHS) | AMOUNTS
    return {
        name: value is not None if name in TIMES else value
        for name, value in row._mapping.items()
        if name not in left_out
    }
