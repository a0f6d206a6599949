"""Shared fixtures: one embedded PostgreSQL for the run, a fresh migrated database for a test."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from controller.persistence import database, partitions
from tests.browser.chromium import Album, missing_browser
from tests.e2e.switch import missing_parts
from tests.ram_disk import postgres_folder

TEMPLATE = "tollgate_template"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud what this machine could not run, after everything else."""
    for line in (*missing_parts(), *missing_browser()):
        terminalreporter.write_line(f"NOT RUN: {line}", yellow=True, bold=True)
    album = terminalreporter.config.stash.get(Album.KEY, None)
    if album is not None:
        terminalreporter.write_line(f"{album.taken} screenshots of pages are in {album.folder}")


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded server's maintenance database."""
    folder: Path = postgres_folder(tmp_path_factory.mktemp("postgres")) / "data"
    return database.start_embedded(folder).replace("/tollgate?", "/postgres?")


@pytest.fixture(scope="session")
def template_url(server_url: str) -> str:
    """A migrated database that others are cloned from."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
    url = server_url.replace("/postgres?", f"/{TEMPLATE}?")
    engine = database.make_engine(url)
    database.upgrade(engine)
    with database.transaction(engine) as connection:
        partitions.make_months(connection, datetime.now(UTC).date())
    engine.dispose()
    return url


@pytest.fixture
def database_url(server_url: str, template_url: str) -> Iterator[str]:
    """The URL of a fresh database with the newest schema."""
    assert TEMPLATE in template_url
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield server_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on that fresh database."""
    engine = database.make_engine(database_url)
    yield engine
    engine.dispose()
