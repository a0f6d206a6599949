"""Child processes of `tollgate run`: started together, started again when they fall."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import click

RESTART_DELAYS_S = (0.5, 1.0, 2.0, 5.0, 10.0)
STABLE_S = 60.0
"""A child that lived this long starts again without delay."""


def restart_delay_s(falls: int) -> float:
    """How long to wait after so many falls in a row; the first after a stable life: not at all."""
    return RESTART_DELAYS_S[min(falls, len(RESTART_DELAYS_S)) - 1] if falls else 0.0


@dataclass(slots=True)
class Child:
    """One process of ours: its name, its command, and how often it fell lately."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    falls: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            self.command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        self.started_at = time.monotonic()

    def stop(self, patience_s: float) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """Keeps the children alive until `stopping` says so."""

    stopping: Callable[[], bool]
    children: list[Child] = field(default_factory=list)
    chores: list[Callable[[], None]] = field(default_factory=list)
    """Done at every look, beside the children."""

    def restart(self, name: str, **environment: str) -> None:
        """Start a child anew, with other settings."""
        for child in self.children:
            if child.name == name:
                child.stop(patience_s=15)
                child.environment = {**child.environment, **environment}
                child.start()

    def add(self, name: str, module: str, *arguments: str, **environment: str) -> None:
        """A Python module of ours as a child, started now."""
        child = Child(name, [sys.executable, "-m", module, *arguments], environment)
        self.children.append(child)
        child.start()

    def watch(self) -> None:
        """Return when it is time to stop."""
        while not self.stopping():
            for child in self.children:
                self._tend(child)
            for chore in self.chores:
                chore()
            time.sleep(0.2)

    def stop(self) -> None:
        """In the opposite order of starting."""
        for child in reversed(self.children):
            child.stop(patience_s=15)

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.not_before:
                child.start()
            return
        status = child.process.poll()
        if status is None:
            return
        child.falls = 0 if now - child.started_at > STABLE_S else child.falls + 1
        delay_s = restart_delay_s(child.falls)
        click.echo(f"{child.name} ended with {status}; starting it again in {delay_s} s", err=True)
        child.process, child.not_before = None, now + delay_s
