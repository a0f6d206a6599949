"""Whose an object is. Implements `services.views.denials.Owners`."""

from collections.abc import Mapping

import sqlalchemy as sa

from controller.persistence.views.reading import reading
from controller.services.views.denials import Kind, Owned

_BY_ID: Mapping[Kind, sa.TextClause] = {
    Kind.ACCOUNT: sa.text("SELECT name, id FROM accounts WHERE id = :key"),
    Kind.CALL: sa.text(
        """
        SELECT call_id::text, account_id FROM cdrs WHERE call_id = CAST(:key AS uuid)
        UNION ALL SELECT call_id::text, account_id FROM calls WHERE call_id = CAST(:key AS uuid)
        LIMIT 1
        """
    ),
    Kind.RATE_GROUP: sa.text("SELECT name, owner_account_id FROM rate_groups WHERE id = :key"),
}
_ACCOUNT_BY_NAME = sa.text("SELECT name, id FROM accounts WHERE name = :key")


class PostgresOwners:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, kind: Kind, key: int | str) -> Owned | None:
        by_name = kind is Kind.ACCOUNT and isinstance(key, str)
        statement = _ACCOUNT_BY_NAME if by_name else _BY_ID[kind]
        with reading(self._engine) as connection:
            row = connection.execute(statement, {"key": key}).one_or_none()
        return None if row is None else Owned(*row)
