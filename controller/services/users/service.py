"""Use cases of users, each with its right, its scope, its revision and its line of audit.

Administrators look after everybody. An agent with the right `accounts` looks after the users of
accounts below its own, who are agents or customers, never administrators.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import available_timezones

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, NotFound, Stale
from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, Right
from controller.services.actors import EVERYTHING, Actor, Source
from controller.services.audit import AuditLine, changed
from controller.services.passwords import Passwords, generated_password
from controller.services.records.locks import check_locks, check_removal
from controller.services.records.values import texts_of, values_of
from controller.services.records.work import check_revision, in_scope
from controller.services.sign_in import MAX_NAME, Role, Visitor
from controller.services.users.records import (
    KIND,
    MAX_LINES,
    NewUser,
    Profile,
    UserDirectory,
    UserPage,
    UserQuery,
    UserRecord,
    UserSession,
    UserSpec,
    UserWork,
)

Values = Mapping[str, object]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*", re.ASCII)
_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}")
_FIELDS = tuple(UserSpec.__dataclass_fields__)


class Users:
    """Everything raises StoreUnavailable."""

    def __init__(self, directory: UserDirectory, passwords: Passwords) -> None:
        self._directory = directory
        self._passwords = passwords

    # -- who somebody is ------------------------------------------------------------------

    def actor(self, visitor: Visitor, source: Source, address: str) -> Actor:
        """Who a signed-in person is to the services, with the rights that count as of now."""
        rights = NO_RIGHTS
        if visitor.role is Role.ADMINISTRATOR:
            rights = ALL_RIGHTS
        elif visitor.role is Role.AGENT and visitor.account_id is not None:
            rights = self._directory.rights(visitor.account_id)
        return Actor(
            visitor.name, source, visitor.role, visitor.user_id, visitor.account_id, rights, address
        )

    # -- see ------------------------------------------------------------------------------

    def page(self, actor: Actor, query: UserQuery) -> UserPage:
        if not 1 <= query.limit <= MAX_LINES:
            raise InvalidFields({"limit": f"not 1 to {MAX_LINES}"})
        _require(actor)
        return self._directory.page(actor.scope, query)

    def get(self, actor: Actor, name: str) -> UserRecord:
        """Raises NotFound, NotAllowed."""
        found = self._directory.get(actor.scope, name)
        if found is not None and _looks_after_users(actor):
            return found
        with self._directory.begin(actor) as work:
            found = _found(work, actor, name, "read")
            _require(actor)
            return found

    def own(self, actor: Actor) -> UserRecord:
        """The record of who asks."""
        found = self._directory.get(EVERYTHING, actor.name) if actor.user_id else None
        if found is None:
            raise NotAllowed("only somebody who signed in has a profile")
        return found

    def looked_after(self, actor: Actor, name: str) -> UserRecord:
        """Oneself, or somebody whom the actor looks after. Raises NotFound, NotAllowed."""
        if name == actor.name and actor.user_id is not None:
            return self.own(actor)
        user = self.get(actor, name)
        if may_change(actor, user):
            return user
        with self._directory.begin(actor) as work:
            user = _found(work, actor, name, "change")
            _may_change(actor, user)
            return user

    def sessions(self, actor: Actor, name: str) -> Sequence[UserSession]:
        """Of oneself, or of somebody whom the actor looks after."""
        return self._directory.sessions(self.looked_after(actor, name).user_id)

    # -- change ---------------------------------------------------------------------------

    def create(self, actor: Actor, values: Values) -> NewUser:
        """With a generated password, to be changed at the first sign-in.

        Raises InvalidFields, NotAllowed.
        """
        _require(actor)
        wanted = _read(values)
        password = generated_password()
        with self._directory.begin(actor) as work:
            _check(work, actor, wanted)
            hashed = self._passwords.hash(password)
            if not work.add(wanted, hashed):
                raise InvalidFields({"name": f"the name {wanted.name} is taken"})
            made = work.user(wanted.name, EVERYTHING)
            if made is None:
                raise NotFound(f"user {wanted.name} was removed meanwhile")
            lines = changed({}, texts_of(wanted))
            work.audit(AuditLine(actor, "create", KIND, wanted.name, made.account_id, lines))
            return NewUser(made, password)

    def change(
        self, actor: Actor, name: str, values: Values, revision: int | None = None
    ) -> UserRecord:
        """The fields that `values` names: role, account, email, disabled.

        Raises NotFound, Stale, InvalidFields, NotAllowed, Conflict for the last administrator.
        """
        with self._directory.begin(actor) as work:
            before = _found(work, actor, name, "change")
            _may_change(actor, before)
            check_revision(work, actor, KIND, name, before.revision, revision)
            wanted = _read({**values_of(before.spec), **values})
            if wanted.name != name:
                raise InvalidFields({"name": "a user keeps the name"})
            _check(work, actor, wanted)
            _keep_an_administrator(work, before, wanted)
            check_locks(work, actor, before.locks, wanted)
            if wanted != before.spec:
                work.write(wanted)
                lines = changed(texts_of(before.spec), texts_of(wanted))
                owner = work.account_id(wanted.account) if wanted.account else None
                work.audit(AuditLine(actor, "change", KIND, name, owner, lines))
            return _found(work, actor, name, "change")

    def reset_password(
        self, actor: Actor, name: str, *, second_factor_too: bool = False
    ) -> NewUser:
        """A generated password in place of the forgotten one; every session ends."""
        password = generated_password()
        with self._directory.begin(actor) as work:
            before = _found(work, actor, name, "reset")
            _may_change(actor, before)
            hashed = self._passwords.hash(password)
            work.reset(before.user_id, hashed, second_factor_too=second_factor_too)
            what = {"password": ("(hidden)", "(hidden)")}
            if second_factor_too and before.has_second_factor:
                what["second_factor"] = ("on", "off")
            work.audit(AuditLine(actor, "reset", KIND, name, before.account_id, what))
            return NewUser(_found(work, actor, name, "reset"), password)

    def end_sessions(self, actor: Actor, name: str, key: str = "", keep: str = "") -> int:
        """One session, or all but `keep`; how many there were."""
        user = self.looked_after(actor, name)
        with self._directory.begin(actor) as work:
            ended = work.end_sessions(user.user_id, key, keep)
            if ended:
                lines = {"sessions": (str(ended), "0")}
                work.audit(AuditLine(actor, "end sessions", KIND, name, user.account_id, lines))
            return ended

    def delete(self, actor: Actor, name: str, revision: int | None = None) -> None:
        """Somebody who never signed in. Raises NotFound, NotAllowed, Stale, Conflict.

        Who did is disabled instead: the audit log names him, and nobody else may get the name.
        """
        with self._directory.begin(actor) as work:
            before = _found(work, actor, name, "delete")
            _may_change(actor, before)
            check_revision(work, actor, KIND, name, before.revision, revision)
            check_removal(work, actor, KIND, name, before.locks)
            if before.last_login_at is not None:
                raise Conflict(f"{name} has signed in before: disable this user instead")
            _keep_an_administrator(work, before, replace(before.spec, disabled=True))
            work.remove(before.user_id)
            lines = changed(texts_of(before.spec), {})
            work.audit(AuditLine(actor, "delete", KIND, name, before.account_id, lines))

    def needs_second_factor(self, role: Role) -> bool:
        return role in self._directory.second_factor_roles()

    def require_second_factor(self, actor: Actor, roles: Sequence[Role]) -> None:
        """Users of these roles see nothing before they have one; of others it is their choice."""
        if not actor.is_operator:
            raise NotAllowed("only an administrator says who must have a second factor")
        before, after = self._directory.second_factor_roles(), tuple(sorted(map(str, set(roles))))
        if set(before) == set(after):
            return
        with self._directory.begin(actor) as work:
            work.keep_second_factor_roles(after)
            lines = {"second_factor_roles": (", ".join(before), ", ".join(after))}
            work.audit(AuditLine(actor, "change", "parameters", "parameters", changes=lines))
            work.bump()

    def profile(self, actor: Actor) -> Profile:
        """One's own. Raises NotAllowed for who never signed in."""
        return self._directory.profile(self.own(actor).user_id)

    def change_profile(self, actor: Actor, values: Values, revision: int | None = None) -> Profile:
        """The fields that `values` names: one's own language, time zone and e-mail.

        Raises InvalidFields, Stale.
        """
        before = self.own(actor)
        stored = self._directory.profile(before.user_id)
        given = {"language": stored.language, "time_zone": stored.time_zone, **values}
        errors = {}
        language, zone = _line(given, "language"), _line(given, "time_zone")
        email = _line({"email": stored.email, **values}, "email")
        if len(language) > 16 or (language and not language.replace("_", "").isalnum()):
            errors["language"] = "not a language"
        if zone and zone not in available_timezones():
            errors["time_zone"] = "not an IANA time zone"
        if email and not _EMAIL.fullmatch(email):
            errors["email"] = "not an e-mail address"
        if errors:
            raise InvalidFields(errors)
        lines = changed({"email": stored.email}, {"email": email})
        line = AuditLine(actor, "change profile", KIND, actor.name, before.account_id, lines)
        wanted = Profile(language, zone, email, stored.revision)
        if not self._directory.write_profile(before.user_id, wanted, revision, line):
            raise Stale("your profile was changed meanwhile")
        return self._directory.profile(before.user_id)


