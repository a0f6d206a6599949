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
        # starting up is not counted: traffic begins once the controller listens
        wait_until(lambda: _recorded(engine)[0] > 0, "a record", 30)
        before = [cpu_s(pids) for pids in _processes(controller, simulator, postgres)]
        steady = _settling_rate(engine, calls, seconds * 3 + 30)
        recorded, refused = _recorded(engine)
        after = [cpu_s(pids) for pids in _processes(controller, simulator, postgres)]
        spent = [(b - a) / calls * 1000 for a, b in zip(before, after, strict=True)]
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
        steady,
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


def _processes(
    controller: "subprocess.Popen[bytes]",
    simulator: "subprocess.Popen[bytes]",
    postgres: BenchDatabase,
) -> tuple[list[int], ...]:
    return [controller.pid], [simulator.pid], tree(postgres.pid)


def _settling_rate(engine: sa.Engine, calls: int, patience_s: float) -> float:
    """Calls settled a second between the first and the last quarter, while load is steady."""
    samples: list[tuple[float, int]] = []
    deadline = time.monotonic() + patience_s
    while not samples or samples[-1][1] < calls:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{samples[-1][1]} of {calls} calls were settled")
        samples.append((time.monotonic(), _recorded(engine)[0]))
        time.sleep(0.25)
    middle = [s for s in samples if calls / 4 <= s[1] <= calls * 3 / 4] or samples
    (t0, n0), (t1, n1) = middle[0], middle[-1]
    return (n1 - n0) / (t1 - t0) if t1 > t0 else 0.0


def _recorded(engine: sa.Engine) -> tuple[int, int]:
    """Records, and those among them of calls that were shed."""
    query = sa.text(
        "SELECT count(*), count(*) FILTER (WHERE reason IN ('overloaded','store_unavailable',"
        "'controller_unavailable')) FROM cdrs"
    )
    with engine.connect() as connection:
        count, shed = connection.execute(query).one()
    return count, shed


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
