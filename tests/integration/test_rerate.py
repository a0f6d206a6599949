"""`tollgate cdr rerate`: differences first, corrections once, and books that stay right."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.cdr import cdr_group
from controller.cli.ledger import ledger_group
from controller.config import Settings
from controller.domain.errors import StoreUnavailable
from controller.persistence import rerate_store
from controller.services.journal_entries import Extend
from controller.services.rerate import run as running
from controller.services.rerate.ports import Applied, Correction
from tests.integration.account_office import ROOT
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import SECOND_US, Caller
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Customer, Seed, give_package, plant

pytestmark = pytest.mark.postgres

AGENTS = (
    Agent("reseller", {"39": "0|0:0.10/60/60"}, tax_percent=Decimal(10)),
    Agent("master", {"39": "0|0:0.06/60/60"}, tax_percent=Decimal(20)),
)


def chain(**changes: Any) -> Seed:
    """A minute costs the customer 0.15 + 10 %, the reseller 0.10 + 10 %, the master 0.06 + 20 %;
    the vendor gets 0.03."""
    seed: dict[str, Any] = {
        "sell": {"39": "0|0:0.15/60/60"},
        "cost": {"39": "0|0:0.03/60/60"},
        "tax_percent": Decimal(10),
        "agents": AGENTS,
    }
    return Seed((5080,), **(seed | changes))


@dataclass
class Office:
    """A billing clerk with the commands, the database and calls that were made."""

    engine: sa.Engine
    settings: Settings
    caller: Caller

    def rerate(self, *options: str | Path) -> Ran:
        until = datetime.now(UTC).isoformat()
        return run(
            cdr_group, self.settings, "rerate", "--from", "2020-01-01", "--to", until, *options
        )

    def report(self, *options: str | Path) -> Any:
        return self.rerate("--json", *options).json

    def apply(self, key: str, *options: str | Path) -> Any:
        return self.report("--apply", "--key", key, *options)

    def reprice(self, group: str, tiers: str) -> None:
        self.execute(
            "UPDATE rates SET tiers = :tiers WHERE rate_group_id ="
            " (SELECT id FROM rate_groups WHERE name = :group)",
            tiers=tiers,
            group=group,
        )

    def execute(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def corrections(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT d.name, c.name, trim_scale(p.amount)::text FROM postings p"
            " JOIN accounts d ON d.id = p.debit_account_id"
            " JOIN accounts c ON c.id = p.credit_account_id"
            " WHERE p.kind = 'correction' ORDER BY d.name, c.name, p.amount"
        )

    def revisions(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT party, revision, trim_scale(net)::text, trim_scale(tax)::text, prefix,"
            " billed_s FROM cdr_charges ORDER BY party = -1, party, revision, call_id"
        )

    def balance(self, account: str) -> Decimal:
        query = (
            "SELECT f.balance FROM account_funds f JOIN accounts a ON a.id = f.account_id"
            " WHERE a.name = :account"
        )
        return Decimal(self.rows(query, account=account)[0][0])

    def assert_verified(self) -> None:
        assert_books_balance(self.engine)
        verified = run(ledger_group, self.settings, "verify", "--json")
        assert verified.json["differences"] == []
        assert verified.status == 0

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """What a dry run must leave as it is."""
        tables = ("cdrs", "cdr_charges", "postings", "account_funds", "rerating_runs")
        return [
            sorted(self.rows(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - names in code
            for name in tables
        ]


@pytest.fixture
def office(engine: sa.Engine, database_url: str, tmp_path: Path) -> Iterator[Office]:
    plant(engine, chain())
    office = Office(engine, settings_for(database_url, tmp_path), Caller(engine, database_url))
    yield office
    office.caller.close()


def totals(report: Any) -> dict[str, tuple[str, str, str]]:
    return {
        t["account"]: (t["old_gross"], t["new_gross"], t["difference"]) for t in report["totals"]
    }


# -- differences --------------------------------------------------------------------------


def test_prices_of_the_call_show_no_difference(office: Office) -> None:
    """Free seconds, gift money, timers' slack, agents and taxes included."""
    with office.engine.begin() as connection:
        give_package(connection, "customer", 100, Decimal("0.1"))
    office.caller = Caller(office.engine, office.settings.database_url or "")
    for talked_s in (1, 30, 60, 61, 62, 90):
        office.caller.place(talked_s)
    office.caller.place(0)
    ran = office.rerate("--json")
    assert ran.status == 0
    assert ran.json["calls"] == {
        "compared": 6,
        "unchanged": 6,
        "changed": 0,
        "without_rate": 0,
        "without_line": 0,
    }
    assert ran.json["margin_difference"] == {}
    used = office.rows("SELECT sum(free_s), trim_scale(sum(gift))::text FROM cdr_charges")
    assert used == [(100, "0.1")]


