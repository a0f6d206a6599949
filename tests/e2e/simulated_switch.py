"""The simulator beside a controller process: in a thread, on an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from controller.drivers.simulator import CallerScript, Simulator, SimulatorConfig
from controller.drivers.simulator.draws import LegScript
from tests.e2e.controller_process import SwitchAddress

T = TypeVar("T")
PASSWORD = "simulated"
PATIENCE_S = 12.0


@dataclass(frozen=True, slots=True)
class SimulatedSwitch:
    """A running simulator, as a test in another thread drives it."""

    simulator: Simulator
    loop: asyncio.AbstractEventLoop
    address: SwitchAddress

    def call(self, script: CallerScript, legs: Sequence[LegScript]) -> str | None:
        """Place a call and wait for its end: its UUID, or None when it goes on and on."""

        async def whole_call() -> str | None:
            placed = self.simulator.place_call("", script=script, legs=legs)
            with suppress(TimeoutError):
                return (await placed.ended(PATIENCE_S)).uuid
            return None

        return asyncio.run_coroutine_threadsafe(whole_call(), self.loop).result(2 * PATIENCE_S)


@contextmanager
def simulated_switch(folder: Path) -> Iterator[SimulatedSwitch]:
    """A simulator with its spool in `folder`, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    simulator = _in(
        loop, lambda: Simulator(SimulatorConfig(password=PASSWORD, spool_directory=folder))
    )
    port = asyncio.run_coroutine_threadsafe(simulator.start(), loop).result(10)
    try:
        yield SimulatedSwitch(simulator, loop, SwitchAddress(port, PASSWORD, folder))
    finally:
        asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def _in(loop: asyncio.AbstractEventLoop, make: Callable[[], T]) -> T:
    async def made() -> T:
        return make()

    return asyncio.run_coroutine_threadsafe(made(), loop).result(10)
