"""The bench's own embedded PostgreSQL, with durable commits, and fresh databases on it."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import psycopg

from controller.persistence import database, partitions


class BenchDatabase:
    """A context manager; refuses to measure a database that doesn't commit durably."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._url = ""
        self.pid = 0

    def __enter__(self) -> "BenchDatabase":
        self._url = database.start_embedded(self._folder)
        with psycopg.connect(self._url) as connection:
            settings = [
                str(connection.execute(f"SHOW {name}").fetchone())
                for name in ("fsync", "synchronous_commit", "full_page_writes")
            ]
        if settings != ["('on',)"] * 3:
            raise RuntimeError(f"commits are not durable: {settings}")
        self.pid = int((self._folder / "postmaster.pid").read_text().split()[0])
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """The server ends with this process; its folder with the bench's."""

    def fresh(self) -> str:
        """A new migrated database's URL."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        url = self._url.replace("/tollgate?", f"/{name}?")
        engine = database.make_engine(url)
        database.upgrade(engine)
        with database.transaction(engine) as connection:
            partitions.make_months(connection, datetime.now(UTC).date())
        engine.dispose()
        return url
