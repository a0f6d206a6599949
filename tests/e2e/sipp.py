"""SIPp as the caller and as the vendors, from the scenarios in `fixtures/sipp/`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parents[2] / "fixtures" / "sipp"
LOOPBACK = "127.0.0.1"
REASON_PHRASES = {
    302: "Moved Temporarily",
    403: "Forbidden",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}

_REFUSED = re.compile(r"(\d+) status=(\d{3}) q850=(\d*)")
_PAUSES = re.compile(r"status=503 q850=\d* retry_after=(\d*)")


def find_sipp() -> Path | None:
    found = os.environ.get("SIPP_BIN") or shutil.which("sipp")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call of `uac_refused` ended; `q850` is None without a Reason header."""

    status: int
    q850: int | None


@dataclass(slots=True)
class SippProcess:
    """One SIPp. `work_dir` is its own: logs and error files are in there."""

    scenario: str
    port: int
    work_dir: Path
    child: subprocess.Popen[bytes]

    def wait(self, timeout_s: float = 30.0) -> None:
        """Return when every call went as the scenario says; AssertionError otherwise."""
        status = self.child.wait(timeout_s)
        assert status == 0, f"SIPp {self.scenario} ended with {status}:\n{self.errors()}"

    def stop(self) -> None:
        """End it, done or not: a vendor may well have been spared."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(5.0)

    def log(self) -> str:
        path = self.work_dir / "actions.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def errors(self) -> str:
        path = self.work_dir / "errors.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else "(none)"

    def refusals(self) -> list[Refusal]:
        """The final status of each call of `uac_refused`, in the order they came."""
        found = _REFUSED.findall(self.log())
        return [Refusal(int(status), int(cause) if cause else None) for _, status, cause in found]

    def pauses_s(self) -> list[int | None]:
        """The Retry-After of each 503, in the order they came; None without one."""
        return [int(found) if found else None for found in _PAUSES.findall(self.log())]

    def wait_until_listening(self, timeout_s: float = 5.0) -> None:
        """Return when the port is taken: a SIPp that is not there yet is a vendor that is down."""
        deadline = time.monotonic() + timeout_s
        while _port_is_free(self.port):
            assert self.child.poll() is None, f"SIPp {self.scenario} ended: {self.errors()}"
            assert time.monotonic() < deadline, f"SIPp {self.scenario} does not listen"
            time.sleep(0.02)


def _port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


@dataclass(slots=True)
class Sipp:
    """Starts SIPp processes and ends them all."""

    binary: Path
    directory: Path
    switch_port: int
    started: list[SippProcess] = field(default_factory=list)

    def caller(
        self,
        scenario: str,
        port: int,
        *,
        called: str = "390212345678",
        caller: str = "442071234567",
        display: str = "Alice",
        hold_ms: int = 500,
        calls: int = 1,
        rate: float = 10.0,
        headers: tuple[str, ...] = (),
    ) -> SippProcess:
        """`uac_call`, `uac_refused`, `uac_cancel` or `uac_until_bye`, towards the switch.

        `hold_ms` is the talk time of uac_call and the ringing time of uac_cancel; `rate` is
        calls per second; `headers` are added to the INVITE.
        """
        options = [f"{LOOPBACK}:{self.switch_port}", "-s", called, "-r", f"{rate:g}"]
        options += ["-d", str(hold_ms), "-key", "caller", caller, "-key", "display", display]
        file = SCENARIOS / f"{scenario}.xml"
        if headers:
            file = self._copy(
                file, "Max-Forwards: 70", "\n      ".join((*headers, "Max-Forwards: 70"))
            )
        return self._start(file, port, options, calls)

    def vendor(self, scenario: str, port: int, *, hold_ms: int = 0, calls: int = 1) -> SippProcess:
        """`uas_answer` (rings `hold_ms`), `uas_hangup` (talks `hold_ms`), `uas_ring`."""
        process = self._start(SCENARIOS / f"{scenario}.xml", port, ["-d", str(hold_ms)], calls)
        process.wait_until_listening()
        return process

    def rejecting_vendor(self, port: int, code: int, *, calls: int = 1) -> SippProcess:
        scenario = self._copy(
            SCENARIOS / "uas_reject.xml",
            "503 Service Unavailable",
            f"{code} {REASON_PHRASES[code]}",
        )
        process = self._start(scenario, port, [], calls)
        process.wait_until_listening()
        return process

    def close(self) -> None:
        for process in self.started:
            process.stop()

    def _start(self, scenario: Path, port: int, options: list[str], calls: int) -> SippProcess:
        work_dir = self._work_dir(f"{scenario.stem}-{port}")
        command = [str(self.binary), "-sf", str(scenario), "-i", LOOPBACK, "-p", str(port)]
        command += ["-m", str(calls), "-nostdin", "-timeout", "60", "-timeout_error"]
        command += ["-trace_err", "-error_file", str(work_dir / "errors.log")]
        command += ["-trace_logs", "-log_file", str(work_dir / "actions.log"), *options]
        child = subprocess.Popen(
            command, cwd=work_dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        process = SippProcess(scenario.stem, port, work_dir, child)
        self.started.append(process)
        return process

    def _copy(self, scenario: Path, old: str, new: str) -> Path:
        """The scenario with the first `old` replaced; SIPp cannot take these as parameters."""
        text = scenario.read_text(encoding="latin-1")
        assert old in text, f"{scenario} has no {old!r}"
        copy = self._work_dir(f"{scenario.stem}-copy") / scenario.name
        copy.write_text(text.replace(old, new, 1), encoding="latin-1")
        return copy

    def _work_dir(self, name: str) -> Path:
        path = self.directory / f"{len(self.started):03d}-{name}"
        path.mkdir(parents=True, exist_ok=True)
        return path
