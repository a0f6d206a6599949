"""Signing in: passwords, sessions, throttling, and the first administrator.

Guesses are counted before the password is looked at, so that parallel guesses count too; an
unknown name costs the same time and the same count as a known one (spec §9.6: while locked, even
the right password is refused). Of a session only the SHA-256 of its token is stored.
"""

import hashlib
import ipaddress
import logging
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from controller.services.passwords import MAX_PASSWORD, Passwords, generated_password
from controller.services.ports import Clock

log = logging.getLogger(__name__)

FIRST_ADMINISTRATOR = "admin"
MAX_NAME = 64
_TOUCH_EVERY = timedelta(minutes=1)


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    AGENT = "agent"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """A session ends `idle_s` after its last use and `absolute_s` after its start, at the latest.

    More failures than allowed within `window_s` lock a name or an address until the window ends.
    """

    idle_s: int = 2 * 3600
    absolute_s: int = 12 * 3600
    name_failures: int = 5
    address_failures: int = 30
    window_s: int = 15 * 60
    min_password: int = 12


@dataclass(frozen=True, slots=True)
class StoredUser:
    user_id: int
    name: str
    role: Role
    password_hash: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session in the database. `token_hash` is the SHA-256 of what the browser holds."""

    token_hash: bytes
    user_id: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failures of a name or an address since `first_at`, this one included."""

    failures: int
    first_at: datetime


class UserStore(Protocol):
    """The database side. Each method is one transaction; all raise StoreUnavailable."""

    def by_name(self, name: str) -> StoredUser | None: ...

    def count_attempt(
        self, subjects: tuple[str, ...], now: datetime, window_s: int
    ) -> list[Attempts]:
        """Count one attempt for each subject; a window that has passed starts anew."""

    def begin_session(
        self,
        session: StoredSession,
        forgive: tuple[str, ...],
        ease: tuple[str, ...],
        replaces: bytes | None,
        new_hash: str | None,
    ) -> None:
        """Open the session, forget the failures of `forgive`, take one off those of `ease`."""

    def session(self, token_hash: bytes) -> tuple[StoredSession, StoredUser] | None: ...

    def prolong(self, token_hash: bytes, expires_at: datetime) -> None: ...

    def end_session(self, token_hash: bytes) -> None: ...

    def change_password(
        self, session: StoredSession, password_hash: str, forgive: tuple[str, ...]
    ) -> None:
        """Set the user's hash and replace every session of the user by this one."""

    def add_first_administrator(self, name: str, password_hash: str) -> bool:
        """True if there was no administrator and now there is this one."""

    def give_password(
        self, name: str, password_hash: str, forgive: str, new_role: Role | None
    ) -> bool:
        """Set the hash, end the user's sessions, forget the failures of `forgive`.

        With `new_role` the user is made; False if that one exists, or the other is missing.
        """


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a request comes from. `session_key` names the session without opening it."""

    user_id: int
    name: str
    role: Role
    session_key: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`token` goes to the browser and nowhere else."""

    token: str
    role: Role


