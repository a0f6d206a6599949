"""What people do to their own way in: the second factor, on and off, and new recovery codes.

Each asks for the password again, and what takes a factor away for a code too: an open browser that
somebody finds must not be enough to shut its owner out, or to stay in for good.
"""

from dataclasses import dataclass, field

from controller.domain.errors import Conflict
from controller.services.actors import Actor
from controller.services.audit import AuditLine, AuditLog
from controller.services.second_factor import Enrolment, SecondFactor
from controller.services.sign_in import SignIn
from controller.services.sign_in_records import (
    Proven,
    SignedIn,
    Throttled,
    Visitor,
    WrongCredentials,
)
from controller.services.users.service import Users

KIND = "second factor"


@dataclass(frozen=True, slots=True)
class WrongCode:
    """The code is not of this secret, not of now, or was used before."""


@dataclass(frozen=True, slots=True)
class NewCodes:
    """Recovery codes, told this once. `session` is the one that goes on; None: as it was."""

    codes: tuple[str, ...] = field(repr=False)
    session: SignedIn | None = None


class OwnSecurity:
    """Everything raises StoreUnavailable."""

    def __init__(
        self, sign_in: SignIn, factor: SecondFactor, users: Users, audit: AuditLog
    ) -> None:
        self._sign_in = sign_in
        self._factor = factor
        self._users = users
        self._audit = audit

    def offer(self, visitor: Visitor) -> Enrolment | None:
        """What an authenticator is to be told; None where there is a second factor already."""
        return self._factor.begin(visitor.user_id, visitor.name)

    def turn_on(
        self,
        actor: Actor,
        visitor: Visitor,
        token: str,
        password: str,
        code: str,
        browser: str = "",
    ) -> NewCodes | WrongCode | WrongCredentials | Throttled:
        """Every other session ends, and this one goes on under another token."""
        proof = self._sign_in.prove_password(visitor, password, actor.address)
        if not isinstance(proof, Proven):
            return proof
        codes = self._factor.confirm(visitor.user_id, code)
        if codes is None:
            return WrongCode()
        self._note(actor, "turn on", {"second_factor": ("off", "on")})
        self._users.end_sessions(actor, actor.name, keep=visitor.session_key)
        return NewCodes(codes, self._sign_in.renew(visitor, token, actor.address, browser))

    def turn_off(
        self, actor: Actor, visitor: Visitor, password: str, code: str
    ) -> Proven | WrongCode | WrongCredentials | Throttled:
        """Raises Conflict where the role must have one."""
        if self._users.needs_second_factor(visitor.role):
            raise Conflict("your role must have a second factor")
        proof = self._prove(actor, visitor, password, code)
        if isinstance(proof, Proven):
            self._factor.disable(visitor.user_id)
            self._note(actor, "turn off", {"second_factor": ("on", "off")})
        return proof

    def renew_codes(
        self, actor: Actor, visitor: Visitor, password: str, code: str
    ) -> NewCodes | WrongCode | WrongCredentials | Throttled:
        """Those of before open nothing any more."""
        proof = self._prove(actor, visitor, password, code)
        if not isinstance(proof, Proven):
            return proof
        self._note(actor, "new recovery codes", {})
        return NewCodes(self._factor.renew_codes(visitor.user_id))

    def _prove(
        self, actor: Actor, visitor: Visitor, password: str, code: str
    ) -> Proven | WrongCode | WrongCredentials | Throttled:
        proof = self._sign_in.prove_password(visitor, password, actor.address)
        if not isinstance(proof, Proven):
            return proof
        proof = self._sign_in.prove_code(visitor, code, actor.address)
        return WrongCode() if isinstance(proof, WrongCredentials) else proof

    def _note(self, actor: Actor, action: str, changes: dict[str, tuple[str, str]]) -> None:
        line = AuditLine(actor, action, KIND, actor.name, actor.account_id, changes)
        self._audit.note(line)
