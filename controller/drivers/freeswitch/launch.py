"""Starts and stops a FreeSWITCH of our own: `tollgate run` and the end-to-end tests.

Not in a call's path. The switch is started in the foreground as a child, on a rendered run
directory, and counts as started once its Event Socket takes the password and both SIP profiles
run. Standard library only, blocking, Linux.

The child has a session of its own: a Ctrl-C or a crash of the controller does not end calls.
`SwitchProcess.adopt` finds such a survivor again.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.domain.errors import SwitchUnavailable
from controller.drivers.freeswitch.run_directory import (
    FOLDERS,
    PROFILES,
    FreeSwitchPaths,
    SwitchConfig,
    SwitchPorts,
    render,
    write_private,
)

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.1
LOG_LINES_IN_ERRORS = 15
STATE_FILE = "switch.json"

_COMPLAINT = re.compile(r"\[(WARNING|ERR|CRIT|ALERT)\]")
_BANNER = re.compile(r"^(\||\.=|'=|\s*$|\x1b)")
_TIMESTAMP = re.compile(r"^[\d: .-]+[\d.]+% ")


@dataclass(slots=True)
class SwitchProcess:
    """A running FreeSWITCH. `child` is None for one that an earlier process of ours started."""

    paths: FreeSwitchPaths
    ports: SwitchPorts
    password: str
    pid: int
    child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls, paths: FreeSwitchPaths, config: SwitchConfig, timeout_s: float = START_TIMEOUT_S
    ) -> SwitchProcess:
        """Render, start, wait until it is ready.

        Raises SwitchUnavailable when the run directory has a live switch already (`adopt` it),
        when the new one ends by itself, or when it is not ready in time: with the end of its
        log, and with nothing left running.
        """
        if (survivor := _recorded(paths)) and survivor.alive():
            raise SwitchUnavailable(f"{paths.run_dir} has a live FreeSWITCH, pid {survivor.pid}")
        password = render(paths, config)
        child = _spawn(paths)
        switch = cls(paths, config.ports, password, child.pid, child)
        state = {"pid": switch.pid, "password": password, "ports": asdict(config.ports)}
        write_private(paths.run_dir / STATE_FILE, json.dumps(state))
        try:
            switch._wait_until_ready(timeout_s)
        except BaseException:
            switch.stop(timeout_s=1.0)
            raise
        return switch

    @classmethod
    def adopt(cls, paths: FreeSwitchPaths) -> SwitchProcess | None:
        """The switch of this run directory that outlived its controller, if there is one."""
        survivor = _recorded(paths)
        return survivor if survivor and survivor.alive() and survivor.ready() else None

    def alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False
        # Pids are used again; the run directory on the command line makes sure.
        return os.fsencode(self.paths.conf_rendered) in command.split(b"\0")

    def ready(self) -> bool:
        """True when the Event Socket takes the password and both profiles run."""
        status = ask(self.ports.event_socket, self.password, "sofia status")
        return status is not None and status.count("RUNNING") == len(PROFILES)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it: SIGTERM hangs every call up, SIGKILL comes after `timeout_s`."""
        for number, patience_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5.0)):
            if not self.alive():
                break
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            _wait(lambda: not self.alive(), patience_s)
        (self.paths.run_dir / STATE_FILE).unlink(missing_ok=True)

    def _wait_until_ready(self, timeout_s: float) -> None:
        if _wait(lambda: not self.alive() or self.ready(), timeout_s) and self.alive():
            return
        what = f"was not ready after {timeout_s:g} s" if self.alive() else "ended by itself"
        raise SwitchUnavailable(f"FreeSWITCH {what}; its last lines:\n{last_lines(self.paths)}")


def _recorded(paths: FreeSwitchPaths) -> SwitchProcess | None:
    try:
        state = json.loads((paths.run_dir / STATE_FILE).read_text(encoding="utf-8"))
        ports = SwitchPorts(**state["ports"])
        return SwitchProcess(paths, ports, state["password"], int(state["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _spawn(paths: FreeSwitchPaths) -> subprocess.Popen[bytes]:
    command = [str(paths.binary), *_OPTIONS, "-conf", str(paths.conf_rendered)]
    for option, folder in FOLDERS.items():
        command += [option, str(paths.run_dir / folder)]
    descriptor = os.open(paths.console_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as console:
        child = subprocess.Popen(  # noqa: S603  (the operator's own binary)
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            cwd=paths.run_dir,
            umask=0o077,
            start_new_session=True,
        )
    _raise_open_files(child.pid)
    return child


# Foreground; no console; no UPnP; normal scheduling priority, for the controller and the
# database share the machine. Not -nosql: `show channels` needs the (in-memory) channel table.
_OPTIONS = ("-nf", "-nc", "-nonat", "-np")


def _raise_open_files(pid: int) -> None:
    """Each leg holds several descriptors. As root FreeSWITCH lifts its own limit; as another
    user it would stay at the shell's soft limit, often 1024."""
    with suppress(OSError, ValueError):
        _soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def ask(port: int, password: str, command: str, timeout_s: float = 2.0) -> str | None:
    """One `api` command on a connection of its own; None when there is no answer, or the
    password is wrong. For starting and stopping; calls go over the driver's own links."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as link:
            stream = link.makefile("rwb")
            _read_headers(stream)
            if not _request(stream, f"auth {password}").get("Reply-Text", "").startswith("+OK"):
                return None
            length = int(_request(stream, f"api {command}").get("Content-Length", "0"))
            return stream.read(length).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def _request(stream: io.BufferedRWPair, line: str) -> dict[str, str]:
    stream.write(f"{line}\n\n".encode())
    stream.flush()
    return _read_headers(stream)


def _read_headers(stream: io.BufferedRWPair) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := stream.readline(65_536).strip():
        name, _colon, value = line.decode("utf-8", "replace").partition(": ")
        headers[name] = value
    return headers


def last_lines(paths: FreeSwitchPaths, count: int = LOG_LINES_IN_ERRORS) -> str:
    """The end of the switch's log, else of what it printed before it had one: complaints if
    there are any, each once, never the banner."""
    for file in (paths.log_file, paths.console_file):
        with suppress(OSError):
            text = file.read_text(encoding="utf-8", errors="replace")
            lines = [line for line in text.splitlines() if not _BANNER.match(line)]
            complaints = [line for line in lines if _COMPLAINT.search(line)]
            complaints = list({_TIMESTAMP.sub("", line): line for line in complaints}.values())
            if lines:
                return "\n".join((complaints or lines)[-count:])
    return "(no log)"
