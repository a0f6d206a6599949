"""Events: what they carry, and who gets them.

An event is only rendered when a connection wants it, and then once for all that want the same
form. The `Event-Sequence` counts every event, rendered or not, as on the real switch.
"""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, Protocol

from controller.drivers.simulator.encoding import BODY, HeaderValue, event_frame
from controller.drivers.simulator.subscription import Subscription

EventHeaders = dict[str, HeaderValue]
Build = Callable[[], EventHeaders]

VERSION: Final = "1.11.1-simulator"

# Where in the switch's source each event is fired, as it reports it itself.
_ORIGINS: Final[dict[str, tuple[str, str, str]]] = {
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", "626"),
    "CHANNEL_OUTGOING": ("switch_core_session.c", "switch_core_session_outgoing_channel", "768"),
    "CHANNEL_ORIGINATE": ("switch_core_state_machine.c", "switch_core_session_run", "632"),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", "1002"),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", "1213"),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", "2949"),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", "2972"),
    "CHANNEL_PROGRESS": (
        "switch_channel.c",
        "switch_channel_perform_mark_ring_ready_value",
        "3507",
    ),
    "CHANNEL_PROGRESS_MEDIA": (
        "switch_channel.c",
        "switch_channel_perform_mark_pre_answered",
        "3562",
    ),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", "3848"),
    "CHANNEL_BRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", "1689"),
    "CHANNEL_UNBRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", "1879"),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", "3447"),
    "CHANNEL_HANGUP_COMPLETE": (
        "switch_core_state_machine.c",
        "switch_core_session_reporting_state",
        "943",
    ),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", "1588"),
    "CHANNEL_DATA": ("mod_commands.c", "uuid_dump_function", "6495"),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", "95"),
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", "1569"),
    "ADD_SCHEDULE": ("switch_scheduler.c", "switch_scheduler_add_task_ex", "266"),
    "DEL_SCHEDULE": ("switch_scheduler.c", "task_thread_loop", "151"),
    "API": ("switch_loadable_module.c", "switch_api_execute", "2954"),
}
_UNKNOWN_ORIGIN: Final = ("mod_event_socket.c", "parse_command", "2125")
_QUICK_HEADERS: Final = frozenset({"call-direction", "unique-id"})


class Listener(Protocol):
    """A connection as the events see it."""

    @property
    def subscription(self) -> Subscription: ...

    def deliver(self, frame: bytes) -> None: ...


class Identity:
    """The headers that say which switch, and which run of it, an event comes from."""

    def __init__(self, core_uuid: str, name: str, sip_ip: str) -> None:
        self.core_uuid = core_uuid
        self.name = name
        self.headers: EventHeaders = {
            "Core-UUID": core_uuid,
            "FreeSWITCH-Hostname": name,
            "FreeSWITCH-Switchname": name,
            "FreeSWITCH-IPv4": sip_ip,
            "FreeSWITCH-IPv6": "::1",
        }


class EventHub:
    """Numbers events, renders those that somebody wants, and hands them out."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._listeners: list[Listener] = []
        # Read by channels before they fire: most events have nobody who wants them.
        self.wanted: frozenset[str] = frozenset()
        self.sequence = 0
        self.blank: EventHeaders = self._head("", 0)

    def attach(self, listener: Listener) -> None:
        """A connection that may subscribe."""
        self._listeners.append(listener)
        self.refresh()

    def detach(self, listener: Listener) -> None:
        """A connection that is gone."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.refresh()

    def refresh(self) -> None:
        """Some subscription has changed."""
        names: Iterable[frozenset[str]] = (each.subscription.names for each in self._listeners)
        self.wanted = frozenset().union(*names)

    def fire(self, name: str, at_us: int, build: Build) -> None:
        """Send an event that belongs to no channel; `build` gives its own headers."""
        self.sequence += 1
        if name in self.wanted:
            self._send(_Event(name, {**self._head(name, at_us), **build()}, None))

    def fire_live(
        self,
        name: str,
        at_us: int,
        headers: EventHeaders,
        quick: dict[str, str],
        extra: EventHeaders,
    ) -> None:
        """Send an event out of headers that live on, which begin with a copy of `blank`.

        `extra` is part of this event only. `quick` are the headers of `_QUICK_HEADERS`.
        """
        self.sequence += 1
        local, gmt = _dates(at_us // 1_000_000)
        source_file, function, line = _ORIGINS.get(name, _UNKNOWN_ORIGIN)
        headers["Event-Name"] = name
        headers["Event-Date-Local"] = local
        headers["Event-Date-GMT"] = gmt
        headers["Event-Date-Timestamp"] = str(at_us)
        headers["Event-Calling-File"] = source_file
        headers["Event-Calling-Function"] = function
        headers["Event-Calling-Line-Number"] = line
        headers["Event-Sequence"] = str(self.sequence)
        self._send(_Event(name, {**headers, **extra} if extra else headers, quick))

    def head(self, name: str, at_us: int) -> EventHeaders:
        """The common headers of an event that is only shown, such as uuid_dump's."""
        self.sequence += 1
        return self._head(name, at_us)

    def _send(self, event: "_Event") -> None:
        for listener in self._listeners:
            subscription = listener.subscription
            if subscription.wants(event.name, event.direction, event.header):
                listener.deliver(event.frame(subscription.form))

    def _head(self, name: str, at_us: int) -> EventHeaders:
        source_file, function, line = _ORIGINS.get(name, _UNKNOWN_ORIGIN)
        local, gmt = _dates(at_us // 1_000_000)
        return {
            "Event-Name": name,
            **self.identity.headers,
            "Event-Date-Local": local,
            "Event-Date-GMT": gmt,
            "Event-Date-Timestamp": str(at_us),
            "Event-Calling-File": source_file,
            "Event-Calling-Function": function,
            "Event-Calling-Line-Number": line,
            "Event-Sequence": str(self.sequence),
        }


class _Event:
    """An event while it is handed out; rendered at most once in each form."""

    __slots__ = ("_frames", "_headers", "_quick", "direction", "name")

    def __init__(self, name: str, headers: EventHeaders, quick: dict[str, str] | None) -> None:
        self.name = name
        self._headers = headers
        self._quick = quick
        self.direction = str(headers.get("Call-Direction", ""))
        self._frames: dict[str, bytes] = {}

    def header(self, lower: str) -> str | None:
        if lower == "event-name":
            return self.name
        if self._quick is not None and lower in _QUICK_HEADERS:
            return self._quick[lower]
        return find_header(self._headers, lower)

    def frame(self, form: str) -> bytes:
        frame = self._frames.get(form)
        if frame is None:
            frame = self._frames[form] = event_frame(form, self._headers)
        return frame


def find_header(headers: EventHeaders, lower: str) -> str | None:
    """A header's value by its name in lower case; an array counts as its text form."""
    value = next((found for name, found in headers.items() if name.lower() == lower), None)
    return "ARRAY::" + "|:".join(value) if isinstance(value, list) else value


def with_body(headers: EventHeaders, body: str) -> EventHeaders:
    """The headers of an event that has a body."""
    length = len(body.encode("utf-8", "surrogateescape"))
    return {**headers, "Content-Length": str(length), BODY: body}


@lru_cache(maxsize=4096)
def _dates(epoch_s: int) -> tuple[str, str]:
    moment = time.gmtime(epoch_s)
    local = time.localtime(epoch_s)
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", local),
        time.strftime("%a, %d %b %Y %H:%M:%S GMT", moment),
    )


def stamp_text(epoch_us: int) -> str:
    """A moment as the `*_stamp` variables show it."""
    return _dates(epoch_us // 1_000_000)[0]
