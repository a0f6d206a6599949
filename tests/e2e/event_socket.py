"""A small blocking Event Socket peer for tests, which keeps every byte it received.

Written apart from the driver on purpose: the driver's codec is checked against transcripts that
this client recorded, so the two must not share code.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import unquote


class LoginRefused(Exception):
    """The switch did not take the password."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the switch: its headers, not decoded, and its body."""

    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "surrogateescape")

    def event(self) -> dict[str, object]:
        """The event's fields, whether it came as JSON or plain."""
        if self.content_type == "text/event-json":
            fields: dict[str, object] = json.loads(self.text)
            return fields
        return {
            name: unquote(value, errors="surrogateescape")
            for name, _, value in (line.partition(": ") for line in self.text.splitlines())
            if name
        }


class EventSocket:
    """One connection, logged in unless `password` is None."""

    def __init__(self, port: int, password: str | None, timeout_s: float = 10.0) -> None:
        self.received = bytearray()
        self.sent: list[str] = []
        self._unread = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._timeout_s = timeout_s
        self.greeting = self.read()
        if password is not None:
            reply = self.command(f"auth {password}", recorded_as="auth PASSWORD")
            if not reply.headers.get("Reply-Text", "").startswith("+OK"):
                raise LoginRefused(reply.headers.get("Reply-Text", ""))

    def __enter__(self) -> EventSocket:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def command(self, line: str, recorded_as: str | None = None) -> Message:
        """Send one command and return the next message. Only for a connection without events."""
        self.send(line, recorded_as)
        return self.read()

    def send(self, line: str, recorded_as: str | None = None) -> None:
        self.sent.append(recorded_as or line)
        self._socket.sendall(f"{line}\n\n".encode("utf-8", "surrogateescape"))

    def api(self, line: str) -> str:
        return self.command(f"api {line}").text

    def subscribe(self, events: str, *filters: str, form: str = "json") -> None:
        """Events may begin to arrive between the replies, so only replies are counted."""
        lines = [f"event {form} {events}", *(f"filter {text}" for text in filters)]
        for line in lines:
            self.send(line)
            while self.read().content_type != "command/reply":
                pass

    def events(self, timeout_s: float) -> Iterator[dict[str, object]]:
        """Events as they arrive, until `timeout_s` after the call."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self.read(left)
            except TimeoutError:
                return
            if message.content_type.startswith("text/event-"):
                yield message.event()

    def read(self, timeout_s: float | None = None) -> Message:
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        head = self._take_until(b"\n\n", deadline).decode("utf-8", "surrogateescape")
        headers = dict(line.split(": ", 1) for line in head.split("\n") if ": " in line)
        length = int(headers.get("Content-Length", "0"))
        return Message(headers, self._take(length, deadline))

    def _take_until(self, end: bytes, deadline: float) -> bytes:
        while (at := self._unread.find(end)) < 0:
            self._receive(deadline)
        taken = bytes(self._unread[:at])
        del self._unread[: at + len(end)]
        return taken

    def _take(self, length: int, deadline: float) -> bytes:
        while len(self._unread) < length:
            self._receive(deadline)
        taken = bytes(self._unread[:length])
        del self._unread[:length]
        return taken

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the switch said nothing more")
        self._socket.settimeout(left)
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the switch closed the connection")
        self.received += data
        self._unread += data
