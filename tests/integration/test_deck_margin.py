"""What a staged deck does to the margin of past calls: as sale, as cost, by currency."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.persistence import schema as t
from controller.persistence.deck_traffic import PostgresDeckTraffic
from controller.services.decks.margin import Side, deck_margin
from controller.services.decks.staging import activate_deck
from tests.integration.account_office import ROOT
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import HEAD, Decks

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SELL = HEAD + (
    "39,Italy,,0|0:0.60/60/60,10,,,\n"
    "393,Italy mobile,,0|0:1.20/60/1,,,,\n"
    "44,UK,,0|0:0.30/60/60,,,,\n"
)
COST = HEAD + "39,Italy,,0|0:0.30/60/1,20,,,\n44,UK,,0|0:0.10/60/1,,,,\n"


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    found = Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")
    sell, cost = found.add_group("sell", decimals=4), found.add_group("cost", decimals=4)
    found.bring(SELL)
    found.bring(COST, group="cost")
    with engine.begin() as connection:
        accounts: list[dict[str, Any]] = [
            {"name": "customer", "kind": "ordinary", "rate_group_id": sell},
            {"name": "stranger", "kind": "ordinary", "rate_group_id": None},
            {"name": "vendor", "kind": "clearing", "rate_group_id": cost},
            {"name": "euro-vendor", "kind": "clearing", "rate_group_id": None},
        ]
        connection.execute(t.accounts.insert(), [{"currency": "USD", **a} for a in accounts])
        vendor = account_id(connection, "vendor")
        connection.execute(
            t.routing_gateways.insert(),
            [
                {"name": name, "clearing_account_id": vendor, "host": "h", "bill_sent_number": sent}
                for name, sent in (("trunk", False), ("sent-trunk", True))
            ],
        )
    return found


def account_id(connection: sa.Connection, name: str) -> int:
    return int(connection.scalar(sa.select(t.accounts.c.id).where(t.accounts.c.name == name)) or 0)


def talk(decks: Decks, callee: str, seconds: int, **columns: Any) -> None:
    """A record of an answered call, sold for 1 and bought for 0.5 unless said otherwise."""
    with decks.engine.begin() as connection:
        number = connection.scalar(sa.select(sa.func.count()).select_from(t.cdrs))
        started = columns.pop("started_at", NOW - timedelta(days=1))
        who = columns.pop("account", "customer")
        paid = columns.pop("vendor", "vendor")
        values = {
            "call_id": f"00000000-0000-4000-8000-{number:012d}",
            "started_at": started,
            "switch_id": "s",
            "answered_at": started + timedelta(seconds=5) if seconds else None,
            "ended_at": started + timedelta(seconds=5 + seconds),
            "talk_ms": seconds * 1000,
            "duration_s": seconds,
            "billed_s": seconds,
            "source_port": 5060,
            "callee_rated": callee,
            "callee_sent": callee,
            "account_id": account_id(connection, who),
            "cost_account_id": account_id(connection, paid),
            "routing_gateway": "trunk",
            "attempts": 1,
            "net": Decimal(1),
            "tax": Decimal(0),
            "currency": "USD",
            "cost": Decimal("0.5"),
            "cost_currency": "USD",
            "reason": "answered",
            "q850": 16,
            "sip_status": 200,
            "ended_by": "caller",
            "trace": [],
            **columns,
        }
        connection.execute(t.cdrs.insert().values(**values))


def sides(decks: Decks, deck: int, days: int = 30) -> tuple[Side, ...]:
    traffic = PostgresDeckTraffic(decks.engine)
    return deck_margin(decks.store, traffic, deck, NOW, days).sides


def test_as_the_sale(decks: Decks) -> None:
    """Each call at the live price and at the staged one; the cost stays what it was."""
    talk(decks, "390612", 61)
    talk(decks, "390612", 60)
    talk(decks, "393281", 90)
    talk(decks, "4420", 30)
    deck = decks.stage(HEAD + "39,Italy,,0|0:0.50/60/60,10,,,\n393,Mob,,0|0:1.50/60/1,,,,\n")["id"]
    (side,) = sides(decks, deck)
    assert (side.is_sale, side.currency, side.other_currency) == (True, "USD", "USD")
    figures = {
        prefix: (area, e.calls, e.seconds, e.before, e.after, e.other)
        for prefix, area, e in side.lines()
    }
    assert figures == {
        # 2 and 1 cycles of 0.60 net, then of 0.50
        "39": ("Italy", 2, 121, Decimal("1.80"), Decimal("1.50"), Decimal("1.0")),
        # 90 s at 1.20 a minute, then at 1.50
        "393": ("Mob", 1, 90, Decimal("1.80"), Decimal("2.25"), Decimal("0.5")),
        "44": ("UK", 1, 30, Decimal("0.30"), Decimal("0.30"), Decimal("0.5")),
    }
    total = side.total
    assert (total.calls, total.before, total.after) == (4, Decimal("3.90"), Decimal("4.05"))
    assert side.margin(total, total.before) == Decimal("1.90")
    assert side.margin(total, total.after) == Decimal("2.05")
    assert side.gain(total) == Decimal("0.15")
    assert [prefix for prefix, _, _ in side.lines()] == ["393", "39", "44"]


def test_as_the_cost(decks: Decks) -> None:
    """The vendor's price with its tax; the sale stays what it was."""
    talk(decks, "390612", 60)
    talk(decks, "4420", 60, routing_gateway="sent-trunk", callee_sent="390612")
    deck = decks.stage(HEAD + "39,Italy,,0|0:0.40/60/1,20,,,\n", group="cost")["id"]
    (side,) = sides(decks, deck)
    assert (side.is_sale, side.total.calls) == (False, 2)
    # the second call is charged on the number as it was sent
    ((prefix, _, effect),) = side.lines()
    assert prefix == "39"
    assert (effect.before, effect.after) == (Decimal("0.72"), Decimal("0.96"))
    assert side.margin(effect, effect.after) == Decimal("1.04")
    assert side.gain(effect) == Decimal("-0.24")


