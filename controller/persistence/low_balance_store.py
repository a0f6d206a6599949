"""Accounts below their threshold in PostgreSQL. Implements `services.low_balance`."""

from collections.abc import Sequence

import sqlalchemy as sa

from controller.persistence import config_sql
from controller.persistence.audit_store import write_audit
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.actors import Actor
from controller.services.audit import AuditLine
from controller.services.low_balance import LowAccount

# the few that want to be locked have an index of their own
_CHANGE = """
UPDATE accounts a SET {change}
FROM account_funds f
WHERE f.account_id = a.id AND a.low_balance_locks AND a.closed_at IS NULL AND {condition}
    AND f.balance + a.overdraft_limit - f.reserved {compare} a.low_balance
RETURNING a.id AS account_id, a.name, a.currency,
    f.balance + a.overdraft_limit - f.reserved AS available, a.low_balance, a.locked
"""
_LOCK = _CHANGE.format(
    change="locked = true, locked_for_balance_at = now()", condition="NOT a.locked", compare="<"
)
_UNLOCK = _CHANGE.format(
    change="locked = false, locked_for_balance_at = NULL",
    condition="a.locked AND a.locked_for_balance_at IS NOT NULL",
    compare=">=",
)


class PostgresLowBalances:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def lock_low(self, actor: Actor) -> Sequence[LowAccount]:
        return self._change(_LOCK, actor, ("false", "true"))

    def unlock_recovered(self, actor: Actor) -> Sequence[LowAccount]:
        return self._change(_UNLOCK, actor, ("true", "false"))

    def _change(
        self, statement: str, actor: Actor, locked: tuple[str, str]
    ) -> Sequence[LowAccount]:
        """In a transaction of the configuration, so that no form overwrites it unseen."""
        with PostgresConfigurationStore(self._engine, wait_s=10).begin() as work:
            connection = work.connection
            found = [LowAccount(**row._asdict()) for row in connection.execute(sa.text(statement))]
            if found:
                lines = [
                    AuditLine(
                        actor,
                        "low balance",
                        "account",
                        account.name,
                        account.account_id,
                        {"locked": locked},
                    )
                    for account in found
                ]
                write_audit(connection, lines)
                connection.execute(sa.text(config_sql.BUMP_VERSION), {"parameters": None})
                work.commit()
            return found
