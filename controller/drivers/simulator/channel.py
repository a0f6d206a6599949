"""A channel: one leg of a call, its state and how events show it.

`headers` is the channel as its events show it, kept up to date: firing an event renders it as it
stands. Nothing of it is copied for an event, which is what keeps calls cheap.
"""

from collections.abc import Callable
from typing import Final, Protocol

from controller.drivers.simulator.clock import CallClock
from controller.drivers.simulator.core import Core
from controller.drivers.simulator.media import CODEC_HEADERS, MEDIA_VARIABLES, PREFIX, Headers

_STATE_NUMBERS: Final = {
    "CS_NONE": "1",
    "CS_INIT": "2",
    "CS_EXECUTE": "4",
    "CS_EXCHANGE_MEDIA": "5",
    "CS_CONSUME_MEDIA": "7",
    "CS_HANGUP": "10",
    "CS_REPORTING": "11",
    "CS_DESTROY": "12",
}
_NO_HEADERS: Final[Headers] = {}
_PROFILE_VARIABLES: Final = {
    "caller_id_name": "Caller-Caller-ID-Name",
    "caller_id_number": "Caller-Caller-ID-Number",
    "destination_number": "Caller-Destination-Number",
    "network_addr": "Caller-Network-Addr",
    "ani": "Caller-ANI",
    "username": "Caller-Username",
    "context": "Caller-Context",
    "dialplan": "Caller-Dialplan",
    "chan_name": "Caller-Channel-Name",
    "source": "Caller-Source",
}


class Activity(Protocol):
    """What a channel is busy with."""

    def start(self) -> None:
        """Begin; may finish at once."""

    def interrupted(self, *, hung_up: bool) -> None:
        """The channel has been hung up, or else is transferred away."""


class Channel:
    """One leg, of either direction."""

    inbound = False

    def __init__(self, core: Core, clock: CallClock, uuid: str, name: str) -> None:
        self.core = core
        self.clock = clock
        self.uuid = uuid
        self.name = name
        self.cause = ""
        self.ended = False
        self.has_media = False
        self.created_us = clock.now_us
        self.profile_us = clock.now_us
        self.progress_us = 0
        self.progress_media_us = 0
        self.answered_us = 0
        self.bridged_us = 0
        self.ended_us = 0
        self.bridge_role = ""
        self.activity: Activity | None = None
        self.on_ended: list[Callable[[Channel], None]] = []
        direction = "inbound" if self.inbound else "outbound"
        self._quick = {"call-direction": direction, "unique-id": uuid}
        self.headers: Headers = {
            **core.events.blank,
            "Channel-State": "CS_INIT",
            "Channel-Call-State": "DOWN",
            "Channel-State-Number": "2",
            "Channel-Name": name,
            "Unique-ID": uuid,
            "Call-Direction": direction,
            "Presence-Call-Direction": direction,
            "Channel-HIT-Dialplan": "true" if self.inbound else "false",
            "Channel-Call-UUID": uuid,
            "Answer-State": "ringing",
        }

    def partner(self) -> "Channel | None":
        """The leg that this one belongs with, if any."""
        return None

    # Variables

    def text(self, header: str) -> str:
        """A header's value; empty if it is not there."""
        value = self.headers.get(header, "")
        return "ARRAY::" + "|:".join(value) if isinstance(value, list) else value

    def get(self, name: str) -> str | None:
        """A variable as the switch's commands and expansions read it."""
        header = PREFIX + name
        if header in self.headers:
            return self.text(header)
        header = _PROFILE_VARIABLES.get(name, "")
        if header in self.headers:
            return self.text(header)
        return self.core.config.defaults.get(name)

    def set(self, name: str, value: str | None) -> None:
        """Set a variable; an empty value takes it away."""
        if value:
            self.headers[PREFIX + name] = value
        else:
            self.headers.pop(PREFIX + name, None)

    def push(self, name: str, value: str) -> None:
        """Add to a variable, which becomes an array with its second value."""
        present = self.headers.get(PREFIX + name)
        if present is None:
            self.headers[PREFIX + name] = value
        elif isinstance(present, list):
            present.append(value)
        else:
            self.headers[PREFIX + name] = [present, value]

    def fire(self, event: str, extra: Headers = _NO_HEADERS) -> None:
        """Send an event about this channel, with `extra` headers, if anybody wants it."""
        events = self.core.events
        if event in events.wanted:
            events.fire_live(event, self.clock.now_us, self.headers, self._quick, extra)
        else:
            events.sequence += 1

    # Progress of the call

    def enter(self, state: str) -> None:
        """Take on a channel state."""
        self.headers["Channel-State"] = state
        self.headers["Channel-State-Number"] = _STATE_NUMBERS[state]

    def pass_through(self, state: str) -> None:
        """Show another state's number only, as the real switch does while it changes over."""
        self.headers["Channel-State-Number"] = _STATE_NUMBERS[state]

    def show_call_state(self, call_state: str) -> None:
        """Take on a call state."""
        self.headers["Channel-Call-State"] = call_state

    def ring(self) -> None:
        """The leg rings (180), if it does not already."""
        if self.progress_us or self.answered_us:
            return
        self.progress_us = self.clock.now_us
        self.show_call_state("RINGING")
        self.headers["Caller-Channel-Progress-Time"] = str(self.clock.now_us)
        self.fire("CHANNEL_PROGRESS")

    def start_early_media(self) -> None:
        """The leg has media before its answer (183)."""
        if self.progress_media_us or self.answered_us:
            return
        self.progress_media_us = self.clock.now_us
        self.show_call_state("EARLY")
        self.headers["Answer-State"] = "early"
        self.headers["Caller-Channel-Progress-Media-Time"] = str(self.clock.now_us)
        self.negotiate_media()
        self.fire("CHANNEL_PROGRESS_MEDIA")

    def negotiate_media(self) -> None:
        """Codecs and addresses become known."""
        if self.has_media:
            return
        self.has_media = True
        ip = self.core.config.sip_ip
        headers = self.headers
        headers.update(CODEC_HEADERS)
        headers.update(MEDIA_VARIABLES)
        headers["variable_local_media_ip"] = ip
        headers["variable_local_media_port"] = "26206"
        headers["variable_advertised_media_ip"] = ip
        headers["variable_remote_media_ip"] = ip
        headers["variable_remote_media_port"] = "6000"

    def mark_answered(self) -> None:
        """The leg is answered (200)."""
        if self.answered_us:
            return
        self.answered_us = self.clock.now_us
        self.headers["Answer-State"] = "answered"
        self.headers["Caller-Channel-Answered-Time"] = str(self.clock.now_us)
        self.negotiate_media()
        self.fire("CHANNEL_ANSWER")
        self.headers["variable_endpoint_disposition"] = "ANSWER"
        self.show_call_state("ACTIVE")

    def mark_bridged(self) -> None:
        """The leg's media is joined with another's."""
        self.bridged_us = self.clock.now_us
        self.headers["Caller-Channel-Bridged-Time"] = str(self.clock.now_us)
