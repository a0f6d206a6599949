"""Who changed what, from what to what. Lines are written with the change, in its transaction.

A line is never changed or removed (a trigger refuses it). Secrets are not in it: a field named in
`SECRET` shows only that it was changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.services.actors import Actor

SECRET = frozenset({"password", "secret", "token", "totp"})
HIDDEN = "(hidden)"


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
