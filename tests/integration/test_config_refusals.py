"""What a configuration file may not do: nothing of it is applied, and the reason is said."""

import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.config import config_group
from controller.domain.errors import StoreUnavailable
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.config_as_code import service
from controller.services.config_as_code.sections import read_configuration
from tests.integration.account_office import ROOT
from tests.integration.command_line import run, settings_for
from tests.integration.configured_operator import Operator
from tests.ledger_check import assert_books_balance
from tests.unit.services.config_texts import SOUND, MemoryDecks

pytestmark = pytest.mark.postgres


@pytest.fixture
def operator(engine: sa.Engine, database_url: str, tmp_path: Path) -> Operator:
    return Operator(settings_for(database_url, tmp_path), engine, tmp_path)


def test_without_a_person_or_yes_nothing_is_applied(operator: Operator) -> None:
    operator.file.write_text(SOUND, encoding="utf-8")
    before = operator.everything
    ran = run(config_group, operator.settings, "apply", operator.file)
    assert (ran.status, ran.err) == (1, "not applied: confirm with --yes\n")
    assert "+ account acme" in ran.out
    assert operator.everything == before


def test_every_fault_is_on_standard_error_and_nothing_is_applied(operator: Operator) -> None:
    before = operator.everything
    wrong = SOUND.replace("USD\n    rate_group: sell", "usd\n    rate_grop: x")
    ran = operator.apply(wrong.replace("gateway: vendor-trunk", "gateway: gone"), "--json")
    assert ran.status == 2
    assert [line.partition("operator.yaml: ")[2] for line in ran.err.splitlines()] == [
        "line 9: currency: 'usd' is not a currency of three capital letters (ISO 4217)",
        "line 10: unknown key 'rate_grop' (did you mean 'rate_group'?)",
        "line 19: route 39: there is no routing gateway 'gone'",
        "line 19: route 44: there is no routing gateway 'gone'",
    ]
    assert [problem["line"] for problem in ran.json["problems"]] == [9, 10, 19, 19]
    assert operator.everything == before


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n",
        "accounts:\n\t- name: a\n",
        "accounts: !!python/object/apply:os.system ['true']\n",
        "accounts: []\naccounts: []\n",
        "accounts: [{name: 'a;b', currency: USD}]\n",
        'accounts: [{name: "a\\nb", currency: USD}]\n',
        "accounts: [{name: cash:USD, currency: USD}]\n",
        "accounts: [{name: a, currency: USD, kind: system}]\n",
        "accounts: [{name: аcme, currency: USD}]\n",
        "accounts: {a: b}\n",
        "accounts: [[[[[[[[[[]]]]]]]]]]\n",
        "rate_groups: [{name: g, currency: USD, deck: ../../etc/passwd}]\n",
        "rate_groups: [{name: g, currency: USD, deck: /etc/passwd}]\n",
        "rate_groups: [{name: g, currency: USD, deck: .}]\n",
        'rate_groups: [{name: g, currency: USD, deck: "a\\0b"}]\n',
        "accounts: [{name: a, currency: USD, opening_postings: [{key: k, amount: 1e999}]}]\n",
        "\x00",
        "",
    ],
)
def test_a_hostile_file_is_bad_input(operator: Operator, text: str) -> None:
    before = operator.everything
    ran = operator.apply(text)
    assert (ran.status, ran.out) == (2, "")
    assert 0 < len(ran.err) < 5000
    assert "root:" not in ran.err
    assert operator.everything == before


def test_a_file_that_is_missing_or_not_text(operator: Operator) -> None:
    assert operator.apply().status == 2
    operator.file.write_bytes(b"accounts:\n\xff")
    ran = operator.apply()
    assert (ran.status, ran.err.endswith("line 2: not UTF-8")) == (2, True)


def test_a_failure_half_way_leaves_nothing(operator: Operator) -> None:
    operator.apply(SOUND)
    operator.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    operator.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON postings FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    before = operator.everything
    ran = operator.apply(
        SOUND.replace("0.05", "0.09")
        .replace("[39, 44]", "[39, 44, 1]")
        .replace("    rate_group: sell", "    rate_group: sell\n    capacity: 5")
        .replace("key: acme-opening, amount: 100.50", "key: more, amount: 7")
    )
    assert (ran.status, ran.err) == (1, "the database refused the change: no")
    assert operator.everything == before


def test_a_changed_amount_under_the_same_key_is_an_error(operator: Operator) -> None:
    operator.apply(SOUND)
    before = operator.everything
    ran = operator.apply(SOUND.replace("100.50", "100.51"))
    assert ran.status == 2
    assert "line 12: opening posting of acme: was posted with 100.5, the file says" in ran.err
    assert operator.everything == before


