"""The controller as a process of its own, so that it can be killed in the middle of calls."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.persistence import schema as t
from tests.e2e.switch import Switch


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


@dataclass(slots=True)
class RunningController:
    """A `tollgate controller` for one switch and one database."""

    switch: Switch
    database_url: str
    directory: Path
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log_file(self) -> Path:
        return self.directory / f"controller-{len(self.children)}.log"

    def start(self) -> None:
        """Start and wait until the switch link is up."""
        environment = {
            **os.environ,
            "TOLLGATE_DATA_DIR": str(self.directory),
            "TOLLGATE_DATABASE_URL": self.database_url,
            "TOLLGATE_SWITCH_PORT": str(self.switch.ports.event_socket),
            "TOLLGATE_SWITCH_PASSWORD": self.switch.process.password,
            "TOLLGATE_CDR_SPOOL": str(self.switch.paths.cdr_spool),
        }
        command = [sys.executable, "-m", "controller.cli", "controller"]
        number = len(self.children) + 1
        with (self.directory / f"controller-{number}.log").open("wb") as output:
            self.children.append(subprocess.Popen(command, stderr=output, env=environment))
        wait_until(lambda: "switch connected" in self.log(), f"a link; log:\n{self.log()}")

    def kill(self) -> None:
        """As a crash would: no chance to tidy up."""
        self.children[-1].send_signal(signal.SIGKILL)
        self.children[-1].wait(5)

    def stop(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.terminate()
                child.wait(15)

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    def log_entries(self, call_id: str) -> list[dict[str, Any]]:
        entries = (json.loads(line) for line in self.log().splitlines() if line.startswith("{"))
        return [entry for entry in entries if entry.get("call_id") == call_id]


def cdrs(engine: sa.Engine) -> list[sa.Row[Any]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(t.cdrs).order_by(t.cdrs.c.started_at)))


def wait_for_cdrs(engine: sa.Engine, count: int, timeout_s: float = 15.0) -> list[sa.Row[Any]]:
    wait_until(lambda: len(cdrs(engine)) >= count, f"{count} CDRs", timeout_s)
    return cdrs(engine)


def attempts(engine: sa.Engine, call_id: str) -> list[sa.Row[Any]]:
    table = t.call_attempts
    query = sa.select(table).where(table.c.call_id == call_id).order_by(table.c.number)
    with engine.connect() as connection:
        return list(connection.execute(query))
