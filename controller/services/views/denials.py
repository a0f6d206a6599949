"""Who asked for what is not theirs: it is not found, and the audit log keeps that it was asked for.

What does not exist leaves no line: only what the platform has is worth one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from controller.services.actors import Actor
from controller.services.audit import AuditLine, AuditLog, Outcome


class Kind(StrEnum):
    """What can be asked for by its id, as the log names it."""

    ACCOUNT = "account"
    CALL = "call"
    RATE_GROUP = "rate group"


@dataclass(frozen=True, slots=True)
class Owned:
    """An object that exists. `account_id` is whose it is; None: the operator's."""

    name: str
    account_id: int | None


class Owners(Protocol):
    """The database side; raises StoreUnavailable."""

    def find(self, kind: Kind, key: int | str) -> Owned | None:
        """By id, an account also by its name. None where there is no such object."""


@dataclass(frozen=True, slots=True)
class Denials:
    """To be told whenever a view has found nothing for somebody."""

    owners: Owners
    audit: AuditLog

    def note(self, actor: Actor, kind: Kind, key: int | str, action: str = "read") -> None:
        """Raises StoreUnavailable."""
        if actor.is_operator:
            return
        owned = self.owners.find(kind, key)
        if owned is not None:
            line = AuditLine(
                actor, action, kind, owned.name, owned.account_id, outcome=Outcome.DENIED
            )
            self.audit.note(line)
