"""`tollgate explain`: the figures of the live code, from text, a deck file or the database."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.explain import explain_group
from controller.config import Settings
from controller.persistence import schema as t
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller
from tests.seed import Seed, plant

NO_DATABASE = "postgresql://127.0.0.1:1/none"
DECK = """\
prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked
39,Italy,international,0|0:0.60/60/60,22,,2026-01-01,
39,Italy,international,0|0:0.72/60/60,22,2026-01-01,,
3906,Rome,,0|0:0.10/60/1,,,,yes
393,Italy mobile,,0.15|0:=0.21;180:0.15/60/60,,,,
"""


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Prices from text and files need no database."""
    return settings_for(NO_DATABASE, tmp_path)


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    path = tmp_path / "deck.csv"
    path.write_text(DECK, encoding="utf-8")
    return path


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    seed = Seed(
        (5061, 5062),
        balance=Decimal(1),
        tax_percent=Decimal("7.5"),
        sell={"39": "0.01|0:0.61/60/7", "4": "0|0:9/60/60"},
        cost={"39": "0|0:0.30/60/1"},
    )
    plant(engine, seed)
    return settings_for(database_url, tmp_path)


def rate(settings: Settings, *arguments: str | Path) -> Ran:
    return run(explain_group, settings, "rate", *arguments)


def call(settings: Settings, *arguments: str) -> Ran:
    return run(explain_group, settings, "call", *arguments)


