"""The call path's transaction: everything that waits, in one commit (design §3, group commit).

Speaks psycopg directly, not through SQLAlchemy: this is the one place where each statement
carries many calls and every microsecond counts (docs/adr/0005). Locks are taken in one order,
calls, funds by account, lines by gateway, so that controllers never wait for each other in a
circle; nothing is waited for while they are held.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import orjson
import psycopg
from psycopg.rows import tuple_row

from controller.domain.errors import StoreUnavailable
from controller.domain.ticket import Ticket, ticket_from_json
from controller.persistence import call_sql
from controller.persistence.batch import Batch
from controller.services.journal_entries import Entry, Outcome

_UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError)


class PostgresCallStore:
    """Implements `services.ports.CallStore`. Not thread-safe: one owner, one connection."""

    def __init__(self, url: str, statement_timeout_s: int = 10) -> None:
        self._url = url
        self._options = (
            f"-c timezone=UTC -c statement_timeout={statement_timeout_s * 1000} "
            f"-c lock_timeout={statement_timeout_s * 500} "
            f"-c idle_in_transaction_session_timeout={statement_timeout_s * 1000}"
        )
        self._connection: psycopg.Connection | None = None

    def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
        with self._transaction() as connection:
            return Batch(batch).run(connection)

    def open_calls(self, switch_id: str) -> list[tuple[Ticket, int, datetime | None]]:
        with self._transaction() as connection:
            rows = connection.execute(call_sql.OPEN_CALLS, (switch_id,)).fetchall()
        return [
            (ticket_from_json(orjson.loads(ticket)), granted_s, answered_at)
            for ticket, granted_s, answered_at in rows
        ]

    def note_switch(self, switch_id: str, instance: str) -> str | None:
        with self._transaction() as connection:
            before = connection.execute(call_sql.KNOWN_INSTANCE, (switch_id,)).fetchone()
            connection.execute(call_sql.NOTE_INSTANCE, (switch_id, instance))
        return str(before[0]) if before else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        """One transaction; a lost connection is dropped and reported as StoreUnavailable."""
        try:
            connection = self._connect()
            with connection.transaction():
                yield connection
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise StoreUnavailable(f"the database is too slow: {error}") from error
        except _UNREACHABLE as error:
            self.close()
            raise StoreUnavailable(str(error).strip()) from error

    def _connect(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                options=self._options,
                connect_timeout=5,
                prepare_threshold=1,
                row_factory=tuple_row,
                application_name="tollgate-calls",
            )
        return self._connection
