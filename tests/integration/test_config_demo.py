"""Exports, and the demonstration operator."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from shutil import copytree

import psycopg
import pytest
import sqlalchemy as sa

from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator
from tests.ledger_check import assert_books_balance

pytestmark = pytest.mark.postgres

DEMO = Path(__file__).parents[2] / "fixtures" / "demo"


@pytest.fixture
def operator(engine: sa.Engine, database_url: str, tmp_path: Path) -> Operator:
    return Operator(settings_for(database_url, tmp_path), engine, tmp_path)


def test_an_export_to_standard_output_names_a_file_for_large_decks(operator: Operator) -> None:
    rows = "".join(f"      - {{prefix: {n}, tiers: '0|0:1/60/1'}}\n" for n in range(100, 151))
    operator.apply(f"rate_groups:\n  - name: g\n    currency: USD\n    rates:\n{rows}")
    ran = operator.export()
    assert (ran.status, ran.out) == (2, "")
    assert "rate group g has 51 rates: name a FILE" in ran.err


def test_an_export_applies_to_the_same_state_elsewhere(
    operator: Operator, tmp_path: Path, another_database: Callable[[], str]
) -> None:
    copytree(DEMO, tmp_path / "demo")
    operator.file = tmp_path / "demo" / "demo.yaml"
    operator.apply()
    exported = tmp_path / "exported.yaml"
    assert operator.export(exported).status == 0
    assert sorted(p.name for p in (tmp_path / "exported-decks").iterdir()) == [
        "bluewater-retail.csv",
        "cost-atlantic.csv",
        "cost-meridian.csv",
        "sell.csv",
    ]
    operator.file = exported
    assert (operator.diff().out, operator.apply(None, "--prune").out) == (
        "no differences\n",
        "no changes\n",
    )
    url = another_database()
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    elsewhere = Operator(settings_for(url, tmp_path), engine, tmp_path)
    elsewhere.file = exported
    assert elsewhere.apply().status == 0
    again = tmp_path / "again" / "exported.yaml"
    again.parent.mkdir()
    assert elsewhere.export(again).status == 0
    assert again.read_bytes() == exported.read_bytes()
    for deck in (tmp_path / "exported-decks").iterdir():
        assert (again.parent / "exported-decks" / deck.name).read_bytes() == deck.read_bytes()
    query = "SELECT id, kind, amount, memo FROM postings ORDER BY id"
    assert elsewhere.rows(query) == operator.rows(query)
    assert elsewhere.balance("northwind") == operator.balance("northwind")
    engine.dispose()


@pytest.fixture
def another_database(database_url: str) -> Callable[[], str]:
    """An empty database with the newest schema, beside the test's own."""

    def make() -> str:
        name = "another"
        server = database_url.rpartition("/t_")[0] + "/postgres?" + database_url.partition("?")[2]
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE tollgate_template")
        return server.replace("/postgres?", f"/{name}?")

    return make


def test_the_demonstration_is_applied_within_seconds(operator: Operator) -> None:
    operator.file = DEMO / "demo.yaml"
    started = time.monotonic()
    ran = operator.apply()
    assert ran.status == 0, ran.err
    assert time.monotonic() - started < 15
    loaded = operator.loaded
    assert {group.name: len(group.rates) > 10_000 for group in loaded.rate_groups.values()} == {
        "sell": True,
        "bluewater-retail": False,
        "cost-atlantic": True,
        "cost-meridian": True,
    }
    assert operator.apply().out == "no changes\n"
    assert_books_balance(operator.engine)


def test_the_demonstration_carries_calls_to_everywhere(operator: Operator) -> None:
    operator.file = DEMO / "demo.yaml"
    operator.apply()
    loaded, now = operator.loaded, datetime.now(UTC)
    groups = {group.name: group for group in loaded.rate_groups.values()}
    customer = loaded.identify("127.0.0.1", 5060)
    small = loaded.identify("127.0.0.1", 5066)
    assert (customer and customer.name, small and small.name) == (
        "northwind-trunk",
        "harbor-cafe-trunk",
    )
    for number in ("14155550123", "447700900123", "393331234567", "8613912345678", "27820001111"):
        assert groups["sell"].rate_for(number, now) is not None
        routes = loaded.routes.longest(number)
        assert routes is not None
        assert len(routes) == 2
    for prefix, _ in groups["sell"].rates.matches("393331234567"):
        assert loaded.routes.longest(prefix)


def test_the_demonstration_has_an_agent_with_a_customer_periods_and_a_package(
    operator: Operator,
) -> None:
    operator.file = DEMO / "demo.yaml"
    operator.apply()
    loaded = operator.loaded
    trunk = loaded.identify("127.0.0.3", 5060)
    assert trunk is not None
    hotel = loaded.accounts[trunk.account_id]
    assert [agent.name for agent in loaded.agents_above(hotel)] == ["bluewater"]
    groups = {group.name: group for group in loaded.rate_groups.values()}
    assert (loaded.agents_above(hotel)[0].rate_group_id, hotel.rate_group_id) == (
        groups["sell"].group_id,
        groups["bluewater-retail"].group_id,
    )
    retail = groups["bluewater-retail"]
    assert retail.periods is not None
    ruled = {
        when: (rule := retail.periods.rule_at(datetime.fromisoformat(when))) and rule.multiplier
        for when in ("2026-11-20T12:00Z", "2026-11-21T12:00Z", "2026-12-25T12:00Z")
    }
    assert list(ruled.values()) == [None, Decimal("0.8"), Decimal("0.5")]
    orders = "SELECT o.key, k.name FROM package_orders o JOIN packages k ON k.id = package_id"
    assert operator.rows(orders) == [("seaside-hotel-europe-500", "europe-500")]


def test_the_agents_customers_pay_more_than_the_agent(operator: Operator) -> None:
    """Per minute, wherever both have the same prefix."""
    operator.file = DEMO / "demo.yaml"
    operator.apply()
    now = datetime.now(UTC)
    groups = {group.name: group for group in operator.loaded.rate_groups.values()}
    retail, sell = groups["bluewater-retail"], groups["sell"]
    for prefix in retail.rates.prefixes():
        dearer, own = retail.rate_for(prefix, now), sell.rate_for(prefix, now)
        assert dearer is not None
        assert own is not None
        if dearer.prefix == own.prefix:
            price, paid = (
                Fraction(r.tariff.exact(60), r.tariff.denominator) for r in (dearer.rate, own.rate)
            )
            assert price > paid, prefix


def test_the_demonstration_decks_are_what_their_script_makes(tmp_path: Path) -> None:
    copytree(DEMO, tmp_path / "demo")
    decks = ("sell.csv", "retail.csv", "cost-atlantic.csv", "cost-meridian.csv")
    for deck in decks:
        (tmp_path / "demo" / deck).unlink()
    subprocess.run([sys.executable, tmp_path / "demo" / "make_decks.py"], check=True)
    for deck in decks:
        assert (tmp_path / "demo" / deck).read_bytes() == (DEMO / deck).read_bytes()