def test_two_applies_at_once_come_one_after_the_other(operator: Operator) -> None:
    reading = read_configuration(SOUND, MemoryDecks())
    versions: list[int | None] = []
    together = threading.Barrier(4)

    def apply() -> None:
        store = PostgresConfigurationStore(operator.engine)
        together.wait()
        applied = service.apply(ROOT, store, reading, prune=False, approve=lambda _: True)
        assert applied.review.problems == ()
        versions.append(applied.version)

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions, key=str) == [1, None, None, None]
    assert operator.balance("acme") == Decimal("100.5")
    assert_books_balance(operator.engine)


def test_an_apply_does_not_wait_for_ever(operator: Operator) -> None:
    store = PostgresConfigurationStore(operator.engine)
    impatient = PostgresConfigurationStore(operator.engine, wait_s=0.2)
    with (
        store.begin(),
        pytest.raises(StoreUnavailable, match="another change of the configuration"),
        impatient.begin(),
    ):
        pass


def test_what_was_shown_is_what_is_applied(operator: Operator) -> None:
    """The state moved between the question and the answer: nothing is applied."""
    store = PostgresConfigurationStore(operator.engine)
    reading = read_configuration(SOUND, MemoryDecks())
    shown = service.review(store, reading, prune=False).difference
    operator.execute("INSERT INTO rate_groups (name, currency) VALUES ('sell', 'USD')")
    applied = service.apply(ROOT, store, reading, prune=False, approve=lambda d: d == shown)
    assert applied.version is None
    assert operator.loaded.version == 0


def test_a_pruned_group_in_use_is_refused(operator: Operator) -> None:
    operator.apply(SOUND)
    ran = operator.apply("rate_groups: [{name: sell, currency: USD}]", "--prune")
    assert (ran.status, ran.out) == (1, "")
    assert "account vendor: there is no rate group 'cost'" in ran.err


def open_call(operator: Operator) -> None:
    """A call in progress, as admission writes it: a row, a reservation, lines."""
    operator.execute(
        "INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id,"
        " routing_gateway_ids, payer_ids, payer_reserved, granted_s, offered_at, ticket)"
        " SELECT gen_random_uuid(), 'switch-1', a.id, m.id, ARRAY[r.id], ARRAY[a.id],"
        " ARRAY[0.05], 60, now(), ''"
        " FROM accounts a, mapping_gateways m, routing_gateways r"
        " WHERE a.name = 'acme' AND m.name = 'acme-trunk' AND r.name = 'vendor-trunk'"
    )
    operator.execute(
        "UPDATE account_funds SET reserved = 0.05, lines = 1, subtree_lines = 1 WHERE account_id ="
        " (SELECT id FROM accounts WHERE name = 'acme')"
    )
    operator.execute("UPDATE lines SET used = 1 WHERE kind IN ('mapping', 'routing')")


def test_calls_in_progress_are_left_alone_and_keep_what_they_stand_on(operator: Operator) -> None:
    operator.apply(SOUND)
    open_call(operator)
    calls = operator.rows("SELECT * FROM calls")
    changed = SOUND.replace("0.05/60/60", "0.09/60/60").replace("192.0.2.9", "192.0.2.7")
    more = changed.replace("memo: first}", "memo: first}\n      - {key: second, amount: 5}")
    assert operator.apply(more).status == 0
    assert operator.rows("SELECT * FROM calls") == calls
    before = operator.everything
    everything = "accounts: []\nmapping_gateways: []\nrouting_gateways: []\nroutes: []\n"
    ran = operator.apply(everything, "--prune")
    assert ran.status == 1
    assert [line.partition(": line ")[2] for line in ran.err.splitlines()] == [
        "1: account acme has calls in progress and cannot be removed",
        "1: account vendor has calls in progress and cannot be removed",
        "2: mapping gateway acme-trunk has calls in progress and cannot be removed",
        "3: routing gateway vendor-trunk has calls in progress and cannot be removed",
    ]
    assert operator.everything == before
    assert_books_balance(operator.engine)


def test_money_that_calls_move_meanwhile_is_not_overwritten(operator: Operator) -> None:
    """An opening posting waits for a settlement in progress, and adds to what it left."""
    operator.apply(SOUND)
    more = SOUND.replace("memo: first}", "memo: first}\n      - {key: second, amount: 5}")
    operator.file.write_text(more, encoding="utf-8")
    with operator.engine.begin() as settlement:
        settlement.execute(sa.text("UPDATE account_funds SET balance = balance - 1"))
        applying = threading.Thread(target=operator.apply)
        applying.start()
        time.sleep(0.5)
        assert applying.is_alive()
    applying.join()
    assert operator.balance("acme") == Decimal("104.5")


def test_the_currency_of_an_account_with_postings_is_fixed(operator: Operator) -> None:
    operator.apply(SOUND)
    ran = operator.apply("accounts:\n  - {name: acme, currency: EUR}\n")
    assert ran.status == 1
    assert "account acme has postings or calls: its currency is fixed" in ran.err
