"""Who changed what is kept for every command that changes something, with the change itself."""

import getpass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.ledger import ledger_group
from controller.cli.packages import packages_group
from controller.cli.rates import rates_group
from controller.domain.errors import NotAllowed
from controller.persistence.audit_store import PostgresAudit
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.audit import AuditQuery
from controller.services.config_as_code import service
from controller.services.config_as_code.sections import read_configuration
from tests.integration.command_line import Ran, run
from tests.integration.tenants import TENANTS, Tenants
from tests.unit.services.config_texts import MemoryDecks

pytestmark = pytest.mark.postgres

MORE = (
    TENANTS
    + """\
calendars:
  - {name: italy, days: [{day: 2026-12-25, kind: special}]}
phones:
  - {number: 88010001, account: shop}
packages:
  - {name: month, currency: USD, period: month, rent: 5, allow_partial_first: true}
package_orders:
  - {key: of-the-shop, package: month, account: shop, available_from: 2026-01-01}
  - {key: of-a-phone, package: month, phone: 88010001, available_from: 2026-01-01}
routing_gateways:
  - {name: vendor-trunk, clearing_account: vendor, host: 192.0.2.9}
routes:
  - {gateway: vendor-trunk, prefixes: [39, 44]}
parameters: {timezone: Asia/Dhaka}
"""
)


@pytest.fixture
def tenants(database_url: str, engine: sa.Engine, tmp_path: Path) -> Tenants:
    return Tenants(database_url, engine, tmp_path)


