"""A scripted peer on a free loopback port: it speaks just enough, then does what a test wants."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

HELLO = b"Content-Type: auth/request\n\n"
ACCEPTED = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
OK = b"Content-Type: command/reply\nReply-Text: +OK\n\n"
REFUSED = b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"
PASSWORD = "ClueCon"
CORE_UUID = "c95d0ccd-a4a4-45bc-b034-44e9e6262569"


def frame(content_type: str, body: bytes) -> bytes:
    head = f"Content-Length: {len(body)}\nContent-Type: {content_type}\n\n"
    return head.encode() + body


def answer(body: bytes) -> bytes:
    return frame("api/response", body)


def event(name: str, fields: dict[str, Any] | None = None) -> bytes:
    document = {"Event-Name": name, **(fields or {})}
    return frame("text/event-json", json.dumps(document).encode())


class Peer:
    """One accepted connection, seen from the switch."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def command(self) -> str:
        """The next command; EOFError when the client has gone."""
        try:
            data = await self.reader.readuntil(b"\n\n")
        except asyncio.IncompleteReadError as error:
            raise EOFError from error
        return data.decode("utf-8", "surrogateescape").removesuffix("\n\n")

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def greet(self, password: str = PASSWORD) -> None:
        """The welcome, up to the accepted password."""
        self.send(HELLO)
        assert await self.command() == f"auth {password}"
        self.send(ACCEPTED)

    async def gone(self) -> bool:
        """True once the client has closed; waits at most a second for it."""
        try:
            async with asyncio.timeout(1):
                while await self.reader.read(65_536):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


Script = Callable[[Peer], Awaitable[None]]


class HostileSwitch:
    """Runs the script for each connection; remembers peers and what went wrong in a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            await self._script(peer)
        except (EOFError, OSError, asyncio.CancelledError):
            logging.getLogger(__name__).debug("the client went away")
        except BaseException as error:  # noqa: BLE001 - kept for the test to see
            self.failures.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def hostile_switch(script: Script) -> AsyncIterator[HostileSwitch]:
    """Serve `script`; at the end its failures are raised, and so is what asyncio had to catch."""
    caught: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(context))
    switch = HostileSwitch(script)
    server = await asyncio.start_server(switch.serve, "127.0.0.1", 0)
    switch.port = server.sockets[0].getsockname()[1]
    try:
        yield switch
    finally:
        switch.stop()
        server.close()
    await asyncio.sleep(0)
    if switch.failures:
        raise switch.failures[0]
    assert not caught, caught


async def eventually(condition: Callable[[], object], timeout_s: float = 2.0) -> None:
    """Wait until the condition holds; fail when it doesn't come to hold."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
