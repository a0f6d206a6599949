"""Faults that tests put on the links of a running simulator."""

from collections.abc import Callable
from typing import Final

from controller.drivers.simulator.connection import Connection
from controller.drivers.simulator.events import EventHeaders
from controller.drivers.simulator.server import Server

_FLOOD_EVENT: Final = "RE_SCHEDULE"


class Faults:
    """What can go wrong between a switch and its controller. Applies to all links at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._frozen = False
        self._bytewise = False
        server.apply_faults = self._apply

    def freeze(self) -> None:
        """Stop reading and writing; the links stay up and the calls go on."""
        self._frozen = True
        self._apply_to_all()

    def thaw(self) -> None:
        """End a freeze: what has piled up is sent and read."""
        self._frozen = False
        self._apply_to_all()

    def one_byte_at_a_time(self, enabled: bool = True) -> None:
        """Write each byte on its own, so that clients see every possible split."""
        self._bytewise = enabled
        self._apply_to_all()

    def half_close(self) -> None:
        """End the writing side of every link and go on reading."""
        self._each(lambda connection: connection.wire.half_close())

    def drop_links(self) -> None:
        """Reset every link; the calls go on."""
        self._each(lambda connection: connection.transport.abort())

    def flood(self, count: int, event: str = _FLOOD_EVENT) -> None:
        """Fire so many events at once, to whoever subscribes to them."""
        core = self._server.switch.core
        headers: EventHeaders = {"Task-ID": "0", "Task-Desc": "flood", "Task-Group": "flood"}
        for _ in range(count):
            core.events.fire(event, core.now_us(), lambda: headers)

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be the protocol's on every link."""
        self._each(lambda connection: connection.wire.send(data))

    def restart(self) -> None:
        """The switch dies and comes back at once: a new Core-UUID, all calls and links gone."""
        self._server.restart_switch()

    def _each(self, act: Callable[[Connection], None]) -> None:
        for connection in list(self._server.connections):
            act(connection)

    def _apply_to_all(self) -> None:
        self._each(self._apply)

    def _apply(self, connection: Connection) -> None:
        connection.wire.write_bytewise(self._bytewise)
        connection.wire.freeze(self._frozen)
        if self._frozen:
            connection.transport.pause_reading()
        elif not connection.transport.is_reading():
            connection.transport.resume_reading()
