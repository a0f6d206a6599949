"""People, their sessions and their failed sign-ins. Implements `services.sign_in.UserStore`."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from controller.persistence.database import transaction
from controller.persistence.schema import (
    configuration_state,
    login_failures,
    old_passwords,
    users,
    web_sessions,
)
from controller.services.sign_in import (
    REMEMBERED_PASSWORDS,
    Attempts,
    Role,
    StoredSession,
    StoredUser,
)

_SECOND_FACTOR_ROLES = (
    sa.select(configuration_state.c.parameters["second_factor_roles"])
    .scalar_subquery()
    .label("second_factor_roles")
)
_USER = (
    users.c.id,
    users.c.name,
    users.c.role,
    users.c.password_hash,
    users.c.disabled,
    users.c.account_id,
    users.c.language,
    users.c.time_zone,
    users.c.must_change_password,
    users.c.totp_enabled_at.is_not(None).label("has_second_factor"),
    _SECOND_FACTOR_ROLES,
)


class PostgresUsers:
    """Each method is one transaction and raises StoreUnavailable without a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def by_name(self, name: str) -> StoredUser | None:
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(*_USER).where(users.c.name == name)).one_or_none()
        return None if row is None else _user(row)

    def count_attempt(
        self, subjects: tuple[str, ...], now: datetime, window_s: int
    ) -> list[Attempts]:
        window_began = now - timedelta(seconds=window_s)
        with transaction(self._engine) as connection:
            _forget_before(connection, window_began)
            return [_count(connection, subject, now, window_began) for subject in subjects]

    def begin_session(
        self,
        session: StoredSession,
        forgive: tuple[str, ...],
        ease: tuple[str, ...],
        replaces: bytes | None,
        new_hash: str | None,
    ) -> None:
        noted: dict[str, object] = {} if session.half else {"last_login_at": session.created_at}
        if new_hash is not None:
            noted["password_hash"] = new_hash
        failures = login_failures.c
        with transaction(self._engine) as connection:
            if noted:
                found = users.c.id == session.user_id
                connection.execute(users.update().where(found).values(**noted))
            connection.execute(login_failures.delete().where(failures.subject.in_(forgive)))
            connection.execute(
                login_failures.update()
                .where(failures.subject.in_(ease), failures.failures > 0)
                .values(failures=failures.failures - 1)
            )
            ended = web_sessions.c.expires_at <= session.created_at
            if replaces is not None:
                ended |= web_sessions.c.token_hash == replaces
            connection.execute(web_sessions.delete().where(ended))
            _open(connection, session)

    def session(self, token_hash: bytes) -> tuple[StoredSession, StoredUser] | None:
        found = (
            sa.select(
                web_sessions.c.user_id,
                web_sessions.c.created_at.label("begun_at"),
                web_sessions.c.expires_at,
                web_sessions.c.half,
                web_sessions.c.address,
                web_sessions.c.browser,
                *_USER,
            )
            .join(users, users.c.id == web_sessions.c.user_id)
            .where(web_sessions.c.token_hash == token_hash)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(found).one_or_none()
        if row is None:
            return None
        session = StoredSession(
            token_hash,
            row.user_id,
            row.begun_at,
            row.expires_at,
            row.half,
            row.address,
            row.browser,
        )
        return session, _user(row)

    def prolong(self, token_hash: bytes, expires_at: datetime) -> None:
        with transaction(self._engine) as connection:
            connection.execute(
                web_sessions.update()
                .where(web_sessions.c.token_hash == token_hash)
                .values(expires_at=expires_at)
            )

    def end_session(self, token_hash: bytes) -> None:
        with transaction(self._engine) as connection:
            connection.execute(web_sessions.delete().where(web_sessions.c.token_hash == token_hash))

    def forgive(self, subjects: tuple[str, ...]) -> None:
        with transaction(self._engine) as connection:
            connection.execute(
                login_failures.delete().where(login_failures.c.subject.in_(subjects))
            )

    def change_password(self, session: StoredSession, password_hash: str) -> None:
        with transaction(self._engine) as connection:
            _keep_old_password(connection, session.user_id)
            connection.execute(
                users.update()
                .where(users.c.id == session.user_id)
                .values(password_hash=password_hash, must_change_password=False)
            )
            connection.execute(
                web_sessions.delete().where(web_sessions.c.user_id == session.user_id)
            )
            _open(connection, session)

    def old_passwords(self, user_id: int, most: int) -> list[str]:
        with transaction(self._engine) as connection:
            return list(connection.scalars(_old_passwords(user_id, most)))

    def forget_expired(self, now: datetime) -> int:
        """For the scheduler: drop sessions that are over; how many there were."""
        over = web_sessions.delete().where(web_sessions.c.expires_at <= now)
        with transaction(self._engine) as connection:
            return connection.execute(over).rowcount

    def add_first_administrator(self, name: str, password_hash: str) -> bool:
        """Two processes that start together make one: the name is unique."""
        first = sa.select(
            sa.literal(name), sa.literal(Role.ADMINISTRATOR.value), sa.literal(password_hash)
        ).where(~sa.exists().where(users.c.role == Role.ADMINISTRATOR.value))
        statement = (
            insert(users)
            .from_select(["name", "role", "password_hash"], first)
            .on_conflict_do_nothing()
            .returning(users.c.id)
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement).one_or_none() is not None


def _user(row: Any) -> StoredUser:
    return StoredUser(
        user_id=row.id,
        name=row.name,
        role=Role(row.role),
        password_hash=row.password_hash,
        disabled=row.disabled,
        account_id=row.account_id,
        language=row.language,
        time_zone=row.time_zone,
        must_change_password=row.must_change_password,
        has_second_factor=row.has_second_factor,
        owes_second_factor=(
            not row.has_second_factor and row.role in (row.second_factor_roles or ())
        ),
    )


def _keep_old_password(connection: sa.Connection, user_id: int) -> None:
    """As many as are asked for, and no more."""
    columns = old_passwords.c
    now = sa.select(users.c.id, users.c.password_hash).where(users.c.id == user_id)
    connection.execute(old_passwords.insert().from_select(["user_id", "password_hash"], now))
    kept = (
        sa.select(columns.id)
        .where(columns.user_id == user_id)
        .order_by(columns.id.desc())
        .limit(REMEMBERED_PASSWORDS)
    )
    connection.execute(
        old_passwords.delete().where(columns.user_id == user_id, columns.id.not_in(kept))
    )


def _old_passwords(user_id: int, most: int) -> sa.Select[tuple[str]]:
    columns = old_passwords.c
    return (
        sa.select(columns.password_hash)
        .where(columns.user_id == user_id)
        .order_by(columns.id.desc())
        .limit(most)
    )


def _count(
    connection: sa.Connection, subject: str, now: datetime, window_began: datetime
) -> Attempts:
    """One statement, so that guesses in parallel are all counted."""
    table = login_failures.c
    begins_anew = table.first_at <= window_began
    statement = (
        insert(login_failures)
        .values(subject=subject, failures=1, first_at=now)
        .on_conflict_do_update(
            index_elements=[table.subject],
            set_={
                "failures": sa.case((begins_anew, 1), else_=table.failures + 1),
                "first_at": sa.case((begins_anew, now), else_=table.first_at),
            },
        )
        .returning(table.failures, table.first_at)
    )
    row = connection.execute(statement).one()
    return Attempts(row.failures, row.first_at)


def _forget_before(connection: sa.Connection, window_began: datetime) -> None:
    connection.execute(login_failures.delete().where(login_failures.c.first_at <= window_began))


def _open(connection: sa.Connection, session: StoredSession) -> None:
    connection.execute(
        web_sessions.insert().values(
            token_hash=session.token_hash,
            user_id=session.user_id,
            created_at=session.created_at,
            expires_at=session.expires_at,
            half=session.half,
            address=session.address,
            browser=session.browser,
        )
    )
