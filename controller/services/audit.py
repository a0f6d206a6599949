"""Who changed what, from what to what. Lines are written with the change, in its transaction.

A line is never changed or removed (a trigger refuses it). Secrets are not in it: a field named in
`SECRET` shows only that it was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from controller.services.actors import Actor, Scope

SECRET = frozenset({"password", "secret", "token", "totp"})
HIDDEN = "(hidden)"
SOMEBODY_ABOVE = "(somebody above)"
"""Stands for the platform's people and those of agents above, to who is below them."""
SOMEBODY_ELSE = "(somebody else)"
"""Stands for a person of another tenant."""


class Outcome(StrEnum):
    DONE = "done"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """`action` is `create`, `change`, `delete`, `pay`, …; `kind` and `name` say of what.

    `account_id` is the account whose subtree the object belongs to: its agents may read the line.
    `changes` are the fields that differ, each with its value before and after, as text.
    """

    actor: Actor
    action: str
    kind: str
    name: str
    account_id: int | None = None
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    outcome: Outcome = Outcome.DONE


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; empty: everything. Lines older than `before` (its id), newest first."""

    actor: str = ""
    kind: str = ""
    name: str = ""
    action: str = ""
    denied_only: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AuditRow:
    line_id: int
    at: datetime
    actor: str
    source: str
    address: str
    action: str
    kind: str
    name: str
    changes: Mapping[str, tuple[str, str]]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`next_before` is the id from which the older page goes on."""

    rows: tuple[AuditRow, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class LastChange:
    """Of an object: who made it, when, and of which fields."""

    who: str
    at: datetime
    fields: tuple[str, ...]


class AuditLog(Protocol):
    """The database side; raises StoreUnavailable."""

    def note(self, line: AuditLine) -> None:
        """A line about something that was refused: there is no change to write it with."""

    def page(self, scope: Scope, wanted: AuditQuery) -> AuditPage: ...


def changed(
    before: Mapping[str, object], after: Mapping[str, object]
) -> dict[str, tuple[str, str]]:
    """The fields that differ, secrets hidden. A field that is on one side only has "" there."""
    changes: dict[str, tuple[str, str]] = {}
    for name in sorted(before.keys() | after.keys()):
        old, new = _text(before.get(name)), _text(after.get(name))
        if old != new:
            changes[name] = (HIDDEN, HIDDEN) if name in SECRET else (old, new)
    return changes


def _text(value: object) -> str:
    return "" if value is None else str(value)
