"""Calendars, periods, phones and packages by file: written whole, once, and as history allows."""

import shlex
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.errors import TollgateError
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.services.config_as_code.differences import compare
from controller.services.config_as_code.sections import read_configuration
from tests.integration.command_line import settings_for
from tests.integration.configured_operator import Operator
from tests.ledger_check import assert_books_balance
from tests.unit.services.config_texts import RATED, MemoryDecks

pytestmark = pytest.mark.postgres

VENDOR_ONLY = (
    "mapping_gateways: []\n"
    "accounts:\n  - {name: vendor, kind: clearing, currency: USD, rate_group: cost}\n"
)


@pytest.fixture
def operator(engine: sa.Engine, database_url: str, tmp_path: Path) -> Operator:
    return Operator(settings_for(database_url, tmp_path), engine, tmp_path)


def open_period(operator: Operator, end: str = "2100-01-01") -> None:
    """As the billing run does when the order is due."""
    operator.execute(
        "INSERT INTO active_packages (order_id, package_id, account_id, phone_id, priority,"
        " period_start, period_end, gift_left, closed_at)"
        " SELECT id, package_id, account_id, phone_id, priority, '2026-01-01', n.until, 3,"
        " CASE WHEN n.until < now() THEN now() END"
        " FROM package_orders, (SELECT CAST(:end AS timestamptz)) AS n(until)",
        end=end,
    )


def end_orders(operator: Operator) -> None:
    operator.execute("UPDATE package_orders SET next_period_start = NULL, ended_at = now()")


def said(err: str) -> list[str]:
    return [line.partition("operator.yaml: ")[2] for line in err.splitlines()]


def test_everything_is_written_and_the_second_apply_changes_nothing(operator: Operator) -> None:
    assert operator.apply(RATED).status == 0
    before = operator.everything
    for table in ("calendars", "calendar_days", "phones", "packages", "package_orders"):
        assert len(before[table]) == 1, table
    assert operator.apply(None, "--prune").out == "no changes\n"
    assert operator.diff().out == "no differences\n"
    assert operator.everything == before
    assert_books_balance(operator.engine)


def test_what_an_object_no_longer_lists_is_gone(operator: Operator) -> None:
    text = RATED.replace(
        "  - name: sell\n",
        "  - name: sell\n    agents: [acme]\n    period_rates: [{multiplier: 2}]\n",
    )
    operator.apply(text)
    bare = text.replace(
        "    days:\n      - {day: 2026-12-25, kind: special, memo: Christmas}\n", ""
    )
    bare = bare.replace("    agents: [acme]\n    period_rates: [{multiplier: 2}]\n", "")
    bare = bare.replace(
        "    free_seconds:\n      - {prefixes: [39, 44], seconds: 30000}\n"
        "    period_rates:\n      - {days: [sat, sun], multiplier: 0.5}\n",
        "",
    )
    assert operator.apply(bare).out.splitlines()[:-1] == [
        "~ calendar italy",
        "    days: 2026-12-25 special → none",
        "~ rate group sell",
        "    agents: acme → none",
        "    period_rates: every day 00:00-24:00 times 2 → none",
        "~ package europe-500",
        "    free_seconds: 30000 s to 39+44 00:00-24:00 by 60 s → none",
        "    period_rates: sat+sun 00:00-24:00 times 0.5 → none",
    ]
    after = operator.everything
    for table in ("calendar_days", "rate_group_agents", "period_rates", "package_free_seconds"):
        assert after[table] == [], table


def test_a_group_without_decimals_has_the_platforms(operator: Operator) -> None:
    text = RATED.replace("    rates:\n", "    decimals: platform\n    rates:\n", 1)
    operator.apply(text + "parameters: {fee_precision: 3, fee_unit: 0.005}\n")
    terms = {group.name: group.terms for group in operator.loaded.rate_groups.values()}
    assert (terms["sell"].decimals, terms["cost"].decimals) == (3, 6)
    assert terms["sell"].fee_unit == terms["cost"].fee_unit == Decimal("0.005")
    assert "decimals: platform" in operator.export().out


