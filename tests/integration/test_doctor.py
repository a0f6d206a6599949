"""`tollgate doctor`: every check in one line, none able to break or delay the others for long."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.cli.doctor import checks, doctor_command, switch_address
from controller.config import Settings
from controller.domain.errors import StoreUnavailable
from controller.domain.lease import Owner
from controller.drivers.freeswitch.inspection import inspect_spool
from controller.drivers.freeswitch.run_directory import find_binary
from controller.persistence import database
from controller.persistence import schema as t
from controller.persistence.lease_store import PostgresLeaseStore
from controller.persistence.offline_log import inspect_offline
from controller.services.diagnosis.clock_and_disk import judge_clock, judge_disk
from controller.services.diagnosis.database import DatabaseFacts, judge_database
from controller.services.diagnosis.offline import judge_offline
from controller.services.diagnosis.switch import judge_spool
from controller.services.doctor import Check, Finding, Status, examine
from tests.e2e.switch import running_switch
from tests.integration.command_line import run, settings_for
from tests.integration.event_socket_peer import PASSWORD, scripted_switch
from tests.integration.placed_calls import SWITCH, Caller, set_age
from tests.seed import Seed, plant

SOFIA = """\
                     Name\t   Type\t                                      Data\tState
=================================================================================================
                   trunks\tprofile\t              sip:tollgate@127.0.0.1:10175\tRUNNING (0)
                   phones\tprofile\t              sip:tollgate@127.0.0.1:15407\tRUNNING (0)
=================================================================================================
2 profiles 0 aliases
"""
HAND_OFF = "xml_locate dialplan context name tollgate"
CONTEXT = """<context name="tollgate">
      <extension name="hand_off">
          <condition>
              <action application="park"></action>

      </condition>

    </extension>

  </context>
