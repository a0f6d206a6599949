"""Phones of before 0010: their numbers are theirs afterward, and jobs are no changes of people."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command

from controller.persistence import database

pytestmark = pytest.mark.postgres

BEFORE = """
INSERT INTO accounts (name, kind, currency) VALUES ('acme', 'ordinary', 'USD');
INSERT INTO phones (number, account_id) SELECT n, a.id FROM accounts a,
    unnest(ARRAY['390210001', '390210002']) AS n;
"""


@pytest.fixture
def upgraded(server_url: str) -> Iterator[sa.Engine]:
    """A database of the schema before, with phones, brought to the newest."""
    name = f"t_{uuid.uuid4().hex}"
    url = server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        engine = database.make_engine(url)
        with engine.connect() as to_old:
            command.upgrade(database._config(to_old), "0009")
            to_old.commit()
        with psycopg.connect(url, autocommit=True) as phones:
            phones.execute(BEFORE)
        database.upgrade(engine)
        yield engine
        engine.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def rows(engine: sa.Engine, query: str) -> list[tuple[object, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_phones_keep_their_numbers(upgraded: sa.Engine) -> None:
    assert rows(upgraded, "SELECT number, is_did FROM phone_numbers ORDER BY number") == [
        ("390210001", False),
        ("390210002", False),
    ]
    assert rows(upgraded, "SELECT DISTINCT locked, locked_in, revision FROM phones") == [
        (False, False, 1)
    ]
    assert database.schema_differences(upgraded) == []


@pytest.mark.parametrize(
    ("change", "revision"),
    [
        ("UPDATE phones SET billed_until = now() RETURNING id", 1),
        ("UPDATE phones SET memo = 'x' RETURNING id", 2),
        ("UPDATE phones SET locked = true, revision = 9 RETURNING id", 2),
    ],
)
def test_only_changes_of_people_count(upgraded: sa.Engine, change: str, revision: int) -> None:
    rows(upgraded, change)
    assert rows(upgraded, "SELECT DISTINCT revision FROM phones") == [(revision,)]
