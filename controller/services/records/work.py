"""One change of a record by a person: what it may see, and what is kept of it.

What lies outside a person's scope is not found, in the same words as what does not exist; that it
was asked for is kept in the audit log. A change names the revision that it was made on; where
somebody else was quicker, it is refused, and says who.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.domain.errors import NotFound, Stale
from controller.services.actors import EVERYTHING, Actor, Scope
from controller.services.audit import AuditLine, Outcome
from controller.services.config_as_code.specs import AccountSpec, RateGroupSpec


@dataclass(frozen=True, slots=True)
class LastChange:
    """From the audit log."""

    who: str
    at: datetime
    fields: tuple[str, ...]


class RecordWork(Protocol):
    """One transaction that no other change of the configuration overlaps."""

    def chain(self, account: str, scope: Scope) -> tuple[AccountSpec, ...]:
        """An account and those above it as far as the scope goes, the nearest first.

        Empty where it is not in scope. The last one has no parent, and the number sections that
        count for it even where they are those of an account above the scope.
        """

    def account_id(self, account: str) -> int: ...

    def rate_group(self, name: str, scope: Scope) -> RateGroupSpec | None:
        """None where the scope's account may not use it."""

    def audit(self, line: AuditLine) -> None:
        """A line of the log, written with the change."""

    def audit_all(self, lines: Sequence[AuditLine]) -> None: ...

    def deny(self, line: AuditLine) -> None:
        """A line that stays when everything else is taken back."""

    def last_change(self, kind: str, name: str) -> LastChange | None: ...

    def bump(self) -> None:
        """Let controllers load the configuration anew."""


def missing(
    work: RecordWork, actor: Actor, kind: str, name: str, owner: int | None, action: str
) -> NotFound:
    """The error to raise. `owner` is the account of an object that is there, but out of scope."""
    if owner is not None:
        work.deny(denial(actor, action, kind, name, owner))
    return not_found(kind, name)


def not_found(kind: str, name: str) -> NotFound:
    """In the same words for what does not exist and for what is somebody else's."""
    return NotFound(f"there is no {kind} {name[:64]!r}")


def denial(actor: Actor, action: str, kind: str, name: str, owner: int) -> AuditLine:
    return AuditLine(actor, action, kind, name[:200], owner, outcome=Outcome.DENIED)


def check_revision(work: RecordWork, kind: str, name: str, stored: int, wanted: int | None) -> None:
    """Raises Stale where the object is not as it was shown. None: whatever it is by now."""
    if wanted is None or wanted == stored:
        return
    last = work.last_change(kind, name)
    if last is None:
        raise Stale(f"{kind} {name} was changed meanwhile")
    what = f" ({', '.join(last.fields)})" if last.fields else ""
    raise Stale(f"{kind} {name} was changed by {last.who} at {last.at:%Y-%m-%d %H:%M:%S} UTC{what}")


def note(
    work: RecordWork,
    actor: Actor,
    action: str,
    kind: str,
    name: str,
    account_id: int,
    changes: Mapping[str, tuple[str, str]],
) -> None:
    """The line of a change, and the news of it to the controllers."""
    work.audit(AuditLine(actor, action, kind, name, account_id, changes))
    work.bump()


def refuse_outside(work: RecordWork, actor: Actor, kind: str, name: str, account: str) -> None:
    """Keep that an object was to go to an account that exists, but not for this actor."""
    if not actor.is_operator and work.chain(account, EVERYTHING):
        owner = work.account_id(account)
        work.deny(denial(actor, "create", kind, name, owner))
