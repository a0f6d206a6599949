"""The tree and the lists of accounts with 100,000 of them below 1,000 agents, timed in the server.

As in tests/web/test_speed.py: the server's own time for a whole page, best of five.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence import database
from controller.persistence.schema import users
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.forms import PASSWORD, sign_in
from tests.web.wiring import web_services
from web import create_app

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAGE_MS = 50
SEARCH_MS = 500
"""Any part of a name is looked for in all names."""

LEVELS = (
    """INSERT INTO accounts (name, title, kind, currency)
    SELECT 'agent-' || n, 'Agent number ' || n, 'ordinary', 'USD'
    FROM generate_series(1, 1000) n""",
    """INSERT INTO accounts (name, kind, currency, parent_id)
    SELECT a.name || '.' || n, 'ordinary', 'USD', a.id
    FROM accounts a, generate_series(1, 9) n WHERE a.name LIKE 'agent-%'""",
    """INSERT INTO accounts (name, kind, currency, parent_id)
    SELECT a.name || '.' || n, 'ordinary', 'USD', a.id
    FROM accounts a, generate_series(1, 10) n WHERE a.name LIKE 'agent-%.%'""",
)


@pytest.fixture(scope="module")
def big(server_url: str, template_url: str) -> Iterator[sa.Engine]:
    assert template_url
    name = "t_tree"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tollgate_template")
        engine = database.make_engine(server_url.replace("/postgres?", f"/{name}?"))
        with engine.begin() as filling:
            for statement in LEVELS:
                filling.execute(sa.text(statement))
            top = sa.text("SELECT id FROM accounts WHERE name = 'agent-500'")
            hashed = PASSWORDS.hash(PASSWORD)
            for user, role, account in (
                ("ada", "administrator", None),
                ("bob", "agent", filling.scalar(top)),
            ):
                values = {"name": user, "role": role, "account_id": account}
                filling.execute(users.insert().values(password_hash=hashed, **values))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as maintenance:
            maintenance.execute(sa.text("ANALYZE"))
        yield engine
        engine.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["ada", "bob"])
def visitor(big: sa.Engine, request: pytest.FixtureRequest) -> FlaskClient:
    app = create_app(web_services(big, OwnedClock(datetime.now(UTC)), PASSWORDS))
    app.testing = True
    client = app.test_client()
    assert sign_in(client, request.param).status_code == 302
    return client


def best_ms(client: FlaskClient, path: str) -> float:
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        assert client.get(path).status_code == 200, path
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts",
        "/accounts?after=agent-55",
        "/accounts?under=agent-500&view=direct",
        "/accounts?under=agent-500&view=all",
        "/accounts?sort=created&desc=1",
        "/accounts/tree",
        "/accounts/tree?under=agent-500",
        "/phones",
        "/gateways/mapping",
        "/payments",
    ],
)
def test_pages_are_quick(visitor: FlaskClient, path: str) -> None:
    taken = best_ms(visitor, path)
    assert taken <= PAGE_MS, f"{taken:.1f} ms"


@pytest.mark.parametrize("path", ["/accounts?q=500.9", "/accounts/names?q=number+77"])
def test_searches_are_bounded(visitor: FlaskClient, path: str) -> None:
    assert best_ms(visitor, path) <= SEARCH_MS
