"""What signing in is about: people, their sessions, and the port to where both are kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


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
    owes_second_factor: bool = False
    """The role must have one (parameter `second_factor_roles`), and it has none."""


class Event(StrEnum):
    """What the audit log is told of."""

    SIGNED_IN = "sign in"
    SIGNED_OUT = "sign out"
    WRONG_PASSWORD = "wrong password"  # noqa: S105 - what happened
    WRONG_CODE = "wrong code"
    LOCKED_OUT = "lock out"
    PASSWORD_CHANGED = "change password"  # noqa: S105 - what happened


class SignInLog(Protocol):
    """Where events are kept (`services.sign_in_log`)."""

    def note(self, event: Event, user: StoredUser | None, address: str) -> None:
        """`user` None: nobody has the name that was given."""


class NoSignInLog:
    """Keeps nothing."""

    def note(self, event: Event, user: StoredUser | None, address: str) -> None:
        pass


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

    def forgive(self, subjects: tuple[str, ...]) -> None:
        """Forget their failures."""

    def change_password(self, session: StoredSession, password_hash: str) -> None:
        """Set the user's hash and replace every session of the user by this one.

        The hash before is kept among the old ones; nobody has to change it any more.
        """

    def old_passwords(self, user_id: int, most: int) -> list[str]:
        """Hashes of before, the newest first."""

    def add_first_administrator(self, name: str, password_hash: str) -> bool:
        """True if there was no administrator and now there is this one."""


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
    owes_second_factor: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`token` goes to the browser and nowhere else. `half`: it opens the second step only."""

    token: str
    role: Role
    half: bool = False


@dataclass(frozen=True, slots=True)
class Proven:
    """Who is signed in has shown again to be who they are."""


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
