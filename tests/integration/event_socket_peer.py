"""A scripted Event Socket on loopback, for what a switch might answer: replies by command."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

PASSWORD = "secret"


@contextmanager
def scripted_switch(replies: Mapping[str, str], silent_on: str = "\0") -> Iterator[int]:
    """The port of a peer that answers `api` commands; `silent_on` is never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, replies, silent_on), daemon=True).start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, replies: Mapping[str, str], silent_on: str) -> None:
    with suppress(OSError):
        while True:
            link, _ = server.accept()
            threading.Thread(target=_serve, args=(link, replies, silent_on), daemon=True).start()


def _serve(link: socket.socket, replies: Mapping[str, str], silent_on: str) -> None:
    with suppress(OSError), link, link.makefile("rwb") as stream:
        if silent_on:
            _send(stream, "Content-Type: auth/request\n\n")
        for line in stream:
            command = line.decode().strip()
            if command.startswith("auth "):
                right = command == f"auth {PASSWORD}"
                reply = "+OK accepted" if right else "-ERR invalid"
                _send(stream, f"Content-Type: command/reply\nReply-Text: {reply}\n\n")
            elif command.startswith("api ") and command[4:] != silent_on:
                body = replies.get(command[4:], "-ERR command not found!\n")
                head = f"Content-Type: api/response\nContent-Length: {len(body.encode())}\n\n"
                _send(stream, head + body)


class Stream(Protocol):
    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


def _send(stream: Stream, text: str) -> None:
    stream.write(text.encode())
    stream.flush()
