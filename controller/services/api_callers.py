"""Who calls the API, and what is kept so that a request sent twice is carried out once: ports."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """Whose token it is, and what the token may be used for.

    `owner` names who the token acts for, and is the same for all tokens of one user: it is what
    idempotency keys belong to. `requests_per_minute` None: the platform's.
    """

    actor: Actor
    owner: str
    token_id: int
    token_name: str
    scopes: frozenset[ApiScope]
    expires_at: datetime | None = None
    requests_per_minute: int | None = None


class Refusal(StrEnum):
    """Why a token is not taken."""

    INVALID = "invalid"
    """Unknown, expired, revoked, or its user is disabled: which, is not told."""
    ADDRESS = "address"
    """Not from an address on the token's list."""


class CallerSource(Protocol):
    def caller(self, token: str, address: str) -> ApiCaller | Refusal:
        """Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class KeptReply:
    """An answer as it was given, without what is shown once."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """Nobody has done it: it is the caller's to do. `run` names this attempt."""

    run: str


@dataclass(frozen=True, slots=True)
class Running:
    """Somebody is doing it at this moment."""


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """The key was used for a request that says something else."""


class ReplyStore(Protocol):
    """Each method is one transaction; all raise StoreUnavailable."""

    def begin(
        self, owner: str, key: str, digest: bytes, now: datetime
    ) -> Begun | Running | OtherRequest | KeptReply: ...

    def finish(self, owner: str, key: str, run: str, reply: KeptReply) -> None:
        """Keep the answer, unless the attempt was taken for dead meanwhile."""

    def release(self, owner: str, key: str, run: str) -> None:
        """Nothing was done: the key is free again."""
