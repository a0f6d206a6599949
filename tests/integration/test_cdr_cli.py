"""`tollgate cdr`: files settle once, exports are exact and harmless, a record tells its story."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.cli.cdr import cdr_group
from controller.config import Settings
from controller.domain.call_record import RecordRules
from controller.persistence import schema as t
from controller.persistence.cdr_store import PostgresRecords
from controller.services.books import Ingested, ingest
from tests.integration.command_line import Ran, run, settings_for
from tests.integration.placed_calls import Caller, end_of, set_age, write_cdr_file
from tests.ledger_check import assert_books_balance
from tests.seed import Agent, Seed, give_package, plant

pytestmark = pytest.mark.postgres

PERIOD = ("--from", "2020-01-01", "--to", "2100-01-01")


@pytest.fixture
def unplanted(database_url: str, tmp_path: Path) -> Settings:
    spool = tmp_path / "spool"
    spool.mkdir()
    return settings_for(database_url, tmp_path, cdr_spool=spool)


@pytest.fixture
def settings(unplanted: Settings, engine: sa.Engine) -> Settings:
    plant(engine, Seed((5061, 5062), balance=Decimal(1000), tax_percent=Decimal(10)))
    return unplanted


@pytest.fixture
def caller(settings: Settings, engine: sa.Engine) -> Iterator[Caller]:
    caller = Caller(engine, settings.database_url or "")
    yield caller
    caller.close()


@pytest.fixture
def resold(database_url: str, engine: sa.Engine) -> Iterator[str]:
    """A call of 30 s through an agency, 10 s of them free and 0.05 of it a gift; its id."""
    agency = Agent("agency", {"39": "0|0:0.50/60/1"})
    plant(engine, Seed((5061,), tax_percent=Decimal(10), agents=(agency,)))
    with engine.begin() as connection:
        give_package(connection, "customer", 10, Decimal("0.05"))
    caller = Caller(engine, database_url)
    yield caller.place(30)
    caller.close()


def correct_the_sale(settings: Settings, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            t.rates.update().where(t.rates.c.rate_group_id == 1).values(tiers="0|0:1.2/60/1")
        )
    until = datetime.now(UTC).isoformat()
    period = ("--from", "2020-01-01", "--to", until)
    assert run(cdr_group, settings, "rerate", *period, "--apply", "--key", "k").status == 0


def ingested(settings: Settings, *arguments: str | Path) -> Ran:
    return run(cdr_group, settings, "ingest", "--json", *arguments)


class TestIngest:
    def test_settles_what_is_open_and_takes_the_files_away(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        for talked_s in (0, 10, 20):
            write_cdr_file(settings.spool_dir, end_of(caller.admit(), talked_s))
        ran = ingested(settings)
        assert ran.status == 0
        assert ran.json == {
            "read": 3,
            "settled": 3,
            "known": 0,
            "failed": {},
            "unreadable": {},
            "too_young": 0,
        }
        assert list(settings.spool_dir.iterdir()) == []
        with engine.connect() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(t.calls)) == 0
            durations = connection.scalars(sa.select(t.cdrs.c.duration_s)).all()
        assert sorted(durations) == [0, 10, 20]
        assert_books_balance(engine)

    def test_a_call_without_the_database_waits_until_that_knows_of_it(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        """Or until a person says that nobody will ever tell."""
        ended = replace(end_of(caller.draft(), 10), offline=True)
        write_cdr_file(settings.spool_dir, ended)
        ran = ingested(settings)
        assert (ran.status, ran.json["settled"]) == (1, 0)
        (why,) = ran.json["failed"].values()
        assert why == "admitted without the database, which does not know of it yet"
        assert len(list(settings.spool_dir.iterdir())) == 1
        ran = ingested(settings, "--without-admission")
        assert (ran.status, ran.json["settled"]) == (0, 1)
        with engine.connect() as connection:
            (record,) = connection.execute(sa.select(t.cdrs)).all()
        assert (record.duration_s, record.net, record.review) == (
            10,
            0,
            "answered without having been admitted",
        )
        assert list(settings.spool_dir.iterdir()) == []

    def test_again_is_nothing_new(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        ended = end_of(caller.admit(), 10)
        write_cdr_file(settings.spool_dir, ended)
        first = ingested(settings, "--keep").json
        again = ingested(settings, "--keep").json
        assert (first["settled"], first["known"]) == (1, 0)
        assert (again["settled"], again["known"]) == (0, 1)
        assert len(list(settings.spool_dir.iterdir())) == 1
        assert_books_balance(engine)

    def test_a_call_that_the_controller_settled_is_known(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        ticket = caller.admit()
        write_cdr_file(settings.spool_dir, caller.settle(ticket, 10))
        assert ingested(settings).json["known"] == 1
        assert list(settings.spool_dir.iterdir()) == []
        assert_books_balance(engine)

    def test_a_named_folder_and_many_files(
        self, settings: Settings, caller: Caller, tmp_path: Path, engine: sa.Engine
    ) -> None:
        """More than one commit's worth, kept in place."""
        folder = tmp_path / "other"
        folder.mkdir()
        ticket = caller.admit()
        for number in range(600):
            ended = replace(end_of(ticket, 0), call_id=f"00000000-0000-4000-8000-{number:012d}")
            write_cdr_file(folder, ended)
        ran = ingested(settings, folder, "--keep")
        assert (ran.status, ran.json["settled"]) == (0, 600)
        assert len(list(folder.iterdir())) == 600
        caller.settle(ticket)
        assert_books_balance(engine)

    def test_a_file_that_is_no_record_is_set_aside(
        self, settings: Settings, caller: Caller
    ) -> None:
        write_cdr_file(settings.spool_dir, end_of(caller.admit(), 5))
        broken = settings.spool_dir / "11111111-1111-4111-8111-111111111111.cdr.json"
        broken.write_text("{")
        set_age(broken, 60)
        ran = ingested(settings)
        assert ran.status == 1
        assert (ran.json["settled"], list(ran.json["unreadable"])) == (1, [broken.name])
        assert [path.suffix for path in settings.spool_dir.iterdir()] == [".bad"]
        shown = run(cdr_group, settings, "ingest")
        assert shown.status == 0
        assert shown.out.startswith("0 records: 0 settled")

    def test_a_file_that_may_be_half_written_is_left(
        self, settings: Settings, caller: Caller
    ) -> None:
        path = write_cdr_file(settings.spool_dir, end_of(caller.admit(), 5), age_s=0)
        assert ingested(settings).json["too_young"] == 1
        assert path.exists()

    def test_a_record_that_the_database_refuses_harms_no_other(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        good = [end_of(caller.admit(), 5) for _ in range(3)]
        poisoned = replace(good[0], call_id="22222222-2222-4222-8222-222222222222", q850=99_999)
        for ended in (*good, poisoned):
            write_cdr_file(settings.spool_dir, ended)
        ran = ingested(settings)
        assert ran.status == 1
        assert (ran.json["settled"], list(ran.json["failed"])) == (3, [poisoned.call_id])
        assert [p.name for p in settings.spool_dir.iterdir()] == [f"{poisoned.call_id}.cdr.json"]
        assert_books_balance(engine)

    def test_the_threshold_is_the_configured_one(
        self, settings: Settings, caller: Caller, engine: sa.Engine
    ) -> None:
        with engine.begin() as connection:
            connection.execute(
                t.configuration_state.update().values(parameters={"hold_time_threshold_ms": 700})
            )
        ended = end_of(caller.admit(), 10)
        write_cdr_file(settings.spool_dir, replace(ended, ended_us=ended.ended_us + 650_000))
        ingested(settings)
        with engine.connect() as connection:
            assert connection.scalar(sa.select(t.cdrs.c.duration_s)) == 10

    def test_no_folder_is_bad_input(self, settings: Settings, tmp_path: Path) -> None:
        ran = ingested(settings, tmp_path / "nowhere")
        assert (ran.status, len(ran.err.splitlines())) == (2, 1)

    def test_one_call_twice_in_a_piece_is_one_entry(self, caller: Caller) -> None:
        ended = end_of(caller.admit(), 5)
        heard: list[str] = []
        totals = list(ingest([ended, ended], caller.store, RecordRules(), heard.append))
        assert totals == [Ingested(settled=1)]
        assert heard == [ended.call_id]


class TestExport:
    def test_csv_is_exact(self, settings: Settings, caller: Caller) -> None:
        calls = [caller.place(talked_s) for talked_s in (0, 10, 61)]
        ran = run(cdr_group, settings, "export", *PERIOD)
        assert ran.status == 0
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        assert {row["call_id"] for row in rows} == set(calls)
        longest = max(rows, key=lambda row: int(row["duration_s"]))
        # 60 s were granted: what ran longer is the platform's loss, and the vendor's gain
        assert (longest["net"], longest["tax"], longest["cost"]) == ("0.6", "0.06", "0.305")
        assert (longest["account"], longest["cost_account"]) == ("customer", "vendor-1")
        assert longest["started_at"].endswith("Z")

    def test_jsonl_has_amounts_as_text(self, settings: Settings, caller: Caller) -> None:
        caller.place(10)
        caller.record_refused()
        ran = run(cdr_group, settings, "export", *PERIOD, "--format", "jsonl")
        rows = [json.loads(line) for line in ran.out.splitlines()]
        assert sorted(row["net"] for row in rows) == ["0", "0.1"]
        assert {row["account"] for row in rows} == {"customer", ""}

    def test_a_spreadsheet_runs_nothing(self, settings: Settings, caller: Caller) -> None:
        caller.record_refused(caller="=cmd|' /C calc'!A0", callee="@SUM(1)", sip_call_id="+1*2")
        ran = run(cdr_group, settings, "export", *PERIOD)
        row = next(csv.DictReader(io.StringIO(ran.out)))
        assert row["caller_received"] == "'=cmd|' /C calc'!A0"
        assert (row["callee_received"], row["sip_call_id"]) == ("'@SUM(1)", "'+1*2")

    def test_a_file_is_whole_or_not_there(
        self, settings: Settings, caller: Caller, tmp_path: Path
    ) -> None:
        caller.place(10)
        out = tmp_path / "calls.csv"
        ran = run(cdr_group, settings, "export", *PERIOD, "--out", out)
        assert (ran.status, ran.out) == (0, "")
        assert len(out.read_text(encoding="utf-8").splitlines()) == 2
        assert not list(tmp_path.glob(".*.part"))
        nowhere = tmp_path / "no" / "calls.csv"
        assert run(cdr_group, settings, "export", *PERIOD, "--out", nowhere).status == 2

    def test_the_end_of_a_period_is_not_in_it(self, caller: Caller, engine: sa.Engine) -> None:
        caller.place(10)
        with engine.connect() as connection:
            started_at = connection.scalar(sa.select(t.cdrs.c.started_at))
        assert started_at is not None
        records = PostgresRecords(engine)
        assert list(records.between(None, started_at)) == []
        assert len(list(records.between(started_at, None))) == 1

    def test_one_row_for_each_party_as_it_stands(
        self, unplanted: Settings, engine: sa.Engine, resold: str
    ) -> None:
        correct_the_sale(unplanted, engine)
        ran = run(cdr_group, unplanted, "export", *PERIOD, "--lines")
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        assert [(row["call_id"], row["side"], row["revision"]) for row in rows] == [
            (resold, "customer", "1"),
            (resold, "agent", "0"),
            (resold, "vendor", "0"),
        ]
        sale = rows[0]
        assert (sale["net"], sale["tax"], sale["gross"], sale["gift"], sale["packages"]) == (
            *("0.4", "0.04", "0.44", "0.05"),
            "customer-package",
        )
        jsonl = run(cdr_group, unplanted, "export", *PERIOD, "--lines", "--format", "jsonl").out
        assert [json.loads(line)["account"] for line in jsonl.splitlines()] == [
            "customer",
            "agency",
            "vendor-1",
        ]

    @pytest.mark.parametrize(
        "period",
        [
            ("--from", "yesterday", "--to", "2100-01-01"),
            ("--from", "2100-01-01", "--to", "2020-01-01"),
        ],
    )
    def test_bad_periods(self, settings: Settings, period: tuple[str, ...]) -> None:
        ran = run(cdr_group, settings, "export", *period)
        assert (ran.status, len(ran.err.splitlines())) == (2, 1)

    def test_memory_does_not_grow_with_the_period(self, caller: Caller, engine: sa.Engine) -> None:
        """The rows come through a server-side cursor: the first is here before the last is read."""
        caller.place(10)
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO cdrs SELECT (json_populate_record(c, json_build_object('call_id',"
                    " gen_random_uuid()))).* FROM cdrs c, generate_series(1, 9999)"
                )
            )
        fetched: list[str] = []
        sa.event.listen(
            engine, "before_cursor_execute", lambda *args: fetched.append(type(args[1]).__name__)
        )
        rows = PostgresRecords(engine).between(None, None)
        next(rows)
        assert fetched[-1] == "ServerCursor"
        assert sum(1 for _ in rows) == 9_999


class TestShow:
    def test_a_record_with_attempts_trace_and_postings(
        self, settings: Settings, caller: Caller
    ) -> None:
        call_id = caller.place(30)
        ran = run(cdr_group, settings, "show", call_id.upper(), "--json")
        assert ran.status == 0
        record = ran.json
        assert (record["call_id"], record["gross"], record["margin"]) == (call_id, "0.33", "0.15")
        assert [a["gateway"] for a in record["attempt_records"]] == ["vendor-1-trunk"]
        assert record["trace"][0]["step"] == "identify"
        assert {p["kind"]: (p["debit"], p["amount"]) for p in record["postings"]} == {
            "call_charge": ("customer", "0.3"),
            "call_tax": ("customer", "0.03"),
            "call_cost": ("vendor-1", "0.15"),
        }
        shown = run(cdr_group, settings, "show", call_id).out
        assert "vendor-1-trunk" in shown
        assert "mapping gateway customer-trunk" in shown

    def test_every_party_has_its_line_its_margin_and_its_postings(
        self, unplanted: Settings, resold: str
    ) -> None:
        record = run(cdr_group, unplanted, "show", resold, "--json").json
        assert [
            (row["party"], row["side"], row["account"], row["rate_group"], row["prefix"])
            for row in record["lines"]
        ] == [
            (0, "customer", "customer", "sell", "39"),
            (1, "agent", "agency", "agency-deck", "39"),
            (-1, "vendor", "vendor-1", "cost", "39"),
        ]
        sale, agent, _ = record["lines"]
        assert (sale["rated_s"], sale["free_s"], sale["billed_s"], sale["raw"]) == (
            30,
            10,
            20,
            "1/5",
        )
        assert (sale["net"], sale["tax"], sale["gross"], sale["gift"]) == (
            *("0.2", "0.02", "0.22", "0.05"),
        )
        assert (sale["packages"], agent["packages"]) == (["customer-package"], [])
        # the agent: 0.2 - 0.25; the operator: 0.25 - 0.15
        assert [(m["account"], m["amount"]) for m in record["margins"]] == [
            ("agency", "-0.05"),
            ("", "0.1"),
        ]
        assert sorted((p["kind"], p["debit"], p["credit"]) for p in record["postings"]) == [
            ("call_charge", "agency", "revenue:USD"),
            ("call_charge", "customer", "resale:USD"),
            ("call_cost", "vendor-1", "termination_cost:USD"),
            ("call_tax", "customer", "resale:USD"),
            ("gift", "gifts:USD", "customer"),
        ]
        shown = run(cdr_group, unplanted, "show", resold).out
        assert "the operator" in shown
        assert "customer-package" in shown

    def test_a_correction_is_shown_with_what_it_corrected(
        self, unplanted: Settings, engine: sa.Engine, resold: str
    ) -> None:
        correct_the_sale(unplanted, engine)
        record = run(cdr_group, unplanted, "show", resold, "--json").json
        sale = [(row["revision"], row["net"]) for row in record["lines"] if row["party"] == 0]
        assert sale == [(0, "0.2"), (1, "0.4")]
        assert record["net"] == "0.2"
        assert record["margins"][0]["amount"] == "0.15"
        corrections = [p for p in record["postings"] if p["kind"] == "correction"]
        assert [(p["debit"], p["amount"], p["memo"]) for p in corrections] == [
            ("customer", "0.2", "re-rating k"),
            ("customer", "0.02", "re-rating k"),
        ]

    def test_calls_without_a_record(self, settings: Settings, caller: Caller) -> None:
        unknown = run(cdr_group, settings, "show", "33333333-3333-4333-8333-333333333333")
        assert (unknown.status, unknown.err.strip()[-7:]) == (1, "unknown")
        going_on = run(cdr_group, settings, "show", caller.admit().call_id)
        assert (going_on.status, "in progress on switch-1" in going_on.err) == (1, True)
        assert run(cdr_group, settings, "show", "7").status == 2


class TestReview:
    def test_lists_only_what_a_person_should_look_at(
        self, settings: Settings, caller: Caller
    ) -> None:
        caller.place(30)
        assert run(cdr_group, settings, "review").out == "nothing to review\n"
        too_long = caller.place(100)
        rows = run(cdr_group, settings, "review", "--json").json
        assert [(row["call_id"], row["review"]) for row in rows] == [
            (too_long, "talked 100 s, 60 s were granted")
        ]
        assert too_long in run(cdr_group, settings, "review").out
        early = run(cdr_group, settings, "review", "--json", "--to", "2020-01-01")
        assert early.json == []
