"""CPU of a real call under Tollgate, beside the same call under a bare static dialplan.

The same FreeSWITCH, profile and SIPp scenarios, in turns (bare, Tollgate, bare, Tollgate …),
signalling only: no RTP is sent. SIPp's own CPU is not counted. Tollgate runs with everything on:
reservation, postings, CDR, attempts, CDR files, durable commits.
"""

import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from controller.drivers.freeswitch.run_directory import SwitchConfig
from controller.persistence import database
from controller.persistence import schema as t
from tests.bench.cpu import cpu_s, tree
from tests.bench.postgres import BenchDatabase
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.sipp import Sipp, find_sipp
from tests.e2e.switch import Switch, free_port, running_switch
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

HOLD_MS = 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds a call: of the switch, of the controller, of the database."""

    switch_ms: float
    controller_ms: float
    database_ms: float

    @property
    def total_ms(self) -> float:
        return self.switch_ms + self.controller_ms + self.database_ms


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of the rounds, and the ratio of each pair of rounds."""

    calls: int
    rate: float
    bare: Cost
    tollgate: Cost
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def compare(calls: int = 1200, rate: float = 40, rounds: int = 3) -> Comparison:
    """Run both in turns. Raises RuntimeError where FreeSWITCH or SIPp is missing."""
    bare: list[Cost] = []
    tollgate: list[Cost] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-bench-")))
        postgres = stack.enter_context(BenchDatabase(folder / "postgres"))
        for number in range(rounds):
            bare.append(_bare(folder / f"bare-{number}", calls, rate))
            tollgate.append(_tollgate(folder / f"tollgate-{number}", postgres, calls, rate))
    ratios = tuple(b.total_ms / a.total_ms for a, b in zip(bare, tollgate, strict=True))
    return Comparison(calls, rate, _median(bare), _median(tollgate), ratios)


def _bare(folder: Path, calls: int, rate: float) -> Cost:
    vendor_port = free_port()
    config = SwitchConfig(
        trunks_context="tollgate_static_bench",
        dialplan_extra="90_static_bench.xml",
        bench_vendor=f"127.0.0.1:{vendor_port}",
    )
    with running_switch(folder / "switch", config) as switch:
        before = cpu_s([switch.process.pid])
        _place_calls(folder, switch, vendor_port, calls, rate)
        spent_s = cpu_s([switch.process.pid]) - before
    return Cost(spent_s / calls * 1000, 0.0, 0.0)


def _tollgate(folder: Path, postgres: BenchDatabase, calls: int, rate: float) -> Cost:
    vendor_port = free_port()
    url = postgres.fresh()
    engine = database.make_engine(url)
    plant(engine, Seed((vendor_port,), balance=Decimal(1_000_000)))
    with running_switch(folder / "switch") as switch:
        controller = RunningController(switch, url, folder)
        controller.start()
        pids = [switch.process.pid, controller.children[-1].pid]
        # backends start with the first call: those of now are in the tree of then
        before = [cpu_s([pid]) for pid in pids] + [cpu_s(tree(postgres.pid))]
        _place_calls(folder, switch, vendor_port, calls, rate)
        wait_until(lambda: _recorded(engine) == calls, f"{calls} CDRs", 30)
        after = [cpu_s([pid]) for pid in pids] + [cpu_s(tree(postgres.pid))]
        controller.stop()
    assert_books_balance(engine)
    engine.dispose()
    spent = [(b - a) / calls * 1000 for a, b in zip(before, after, strict=True)]
    return Cost(*spent)


def _place_calls(folder: Path, switch: Switch, vendor_port: int, calls: int, rate: float) -> None:
    binary = find_sipp()
    if binary is None:
        raise RuntimeError("no SIPp")
    sipp = Sipp(binary, folder / "sipp", switch.ports.trunks)
    try:
        sipp.vendor("uas_answer", vendor_port, calls=calls)
        sipp.caller("uac_call", free_port(), hold_ms=HOLD_MS, calls=calls, rate=rate).wait(600)
        time.sleep(1)
        switch.wait_until_idle()
    finally:
        sipp.close()


def _recorded(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(t.cdrs)) or 0)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(c.switch_ms for c in costs),
        statistics.median(c.controller_ms for c in costs),
        statistics.median(c.database_ms for c in costs),
    )
