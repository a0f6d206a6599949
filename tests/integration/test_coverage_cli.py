"""`tollgate coverage` on a real database: what lacks a price, a route, a cost, and what loses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.coverage import coverage_command
from controller.config import Settings
from controller.persistence import schema as t
from tests.integration.command_line import Ran, run, settings_for
from tests.seed import Agent, Seed, plant

pytestmark = pytest.mark.postgres


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    """39 is sold at 0.60 and bought at 0.30 from two vendors; nothing is missing."""
    plant(engine, Seed((5061, 5062)))
    return settings_for(database_url, tmp_path)


@pytest.fixture
def connection(engine: sa.Engine) -> sa.Connection:
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def coverage(settings: Settings, *options: str) -> Ran:
    return run(coverage_command, settings, *options, "--json")


def id_of(connection: sa.Connection, table: sa.Table, name: str) -> int:
    return int(connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar_one())


def rate(connection: sa.Connection, group: str, prefix: str, tiers: str, **more: object) -> None:
    group_id = id_of(connection, t.rate_groups, group)
    connection.execute(
        t.rates.insert().values(rate_group_id=group_id, prefix=prefix, tiers=tiers, **more)
    )


def route(connection: sa.Connection, prefix: str, gateway: str = "vendor-1-trunk") -> None:
    gateway_id = id_of(connection, t.routing_gateways, gateway)
    connection.execute(t.routes.insert().values(prefix=prefix, gateway_id=gateway_id))


def gaps(ran: Ran, kind: str) -> list[tuple[str, str, str, str]]:
    return [(g["owner"], g["prefix"], g["area"], g["whom"]) for g in ran.json[kind]["gaps"]]


def test_nothing_is_missing(settings: Settings) -> None:
    ran = coverage(settings)
    assert (ran.status, ran.json["ok"]) == (0, True)
    assert (ran.json["routes"], ran.json["rates"]) == (2, 2)
    assert run(coverage_command, settings).out.endswith("complete\n")


def test_every_kind_by_itself(settings: Settings, connection: sa.Connection) -> None:
    route(connection, "44")
    rate(connection, "cost", "44", "0|0:0.30/60/1", area="United Kingdom")
    rate(connection, "sell", "7", "0|0:1/60/60", area="Russia")
    route(connection, "3906", "vendor-2-trunk")
    rate(connection, "cost", "3906", "0|0:0.61/60/1", area="Rome")
    rate(connection, "sell", "1", "0|0:1/60/60", area="North America")
    route(connection, "1")
    ran = coverage(settings)
    assert ran.status == 1
    assert gaps(ran, "unsold") == [("sell", "44", "United Kingdom", "customer")]
    assert gaps(ran, "unrouted") == [("sell", "7", "Russia", "")]
    assert gaps(ran, "uncosted") == [("vendor-1-trunk", "1", "North America", "")]
    assert gaps(ran, "loss") == [("sell", "3906", "Rome", "vendor-2-trunk")]
    loss = ran.json["loss"]["gaps"][0]
    assert (loss["sell"], loss["cost"], loss["currency"]) == ("0.6", "0.61", "USD")
    assert (loss["sell_prefix"], loss["cost_prefix"]) == ("39", "3906")
    assert ran.json["chain"]["count"] == 0
    only = coverage(settings, "--kind", "unrouted")
    assert ("unsold" in only.json, only.status) == (False, 1)


def test_what_people_see(settings: Settings, connection: sa.Connection) -> None:
    for prefix in ("70", "71", "72"):
        rate(connection, "sell", prefix, "0|0:1/60/60")
    ran = run(coverage_command, settings, "--limit", "2")
    assert ran.status == 1
    assert "Sell rates without a route: calls are refused: 3" in ran.out
    assert ran.out.endswith("and 1 more\n")


@pytest.mark.parametrize(
    "usable",
    [
        {"locked": True},
        {"effective_from": datetime.now(UTC) + timedelta(days=1)},
        {"effective_to": datetime.now(UTC) - timedelta(days=1)},
        {"tiers": "nonsense"},
    ],
)
def test_a_rate_that_cannot_be_used_is_none(
    settings: Settings, connection: sa.Connection, usable: dict[str, object]
) -> None:
    group_id = id_of(connection, t.rate_groups, "sell")
    connection.execute(t.rates.update().where(t.rates.c.rate_group_id == group_id).values(usable))
    assert gaps(coverage(settings), "unsold") == [("sell", "39", "", "customer")]


def test_a_rate_of_tomorrow_counts_tomorrow(settings: Settings, connection: sa.Connection) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    route(connection, "44")
    rate(connection, "cost", "44", "0|0:0.3/60/1")
    rate(connection, "sell", "44", "0|0:0.6/60/1", effective_from=tomorrow)
    assert coverage(settings).status == 1
    later = (tomorrow + timedelta(hours=1)).isoformat()
    assert coverage(settings, "--at", later).status == 0


@pytest.mark.parametrize(
    ("table", "name", "values"),
    [
        (t.routing_gateways, "vendor-1-trunk", {"locked": True}),
        (t.accounts, "vendor-1", {"locked": True}),
        (t.accounts, "vendor-1", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}),
        (t.accounts, "vendor-1", {"kind": "ordinary"}),
    ],
)
def test_a_vendor_that_is_never_used_is_no_route(
    settings: Settings,
    connection: sa.Connection,
    table: sa.Table,
    name: str,
    values: dict[str, object],
) -> None:
    route(connection, "44")
    rate(connection, "cost", "44", "0|0:0.3/60/1")
    rate(connection, "sell", "44", "0|0:0.6/60/1")
    assert coverage(settings).status == 0
    connection.execute(table.update().where(table.c.name == name).values(values))
    assert gaps(coverage(settings), "unrouted") == [("sell", "44", "", "")]


def test_customers_of_one_kind_are_named_together(
    settings: Settings, connection: sa.Connection
) -> None:
    group_id = id_of(connection, t.rate_groups, "sell")
    for name in ("b", "c", "d"):
        account = connection.execute(
            t.accounts.insert()
            .values(name=name, kind="ordinary", currency="USD", rate_group_id=group_id)
            .returning(t.accounts.c.id)
        ).scalar_one()
        gateway = t.mapping_gateways.insert().values(name=f"{name}-in", account_id=account)
        connection.execute(gateway)
    route(connection, "44")
    rate(connection, "cost", "44", "0|0:0.3/60/1")
    assert gaps(coverage(settings), "unsold") == [("sell", "44", "", "b, c, customer and 1 more")]
    connection.execute(
        t.accounts.update().where(t.accounts.c.name.in_(["b", "c", "d"])).values(locked=True)
    )
    assert gaps(coverage(settings), "unsold") == [("sell", "44", "", "customer")]


def test_phones_with_rates_of_their_own_are_sold_by_them_too(
    settings: Settings, connection: sa.Connection
) -> None:
    private = connection.execute(
        t.rate_groups.insert().values(name="private", currency="USD").returning(t.rate_groups.c.id)
    ).scalar_one()
    customer = id_of(connection, t.accounts, "customer")
    connection.execute(
        t.phones.insert().values(number="1", account_id=customer, rate_group_id=private)
    )
    route(connection, "44")
    rate(connection, "cost", "44", "0|0:0.3/60/1")
    rate(connection, "private", "44", "0|0:0.6/60/1")
    assert gaps(coverage(settings), "unsold") == [("sell", "44", "", "customer")]


def test_agents_must_price_what_their_customers_are_sold(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    agents = (
        Agent("nearest", sell={"39": "0|0:0.5/60/1"}),
        Agent("top", sell={"39": "0|0:0.2/60/1", "44": "0|0:0.4/60/1"}),
    )
    seed = Seed((5061,), sell={"39": "0|0:0.6/60/1", "44": "0|0:0.6/60/1"}, agents=agents)
    plant(engine, seed)
    with engine.begin() as connection:
        route(connection, "44")
        rate(connection, "cost", "44", "0|0:0.1/60/1")
    ran = coverage(settings_for(database_url, tmp_path))
    assert gaps(ran, "chain") == [("nearest-deck", "44", "", "nearest (sold to customer)")]
    # the operator's income is what the top agent pays: 0.20, not 0.60
    assert gaps(ran, "loss") == [("top-deck", "39", "", "vendor-1-trunk")]


def test_a_vendor_that_bills_the_number_as_sent(
    settings: Settings, connection: sa.Connection
) -> None:
    """Its deck is of numbers with the prefix that it wants; 39 alone is not in it."""
    trunk = t.routing_gateways
    vendor = trunk.c.name == "vendor-1-trunk"
    connection.execute(
        trunk.update().where(vendor).values(bill_sent_number=True, rewrite_callee="*:88*")
    )
    ran = coverage(settings)
    assert gaps(ran, "uncosted") == [("vendor-1-trunk", "39", "", "")]
    assert ran.json["not_compared"] == ["vendor-1-trunk"]
    rate(connection, "cost", "8839", "0|0:9/60/1")
    assert coverage(settings).json["ok"] is True


def test_sections_and_tax_are_in_the_price(settings: Settings, connection: sa.Connection) -> None:
    """60 s cost 0.40 by the table, 0.60 with the tax of half as much again: more than 0.55."""
    sell, cost = (id_of(connection, t.rate_groups, name) for name in ("sell", "cost"))
    tables = {sell: ("60:0.55", 22), cost: ("60:0.40", 50)}
    for group, (sections, tax) in tables.items():
        connection.execute(
            t.rates.update()
            .where(t.rates.c.rate_group_id == group)
            .values(sections=sections, tax_percent=tax)
        )
    losses = coverage(settings).json["loss"]
    assert [(g["sell"], g["cost"]) for g in losses["gaps"]] == [("0.55", "0.6")] * 2
    assert losses["by_owner"] == {"sell": 2}


@pytest.mark.parametrize(
    "options", [("--kind", "other"), ("--limit", "-1"), ("--limit", "1e3"), ("--at", "soon")]
)
def test_bad_input(settings: Settings, options: tuple[str, str]) -> None:
    assert coverage(settings, *options).status == 2


def test_the_database_away(tmp_path: Path) -> None:
    ran = coverage(settings_for("postgresql://127.0.0.1:1/none", tmp_path))
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
