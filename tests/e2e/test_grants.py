"""Reservations on a real switch: renewed in time, and its timer when there is nothing to renew.

All calls of this module talk at the same time, each of a customer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from tests.e2e.records import (
    CALLER_HUNG_UP,
    assert_admitted_record,
    assert_attempts,
    balance,
    by_timer,
    reserved,
)
from tests.e2e.sipp import LOOPBACK, SippProcess
from tests.e2e.staging import Stage, free_ports, fresh_database, staged
from tests.e2e.switch import Switch, free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Customer, Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp, pytest.mark.slow]

QUANTUM_S = 5
PATIENT = "uac_until_bye"


class LongCalls:
    """Each customer's call, named for its customer, on a stage of its own."""

    def __init__(self, stage: Stage, ports: dict[str, int]) -> None:
        self.stage = stage
        self.callers: dict[str, SippProcess] = {}
        for name, port in ports.items():
            talks = "uac_call" if name == "renewed" else PATIENT
            self.callers[name] = stage.sipp.caller(talks, port, hold_ms=13_000)

    def record(self, name: str) -> sa.Row[Any]:
        caller = self.callers[name]
        caller.wait()
        return self.stage.record(caller)


@pytest.fixture(scope="module")
def long_calls(
    switch: Switch, server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LongCalls]:
    names = ("renewed", "eight-seconds", "overdrawn", "three-seconds", "longest")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    customers = (
        Customer("renewed", ports["renewed"]),
        Customer("eight-seconds", ports["eight-seconds"], Decimal("0.089")),
        Customer("overdrawn", ports["overdrawn"], Decimal("0.02"), Decimal("0.06")),
        Customer("three-seconds", ports["three-seconds"], Decimal("0.039")),
        Customer("longest", ports["longest"], gateway={"max_duration_s": 7}),
    )
    seed = Seed(
        free_ports(1),
        source=(LOOPBACK, free_port()),
        parameters={"quantum_s": QUANTUM_S, "admit_partial_quantum": True},
        more_customers=customers,
    )
    with (
        fresh_database(server_url, template_url) as url,
        staged(switch, url, tmp_path_factory.mktemp("long-calls"), seed) as stage,
    ):
        stage.sipp.vendor("uas_answer", seed.vendor_ports[0], calls=len(names))
        yield LongCalls(stage, ports)


@pytest.mark.parametrize(
    ("customer", "granted_s", "talked_s", "left"),
    [
        ("three-seconds", 3, (2, 3, 4), Decimal("0.009")),
        ("eight-seconds", 8, (6, 7, 8, 9), Decimal("0.009")),
        ("overdrawn", 8, (6, 7, 8, 9), Decimal("-0.06")),
    ],
)
def test_the_switch_ends_a_call_when_the_balance_is_used_up(
    long_calls: LongCalls,
    customer: str,
    granted_s: int,
    talked_s: tuple[int, ...],
    left: Decimal,
) -> None:
    """Whole seconds and the scheduler's half second: it ends up to 2 s early or 0.5 s late; what
    is late is not charged."""
    record = long_calls.record(customer)
    engine = long_calls.stage.engine
    assert_admitted_record(
        engine,
        record,
        by_timer("balance_exhausted"),
        talked_s=talked_s,
        granted_s=granted_s,
        customer=customer,
    )
    assert balance(engine, customer) >= left
    assert reserved(engine, customer) == 0
    assert_attempts(engine, record, ("vendor-1-trunk", 200))


def test_the_longest_duration_ends_a_call(long_calls: LongCalls) -> None:
    record = long_calls.record("longest")
    assert_admitted_record(
        long_calls.stage.engine,
        record,
        by_timer("max_duration"),
        talked_s=(5, 6, 7, 8),
        granted_s=7,
        customer="longest",
    )


def test_renewed_reservations_keep_a_call_alive(long_calls: LongCalls) -> None:
    """13 s of talk in quanta of 5 s: three grants, and the caller hangs up."""
    record = long_calls.record("renewed")
    engine = long_calls.stage.engine
    assert_admitted_record(engine, record, CALLER_HUNG_UP, talked_s=(13, 14), customer="renewed")
    assert balance(engine, "renewed") == Decimal(100) - record.net
    assert reserved(engine, "renewed") == 0
    assert_books_balance(engine)
