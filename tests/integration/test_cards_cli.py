"""`tollgate cards`: what scripts may rely on."""

import csv
import io
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli.cards import cards_group
from controller.cli.ledger import ledger_group
from tests.integration.command_line import Ran, run
from tests.integration.tenants import Tenants

pytestmark = pytest.mark.postgres


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


def cards(tenants: Tenants, *arguments: str | Path) -> Ran:
    return run(cards_group, tenants.settings, *arguments)


def recharge(tenants: Tenants, account: str, typed: str, *more: str) -> tuple[int, str]:
    """The PIN comes by standard input: arguments are seen by everybody."""
    result = CliRunner().invoke(
        cards_group,
        ["recharge", account, *more],
        obj=tenants.settings,
        input=typed,
        standalone_mode=False,
    )
    return (1, str(result.exception)) if result.exception else (0, result.stdout)


ORDER = ("create", "spring", "--value", "5", "--count", "3")


def test_the_life_of_a_batch(tenants: Tenants) -> None:
    made = cards(tenants, *ORDER, "--currency", "USD", "--password-length", "4", "--key", "k")
    assert made.status == 0, made.err
    first, second, third = csv.DictReader(io.StringIO(made.out))
    assert (first["serial"], first["value"], len(first["pin"])) == ("spring-000001", "5", 12)
    again = cards(tenants, *ORDER, "--currency", "USD", "--password-length", "4", "--key", "k")
    assert (again.status, again.out) == (0, "")
    assert "shown only once" in again.err
    typed = f"{first['pin']}\n{first['password']}\n"
    assert recharge(tenants, "shop", typed, "--with-password") == (
        0,
        "recharged shop with card spring-000001; balance 5 USD\n",
    )
    status, why = recharge(tenants, "shop", typed, "--with-password")
    assert (status, why) == (1, "card spring-000001 was used already")
    status, why = recharge(tenants, "shop", f"{second['pin']}\n")
    assert (status, why) == (1, "pin: there is no such card")
    assert cards(tenants, "lock", "spring", "2").out == "locked spring-000002\n"
    shown = cards(tenants, "show", "spring")
    assert [line.split()[:3] for line in shown.out.splitlines()[1:]] == [
        ["spring-000001", first["pin"][-4:], "used"],
        ["spring-000002", second["pin"][-4:], "locked"],
        ["spring-000003", third["pin"][-4:], "unused"],
    ]
    assert second["pin"] not in shown.out
    assert cards(tenants, "unlock", "spring", "2").status == 0
    assert (
        cards(tenants, "void", "spring", "--card", "3", "--yes").out == "voided 1 cards of spring\n"
    )
    assert cards(tenants, "void", "spring", "--yes").out == "voided 1 cards of spring\n"
    found = cards(tenants, "show", "spring", "--json").json
    assert (found["batch"]["used"], found["batch"]["voided"]) == (1, 2)
    assert [card["state"] for card in found["cards"]] == ["used", "voided", "voided"]
    assert cards(tenants, "list", "--json").json["batches"][0]["name"] == "spring"
    assert run(ledger_group, tenants.settings, "verify").status == 0


def test_an_agents_cards(tenants: Tenants) -> None:
    refused = cards(tenants, *ORDER, "--issuer", "dhaka")
    assert refused.status == 1
    assert "3 cards cannot be paid for: dhaka has 0 USD available" in refused.err
    run(ledger_group, tenants.settings, "pay", "dhaka", "20", "--key", "p")
    assert cards(tenants, *ORDER, "--issuer", "dhaka").status == 0
    voided = cards(tenants, "void", "spring", "--issuer", "dhaka", "--yes")
    assert voided.out == "voided 3 cards of spring, 15 USD back to dhaka\n"
    assert "dhaka" in cards(tenants, "list", "--issuer", "dhaka").out
    assert cards(tenants, "list", "--issuer", "nobody").status == 1
    assert cards(tenants, "show", "summer").err == "there is no card batch 'summer'"


def test_the_sheet_as_a_file(tenants: Tenants, tmp_path: Path) -> None:
    file = tmp_path / "spring.csv"
    made = cards(tenants, *ORDER, "--currency", "USD", "--sheet", file)
    assert made.out == f"3 cards; their PINs are in {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 4


def test_wrong_orders(tenants: Tenants) -> None:
    for more, why in (
        (("--currency", "USD", "--pin-length", "9"), "pin_length: 10 to 16 digits"),
        (("--currency", "XTS"), "currency: no account is in XTS"),
        ((), "currency: is missing"),
    ):
        refused = cards(tenants, *ORDER, *more)
        assert (refused.status, refused.err) == (2, why)