def test_an_order_is_placed_once_from_the_platforms_midnight_on(operator: Operator) -> None:
    rome = RATED.replace("2026-01-01}", "2026-07-01}") + "parameters: {timezone: Europe/Rome}\n"
    assert operator.apply(rome).status == 0
    orders = "SELECT key, available_from, next_period_start, phone_id, ended_at FROM package_orders"
    start = datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert operator.rows(orders) == [("acme-europe", start, start, None, None)]
    operator.execute("UPDATE package_orders SET next_period_start = '2026-09-01Z'")
    changed = rome.replace("2026-07-01}", "2026-07-01, priority: 7}")
    assert operator.apply(changed).status == 0
    assert operator.rows("SELECT priority, next_period_start FROM package_orders") == [
        (7, datetime(2026, 9, 1, tzinfo=UTC))
    ]


def test_an_order_of_a_phone_is_its_accounts(operator: Operator) -> None:
    text = RATED.replace("account: acme, available", "phone: 390210001, available")
    assert operator.apply(text).status == 0
    query = (
        "SELECT a.name, p.number FROM package_orders o JOIN accounts a ON a.id = o.account_id"
        " JOIN phones p ON p.id = o.phone_id"
    )
    assert operator.rows(query) == [("acme", "390210001")]
    other = text.replace("account: acme, monthly", "account: other, monthly")
    other = other.replace("accounts:\n", "accounts:\n  - {name: other, currency: USD}\n")
    assert operator.apply(other).out.splitlines()[:3] == [
        "+ account other",
        "~ phone 390210001",
        "    account: acme → other",
    ]
    assert operator.diff().out == "no differences\n"


def test_what_was_ordered_never_changes(operator: Operator) -> None:
    operator.apply(RATED)
    before = operator.everything
    ran = operator.apply(RATED.replace("2026-01-01}", "2026-01-02}"))
    assert (ran.status, said(ran.err)) == (
        1,
        [
            "line 36: package order acme-europe: its available_from is fixed:"
            " 2026-01-01T00:00:00Z, the file says 2026-01-02T00:00:00Z"
        ],
    )
    assert operator.everything == before


def test_an_order_that_opened_no_period_may_be_pruned(operator: Operator) -> None:
    operator.apply(RATED)
    ran = operator.apply("package_orders: []\npackages: []\nphones: []\n", "--prune")
    assert ran.out.splitlines() == [
        "- phone 390210001 removed",
        "- package europe-500 removed",
        "- package order acme-europe removed",
        "applied: configuration version 2",
    ]
    assert operator.rows("SELECT key FROM package_orders") == []
    assert operator.rows("SELECT number FROM phones") == []
    exported = operator.export().out
    assert "packages: []" in exported
    assert operator.apply(RATED).status == 0
    assert operator.rows("SELECT name, closed_at FROM packages") == [("europe-500", None)]


def test_an_order_with_periods_is_cancelled_by_command_instead(operator: Operator) -> None:
    operator.apply(RATED)
    open_period(operator)
    before = operator.everything
    ran = operator.apply("package_orders: []\npackages: []\n", "--prune")
    assert (ran.status, said(ran.err)) == (
        1,
        [
            "line 1: package order acme-europe has opened periods and cannot be removed:"
            " end it with 'tollgate packages cancel acme-europe'",
            "line 2: package europe-500 has periods that still run and cannot be removed:"
            " it can be when they have ended",
        ],
    )
    assert operator.everything == before
    ran = operator.apply("packages: []\n", "--prune")
    assert said(ran.err)[0] == (
        "line 1: package order acme-europe: there is no package 'europe-500'"
    )


