"""A destination that an agent denies, from the form to the record; calls of the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.drivers.simulator import CallerScript, answers
from controller.persistence.account_store import PostgresAccountStore
from controller.services.accounts.service import Accounts
from controller.services.actors import operator
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.records import CALLED, CALLER, wait_for_cdrs
from tests.e2e.simulated_switch import SimulatedSwitch, simulated_switch
from tests.e2e.staging import free_ports
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SEED = Seed((5080,), agents=(Agent("dhaka", {"39": "0|0:0.50/60/1"}, Decimal(100)),))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatedSwitch]:
    with simulated_switch(tmp_path / "spool") as running:
        yield running


@pytest.fixture
def controller(
    simulator: SimulatedSwitch, engine: sa.Engine, database_url: str, tmp_path: Path
) -> Iterator[RunningController]:
    plant(engine, SEED)
    running = RunningController(simulator.address, database_url, tmp_path)
    running.start()
    yield running
    running.stop()


def call(simulator: SimulatedSwitch) -> None:
    script = CallerScript(
        caller=CALLER, callee=CALLED, source_ip="127.0.0.1", source_port=free_ports(1)[0]
    )
    assert simulator.call(script, (answers(0.1, 0.5, caller_hangs_up=True),)) is not None


@pytest.mark.usefixtures("controller")
def test_a_destination_that_an_agent_denies(simulator: SimulatedSwitch, engine: sa.Engine) -> None:
    call(simulator)
    (first,) = wait_for_cdrs(engine, 1)
    assert first.reason == "answered"

    accounts = Accounts(PostgresAccountStore(engine))
    rules = {"destination_rules": "allow *\ndeny 39021"}
    accounts.change(operator("ops"), "dhaka", rules)
    records: list[sa.Row[Any]] = []

    def refused() -> bool:
        """The controller hears of the new version at once, but not at the same moment."""
        call(simulator)
        records[:] = wait_for_cdrs(engine, len(records) + 2)[1:]
        return bool(records[-1].reason != "answered")

    wait_until(refused, "a refused call", 20)
    record = records[-1]
    assert (record.reason, record.sip_status, record.q850) == ("destination_denied", 403, 21)
    assert (record.attempts, record.net) == (0, 0)
    said = f"account dhaka denies 39021: {CALLED}"
    assert ["destination", "refused: destination_denied", said] in record.trace
    assert_books_balance(engine)
