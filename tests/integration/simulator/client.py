"""A bare Event Socket client for the tests: its own framing, nothing of the driver's."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from controller.drivers.simulator import Simulator, SimulatorConfig, World

PASSWORD = "tested"
CONTRACT = (
    "event json CHANNEL_PARK CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE HEARTBEAT",
    "filter Call-Direction inbound",
    "filter Event-Name CHANNEL_HANGUP_COMPLETE",
    "filter Event-Name HEARTBEAT",
)
Event = dict[str, Any]


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own, for at most a minute."""

    @functools.wraps(test)
    def run(*arguments: object, **fixtures: object) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(_awaited(test(*arguments, **fixtures)), 60)

        asyncio.run(bounded())

    return run


async def _awaited(waiting: Awaitable[None]) -> None:
    await waiting


@dataclass(slots=True)
class Frame:
    """One message of the switch: headers and body."""

    headers: dict[str, str]
    body: bytes = b""

    @property
    def reply(self) -> str:
        return self.headers.get("Reply-Text", "")

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")


def parse_plain(text: str) -> Event:
    """An event in the plain form, decoded after it was cut into lines."""
    head, _, body = text.partition("\n\n")
    event: Event = {}
    for line in head.split("\n"):
        name, _, value = line.partition(": ")
        event[name] = "" if value == "_undef_" else unquote(value, errors="surrogateescape")
    if body:
        event["_body"] = body
    return event


@dataclass(slots=True)
class Client:
    """A connection; events are collected, replies are handed to whoever asked."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: list[Event] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None
    closed: bool = False
    _replies: "asyncio.Queue[Frame]" = field(default_factory=asyncio.Queue)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    @classmethod
    async def connect(cls, port: int, password: str | None = PASSWORD) -> "Client":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        client = cls(reader, writer)
        client._task = asyncio.create_task(client._read())
        greeting = await client.next_reply()
        assert greeting.headers == {"Content-Type": "auth/request"}
        if password is not None:
            assert (await client.send(f"auth {password}")).reply == "+OK accepted"
        return client

    async def send(self, command: str) -> Frame:
        self.writer.write(command.encode("utf-8", "surrogateescape") + b"\n\n")
        return await self.next_reply()

    async def api(self, command: str) -> str:
        frame = await self.send(f"api {command}")
        assert frame.headers["Content-Type"] == "api/response"
        return frame.text

    async def next_reply(self) -> Frame:
        return await asyncio.wait_for(self._replies.get(), 10)

    async def wait_for(self, condition: Callable[["Client"], bool], timeout_s: float = 20) -> None:
        async def wait() -> None:
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), timeout_s)

    async def event(self, name: str, timeout_s: float = 20, **headers: str) -> Event:
        """The first event with this name and these headers (`_` is `-`), perhaps yet to come."""

        def matching(event: Event) -> bool:
            wanted = {key.replace("_", "-"): value for key, value in headers.items()}
            return event["Event-Name"] == name and wanted.items() <= event.items()

        await self.wait_for(lambda client: any(map(matching, client.events)), timeout_s)
        return next(filter(matching, self.events))

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event["Event-Name"] == name]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self.writer.close()

    async def _read(self) -> None:
        try:
            while True:
                await self._take(await self._frame())
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            self._changed.set()

    async def _frame(self) -> Frame:
        head = (await self.reader.readuntil(b"\n\n")).decode("utf-8", "surrogateescape")
        headers = dict(line.split(": ", 1) for line in head.rstrip("\n").split("\n"))
        body = await self.reader.readexactly(int(headers.get("Content-Length", "0")))
        return Frame(headers, body)

    async def _take(self, frame: Frame) -> None:
        kind = frame.headers["Content-Type"]
        if kind == "text/event-json":
            event = json.loads(frame.text)  # bytes that are not UTF-8 are sent on purpose
            self.events.append(event)
            self.on_event(event)
        elif kind == "text/event-plain":
            self.plain.append(frame.text)
            event = parse_plain(frame.text)
            self.events.append(event)
            self.on_event(event)
        elif kind in ("text/event-xml", "log/data"):
            self.plain.append(frame.text)
        else:
            self._replies.put_nowait(frame)
        self._changed.set()


@dataclass(slots=True)
class Running:
    """A started simulator with the two links of a controller, and one for plans alone."""

    simulator: Simulator
    events: Client
    commands: Client
    plans: Client

    def answer_parks(self, plan: str) -> None:
        """Transfer every call that parks for the first time to this inline plan."""
        seen: set[str] = set()

        def transfer(event: Event) -> None:
            uuid = event["Unique-ID"]
            if event["Event-Name"] == "CHANNEL_PARK" and uuid not in seen:
                seen.add(uuid)
                command = f"api uuid_transfer {uuid} '{plan.replace('UUID', uuid)}' inline\n\n"
                self.plans.writer.write(command.encode("utf-8", "surrogateescape"))

        self.events.on_event = transfer


@asynccontextmanager
async def running(
    world: World | None = None, *subscription: str, **settings: Any
) -> AsyncIterator[Running]:
    """Start, connect, subscribe (to the contract's events unless told otherwise), stop."""
    settings = {"seed": 7, "password": PASSWORD, "heartbeat_interval_s": 0.0, **settings}
    simulator = Simulator(SimulatorConfig(**settings), world)
    port = await simulator.start()
    try:
        events, commands, plans = [await Client.connect(port) for _ in range(3)]
        for command in subscription or CONTRACT:
            assert (await events.send(command)).reply.startswith("+OK")
        yield Running(simulator, events, commands, plans)
        for client in (events, commands, plans):
            await client.close()
    finally:
        await simulator.stop()