def test_an_order_that_a_command_placed_is_exported_and_applied(operator: Operator) -> None:
    """Commands take any text as a key."""
    operator.apply(RATED)
    operator.execute(
        "INSERT INTO package_orders (key, package_id, account_id, available_from,"
        " next_period_start, priority) SELECT 'Anna''s {1} — \"x\": order', package_id, account_id,"
        " available_from, available_from, 999999999 FROM package_orders"
    )
    exported = operator.export().out
    assert operator.apply(exported, "--prune").out == "no changes\n"
    open_period(operator)
    ran = operator.apply("package_orders: []", "--prune")
    cancel = said(ran.err)[0].partition("'tollgate packages cancel ")[2]
    assert shlex.split(cancel.removesuffix("'")) == ['Anna\'s {1} — "x": order']


def test_a_package_that_is_ordered_meanwhile_is_not_removed(operator: Operator) -> None:
    operator.apply(RATED.replace("package_orders:", "# package_orders:").replace("  - {key", "# "))
    store = PostgresConfigurationStore(operator.engine)
    with store.begin() as work:
        reading = read_configuration("packages: []", MemoryDecks())
        change = compare(work.state(), reading.wanted, prune=True)
        operator.execute(
            "INSERT INTO package_orders (key, package_id, account_id, available_from,"
            " next_period_start) SELECT 'late', k.id, a.id, now(), now()"
            " FROM packages k, accounts a WHERE a.name = 'acme'"
        )
        with pytest.raises(TollgateError, match="ordered meanwhile: package europe-500 by late"):
            work.write(change)
    assert operator.rows("SELECT closed_at FROM packages") == [(None,)]


def test_an_order_that_is_over_is_history(operator: Operator) -> None:
    operator.apply(RATED)
    open_period(operator, end="2026-02-01")
    end_orders(operator)
    assert operator.apply().out == "no changes\n"
    assert "acme-europe" not in operator.export().out
    assert operator.apply("package_orders: []\npackages: []\n", "--prune").out.splitlines() == [
        "- package europe-500 removed",
        "applied: configuration version 2",
    ]
    longer = RATED.replace("2026-01-01}", "2026-01-01, rent_percent: 1}")
    assert said(operator.apply(longer).err) == [
        "line 36: package order acme-europe is over: place another one, with its own key"
    ]
    assert operator.rows("SELECT key, next_period_start FROM package_orders") == [
        ("acme-europe", None)
    ]


@pytest.mark.parametrize(
    ("history", "said_of_it"),
    [
        (
            "INSERT INTO phone_months (phone_id, month) SELECT id, '2026-01-01' FROM phones",
            "has months of charges",
        ),
        (
            "INSERT INTO recurring_charges (kind, object_id, period_start, account_id, source,"
            " currency, balance_after, at) SELECT 'phone_rent', id, now(), account_id, '', 'USD',"
            " 0, now() FROM phones",
            "has months of charges",
        ),
        (
            "INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id,"
            " routing_gateway_ids, payer_ids, payer_reserved, granted_s, offered_at, ticket,"
            " phone_id) SELECT gen_random_uuid(), 's', account_id, 1, '{}', '{}', '{}', 60, now(),"
            " '', id FROM phones",
            "has calls in progress",
        ),
        (
            "INSERT INTO package_orders (key, package_id, account_id, phone_id, available_from)"
            " SELECT 'old', k.id, p.account_id, p.id, now() FROM phones p, packages k",
            "has package orders that are over",
        ),
    ],
)
def test_a_phone_with_a_history_is_not_removed(
    operator: Operator, history: str, said_of_it: str
) -> None:
    operator.apply(RATED)
    operator.execute(history)
    ran = operator.apply("phones: []", "--prune")
    assert (ran.status, said(ran.err)) == (
        1,
        [
            f"line 1: phone 390210001 {said_of_it} and cannot be removed:"
            " lock it, and set its monthly amounts to 0"
        ],
    )


