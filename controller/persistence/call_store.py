"""The call path's transaction: everything that waits, in one commit (design §3, group commit).

Speaks psycopg directly, not through SQLAlchemy: this is the one place where each statement
carries many calls and every microsecond counts (docs/adr/0005). Locks are taken in one order,
calls, funds by account, lines by gateway, so that controllers never wait for each other in a
circle; nothing is waited for while they are held.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from controller.domain.errors import Fenced, StoreTooSlow, StoreUnavailable
from controller.domain.lease import Lease
from controller.domain.ticket import Ticket, ticket_from_json
from controller.persistence import call_sql, lease_sql
from controller.persistence.batch import Batch, Cursor
from controller.persistence.call_rows import SystemAccounts
from controller.services.journal_entries import End, Entry, Outcome

_UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError)

STANDSTILL_S = 2
"""A process that stands still within a transaction holds locks for which others wait, the next
owner of its switch among them. So the database ends the transaction before a lease can lapse."""


class PostgresCallStore:
    """Implements `services.ports.CallStore`. Not thread-safe: one owner, one connection.

    With a `lease` every transaction that writes is refused (Fenced) once the switch has changed
    hands. Without one it writes for whoever asks: `tollgate cdr ingest`, which settles what is
    settled once anyway.
    """

    def __init__(
        self,
        url: str,
        statement_timeout_s: int = 10,
        application: str = "tollgate-calls",
        lease: Lease | None = None,
    ) -> None:
        self._url = url
        self._application = application
        self._fence = (lease.switch_id, lease.epoch, lease.token) if lease else None
        self._options = (
            f"-c timezone=UTC -c statement_timeout={statement_timeout_s * 1000} "
            f"-c lock_timeout={statement_timeout_s * 500} "
            f"-c idle_in_transaction_session_timeout={STANDSTILL_S * 1000}"
        )
        self._connection: psycopg.Connection | None = None
        self._cursors: dict[str, Cursor] = {}
        self._system: SystemAccounts = {}

    def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
        """Two round trips for the whole batch: read and lock, then write and commit."""
        with self._reachable() as connection:
            system_accounts = self._system_accounts(connection, batch)
            try:
                with connection.pipeline():
                    self._run("BEGIN", None)
                    if self._fence is not None:
                        self._run(lease_sql.FENCE, self._fence)
                    outcomes = Batch(batch).run(self._run, system_accounts)
                    self._run("COMMIT", None)
            except BaseException:
                _roll_back(connection)
                raise
        return outcomes

    def open_calls(self, switch_id: str) -> list[tuple[Ticket, int, datetime | None]]:
        with self._transaction() as connection:
            rows = connection.execute(call_sql.OPEN_CALLS, (switch_id,)).fetchall()
        return [
            (ticket_from_json(orjson.loads(ticket)), granted_s, answered_at)
            for ticket, granted_s, answered_at in rows
        ]

    def note_switch(self, switch_id: str, instance: str) -> str | None:
        with self._transaction() as connection:
            if self._fence is not None:
                connection.execute(lease_sql.FENCE, self._fence)
            before = connection.execute(call_sql.KNOWN_INSTANCE, (switch_id,)).fetchone()
            connection.execute(call_sql.NOTE_INSTANCE, (switch_id, instance))
        return str(before[0]) if before else None

    def close(self) -> None:
        self._cursors.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _system_accounts(
        self, connection: psycopg.Connection, batch: Sequence[Entry]
    ) -> SystemAccounts:
        """The platform's accounts, read again when a currency is new or may be."""
        settling = [e for e in batch if isinstance(e, End)]
        currencies = {currency for entry in settling for currency in _currencies(entry)}
        strange = any(entry.ticket is None for entry in settling)
        if strange or not currencies <= {currency for currency, _ in self._system}:
            rows = connection.execute(call_sql.SYSTEM_ACCOUNTS).fetchall()
            self._system = {(c, name.partition(":")[0]): id_ for c, name, id_ in rows}
        return self._system

    def _run(self, statement: LiteralString, values: Any) -> Cursor:
        """Execute on the statement's own cursor: making one costs more than using it."""
        cursor = self._cursors.get(statement)
        if cursor is None:
            cursor = self._cursors[statement] = self._connect().cursor()
        return cursor.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        with self._reachable() as connection, connection.transaction():
            yield connection

    @contextmanager
    def _reachable(self) -> Iterator[psycopg.Connection]:
        """A connection; a lost one is dropped and reported as StoreUnavailable, a lost switch as
        Fenced."""
        try:
            yield self._connect()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise StoreTooSlow(f"the database is too slow: {error}") from error
        except _UNREACHABLE as error:
            self.close()
            raise StoreUnavailable(str(error).strip()) from error
        except psycopg.DatabaseError as error:
            if error.sqlstate == lease_sql.FENCED:
                raise Fenced(str(error).splitlines()[0]) from error
            raise

    def _connect(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._cursors.clear()
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                options=self._options,
                connect_timeout=5,
                # a network that swallows everything must not hold the journal for hours
                tcp_user_timeout=10_000,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
                prepare_threshold=1,
                row_factory=tuple_row,
                application_name=self._application,
            )
        return self._connection


def _currencies(entry: End) -> Iterator[str]:
    if entry.ticket is not None:
        yield from (payer.currency for payer in entry.ticket.payers)
        yield from (attempt.cost.terms.currency for attempt in entry.ticket.attempts)


def _roll_back(connection: psycopg.Connection) -> None:
    """Leave no transaction open, whatever state the error left it in."""
    if connection.closed or connection.broken:
        return
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        connection.execute("ROLLBACK")
