"""Configuration as code on a real database: applied whole, once, and as calls then see it."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from controller.domain.ledger import SystemAccount, keyed_posting_id
from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator
from tests.ledger_check import assert_books_balance
from tests.unit.services.config_texts import SOUND

pytestmark = pytest.mark.postgres


@pytest.fixture
def operator(engine: sa.Engine, database_url: str, tmp_path: Path) -> Operator:
    return Operator(settings_for(database_url, tmp_path), engine, tmp_path)


def test_what_is_applied_is_what_calls_are_decided_by(operator: Operator) -> None:
    ran = operator.apply(SOUND)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == "applied: configuration version 1"
    loaded = operator.loaded
    gateway = loaded.identify("192.0.2.1", 5060)
    assert gateway is not None
    account = loaded.accounts[gateway.account_id]
    assert account.name == "acme"
    assert account.rate_group_id is not None
    rate = loaded.rate_groups[account.rate_group_id].rate_for("393331234567", datetime.now(UTC))
    assert rate is not None
    assert str(rate.rate.tariff) == "0|0:0.05/60/60"
    routes = loaded.routes.longest("393331234567")
    assert routes is not None
    assert [loaded.routing_gateways[r.gateway_id].name for r in routes] == ["vendor-trunk"]


def test_an_opening_posting_moves_money_from_cash_and_only_once(operator: Operator) -> None:
    operator.apply(SOUND)
    assert operator.balance("acme") == Decimal("100.5")
    assert operator.rows(
        "SELECT p.id::text, p.kind, d.name, c.name, p.amount, p.currency, p.memo FROM postings p"
        " JOIN accounts d ON d.id = debit_account_id JOIN accounts c ON c.id = credit_account_id"
    ) == [
        (
            keyed_posting_id("acme-opening"),
            "opening",
            "cash:USD",
            "acme",
            Decimal("100.5"),
            "USD",
            "first",
        )
    ]
    system = operator.rows("SELECT name FROM accounts WHERE kind = 'system' ORDER BY name")
    assert system == [(f"{name}:USD",) for name in sorted(SystemAccount)]
    operator.apply(SOUND + "\n# touched\n")
    more = SOUND.replace("memo: first}", "memo: first}\n      - {key: second, amount: -0.5}")
    assert operator.apply(more).out.splitlines()[0] == "+ opening posting of -0.5 to acme"
    assert operator.balance("acme") == Decimal(100)
    assert_books_balance(operator.engine)


def test_the_second_apply_changes_nothing(operator: Operator) -> None:
    operator.apply(SOUND)
    before = operator.everything
    again = operator.apply()
    assert (again.status, again.out) == (0, "no changes\n")
    assert operator.apply(None, "--json", "--prune").json["applied"] is False
    assert operator.diff().out == "no differences\n"
    assert operator.everything == before


def test_controllers_are_told_once(operator: Operator, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("LISTEN tollgate_configuration")
        operator.apply("parameters: {quantum_s: 30}")
        operator.apply()
        told = [n.payload for n in connection.notifies(timeout=0.5)]
    assert told == ["1"]


def test_every_change_is_shown_with_old_and_new(operator: Operator) -> None:
    operator.apply(SOUND)
    changed = SOUND.replace("host: 192.0.2.9", "host: 192.0.2.8").replace(
        "0.05/60/60", "0.06/60/60"
    )
    ran = operator.apply(changed + "parameters: {max_attempts: 2}\n")
    assert ran.out.splitlines() == [
        "~ parameter max_attempts: 5 → 2",
        "~ routing gateway vendor-trunk",
        "    host: 192.0.2.9 → 192.0.2.8",
        "~ rates of sell: 0 added, 1 changed, 0 removed",
        "    39: 0|0:0.05/60/60 → 0|0:0.06/60/60",
        "applied: configuration version 2",
    ]
    assert operator.loaded.parameters.max_attempts == 2


def test_a_dry_run_writes_nothing(operator: Operator) -> None:
    before = operator.everything
    ran = operator.apply(SOUND, "--dry-run", "--json")
    assert (ran.status, ran.json["applied"], ran.json["version"]) == (0, False, None)
    assert len(ran.json["difference"]["objects"]) == 8
    assert operator.everything == before


def test_nothing_is_removed_unless_asked(operator: Operator) -> None:
    operator.apply(SOUND)
    less = "accounts:\n  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}\n"
    less += "mapping_gateways: []\n"
    ran = operator.apply(less)
    assert (ran.status, ran.out.splitlines()) == (
        0,
        [
            "  account acme is not in the file and is kept (--prune removes it)",
            "  mapping gateway acme-trunk is not in the file and is kept (--prune removes it)",
            "no changes",
        ],
    )
    assert operator.diff().status == 1
    pruned = operator.apply(None, "--prune")
    assert pruned.out.splitlines()[:2] == [
        "- account acme closed",
        "- mapping gateway acme-trunk removed",
    ]
    assert operator.loaded.mapping_gateways == {}
    (acme,) = (a for a in operator.loaded.accounts.values() if a.name == "acme")
    assert acme.closed
    assert operator.balance("acme") == Decimal("100.5")
    assert "name: acme" not in operator.export().out
    assert operator.diff().status == 0


def test_a_closed_account_comes_back_as_itself(operator: Operator) -> None:
    operator.apply(SOUND)
    ((before,),) = operator.rows("SELECT id FROM accounts WHERE name = 'acme'")
    operator.apply(
        "mapping_gateways: []\nroutes: []\naccounts: []\nrouting_gateways: []", "--prune"
    )
    assert operator.apply("rate_groups: []", "--prune").status == 0
    assert operator.apply(SOUND).status == 0
    ((after, closed_at),) = operator.rows("SELECT id, closed_at FROM accounts WHERE name = 'acme'")
    assert (after, closed_at) == (before, None)
    assert operator.balance("acme") == Decimal("100.5")


def test_an_address_moves_between_gateways_in_one_apply(operator: Operator) -> None:
    operator.apply(SOUND)
    two = (
        "mapping_gateways:\n"
        "  - {name: acme-trunk, account: acme, addresses: ['192.0.2.1:5070']}\n"
        "  - {name: other, account: acme, addresses: [192.0.2.1]}\n"
    )
    assert operator.apply(two).status == 0
    swapped = two.replace("'192.0.2.1:5070'", "x").replace("[192.0.2.1]", "['192.0.2.1:5070']")
    assert operator.apply(swapped.replace("x", "192.0.2.1")).status == 0
    found = [operator.loaded.identify("192.0.2.1", port) for port in (5070, 5060)]
    assert [gateway and gateway.name for gateway in found] == ["other", "acme-trunk"]


def test_a_new_currency_gets_its_system_accounts(operator: Operator) -> None:
    operator.apply(SOUND)
    euro = "accounts: [{name: e, currency: EUR, opening_postings: [{key: e, amount: -3}]}]"
    assert operator.apply(euro).status == 0
    assert operator.balance("e") == Decimal(-3)
    ((count,),) = operator.rows("SELECT count(*) FROM accounts WHERE kind = 'system'")
    assert count == 2 * len(SystemAccount)
    assert_books_balance(operator.engine)


def test_a_deck_beside_the_file(operator: Operator) -> None:
    folder = operator.file.parent / "decks"
    folder.mkdir()
    (folder / "s.csv").write_text("prefix,rate,cycle_s,unit_s\n39,0.05,60,60\n1,1,1,1\n", "utf-8")
    before_rates, _, after_rates = SOUND.partition("    rates:\n")
    after_rates = after_rates.partition("\n")[2]
    operator.apply(f"{before_rates}    deck: decks/s.csv\n{after_rates}")
    rates = (
        "SELECT g.name, prefix, tiers FROM rates r JOIN rate_groups g ON g.id = rate_group_id"
        " ORDER BY 1, 2"
    )
    assert operator.rows(rates) == [
        ("cost", "*", "0|0:0.02/60/1"),
        ("sell", "1", "0|0:1/1/1"),
        ("sell", "39", "0|0:0.05/60/60"),
    ]
    (folder / "s.csv").write_text("prefix,rate,cycle_s,unit_s\n39,0.05,60,60\n", "utf-8")
    assert operator.apply().out.splitlines()[0] == "~ rates of sell: 0 added, 0 changed, 1 removed"
    (folder / "s.csv").write_text("prefix,rate,cycle_s,unit_s\n39,x,60,60\n", "utf-8")
    assert "deck 'decks/s.csv' row 2: rate: 'x' is not a price" in operator.apply().err
