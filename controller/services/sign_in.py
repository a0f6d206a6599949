"""Signing in: passwords, sessions, throttling, and the first administrator.

Guesses are counted before the password is looked at, so that parallel guesses count too; an
unknown name costs the same time and the same count as a known one (spec §9.6: while locked, even
the right password is refused). Of a session only the SHA-256 of its token is stored. A name that
nobody has is not logged: people type passwords there.
"""

import hashlib
import ipaddress
import logging
import math
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from controller.services.passwords import MAX_PASSWORD, Passwords, generated_password, unfit
from controller.services.ports import Clock
from controller.services.sign_in_records import (
    Attempts,
    Event,
    NoSignInLog,
    Proven,
    Role,
    SignedIn,
    SignInLog,
    SignInSettings,
    StoredSession,
    StoredUser,
    Throttled,
    UnfitPassword,
    UserStore,
    Visitor,
    WrongCredentials,
)

__all__ = [
    "Attempts",
    "Role",
    "SignIn",
    "SignInSettings",
    "SignedIn",
    "StoredSession",
    "StoredUser",
    "Throttled",
    "UnfitPassword",
    "UserStore",
    "Visitor",
    "WrongCredentials",
]

log = logging.getLogger(__name__)

FIRST_ADMINISTRATOR = "admin"
MAX_NAME = 64
MAX_BROWSER = 200
MAX_CODE = 64
HALF_S = 300
"""How long a password waits for its second factor."""
REMEMBERED_PASSWORDS = 5
_TOUCH_EVERY = timedelta(minutes=1)


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
        events: SignInLog | None = None,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._settings = settings or SignInSettings()
        self._new_token = new_token
        self._second_factor = second_factor
        self._events = events or NoSignInLog()

    @property
    def session_length_s(self) -> int:
        return self._settings.absolute_s

    @property
    def min_password(self) -> int:
        """Characters."""
        return self._settings.min_password

    # -- the way in -----------------------------------------------------------------------

    def sign_in(
        self, name: str, password: str, address: str, old_token: str = "", browser: str = ""
    ) -> SignedIn | WrongCredentials | Throttled:
        """A fresh session, in place of `old_token`'s, if name and password belong together.

        Of somebody with a second factor it is half a session: `second_step` makes it whole.
        """
        name = _clean(name)
        user = self._users.by_name(name)
        by_name, by_address = name_subject(name), address_subject(address)
        if throttled := self._count(user, address, by_name, by_address):
            return throttled
        known = user.password_hash if user else None
        fits = self._passwords.verify(known, password[: MAX_PASSWORD + 1])
        if user is None or not fits or user.disabled:
            self._note(Event.WRONG_PASSWORD, user, address)
            return WrongCredentials()
        token, half = self._new_token(), user.has_second_factor
        self._users.begin_session(
            self._new_session(token, user.user_id, address, browser, half=half),
            forgive=(by_name,),
            ease=(by_address,),
            replaces=_digest(old_token) if old_token else None,
            new_hash=self._upgraded(user, password),
        )
        if not half:
            self._note(Event.SIGNED_IN, user, address)
        return SignedIn(token, user.role, half)

    def halfway(self, token: str) -> str:
        """The name of who has given a password and owes a second factor; empty if nobody has."""
        found = self._half_session(token)
        return found.name if found else ""

    def second_step(
        self, token: str, code: str, address: str, browser: str = ""
    ) -> SignedIn | WrongCredentials | Throttled:
        """A whole session in place of half a one, if the code is right."""
        user = self._half_session(token)
        if user is None:
            return WrongCredentials()
        outcome = self._try_code(user, code, address)
        if not isinstance(outcome, Proven):
            return outcome
        fresh = self._begin_anew(user, token, address, browser, code_subject(user.name))
        self._note(Event.SIGNED_IN, user, address)
        return fresh

    def _half_session(self, token: str) -> StoredUser | None:
        found = self._users.session(_digest(token)) if token else None
        if found is None:
            return None
        session, user = found
        if not session.half or user.disabled or self._clock.now() >= session.expires_at:
            return None
        return user

    # -- who is in ------------------------------------------------------------------------

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
            owes_second_factor=user.owes_second_factor,
        )

    def sign_out(self, token: str, address: str = "") -> None:
        found = self._users.session(_digest(token))
        self._users.end_session(_digest(token))
        if found is not None and not found[0].half:
            self._note(Event.SIGNED_OUT, found[1], address)

    def renew(
        self, visitor: Visitor, token: str, address: str, browser: str = ""
    ) -> SignedIn | None:
        """Another token for the same person in place of `token`; None if the person is gone."""
        user = self._users.by_name(visitor.name)
        if user is None or user.disabled:
            return None
        return self._begin_anew(user, token, address, browser)

    # -- who is in shows again to be who they are -----------------------------------------

    def prove_password(
        self, visitor: Visitor, password: str, address: str
    ) -> Proven | WrongCredentials | Throttled:
        """Guesses count as at sign-in: whoever found an open browser learns no password."""
        user, subject = self._users.by_name(visitor.name), name_subject(visitor.name)
        if throttled := self._count(user, address, subject):
            return throttled
        known = user.password_hash if user else None
        if not self._passwords.verify(known, password[: MAX_PASSWORD + 1]):
            self._note(Event.WRONG_PASSWORD, user, address)
            return WrongCredentials()
        self._users.forgive((subject,))
        return Proven()

    def prove_code(
        self, visitor: Visitor, code: str, address: str
    ) -> Proven | WrongCredentials | Throttled:
        """A code of the second factor, which is used up."""
        user = self._users.by_name(visitor.name)
        if user is None:
            return WrongCredentials()
        outcome = self._try_code(user, code, address)
        if isinstance(outcome, Proven):
            self._users.forgive((code_subject(user.name),))
        return outcome

    def change_password(
        self, visitor: Visitor, current: str, new: str, address: str = "", browser: str = ""
    ) -> SignedIn | WrongCredentials | Throttled | UnfitPassword:
        """Ends every session of the visitor and opens a fresh one; guesses count as at sign-in."""
        shortest = self._settings.min_password
        why = unfit(new, visitor.name, shortest) or (
            "The new password is the old one." if new == current else ""
        )
        if why:
            return UnfitPassword(why)
        outcome = self.prove_password(visitor, current, address)
        if not isinstance(outcome, Proven):
            return outcome
        old = self._users.old_passwords(visitor.user_id, REMEMBERED_PASSWORDS)
        if any(self._passwords.verify(hashed, new) for hashed in old):
            return UnfitPassword("You had this password before. Choose another one.")
        token = self._new_token()
        session = self._new_session(token, visitor.user_id, address, browser)
        self._users.change_password(session, self._passwords.hash(new))
        self._note(Event.PASSWORD_CHANGED, self._users.by_name(visitor.name), address)
        return SignedIn(token, visitor.role)

    # -- steps ----------------------------------------------------------------------------

    def _try_code(
        self, user: StoredUser, code: str, address: str
    ) -> Proven | WrongCredentials | Throttled:
        """Guesses count apart from passwords: a right password must make no room for codes."""
        subjects = code_subject(user.name), address_subject(address)
        if throttled := self._count(user, address, *subjects):
            return throttled
        if self._second_factor is None or not self._second_factor.check(
            user.user_id, code[:MAX_CODE]
        ):
            self._note(Event.WRONG_CODE, user, address)
            return WrongCredentials()
        return Proven()

    def _begin_anew(
        self, user: StoredUser, token: str, address: str, browser: str, *forgive: str
    ) -> SignedIn:
        """A whole session in place of `token`'s."""
        fresh = self._new_token()
        self._users.begin_session(
            self._new_session(fresh, user.user_id, address, browser),
            forgive=forgive,
            ease=(address_subject(address),) if forgive else (),
            replaces=_digest(token),
            new_hash=None,
        )
        return SignedIn(fresh, user.role)

    def _count(self, user: StoredUser | None, address: str, *subjects: str) -> Throttled | None:
        """Count an attempt; the wait if there were too many. The first of those is noted."""
        now, window_s = self._clock.now(), self._settings.window_s
        counted = self._users.count_attempt(subjects, now, window_s)
        limits = (self._settings.name_failures, self._settings.address_failures)
        beyond = [
            (attempts, limit)
            for attempts, limit in zip(counted, limits, strict=False)
            if attempts.failures > limit
        ]
        if not beyond:
            return None
        if any(attempts.failures == limit + 1 for attempts, limit in beyond):
            self._note(Event.LOCKED_OUT, user, address)
        waits = [window_s - (now - attempts.first_at).total_seconds() for attempts, _ in beyond]
        return Throttled(max(1, math.ceil(max(waits))))

    def _note(self, event: Event, user: StoredUser | None, address: str) -> None:
        who = {"user": user.name if user else "(unknown)", "address": address}
        if event in (Event.WRONG_PASSWORD, Event.WRONG_CODE, Event.LOCKED_OUT):
            log.warning("sign-in refused: %s", event, extra=who)
        else:
            log.info("%s", event, extra=who)
        self._events.note(event, user, address)

    def _new_session(
        self, token: str, user_id: int, address: str, browser: str, *, half: bool = False
    ) -> StoredSession:
        now = self._clock.now()
        idle_s = HALF_S if half else min(self._settings.idle_s, self._settings.absolute_s)
        return StoredSession(
            _digest(token),
            user_id,
            now,
            now + timedelta(seconds=idle_s),
            half,
            address[:MAX_NAME],
            _clean(browser, MAX_BROWSER),
        )

    def _upgraded(self, user: StoredUser, password: str) -> str | None:
        if self._passwords.outdated(user.password_hash):
            return self._passwords.hash(password)
        return None


def create_first_administrator(users: UserStore, passwords: Passwords) -> str | None:
    """The generated password of a new administrator, to be shown once; None if there is one."""
    password = generated_password()
    made = users.add_first_administrator(FIRST_ADMINISTRATOR, passwords.hash(password))
    return password if made else None


def name_subject(name: str) -> str:
    """What failures of a name are counted under, whether or not the name exists."""
    return f"name:{name.casefold()}"


def code_subject(name: str) -> str:
    """What wrong codes of a name's second factor are counted under."""
    return f"code:{name.casefold()}"


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
