"""One Event Socket connection: authentication, replies in order, events to a callback.

Commands are pipelined; the switch answers them in order on the same connection. A reply that
doesn't come in time closes the connection, for the next one would be taken for it (design §4).
"""

import asyncio
from collections import deque
from collections.abc import Callable

from controller.domain.errors import ProtocolError, SwitchError, SwitchTimeout, SwitchUnavailable
from controller.drivers.freeswitch.codec import Frame, FrameDecoder, encode_command

MAX_PENDING = 10_000
READ_BYTES = 65_536
_EVENTS = ("text/event-json", "text/event-plain")
_REPLIES = ("command/reply", "api/response")


class EventSocket(asyncio.BufferedProtocol):
    """Use `open_socket`. `closed` resolves to why the connection ended."""

    def __init__(self, password: str, on_event: Callable[[Frame], None], timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.last_heard = loop.time()
        self._loop = loop
        self._password = password
        self._on_event = on_event
        self._timeout_s = timeout_s
        self._decoder = FrameDecoder()
        # reused for every read: asyncio's own reads allocate 256 KiB each time
        self._received = bytearray(READ_BYTES)
        self._pending: deque[tuple[float, asyncio.Future[Frame] | None]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watchdog: asyncio.TimerHandle | None = None

    def send(self, command: str) -> None:
        """Send without caring for the reply. Raises SwitchUnavailable, UnsafeText."""
        self._write(command, None)

    def ask(self, command: str) -> asyncio.Future[Frame]:
        """Send; the reply as a future, which fails with SwitchError when the link goes down."""
        future: asyncio.Future[Frame] = self._loop.create_future()
        self._write(command, future)
        return future

    def close(self, why: str) -> None:
        if not self.closed.done():
            self.closed.set_result(why)
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.BufferedProtocol -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._watchdog = self._loop.call_later(self._timeout_s, self._watch)

    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._received

    def buffer_updated(self, count: int) -> None:
        self.last_heard = self._loop.time()
        try:
            for frame in self._decoder.feed(memoryview(self._received)[:count]):
                self._handle(frame)
        except ProtocolError as error:
            self.close(f"protocol error: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(str(exc) if exc else "closed by the switch")
        if self._watchdog is not None:
            self._watchdog.cancel()
        error = SwitchUnavailable(self.closed.result())
        if not self.ready.done():
            self.ready.set_exception(error)
        for _, future in self._pending:
            if future is not None and not future.done():
                future.set_exception(error)
        self._pending.clear()

    # -- internals ------------------------------------------------------------------------

    def _write(self, command: str, future: asyncio.Future[Frame] | None) -> None:
        if self._transport is None or self.closed.done():
            raise SwitchUnavailable("no connection")
        if len(self._pending) >= MAX_PENDING:
            raise SwitchUnavailable(f"{MAX_PENDING} commands wait for an answer")
        data = encode_command(command)
        self._pending.append((self._loop.time() + self._timeout_s, future))
        self._transport.write(data)

    def _handle(self, frame: Frame) -> None:
        kind = frame.content_type
        if kind in _EVENTS:
            self._on_event(frame)
        elif kind in _REPLIES:
            self._answer(frame)
        elif kind == "auth/request":
            self.ask(f"auth {self._password}").add_done_callback(self._authenticated)
        elif kind == "text/disconnect-notice":
            self.close("the switch said good-bye")
        elif kind == "text/rude-rejection":
            self.close("the switch's access list refuses this address")

    def _answer(self, frame: Frame) -> None:
        if not self._pending:
            raise ProtocolError("a reply to no command")
        _, future = self._pending.popleft()
        if future is not None and not future.done():
            future.set_result(frame)

    def _authenticated(self, reply: asyncio.Future[Frame]) -> None:
        if reply.cancelled() or reply.exception() is not None or self.ready.done():
            return
        if reply.result().reply.startswith("+OK"):
            self.ready.set_result(None)
        else:
            self.ready.set_exception(SwitchError("the switch refuses the password"))
            self.close("the switch refuses the password")

    def _watch(self) -> None:
        """Close when a reply is overdue. One timer for all, not one for each command."""
        if self._pending and self._pending[0][0] < self._loop.time():
            self.close(f"no reply within {self._timeout_s} s")
            return
        self._watchdog = self._loop.call_later(self._timeout_s / 4, self._watch)


async def open_socket(
    host: str,
    port: int,
    password: str,
    on_event: Callable[[Frame], None],
    timeout_s: float = 5.0,
) -> EventSocket:
    """Connect and authenticate. Raises SwitchError."""
    if not password.isprintable():
        raise SwitchError("the switch's password holds signs that cannot be sent")
    connection = EventSocket(password, on_event, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().create_connection(lambda: connection, host, port)
            await connection.ready
    except TimeoutError as error:
        connection.close("no welcome")
        raise SwitchTimeout(f"no welcome from {host}:{port} within {timeout_s} s") from error
    except OSError as error:
        raise SwitchUnavailable(f"{host}:{port}: {error}") from error
    except BaseException:
        connection.close("given up")
        raise
    return connection
