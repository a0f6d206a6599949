"""Hanging up a call in progress: who may ask for it, and what becomes of it.

Only the controller that owns the call's switch can do it, so what is asked is written down for
that one (docs/adr/0023). The call ends like every other: its record and its charge come of its own
end, at its true duration, with the reason `administrator`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from controller.domain.errors import Conflict, NotAllowed, NotFound
from controller.domain.rights import Right
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.sign_in import Role
from controller.services.views.cdrs import CdrView
from controller.services.views.denials import Denials, Kind
from controller.services.views.live_calls import LiveCall, LiveCallView

LIFETIME = timedelta(seconds=30)
"""A switch without an owner for longer keeps its call: nobody waits for that any more, and the
call's own timer holds."""

AGAIN_AFTER = timedelta(seconds=5)
"""What is asked sooner after a hang-up was sent to the switch is the same command."""

ACTION = "hang up"


class CommandState(StrEnum):
    """`done`: sent to the switch. `not_there`: the call had ended. `expired`: no controller had
    the switch, or none could reach it."""

    ASKED = "asked"
    DONE = "done"
    NOT_THERE = "not_there"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class CallCommand:
    """What was asked of a call last."""

    call_id: str
    state: CommandState
    asked_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class CommandBook(Protocol):
    """The database side; raises StoreUnavailable."""

    def ask(self, line: AuditLine, call_id: str) -> CallCommand | None:
        """Written with its line of audit and told to the owner, in one transaction; None where the
        call is gone. One that is on its way, or was just carried out, is that one."""

    def last(self, scope: Scope, call_id: str) -> CallCommand | None: ...


class HangUps:
    """All methods raise NotFound, for calls out of scope too; Conflict for a call that has ended;
    NotAllowed for an agent without the right `accounts` and for customers."""

    def __init__(
        self, book: CommandBook, live: LiveCallView, records: CdrView, denials: Denials
    ) -> None:
        self._book = book
        self._live = live
        self._records = records
        self._denials = denials

    def call(self, actor: Actor, call_id: str) -> LiveCall:
        """One that the actor may hang up."""
        found = self._live.one(actor.scope, call_id)
        if found is None:
            raise self._ended_or_missing(actor, call_id)
        self._require(actor, call_id)
        return found

    def ask(self, actor: Actor, call_id: str) -> CallCommand:
        """Asking twice is one command."""
        call = self.call(actor, call_id)
        what = {"account": call.account, "caller": call.caller, "callee": call.callee}
        changes = {name: ("", value) for name, value in what.items()}
        line = AuditLine(actor, ACTION, Kind.CALL, call_id, call.account_id, changes)
        asked = self._book.ask(line, call_id)
        if asked is None:
            raise self._ended_or_missing(actor, call_id)
        return asked

    def command(self, actor: Actor, call_id: str) -> CallCommand:
        """What became of it; kept for some days, while the call is there and afterwards."""
        found = self._book.last(actor.scope, call_id)
        if found is None and self._live.one(actor.scope, call_id) is None:
            self._denials.note(actor, Kind.CALL, call_id, ACTION)
            raise _missing(call_id)
        self._require(actor, call_id)
        if found is None:
            raise _missing(call_id)
        return found

    def _require(self, actor: Actor, call_id: str) -> None:
        """Raises NotAllowed, which is kept in the audit log."""
        if not may_hang_up(actor):
            self._denials.note(actor, Kind.CALL, call_id, ACTION)
        _require(actor)

    def _ended_or_missing(self, actor: Actor, call_id: str) -> Exception:
        if self._records.detail(actor.scope, call_id) is not None:
            return Conflict("the call has ended")
        self._denials.note(actor, Kind.CALL, call_id, ACTION)
        return _missing(call_id)


def may_hang_up(actor: Actor) -> bool:
    """Calls of its scope."""
    return actor.role is not Role.CUSTOMER and actor.may(Right.ACCOUNTS)


def _require(actor: Actor) -> None:
    if actor.role is Role.CUSTOMER:
        raise NotAllowed("only administrators and agents hang up calls")
    actor.require(Right.ACCOUNTS)


def _missing(call_id: str) -> NotFound:
    return NotFound(f"there is no call {call_id!r}")
