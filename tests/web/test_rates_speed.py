"""A million rates in one group: its pages are as quick as those of ten.

The server's own time for a whole page, best of five, as in `test_speed.py`.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence import database
from controller.persistence.coverage_store import PostgresCoverage
from controller.persistence.schema import users
from controller.services.coverage import check_coverage
from tests.web import sample
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.forms import PASSWORD, sign_in
from tests.web.wiring import web_services
from web import create_app

pytestmark = pytest.mark.slow

RATES = 1_000_000
PAGE_MS = 50
SEARCH_MS = 500
"""A search for what is rare stops after a quarter of a second."""

COVERAGE_S = 30
"""It takes six on two cores that have nothing else to do."""

MANY_RATES = """
INSERT INTO rates (rate_group_id, prefix, area, tiers)
SELECT g.id, '3' || lpad(n::text, 6, '0'), CASE WHEN n % 3 = 0 THEN 'Italy mobile' ELSE 'Italy' END,
    '0|0:' || round(0.01 + (n % 4000) * 0.0001, 4) || '/60/' || CASE n % 2 WHEN 0 THEN 1 ELSE 60 END
FROM generate_series(0, :count - 1) AS n, rate_groups g WHERE g.name = 'wholesale-usd'
"""
COST = """
INSERT INTO rates (rate_group_id, prefix, tiers)
SELECT id, '3', '0|0:0.015/60/1' FROM rate_groups WHERE name = 'cost-usd';
INSERT INTO routes (prefix, gateway_id) SELECT '3', id FROM routing_gateways
"""


@pytest.fixture(scope="module")
def big(server_url: str, template_url: str) -> Iterator[sa.Engine]:
    """Right after the import: there are no statistics yet."""
    assert template_url
    name = "t_rates_speed"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE tollgate_template")
        engine = database.make_engine(server_url.replace("/postgres?", f"/{name}?"))
        sample.plant_accounts(engine)
        with engine.begin() as filling:
            filling.execute(sa.text(MANY_RATES), {"count": RATES})
            for statement in COST.split(";\n"):
                filling.exec_driver_sql(statement)
            hashed = PASSWORDS.hash(PASSWORD)
            filling.execute(
                users.insert().values(name="ada", role="administrator", password_hash=hashed)
            )
        yield engine
        engine.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def visitor(big: sa.Engine) -> FlaskClient:
    app = create_app(web_services(big, OwnedClock(datetime.now(UTC)), PASSWORDS))
    app.testing = True
    client = app.test_client()
    assert sign_in(client, "ada").status_code == 302
    return client


def best_ms(client: FlaskClient, path: str) -> float:
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        response = client.get(path)
        taken.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200
    return min(taken)


@pytest.mark.parametrize(
    "path",
    [
        "/rates",
        "/rates/1",
        "/rates/1?prefix=30099",
        "/rates/1?prefix=3009999212345",
        "/rates/1?area=mobile",
        "/explain/rate?account=atlas-telecom&number=3009999123&duration=250",
    ],
)
def test_server_time_of_a_page(visitor: FlaskClient, path: str) -> None:
    assert best_ms(visitor, path) < PAGE_MS


def test_a_page_far_back_costs_what_the_first_does(visitor: FlaskClient) -> None:
    path = "/rates/1"
    for _ in range(20):
        text = visitor.get(path).text
        path = text.partition('rel="next" href="')[2].partition('"')[0]
    assert best_ms(visitor, path) < PAGE_MS
    assert best_ms(visitor, "/rates/1?after=3999000-999000") < PAGE_MS


def test_a_search_for_what_is_rare_is_bounded(visitor: FlaskClient) -> None:
    assert "Searched up to prefix" in visitor.get("/rates/1?area=nowhere").text
    assert best_ms(visitor, "/rates/1?area=nowhere") < SEARCH_MS


def test_coverage_of_a_million_rates(big: sa.Engine) -> None:
    """One walk: every rate under the only route, a 40th of them below its cost."""
    began = time.perf_counter()
    report = check_coverage(PostgresCoverage(big), datetime.now(UTC), most_listed=10)
    assert time.perf_counter() - began < COVERAGE_S
    assert report.rates == RATES + 1
    found = {kind.value: gaps.count for kind, gaps in report.gaps.items() if gaps.count}
    below_cost = 50 * RATES // 4_000
    assert found == {"loss": 2 * below_cost}
