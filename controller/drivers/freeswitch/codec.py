"""The Event Socket's framing, without I/O: bytes in, frames out.

A frame is a block of `Name: value` lines, an empty line, and `Content-Length` bytes of body.
Lines are split before any value is decoded, so that text from a caller can never become a
header (design §4). Nothing here trusts the peer: blocks and bodies are bounded.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from controller.domain.errors import ProtocolError, UnsafeText

MAX_HEADER_BYTES = 65_536
MAX_BODY_BYTES = 16_777_216


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the switch. Header values are as sent, not decoded."""

    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def reply(self) -> str:
        """The `Reply-Text` of a command/reply, or the body of an api/response."""
        return self.headers.get("Reply-Text") or self.body.decode("utf-8", "replace").strip()


class FrameDecoder:
    """Collects bytes as they come, in pieces of any size, and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers: dict[str, str] | None = None
        self._body_size = 0

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """The frames that `data` completes. Raises ProtocolError; then the link must be closed."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if self._headers is None and not self._read_headers():
            return None
        if len(self._buffer) < self._body_size:
            return None
        body = bytes(self._buffer[: self._body_size])
        del self._buffer[: self._body_size]
        frame = Frame(self._headers or {}, body)
        self._headers, self._body_size = None, 0
        return frame

    def _read_headers(self) -> bool:
        while self._buffer.startswith(b"\n"):
            del self._buffer[:1]
        end = self._buffer.find(b"\n\n")
        if end > MAX_HEADER_BYTES or (end < 0 and len(self._buffer) > MAX_HEADER_BYTES):
            raise ProtocolError(f"a header block of more than {MAX_HEADER_BYTES} bytes")
        if end < 0:
            return False
        self._headers = parse_headers(bytes(self._buffer[:end]))
        self._body_size = _body_size(self._headers)
        del self._buffer[: end + 2]
        return True


def parse_headers(block: bytes) -> dict[str, str]:
    """`Name: value` lines as they are; of a repeated name the first counts."""
    headers: dict[str, str] = {}
    for line in block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            headers.setdefault(_text(name.strip()), _text(value.strip()))
    return headers


def decode_json_event(body: bytes) -> dict[str, Any]:
    """A text/event-json body. Raises ProtocolError if it is not one JSON object."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = _decode_leniently(body)
    if not isinstance(event, dict):
        raise ProtocolError("an event that is not a JSON object")
    return event


def decode_plain_event(body: bytes) -> dict[str, str]:
    """A text/event-plain body: lines first, then each value percent-decoded."""
    raw = parse_headers(body.partition(b"\n\n")[0])
    return {
        name: unquote_to_bytes(_bytes(value)).decode("utf-8", "surrogateescape")
        for name, value in raw.items()
    }


def encode_command(command: str, headers: dict[str, str] | None = None) -> bytes:
    """A command with its headers. Raises UnsafeText where a value would break the framing."""
    lines = [command, *(f"{name}: {value}" for name, value in (headers or {}).items())]
    if any("\n" in line or "\r" in line or "\0" in line for line in lines):
        raise UnsafeText("a line break in a command to the switch")
    try:
        return _bytes("\n".join(lines) + "\n\n")
    except UnicodeEncodeError as error:
        raise UnsafeText("text that is no text in a command to the switch") from error


def _decode_leniently(body: bytes) -> Any:
    """Callers can put bytes that are not UTF-8 into an event; they must not cost us the event."""
    try:
        return json.loads(body.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"an event that is not JSON: {error}") from None


def _body_size(headers: dict[str, str]) -> int:
    text = headers.get("Content-Length", "0")
    if len(text) > 9 or not (text.isascii() and text.isdigit()) or int(text) > MAX_BODY_BYTES:
        raise ProtocolError(f"Content-Length {text[:32]!r}")
    return int(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
