"""The controller as a process of its own, so that it can be killed in the middle of calls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.e2e.switch import Switch


def wait_until(
    condition: Callable[[], bool], what: str | Callable[[], str], timeout_s: float = 15.0
) -> None:
    """`what` may be a function, for what is known only afterwards: a log."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {timeout_s} s: {said}")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class SwitchAddress:
    """Where a controller finds its switch: a real one, a simulator, or a proxy before either."""

    event_socket: int
    password: str
    cdr_spool: Path

    @classmethod
    def of(cls, switch: Switch) -> SwitchAddress:
        return cls(switch.ports.event_socket, switch.process.password, switch.paths.cdr_spool)

    def through(self, port: int) -> SwitchAddress:
        """The same switch behind another port of this machine."""
        return replace(self, event_socket=port)


@dataclass(slots=True)
class RunningController:
    """A `tollgate controller` for one switch and one database."""

    switch: Switch | SwitchAddress
    database_url: str
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log_file(self) -> Path:
        return self.directory / f"controller-{len(self.children)}.log"

    @property
    def _environment(self) -> dict[str, str]:
        switch = self.switch
        address = SwitchAddress.of(switch) if isinstance(switch, Switch) else switch
        return {
            **os.environ,
            "TOLLGATE_DATA_DIR": str(self.directory),
            "TOLLGATE_DATABASE_URL": self.database_url,
            "TOLLGATE_SWITCH_PORT": str(address.event_socket),
            "TOLLGATE_SWITCH_PASSWORD": address.password,
            "TOLLGATE_CDR_SPOOL": str(address.cdr_spool),
            **self.settings,
        }

    def start(self) -> None:
        """Start and wait until the switch link is up."""
        self.launch()
        self.wait_for_link(1)

    def stand_by(self) -> None:
        """Start beside a controller that owns the switch, and wait until it has seen that."""
        self.launch()
        self.wait_for_log("standing by")

    def launch(self) -> None:
        command = [sys.executable, "-m", "controller.cli", "controller"]
        number = len(self.children) + 1
        with (self.directory / f"controller-{number}.log").open("wb") as output:
            self.children.append(subprocess.Popen(command, stderr=output, env=self._environment))

    def wait_for_log(self, message: str, times: int = 1, timeout_s: float = 15.0) -> None:
        """Return when this process has logged so many such lines."""
        wait_until(
            lambda: self.log().count(f'"message": "{message}"') >= times,
            lambda: f"{times} x {message!r}; log:\n{self.log()}",
            timeout_s,
        )

    def wait_for_link(self, times: int, timeout_s: float = 15.0) -> None:
        """Return when this process has connected to its switch so many times."""
        wait_until(
            lambda: self.log().count("switch connected") >= times,
            lambda: f"{times} links; log:\n{self.log()}",
            timeout_s,
        )

    def kill(self) -> None:
        """As a crash would: no chance to tidy up."""
        self.children[-1].send_signal(signal.SIGKILL)
        self.children[-1].wait(5)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Alive but not running, as on a machine that is out of memory or processors."""
        self.children[-1].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.children[-1].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.terminate()
                child.wait(15)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `tollgate` command with the controller's settings."""
        return subprocess.run(
            [sys.executable, "-m", "controller.cli", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    def log_entries(self, call_id: str) -> list[dict[str, Any]]:
        entries = (json.loads(line) for line in self.log().splitlines() if line.startswith("{"))
        return [entry for entry in entries if entry.get("call_id") == call_id]
