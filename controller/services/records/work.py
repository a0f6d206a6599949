"""One change of a record by a person: what it may see, and what is kept of it.

The scope is looked at first, then the right. What lies outside a person's scope is not found, in
the same words as what does not exist; what lies inside and needs a right that is missing is not
allowed. Either is kept in the audit log. A change names the revision that it was made on; where
somebody else was quicker, it is refused, and says who, as far as the asking one may know.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from controller.domain.errors import NotFound, Stale
from controller.services.actors import EVERYTHING, Actor, Scope
from controller.services.audit import AuditLine, LastChange, Outcome
from controller.services.config_as_code.specs import AccountSpec, RateGroupSpec


class Record(Protocol):
    """`account_id` is whose it is; None: the platform's."""

    @property
    def account_id(self) -> int | None: ...


R = TypeVar("R", bound=Record)


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

    def watch(self, line: AuditLine) -> None:
        """The line to keep, like a denied one, if the work ends with NotAllowed."""

    def is_above(self, account_id: int, other_id: int) -> bool:
        """Whether an account is above another one, at any distance."""

    def last_change(self, kind: str, name: str, scope: Scope) -> LastChange | None:
        """As far as the scope may know: people above it and beside it are not named."""

    def bump(self) -> None:
        """Let controllers load the configuration anew."""


def in_scope(
    work: RecordWork,
    actor: Actor,
    action: str,
    kind: str,
    name: str,
    find: Callable[[Scope], R | None],
) -> R:
    """An object that the actor may know of. Raises NotFound.

    The one place where it is decided what is kept of refusals: that the object was asked for from
    outside its scope, or that what follows ended with NotAllowed.
    """
    found = find(actor.scope)
    if found is not None:
        work.watch(denial(actor, action, kind, name, found.account_id))
        return found
    hidden = None if actor.is_operator else find(EVERYTHING)
    if hidden is not None:
        work.deny(denial(actor, action, kind, name, hidden.account_id))
    raise not_found(kind, name)


def not_found(kind: str, name: str) -> NotFound:
    """In the same words for what does not exist and for what is somebody else's."""
    return NotFound(f"there is no {kind} {name[:64]!r}")


def denial(actor: Actor, action: str, kind: str, name: str, owner: int | None) -> AuditLine:
    return AuditLine(actor, action, kind, name[:200], owner, outcome=Outcome.DENIED)


def check_revision(
    work: RecordWork, actor: Actor, kind: str, name: str, stored: int, wanted: int | None
) -> None:
    """Raises Stale where the object is not as it was shown. None: whatever it is by now."""
    if wanted is None or wanted == stored:
        return
    last = work.last_change(kind, name, actor.scope)
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