def test_currencies_are_never_mixed(decks: Decks) -> None:
    talk(decks, "390612", 60)
    talk(decks, "390612", 60, vendor="euro-vendor", cost_currency="EUR")
    talk(decks, "390612", 60, vendor="euro-vendor", cost=Decimal(0), cost_currency="")
    deck = decks.stage(HEAD + "39,Italy,,0|0:0.50/60/60,10,,,\n")["id"]
    euros, dollars = sides(decks, deck)
    assert (euros.other_currency, euros.total.calls) == ("EUR", 1)
    assert euros.margin(euros.total, euros.total.after) is None
    assert euros.gain(euros.total) == Decimal("-0.10")
    assert (dollars.other_currency, dollars.total.calls) == ("USD", 2)
    assert dollars.margin(dollars.total, dollars.total.after) == Decimal("0.50")


def test_calls_that_one_of_the_two_has_no_rate_for_are_apart(decks: Decks) -> None:
    talk(decks, "390612", 60)
    talk(decks, "4420", 60)
    talk(decks, "331", 60)
    talk(decks, "777", 60)
    text = HEAD + "39,Italy,,0|0:0.60/60/60,10,,,\n33,France,,0|0:0.20/60/60,,,,\n"
    (side,) = sides(decks, decks.stage(text, "--replace")["id"])
    assert (side.total.calls, side.total.after) == (1, Decimal("0.60"))
    assert (side.unpriced_after.calls, side.unpriced_after.before) == (1, Decimal("0.30"))
    assert (side.unpriced_before.calls, side.unpriced_before.after) == (1, Decimal("0.20"))


def test_only_answered_calls_of_the_span_and_of_the_group(decks: Decks) -> None:
    talk(decks, "390612", 0)
    talk(decks, "390612", 60, started_at=NOW - timedelta(days=31))
    talk(decks, "390612", 60, started_at=NOW + timedelta(minutes=1))
    talk(decks, "390612", 60, account="stranger", vendor="euro-vendor")
    deck = decks.stage(HEAD + "39,Italy,,0|0:0.50/60/60,10,,,\n")["id"]
    assert sides(decks, deck) == ()
    assert sides(decks, deck, days=40)[0].total.calls == 1