def test_differences_are_shown_by_party_and_nothing_is_written(office: Office) -> None:
    office.caller.place(90)
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    office.reprice("master-deck", "0|0:0.05/60/60")
    office.reprice("cost", "0|0:0.03/60/1")
    before = office.everything()
    report = office.report()
    assert office.everything() == before
    assert report["applied"] is False
    assert report["calls"]["changed"] == 2
    # 90 s were granted 60 s: two minutes in all; the vendor gets the true 120 s
    assert totals(report) == {
        "customer": ("0.33", "0.44", "0.11"),
        "reseller": ("0.22", "0.22", "0"),
        "master": ("0.144", "0.12", "-0.024"),
        "vendor-1": ("0.09", "0.06", "-0.03"),
    }
    assert [(t["old_net"], t["new_net"]) for t in report["totals"]] == [
        ("0.3", "0.4"),
        ("0.12", "0.1"),
        ("0.2", "0.2"),
        ("0.09", "0.06"),
    ]
    # the top agent pays 0.02 less without tax, the vendor gets 0.03 less
    assert report["margin_difference"] == {"USD": "0.01"}
    assert [line["difference"] for line in report["largest"]][:3] == ["0.055", "0.055", "-0.015"]


def test_the_report_for_people_names_figures_and_what_to_do(office: Office) -> None:
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    ran = office.rerate()
    assert "1 calls: 0 unchanged, 1 changed, 0 without a rate now" in ran.out
    assert "customer  customer  USD      1        1        0     0.15      0.2" in ran.out
    assert "Largest differences" in ran.out
    assert "nothing was written; --apply --key KEY posts the corrections" in ran.out
    assert "reseller" not in office.rerate("--party", "customer").out


def test_the_details_have_every_line_that_differs(office: Office, tmp_path: Path) -> None:
    calls = [office.caller.place(30) for _ in range(3)]
    office.reprice("sell", "0|0:0.20/60/60")
    office.reprice("cost", "0|0:0.01/60/60")
    file = tmp_path / "details.csv"
    office.rerate("--details", file)
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted((row["call_id"], row["party"]) for row in rows) == sorted(
        (call, party) for call in calls for party in ("customer", "vendor")
    )
    sale = next(row for row in rows if row["party"] == "customer")
    assert {name: sale[name] for name in ("old_gross", "new_gross", "difference")} == {
        "old_gross": "0.165",
        "new_gross": "0.22",
        "difference": "0.055",
    }
    assert (sale["account"], sale["callee"], sale["rated_s"], sale["why_no_price"]) == (
        "customer",
        "390612345678",
        "30",
        "",
    )


def test_a_number_without_a_rate_is_listed_and_never_priced_0(
    office: Office, tmp_path: Path
) -> None:
    call = office.caller.place(30)
    office.execute("DELETE FROM rates WHERE rate_group_id = 1")
    office.reprice("cost", "0|0:0.01/60/60")
    file = tmp_path / "details.csv"
    ran = office.rerate("--apply", "--key", "k", "--json", "--details", file)
    assert ran.status == 1
    assert ran.json["calls"]["without_rate"] == 1
    assert [(row["call_id"], row["party"], row["why_no_price"]) for row in ran.json["without_rate"]]
    assert ran.json["without_rate"][0]["why_no_price"] == "no rate for 390612345678"
    assert ran.json["without_rate"][0]["call_id"] == call
    assert "no rate for 390612345678" in file.read_text(encoding="utf-8")
    # the vendor's line has a price: it is corrected
    assert office.corrections() == [("termination_cost:USD", "vendor-1", "0.02")]
    office.assert_verified()
    assert "Without a rate now, left as they are" in office.rerate().out


