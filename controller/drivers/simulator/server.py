"""The listening side of the simulator: a port, its connections, and the switch behind them."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from controller.drivers.simulator.clock import TimerQueue
from controller.drivers.simulator.commands import execute
from controller.drivers.simulator.config import SimulatorConfig
from controller.drivers.simulator.connection import Connection
from controller.drivers.simulator.encoding import SHUTDOWN_NOTICE
from controller.drivers.simulator.switch import Switch
from controller.drivers.simulator.world import World

_PATIENCE_S: Final = 2.0


class Server:
    """Accepts clients; a restart puts another switch behind the same port."""

    def __init__(self, config: SimulatorConfig, world: World) -> None:
        self.config = config
        self.world = world
        self.timers = TimerQueue(config.timer_resolution_s)
        self.connections: set[Connection] = set()
        self.switch: Switch
        self.apply_faults: Callable[[Connection], None] = lambda _: None
        self.on_restart: Callable[[], None] = lambda: None
        self._server: asyncio.Server | None = None
        self._runs = 0

    async def start(self) -> int:
        """Listen; the port."""
        loop = asyncio.get_running_loop()
        self.timers.start(loop)
        self.switch = self._new_switch()
        self._server = await loop.create_server(
            lambda: Connection(self), self.config.host, self.config.port
        )
        return cast(int, self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End every call, then every connection, and close the port."""
        if self._server is not None:
            self._server.close()
            self._shut_down()
            await self._last_words()
            self._server = None
        self.timers.stop()

    async def _last_words(self) -> None:
        """Let clients read what is queued, but not for ever."""
        deadline_s = self.timers.now_s() + _PATIENCE_S
        while self.connections and self.timers.now_s() < deadline_s:
            await asyncio.sleep(0.005)
        self._drop_all()

    def _shut_down(self) -> None:
        """As the real switch on SIGTERM: every call ends and is reported, then every link."""
        self.switch.hang_up_all("SYSTEM_SHUTDOWN")
        self.timers.run_due()
        for connection in list(self.connections):
            connection.disconnect(SHUTDOWN_NOTICE)

    def restart_switch(self) -> None:
        """Another run of the switch: a new Core-UUID, no calls, no links."""
        self.timers.stop()
        self._drop_all()
        self.switch = self._new_switch()
        self.on_restart()

    def _new_switch(self) -> Switch:
        switch = Switch(self.config, self.world, self.timers, execute, self._runs)
        self._runs += 1
        return switch

    def _drop_all(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()
        self.connections.clear()
