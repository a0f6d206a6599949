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
MAX_BROWSER = 200
HALF_S = 300
"""How long a password waits for its second factor."""
REMEMBERED_PASSWORDS = 5
MIN_DIFFERENT = 6
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
    account_id: int | None = None
    language: str = ""
    time_zone: str = ""
    must_change_password: bool = False
    has_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session in the database. `token_hash` is the SHA-256 of what the browser holds.

    `half`: the password was right, a second factor is still to come.
    """

    token_hash: bytes
    user_id: int
    created_at: datetime
    expires_at: datetime
    half: bool = False
    address: str = ""
    browser: str = ""


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
        """Set the user's hash and replace every session of the user by this one.

        The hash before is kept among the old ones; nobody has to change it any more.
        """

    def old_passwords(self, user_id: int, most: int) -> list[str]:
        """Hashes of before, the newest first."""

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
    account_id: int | None = None
    language: str = ""
    time_zone: str = ""
    must_change_password: bool = False
    has_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`token` goes to the browser and nowhere else. `half`: it opens the second step only."""

    token: str
    role: Role
    half: bool = False


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


class SecondCheck(Protocol):
    """`services.second_factor.SecondFactor`, as far as signing in needs it."""

    def check(self, user_id: int, code: str) -> bool: ...


class SignIn:
    """Opens, finds and ends the sessions of people."""

    def __init__(
        self,
        users: UserStore,
        passwords: Passwords,
        clock: Clock,
        settings: SignInSettings | None = None,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        second_factor: SecondCheck | None = None,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._settings = settings or SignInSettings()
        self._new_token = new_token
        self._second_factor = second_factor

    @property
    def session_length_s(self) -> int:
        return self._settings.absolute_s

    def sign_in(
        self, name: str, password: str, address: str, old_token: str = "", browser: str = ""
    ) -> SignedIn | WrongCredentials | Throttled:
        """A fresh session, in place of `old_token`'s, if name and password belong together.

        Of somebody with a second factor it is half a session: `second_step` makes it whole.
        """
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
        token, half = self._new_token(), user.has_second_factor
        self._users.begin_session(
            self._new_session(token, user.user_id, address, browser, half=half),
            forgive=(by_name,),
            ease=(by_address,),
            replaces=_digest(old_token) if old_token else None,
            new_hash=self._upgraded(user, password),
        )
        said = "password was right, second factor asked" if half else "signed in"
        log.info(said, extra={"user": name, "address": address})
        return SignedIn(token, user.role, half)

    def halfway(self, token: str) -> str:
        """The name of who has given a password and owes a second factor; empty if nobody has."""
        found = self._half_session(token)
        return found[1].name if found else ""

    def second_step(
        self, token: str, code: str, address: str, browser: str = ""
    ) -> SignedIn | WrongCredentials | Throttled:
        """A whole session in place of half a one, if the code is right. Guesses count as those of
        passwords do, apart from them: a right password must not make room for more codes."""
        found = self._half_session(token)
        if found is None or self._second_factor is None:
            return WrongCredentials()
        user = found[1]
        by_code, by_address = f"code:{user.name.casefold()}", address_subject(address)
        if throttled := self._count(by_code, by_address):
            log.warning("second factor throttled", extra={"user": user.name, "address": address})
            return throttled
        if not self._second_factor.check(user.user_id, code[:64]):
            log.warning("second factor failed", extra={"user": user.name, "address": address})
            return WrongCredentials()
        fresh = self._new_token()
        self._users.begin_session(
            self._new_session(fresh, user.user_id, address, browser),
            forgive=(by_code,),
            ease=(by_address,),
            replaces=_digest(token),
            new_hash=None,
        )
        log.info("signed in", extra={"user": user.name, "address": address})
        return SignedIn(fresh, user.role)

    def _half_session(self, token: str) -> tuple[StoredSession, StoredUser] | None:
        found = self._users.session(_digest(token)) if token else None
        if found is None or not found[0].half or found[1].disabled:
            return None
        return found if self._clock.now() < found[0].expires_at else None

    def visitor(self, token: str, *, active: bool) -> Visitor | None:
        """Whose live session this is; `active` prolongs it (a page that polls does not)."""
        found = self._users.session(_digest(token))
        if found is None:
            return None
        session, user = found
        now = self._clock.now()
        end = session.created_at + timedelta(seconds=self._settings.absolute_s)
        if session.half or user.disabled or now >= min(session.expires_at, end):
            return None
        longer = min(end, now + timedelta(seconds=self._settings.idle_s))
        if active and longer - session.expires_at >= _TOUCH_EVERY:
            self._users.prolong(session.token_hash, longer)
        return Visitor(
            user_id=user.user_id,
            name=user.name,
            role=user.role,
            session_key=session.token_hash.hex(),
            account_id=user.account_id,
            language=user.language,
            time_zone=user.time_zone,
            must_change_password=user.must_change_password,
            has_second_factor=user.has_second_factor,
        )

    def sign_out(self, token: str) -> None:
        self._users.end_session(_digest(token))

    def change_password(
        self, visitor: Visitor, current: str, new: str, address: str = "", browser: str = ""
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
        old = self._users.old_passwords(visitor.user_id, REMEMBERED_PASSWORDS)
        if any(self._passwords.verify(hashed, new) for hashed in old):
            return UnfitPassword("You had this password before. Choose another one.")
        token = self._new_token()
        session = self._new_session(token, visitor.user_id, address, browser)
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

    def _new_session(
        self, token: str, user_id: int, address: str, browser: str, *, half: bool = False
    ) -> StoredSession:
        now = self._clock.now()
        idle_s = HALF_S if half else min(self._settings.idle_s, self._settings.absolute_s)
        end = now + timedelta(seconds=idle_s)
        return StoredSession(
            _digest(token),
            user_id,
            now,
            end,
            half,
            address[:MAX_NAME],
            _clean(browser, MAX_BROWSER),
        )

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
        if len(set(new)) < MIN_DIFFERENT:
            return f"Use at least {MIN_DIFFERENT} different characters."
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


def _clean(name: str, most: int = MAX_NAME) -> str:
    """A name as it may be stored and logged, whatever was sent."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name.strip()[:most])


def session_key(token: str) -> str:
    """The name of a token's session (`Visitor.session_key`)."""
    return _digest(token).hex()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