def test_rates_are_those_of_the_decks_date(decks: Decks) -> None:
    """The price that another deck has planned for then is the one to compare with."""
    talk(decks, "390612", 60)
    date = "2096-12-01"
    other = decks.stage(HEAD + "39,Italy,,0|0:0.70/60/60,10,,,\n", "--effective", date)["id"]
    activate_deck(ROOT, decks.store, other, NOW)
    text = HEAD + "39,Italy,,0|0:0.80/60/60,10,,,\n"
    at_once = decks.stage(HEAD + "44,UK,,0|0:0.31/60/60,,,,\n")["id"]
    assert sides(decks, at_once)[0].total.before == Decimal("0.60")
    dated = decks.stage(text, "--effective", "2096-12-02")["id"]
    (side,) = sides(decks, dated)
    assert (side.total.before, side.total.after) == (Decimal("0.70"), Decimal("0.80"))
    sooner = decks.stage(text, "--effective", "2096-11-25")["id"]
    (side,) = sides(decks, sooner)
    assert (side.total.before, side.total.after) == (Decimal("0.60"), Decimal("0.80"))


def test_hours_and_parameters_count_as_in_a_call(decks: Decks) -> None:
    with decks.engine.begin() as connection:
        sell = connection.scalar(
            sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == "sell")
        )
        # half price from 11:00 to 13:00 UTC, where the calls are
        connection.execute(
            t.period_rates.insert().values(
                rate_group_id=sell,
                position=1,
                start_s=39600,
                end_s=46800,
                multiplier=Decimal("0.5"),
            )
        )
        parameters = {"free_time_s": 10, "route_prefixes": ["99"], "free_numbers": ["39112"]}
        connection.execute(t.configuration_state.update().values(parameters=parameters))
    talk(decks, "99390612", 70)
    talk(decks, "39112", 60)
    deck = decks.stage(HEAD + "39,Italy,,0|0:0.50/60/60,10,,,\n")["id"]
    (side,) = sides(decks, deck)
    assert side.total.calls == 1
    assert (side.total.before, side.total.after) == (Decimal("0.30"), Decimal("0.25"))


def test_sections_are_priced_in_the_groups_mode(decks: Decks) -> None:
    decks.execute("UPDATE rate_groups SET section_mode = 'cumulative_step' WHERE name = 'sell'")
    talk(decks, "390612", 61)
    head = "prefix,tiers,sections\n"
    deck = decks.stage(head + "39,0|0:0.60/60/60,60:0.2;120:0.25\n")["id"]
    (side,) = sides(decks, deck)
    assert (side.total.before, side.total.after) == (Decimal("1.20"), Decimal("0.25"))


def test_the_command(decks: Decks) -> None:
    now = datetime.now(UTC)
    talk(decks, "390612", 60, started_at=now - timedelta(hours=1))
    deck = str(decks.stage(HEAD + "39,Italy,,0|0:0.50/60/60,10,,,\n")["id"])
    ran = decks.run("margin", deck, "--days", "7", "--json")
    assert ran.status == 0
    (side,) = ran.json["sides"]
    assert (side["role"], side["currency"], side["total"]["gain"]) == ("sale", "USD", "-0.1")
    assert side["prefixes"][0]["margin_after"] == "0"
    shown = decks.run("margin", deck).out.splitlines()
    assert "As the sale, in USD" in shown
    assert shown[-1].split() == ["all", "1", "1", "0.6", "0.5", "0.5", "0.1", "0", "-0.1"]
    decks.run("activate", deck)
    assert decks.run("margin", deck).status == 2
    assert decks.run("margin", deck, "--days", "0").status == 2
    other = str(decks.stage(HEAD + "7,Russia,,0|0:0.50/60/60,,,,\n", group="cost")["id"])
    assert decks.run("margin", other, "--days", "1").status == 0
