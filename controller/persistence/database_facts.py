"""What the doctor asks the database: settings, partitions, gaps of the configuration.

Read-only, beside the call path; every question has a statement timeout.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import sqlalchemy as sa

from controller.persistence.database import transaction
from controller.persistence.partitions import PARTITIONED
from controller.services.diagnosis.configuration import ConfigurationFacts, Listed
from controller.services.diagnosis.database import DatabaseFacts, PartitionFacts

TIMEOUT = sa.text("SET LOCAL statement_timeout = '20s'")
MOST_COUNTED = 1_000
EXAMPLES = 3


class DatabaseInspector:
    """Each method is one read-only transaction; all raise StoreUnavailable."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def answer_ms(self) -> int:
        """Time of one round trip with a fresh transaction."""
        with transaction(self._engine) as connection:
            began = time.perf_counter()
            connection.execute(sa.text("SELECT 1"))
            return round((time.perf_counter() - began) * 1000)

    def server(self) -> DatabaseFacts:
        with self._reading() as connection:
            before = datetime.now(UTC)
            row = connection.execute(sa.text(_SERVER)).one()
            middle = before + (datetime.now(UTC) - before) / 2
            rows = connection.execute(sa.text(_SETTINGS))
            settings = {setting.name: setting.value for setting in rows}
        ahead_s = (row.now - middle).total_seconds()
        return DatabaseFacts(int(row.version), row.version_text, settings, ahead_s, row.controllers)

    def partitions(self, today: date) -> PartitionFacts:
        months = (today, _next_month(today))
        with self._reading() as connection:
            there = set(connection.scalars(sa.text(_TABLES)))
            strays = {
                f"{table}_default": _count(connection, f"{table}_default") for table in PARTITIONED
            }
        now, following = (
            tuple(name for t in PARTITIONED if (name := f"{t}_{month:%Y_%m}") not in there)
            for month in months
        )
        return PartitionFacts(now, following, strays)

    def configuration(self) -> ConfigurationFacts:
        with self._reading() as connection:
            mapping, routing = connection.execute(sa.text(_GATEWAYS)).one()
            return ConfigurationFacts(
                mapping,
                routing,
                _listed(connection, _WITHOUT_RATE_GROUP),
                _listed(connection, _WITHOUT_ADDRESS),
                _listed(connection, _DEAD_ROUTES),
            )

    def open_calls(self, switch_id: str, min_age_s: float) -> list[str]:
        """Ids of calls that are in progress since `min_age_s` at least."""
        with self._reading() as connection:
            return list(
                connection.scalars(sa.text(_OPEN_CALLS), {"switch": switch_id, "age_s": min_age_s})
            )

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with transaction(self._engine) as connection:
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            connection.execute(TIMEOUT)
            yield connection


def _next_month(today: date) -> date:
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)


def _count(connection: sa.Connection, table: str) -> int:
    rows = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(MOST_COUNTED).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one())


def _listed(connection: sa.Connection, query: str) -> Listed:
    names = list(connection.scalars(sa.text(query)))
    return Listed(len(names), tuple(names[:EXAMPLES]))


_SERVER = """
SELECT current_setting('server_version_num') AS version,
    current_setting('server_version') AS version_text, clock_timestamp() AS now,
    (SELECT count(DISTINCT pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tollgate-calls') AS controllers
"""
_SETTINGS = """
SELECT name, current_setting(name) AS value
FROM unnest(ARRAY['fsync', 'synchronous_commit', 'full_page_writes']) AS name
"""
_TABLES = "SELECT c.relname FROM pg_class c WHERE c.relispartition AND pg_table_is_visible(c.oid)"
_OPEN_CALLS = """
SELECT call_id::text FROM calls
WHERE switch_id = :switch AND offered_at < now() - make_interval(secs => :age_s)
ORDER BY offered_at
"""
_GATEWAYS = """
SELECT (SELECT count(*) FROM mapping_gateways), (SELECT count(*) FROM routing_gateways)
"""
_WITHOUT_RATE_GROUP = """
SELECT a.name FROM accounts a
WHERE a.rate_group_id IS NULL AND a.closed_at IS NULL
    AND (EXISTS (SELECT FROM mapping_gateways m WHERE m.account_id = a.id)
        OR EXISTS (SELECT FROM routing_gateways g WHERE g.clearing_account_id = a.id))
ORDER BY a.name
"""
_WITHOUT_ADDRESS = """
SELECT m.name FROM mapping_gateways m
WHERE NOT m.locked
    AND NOT EXISTS (SELECT FROM mapping_gateway_addresses p WHERE p.gateway_id = m.id)
ORDER BY m.name
"""
# a gateway that routing would pass over (domain/routing.py)
_VENDORS = """
vendors AS (
    SELECT g.id, g.name, a.rate_group_id, g.locked OR a.locked OR a.closed_at IS NOT NULL
        OR coalesce(a.expires_at <= now(), false) OR a.kind <> 'clearing' AS dead
    FROM routing_gateways g JOIN accounts a ON a.id = g.clearing_account_id
)
"""
_DEAD_ROUTES = f"""
WITH {_VENDORS}
SELECT r.prefix || ' to ' || v.name FROM routes r JOIN vendors v ON v.id = r.gateway_id
WHERE v.dead ORDER BY v.name, r.prefix
"""  # noqa: S608 - constants
