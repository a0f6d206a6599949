"""Rate groups with their uses. Implements `services.rate_groups.RateGroupStore`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import AccountKind
from controller.persistence import config_rating_sql as rating_sql
from controller.persistence import config_sql
from controller.persistence import schema as t
from controller.persistence.audit_store import write_audit
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.persistence.database import transaction
from controller.services.audit import AuditLine
from controller.services.rate_groups import (
    AgentAccount,
    RateGroupSummary,
    Use,
    UseKind,
    UseOwner,
)

_SUMMARIES = """
WITH counted AS (SELECT rate_group_id, count(*) AS rates FROM rates GROUP BY rate_group_id)
SELECT g.name, g.currency, g.memo, coalesce(counted.rates, 0) AS rates, owner.name AS owner,
    (SELECT count(*) FROM accounts a WHERE a.rate_group_id = g.id AND a.closed_at IS NULL)
        AS accounts,
    (SELECT count(*) FROM accounts a WHERE a.private_rate_group_id = g.id AND a.closed_at IS NULL)
        AS private_accounts,
    (SELECT count(*) FROM phones p JOIN accounts a ON a.id = p.account_id
        WHERE p.rate_group_id = g.id AND a.closed_at IS NULL) AS phones,
    (SELECT count(*) FROM period_rates p LEFT JOIN packages k ON k.id = p.package_id
        WHERE p.own_rate_group_id = g.id AND p.rate_group_id IS DISTINCT FROM g.id
        AND k.closed_at IS NULL) AS periods,
    (SELECT count(*) FROM staged_decks d WHERE d.rate_group_id = g.id AND d.state = 'staged')
        AS staged_decks,
    ARRAY(SELECT a.name FROM rate_group_agents r JOIN accounts a ON a.id = r.account_id
        WHERE r.rate_group_id = g.id AND a.closed_at IS NULL ORDER BY a.name) AS agents
FROM rate_groups g LEFT JOIN counted ON counted.rate_group_id = g.id
    LEFT JOIN accounts owner ON owner.id = g.owner_account_id
ORDER BY g.name
"""

# what is closed holds nothing; a group's own hours go with it
_USES = """
WITH wanted AS (SELECT id FROM rate_groups WHERE name = :group)
SELECT 'account' AS kind, a.name, 1 AS place FROM accounts a, wanted
    WHERE a.rate_group_id = wanted.id AND a.closed_at IS NULL
UNION ALL SELECT 'account_private', a.name, 2 FROM accounts a, wanted
    WHERE a.private_rate_group_id = wanted.id AND a.closed_at IS NULL
UNION ALL SELECT 'phone', p.number, 3 FROM phones p JOIN accounts a ON a.id = p.account_id, wanted
    WHERE p.rate_group_id = wanted.id AND a.closed_at IS NULL
UNION SELECT 'period_of_rate_group', g.name, 4
    FROM period_rates p JOIN rate_groups g ON g.id = p.rate_group_id, wanted
    WHERE p.own_rate_group_id = wanted.id AND g.id <> wanted.id
UNION SELECT 'period_of_package', k.name, 5
    FROM period_rates p JOIN packages k ON k.id = p.package_id, wanted
    WHERE p.own_rate_group_id = wanted.id AND k.closed_at IS NULL
ORDER BY place, name
"""

_AUTHORIZE = """
INSERT INTO rate_group_agents (rate_group_id, account_id)
SELECT g.id, a.id FROM rate_groups g, accounts a WHERE g.name = :group AND a.name = :account
ON CONFLICT DO NOTHING
"""

_REVOKE = """
DELETE FROM rate_group_agents r USING rate_groups g, accounts a
WHERE r.rate_group_id = g.id AND r.account_id = a.id AND g.name = :group AND a.name = :account
"""

_DETACH = {
    UseKind.ACCOUNT: """
UPDATE accounts SET rate_group_id = NULL
WHERE rate_group_id = (SELECT id FROM rate_groups WHERE name = :group)
""",
    UseKind.PRIVATE: """
UPDATE accounts SET private_rate_group_id = NULL
WHERE private_rate_group_id = (SELECT id FROM rate_groups WHERE name = :group)
""",
    UseKind.PHONE: """
