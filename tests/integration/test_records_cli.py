"""`tollgate phones`, `gateways` and `numbers`: what scripts may rely on."""

import csv
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.gateways import gateways_group
from controller.cli.numbers import numbers_group
from controller.cli.phones import phones_group
from tests.integration.command_line import Ran, run
from tests.integration.tenants import Tenants

pytestmark = pytest.mark.postgres


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


def phones(tenants: Tenants, *arguments: str | Path) -> Ran:
    return run(phones_group, tenants.settings, *arguments)


def gateways(tenants: Tenants, *arguments: str) -> Ran:
    return run(gateways_group, tenants.settings, *arguments)


def numbers(tenants: Tenants, *arguments: str) -> Ran:
    return run(numbers_group, tenants.settings, *arguments)


def test_the_life_of_a_phone(tenants: Tenants) -> None:
    added = phones(
        tenants, "add", "88010001", "--account", "shop", "--set", "dids=88010002,88010003"
    )
    assert added.status == 0, added.err
    header, line = added.out.splitlines()
    assert header == "number,password"
    number, password = line.split(",")
    assert (number, len(password) >= 20) == ("88010001", True)
    shown = phones(tenants, "show", "88010001", "--json").json
    assert (shown["account"], shown["dids"]) == ("shop", ["88010002", "88010003"])
    assert shown["password_set_at"]
    assert password not in phones(tenants, "show", "88010001").out
    changed = phones(tenants, "change", "88010001", "--set", "locked=true", "--set", "dids=")
    assert changed.status == 0, changed.err
    assert phones(tenants, "move", "88010001", "dhaka").out == "moved 88010001 to dhaka\n"
    again = phones(tenants, "password", "88010001", "--json").json["phones"][0]["password"]
    assert again != password
    listed = phones(tenants, "list", "--locked")
    assert listed.out.splitlines()[1].split() == [
        "88010001", "dhaka", "international", "0", "out", "yes",
    ]  # fmt: skip
    assert phones(tenants, "delete", "88010001", "--yes").out == "deleted 88010001\n"
    assert tenants.rows("SELECT DISTINCT source FROM audit_log") == [("command line",)]
    assert [action for action, *_ in tenants.audit()] == [
        "create", "change", "move", "change", "delete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "99"), 1, "there is no phone '99'"),
        (("add", "x", "--account", "shop"), 2, "number: 'x' is not a number of 1 to 32 digits"),
        (("add", "88010001"), 2, "name --account or --new-account"),
        (("add", "88010001", "--account", "shop", "--set", "memo"), 2, "expected FIELD=VALUE"),
        (("add", "88010001", "--account", "shop", "--set", "x=1"), 2, "unknown key 'x'"),
        (("add", "77", "--account", "shop"), 2, "77 is in no number section of account bd"),
        (("list", "--limit", "0"), 2, "limit: not 1 to 500"),
        (("add-range", "1", "20", "--account", "shop"), 2, "must have as many"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tenants: Tenants, arguments: tuple[str, ...], status: int, said: str
) -> None:
    ran = phones(tenants, *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err
    assert "\n" not in ran.err.strip()


def test_phones_by_the_dozen(tenants: Tenants, tmp_path: Path) -> None:
    secret = tmp_path / "passwords.csv"
    ran = phones(
        tenants, "add-range", "88010001", "88010012", "--account", "shop", "--passwords", secret
    )
    assert ran.out == f"12 phones; their passwords are in {secret}\n", ran.err
    assert secret.stat().st_mode & 0o777 == 0o600
    with secret.open(encoding="utf-8") as lines:
        assert len({row["password"] for row in csv.DictReader(lines)}) == 12
    table = tmp_path / "phones.csv"
    table.write_text("number;account\n88010020;shop\n88010021;dhaka\n", encoding="utf-8")
    made = phones(tenants, "import", table, "--delimiter", ";", "--json").json["phones"]
    assert [phone["number"] for phone in made] == ["88010020", "88010021"]
    first = phones(tenants, "list", "--limit", "10", "--json").json
    assert len(first["phones"]) == 10
    rest = phones(tenants, "list", "--limit", "10", "--after", first["next_after"])
    assert len(rest.out.splitlines()) == 1 + 4
    table.write_bytes(b"number,account\n\xff,shop\n")
    assert "not UTF-8" in phones(tenants, "import", table).err


def test_a_phone_with_its_account(tenants: Tenants) -> None:
    ran = phones(tenants, "add", "77", "--new-account", "USD", "--rate-group", "sell")
    assert ran.status == 0, ran.err
    assert phones(tenants, "show", "77", "--json").json["account"] == "77"


def test_the_life_of_a_trunk(tenants: Tenants) -> None:
    added = gateways(
        tenants, "mapping", "add", "shop-trunk", "--set", "account=shop",
        "--set", "addresses=192.0.2.9, 192.0.2.10:5070", "--set", "capacity=5", "--json",
    )  # fmt: skip
    assert added.status == 0, added.err
    assert added.json["addresses"] == ["192.0.2.10:5070", "192.0.2.9"]
    gateways(tenants, "mapping", "change", "shop-trunk", "--set", "capacity=")
    shown = gateways(tenants, "mapping", "show", "shop-trunk", "--json").json
    assert shown["capacity"] is None
    listed = gateways(tenants, "mapping", "list", "--search", "shop")
    assert listed.out.splitlines()[1].split()[:2] == ["shop-trunk", "shop"]
    assert gateways(tenants, "mapping", "delete", "shop-trunk", "--yes").status == 0
    assert gateways(tenants, "mapping", "show", "shop-trunk").status == 1


def test_the_life_of_a_vendors_trunk(tenants: Tenants) -> None:
    added = gateways(
        tenants, "routing", "add", "out", "--set", "clearing_account=vendor",
        "--set", "host=sip.example.net", "--set", "routes=39=10,*", "--json",
    )  # fmt: skip
    assert added.json["routes"] == ["*=100", "39=10"], added.err
    assert gateways(tenants, "routing", "list", "--json").json["gateways"][0]["addresses"] == [
        "sip.example.net:5060"
    ]
    refused = gateways(tenants, "routing", "change", "out", "--set", "clearing_account=shop")
    assert (refused.status, "is not a clearing account" in refused.err) == (2, True)
    assert "confirm with --yes" in gateways(tenants, "routing", "delete", "out").err


def test_what_an_account_may_have_and_call(tenants: Tenants) -> None:
    set_ = numbers(tenants, "sections", "dhaka", "88010000-88010999", "88012000", "--json")
    assert set_.json["number_sections"] == ["88010000-88010999", "88012000"], set_.err
    rules = numbers(tenants, "rules", "dhaka", "allow +880", "deny *", "--json")
    assert rules.json["destination_rules"] == ["deny *", "allow 880"]
    assert "88012000" in numbers(tenants, "show", "dhaka").out
    assert tenants.loaded.destination_rules[tenants.id_of("dhaka")].permits("8801")
    assert numbers(tenants, "rules", "dhaka", "--clear").status == 0
    assert tenants.loaded.destination_rules == {}
    assert "name what is to be" in numbers(tenants, "rules", "dhaka").err
    wide = numbers(tenants, "sections", "dhaka", "88010000-88020999")
    assert wide.status == 2
    assert "88020000-88020999 is in no number section of bd" in wide.err


def test_sections_are_not_narrowed_over_what_is_there(tenants: Tenants) -> None:
    numbers(tenants, "sections", "dhaka", "88010000-88010999")
    phones(tenants, "add", "88010500", "--account", "shop")
    phones(tenants, "add", "88015000", "--account", "bd", "--set", "dids=88015001")
    before = tenants.everything
    refused = numbers(tenants, "sections", "bd", "88010000-88010499")
    assert refused.status == 2
    for said in (
        "account dhaka: 88010500-88010999 is in no number section of bd",
        "phone 88015000: 88015000 is in no number section of account bd",
        "phone 88015000: 88015001 is in no number section of account bd",
    ):
        assert said in refused.err
    assert tenants.everything == before
    assert numbers(tenants, "sections", "bd", "88010000-88010999", "88015000-88015001").status == 0
