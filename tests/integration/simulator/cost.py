"""What a call costs the simulator: CPU per lifecycle under load, client's CPU left out.

Run as `python -m tests.integration.simulator.cost [calls per second] [seconds]`. The simulator
runs as a process of its own; this process is a client that does as little as a controller can:
one transfer for each parked call, and reading every event without parsing it.
"""

import json
import os
import re
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_PASSWORD: Final = "measured"
_UUID: Final = re.compile(rb'"Unique-ID":"([0-9a-f-]{36})"')
_PLAN: Final = (
    "m:~:multiset:^^;tollgate_reason=;execute_on_answer=sched_hangup +60 ALLOTTED_TIMEOUT"
    ";originate_continue_on_timeout=true;fail_on_single_reject=USER_BUSY,NO_ANSWER"
    "~bridge:[^^;leg_timeout=30;tollgate_attempt=1;tollgate_gateway=vendor-one]"
    "sofia/trunks/12025550100@127.0.0.1:5081"
    "|[^^;leg_timeout=30;tollgate_attempt=2;tollgate_gateway=vendor-two]"
    "sofia/trunks/12025550100@127.0.0.1:5082~hangup:NORMAL_TEMPORARY_FAILURE"
)
_VENDOR: Final = {"setup": 0.2, "ring": 0.3, "talk": {"mean_s": 1.0, "shape": "exponential"}}
_WORLD: Final = {
    "vendors": {
        "127.0.0.1:5081": {"answer_ratio": 0.5, "failures": [{"status": 503}], **_VENDOR},
        "127.0.0.1:5082": {"answer_ratio": 0.8, "failures": [{"status": 486}], **_VENDOR},
    }
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Figures of one measurement; `cpu_ms_per_call` is the simulator process's alone."""

    calls_per_second: float
    calls_ended: int
    events: int
    mebibytes: float
    wall_s: float
    cpu_s: float
    cpu_ms_per_call: float


class _Client:
    def __init__(self, port: int) -> None:
        self._buffer = b""
        self._commands = self._connect(port)
        self._events = self._connect(port)
        for command in (
            "filter Call-Direction inbound",
            "filter Event-Name CHANNEL_HANGUP_COMPLETE",
            "filter Event-Name HEARTBEAT",
            "event json CHANNEL_PARK CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE HEARTBEAT",
        ):
            self._ask(self._events, command)
        self.received = 0
        self.parked = 0
        self.ended = 0
        self.events = 0

    def _connect(self, port: int) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", port))
        self._read_reply(link)
        self._ask(link, f"auth {_PASSWORD}")
        return link

    def _ask(self, link: socket.socket, command: str) -> None:
        link.sendall(command.encode() + b"\n\n")
        self._read_reply(link)

    def _read_reply(self, link: socket.socket) -> None:
        while (end := self._buffer.find(b"\n\n")) < 0:
            self._buffer += link.recv(4096)
        self._buffer = self._buffer[end + 2 :]  # events may follow the last reply

    def run(self, until_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ, self._read_events)
            selector.register(self._commands, selectors.EVENT_READ, self._read_replies)
            while (left_s := until_s - time.monotonic()) > 0:
                for key, _ in selector.select(left_s):
                    key.data()

    def _read_replies(self) -> None:
        self._commands.recv(1 << 20)

    def _read_events(self) -> None:
        data = self._events.recv(1 << 20)
        self.received += len(data)
        self._buffer += data
        while (end := self._buffer.find(b"\n\n")) >= 0:
            length = int(self._buffer[16 : self._buffer.index(b"\n")])
            if len(self._buffer) < end + 2 + length:
                return
            self._take(self._buffer[end + 2 : end + 2 + length])
            self._buffer = self._buffer[end + 2 + length :]

    def _take(self, body: bytes) -> None:
        self.events += 1
        if b'"Event-Name":"CHANNEL_PARK"' in body[:60]:
            self.parked += 1
            matched = _UUID.search(body)
            if matched:
                command = f"api uuid_transfer {matched[1].decode()} '{_PLAN}' inline\n\n"
                self._commands.sendall(command.encode())
        elif b'"Event-Name":"CHANNEL_HANGUP_COMPLETE"' in body[:60]:
            self.ended += b'"Call-Direction":"inbound"' in body


def measure(calls_per_second: float, seconds: float, directory: Path) -> Cost:
    """Run a simulator for so long under this load and weigh it, start-up left out."""
    world = directory / "world.json"
    world.write_text(json.dumps(_WORLD))
    command = [sys.executable, "-m", "controller.drivers.simulator", "--port", "0"]
    command += ["--password", _PASSWORD, "--world", str(world), "--seed", "1"]
    command += ["--cps", str(calls_per_second)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(b":")[2])
            client = _Client(port)
            client.run(time.monotonic() + 3.0)  # until about as many calls end as begin
            return _weigh(process.pid, client, calls_per_second, seconds)
        finally:
            process.terminate()


def _cpu_s(pid: int) -> float:
    """User and system time of a process, from Linux's /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _weigh(pid: int, client: _Client, rate: float, seconds: float) -> Cost:
    ended, events, received = client.ended, client.events, client.received
    before_s, begun_s = _cpu_s(pid), time.monotonic()
    client.run(begun_s + seconds)
    cpu_s, wall_s = _cpu_s(pid) - before_s, time.monotonic() - begun_s
    calls = client.ended - ended
    return Cost(
        calls_per_second=rate,
        calls_ended=calls,
        events=client.events - events,
        mebibytes=round((client.received - received) / 2**20, 1),
        wall_s=round(wall_s, 2),
        cpu_s=round(cpu_s, 2),
        cpu_ms_per_call=round(1_000 * cpu_s / max(1, calls), 3),
    )


if __name__ == "__main__":
    import tempfile

    rate = float(sys.argv[1]) if len(sys.argv) > 1 else 1_000.0
    duration_s = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(rate, duration_s, Path(temporary))
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
