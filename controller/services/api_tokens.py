"""Tokens of the API: made by a person for himself, with scopes, an end and a list of addresses.

A token is shown once; its SHA-256 is stored. It may do what its user may at that moment, as far
as its scopes go: a user who is disabled or loses a right takes it from his tokens.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from controller.domain.errors import InvalidFields, NotAllowed, NotFound
from controller.services.actors import Actor, Source
from controller.services.api_callers import ApiCaller, Refusal
from controller.services.api_scopes import ApiScope
from controller.services.audit import AuditLine
from controller.services.ports import Clock
from controller.services.sign_in import Visitor
from controller.services.users.records import UserRecord
from controller.services.users.service import Users

PREFIX = "tg_"
MAX_TOKENS = 50
MAX_NETWORKS = 32
MAX_NAME = 64
MAX_LIFE = timedelta(days=366)
_NOTE_USE_EVERY = timedelta(minutes=1)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Without what opens anything."""

    token_id: int
    user: str
    name: str
    scopes: frozenset[ApiScope]
    networks: tuple[str, ...]
    requests_per_minute: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """`secret` is told this once."""

    token: ApiToken
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token with its user, as authentication needs it."""

    token: ApiToken
    visitor: Visitor
    disabled: bool


class TokenStore(Protocol):
    """Each method is one transaction; all raise StoreUnavailable."""

    def add(self, user_id: int, token: ApiToken, token_hash: bytes, line: AuditLine) -> ApiToken:
        """Raises InvalidFields where the user has `MAX_TOKENS` already."""

    def by_hash(self, token_hash: bytes) -> TokenFacts | None: ...

    def of_user(self, user_id: int) -> Sequence[ApiToken]: ...

    def revoke(self, user_id: int, token_id: int, line: AuditLine) -> ApiToken | None:
        """None where the user has no such token."""

    def note_use(self, token_id: int, now: datetime) -> None: ...


class ApiTokens:
    """Implements `services.api_callers.CallerSource`."""

    def __init__(self, store: TokenStore, users: Users, clock: Clock) -> None:
        self._store = store
        self._users = users
        self._clock = clock

    def caller(self, token: str, address: str) -> ApiCaller | Refusal:
        """Who calls with a token from an address."""
        facts = self._store.by_hash(_digest(token)) if token.startswith(PREFIX) else None
        now = self._clock.now()
        if facts is None or facts.disabled or not _lives(facts.token, now):
            return Refusal.INVALID
        if not _is_listed(address, facts.token.networks):
            return Refusal.ADDRESS
        used = facts.token.last_used_at
        if used is None or now - used >= _NOTE_USE_EVERY:
            self._store.note_use(facts.token.token_id, now)
        return ApiCaller(
            actor=self._users.actor(facts.visitor, Source.API, address),
            owner=f"user:{facts.visitor.user_id}",
            token_id=facts.token.token_id,
            token_name=facts.token.name,
            scopes=facts.token.scopes,
            expires_at=facts.token.expires_at,
            requests_per_minute=facts.token.requests_per_minute,
        )

    def page(self, actor: Actor, user: str = "") -> Sequence[ApiToken]:
        """One's own, or those of a user whom the actor looks after; newest first, the revoked ones
        too. Raises NotFound, NotAllowed."""
        return self._store.of_user(self._owner(actor, user).user_id)

    def create(
        self,
        actor: Actor,
        name: str,
        scopes: Sequence[str],
        *,
        days: int | None = 90,
        networks: Sequence[str] = (),
        requests_per_minute: int | None = None,
        user: str = "",
    ) -> NewToken:
        """For oneself; from the command line, for somebody else. `days` None: until it is revoked.

        Raises InvalidFields, NotFound, NotAllowed.
        """
        if user not in ("", actor.name) and actor.source is not Source.COMMAND_LINE:
            raise NotAllowed("a token is made by its user")
        owner = self._owner(actor, user)
        errors: dict[str, str] = {}
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            errors["name"] = f"1 to {MAX_NAME} printable characters"
        unknown = sorted(set(scopes) - set(ApiScope))
        if unknown or not scopes:
            errors["scopes"] = f"unknown: {', '.join(unknown)[:200]}" if unknown else "is missing"
        if days is not None and not 1 <= days <= MAX_LIFE.days:
            errors["days"] = f"1 to {MAX_LIFE.days}"
        if requests_per_minute is not None and not 1 <= requests_per_minute <= 100_000:
            errors["requests_per_minute"] = "1 to 100000"
        listed = _networks(networks, errors)
        if errors:
            raise InvalidFields(errors)
        now = self._clock.now()
        token = ApiToken(
            token_id=0,
            user=owner.spec.name,
            name=name.strip(),
            scopes=frozenset(map(ApiScope, scopes)),
            networks=tuple(map(str, listed)),
            requests_per_minute=requests_per_minute,
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            last_used_at=None,
            revoked_at=None,
        )
        secret = PREFIX + secrets.token_urlsafe(32)
        what = {"scopes": ("", " ".join(sorted(token.scopes))), "user": ("", token.user)}
        line = AuditLine(actor, "create", "api token", token.name, owner.account_id, what)
        return NewToken(self._store.add(owner.user_id, token, _digest(secret), line), secret)

    def revoke(self, actor: Actor, token_id: int, user: str = "") -> ApiToken:
        """It is refused from now on. Raises NotFound, NotAllowed."""
        owner = self._owner(actor, user)
        what = {"user": (owner.spec.name, "")}
        line = AuditLine(actor, "revoke", "api token", str(token_id), owner.account_id, what)
        found = self._store.revoke(owner.user_id, token_id, line)
        if found is None:
            raise NotFound(f"there is no token {token_id}")
        return found

    def _owner(self, actor: Actor, user: str) -> UserRecord:
        return self._users.looked_after(actor, user) if user else self._users.own(actor)


def _lives(token: ApiToken, now: datetime) -> bool:
    if token.revoked_at is not None:
        return False
    return token.expires_at is None or now < token.expires_at


def _is_listed(address: str, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in ipaddress.ip_network(network) for network in networks)


def _networks(texts: Sequence[str], errors: dict[str, str]) -> list[Network]:
    if len(texts) > MAX_NETWORKS:
        errors["networks"] = f"more than {MAX_NETWORKS}"
        return []
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip()))
        except ValueError:
            errors["networks"] = f"{text[:64]!r} is no address or network, like 192.0.2.0/24"
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
