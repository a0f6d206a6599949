"""Rows that there may be very many of and that seldom change, kept as objects from one version of
the configuration to the next: only what was written since is read.

PostgreSQL knows for each row which transaction wrote it (`xmin`), whoever it was and whatever it
forgot to tell. A transaction that had ended when the last version was read was seen then, or came
to nothing. So a row is what it was, unless its transaction is not older than the oldest one that
was still running at that time. What is read once too often does no harm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

TOO_LONG_AGO = 2**30
"""Transactions. Rows tell 32 bits of theirs, which come again after 2**32."""

_MARK = sa.text(
    """
    SELECT pg_postmaster_start_time()::text AS started, d.oid::bigint AS database,
        pg_snapshot_xmin(s)::text::numeric AS oldest, pg_snapshot_xmax(s)::text::numeric AS next
    FROM pg_current_snapshot() s, pg_database d WHERE d.datname = current_database()
    """
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a transaction saw: everything of transactions older than `oldest`.

    Another server has other numbers for other transactions, even where it has the same rows.
    """

    server: tuple[str, int]
    oldest: int
    next: int

    def since(self, before: "Mark | None") -> int | None:
        """The transaction from which on rows may be new to who read at `before`; None: any."""
        if before is None or before.server != self.server:
            return None
        if not 0 <= self.next - before.oldest < TOO_LONG_AGO:
            return None
        return before.oldest


class Reading:
    """Tells, version by version, since when rows may have changed. For one thread."""

    def __init__(self) -> None:
        self._mark: Mark | None = None

    def forget(self) -> None:
        """Read everything the next time."""
        self._mark = None

    @contextmanager
    def version(self, connection: sa.Connection) -> Iterator[int | None]:
        """In a transaction on one snapshot. What fails leaves nothing to go on from."""
        row = connection.execute(_MARK).one()
        mark = Mark((row.started, row.database), int(row.oldest), int(row.next))
        since = mark.since(self._mark)
        self._mark = None
        yield since
        self._mark = mark


class KeptRows(Generic[T]):
    """The rows of one table as objects, by `id`."""

    def __init__(self, table: sa.Table, columns: tuple[Any, ...], make: Callable[..., T]) -> None:
        """`make` gets the columns of a row, which are all of this table and nothing else."""
        self._table = table
        self._query = sa.select(table.c.id, *columns)
        self._make = make
        self._kept: dict[int, T] = {}

    def read(self, connection: sa.Connection, since: int | None) -> tuple[dict[int, T], list[T]]:
        """All of them, and those that are new or changed. A dictionary that was returned is never
        changed afterwards."""
        changed = self._read(connection, since)
        if since is None:
            found = changed
        else:
            found = {**self._kept, **changed} if changed else self._kept
            found = self._without_deleted(connection, found)
        self._kept = found
        return found, list(changed.values())

    def _read(self, connection: sa.Connection, since: int | None) -> dict[int, T]:
        query = self._query
        if since is not None:
            query = query.where(_written(self._table, since))
        make = self._make
        return {row[0]: make(*row) for row in connection.execute(query)}

    def _without_deleted(self, connection: sa.Connection, found: dict[int, T]) -> dict[int, T]:
        """`found` has every row that there is: as many means that there are no others."""
        count = sa.select(sa.func.count()).select_from(self._table)
        if connection.execute(count).scalar_one() == len(found):
            return found
        there = set(connection.scalars(sa.select(self._table.c.id)))
        return {id_: kept for id_, kept in found.items() if id_ in there}


def _written(table: sa.Table, since: int) -> sa.ColumnElement[bool]:
    """By that transaction or a later one; `age` counts backwards, and bears the wrap-around."""
    xmin: sa.ColumnElement[Any] = sa.literal_column(f"{table.name}.xmin")
    then = sa.cast(sa.cast(str(since), _Xid8), _Xid)
    return sa.func.age(xmin) <= sa.func.age(then)


class _Xid8(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class _Xid(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid"