class TestRate:
    @pytest.mark.parametrize(
        ("tiers", "duration", "options", "net", "tax", "gross", "billed_s"),
        [
            ("0|0:0.20/60/60", "61", (), "0.4", "0", "0.4", 120),
            ("0.4|0:0.2/60/1;60:0.1/60/1", "85", ("--decimals=4",), "0.6417", "0", "0.6417", 85),
            ("0|0:0.1/60/1", "10", ("--rounding=down", "--decimals=2"), "0.01", "0", "0.01", 10),
            ("0|0:0.1/60/1", "10", ("--rounding=up", "--decimals=2"), "0.02", "0", "0.02", 10),
            ("0|0:=0.21;180:0.15/60/60", "181", (), "0.36", "0", "0.36", 240),
            ("0|0:0.10/60/60", "60", ("--tax=22",), "0.1", "0.022", "0.122", 60),
            ("1|0:0.10/60/60", "0", ("--tax=22",), "0", "0", "0", 0),
        ],
    )
    def test_tiers(
        self,
        offline: Settings,
        tiers: str,
        duration: str,
        options: tuple[str, ...],
        net: str,
        tax: str,
        gross: str,
        billed_s: int,
    ) -> None:
        ran = rate(offline, "--tiers", tiers, "--duration", duration, *options, "--json")
        assert ran.status == 0
        reply = ran.json
        assert (reply["net"], reply["tax"], reply["gross"]) == (net, tax, gross)
        assert (reply["billed_s"], reply["prefix"]) == (billed_s, "")
        assert sum(line["billed_s"] for line in reply["lines"]) == billed_s

    def test_in_a_pipe_it_is_json_anyway(self, offline: Settings) -> None:
        """What others script against doesn't depend on an option."""
        arguments = ("--tiers", "0|0:0.2/60/60", "--duration", "1")
        assert rate(offline, *arguments).json == rate(offline, *arguments, "--json").json

    def test_no_float_on_the_way(self, offline: Settings) -> None:
        ran = rate(offline, "--tiers", "0|0:0.1/3/1", "--duration", "10", "--decimals", "10")
        assert (ran.json["net"], ran.json["exact"]) == ("0.3333333333", "1/3")
        assert ran.json["lines"] == [
            {
                "text": "0:0.1/3/1",
                "start_s": 0,
                "billed_s": 10,
                "amount": "0.3333333333",
                "exact": "1/3",
            }
        ]

    @pytest.mark.parametrize(
        ("number", "at", "prefix", "gross"),
        [
            ("390212", "2025-12-31T23:59:59Z", "39", "0.732"),
            ("390212", "2026-01-01T00:00:00Z", "39", "0.8784"),
            ("390212", "2026-01-01", "39", "0.8784"),
            ("390212", "2026-01-01T01:00:00+02:00", "39", "0.732"),
            ("+390612", "2026-06-01", "39", "0.8784"),  # the longer prefix is locked
            ("393331", "2026-06-01", "393", "0.36"),
        ],
    )
    def test_deck(
        self, offline: Settings, deck: Path, number: str, at: str, prefix: str, gross: str
    ) -> None:
        ran = rate(
            offline, "--deck", deck, "--number", number, "--duration", "60", "--at", at, "--json"
        )
        assert (ran.json["prefix"], ran.json["gross"]) == (prefix, gross)

    def test_no_matching_rate_is_status_1(self, offline: Settings, deck: Path) -> None:
        ran = rate(offline, "--deck", deck, "--number", "4412", "--duration", "60")
        assert (ran.status, ran.out) == (1, "")
        assert ran.err == "tollgate: no matching rate for 4412\n"

    def test_a_wrong_deck_is_named_by_its_row(self, offline: Settings, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong.csv"
        wrong.write_text("prefix,tiers\n39,0|0:1/60/60\n44,nonsense\n4x,0|0:1/60/60\n")
        ran = rate(offline, "--deck", wrong, "--number", "39", "--duration", "60")
        assert ran.status == 2
        assert "row 3" in ran.err
        assert "1 problems more" in ran.err

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--duration", "60"),
            ("--tiers", "0|0:1/60/60", "--account", "x", "--duration", "60"),
            ("--tiers", "0|0:1/60/60", "--duration", "-1"),
            ("--tiers", "0|0:1/60/60", "--duration", "1.5"),
            ("--tiers", "0|0:1/60/60", "--duration", "10000001"),
            ("--tiers", "0|0:1/60/60"),
            ("--tiers", "0|0:-1/60/60", "--duration", "60"),
            ("--tiers", "0|5:1/60/60", "--duration", "60"),
            ("--tiers", "", "--duration", "60"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--rounding", "sideways"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--decimals", "11"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--decimals", "-1"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--tax", "x"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--tax", "1e2"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--tax", "NaN"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--tax", "100.1"),
            ("--tiers", "0|0:1/60/60", "--duration", "60", "--at", "soon"),
            ("--deck", "/nonexistent.csv", "--number", "39", "--duration", "60"),
            ("--deck", "/", "--number", "39", "--duration", "60"),
            ("--deck", "/nonexistent.csv", "--duration", "60"),
        ],
    )
    def test_bad_input(self, offline: Settings, arguments: tuple[str, ...]) -> None:
        ran = rate(offline, *arguments)
        assert (ran.status, ran.out) == (2, "")
        assert len(ran.err.splitlines()) == 1

    def test_a_number_must_be_one(self, offline: Settings, deck: Path) -> None:
        ran = rate(offline, "--deck", deck, "--number", "39a", "--duration", "60")
        assert ran.status == 2

    @pytest.mark.postgres
    @pytest.mark.parametrize("talked_s", [1, 8, 59, 60])
    def test_an_account_pays_what_was_explained(
        self, settings: Settings, engine: sa.Engine, talked_s: int
    ) -> None:
        """The explanation of the price is the posting of the call."""
        arguments = ("--account", "customer", "--number", "390612", "--duration", str(talked_s))
        explained = rate(settings, *arguments, "--json").json
        caller = Caller(engine, settings.database_url or "")
        caller.place(talked_s)
        caller.close()
        with engine.connect() as connection:
            net, tax, billed_s = connection.execute(
                sa.select(t.cdrs.c.net, t.cdrs.c.tax, t.cdrs.c.billed_s)
            ).one()
        assert (Decimal(explained["net"]), Decimal(explained["tax"])) == (net, tax)
        assert (explained["billed_s"], explained["currency"]) == (billed_s, "USD")

    @pytest.mark.postgres
    def test_options_change_the_group_s_terms(self, settings: Settings) -> None:
        arguments = ("--account", "customer", "--number", "390612", "--duration", "60")
        ran = rate(settings, *arguments, "--decimals=1", "--rounding=up", "--tax=0")
        assert (ran.json["net"], ran.json["gross"]) == ("0.7", "0.7")
        assert rate(settings, "--account", "x", *arguments[2:]).status == 2
        assert rate(settings, *arguments[:3], "77", *arguments[4:]).status == 1


