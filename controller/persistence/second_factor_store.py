"""Second factors in PostgreSQL. Implements `services.second_factor.SecondFactorStore`."""

import sqlalchemy as sa

from controller.persistence.database import transaction
from controller.persistence.schema import recovery_codes, users


class PostgresSecondFactors:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def sealed(self, user_id: int) -> tuple[bytes | None, bool]:
        found = sa.select(users.c.totp_secret, users.c.totp_enabled_at).where(users.c.id == user_id)
        with transaction(self._engine) as connection:
            row = connection.execute(found).one_or_none()
        return (None, False) if row is None else (row[0], row[1] is not None)

    def propose(self, user_id: int, sealed: bytes) -> None:
        self._update(user_id, users.c.totp_enabled_at.is_(None), totp_secret=sealed)

    def take_step(self, user_id: int, step: int) -> bool:
        later = users.c.totp_step.is_(None) | (users.c.totp_step < step)
        return self._update(user_id, users.c.totp_enabled_at.is_not(None) & later, totp_step=step)

    def enable(self, user_id: int, step: int, code_hashes: tuple[bytes, ...]) -> bool:
        changed = (
            users.update()
            .where(
                users.c.id == user_id,
                users.c.totp_enabled_at.is_(None),
                users.c.totp_secret.is_not(None),
            )
            .values(totp_enabled_at=sa.func.now(), totp_step=step)
        )
        with transaction(self._engine) as connection:
            if not connection.execute(changed).rowcount:
                return False
            _replace_codes(connection, user_id, code_hashes)
        return True

    def keep_codes(self, user_id: int, code_hashes: tuple[bytes, ...]) -> None:
        counts = sa.select(users.c.id).where(
            users.c.id == user_id, users.c.totp_enabled_at.is_not(None)
        )
        with transaction(self._engine) as connection:
            if connection.execute(counts.with_for_update()).one_or_none() is not None:
                _replace_codes(connection, user_id, code_hashes)

    def disable(self, user_id: int) -> None:
        nothing = {"totp_secret": None, "totp_enabled_at": None, "totp_step": None}
        with transaction(self._engine) as connection:
            connection.execute(users.update().where(users.c.id == user_id).values(**nothing))
            connection.execute(recovery_codes.delete().where(recovery_codes.c.user_id == user_id))

    def take_recovery(self, user_id: int, code_hash: bytes) -> bool:
        codes = recovery_codes.c
        taken = recovery_codes.delete().where(
            codes.user_id == user_id, codes.code_hash == code_hash
        )
        with transaction(self._engine) as connection:
            return connection.execute(taken).rowcount > 0

    def _update(self, user_id: int, condition: sa.ColumnElement[bool], **values: object) -> bool:
        changed = users.update().where(users.c.id == user_id, condition).values(**values)
        with transaction(self._engine) as connection:
            return connection.execute(changed).rowcount > 0


def _replace_codes(connection: sa.Connection, user_id: int, code_hashes: tuple[bytes, ...]) -> None:
    rows = [{"user_id": user_id, "code_hash": hashed} for hashed in code_hashes]
    connection.execute(recovery_codes.delete().where(recovery_codes.c.user_id == user_id))
    connection.execute(recovery_codes.insert(), rows)
