"""The simulator as a process: one ready line, a JSON log, a clean end."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from tests.integration.simulator.client import Client, in_loop
from tests.integration.simulator.cost import measure

MODULE = ("-m", "controller.drivers.simulator")


async def _start(*arguments: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *(*MODULE, *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )


async def _port(process: Process) -> int:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    assert line.startswith(b"ready 127.0.0.1:")
    return int(line.rpartition(b":")[2])


def test_it_serves_until_terminated(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        process = await _start(
            *("--port", "0", "--cps", "50", "--seed", "3", "--spool", str(tmp_path / "spool")),
            TOLLGATE_SIMULATOR_PASSWORD="from the environment",
        )
        client = await Client.connect(await _port(process), "from the environment")
        await client.send("event json CHANNEL_PARK CHANNEL_HANGUP_COMPLETE")
        parked = await client.event("CHANNEL_PARK")
        process.send_signal(signal.SIGTERM)
        output, log = await asyncio.wait_for(process.communicate(), 20)
        await client.event("CHANNEL_HANGUP_COMPLETE", Unique_ID=parked["Unique-ID"])
        await client.close()
        assert process.returncode == 0
        assert output == b""  # nothing but the ready line
        lines = [json.loads(line) for line in log.splitlines()]
        assert [line["message"] for line in lines] == ["listening", "stopped"]
        assert lines[0]["seed"] == 3
        assert lines[1]["offered"] == lines[1]["ended"] > 0
        assert len(list((tmp_path / "spool").iterdir())) == lines[1]["offered"]

    check()


def test_a_bad_world_is_named_and_refused(tmp_path: Path) -> None:
    @in_loop
    async def check() -> None:
        (tmp_path / "world.json").write_text('{"vendors": {"h:1": {"talk": "long"}}}')
        process = await _start("--world", str(tmp_path / "world.json"))
        _, log = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 2
        assert "talk" in json.loads(log)["error"]

    check()


@in_loop
async def test_a_taken_port_is_an_error() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await _start("--port", str(port))
    _, log = await asyncio.wait_for(process.communicate(), 20)
    server.close()
    assert process.returncode == 1
    assert json.loads(log)["message"] == "cannot listen"


@pytest.mark.slow
def test_what_a_call_costs(tmp_path: Path) -> None:
    """Under load the calls flow, and one costs about half a millisecond of CPU.

    The bound is loose: a busy machine shares its caches. docs/simulator.md has quiet figures.
    """
    cost = measure(300.0, 5.0, tmp_path)
    assert cost.calls_ended > 600
    assert cost.cpu_ms_per_call < 2.0, cost
