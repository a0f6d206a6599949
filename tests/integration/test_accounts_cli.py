"""`tollgate accounts` and `audit`: what scripts may rely on; the watch on low balances."""

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.accounts import accounts_group
from controller.cli.audit import audit_command
from controller.persistence.low_balance_store import PostgresLowBalances
from controller.services.low_balance import watch_balances
from tests.integration.account_office import ROOT, Office
from tests.integration.command_line import Ran, run
from tests.integration.tenants import Tenants

pytestmark = pytest.mark.postgres


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


def accounts(tenants: Tenants, *arguments: str | Path) -> Ran:
    return run(accounts_group, tenants.settings, *arguments)


def test_the_life_of_an_account(tenants: Tenants) -> None:
    made = accounts(tenants, "create", "newest", "USD", "--parent", "dhaka", "--json")
    assert (made.json["parent"], made.json["is_agent"]) == ("dhaka", False)
    changed = accounts(tenants, "change", "newest", "--set", "capacity=5", "--set", "memo=x")
    assert changed.status == 0, changed.err
    assert accounts(tenants, "lock", "newest").out == "locked newest\n"
    assert accounts(tenants, "list", "--state", "locked").out.splitlines()[1].split()[0] == "newest"
    assert accounts(tenants, "unlock", "newest").status == 0
    assert accounts(tenants, "move", "newest", "-").out == "moved newest\n"
    assert accounts(tenants, "close", "newest", "--yes").status == 0
    assert accounts(tenants, "reopen", "newest").status == 0
    assert accounts(tenants, "delete", "newest", "--yes").out == "deleted newest\n"
    assert "there is no account" in accounts(tenants, "show", "newest").err
    log = run(audit_command, tenants.settings, "--name", "newest", "--json").json["lines"]
    assert [line["action"] for line in reversed(log)] == [
        "create", "change", "change", "change", "move", "close", "reopen", "delete",
    ]  # fmt: skip
    shown = run(audit_command, tenants.settings, "--name", "newest", "--action", "move").out
    assert "parent: dhaka → -" in shown


def test_many_at_once(tenants: Tenants, tmp_path: Path) -> None:
    series = accounts(tenants, "series", "box-08", "5", "--set", "currency=USD")
    assert series.out == "5 accounts: box-08 to box-12\n"
    file = tmp_path / "accounts.csv"
    file.write_text("name,currency,parent\nrow-1,USD,\nrow-2,EUR,row-1\nrow-3,,\n", "utf-8")
    ran = accounts(tenants, "import", file)
    assert ran.status == 2
    assert "3.currency" in ran.err
    file.write_text("name,currency,parent\nrow-1,USD,\nrow-2,USD,row-1\n", "utf-8")
    assert accounts(tenants, "import", file).out == "2 accounts\n"
    page = accounts(tenants, "list", "--under", "row-1", "--json").json
    assert [row["name"] for row in page["accounts"]] == ["row-2"]


def test_rights_and_why_they_do_not_count(tenants: Tenants) -> None:
    accounts(tenants, "create", "top", "USD")
    accounts(tenants, "create", "sub", "USD", "--parent", "top")
    accounts(tenants, "rights", "top", "--preset", "retail")
    shown = accounts(tenants, "rights", "sub", "--set", "phones,gateways", "--json").json
    by_right = {view["right"]: view for view in shown["rights"]}
    assert by_right["gateways"]["lacking_above"] == ["top"]
    assert by_right["phones"]["lacking_above"] == []
    wrong = accounts(tenants, "rights", "sub", "--set", "all")
    assert (wrong.status, "'all'" in wrong.err) == (2, True)


def test_an_account_that_is_low_on_money_is_locked_until_it_has_more(engine: sa.Engine) -> None:
    office = Office(engine)
    office.hierarchy()
    low = {"low_balance": "10", "low_balance_locks": True}
    for name in ("customer-001", "other-customer"):
        office.accounts.change(ROOT, name, low)
    office.accounts.change(ROOT, "dhaka-retail", {"low_balance": "10"})  # told, not locked
    office.accounts.change(ROOT, "other-customer", {"locked": True})  # by a person
    store = PostgresLowBalances(engine)

    def watch() -> tuple[list[str], list[str]]:
        locked, unlocked = watch_balances(store)
        return [a.name for a in locked], [a.name for a in unlocked]

    def fill(amount: str) -> None:
        office.execute("UPDATE account_funds SET balance = :amount", amount=Decimal(amount))

    fill("10")
    assert watch() == ([], [])
    fill("9.9999999999")
    assert watch() == (["customer-001"], [])
    assert watch() == ([], [])
    assert office.accounts.get(ROOT, "customer-001").spec.locked
    fill("10")
    assert watch() == ([], ["customer-001"])
    found = office.accounts.get(ROOT, "customer-001")
    assert not found.spec.locked
    assert found.locked_for_balance_at is None
    assert office.accounts.get(ROOT, "other-customer").spec.locked
    lines = office.log(action="low balance")
    assert [(line.actor, line.changes["locked"]) for line in lines] == [
        ("scheduler", ("true", "false")),
        ("scheduler", ("false", "true")),
    ]
