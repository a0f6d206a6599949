"""Who came in, and who was kept out, in the audit log. Implements `sign_in_records.SignInLog`."""

from controller.services.actors import Actor, Source
from controller.services.audit import AuditLine, AuditLog, Outcome
from controller.services.sign_in_records import Event, Role, StoredUser

KIND = "sign-in"
UNKNOWN = "(unknown)"
"""Stands for a name that nobody has: what was typed there may have been a password."""

_DENIED = frozenset({Event.WRONG_PASSWORD, Event.WRONG_CODE, Event.LOCKED_OUT})


class AuditedSignIn:
    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def note(self, event: Event, user: StoredUser | None, address: str) -> None:
        actor = Actor(UNKNOWN, Source.WEB, Role.CUSTOMER, address=address)
        if user is not None:
            actor = Actor(
                user.name, Source.WEB, user.role, user.user_id, user.account_id, address=address
            )
        outcome = Outcome.DENIED if event in _DENIED else Outcome.DONE
        line = AuditLine(actor, event, KIND, actor.name, actor.account_id, outcome=outcome)
        self._audit.note(line)
