"""One client of the Event Socket: its commands in, replies and events out."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from controller.drivers.simulator.applications import execute, transfer
from controller.drivers.simulator.caller_leg import CallerLeg
from controller.drivers.simulator.causes import cause_named
from controller.drivers.simulator.commands.calls import find_channel
from controller.drivers.simulator.encoding import (
    AUTH_REQUEST,
    DISCONNECT_NOTICE,
    api_frame,
    log_frame,
    reply_frame,
)
from controller.drivers.simulator.events import with_body
from controller.drivers.simulator.framing import Command, CommandReader, FramingError
from controller.drivers.simulator.hangup import hang_up
from controller.drivers.simulator.subscription import Subscription
from controller.drivers.simulator.switch import Switch
from controller.drivers.simulator.wire import Wire

if TYPE_CHECKING:
    from controller.drivers.simulator.server import Server

_log = logging.getLogger(__name__)
_BLANKS: Final = re.compile(" +")
_LOG_LEVELS: Final = ("console", "alert", "crit", "err", "warning", "notice", "info", "debug")


class Connection(asyncio.Protocol):
    """The protocol's server side, one instance a client."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._reader = CommandReader()
        self._authenticated = False
        self._logging = False
        self._frozen = False
        self.transport: asyncio.Transport
        self.wire: Wire
        self.subscription = Subscription()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        config = self._server.config
        self.wire = Wire(self.transport, asyncio.get_running_loop(), config.max_queued_events)
        self._server.connections.add(self)
        self._server.switch.core.events.attach(self)
        self._server.apply_faults(self)
        self.wire.send(AUTH_REQUEST)
        # Again, for the transport starts to read only after this callback.
        asyncio.get_running_loop().call_soon(self._server.apply_faults, self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._server.switch.core.events.detach(self)
        if exc is not None:
            _log.info("link lost", extra={"error": str(exc)})

    def pause_writing(self) -> None:
        self.wire.hold(True)

    def resume_writing(self) -> None:
        self.wire.hold(False)

    def data_received(self, data: bytes) -> None:
        self._server.timers.run_due()
        try:
            commands = self._reader.feed(data)
        except FramingError as error:
            _log.warning("link closed", extra={"error": str(error)})
            self.transport.abort()
            return
        for command in commands:
            if not self.transport.is_closing():
                self._obey(command)

    def eof_received(self) -> bool:
        return False

    # Listener

    def deliver(self, frame: bytes) -> None:
        """Send an event."""
        dropped = self.wire.dropped
        self.wire.send_event(frame)
        self._switch.core.counters.events_dropped += self.wire.dropped - dropped

    # Commands

    @property
    def _switch(self) -> Switch:
        return self._server.switch

    def _obey(self, command: Command) -> None:
        line = command.line
        lower = line.lower()
        if lower.startswith(("exit", "...")):
            self._reply("+OK bye")
            self._disconnect()
        elif not self._authenticated:
            self._authenticate(line, lower)
        else:
            for prefix, handler in _HANDLERS:
                if lower.startswith(prefix):
                    handler(self, line[len(prefix) :], command)
                    return
            self._reply("-ERR command not found")

    def _authenticate(self, line: str, lower: str) -> None:
        if not lower.startswith("auth "):
            self._reply("-ERR command not found")
        elif line[5:] == self._server.config.password:
            self._authenticated = True
            self._reply("+OK accepted")
        else:
            self._reply("-ERR invalid")
            self._disconnect()

    def _disconnect(self) -> None:
        self.disconnect(DISCONNECT_NOTICE)

    def disconnect(self, notice: bytes) -> None:
        """Send a last word and close."""
        self.wire.send(notice)
        self.wire.close()

    def _reply(self, text: str, extra: str = "") -> None:
        self.wire.send(reply_frame(text, extra))

    def _api(self, text: str, _: Command) -> None:
        self.wire.send(api_frame(self._switch.execute_api(self._switch, text)))

    def _bgapi(self, text: str, command: Command) -> None:
        core = self._switch.core
        job = command.header("job-uuid") or core.dice.uuid()
        self._reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}\n")
        body = self._switch.execute_api(self._switch, text)
        name, _, argument = text.partition(" ")
        headers: dict[str, str | list[str]] = {"Job-UUID": job, "Job-Command": name}
        if argument:
            headers["Job-Command-Arg"] = argument
        core.events.fire("BACKGROUND_JOB", core.now_us(), lambda: with_body(headers, body))

    def _event(self, text: str, _: Command) -> None:
        self._answer_subscription(
            self.subscription.subscribe(_words(text)),
            lambda: f"+OK event listener enabled {self.subscription.form}",
        )

    def _nixevent(self, text: str, _: Command) -> None:
        nixed = self.subscription.unsubscribe(_words(text))
        self._answer_subscription(nixed, lambda: "+OK events nixed")

    def _answer_subscription(self, changed: bool, accepted: Callable[[], str]) -> None:
        self._switch.core.events.refresh()
        self._reply(accepted() if changed else "-ERR no keywords supplied")

    def _noevents(self, _text: str, _: Command) -> None:
        stopped = self.subscription.clear()
        self._switch.core.events.refresh()
        self._reply(
            "+OK no longer listening for events" if stopped else "-ERR not listening for events"
        )

    def _filter(self, text: str, _: Command) -> None:
        name, space, value = text.lstrip(" ").partition(" ")
        if name.lower() == "delete" and space:
            name, space, value = value.partition(" ")
            self.subscription.delete_filter(name, value if space else None)
            self._reply(f"+OK filter deleted. [{name}][{value}]")
            return
        if name.lower() == "add" and space:
            name, space, value = value.partition(" ")
        if not space:
            self._reply("-ERR invalid syntax")
            return
        self.subscription.add_filter(name, value)
        self._reply(f"+OK filter added. [{name}]=[{value}]")

    def _log_on(self, text: str, _: Command) -> None:
        level = text.strip(" ").partition(" ")[0]
        number = _log_level(level)
        if number is None:
            self._reply("-ERR invalid log level")
            return
        self._logging = True
        self._reply(f"+OK log level {level} [{number}]")
        self.wire.send_event(log_frame("Log is simulated; nothing follows.\n"))

    def _log_off(self, _text: str, _: Command) -> None:
        was_logging, self._logging = self._logging, False
        self._reply("+OK no longer logging" if was_logging else "-ERR not loging")

    def _not_controlling(self, _text: str, _: Command) -> None:
        self._reply("-ERR not controlling a session")

    def _divert_events(self, _text: str, _: Command) -> None:
        self._reply("-ERR not controlling a session.")

    def _sendevent(self, text: str, command: Command) -> None:
        core = self._switch.core
        event_uuid = core.dice.uuid()
        name = text.strip(" ").upper() or "CLONE"
        headers: dict[str, str | list[str]] = {**command.headers, "Event-UUID": event_uuid}
        if command.body:
            headers = with_body(headers, command.body)
        core.events.fire(name, core.now_us(), lambda: headers)
        self._reply(f"+OK {event_uuid}")

    def _sendmsg(self, text: str, command: Command) -> None:
        uuid = text.strip(" ") or command.header("session-id")
        channel = find_channel(self._switch, uuid)
        if channel is None:
            self._reply(f"-ERR invalid session id [{uuid}]")
            return
        self._reply("+OK")
        call_command = command.header("call-command").lower()
        if call_command == "hangup":
            hang_up(channel, cause_named(command.header("hangup-cause") or "NORMAL_CLEARING"))
        elif call_command == "execute" and isinstance(channel, CallerLeg):
            _execute_message(channel, command)


