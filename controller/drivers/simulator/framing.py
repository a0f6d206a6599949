"""Commands out of the bytes a client sends. No I/O.

A command is a line, then header lines, then an empty line; a Content-Length header announces a
body. Carriage returns are tolerated and empty lines between commands are skipped, as on the
real switch.
"""

import re
from dataclasses import dataclass, field
from typing import Final

MAX_COMMAND_BYTES: Final = 10_485_760
_END: Final = re.compile(rb"\n\r*\n")


class FramingError(ValueError):
    """The client sends something that can never become a command."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its line, its headers with their names as they were sent, its body."""

    line: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def header(self, wanted: str) -> str:
        """A header's value by its name in lower case; empty if it is not there."""
        return next((v for name, v in self.headers.items() if name.lower() == wanted), "")


class CommandReader:
    """Bytes in, commands out."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pending: Command | None = None
        self._body_bytes = 0

    def feed(self, data: bytes) -> list[Command]:
        """The commands that are complete with `data`; raises FramingError."""
        self._buffer += data
        if len(self._buffer) > MAX_COMMAND_BYTES:
            raise FramingError("command too long")
        commands: list[Command] = []
        while (command := self._next()) is not None:
            commands.append(command)
        return commands

    def _next(self) -> Command | None:
        if self._pending is not None:
            return self._with_body(self._pending)
        self._buffer = self._buffer.lstrip(b"\r\n")
        end = _END.search(self._buffer)
        if end is None:
            return None
        head = self._buffer[: end.start()]
        self._buffer = self._buffer[end.end() :]
        command = _parse_head(head)
        length = command.header("content-length")
        if not (length.isascii() and length.isdigit() and int(length)):
            return command
        self._pending, self._body_bytes = command, int(length)
        return self._with_body(command)

    def _with_body(self, command: Command) -> Command | None:
        if len(self._buffer) < self._body_bytes:
            return None
        body = self._buffer[: self._body_bytes]
        self._buffer = self._buffer[self._body_bytes :]
        self._pending = None
        return Command(command.line, command.headers, _text(body))


def _parse_head(head: bytes) -> Command:
    if b"\n" not in head:
        return Command(_text(head.rstrip(b"\r")))
    first, *rest = _text(head).replace("\r", "").split("\n")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name, value.lstrip(" "))
    return Command(first, headers)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