# -- which calls, which prices ------------------------------------------------------------


def test_calls_and_lines_are_chosen_by_account_gateway_party_and_time(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    other = Customer("other", 5999)
    plant(engine, chain(more_customers=(other,)))
    office = Office(engine, settings_for(database_url, tmp_path), Caller(engine, database_url))
    office.caller.place(30)
    office.execute("UPDATE mapping_gateway_addresses SET port = 1 WHERE port = 0")
    office.execute("UPDATE mapping_gateway_addresses SET port = 0 WHERE port = 5999")
    office.caller = Caller(engine, database_url)
    office.caller.place(30)

    def compared(*options: str) -> tuple[int, list[str]]:
        report = office.report(*options)
        return report["calls"]["compared"], [total["account"] for total in report["totals"]]

    assert compared() == (2, ["customer", "other", "master", "reseller", "vendor-1"])
    assert compared("--account", "other") == (1, ["other", "vendor-1"])
    assert compared("--account", "master") == (1, ["customer", "master", "reseller", "vendor-1"])
    assert compared("--account", "vendor-1")[0] == 2
    assert compared("--gateway", "other-trunk") == (1, ["other", "vendor-1"])
    assert compared("--gateway", "vendor-1-trunk")[0] == 2
    assert compared("--party", "agents") == (2, ["master", "reseller"])
    assert compared("--party", "vendor", "--account", "other") == (1, ["vendor-1"])
    long_ago = run(
        cdr_group, office.settings, "rerate", "--from", "2020-01-01", "--to", "2020-02-01", "--json"
    )
    assert long_ago.json["calls"]["compared"] == 0


def test_rates_count_that_are_valid_now_or_at_another_time_or_at_the_call(office: Office) -> None:
    office.caller.place(30, callee="390612345678")
    ago = datetime.now(UTC) - timedelta(seconds=5)
    office.execute("UPDATE rates SET effective_to = :at WHERE rate_group_id = 1", at=ago)
    office.execute(
        "INSERT INTO rates (rate_group_id, prefix, tiers, effective_from)"
        " VALUES (1, '39', '0|0:0.5/60/60', :at)",
        at=ago,
    )
    assert totals(office.report("--party", "customer"))["customer"][1] == "0.5"
    assert totals(office.report("--party", "customer", "--as-of-call"))["customer"][1] == "0.165"
    earlier = (ago - timedelta(seconds=1)).isoformat()
    at_a_time = office.report("--party", "customer", "--rates-at", earlier)
    assert totals(at_a_time)["customer"][1] == "0.165"


def test_a_deck_takes_the_place_of_a_rate_group(office: Office, tmp_path: Path) -> None:
    office.caller.place(30)
    office.reprice("cost", "0|0:9/60/60")
    file = tmp_path / "deck.csv"
    file.write_text("prefix,tiers,tax_percent\n39,0|0:1/60/60,10\n3906,0|0:0.18/60/60,10\n")
    report = office.report("--group", "sell", "--deck", file)
    # only the lines of the group: the vendor's new price is not asked for
    assert totals(report) == {"customer": ("0.165", "0.198", "0.033")}
    assert report["largest"][0]["new_prefix"] == "3906"
    assert report["deck"].startswith("deck.csv ")
    assert "deck.csv in the place of sell" in office.rerate("--group", "sell", "--deck", file).out
    other = office.report("--group", "sell=reseller-deck")
    assert totals(other) == {"customer": ("0.165", "0.11", "-0.055")}
    alone = office.report("--group", "sell")
    assert totals(alone) == {"customer": ("0.165", "0.165", "0")}


BAD = [
    (("--to", "2100-01-01"), "--to is in the future"),
    (("--from", "2100-01-01"), "--to is not after --from"),
    (("--apply",), "--apply needs --key"),
    (("--apply", "--key", "x" * 201), "--key: 1 to 200"),
    (("--account", "nobody"), "no account is named 'nobody'"),
    (("--gateway", "nothing"), "no gateway is named 'nothing'"),
    (("--group", "nothing"), "no rate group is named 'nothing'"),
    (("--group", "sell=nothing"), "no rate group is named 'nothing'"),
    (("--deck", "absent.csv"), "--deck FILE needs --group GROUP"),
    (("--deck", "absent.csv", "--group", "sell=cost"), "--deck FILE needs --group GROUP"),
    (("--deck", "absent.csv", "--group", "sell"), "absent.csv: No such file"),
    (("--rates-at", "2026-01-01", "--as-of-call"), "exclude each other"),
    (("--rates-at", "soon"), "--rates-at"),
    (("--from", "soon"), "--from"),
    (("--party", "nobody"), "nobody"),
]


@pytest.mark.parametrize(("options", "problem"), BAD)
def test_what_makes_no_sense_is_said_in_one_line(
    office: Office, options: Sequence[str], problem: str
) -> None:
    before = office.everything()
    ran = office.rerate(*options)
    assert ran.status == 2
    assert problem in ran.err
    assert office.everything() == before


def test_a_wrong_deck_is_refused_row_by_row(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "deck.csv"
    file.write_text("prefix,tiers\n39,0|0:1/60/60\nx,0|0:1/60/60\n39,\n")
    ran = office.rerate("--group", "sell", "--deck", file)
    assert ran.status == 2
    assert "row 3: prefix" in ran.err
    assert "row 4: no price" in ran.err
    office.execute("UPDATE rate_groups SET currency = 'EUR' WHERE name = 'cost'")
    assert "cost is in EUR" in office.rerate("--group", "sell=cost").err


# -- corrections --------------------------------------------------------------------------


def test_corrections_are_postings_and_revisions_and_nothing_is_edited(office: Office) -> None:
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    office.reprice("master-deck", "0|0:0.05/60/60")
    office.reprice("cost", "0|0:0.035/60/60")
    balances = {name: office.balance(name) for name in ("customer", "reseller", "master")}
    records = office.rows("SELECT * FROM cdrs")
    charged = office.rows("SELECT * FROM cdr_charges ORDER BY party")
    posted = office.rows("SELECT * FROM postings ORDER BY id")
    report = office.apply("june")
    assert report["corrected"] == {"lines": 3, "postings": 5, "before": 0}
    assert office.corrections() == [
        ("customer", "resale:USD", "0.005"),
        ("customer", "resale:USD", "0.05"),
        ("revenue:USD", "master", "0.01"),
        ("tax:USD", "master", "0.002"),
        ("vendor-1", "termination_cost:USD", "0.005"),
    ]
    assert office.revisions() == [
        (0, 0, "0.15", "0.015", "39", 60),
        (0, 1, "0.2", "0.02", "39", 60),
        (1, 0, "0.1", "0.01", "39", 60),
        (2, 0, "0.06", "0.012", "39", 60),
        (2, 1, "0.05", "0.01", "39", 60),
        (-1, 0, "0.03", "0", "39", 60),
        (-1, 1, "0.035", "0", "39", 60),
    ]
    assert office.balance("customer") == balances["customer"] - Decimal("0.055")
    assert office.balance("reseller") == balances["reseller"]
    assert office.balance("master") == balances["master"] + Decimal("0.012")
    assert office.rows("SELECT * FROM cdrs") == records
    old = "SELECT * FROM cdr_charges WHERE revision = 0 ORDER BY party"
    assert office.rows(old) == charged
    kept = "SELECT * FROM postings WHERE kind <> 'correction' ORDER BY id"
    assert office.rows(kept) == posted
    assert {
        row[0] for row in office.rows("SELECT memo FROM postings WHERE kind = 'correction'")
    } == {"re-rating june"}
    office.assert_verified()


def test_the_same_key_again_posts_nothing(office: Office) -> None:
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    until = datetime.now(UTC).isoformat()
    command = ("rerate", "--from", "2020-01-01", "--to", until, "--apply", "--key", "june")
    first = run(cdr_group, office.settings, *command)
    assert "applied: 1 lines corrected by 2 postings under the key june" in first.out
    after = office.everything()
    # also when prices have moved on since: what the key stands for is done
    office.reprice("sell", "0|0:0.40/60/60")
    again = run(cdr_group, office.settings, *command)
    assert (again.status, office.everything()) == (0, after)
    assert "nothing done now" in again.out
    other = office.rerate("--apply", "--key", "june", "--party", "vendor")
    assert other.status == 2
    assert "it stands for another re-rating" in other.err
    assert "party was all" in other.err
    assert office.everything() == after


def test_a_second_re_rating_compares_with_the_last_revision(office: Office) -> None:
    office.caller.place(30)
    before = office.balance("customer")
    for number, price in enumerate(("0.20", "0.10", "0.15"), start=1):
        office.reprice("sell", f"0|0:{price}/60/60")
        office.apply(f"run {number}")
        office.assert_verified()
    sale = [row[1:4] for row in office.revisions() if row[0] == 0]
    assert sale == [
        (0, "0.15", "0.015"),
        (1, "0.2", "0.02"),
        (2, "0.1", "0.01"),
        (3, "0.15", "0.015"),
    ]
    assert office.balance("customer") == before
    assert office.apply("run 4")["corrected"]["lines"] == 0


def test_free_seconds_and_gift_money_stay_used(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    """100 of 150 s were free, 0.05 of 0.165 was a gift: the other 50 s are priced again."""
    plant(engine, chain(agents=(), free_s=100, gift=Decimal("0.05")))
    office = Office(engine, settings_for(database_url, tmp_path), Caller(engine, database_url))
    ticket = office.caller.admit()
    for _ in range(2):
        office.caller.store.commit([Extend(ticket, 60, ticket.offered_us)])
    office.caller.settle(ticket, 150)
    package = office.rows("SELECT * FROM active_packages") + office.rows(
        "SELECT * FROM active_free_seconds"
    )
    before = office.balance("customer")
    office.reprice("sell", "0|0:0.06/60/1")
    office.apply("cheaper", "--party", "customer")
    lines = office.rows(
        "SELECT revision, trim_scale(net)::text, trim_scale(tax)::text, rated_s, free_s, billed_s,"
        " trim_scale(gift)::text FROM cdr_charges WHERE party = 0 ORDER BY revision"
    )
    assert lines == [
        (0, "0.15", "0.015", 150, 100, 60, "0.05"),
        (1, "0.05", "0.005", 150, 100, 50, "0.05"),
    ]
    assert office.balance("customer") == before + Decimal("0.11")
    assert package == office.rows("SELECT * FROM active_packages") + office.rows(
        "SELECT * FROM active_free_seconds"
    )
    office.assert_verified()


def test_an_interrupted_run_is_finished_by_the_same_command(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CORRECTED_AT_ONCE", 2)
    for _ in range(5):
        office.caller.place(30)
    before = office.balance("customer")
    office.reprice("sell", "0|0:0.20/60/60")
    correct = rerate_store._Run.correct
    pieces = 0

    def fails_later(self: rerate_store._Run, corrections: Sequence[Correction]) -> Applied:
        nonlocal pieces
        pieces += 1
        if pieces == 3:
            raise StoreUnavailable("the cable was pulled")
        return correct(self, corrections)

    until = datetime.now(UTC).isoformat()
    command = ("rerate", "--from", "2020-01-01", "--to", until, "--apply", "--key", "k")
    monkeypatch.setattr(rerate_store._Run, "correct", fails_later)
    assert "cable" in run(cdr_group, office.settings, *command).err
    assert office.rows("SELECT corrected, finished_at FROM rerating_runs") == [(4, None)]
    office.assert_verified()
    # another price by now: what is corrected under the key stays so, the rest gets today's
    office.reprice("sell", "0|0:0.30/60/60")
    monkeypatch.setattr(rerate_store._Run, "correct", correct)
    finished = run(cdr_group, office.settings, *command, "--json").json
    assert finished["corrected"] == {"lines": 1, "postings": 2, "before": 4}
    ((corrected, finished_at),) = office.rows("SELECT corrected, finished_at FROM rerating_runs")
    assert (corrected, finished_at is None) == (5, False)
    # who began it, once, however often it was gone on with
    log = office.rows("SELECT name, changes->'from'->>1 FROM audit_log WHERE action = 'rerate'")
    assert log == [("k", "2020-01-01T00:00:00Z")]
    assert office.balance("customer") == before - 4 * Decimal("0.055") - Decimal("0.165")
    office.assert_verified()


def test_two_at_once_are_refused(office: Office) -> None:
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    with rerate_store.PostgresRerate(office.engine).begin(ROOT, "one", {}, None, datetime.now(UTC)):
        ran = office.rerate("--apply", "--key", "two")
        assert ran.status == 1
        assert "another re-rating is being applied" in ran.err
        assert office.rerate("--json").json["calls"]["changed"] == 1
    assert office.apply("two")["corrected"]["lines"] == 1
    office.assert_verified()


def test_calls_in_progress_go_on_meanwhile_and_are_left_out(office: Office) -> None:
    office.caller.place(30)
    ticket = office.caller.admit()
    office.reprice("sell", "0|0:0.20/60/60")
    report = office.apply("k")
    assert (report["calls"]["compared"], report["in_progress"]) == (1, 1)
    office.assert_verified()
    office.caller.settle(ticket, 30)
    office.assert_verified()
    # it was charged what it was admitted at; a later run compares it as well
    assert office.apply("later")["corrected"]["lines"] == 1
    office.assert_verified()


def test_a_call_of_another_month_is_found_in_its_own_partition(office: Office) -> None:
    at_us = int((datetime.now(UTC) - timedelta(days=40)).timestamp()) * SECOND_US
    office.caller.settle(office.caller.admit(started_us=at_us), 30)
    office.reprice("sell", "0|0:0.20/60/60")
    assert office.apply("k")["corrected"]["lines"] == 1
    office.assert_verified()


FORGED = [
    ("UPDATE cdr_charges SET net = net + 0.01 WHERE party = 0 AND revision = 1", "corrections"),
    ("DELETE FROM cdr_charges WHERE party = 0 AND revision = 1", "corrections"),
    (
        "INSERT INTO cdr_charges (call_id, started_at, party, revision, account_id, billed_s, net,"
        " tax, currency) SELECT call_id, started_at, 2, 1, account_id, 60, net + 1, tax, currency"
        " FROM cdr_charges WHERE party = 2",
        "corrections",
    ),
    (
        "INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at,"
        " call_id) SELECT gen_random_uuid(), kind, credit_account_id, debit_account_id, 0.01,"
        " currency, at, call_id FROM postings WHERE kind = 'correction' AND amount = 0.05",
        "corrections",
    ),
    (
        "UPDATE account_funds SET balance = balance + 0.05 WHERE account_id ="
        " (SELECT id FROM accounts WHERE name = 'customer')",
        "balances",
    ),
]


@pytest.mark.parametrize(("forgery", "check"), FORGED)
def test_a_forged_revision_or_correction_is_told(office: Office, forgery: str, check: str) -> None:
    office.caller.place(30)
    office.reprice("sell", "0|0:0.20/60/60")
    office.apply("k")
    office.assert_verified()
    office.execute(forgery)
    verified = run(ledger_group, office.settings, "verify", "--json")
    assert verified.status == 1
    assert check in {difference["check"] for difference in verified.json["differences"]}