@pytest.mark.postgres
class TestCall:
    def test_admitted(self, settings: Settings) -> None:
        ran = call(settings, "--from", "0612", "--to", "390612345", "--duration=61", "--json")
        assert ran.status == 0
        reply = ran.json
        assert (reply["verdict"], reply["granted_s"], reply["reserved"]) == (
            "admitted",
            60,
            "0.699288",
        )
        assert (reply["gateway"], reply["account"]) == ("customer-trunk", "customer")
        assert reply["money"]["available"] == "1"
        assert [step["step"] for step in reply["trace"]] == [
            "identify",
            "account",
            "number",
            "rate",
            "route",
            "route",
            "admit",
        ]
        first = reply["attempts"][0]
        assert (first["number"], first["gateway"], first["host"]) == (
            1,
            "vendor-1-trunk",
            "127.0.0.1:5061/udp",
        )
        assert (first["caller"], first["callee"]) == ("0612", "390612345")
        assert first["for_duration"] == {"duration_s": 61, "cost": "0.305", "margin": "0.3455"}
        assert reply["price"]["for_duration"]["billed_s"] == 63

    def test_what_people_see(self, settings: Settings) -> None:
        ran = call(settings, "--from", "0612", "--to", "390612345", "--duration", "61")
        assert ran.status == 0
        lines = ran.out.splitlines()
        assert lines[0] == "admitted: 60 s granted, 0.699288 USD reserved of 1 available"
        assert any(line.startswith("1  vendor-1-trunk") for line in lines)
        assert all(line == line.rstrip() for line in lines)
        assert "\x1b" not in ran.out

    def test_refused(self, settings: Settings) -> None:
        ran = call(settings, "--from", "0612", "--to", "442071", "--json")
        assert ran.status == 1
        reply = ran.json
        assert (reply["verdict"], reply["reason"]) == ("refused", "no_route")
        assert (reply["sip_status"], reply["q850"]) == (503, 41)
        shown = call(settings, "--from", "0612", "--to", "442071")
        assert shown.status == 1
        assert "SIP 503 Service Unavailable, Q.850 cause 41" in shown.out

    def test_money_and_lines_are_read(self, settings: Settings, engine: sa.Engine) -> None:
        caller = Caller(engine, settings.database_url or "")
        caller.admit()
        caller.close()
        ran = call(settings, "--from", "0612", "--to", "390612345", "--json")
        assert (ran.status, ran.json["reason"]) == (1, "insufficient_balance")
        assert ran.json["money"]["reserved"] == "0.699288"
        assert [a["why"] for a in ran.json["not_tried"]] == ["the call is refused"] * 2
        with engine.begin() as connection:
            connection.execute(t.accounts.update().values(capacity=1))
        ran = call(settings, "--from", "0612", "--to", "390612345", "--json")
        assert ran.json["reason"] == "account_capacity"

    def test_nothing_is_locked_or_written(self, settings: Settings, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            for table in (t.account_funds, t.lines):
                connection.execute(sa.select(table).with_for_update())
            assert call(settings, "--from", "0612", "--to", "390612345").status == 0
        with engine.connect() as connection:
            assert connection.scalar(sa.select(sa.func.sum(t.account_funds.c.reserved))) == 0
            assert connection.scalar(sa.select(sa.func.sum(t.lines.c.used))) == 0
            assert connection.scalar(sa.select(sa.func.count()).select_from(t.calls)) == 0

    def test_rates_valid_at_the_time(self, settings: Settings, engine: sa.Engine) -> None:
        change = datetime.now(UTC) + timedelta(days=7)
        with engine.begin() as connection:
            group = sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == "sell")
            group_id = connection.execute(group).scalar_one()
            connection.execute(
                t.rates.update()
                .where(t.rates.c.rate_group_id == group_id, t.rates.c.prefix == "39")
                .values(effective_to=change)
            )
            connection.execute(
                t.rates.insert().values(
                    rate_group_id=group_id,
                    prefix="39",
                    tiers="0|0:0.12/60/1",
                    effective_from=change,
                )
            )
        later = (change + timedelta(hours=1)).isoformat()
        arguments = ("--from", "1", "--to", "390612345", "--json")
        now, then = call(settings, *arguments), call(settings, *arguments, "--at", later)
        assert (now.json["reserved"], then.json["reserved"]) == ("0.699288", "0.12")
        assert [c["verdict"][:10] for c in then.json["price_candidates"]] == [
            "valid unti",
            "chosen",
        ]

    def test_sources(self, settings: Settings) -> None:
        number = ("--from", "1", "--to", "390612345", "--json")
        assert call(settings, *number, "--source", "127.0.0.1:5099").status == 0
        assert call(settings, *number, "--gateway", "customer-trunk").status == 0
        stranger = call(settings, *number, "--source", "[2001:db8::1]:5060")
        assert (stranger.status, stranger.json["reason"]) == (1, "unknown_source")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--from", "1", "--to", "39", "--at", "never"),
            ("--from", "1", "--to", "39", "--gateway", "nobody"),
            ("--from", "1", "--to", "39", "--source", "example.com"),
            ("--from", "1", "--to", "39", "--source", "127.0.0.1:0"),
            ("--from", "1", "--to", "39", "--source", "127.0.0.1:65536"),
            ("--from", "1", "--to", "39", "--source", "1.2.3.4", "--gateway", "customer-trunk"),
            ("--from", "1", "--to", "39", "--duration", "long"),
        ],
    )
    def test_bad_input(self, settings: Settings, arguments: tuple[str, ...]) -> None:
        ran = call(settings, *arguments)
        assert (ran.status, ran.out) == (2, "")
        assert len(ran.err.splitlines()) == 1

    @pytest.mark.parametrize("number", ["39\x1b[2J", "39${x}", "\udcff", "39[red]", ""])
    def test_hostile_numbers_are_refused_and_only_shown(
        self, settings: Settings, number: str
    ) -> None:
        ran = call(settings, "--from", number, "--to", number)
        assert ran.status == 1
        assert ran.out.startswith("refused: invalid_callee")
        assert "\x1b" not in ran.out

    def test_the_database_away(self, tmp_path: Path) -> None:
        ran = call(settings_for(NO_DATABASE, tmp_path), "--from", "1", "--to", "39")
        assert (ran.status, len(ran.err.splitlines())) == (1, 1)


ENTRY_POINT = """
from controller.cli.main import cli, main
from controller.cli.explain import explain_group
cli.add_command(explain_group)
main()
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--tiers", "0|0:0.2/60/60", "--duration", "61"), 0),
        (("--tiers", "nonsense", "--duration", "61"), 2),
    ],
)
def test_as_a_process(arguments: tuple[str, ...], status: int) -> None:
    """Through the real entry point."""
    command = [sys.executable, "-c", ENTRY_POINT, "explain", "rate", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == status
    if status == 0:
        assert (json.loads(ran.stdout)["gross"], ran.stderr) == ("0.4", "")
    else:
        assert (ran.stdout, len(ran.stderr.splitlines())) == ("", 1)