UPDATE phones SET rate_group_id = NULL
WHERE rate_group_id = (SELECT id FROM rate_groups WHERE name = :group)
""",
}


_ACCOUNTS_OF = "SELECT name, id AS account_id FROM accounts WHERE name = ANY(:names)"
_OWNERS = {
    UseKind.ACCOUNT: _ACCOUNTS_OF,
    UseKind.PRIVATE: _ACCOUNTS_OF,
    UseKind.PHONE: "SELECT number AS name, account_id FROM phones WHERE number = ANY(:names)",
}


class PostgresRateGroups:
    """Implements `RateGroupStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator["PostgresRateGroupWork"]:
        """Raises what `PostgresConfigurationStore.begin` raises."""
        with PostgresConfigurationStore(self._engine).begin() as changing:
            work = PostgresRateGroupWork(changing.connection)
            yield work
            if work.committed:
                changing.commit()

    @contextmanager
    def begin_reading(self) -> Iterator["PostgresRateGroupWork"]:
        """Raises StoreUnavailable where the database is away."""
        with transaction(self._engine) as connection:
            yield PostgresRateGroupWork(connection)
            connection.rollback()


@dataclass(slots=True)
class PostgresRateGroupWork:
    """Implements `RateGroupWork` on one connection."""

    _connection: sa.Connection
    committed: bool = False

    def commit(self) -> None:
        self.committed = True

    def summaries(self) -> list[RateGroupSummary]:
        return [
            RateGroupSummary(**{**row._mapping, "agents": tuple(row.agents)})
            for row in self._execute(_SUMMARIES)
        ]

    def rates_count(self, group: str) -> int | None:
        group_id = self._group_id(group)
        if group_id is None:
            return None
        rates = t.rates
        count = sa.select(sa.func.count()).where(rates.c.rate_group_id == group_id)
        return int(self._connection.execute(count).scalar_one())

    def uses(self, group: str) -> list[Use]:
        return [Use(UseKind(row.kind), row.name) for row in self._execute(_USES, group=group)]

    def remove(self, group: str, detached: Sequence[Use]) -> None:
        for kind in sorted({use.kind for use in detached}):
            self._execute(_DETACH[kind], group=group)
        # closed accounts and packages keep their history, not their prices
        for statement in (*config_sql.RELEASE_RATE_GROUPS, rating_sql.RELEASE_PERIOD_RATES):
            self._execute(statement, names=[group])
        # rates of their own hours; then everything that belongs to the group goes with it
        self._execute(rating_sql.CLEAR_PERIOD_RATES, names=[group])
        self._execute(config_sql.REMOVE_RATE_GROUPS, names=[group])

    def account(self, name: str) -> AgentAccount | None:
        accounts = t.accounts
        query = sa.select(accounts.c.id, accounts.c.name, accounts.c.kind, accounts.c.closed_at)
        row = self._connection.execute(query.where(accounts.c.name == name)).first()
        if row is None:
            return None
        return AgentAccount(row.id, row.name, AccountKind(row.kind), row.closed_at is not None)

    def authorize(self, group: str, account: str) -> bool:
        return self._execute(_AUTHORIZE, group=group, account=account).rowcount > 0

    def revoke(self, group: str, account: str) -> bool:
        return self._execute(_REVOKE, group=group, account=account).rowcount > 0

    def visible(self, account: str) -> list[str]:
        agents, groups, accounts = t.rate_group_agents, t.rate_groups, t.accounts
        agent = sa.select(accounts.c.id).where(accounts.c.name == account).scalar_subquery()
        authorized = sa.select(agents.c.rate_group_id).where(agents.c.account_id == agent)
        query = (
            sa.select(groups.c.name)
            .where((groups.c.owner_account_id == agent) | groups.c.id.in_(authorized))
            .order_by(groups.c.name.collate("C"))
        )
        return list(self._connection.execute(query).scalars())

    def owners(self, uses: Sequence[Use]) -> list[UseOwner]:
        found = {kind: self._owners(statement, uses, kind) for kind, statement in _OWNERS.items()}
        return [
            UseOwner(use, owner)
            for use in uses
            if (owner := found.get(use.kind, {}).get(use.name)) is not None
        ]

    def _owners(self, statement: str, uses: Sequence[Use], kind: UseKind) -> dict[str, int]:
        names = [use.name for use in uses if use.kind is kind]
        return {row.name: row.account_id for row in self._execute(statement, names=names)}

    def audit(self, *lines: AuditLine) -> None:
        write_audit(self._connection, lines)

    def bump_version(self) -> int:
        return int(self._execute(config_sql.BUMP_VERSION, parameters=None).scalar_one())

    def _group_id(self, group: str) -> int | None:
        query = sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == group)
        return self._connection.execute(query).scalar_one_or_none()

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)
