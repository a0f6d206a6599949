"""What a connection writes, with the faults that a test may put on it.

Frames queued in one turn of the event loop leave in one write. A client that does not read
makes the queue grow; past its bound events are dropped without a word, as on the real switch,
while replies are kept.
"""

import asyncio
from collections import deque

_REPLY_SHARE = 2


class Wire:
    """The writing side of one connection."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, max_queued: int
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._max_queued = max_queued
        self._queue: deque[bytes] = deque()
        self._flushing = False
        self._held = False
        self._frozen = False
        self._bytewise = False
        self._closing = False
        self._half_closed = False
        self.dropped = 0

    def send(self, frame: bytes) -> None:
        """Queue a reply."""
        self._queue.append(frame)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def send_event(self, frame: bytes) -> None:
        """Queue an event, unless the client has let too many pile up."""
        if len(self._queue) >= self._max_queued:
            self.dropped += 1
        else:
            self.send(frame)

    def hold(self, held: bool) -> None:
        """The transport's own buffer is full, or has room again."""
        self._held = held
        self._resume()

    def freeze(self, frozen: bool) -> None:
        """Fault: write nothing until thawed."""
        self._frozen = frozen
        self._resume()

    def write_bytewise(self, bytewise: bool) -> None:
        """Fault: one byte at a time, each in a packet of its own."""
        self._bytewise = bytewise

    def half_close(self) -> None:
        """Fault: send what is queued, then end the stream, but go on reading."""
        self._flush()
        self._half_closed = True
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        """Send what is queued, then close."""
        self._closing = True
        self._flush()

    def _resume(self) -> None:
        if not self._held and not self._frozen and self._queue:
            self._flush()

    def _flush(self) -> None:
        self._flushing = False
        if self._held or self._frozen or self._transport.is_closing():
            return
        if self._half_closed:
            self._queue.clear()
        if self._bytewise and self._queue:
            self._write_one_byte()
        elif self._queue:
            data = b"".join(self._queue)
            self._queue.clear()
            self._transport.write(data)
        if self._closing and not self._queue:
            self._transport.close()

    def _write_one_byte(self) -> None:
        frame = self._queue.popleft()
        self._transport.write(frame[:1])
        if len(frame) > 1:
            self._queue.appendleft(frame[1:])
        if self._queue:
            self._flushing = True
            self._loop.call_soon(self._flush)
