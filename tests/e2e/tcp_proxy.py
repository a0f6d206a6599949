"""Relays before the switch's Event Socket and before the database: a test cuts the controller's
links with them, and sees what the controller sends."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Relay:
    """Relays what connects to `listener` to `target` until it is cut; `mend` opens it again."""

    def __init__(self, listener: socket.socket, target: int | str) -> None:
        """`target`: a port of loopback, or the path of a local socket."""
        self._target = target
        self._listener = listener
        self._ends: list[socket.socket] = []
        self._sent = bytearray()
        self._whole = threading.Event()
        self._whole.set()
        # towards the target, and back
        self._flowing = (threading.Event(), threading.Event())
        self.flow()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        self.flow()
        self.cut()

    def cut(self) -> None:
        """Break every link; new ones are closed at once."""
        self._whole.clear()
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        self._whole.set()

    def hold(self, *, replies_too: bool = True) -> None:
        """Pass nothing on to the target, nor anything back; the links stay up."""
        there, back = self._flowing
        there.clear()
        if replies_too:
            back.clear()

    def flow(self) -> None:
        """Pass on what was held, and what comes."""
        for direction in self._flowing:
            direction.set()

    def sent(self) -> list[str]:
        """Every command of the controller so far, on all links."""
        return [line for line in bytes(self._sent).decode().split("\n\n") if line]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                near.close()
                continue
            try:
                far = _connect(self._target)
            except OSError:
                near.close()  # as a port that nobody listens on
                continue
            self._ends += [near, far]
            there, back = self._flowing
            for ends in ((near, far, self._sent, there), (far, near, None, back)):
                threading.Thread(target=_relay, args=ends, daemon=True).start()


class TcpProxy(Relay):
    """Relays 127.0.0.1:`port` to another port of loopback."""

    def __init__(self, target: int) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(listener.getsockname()[1])
        super().__init__(listener, target)


class DatabaseProxy(Relay):
    """Relays `url` to the embedded PostgreSQL behind a URL with its folder."""

    def __init__(self, database_url: str, folder: Path) -> None:
        (real,) = parse_qs(urlsplit(database_url).query)["host"]
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / _SOCKET))
        listener.listen()
        self.url = database_url.replace(f"host={real}", f"host={folder}")
        super().__init__(listener, f"{real}/{_SOCKET}")


_SOCKET = ".s.PGSQL.5432"


def _connect(target: int | str) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target))
    far = socket.socket(socket.AF_UNIX)
    far.connect(target)
    return far


def _relay(
    source: socket.socket, sink: socket.socket, kept: bytearray | None, flowing: threading.Event
) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            flowing.wait()
            if kept is not None:
                kept += data
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