def _execute_message(channel: CallerLeg, command: Command) -> None:
    name = command.header("execute-app-name")
    argument = command.header("execute-app-arg") or command.body
    if not execute(channel, name, argument):
        context = channel.text("Caller-Context")
        transfer(channel, f"m:\x01:{name}:{argument}", "inline", context)


def _words(text: str) -> list[str]:
    """The words behind a command's name, of which `text` may hold the end (`events`)."""
    return [word for word in _BLANKS.split(text.partition(" ")[2]) if word]


def _log_level(text: str) -> int | None:
    if not text:
        return len(_LOG_LEVELS) - 1
    if text.isascii() and text.isdigit():
        return min(int(text), len(_LOG_LEVELS) - 1)
    return _LOG_LEVELS.index(text.lower()) if text.lower() in _LOG_LEVELS else None


_Handler = Callable[[Connection, str, Command], None]

# In the order in which the real switch compares; each is a prefix of the command's line.
_HANDLERS: Final[tuple[tuple[str, _Handler], ...]] = (
    ("api ", Connection._api),
    ("bgapi ", Connection._bgapi),
    ("filter ", Connection._filter),
    ("divert_events", Connection._divert_events),
    ("sendmsg", Connection._sendmsg),
    ("sendevent", Connection._sendevent),
    ("log", Connection._log_on),
    ("linger", Connection._not_controlling),
    ("nolinger", Connection._not_controlling),
    ("nolog", Connection._log_off),
    ("event", Connection._event),
    ("nixevent", Connection._nixevent),
    ("noevents", Connection._noevents),
)