def test_a_closed_account_takes_its_locked_phones_and_frees_its_prices(operator: Operator) -> None:
    private = RATED.replace("    rate_group: sell\n", "    private_rate_group: sell\n")
    locked = private.replace("monthly_rent: 2.50", "rate_group: sell, locked: true")
    operator.apply(locked)
    operator.execute("INSERT INTO phone_months (phone_id, month) SELECT id, now() FROM phones")
    ran = operator.apply(VENDOR_ONLY + "package_orders: []\n", "--prune")
    assert ran.status == 0, ran.err
    assert operator.apply("rate_groups: [{name: cost, currency: USD}]", "--prune").status == 0
    assert operator.rows("SELECT name FROM rate_groups") == [("cost",)]
    assert operator.rows("SELECT number, rate_group_id FROM phones") == [("390210001", None)]
    exported = operator.export().out
    assert ("phones: []" in exported, "390210001" in exported) == (True, False)
    assert operator.diff("phones: []", "--prune").status == 0


def test_what_is_in_use_is_not_pruned(operator: Operator) -> None:
    text = RATED.replace(
        "  - name: sell\n",
        "  - name: sell\n    calendar: italy\n    owner: agent\n    agents: [agent]\n",
    ).replace("accounts:\n", "accounts:\n  - {name: agent, currency: USD}\n")
    text = text.replace("    rate_group: sell\n", "    parent: agent\n    rate_group: sell\n")
    assert operator.apply(text).status == 0
    before = operator.everything
    assert said(operator.apply("calendars: []", "--prune").err) == [
        "line 1: rate group sell: there is no calendar 'italy'"
    ]
    acme = "accounts:\n  - {name: acme, currency: USD}\n"
    ran = operator.apply(VENDOR_ONLY.replace("accounts:\n", acme), "--prune")
    assert (ran.status, said(ran.err)) == (
        1,
        ["line 2: rate group sell: its account agent is closed"],
    )
    assert operator.everything == before


def test_groups_that_are_each_others_periods_go_together(operator: Operator) -> None:
    pair = (
        "calendars: [{name: c}]\nrate_groups:\n"
        "  - {name: a, currency: USD, calendar: c, period_rates: [{rate_group: b}]}\n"
        "  - {name: b, currency: USD, period_rates: [{rate_group: a}]}\n"
    )
    assert operator.apply(pair).status == 0
    assert operator.apply("calendars: []\nrate_groups: []\n", "--prune").status == 0
    assert operator.rows("SELECT name FROM rate_groups UNION SELECT name FROM calendars") == []


def test_prices_of_a_closed_package_hold_nothing_back(operator: Operator) -> None:
    text = RATED.replace("multiplier: 0.5", "rate_group: weekend").replace(
        "rate_groups:\n", "rate_groups:\n  - {name: weekend, currency: USD}\n"
    )
    text = text.replace("    rent: 9.99\n", "    calendar: italy\n")
    assert operator.apply(text).status == 0
    assert operator.apply("packages: []\npackage_orders: []", "--prune").status == 0
    less = "calendars: []\nrate_groups:\n  - {name: sell, currency: USD}\n"
    assert operator.apply(less + "  - {name: cost, currency: USD}\n", "--prune").status == 0
    assert operator.rows("SELECT name FROM rate_groups ORDER BY 1") == [("cost",), ("sell",)]


def test_a_reading_of_sections_that_stored_rates_cannot_have_is_refused(operator: Operator) -> None:
    group = "rate_groups:\n  - name: g\n    currency: USD\n    section_mode: {}\n"
    rate = '    rates: [{prefix: 39, tiers: "0|0:0.05/60/60", sections: "60:0.1;60:0.2"}]\n'
    assert operator.apply(group.format("increment") + rate).status == 0
    ran = operator.apply(group.format("cumulative_step"))
    assert (ran.status, said(ran.err)) == (
        2,
        [
            "line 4: rate group g: stored rate 39: section 2 (60:0.2):"
            " is not longer than 60 s before it"
        ],
    )
    assert (
        operator.apply(group.format("cumulative_step") + rate.replace("60:0.2", "90:0.2")).status
        == 0
    )
