"""Locks: what somebody above has locked is not unlocked from below.

With a lock is kept who set it: the account of the person, or the platform. Operators take every
lock away, an agent those that were set by its own people or below it. A lock that a job set for
want of money is nobody's: it goes when there is money, or when somebody who may change the
account takes it away.
"""

from collections.abc import Mapping

from controller.domain.errors import InvalidFields, NotAllowed
from controller.services.actors import Actor
from controller.services.records.work import RecordWork

Locks = Mapping[str, int | None]
"""Of each lock that is set, by its field, the account of whoever set it; None: the platform."""

NO_LOCKS: Locks = {}
FROM_ABOVE = "locked by somebody above"
HELD_FROM_ABOVE = f"{FROM_ABOVE}: nothing is taken away from it"


def locks_from_above(work: RecordWork, actor: Actor, locks: Locks) -> frozenset[str]:
    """The fields of locks that this actor may not take away."""
    own = actor.account_id
    if actor.is_operator or own is None:
        return frozenset()
    return frozenset(field for field, by in locks.items() if by is None or work.is_above(by, own))


def check_locks(
    work: RecordWork,
    actor: Actor,
    locks: Locks,
    after: object,
    bound: Mapping[str, tuple[str, bool]] | None = None,
) -> None:
    """Raises InvalidFields where a change takes a lock away that was set from above.

    `after` is the object with its fields of locks as they are to be. `bound` names fields that a
    lock holds as well, each with the lock's field and whether the change would slip out of it.
    """
    above = locks_from_above(work, actor, locks)
    errors = {field: FROM_ABOVE for field in sorted(above) if not getattr(after, field)}
    for field, (lock, slips_out) in (bound or {}).items():
        if slips_out and lock in above:
            errors[field] = HELD_FROM_ABOVE
    if errors:
        raise InvalidFields(errors)


def check_removal(work: RecordWork, actor: Actor, kind: str, name: str, locks: Locks) -> None:
    """Raises NotAllowed: what was deleted could be made again without its lock."""
    if locks_from_above(work, actor, locks):
        raise NotAllowed(f"{kind} {name} is locked by somebody above")
