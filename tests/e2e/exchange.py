"""A switch with callers and vendors around it, real or simulated, as tests of both drive it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from controller.drivers.simulator import CallerScript, answers
from tests.e2e.controller_process import SwitchAddress
from tests.e2e.records import CALLED, CALLER
from tests.e2e.simulated_switch import SimulatedSwitch, simulated_switch
from tests.e2e.sipp import LOOPBACK, Sipp, SippProcess, find_sipp
from tests.e2e.switch import Switch, free_port, running_switch

RING_S = 0.2


class Exchange(Protocol):
    """One switch; its only vendor answers after `RING_S` and never hangs up."""

    @property
    def address(self) -> SwitchAddress:
        """Where its Event Socket is."""

    def call(self, count: int, talk_s: float, port: int = 0) -> None:
        """`count` calls at once, whose callers hang up after so long; from `port`, or any."""

    def call_until_hung_up_on(self, port: int) -> None:
        """A call that only the switch ends."""

    def call_refused(self, count: int) -> None:
        """`count` calls at once, none of which is answered."""

    def pauses_s(self) -> list[int | None]:
        """What those that were refused with 503 were asked to wait, as far as this shows."""

    def wait(self) -> None:
        """Return when every caller is done; AssertionError if a call went otherwise."""


@dataclass(slots=True)
class RealExchange:
    """FreeSWITCH, with SIPp on both sides."""

    switch: Switch
    sipp: Sipp
    callers: list[SippProcess] = field(default_factory=list)

    @property
    def address(self) -> SwitchAddress:
        return SwitchAddress.of(self.switch)

    def call(self, count: int, talk_s: float, port: int = 0) -> None:
        hold_ms = round(talk_s * 1000)
        caller = self.sipp.caller(
            "uac_call", port or free_port(), hold_ms=hold_ms, calls=count, rate=50
        )
        self.callers.append(caller)

    def call_until_hung_up_on(self, port: int) -> None:
        self.callers.append(self.sipp.caller("uac_until_bye", port))

    def call_refused(self, count: int) -> None:
        self.callers.append(self.sipp.caller("uac_refused", free_port(), calls=count, rate=100))

    def pauses_s(self) -> list[int | None]:
        return [pause for caller in self.callers for pause in caller.pauses_s()]

    def wait(self) -> None:
        for caller in self.callers:
            caller.wait(60)


@dataclass(slots=True)
class SimulatedExchange:
    """The simulator, with its scripts on both sides."""

    simulated: SimulatedSwitch
    waiting: list[asyncio.Future[bool]] = field(default_factory=list)

    @property
    def address(self) -> SwitchAddress:
        return self.simulated.address

    def call(self, count: int, talk_s: float, port: int = 0) -> None:
        for _ in range(count):
            self._place(port, talk_s)

    def call_until_hung_up_on(self, port: int) -> None:
        self._place(port, None)

    def call_refused(self, count: int) -> None:
        for _ in range(count):
            self._place(0, None, answered=False)

    def pauses_s(self) -> list[int | None]:
        return []  # it sends no SIP

    def wait(self) -> None:
        for number, call in enumerate(self.waiting, start=1):
            went_well = asyncio.run_coroutine_threadsafe(_result(call), self.simulated.loop)
            assert went_well.result(60), f"call {number} went otherwise"

    def _place(self, port: int, talk_s: float | None, *, answered: bool = True) -> None:
        script = CallerScript(CALLER, CALLED, LOOPBACK, port or free_port(), hang_up_after_s=talk_s)

        async def placed() -> asyncio.Future[bool]:
            call = self.simulated.simulator.place_call("", script=script, legs=[answers(RING_S)])

            async def as_said() -> bool:
                ended = await call.ended(60)
                if not answered:
                    return not ended.answered_us
                # the caller hung up by itself, and not before its time
                return talk_s is None or ended.talk_us >= talk_s * 1_000_000 - 1000

            return asyncio.ensure_future(as_said())

        loop = self.simulated.loop
        self.waiting.append(asyncio.run_coroutine_threadsafe(placed(), loop).result(10))


async def _result(call: asyncio.Future[bool]) -> bool:
    return await call


@contextmanager
def exchange(kind: str, directory: Path, vendor_port: int) -> Iterator[Exchange]:
    """A switch of this kind with its vendor, until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    if kind == "simulator":
        with simulated_switch(directory / "spool") as simulated:
            yield SimulatedExchange(simulated)
        return
    binary = find_sipp()
    assert binary is not None
    with running_switch(directory / "freeswitch") as switch:
        sipp = Sipp(binary, directory / "sipp", switch.ports.trunks)
        try:
            sipp.vendor("uas_answer", vendor_port, hold_ms=round(RING_S * 1000), calls=10_000)
            yield RealExchange(switch, sipp)
        finally:
            sipp.close()
