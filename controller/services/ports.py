"""Ports: what services need from the outside, as protocols."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from controller.domain.configuration import Configuration
from controller.domain.events import LiveChannels
from controller.domain.plan import Plan
from controller.domain.reasons import Reason
from controller.domain.ticket import Ticket
from controller.services.journal_entries import Entry, Outcome


class Clock(Protocol):
    """Time from outside, so that tests own it."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""


class Ids(Protocol):
    """Identifiers from outside."""

    def leg_id(self) -> str:
        """A fresh UUID, as text, for a leg that we are about to create."""


class CallStore(Protocol):
    """The database side of the call path."""

    def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Everything of the batch in one durable transaction; one outcome for each entry.

        Raises StoreUnavailable when the database cannot be reached, and whatever the database
        says of a batch that it will not take; then nothing was written.
        """

    def open_calls(self, switch_id: str) -> list[tuple[Ticket, int, datetime | None]]:
        """Calls in progress of a switch: ticket, granted seconds, time of answer."""

    def note_switch(self, switch_id: str, instance: str) -> str | None:
        """Remember the switch's instance; the one that was known before, if any."""


class Journal(Protocol):
    """A bounded queue before the store. Outcomes come to the owner's callback, in order."""

    def submit(self, entry: Entry) -> None:
        """Raises Overloaded when the queue is full: for admissions early, for others late."""


class CallMetrics(Protocol):
    """Counts what happens to calls."""

    def decided(self, seconds: float) -> None:
        """From the offer to the committed admission."""

    def refused(self, reason: Reason) -> None: ...

    def settled(self) -> None: ...


class NoMetrics:
    """A `CallMetrics` for those who count nothing."""

    def decided(self, seconds: float) -> None:
        """Nothing."""

    def refused(self, reason: Reason) -> None:
        """Nothing."""

    def settled(self) -> None:
        """Nothing."""


OutcomeCallback = Callable[[list[tuple[Entry, Outcome]]], None]


class SwitchLink(Protocol):
    """Commands to one switch. None of them waits for the switch's answer."""

    switch_id: str

    def send_plan(self, plan: Plan) -> None: ...

    def arm_timer(self, call_id: str, granted_s: int, replaced_s: int, seconds: int) -> None:
        """Hang up `seconds` (≥ 1) from now, for a grant of `granted_s` seconds in all.

        Replaces the timer of the grant before (`replaced_s`), never leaving the call without.
        """

    def name_ending(self, call_id: str, reason: Reason) -> None:
        """Mark the call so that its end tells why, whoever reads it."""

    def hang_up(self, call_id: str, reason: Reason) -> None: ...

    async def live_channels(self) -> LiveChannels: ...


class ConfigurationSource(Protocol):
    """The newest configuration, always whole."""

    @property
    def current(self) -> Configuration: ...


class EndedCallSpool(Protocol):
    """Records of ended calls that a switch left on disk."""

    def discard(self, call_id: str) -> None:
        """The call is settled; its file may go. Never raises."""