class Log:
    """What was written since."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._seen = self._last()

    def _last(self) -> Any:
        ((last,),) = self._tenants.rows("SELECT coalesce(max(id), 0) FROM audit_log")
        return last

    def new(self) -> list[tuple[Any, ...]]:
        """Action, kind, name and the account whose agents may read it; by whom was checked."""
        rows = self._tenants.rows(
            "SELECT l.actor, l.source, l.outcome, l.action, l.kind, l.name, a.name"
            " FROM audit_log l LEFT JOIN accounts a ON a.id = l.account_id"
            " WHERE l.id > :seen ORDER BY l.id",
            seen=self._seen,
        )
        self._seen = self._last()
        assert {row[:3] for row in rows} <= {(getpass.getuser(), "command line", "done")}
        return [row[3:] for row in rows]


@pytest.fixture
def log(tenants: Tenants) -> Log:
    return Log(tenants)


def changes(tenants: Tenants, kind: str, name: str) -> dict[str, list[str]]:
    """Of the last line about an object."""
    ((found,),) = tenants.rows(
        "SELECT changes FROM audit_log WHERE kind = :kind AND name = :name"
        " ORDER BY id DESC LIMIT 1",
        kind=kind,
        name=name,
    )
    assert isinstance(found, dict)
    return found


def applied(tenants: Tenants, text: str, *options: str) -> None:
    ran = tenants.apply(text, *options)
    assert ran.status == 0, ran.err


def rates(tenants: Tenants, *arguments: str | Path) -> Ran:
    return run(rates_group, tenants.settings, *arguments)


def packages(tenants: Tenants, *arguments: str) -> Ran:
    return run(packages_group, tenants.settings, *arguments)


def ledger(tenants: Tenants, *arguments: str) -> Ran:
    return run(ledger_group, tenants.settings, *arguments)


# -- configuration as code -------------------------------------------------------------------


def test_a_file_leaves_a_line_for_each_object(tenants: Tenants, log: Log) -> None:
    applied(tenants, MORE)
    assert log.new() == [
        ("change", "parameters", "parameters", None),
        ("create", "calendar", "italy", None),
        ("create", "phone", "88010001", "shop"),
        ("create", "package", "month", None),
        ("create", "package order", "of-the-shop", "shop"),
        ("create", "package order", "of-a-phone", "shop"),
        ("create", "routing gateway", "vendor-trunk", "vendor"),
        ("create", "route", "39 via vendor-trunk", None),
        ("create", "route", "44 via vendor-trunk", None),
    ]
    assert changes(tenants, "parameters", "parameters") == {"timezone": ["UTC", "Asia/Dhaka"]}
    # the same file again changes nothing
    applied(tenants, MORE)
    assert log.new() == []


def test_what_is_changed_is_told_from_what_to_what(tenants: Tenants, log: Log) -> None:
    text = TENANTS.replace(
        "{name: cairo, currency: USD, parent: atlas, rate_group: sell}",
        "{name: cairo, currency: USD, parent: bd, rate_group: sell, locked: true}",
    ).replace("{name: given, currency: USD, agents: [bd],", "{name: given, currency: USD,")
    applied(tenants, text)
    assert log.new() == [
        ("change", "rate group", "given", None),
        ("move", "account", "cairo", "cairo"),
    ]
    moved = {"locked": ["false", "true"], "parent": ["atlas", "bd"]}
    assert changes(tenants, "account", "cairo") == moved
    assert changes(tenants, "rate group", "given") == {"agents": ["bd", ""]}


def test_what_a_file_leaves_out_is_closed_or_deleted(tenants: Tenants, log: Log) -> None:
    applied(tenants, MORE)
    log.new()
    fewer = MORE.replace(
        "  - {key: of-a-phone, package: month, phone: 88010001, available_from: 2026-01-01}\n", ""
    ).replace("  - {number: 88010001, account: shop}\n", "  []\n")
    fewer = fewer.replace("  - {name: cairo, currency: USD, parent: atlas, rate_group: sell}\n", "")
    applied(tenants, fewer, "--prune")
    assert sorted(log.new(), key=str) == [
        ("close", "account", "cairo", "cairo"),
        # the phone is gone by the time that its order is told of
        ("delete", "package order", "of-a-phone", "shop"),
        ("delete", "phone", "88010001", "shop"),
    ]
    assert changes(tenants, "account", "cairo") == {"closed": ["false", "true"]}
    applied(tenants, MORE)
    assert ("reopen", "account", "cairo", "cairo") in log.new()


def test_rates_and_opening_postings(tenants: Tenants, log: Log) -> None:
    text = TENANTS.replace('tiers: "0|0:0.07/60/60"', 'tiers: "0|0:0.08/60/60"').replace(
        "{name: solo, currency: USD, rate_group: sell}",
        "{name: solo, currency: USD, rate_group: sell,"
        " opening_postings: [{key: first, amount: 10.50, memo: gift}]}",
    )
    applied(tenants, text)
    assert log.new() == [
        ("import", "rate deck", "given", None),
        ("opening", "account", "solo", "solo"),
    ]
    assert changes(tenants, "rate deck", "given") == {"changed": ["", "1"]}
    opening = {"amount": ["", "10.5"], "memo": ["", "gift"]}
    assert changes(tenants, "account", "solo") == opening


def test_what_is_not_applied_leaves_no_line(tenants: Tenants, log: Log) -> None:
    assert tenants.apply(MORE.replace("account: shop}", "account: nobody}")).status == 2
    assert tenants.apply(MORE, "--dry-run").status == 0
    assert log.new() == []


def test_a_file_is_the_administrators_to_apply(tenants: Tenants, log: Log) -> None:
    reading = read_configuration(MORE, MemoryDecks())
    store = PostgresConfigurationStore(tenants.engine)
    with pytest.raises(NotAllowed):
        service.apply(tenants.agent("bd"), store, reading, prune=False, approve=lambda _: True)
    assert log.new() == []


def test_an_agent_reads_what_a_file_did_to_its_accounts(tenants: Tenants) -> None:
    applied(tenants, MORE)
    lines = PostgresAudit(tenants.engine).page(tenants.agent("bd").scope, AuditQuery()).rows
    assert {(line.kind, line.name) for line in lines} == {
        ("account", "bd"),
        ("account", "dhaka"),
        ("account", "shop"),
        ("rate group", "bd-sells"),
        ("phone", "88010001"),
        ("package order", "of-the-shop"),
        ("package order", "of-a-phone"),
    }


# -- rates -----------------------------------------------------------------------------------


def test_decks_from_the_file_to_the_way_back(tenants: Tenants, log: Log, tmp_path: Path) -> None:
    deck = tmp_path / "deck.csv"
    deck.write_text("prefix,tiers\n39,0|0:1/60/1\n44,0|0:1/60/1\n", encoding="utf-8")
    assert rates(tenants, "import", "sell", deck).status == 0
    assert log.new() == [("import", "rate deck", "sell", None)]
    said = changes(tenants, "rate deck", "sell")
    assert (said["file"], said["added"]) == (["", "deck.csv"], ["", "2"])
    # a second time there is nothing to change, and a dry run changes nothing
    assert rates(tenants, "import", "sell", deck).status == 0
    assert rates(tenants, "import", "given", deck, "--dry-run").status == 0
    assert log.new() == []

    deck.write_text("prefix,tiers\n39,0|0:2/60/1\n", encoding="utf-8")
    first = rates(tenants, "stage", "sell", deck, "--json").json["id"]
    second = rates(tenants, "stage", "sell", deck, "--json").json["id"]
    assert rates(tenants, "activate", str(first)).status == 0
    assert rates(tenants, "discard", str(second)).status == 0
    assert rates(tenants, "rollback", "sell").status == 0
    assert rates(tenants, "rollback", "sell").status == 1
    assert log.new() == [
        (action, "rate deck", "sell", None)
        for action in ("stage", "stage", "activate", "discard", "roll back")
    ]
    assert changes(tenants, "rate deck", "sell")["deck"] == ["", str(first)]


def test_who_may_see_a_rate_group(tenants: Tenants, log: Log) -> None:
    assert rates(tenants, "authorize", "sell", "--agent", "bd").status == 0
    assert rates(tenants, "authorize", "sell", "--agent", "bd").status == 0
    assert rates(tenants, "authorize", "sell", "--agent", "bd", "--revoke").status == 0
    assert log.new() == [
        ("authorize", "rate group", "sell", "bd"),
        ("revoke", "rate group", "sell", "bd"),
    ]


def test_a_deleted_rate_group_and_those_who_lose_it(tenants: Tenants, log: Log) -> None:
    applied(
        tenants,
        MORE.replace("account: shop}", "account: shop, rate_group: bd-sells}"),
    )
    log.new()
    assert rates(tenants, "delete", "bd-sells").status == 1
    assert log.new() == []
    assert rates(tenants, "delete", "bd-sells", "--force").status == 0
    assert log.new() == [
        ("delete", "rate group", "bd-sells", None),
        ("change", "account", "dhaka", "dhaka"),
        ("change", "account", "shop", "shop"),
        ("change", "phone", "88010001", "shop"),
    ]
    assert changes(tenants, "account", "shop") == {"rate_group": ["bd-sells", ""]}


# -- packages --------------------------------------------------------------------------------


def test_packages(tenants: Tenants, log: Log) -> None:
    applied(tenants, MORE)
    ledger(tenants, "pay", "solo", "100", "--key", "money")
    log.new()
    order = ("order", "month", "--account", "solo", "--key", "mine")
    assert packages(tenants, *order).status == 0
    assert packages(tenants, *order).status == 0
    assert log.new() == [("create", "package order", "mine", "solo")]
    said = changes(tenants, "package order", "mine")
    assert (said["package"], said["account"]) == (["", "month"], ["", "solo"])
    ((number,),) = tenants.rows("SELECT id FROM active_packages")
    assert packages(tenants, "remove", str(number)).status == 0
    assert packages(tenants, "remove", str(number)).status == 1
    assert packages(tenants, "cancel", "of-the-shop").status == 0
    assert packages(tenants, "cancel", "of-the-shop").status == 1
    assert packages(tenants, "delete", "month").status == 1
    assert log.new() == [
        ("end", "active package", str(number), "solo"),
        ("cancel", "package order", "of-the-shop", "shop"),
    ]
    assert packages(tenants, "delete", "month", "--force").status == 0
    assert sorted(log.new()) == [
        ("cancel", "package order", "mine", "solo"),
        ("cancel", "package order", "of-a-phone", "shop"),
        ("close", "package", "month", None),
    ]


# -- money -----------------------------------------------------------------------------------


def test_each_movement_has_a_line_for_each_account(tenants: Tenants, log: Log) -> None:
    def moved(*arguments: str) -> None:
        ran = ledger(tenants, *arguments)
        assert ran.status == 0, ran.err

    moved("pay", "solo", "100", "--key", "1")
    moved("pay", "solo", "100", "--key", "1")
    moved("withdraw", "solo", "10", "--key", "2", "--who", "anna")
    moved("transfer", "solo", "atlas", "20", "--key", "3")
    moved("credit", "atlas", "50", "--key", "4")
    moved("correct", "solo", "-1", "--key", "5", "--memo", "a mistake", "--yes")
    moved("make-zero", "atlas", "--key", "6", "--yes")
    assert ledger(tenants, "withdraw", "solo", "1000", "--key", "7").status == 1
    assert log.new() == [
        ("payment", "account", "solo", "solo"),
        ("withdrawal", "account", "solo", "solo"),
        ("transfer", "account", "solo", "solo"),
        ("transfer", "account", "atlas", "atlas"),
        ("credit_limit", "account", "atlas", "atlas"),
        ("correction", "account", "solo", "solo"),
        ("make_zero", "account", "atlas", "atlas"),
    ]
    ((said,),) = tenants.rows("SELECT changes FROM audit_log WHERE action = 'withdrawal'")
    # who ran the command is the line's actor; whom he named stands beside
    assert said == {
        "account": ["", "solo"],
        "amount": ["", "10"],
        "who": ["", "anna"],
        "balance": ["", "90"],
    }


def test_movements_in_two_phases(tenants: Tenants, log: Log) -> None:
    ledger(tenants, "pay", "solo", "100", "--key", "money")
    log.new()
    for key in ("a", "b"):
        hold = ("pending", "hold", "solo", "30", "--to", "atlas", "--key", key)
        assert ledger(tenants, *hold).status == 0
    assert ledger(tenants, "pending", "post", "a", "25").status == 0
    assert ledger(tenants, "pending", "post", "a", "25").status == 0
    assert ledger(tenants, "pending", "void", "a").status == 1
    assert ledger(tenants, "pending", "void", "b").status == 0
    assert log.new() == [
        ("hold", "account", "solo", "solo"),
        ("hold", "account", "solo", "solo"),
        ("post", "account", "solo", "solo"),
        ("post", "account", "atlas", "atlas"),
        ("void", "account", "solo", "solo"),
    ]
    ((posted,),) = tenants.rows(
        "SELECT changes FROM audit_log WHERE action = 'post' AND name = 'atlas'"
    )
    assert posted == {"movement": ["", "a"], "posted": ["", "25"], "balance": ["", "25"]}