@dataclass(frozen=True, slots=True)
class WrongCredentials:
    """Name and password do not belong together; which of them is wrong is not told."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many failures; nothing was checked."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class UnfitPassword:
    """The new password was not taken; `why` is for the person."""

    why: str


class SignIn:
    """Opens, finds and ends the sessions of people."""

    def __init__(
        self,
        users: UserStore,
        passwords: Passwords,
        clock: Clock,
        settings: SignInSettings | None = None,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._settings = settings or SignInSettings()
        self._new_token = new_token

    @property
    def session_length_s(self) -> int:
        return self._settings.absolute_s

    def sign_in(
        self, name: str, password: str, address: str, old_token: str = ""
    ) -> SignedIn | WrongCredentials | Throttled:
        """A fresh session, in place of `old_token`'s, if name and password belong together."""
        name = _clean(name)
        by_name, by_address = name_subject(name), address_subject(address)
        if throttled := self._count(by_name, by_address):
            log.warning("sign-in throttled", extra={"user": name, "address": address})
            return throttled
        user = self._users.by_name(name)
        known = user.password_hash if user else None
        fits = self._passwords.verify(known, password[: MAX_PASSWORD + 1])
        if user is None or not fits or user.disabled:
            log.warning("sign-in failed", extra={"user": name, "address": address})
            return WrongCredentials()
        token = self._new_token()
        self._users.begin_session(
            self._new_session(token, user.user_id),
            forgive=(by_name,),
            ease=(by_address,),
            replaces=_digest(old_token) if old_token else None,
            new_hash=self._upgraded(user, password),
        )
        log.info("signed in", extra={"user": name, "address": address})
        return SignedIn(token, user.role)

    def visitor(self, token: str, *, active: bool) -> Visitor | None:
        """Whose live session this is; `active` prolongs it (a page that polls does not)."""
        found = self._users.session(_digest(token))
        if found is None:
            return None
        session, user = found
        now = self._clock.now()
        end = session.created_at + timedelta(seconds=self._settings.absolute_s)
        if user.disabled or now >= min(session.expires_at, end):
            return None
        longer = min(end, now + timedelta(seconds=self._settings.idle_s))
        if active and longer - session.expires_at >= _TOUCH_EVERY:
            self._users.prolong(session.token_hash, longer)
        return Visitor(user.user_id, user.name, user.role, session.token_hash.hex())

    def sign_out(self, token: str) -> None:
        self._users.end_session(_digest(token))

    def change_password(
        self, visitor: Visitor, current: str, new: str
    ) -> SignedIn | WrongCredentials | Throttled | UnfitPassword:
        """Ends every session of the visitor and opens a fresh one; guesses count as at sign-in."""
        if why := self._unfit(visitor, current, new):
            return UnfitPassword(why)
        subject = name_subject(visitor.name)
        if throttled := self._count(subject):
            return throttled
        user = self._users.by_name(visitor.name)
        known = user.password_hash if user else None
        if not self._passwords.verify(known, current[: MAX_PASSWORD + 1]):
            return WrongCredentials()
        token = self._new_token()
        session = self._new_session(token, visitor.user_id)
        self._users.change_password(session, self._passwords.hash(new), (subject,))
        log.info("password changed", extra={"user": visitor.name})
        return SignedIn(token, visitor.role)

    def _count(self, *subjects: str) -> Throttled | None:
        """Count an attempt; the wait if there were too many."""
        now, window_s = self._clock.now(), self._settings.window_s
        counted = self._users.count_attempt(subjects, now, window_s)
        limits = (self._settings.name_failures, self._settings.address_failures)
        waits = [
            window_s - (now - attempts.first_at).total_seconds()
            for attempts, limit in zip(counted, limits, strict=False)
            if attempts.failures > limit
        ]
        return Throttled(max(1, math.ceil(max(waits)))) if waits else None

    def _new_session(self, token: str, user_id: int) -> StoredSession:
        now = self._clock.now()
        idle = timedelta(seconds=min(self._settings.idle_s, self._settings.absolute_s))
        return StoredSession(_digest(token), user_id, now, now + idle)

    def _upgraded(self, user: StoredUser, password: str) -> str | None:
        if self._passwords.outdated(user.password_hash):
            return self._passwords.hash(password)
        return None

    def _unfit(self, visitor: Visitor, current: str, new: str) -> str:
        shortest = self._settings.min_password
        if len(new) < shortest:
            return f"Use at least {shortest} characters."
        if len(new) > MAX_PASSWORD:
            return f"Use at most {MAX_PASSWORD} characters."
        if new == current:
            return "The new password is the old one."
        if visitor.name.casefold() in new.casefold() and len(new) < 2 * shortest:
            return "Leave your name out of the password."
        return ""


def create_first_administrator(users: UserStore, passwords: Passwords) -> str | None:
    """The generated password of a new administrator, to be shown once; None if there is one."""
    password = generated_password()
    made = users.add_first_administrator(FIRST_ADMINISTRATOR, passwords.hash(password))
    return password if made else None


def give_password(users: UserStore, passwords: Passwords, name: str, *, create: bool) -> str | None:
    """A new generated password of an existing user, or of a new administrator with `create`.

    None where the user is missing (or, with `create`, exists already).
    """
    password = generated_password()
    given = users.give_password(
        name, passwords.hash(password), name_subject(name), Role.ADMINISTRATOR if create else None
    )
    return password if given else None


def name_subject(name: str) -> str:
    """What failures of a name are counted under, whether or not the name exists."""
    return f"name:{name.casefold()}"


def address_subject(address: str) -> str:
    """What failures of an address are counted under: IPv6 by /64, for a host has all of one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return f"address:{ipaddress.ip_network((ip, 64), strict=False)}"
        ip = ip.ipv4_mapped
    return f"address:{ip}"


def _clean(name: str) -> str:
    """A name as it may be stored and logged, whatever was sent."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name.strip()[:MAX_NAME])


def session_key(token: str) -> str:
    """The name of a token's session (`Visitor.session_key`)."""
    return _digest(token).hex()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
