"""Tokens of the API in PostgreSQL. Implements `services.api_tokens.TokenStore`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
from controller.persistence.audit_store import write_audit
from controller.persistence.database import transaction
from controller.persistence.schema import api_tokens, users
from controller.persistence.views.reading import reading
from controller.services.api_scopes import ApiScope
from controller.services.api_tokens import MAX_TOKENS, ApiToken, TokenFacts
from controller.services.audit import AuditLine
from controller.services.sign_in import Role, Visitor

_TOKENS = sa.select(api_tokens, users.c.name.label("user_name")).join(
    users, users.c.id == api_tokens.c.user_id
)
_FACTS = _TOKENS.add_columns(users.c.role, users.c.account_id, users.c.disabled)


class PostgresTokens:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, user_id: int, token: ApiToken, token_hash: bytes, line: AuditLine) -> ApiToken:
        own = api_tokens.c.user_id == user_id
        with transaction(self._engine) as connection:
            # one after the other: the number of tokens is limited
            connection.execute(sa.select(users.c.id).where(users.c.id == user_id).with_for_update())
            living = sa.select(sa.func.count()).where(own, api_tokens.c.revoked_at.is_(None))
            if connection.execute(living).scalar_one() >= MAX_TOKENS:
                raise InvalidFields({"": f"at most {MAX_TOKENS} tokens: revoke one first"})
            token_id = connection.execute(
                api_tokens.insert()
                .values(
                    user_id=user_id,
                    name=token.name,
                    token_hash=token_hash,
                    scopes=sorted(token.scopes),
                    networks=list(token.networks),
                    requests_per_minute=token.requests_per_minute,
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                )
                .returning(api_tokens.c.id)
            ).scalar_one()
            write_audit(connection, [line])
        return replace(token, token_id=token_id)

    def by_hash(self, token_hash: bytes) -> TokenFacts | None:
        with reading(self._engine) as connection:
            found = _FACTS.where(api_tokens.c.token_hash == token_hash)
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        visitor = Visitor(row.user_id, row.user_name, Role(row.role), "", row.account_id)
        return TokenFacts(_token(row), visitor, row.disabled)

    def of_user(self, user_id: int) -> Sequence[ApiToken]:
        own = _TOKENS.where(api_tokens.c.user_id == user_id).order_by(api_tokens.c.id.desc())
        with reading(self._engine) as connection:
            return [_token(row) for row in connection.execute(own.limit(500))]

    def revoke(self, user_id: int, token_id: int, line: AuditLine) -> ApiToken | None:
        own = sa.and_(api_tokens.c.user_id == user_id, api_tokens.c.id == token_id)
        with transaction(self._engine) as connection:
            changed = connection.execute(
                api_tokens.update()
                .where(own, api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=sa.func.now())
            )
            if changed.rowcount:
                write_audit(connection, [line])
            row = connection.execute(_TOKENS.where(own)).one_or_none()
        return None if row is None else _token(row)

    def note_use(self, token_id: int, now: datetime) -> None:
        used = api_tokens.update().where(api_tokens.c.id == token_id).values(last_used_at=now)
        with transaction(self._engine) as connection:
            connection.execute(used)


def _token(row: Any) -> ApiToken:
    """Scopes of a newer version are left out: they mean nothing here."""
    known = set(ApiScope)
    return ApiToken(
        token_id=row.id,
        user=row.user_name,
        name=row.name,
        scopes=frozenset(ApiScope(scope) for scope in row.scopes if scope in known),
        networks=tuple(map(str, row.networks)),
        requests_per_minute=row.requests_per_minute,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
