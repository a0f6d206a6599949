"""Clients that others wrote can talk to the simulator."""

import asyncio
import importlib.util
import json
import sys
from asyncio.subprocess import PIPE

import pytest

from controller.drivers.simulator import answers
from tests.integration.simulator.client import PASSWORD, in_loop, running


@in_loop
async def test_greenswitch_drives_a_whole_call() -> None:
    async with running(speed=10.0) as here:
        client = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.integration.simulator.greenswitch_client"),
            *(str(here.simulator.port), PASSWORD),
            stdout=PIPE,
        )
        assert client.stdout is not None
        assert await client.stdout.readline() == b"listening\n"
        here.simulator.place_call("12025550199", legs=[answers(talk_s=5.0)])
        output, _ = await asyncio.wait_for(client.communicate(), 30)
    seen = json.loads(output)
    assert seen["subscribed"] == "+OK event listener enabled plain"
    assert seen["version"].startswith("FreeSWITCH Version 1.11.1")
    assert seen["unknown"] == "-ERR no_such_command Command not found!\n"
    assert (seen["callee"], seen["exists"], seen["transfer"]) == ("12025550199", "true", "+OK\n")
    assert (seen["cause"], seen["billsec"]) == ("NORMAL_CLEARING", "5")
    assert seen["events"] == [
        ["CHANNEL_PARK", "inbound"],
        ["CHANNEL_ANSWER", "outbound"],
        ["CHANNEL_ANSWER", "inbound"],
        ["CHANNEL_HANGUP_COMPLETE", "outbound"],
        ["CHANNEL_HANGUP_COMPLETE", "inbound"],
    ]


@pytest.mark.skipif(
    importlib.util.find_spec("ESL") is None,
    reason="python-ESL is not installed: it builds only with swig 3.0.12 and a compiler",
)
@in_loop
async def test_python_esl_asks_and_listens() -> None:
    async with running() as here:
        script = (
            "import ESL, sys\n"
            f"link = ESL.ESLconnection('127.0.0.1', '{here.simulator.port}', '{PASSWORD}')\n"
            "assert link.connected()\n"
            "link.events('plain', 'CHANNEL_PARK')\n"
            "print(link.api('echo', 'hello').getBody(), flush=True)\n"
            "print(link.recvEvent().getHeader('Caller-Destination-Number'), flush=True)\n"
        )
        client = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
        assert client.stdout is not None
        assert await client.stdout.readline() == b"hello\n"
        here.simulator.place_call("12025550199")
        assert await asyncio.wait_for(client.stdout.readline(), 10) == b"12025550199\n"
        await client.wait()
