"""Users as records in PostgreSQL. Implements `services.users.records.UserDirectory`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.rights import Right, Rights, effective
from controller.persistence import account_sql
from controller.persistence.audit_store import write_audit
from controller.persistence.config_objects import parameters_from, parameters_to
from controller.persistence.database import transaction
from controller.persistence.record_store import PostgresRecordWork, record_work
from controller.persistence.schema import (
    accounts,
    configuration_state,
    login_failures,
    recovery_codes,
    users,
    web_sessions,
)
from controller.persistence.scopes import in_scope
from controller.persistence.views.reading import reading
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.sign_in import Role, code_subject, name_subject
from controller.services.users.records import (
    Profile,
    UserPage,
    UserQuery,
    UserRecord,
    UserSession,
    UserSpec,
)

_FIELDS = (
    users.c.id,
    users.c.name,
    users.c.role,
    sa.func.coalesce(accounts.c.name, "").label("account"),
    users.c.account_id,
    users.c.email,
    users.c.disabled,
    users.c.disabled_by_account_id,
    users.c.totp_enabled_at.is_not(None).label("has_second_factor"),
    users.c.must_change_password,
    users.c.created_at,
    users.c.last_login_at,
    users.c.revision,
)
_SOURCE = users.outerjoin(accounts, accounts.c.id == users.c.account_id)


class PostgresUserDirectory:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, actor: Actor) -> AbstractContextManager["PostgresUserWork"]:
        return record_work(self._engine, PostgresUserWork, actor)

    def page(self, scope: Scope, query: UserQuery) -> UserPage:
        statement = (
            _users(scope)
            .where(*_conditions(query), users.c.name > query.after)
            .order_by(users.c.name)
            .limit(query.limit + 1)
        )
        with reading(self._engine) as connection:
            rows = [_record(row) for row in connection.execute(statement)]
        more = len(rows) > query.limit
        kept = tuple(rows[: query.limit])
        return UserPage(kept, kept[-1].spec.name if more else None)

    def get(self, scope: Scope, name: str) -> UserRecord | None:
        with reading(self._engine) as connection:
            return _one(connection, name, scope)

    def sessions(self, user_id: int) -> Sequence[UserSession]:
        columns = web_sessions.c
        statement = (
            sa.select(web_sessions)
            .where(columns.user_id == user_id, columns.expires_at > sa.func.now(), ~columns.half)
            .order_by(columns.created_at.desc())
            .limit(100)
        )
        with reading(self._engine) as connection:
            return [
                UserSession(
                    row.token_hash.hex(), row.created_at, row.expires_at, row.address, row.browser
                )
                for row in connection.execute(statement)
            ]

    def rights(self, account_id: int) -> Rights:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.text(account_sql.RIGHTS), {"account_id": account_id})
            chain = [frozenset(map(Right, row.rights)) for row in rows]
        return effective(chain) if chain else frozenset()

    def second_factor_roles(self) -> tuple[str, ...]:
        with reading(self._engine) as connection:
            return _parameters(connection).second_factor_roles

    def profile(self, user_id: int) -> Profile:
        columns = (users.c.language, users.c.time_zone, users.c.email, users.c.revision)
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(*columns).where(users.c.id == user_id)).one()
        return Profile(*row)

    def write_profile(
        self, user_id: int, profile: Profile, revision: int | None, line: AuditLine
    ) -> bool:
        values = {
            "language": profile.language,
            "time_zone": profile.time_zone,
            "email": profile.email,
        }
        changed = users.update().where(users.c.id == user_id).values(**values)
        if revision is not None:
            changed = changed.where(users.c.revision == revision)
        with transaction(self._engine) as connection:
            if not connection.execute(changed).rowcount:
                return False
            write_audit(connection, [line])
            return True


class PostgresUserWork(PostgresRecordWork):
    """Implements `UserWork`."""

    def user(self, name: str, scope: Scope) -> UserRecord | None:
        return _one(self._connection, name, scope)

    def add(self, user: UserSpec, password_hash: str) -> bool:
        taken = sa.select(users.c.id).where(users.c.name == user.name)
        if self._connection.execute(taken).one_or_none() is not None:
            return False
        values = self._values(user)
        self._connection.execute(
            users.insert().values(**values, password_hash=password_hash, must_change_password=True)
        )
        return True

    def write(self, user: UserSpec) -> None:
        values = self._values(user)
        changed = users.update().where(users.c.name == user.name).values(**values)
        user_id = self._connection.execute(changed.returning(users.c.id)).scalar_one()
        if user.disabled:
            self.end_sessions(user_id, "")

    def reset(self, user_id: int, password_hash: str, *, second_factor_too: bool) -> None:
        values: dict[str, Any] = {"password_hash": password_hash, "must_change_password": True}
        if second_factor_too:
            values |= {"totp_secret": None, "totp_enabled_at": None, "totp_step": None}
            codes = recovery_codes.c.user_id == user_id
            self._connection.execute(recovery_codes.delete().where(codes))
        changed = users.update().where(users.c.id == user_id).values(**values)
        name = self._connection.execute(changed.returning(users.c.name)).scalar_one()
        failures = login_failures.c.subject.in_((name_subject(name), code_subject(name)))
        self._connection.execute(login_failures.delete().where(failures))
        self.end_sessions(user_id, "")

    def has_administrator_beside(self, user_id: int) -> bool:
        others = sa.exists().where(
            users.c.role == Role.ADMINISTRATOR, ~users.c.disabled, users.c.id != user_id
        )
        return bool(self._connection.execute(sa.select(others)).scalar_one())

    def end_sessions(self, user_id: int, key: str, keep: str = "") -> int:
        named = sa.func.encode(web_sessions.c.token_hash, "hex")
        ended = web_sessions.delete().where(web_sessions.c.user_id == user_id, named != keep)
        if key:
            ended = ended.where(named == key)
        return self._connection.execute(ended).rowcount

    def remove(self, user_id: int) -> None:
        self._connection.execute(users.delete().where(users.c.id == user_id))

    def keep_second_factor_roles(self, roles: tuple[str, ...]) -> None:
        wanted = replace(_parameters(self._connection), second_factor_roles=roles)
        changed = configuration_state.update().values(parameters=parameters_to(wanted))
        self._connection.execute(changed)

    def _values(self, user: UserSpec) -> dict[str, Any]:
        account_id = self.account_id(user.account) if user.account else None
        return {
            "name": user.name,
            "role": user.role.value,
            "account_id": account_id,
            "email": user.email,
            "disabled": user.disabled,
        }


def _parameters(connection: sa.Connection) -> CallParameters:
    stored = connection.execute(sa.select(configuration_state.c.parameters))
    return parameters_from(stored.scalar_one_or_none() or {})


def _users(scope: Scope) -> sa.Select[Any]:
    """Administrators belong to no account, so they are in nobody's scope but everybody's."""
    return sa.select(*_FIELDS).select_from(_SOURCE).where(*in_scope(scope, users.c.account_id))


def _conditions(query: UserQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.search:
        conditions.append(users.c.name.icontains(query.search, autoescape=True))
    if query.account:
        conditions.append(accounts.c.name == query.account)
    if query.role is not None:
        conditions.append(users.c.role == query.role.value)
    return conditions


def _one(connection: sa.Connection, name: str, scope: Scope) -> UserRecord | None:
    row = connection.execute(_users(scope).where(users.c.name == name)).one_or_none()
    return None if row is None else _record(row)


def _record(row: Any) -> UserRecord:
    return UserRecord(
        spec=UserSpec(row.name, Role(row.role), row.account, row.email, row.disabled),
        user_id=row.id,
        account_id=row.account_id,
        has_second_factor=row.has_second_factor,
        must_change_password=row.must_change_password,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
        revision=row.revision,
        locks={"disabled": row.disabled_by_account_id} if row.disabled else {},
    )