"""
HANGUP = '<action application="hangup" data="NORMAL_TEMPORARY_FAILURE"></action>\n'
HEALTHY = {
    HAND_OFF: CONTEXT,
    f"{HAND_OFF}_phones": CONTEXT.replace("tollgate", "tollgate_phones"),
    "global_getvar park_timeout": "3:NORMAL_TEMPORARY_FAILURE",
    "version": "FreeSWITCH Version 1.11.1 (64bit)\n",
    "status": "0 session(s) per Sec out of max 2000, peak 0, last 5min 0 \n10000 session(s) max\n",
    "sofia status": SOFIA,
    "global_getvar core_uuid": "bd6b1d7d-3c99-4955-8ea7-3921338c6276",
    **{
        f"module_exists mod_{name}": "true"
        for name in ("commands", "dialplan_xml", "dptools", "event_socket", "json_cdr", "sofia")
    },
}


def examined(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(checks(settings))}


def healthy(**changed: str) -> Mapping[str, str]:
    micros = str(time.time_ns() // 1000)
    return {**HEALTHY, "strmicroepoch": micros, **changed}


@pytest.fixture
def settings(engine: sa.Engine, database_url: str, tmp_path: Path) -> Settings:
    plant(engine, Seed((5061, 5062)))
    spool = tmp_path / "spool"
    spool.mkdir()
    return settings_for(
        database_url, tmp_path, cdr_spool=spool, switch_password=PASSWORD, switch_timeout_s=1.0
    )


@pytest.fixture
def switch(settings: Settings) -> Iterator[Settings]:
    """The settings, with a healthy switch behind them."""
    with scripted_switch(healthy()) as port:
        yield settings.model_copy(update={"switch_port": port})


@contextmanager
def owned(url: str) -> Iterator[None]:
    """A controller has the lease of the switch."""
    leases = PostgresLeaseStore(url, SWITCH, 10.0)
    owner = Owner("00000001-0000-4000-8000-000000000000", "core-7", 4711)

    async def take() -> None:
        await leases.look(SWITCH)
        await leases.take(SWITCH, owner, 60.0, None)

    asyncio.run(take())
    yield
    leases.close()


def with_switch(settings: Settings, port: int) -> Settings:
    return settings.model_copy(update={"switch_port": port})


@pytest.mark.postgres
class TestWhole:
    def test_a_healthy_deployment(self, switch: Settings) -> None:
        url = switch.database_url or ""
        caller = Caller(database.make_engine(url), url)
        try:
            caller.place(5)  # its connection is what a controller's looks like
            with owned(url):
                ran = run(doctor_command, switch)
        finally:
            caller.close()
        assert ran.status == 0, ran.out
        assert {line[:4].strip() for line in ran.out.splitlines()} == {"ok"}
        names = [line[6:26].strip() for line in ran.out.splitlines()]
        assert names == [
            "database",
            "database version",
            "durable commits",
            "database clock",
            "controllers",
            "schema",
            "partitions",
            "default partitions",
            "ledger",
            "configuration",
            "rate groups",
            "gateway addresses",
            "routes",
            "sell rates",
            "routes of sold",
            "cost rates",
            "switch owner",
            "calls without owner",
            "switch link",
            "switch version",
            "SIP profiles",
            "sessions per second",
            "switch clock",
            "switch modules",
            "hand-off",
            "open calls",
            "CDR spool",
            "spool disk",
            "offline journal",
            "data disk",
        ]

    def test_json(self, switch: Settings) -> None:
        ran = run(doctor_command, switch, "--json")
        assert ran.status == 0
        assert ran.json["ok"] is True
        by_name = {check["check"]: check for check in ran.json["checks"]}
        assert by_name["controllers"]["status"] == "warn"
        assert by_name["controllers"]["remedy"] == "start 'tollgate run' or 'tollgate controller'"
        assert set(by_name["schema"]) == {"check", "status", "detail", "remedy"}

    def test_without_a_database_the_rest_is_still_checked(
        self, switch: Settings, tmp_path: Path
    ) -> None:
        away = switch.model_copy(update={"database_url": "postgresql://127.0.0.1:1/x"})
        ran = run(doctor_command, away, "--json")
        assert ran.status == 1
        found = {check["check"]: check for check in ran.json["checks"]}
        assert found["database"]["status"] == "fail"
        assert found["schema"]["detail"] == "not checked: database failed"
        assert found["partitions"]["detail"] == "not checked: schema failed"
        assert found["SIP profiles"]["status"] == "ok"
        assert found["data disk"]["status"] == "ok"
        nothing = settings_for("", tmp_path)
        assert "'tollgate run' makes one" in run(doctor_command, nothing).out
        assert not (tmp_path / "postgres").exists()

    def test_a_switch_that_hangs_costs_its_own_check_only(self, settings: Settings) -> None:
        began = time.monotonic()
        with scripted_switch({}, silent_on="") as port:  # connects, and then not a word
            found = examined(with_switch(settings, port))
        assert found["switch link"].status is Status.FAIL
        assert found["open calls"].detail == "not checked: switch link failed"
        assert found["CDR spool"].status is Status.OK
        with scripted_switch(healthy(), silent_on="sofia status") as port:
            found = examined(with_switch(settings, port))
        assert found["switch link"].status is Status.FAIL
        assert time.monotonic() - began < 15


@pytest.mark.postgres
class TestDatabase:
    def test_no_schema(self, settings: Settings, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
        found = examined(settings)
        assert (found["schema"].status, found["schema"].remedy) == (
            Status.FAIL,
            "run 'tollgate db upgrade'",
        )
        assert "not checked" in found["configuration"].detail

    def test_partitions(self, settings: Settings, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            tables = connection.scalars(
                sa.text(
                    "SELECT inhrelid::regclass::text FROM pg_inherits"
                    " WHERE inhparent = 'cdrs'::regclass ORDER BY 1"
                )
            ).all()
            this_month, next_month, *_ = [name for name in tables if name != "cdrs_default"]
            connection.execute(sa.text(f"DROP TABLE {next_month}"))
        found = examined(settings)["partitions"]
        assert (found.status, next_month in found.detail) == (Status.WARN, True)
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP TABLE {this_month}"))
        caller = Caller(engine, settings.database_url or "")
        caller.record_refused()
        caller.close()
        found_all = examined(settings)
        assert found_all["partitions"].status is Status.FAIL
        assert found_all["default partitions"].detail.endswith("1 in cdrs_default")

    def test_a_rate_that_cannot_be_used(self, settings: Settings, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            connection.execute(t.rates.update().values(tiers="nonsense"))
        found = examined(settings)["rates"]
        assert (found.status, "nonsense" in found.detail) == (Status.FAIL, True)

    def test_gaps_of_the_configuration(self, settings: Settings, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            sell, cost = (
                connection.execute(
                    sa.select(t.rate_groups.c.id).where(t.rate_groups.c.name == name)
                ).scalar_one()
                for name in ("sell", "cost")
            )
            connection.execute(
                t.rates.insert(),
                [
                    {"rate_group_id": sell, "prefix": "7", "tiers": "0|0:1/60/1", "locked": False},
                    {"rate_group_id": sell, "prefix": "44", "tiers": "0|0:1/60/1", "locked": True},
                    {"rate_group_id": cost, "prefix": "44", "tiers": "0|0:1/60/1", "locked": False},
                ],
            )
            gateways = {
                row.name: row.id for row in connection.execute(sa.select(t.routing_gateways))
            }
            connection.execute(
                t.routes.insert(),
                [
                    {"prefix": "44", "gateway_id": gateways["vendor-1-trunk"]},
                    {"prefix": "33", "gateway_id": gateways["vendor-1-trunk"]},
                    {"prefix": "49", "gateway_id": gateways["vendor-2-trunk"]},
                ],
            )
            connection.execute(
                t.routing_gateways.update()
                .where(t.routing_gateways.c.name == "vendor-2-trunk")
                .values(locked=True)
            )
            connection.execute(
                t.accounts.update()
                .where(t.accounts.c.name == "vendor-2")
                .values(rate_group_id=None)
            )
            connection.execute(t.mapping_gateway_addresses.delete())
        found = examined(settings)
        details = {name: (found[name].status, found[name].detail) for name in found}
        assert details["rate groups"] == (
            Status.WARN,
            "1 accounts with gateways and no rate group: vendor-2",
        )
        assert details["gateway addresses"][1].endswith(": customer-trunk")
        assert details["routes"][1].startswith("2 routes to gateways that are locked")
        assert "39 to vendor-2-trunk" in details["routes"][1]
        assert details["sell rates"][1] == (
            "destinations with routes and no sell rate: sell: 2 (33, 44)"
        )
        assert details["routes of sold"][1] == (
            "destinations with a sell rate and no route: sell: 1 (7)"
        )
        assert details["cost rates"][1].endswith("which is skipped: vendor-1-trunk: 1 (33)")

    def test_an_empty_operator(self, database_url: str, tmp_path: Path) -> None:
        found = examined(settings_for(database_url, tmp_path))
        assert found["gateways"].detail.endswith("no call can pass")


@pytest.mark.postgres
class TestSwitch:
    @pytest.mark.parametrize(
        ("changed", "check", "status", "words"),
        [
            (
                {"status": "0 session(s) per Sec out of max 30, peak 0"},
                "sessions per second",
                Status.WARN,
                "30 at most",
            ),
            (
                {"sofia status": SOFIA.replace("10175\tRUNNING (0)", "10175\tDOWN (0)")},
                "SIP profiles",
                Status.FAIL,
                "profile trunks is not running",
            ),
            (
                {"sofia status": SOFIA.replace("15407\tRUNNING (0)", "15407\tDOWN (0)")},
                "SIP profiles",
                Status.WARN,
                "phones",
            ),
            ({"sofia status": "-ERR no\n"}, "SIP profiles", Status.WARN, "does not tell"),
            (
                {"version": "FreeSWITCH (git simulator 64bit)", "sofia status": "-ERR no\n"},
                "SIP profiles",
                Status.OK,
                "simulator",
            ),
            (
                {"module_exists mod_json_cdr": "false"},
                "switch modules",
                Status.FAIL,
                "mod_json_cdr",
            ),
            (
                {HAND_OFF: CONTEXT.replace("</condition>", f"{HANGUP}</condition>")},
                "hand-off",
                Status.FAIL,
                "context tollgate runs park, hangup instead of park alone",
            ),
            ({HAND_OFF: "can't find anything\n"}, "hand-off", Status.WARN, "no context"),
            ({HAND_OFF: "-ERR no\n"}, "hand-off", Status.WARN, "no context"),
            (
                {HAND_OFF: "-ERR no\n", "version": "FreeSWITCH (git simulator 64bit)"},
                "hand-off",
                Status.OK,
                "simulator",
            ),
            ({"global_getvar park_timeout": ""}, "hand-off", Status.FAIL, "stay parked"),
            ({"strmicroepoch": "1000000"}, "switch clock", Status.FAIL, "behind this host"),
            ({"strmicroepoch": "-ERR no\n"}, "switch clock", Status.WARN, "does not tell"),
            ({"version": ""}, "switch version", Status.OK, "no version told"),
            ({"status": "\x1b[2J\nnonsense"}, "sessions per second", Status.WARN, "not tell"),
        ],
    )
    def test_what_it_says_of_itself(
        self, settings: Settings, changed: dict[str, str], check: str, status: Status, words: str
    ) -> None:
        with scripted_switch(healthy(**changed)) as port:
            found = examined(with_switch(settings, port))[check]
        assert (found.status, words in found.detail) == (status, True), found

    def test_whole_seconds_will_do_for_the_clock(self, settings: Settings) -> None:
        replies = {**healthy(strmicroepoch="-ERR no\n"), "strepoch": str(int(time.time()))}
        with scripted_switch(replies) as port:
            assert examined(with_switch(settings, port))["switch clock"].status is Status.OK

    def test_a_wrong_password(self, switch: Settings) -> None:
        found = examined(switch.model_copy(update={"switch_password": "wrong"}))["switch link"]
        assert found.status is Status.FAIL
        assert found.remedy.startswith("set TOLLGATE_SWITCH_PASSWORD")

    def test_open_calls_that_the_switch_does_not_have(
        self, settings: Settings, engine: sa.Engine
    ) -> None:
        caller = Caller(engine, settings.database_url or "")
        here, gone = caller.admit().call_id, caller.admit().call_id
        young = caller.admit(started_us=time.time_ns() // 1000).call_id
        caller.close()
        answers = {f"uuid_exists {here}": "true", f"uuid_exists {gone}": "false"}
        with scripted_switch(healthy(**answers, **{f"uuid_exists {young}": "false"})) as port:
            found = examined(with_switch(settings, port))["open calls"]
        assert (found.status, found.detail) == (
            Status.WARN,
            f"1 of 2 are unknown to the switch, first {gone}",
        )

    def test_a_switch_that_tollgate_run_started(self, tmp_path: Path) -> None:
        settings = settings_for("", tmp_path)
        assert switch_address(settings).port == 8021
        for name, port in (("simulator", 7001), ("freeswitch", 7002)):
            (tmp_path / name).mkdir()
            state = {"pid": 1, "password": "noted", "ports": {"event_socket": port}}
            (tmp_path / name / "switch.json").write_text(json.dumps(state))
            at = switch_address(settings)
            assert (at.port, at.password) == (port, "noted")
            assert at.spool.is_relative_to(tmp_path / name)
        set_one = settings.model_copy(update={"switch_password": "set"})
        assert switch_address(set_one).password == "set"

    @pytest.mark.freeswitch
    @pytest.mark.skipif(find_binary() is None, reason="no FreeSWITCH (FREESWITCH_BIN or PATH)")
    def test_a_real_switch(self, settings: Settings, tmp_path: Path) -> None:
        with running_switch(tmp_path / "freeswitch") as real:
            settings = settings.model_copy(
                update={
                    "switch_port": real.ports.event_socket,
                    "switch_password": real.process.password,
                    "cdr_spool": real.paths.cdr_spool,
                }
            )
            found = examined(settings)
        switch_checks = [
            "switch link",
            "switch version",
            "SIP profiles",
            "sessions per second",
            "switch clock",
            "switch modules",
            "hand-off",
            "open calls",
            "CDR spool",
        ]
        assert {name: found[name].status for name in switch_checks} == dict.fromkeys(
            switch_checks, Status.OK
        )
        assert found["SIP profiles"].detail == "phones, trunks running"
        assert found["sessions per second"].detail == "2000 at most"
        hand_off = "tollgate, tollgate_phones: park, for 3 s at most"
        assert found["hand-off"].detail == hand_off


class TestSpool:
    def findings(self, folder: Path) -> dict[str, Finding]:
        return {finding.check: finding for finding in judge_spool(inspect_spool(folder))}

    def test_missing(self, tmp_path: Path) -> None:
        assert self.findings(tmp_path / "nowhere")["CDR spool"].status is Status.FAIL

    @pytest.mark.parametrize(
        ("age_s", "status"), [(5, Status.OK), (90, Status.WARN), (7200, Status.FAIL)]
    )
    def test_how_long_the_oldest_file_waits(
        self, tmp_path: Path, age_s: float, status: Status
    ) -> None:
        for name, age in (("a", age_s), ("b", 0.0)):
            path = tmp_path / f"{name}.cdr.json"
            path.touch()
            set_age(path, age)
        found = self.findings(tmp_path)
        assert found["CDR spool"].status is status
        assert "2 files wait" in found["CDR spool"].detail
        assert "CDR files" not in found

    def test_files_that_are_no_records(self, tmp_path: Path) -> None:
        (tmp_path / "a.cdr.bad").touch()
        assert self.findings(tmp_path)["CDR files"].detail.startswith("1 files")

    def test_not_ours(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "not writable" in self.findings(tmp_path)["CDR spool"].detail

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = type("usage", (), {"free": 100_000_000})
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        assert self.findings(tmp_path)["spool disk"].status is Status.FAIL


class TestRunner:
    def test_one_check_harms_no_other(self) -> None:
        def broken() -> list[Finding]:
            raise ZeroDivisionError("by\nzero")

        def away() -> list[Finding]:
            raise StoreUnavailable("gone")

        def hanging() -> list[Finding]:
            time.sleep(60)
            return []

        def fine() -> list[Finding]:
            return [Finding("fine", Status.OK, "yes")]

        began = time.monotonic()
        found = list(
            examine(
                [
                    Check("broken", broken),
                    Check("away", away),
                    Check("hangs", hanging, limit_s=0.2),
                    Check("needs", fine, needs=("hangs",)),
                    Check("needs that", fine, needs=("needs",)),
                    Check("fine", fine),
                ]
            )
        )
        assert time.monotonic() - began < 5
        assert [(f.check, f.status, f.detail) for f in found] == [
            ("broken", Status.FAIL, "ZeroDivisionError: by zero"),
            ("away", Status.FAIL, "gone"),
            ("hangs", Status.FAIL, "no answer within 0.2 s"),
            ("needs", Status.WARN, "not checked: hangs failed"),
            ("needs that", Status.WARN, "not checked: needs failed"),
            ("fine", Status.OK, "yes"),
        ]


class TestJudgments:
    def facts(self, **changed: Any) -> dict[str, Finding]:
        settings = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        values: dict[str, Any] = {
            "version": 160004,
            "version_text": "16.4",
            "settings": settings | changed.pop("settings", {}),
            "clock_ahead_s": 0.0,
            "controllers": 1,
        }
        return {f.check: f for f in judge_database(DatabaseFacts(**(values | changed)))}

    def test_an_old_server(self) -> None:
        assert self.facts(version=130016)["database version"].status is Status.FAIL
        assert self.facts(version=140000)["database version"].status is Status.OK

    @pytest.mark.parametrize(
        ("setting", "value", "status"),
        [
            ("fsync", "off", Status.FAIL),
            ("synchronous_commit", "off", Status.FAIL),
            ("synchronous_commit", "remote_apply", Status.OK),
            ("synchronous_commit", "local", Status.OK),
            ("full_page_writes", "off", Status.WARN),
        ],
    )
    def test_durability(self, setting: str, value: str, status: Status) -> None:
        assert self.facts(settings={setting: value})["durable commits"].status is status

    @pytest.mark.parametrize(
        ("ahead_s", "status"),
        [(0.9, Status.OK), (-0.9, Status.OK), (1.0, Status.WARN), (-2.0, Status.FAIL)],
    )
    def test_clocks(self, ahead_s: float, status: Status) -> None:
        assert judge_clock("clock", ahead_s, fatal_s=2.0).status is status

    @pytest.mark.parametrize(
        ("gibibytes", "status"), [(3, Status.OK), (1, Status.WARN), (0, Status.FAIL)]
    )
    def test_disks(self, gibibytes: int, status: Status) -> None:
        assert judge_disk("disk", gibibytes * 1024**3).status is status


class TestOfflineJournal:
    def statuses(self, folder: Path) -> list[tuple[str, Status]]:
        return [(found.check, found.status) for found in judge_offline(inspect_offline(folder))]

    def test_no_folder_is_no_call(self, tmp_path: Path) -> None:
        assert self.statuses(tmp_path / "nowhere") == [("offline journal", Status.OK)]

    def test_a_file_that_nobody_tells_of_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "a.offline"
        path.touch()
        assert self.statuses(tmp_path) == [("offline journal", Status.OK)]
        set_age(path, 120)
        assert self.statuses(tmp_path) == [("offline journal", Status.WARN)]
        (tmp_path / "b.damaged").touch()
        assert self.statuses(tmp_path)[1:] == [("damaged offline journal", Status.WARN)]