def _looks_after_users(actor: Actor) -> bool:
    return actor.role is not Role.CUSTOMER and actor.may(Right.ACCOUNTS)


def _require(actor: Actor) -> None:
    if actor.role is Role.CUSTOMER:
        raise NotAllowed("customers look after no users", Right.ACCOUNTS)
    actor.require(Right.ACCOUNTS)


def may_change(actor: Actor, user: UserRecord) -> bool:
    """Of a user in the actor's scope: whether it is the actor who looks after it."""
    return actor.is_operator or user.account_id != actor.account_id


def _may_change(actor: Actor, user: UserRecord) -> None:
    """Raises NotAllowed."""
    _require(actor)
    if not may_change(actor, user):
        raise NotAllowed("the users of your own account are looked after by who is above it")


def _check(work: UserWork, actor: Actor, wanted: UserSpec) -> None:
    """Raises InvalidFields, NotAllowed."""
    if wanted.role is Role.ADMINISTRATOR:
        if not actor.is_operator:
            raise NotAllowed("only an administrator makes administrators")
        if wanted.account:
            raise InvalidFields({"account": "an administrator belongs to no account"})
        return
    if not wanted.account:
        raise InvalidFields({"account": "is missing"})
    if not work.chain(wanted.account, actor.scope):
        raise InvalidFields({"account": f"there is no account {wanted.account[:64]!r}"})
    if not actor.is_operator and work.account_id(wanted.account) == actor.account_id:
        raise InvalidFields({"account": "only accounts below your own"})


