"""Transcripts recorded from a real switch, as the tests read them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.simulator.client import Event, Frame, parse_plain

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "event_socket"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))


def _frames(data: bytes) -> Iterator[Frame]:
    position = 0
    while position < len(data):
        end = data.index(b"\n\n", position)
        head = data[position:end].decode("utf-8", "surrogateescape")
        headers = dict(line.split(": ", 1) for line in head.split("\n"))
        position = end + 2 + int(headers.get("Content-Length", "0"))
        yield Frame(headers, data[end + 2 : position])


def _parse(frame: Frame) -> Event:
    if frame.headers["Content-Type"] == "text/event-plain":
        return parse_plain(frame.text)
    event: Event = json.loads(frame.text)  # bytes that are not UTF-8 are there on purpose
    return event


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded scenario."""

    name: str
    description: Mapping[str, Any]
    events: Sequence[Event]
    replies: Sequence[Frame]

    @classmethod
    def read(cls, name: str) -> "Recording":
        description = json.loads((RECORDINGS / f"{name}.json").read_text())
        events = RECORDINGS / f"{name}.events.raw"
        frames = list(_frames(events.read_bytes())) if events.exists() else []
        replies = _frames((RECORDINGS / f"{name}.commands.raw").read_bytes())
        return cls(
            name,
            description,
            [_parse(f) for f in frames if f.headers["Content-Type"].startswith("text/event-")],
            list(replies),
        )

    def commands(self, sent_on: str) -> list[str]:
        """The lines sent after the password."""
        return [line for line in self.description[sent_on] if not line.startswith("auth ")]

    def of_calls(self) -> list[Event]:
        return [event for event in self.events if event["Event-Name"].startswith("CHANNEL_")]
