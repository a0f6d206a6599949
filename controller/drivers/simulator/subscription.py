"""Which events one connection gets: the `event`, `nixevent` and `filter` commands. No I/O.

The semantics are the real switch's, odd corners included: without filters everything that is
subscribed passes; with filters an event passes if any of them matches, and a matching negative
one stops it. Names of headers and values compare without regard to case; a value that begins
with `/` is a regular expression.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

_NAMES: Final = """
    CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER
    CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD
    CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA
    CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE
    CHANNEL_UUID API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN PUBLISH UNPUBLISH TALK
    NOTALK SESSION_CRASH MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN
    PRESENCE_OUT PRESENCE_PROBE MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC BACKGROUND_JOB
    DETECTED_SPEECH DETECTED_TONE PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE
    EXE_SCHEDULE RE_SCHEDULE RELOADXML NOTIFY PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE
    RECV_MESSAGE REQUEST_PARAMS CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT
    CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO RECV_INFO RECV_RTCP_MESSAGE
    SEND_RTCP_MESSAGE CALL_SECURE NAT RECORD_START RECORD_STOP PLAYBACK_START PLAYBACK_STOP
    CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP CONFERENCE_DATA_QUERY
    CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE TEXT
    SHUTDOWN_REQUESTED CERT_RELOAD
"""
EVENT_NAMES: Final = frozenset(_NAMES.split())
_ALL: Final = "ALL"
_PLAIN_HEADERS: Final = frozenset({"event-name", "call-direction"})
_FORMATS: Final = frozenset({"plain", "json", "xml"})

# The value of a header by its name in lower case.
HeaderLookup = Callable[[str], str | None]


class Filter:
    """One `filter` command: a header's name, and the value as it was given."""

    __slots__ = ("_wanted", "lower_name", "positive", "value")

    def __init__(self, name: str, value: str) -> None:
        self.lower_name = name.lower()
        self.value = value
        self.positive, wanted = _sign(value)
        self._wanted: str | re.Pattern[str] = wanted.lower()
        if value.startswith("/"):
            self._wanted = re.compile(wanted.strip("/"))

    def matches(self, found: str) -> bool:
        """Whether a header's value is, or matches, the filter's."""
        if isinstance(self._wanted, str):
            return found.lower() == self._wanted
        return self._wanted.search(found) is not None


def _sign(value: str) -> tuple[bool, str]:
    positive = True
    while value[:1] in ("+", "-", " ") and value:
        positive = positive if value[0] == " " else value[0] == "+"
        value = value[1:]
    return positive, value


class Subscription:
    """What one connection has asked for. `form` is plain, json or xml."""

    def __init__(self) -> None:
        self.form = "plain"
        self.enabled = False
        self.filters: list[Filter] = []
        self.names: frozenset[str] = frozenset()
        self._subclasses: set[str] = set()
        self._all_subclasses = False
        self._filters_are_plain = True
        self._known: dict[tuple[str, str], bool] = {}

    def _changed(self) -> None:
        self._known.clear()
        self._filters_are_plain = "CUSTOM" not in self.names and all(
            each.lower_name in _PLAIN_HEADERS for each in self.filters
        )

    def subscribe(self, words: Iterable[str]) -> bool:
        """The words after `event`; False where none of them names an event."""
        remaining = list(words)
        if remaining and remaining[0].lower() in _FORMATS:
            self.form = remaining.pop(0).lower()
        names, subclasses = _keywords(remaining)
        self._subclasses.update(subclasses)
        if not names:
            return False
        self._all_subclasses = self._all_subclasses or _ALL in names
        self.names |= EVENT_NAMES if _ALL in names else names
        self.enabled = True
        self._changed()
        return True

    def unsubscribe(self, words: Iterable[str]) -> bool:
        """The words after `nixevent`; False where none of them names an event."""
        names, subclasses = _keywords(list(words))
        self._subclasses.difference_update(subclasses)
        if not names:
            return False
        # Naming CUSTOM takes away subclasses only.
        self.names = frozenset() if _ALL in names else self.names - (names - {"CUSTOM"})
        self.enabled = True
        self._changed()
        return True

    def clear(self) -> bool:
        """`noevents`; False where there was nothing to stop."""
        was_enabled = self.enabled
        self.enabled = False
        self.names = frozenset()
        self._subclasses.clear()
        self._all_subclasses = False
        self._changed()
        return was_enabled

    def add_filter(self, name: str, value: str) -> None:
        """One more filter; any of them may let an event pass."""
        self.filters.append(Filter(name, value))
        self._changed()

    def delete_filter(self, name: str, value: str | None) -> None:
        """Take away the filters on a header (with this value, if given), or `all`."""
        self.filters = [
            kept
            for kept in self.filters
            if name.lower() != "all"
            and (kept.lower_name != name.lower() or (value is not None and kept.value != value))
        ]
        self._changed()

    def wants(self, name: str, direction: str, header: HeaderLookup) -> bool:
        """Whether an event of this name, leg and these headers is sent.

        Where the filters only look at name and leg, as a controller's do, the answer is known
        from the last time.
        """
        if not self._filters_are_plain:
            return self._decide(name, header)
        known = self._known.get((name, direction))
        if known is None:
            known = self._known[name, direction] = self._decide(name, header)
        return known

    def _decide(self, name: str, header: HeaderLookup) -> bool:
        if not self.enabled or name not in self.names:
            return False
        if name == "CUSTOM" and not self._wants_subclass(header("event-subclass")):
            return False
        return not self.filters or self._passes_filters(header)

    def _wants_subclass(self, subclass: str | None) -> bool:
        return subclass is None or self._all_subclasses or subclass in self._subclasses

    def _passes_filters(self, header: HeaderLookup) -> bool:
        send = False
        for each in self.filters:
            if send and each.positive:
                continue
            found = header(each.lower_name)
            if found is None or not each.matches(found):
                continue
            if not each.positive:
                return False
            send = True
        return send


def _keywords(words: list[str]) -> tuple[frozenset[str], set[str]]:
    """Event names (ALL among them) and, after CUSTOM, the names of subclasses."""
    names: set[str] = set()
    for place, word in enumerate(words):
        name = word.upper().removeprefix("SWITCH_EVENT_")
        if name in EVENT_NAMES or name == _ALL:
            names.add(name)
        if name == "CUSTOM":
            return frozenset(names), {subclass for subclass in words[place + 1 :] if subclass}
    return frozenset(names), set()
