"""A real FreeSWITCH on free loopback ports in a temporary directory, for the e2e tests."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from controller.domain.errors import InvalidConfiguration
from controller.drivers.freeswitch.launch import SwitchProcess
from controller.drivers.freeswitch.run_directory import (
    FreeSwitchPaths,
    SwitchConfig,
    SwitchPorts,
    find_binary,
)
from tests.e2e.event_socket import EventSocket
from tests.e2e.sipp import find_sipp

# Below the kernel's ephemeral range, so that no client socket sits there by chance.
SIGNALING_PORTS = range(10_000, 16_000)
RTP_BLOCKS = range(16_000, 32_000, 2_000)


def missing_parts() -> list[str]:
    """What this machine lacks for the e2e tests, one line each with what was not run; the
    terminal summary ends with these lines. Empty where everything could run."""
    missing = []
    try:
        binary = find_binary()
    except InvalidConfiguration:
        binary = None
    if binary is None:
        missing.append(
            "FreeSWITCH was not found (FREESWITCH_BIN or PATH): "
            "NO TEST ON A REAL SWITCH WAS RUN (tests/e2e, marker 'freeswitch')"
        )
    if find_sipp() is None:
        missing.append(
            "SIPp was not found (SIPP_BIN or PATH; Debian: sip-tester): "
            "NO TEST WITH REAL SIP CALLS WAS RUN (tests/e2e, marker 'sipp')"
        )
    return missing


@dataclass(frozen=True, slots=True)
class Switch:
    """A running switch as tests see it."""

    process: SwitchProcess

    @property
    def paths(self) -> FreeSwitchPaths:
        return self.process.paths

    @property
    def ports(self) -> SwitchPorts:
        return self.process.ports

    def event_socket(self) -> EventSocket:
        return EventSocket(self.ports.event_socket, self.process.password)

    def api(self, command: str) -> str:
        with self.event_socket() as link:
            return link.api(command)

    def log(self) -> str:
        return self.paths.log_file.read_text(encoding="utf-8", errors="replace")

    def cdr_files(self) -> list[Path]:
        return sorted(self.paths.cdr_spool.glob("*.cdr.json"))

    def remove_cdr_files(self) -> None:
        for file in self.cdr_files():
            file.unlink(missing_ok=True)

    def wait_for_cdr(self, uuid: str, timeout_s: float = 10.0) -> Path:
        """The call's CDR file, once it is complete (the switch writes it in place)."""
        path = self.paths.cdr_spool / f"{uuid}.cdr.json"
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with suppress(OSError):
                if path.read_bytes().endswith(b"}\n"):
                    return path
            time.sleep(0.05)
        raise AssertionError(f"no CDR {path.name} after {timeout_s:g} s; there: {self.cdr_files()}")

    def wait_until_idle(self, timeout_s: float = 10.0) -> None:
        """Return when no channel is left, so that one test's calls are not another's."""
        deadline = time.monotonic() + timeout_s
        while '"row_count": 0' not in (left := self.api("show channels as json")):
            if time.monotonic() > deadline:
                raise AssertionError(f"channels are left: {left}")
            time.sleep(0.1)


@contextmanager
def running_switch(run_dir: Path, config: SwitchConfig | None = None) -> Iterator[Switch]:
    """A switch that ends with the block. Its ports are free ones, whatever `config` says."""
    binary = find_binary()
    if binary is None:
        raise RuntimeError("no FreeSWITCH (FREESWITCH_BIN or PATH)")
    with claimed_ports() as ports:
        config = replace(config or SwitchConfig(), ports=ports)
        process = SwitchProcess.start(FreeSwitchPaths(binary, run_dir), config)
        try:
            yield Switch(process)
        finally:
            process.stop()


@contextmanager
def claimed_ports() -> Iterator[SwitchPorts]:
    """Free ports; the first of the RTP block stays bound, so that test runs beside this one
    take another block."""
    with ExitStack() as held:
        start = _claim_rtp_block(held)
        yield SwitchPorts(
            event_socket=free_port(),
            trunks=free_port(),
            phones=free_port(),
            rtp_start=start + 2,
            rtp_end=start + RTP_BLOCKS.step - 2,
        )


def _claim_rtp_block(held: ExitStack) -> int:
    for start in random.sample(RTP_BLOCKS, len(RTP_BLOCKS)):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with suppress(OSError):
            claim.bind(("127.0.0.1", start))
            held.enter_context(claim)
            return start
        claim.close()
    raise AssertionError("every RTP block is taken: too many test runs beside this one")


def free_port() -> int:
    """A loopback port that is free for UDP and TCP now (SIP uses both)."""
    while True:
        port = random.choice(SIGNALING_PORTS)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            suppress(OSError),
        ):
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
            return port
