"""Whole call lifecycles through the simulator, on PostgreSQL with durable commits.

Four processes: simulator, controller, database, and this one, which only looks on. A lifecycle
is an offer, a decision, a committed admission, a plan, an answer or a failure (first vendor
503s half of its calls), a hang-up, and a committed settlement.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from controller.persistence import database
from tests.bench.cpu import cpu_s, tree
from tests.bench.postgres import BenchDatabase
from tests.e2e.controller_process import wait_until
from tests.e2e.switch import free_port
from tests.ledger_check import assert_books_balance
from tests.seed import Seed, plant

PASSWORD = "bench"
_QUICK = {"setup": 0.05, "ring": 0.2, "talk": {"mean_s": 1.0, "shape": "exponential"}}
WORLD = {
    "trunks": [
        {"name": "customer", "source_ip": "127.0.0.1", "callees": [{"prefix": "39", "digits": 12}]}
    ],
    "vendors": {
        "127.0.0.1:5080": {"answer_ratio": 0.5, "failures": [{"status": 503}], **_QUICK},
        "127.0.0.1:5081": {"answer_ratio": 0.8, "failures": [{"status": 486}], **_QUICK},
    },
}
_BUCKET = re.compile(r'^tollgate_decision_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Lifecycles:
    """One run. CPU is in milliseconds a call; latencies from the offer to the committed plan."""

    offered_per_s: float
    calls: int
    recorded: int
    refused: int
    settled_per_s: float
    controller_ms: float
    database_ms: float
    simulator_ms: float
    p50_ms: float
    p99_ms: float

    @property
    def per_controller_cpu_s(self) -> float:
        return 1000 / self.controller_ms


def measure(calls_per_s: float, seconds: float = 10.0) -> Lifecycles:
    """Offer `calls_per_s` for `seconds`, wait until every call is settled."""
    calls = int(calls_per_s * seconds)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-bench-")))
        postgres = stack.enter_context(BenchDatabase(folder / "postgres"))
        url = postgres.fresh()
        engine = database.make_engine(url)
        plant(engine, Seed((5080, 5081), balance=Decimal(10_000_000)))
        metrics_port, port = free_port(), free_port()
        controller = stack.enter_context(_controller(folder, url, port, metrics_port))
        simulator = stack.enter_context(_simulator(folder, port, calls_per_s, calls))
        began = time.monotonic()
        processes = ([controller.pid], [simulator.pid])
        wait_until(lambda: _recorded(engine)[0] >= calls, f"{calls} records", seconds * 3 + 30)
        took_s = time.monotonic() - began
        recorded, refused, last_s = _recorded(engine)
        spent = [cpu_s(pids) / calls * 1000 for pids in (*processes, tree(postgres.pid))]
        p50, p99 = _latencies(metrics_port)
        controller.terminate()
        controller.wait(20)
        assert_books_balance(engine)
        engine.dispose()
    controller_ms, simulator_ms, database_ms = spent
    return Lifecycles(
        calls_per_s,
        calls,
        recorded,
        refused,
        recorded / (last_s or took_s),
        controller_ms,
        database_ms,
        simulator_ms,
        p50 * 1000,
        p99 * 1000,
    )


def _controller(
    folder: Path, url: str, switch_port: int, metrics_port: int
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    environment = {
        **os.environ,
        "TOLLGATE_DATA_DIR": str(folder),
        "TOLLGATE_DATABASE_URL": url,
        "TOLLGATE_SWITCH_PORT": str(switch_port),
        "TOLLGATE_SWITCH_PASSWORD": PASSWORD,
        "TOLLGATE_CDR_SPOOL": str(folder / "spool"),
        "TOLLGATE_METRICS_PORT": str(metrics_port),
        "TOLLGATE_LOG_LEVEL": "WARNING",
    }
    return _python("controller.cli", "controller", environment=environment, log=folder / "c.log")


def _simulator(
    folder: Path, port: int, calls_per_s: float, calls: int
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    (folder / "world.json").write_text(json.dumps(WORLD), encoding="utf-8")
    (folder / "spool").mkdir()
    return _python(
        "controller.drivers.simulator",
        *("--port", str(port), "--password", PASSWORD, "--world", str(folder / "world.json")),
        *("--cps", str(calls_per_s), "--calls", str(calls), "--seed", "1"),
        *("--spool", str(folder / "spool")),
        environment=dict(os.environ),
        log=folder / "s.log",
    )


@contextmanager
def _python(
    module: str, *arguments: str, environment: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A module as a process; where the measurement fails, the end of its log is shown."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    except BaseException:
        sys.stderr.write(f"{module}:\n{log.read_text(errors='replace')[-2000:]}\n")
        raise
    finally:
        process.kill()
        process.wait()


def _recorded(engine: sa.Engine) -> tuple[int, int, float]:
    """Records, refusals among them, and seconds from the first offer to the last end."""
    query = sa.text(
        "SELECT count(*), count(*) FILTER (WHERE reason IN ('overloaded','store_unavailable',"
        "'controller_unavailable')), coalesce(extract(epoch FROM max(ended_at) - min(started_at)),"
        " 0)::float FROM cdrs"
    )
    with engine.connect() as connection:
        count, refused, span_s = connection.execute(query).one()
    return count, refused, span_s


def _latencies(metrics_port: int) -> tuple[float, float]:
    """Median and 99th percentile from the controller's own histogram, interpolated."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as reply:
        text = reply.read().decode()
    buckets = [(float(bound), float(count)) for bound, count in _BUCKET.findall(text)]
    return _quantile(buckets, 0.50), _quantile(buckets, 0.99)


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    wanted = share * buckets[-1][1]
    below, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            inside = (wanted - before) / (count - before) if count > before else 0.0
            return below + (bound - below) * inside
        below, before = bound, count
    return float("inf")