def _keep_an_administrator(work: UserWork, before: UserRecord, wanted: UserSpec) -> None:
    goes = before.spec.role is Role.ADMINISTRATOR and not before.spec.disabled
    stays = wanted.role is Role.ADMINISTRATOR and not wanted.disabled
    if goes and not stays and not work.has_administrator_beside(before.user_id):
        raise Conflict(f"{before.spec.name} is the last administrator")


def _found(work: UserWork, actor: Actor, name: str, action: str) -> UserRecord:
    """Raises NotFound."""
    return in_scope(work, actor, action, KIND, name, lambda scope: work.user(name, scope))


def _read(values: Values) -> UserSpec:
    """Raises InvalidFields."""
    errors = {str(name)[:64]: "unknown field" for name in values if name not in _FIELDS}
    name, role = _line(values, "name"), _line(values, "role")
    account, email = _line(values, "account"), _line(values, "email")
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        errors["name"] = f"1 to {MAX_NAME} letters, digits and . _ @ + -"
    if role not in list(Role):
        errors["role"] = f"one of {', '.join(Role)}"
    if email and not _EMAIL.fullmatch(email):
        errors["email"] = "not an e-mail address"
    if errors:
        raise InvalidFields(errors)
    disabled = str(values.get("disabled") or "").lower() in ("true", "1", "on", "yes")
    return UserSpec(name, Role(role), account, email, disabled)


def _line(values: Values, name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 255 or not value.isprintable():
        raise InvalidFields({name: "a line of text is expected"})
    return value.strip()
