"""Users as others see them: never with a password or a secret."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from controller.domain.rights import Rights
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.records.locks import Locks
from controller.services.records.work import RecordWork
from controller.services.sign_in import Role

KIND = "user"
MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class UserSpec:
    """What is set of a user. `account` is empty for administrators."""

    name: str
    role: Role
    account: str = ""
    email: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserRecord:
    spec: UserSpec
    user_id: int
    account_id: int | None
    has_second_factor: bool
    must_change_password: bool
    created_at: datetime
    last_login_at: datetime | None
    revision: int
    locks: Locks = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewUser:
    """The password is told this once."""

    record: UserRecord
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """What somebody says of himself."""

    language: str
    time_zone: str
    email: str
    revision: int


@dataclass(frozen=True, slots=True)
class UserQuery:
    """`search` is any part of the name. Rows by name; `after` is where the page before ended."""

    search: str = ""
    account: str = ""
    role: Role | None = None
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class UserPage:
    rows: tuple[UserRecord, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class UserSession:
    """`key` names it without opening it."""

    key: str
    created_at: datetime
    expires_at: datetime
    address: str
    browser: str


class UserWork(RecordWork, Protocol):
    """One transaction on users."""

    def user(self, name: str, scope: Scope) -> UserRecord | None: ...

    def add(self, user: UserSpec, password_hash: str) -> bool:
        """False where the name is taken."""

    def write(self, user: UserSpec) -> None:
        """Of a user that is there. A disabled user's sessions end."""

    def reset(self, user_id: int, password_hash: str, *, second_factor_too: bool) -> None:
        """To be changed at the next sign-in; every session ends."""

    def has_administrator_beside(self, user_id: int) -> bool:
        """Somebody else may sign in as administrator."""

    def end_sessions(self, user_id: int, key: str, keep: str = "") -> int:
        """One session, or all but `keep` where `key` is empty; how many there were."""

    def remove(self, user_id: int) -> None: ...

    def keep_second_factor_roles(self, roles: tuple[str, ...]) -> None: ...


class UserDirectory(Protocol):
    """All methods raise StoreUnavailable."""

    def begin(self, actor: Actor) -> AbstractContextManager[UserWork]: ...

    def page(self, scope: Scope, query: UserQuery) -> UserPage: ...

    def get(self, scope: Scope, name: str) -> UserRecord | None: ...

    def sessions(self, user_id: int) -> Sequence[UserSession]: ...

    def rights(self, account_id: int) -> Rights:
        """Those that count."""

    def second_factor_roles(self) -> tuple[str, ...]:
        """The parameter."""

    def profile(self, user_id: int) -> Profile: ...

    def write_profile(
        self, user_id: int, profile: Profile, revision: int | None, line: AuditLine
    ) -> bool:
        """False where the profile has another revision by now; None: whatever it has."""
