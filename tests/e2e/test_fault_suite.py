"""Every fault that an operator fears, one after the other, with calls in progress (docs/faults.md).

Each runs on the simulator, and on FreeSWITCH where there is one; the table of what they did is
printed at the end of the run. Common to all: every call has one record, no account is overdrawn
at any moment, the books balance, nothing stays reserved or counted.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.controller_process import wait_until
from tests.e2e.fault_stage import (
    MAX_DURATION_S,
    QUANTUM_S,
    FaultServer,
    FaultStage,
    fault_server,
    fault_stage,
)
from tests.e2e.records import cdrs, open_calls
from tests.e2e.test_takeover import TAKEN_WITHIN_S

FREESWITCH = pytest.param("freeswitch", marks=[pytest.mark.freeswitch, pytest.mark.sipp])
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", ["simulator", FREESWITCH])]

CALLS = 6
TALK_S = 10.0
"""Longer than a quantum: every call is renewed."""


def talking(stage: FaultStage) -> None:
    stage.call(CALLS, TALK_S)
    stage.wait_until_talking(CALLS)


def true_durations(stage: FaultStage, count: int = CALLS, talk_s: float = TALK_S) -> None:
    """What the callers did is what was recorded, to the second."""
    found = stage.durations()
    assert len(found) == count
    assert all(talk_s <= duration <= talk_s + 1.5 for duration in found), found


def settled_after_a_restart(stage: FaultStage) -> None:
    stage.first.start()
    true_durations_later(stage)


def true_durations_later(stage: FaultStage) -> None:
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage)


# -- the controller --------------------------------------------------------------------------


def killed_while_calls_talk(stage: FaultStage) -> None:
    talking(stage)
    stage.first.kill()
    time.sleep(1.0)
    settled_after_a_restart(stage)


def killed_before_it_hears_of_a_call(stage: FaultStage) -> None:
    """The switch gives up by itself, and its record is settled by the next process."""
    stage.link.hold()
    stage.refused(2)
    time.sleep(0.5)
    stage.first.kill()
    stage.link.flow()
    stage.switch.wait()
    stage.first.start()


def killed_between_admission_and_plan(stage: FaultStage) -> None:
    """The money is reserved, and the switch never hears of it."""
    stage.link.hold(replies_too=False)
    stage.refused(2)
    stage.wait_until_admitted(2)
    stage.first.kill()
    stage.link.cut()
    stage.switch.wait()
    stage.link.flow()
    stage.link.mend()
    stage.first.start()


def killed_while_calls_ring(stage: FaultStage) -> None:
    """Killed as soon as they are admitted: what is answered meanwhile is adopted."""
    stage.call(CALLS, TALK_S)
    stage.wait_until_admitted(CALLS)
    stage.first.kill()
    time.sleep(0.5)
    settled_after_a_restart(stage)


def killed_at_renewal(stage: FaultStage) -> None:
    """The renewal waits for the money's lock when its process dies: nothing was reserved, so the
    timers end the calls, unless the next process is there in time to renew."""
    stage.until_hung_up_on(3)
    stage.wait_until_talking(3)
    time.sleep(QUANTUM_S - 4)
    with stage.locked_money():
        time.sleep(2.5)
        stage.first.kill()
    stage.first.start()
    within_the_limits(stage, 3)


def within_the_limits(stage: FaultStage, calls: int, more: int = 0) -> None:
    """Calls that only the switch ends last as long as was reserved for them, and not longer."""
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= calls + more, "the records", 40)
    found = stage.durations()
    assert len(found) == calls
    assert all(QUANTUM_S - 1 <= s <= MAX_DURATION_S + 1 for s in found), found


def killed_during_settlement(stage: FaultStage) -> None:
    """Calls have ended, and their settlement waits for a lock, when the process dies."""
    stage.call(CALLS, 2.0)
    stage.wait_until_talking(CALLS)
    with stage.locked_money():
        stage.switch.wait()
        time.sleep(0.5)
        stage.first.kill()
    assert len(cdrs(stage.engine)) == 0
    time.sleep(3.2)  # a CDR file is left to its event for three seconds
    stage.first.start()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=2.0)


def killed_and_away_until_the_timers(stage: FaultStage) -> None:
    """Nobody renews: the switch ends the calls at what was reserved, and not later."""
    stage.until_hung_up_on(3)
    stage.wait_until_talking(3)
    stage.first.kill()
    stage.switch.wait()
    time.sleep(3.2)
    stage.first.start()
    within_the_limits(stage, 3)
    assert max(stage.durations()) <= QUANTUM_S + 1


def killed_beside_a_standby(stage: FaultStage) -> None:
    stage.second.stand_by()
    talking(stage)
    killed_at = time.monotonic()
    stage.first.kill()
    stage.second.wait_for_log("switch taken")
    stage.second.wait_for_link(1)
    stage.take_over_s = time.monotonic() - killed_at
    assert stage.take_over_s < TAKEN_WITHIN_S
    stage.call(1, 1.0)
    true_durations_of_all_but_the_last(stage)


def frozen_beside_a_standby(stage: FaultStage) -> None:
    """It wakes up when another one has its switch, and does no harm (fencing)."""
    stage.second.stand_by()
    talking(stage)
    with stage.first.frozen():
        frozen_at = time.monotonic()
        stage.second.wait_for_log("switch taken")
        stage.second.wait_for_link(1)
        stage.take_over_s = time.monotonic() - frozen_at
        assert stage.take_over_s < TAKEN_WITHIN_S
        stage.call(1, 1.0)
        time.sleep(2.0)
    true_durations_of_all_but_the_last(stage)
    stage.first.wait_for_log("standing by")


def true_durations_of_all_but_the_last(stage: FaultStage) -> None:
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS + 1, "the records", 30)
    found = stage.durations()
    assert 1 <= found[0] <= 2
    assert all(TALK_S <= duration <= TALK_S + 1.5 for duration in found[1:]), found


# -- the database ----------------------------------------------------------------------------


def database_killed(stage: FaultStage) -> None:
    """Renewals are missed for two seconds; there is time for that before the timers."""
    stage.call(CALLS, 4.0)
    stage.wait_until_talking(CALLS)
    stage.stop_database()
    stage.refused(1)
    time.sleep(1.0)
    stage.start_database()
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS + 1, "the records", 30)
    true_durations(stage, talk_s=4.0)


def database_away_longer_than_a_grant(stage: FaultStage) -> None:
    """The timers end the calls; they are settled when it is back."""
    stage.until_hung_up_on(3)
    stage.wait_until_talking(3)
    stage.stop_database()
    stage.refused(1)
    stage.switch.wait()
    time.sleep(1.0)
    stage.start_database()
    within_the_limits(stage, 3, more=1)
    assert max(stage.durations()) <= QUANTUM_S + 1


def database_frozen(stage: FaultStage) -> None:
    stage.call(CALLS, 4.0)
    stage.wait_until_talking(CALLS)
    with stage.frozen_database():
        time.sleep(2.0)
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=4.0)


def connections_cut(stage: FaultStage) -> None:
    """Again and again, so that some transactions are cut at their commit."""
    stage.call(CALLS, 4.0)
    stage.wait_until_talking(CALLS)
    for _ in range(8):
        stage.database.cut()
        time.sleep(0.05)
        stage.database.mend()
        time.sleep(0.2)
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=4.0)


def controller_and_database_at_once(stage: FaultStage) -> None:
    stage.call(CALLS, 4.0)
    stage.wait_until_talking(CALLS)
    stage.first.kill()
    stage.stop_database()
    time.sleep(1.0)
    stage.start_database()
    stage.first.start()
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=4.0)


# -- the switch and its link -----------------------------------------------------------------


def link_cut(stage: FaultStage) -> None:
    talking(stage)
    stage.link.cut()
    stage.refused(1)
    time.sleep(1.5)
    stage.link.mend()
    stage.first.wait_for_link(2)
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS + 1, "the records", 30)
    true_durations(stage)


def link_cut_while_calls_end(stage: FaultStage) -> None:
    """Nobody hears of the ends: they are in the spool."""
    stage.call(CALLS, 2.0)
    stage.wait_until_talking(CALLS)
    stage.link.cut()
    stage.switch.wait()
    stage.link.mend()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=2.0)


def link_frozen(stage: FaultStage) -> None:
    """It stays up and carries nothing; silence is no end of a call."""
    talking(stage)
    stage.link.hold()
    time.sleep(1.5)
    assert len(open_calls(stage.engine)) == CALLS
    stage.link.flow()
    stage.switch.wait()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage)


def switch_killed(stage: FaultStage) -> None:
    """Its calls die with it; nobody saw how long they were, so a person looks at them."""
    stage.until_hung_up_on(3)
    stage.wait_until_talking(3)
    stage.kill_switch()
    stage.for_review = 3
    wait_until(lambda: len(cdrs(stage.engine)) >= 3, "the records", 40)
    assert {record.reason for record in cdrs(stage.engine)} == {"switch_restarted"}
    assert sum(record.net for record in cdrs(stage.engine)) == 0
    wait_until(lambda: stage.first.log().count("switch connected") >= 2, "the link")
    stage.call(1, 1.0)


def switch_and_controller_killed(stage: FaultStage) -> None:
    stage.until_hung_up_on(3)
    stage.wait_until_talking(3)
    stage.first.kill()
    stage.kill_switch()
    stage.for_review = 3
    stage.first.start()
    wait_until(lambda: len(cdrs(stage.engine)) >= 3, "the records", 40)
    assert {record.reason for record in cdrs(stage.engine)} == {"switch_restarted"}


# -- the spool -------------------------------------------------------------------------------


def spool_late_twice_and_spoiled(stage: FaultStage) -> None:
    """Each file comes late, a second time under another name, half of it, and beside garbage."""
    stage.call(CALLS, 2.0)
    stage.wait_until_talking(CALLS)
    stage.first.kill()
    stage.switch.wait()
    spool = stage.switch.address.cdr_spool
    time.sleep(3.2)  # also for the files to be whole
    assert len(_files(spool)) == CALLS
    for number, file in enumerate(_files(spool)):
        shutil.copy(file, spool / f"twice-{number}.cdr.json")
        half = file.read_bytes()[: file.stat().st_size // 2]
        (spool / f"half-{number}.cdr.json").write_bytes(half)
    (spool / "garbage.cdr.json").write_bytes(b"\x00\xff{]")
    stage.first.start()
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=2.0)
    for file in spool.glob("*.bad"):
        file.unlink()


def spool_without_a_database(stage: FaultStage) -> None:
    """`cdr ingest` beside a controller, while the database comes and goes: settled once."""
    stage.call(CALLS, 2.0)
    stage.wait_until_talking(CALLS)
    stage.first.kill()
    stage.switch.wait()
    time.sleep(3.2)
    stage.stop_database()
    assert stage.first.command("cdr", "ingest").returncode != 0
    stage.start_database()
    stage.first.launch()
    assert stage.second.command("cdr", "ingest").returncode == 0
    wait_until(lambda: len(cdrs(stage.engine)) >= CALLS, "the records", 30)
    true_durations(stage, talk_s=2.0)


def _files(spool: Path) -> list[Path]:
    return sorted(spool.glob("*.cdr.json"))


FAULTS: dict[str, Callable[[FaultStage], None]] = {
    "controller killed while calls talk": killed_while_calls_talk,
    "controller killed before it hears of a call": killed_before_it_hears_of_a_call,
    "controller killed between admission and plan": killed_between_admission_and_plan,
    "controller killed while calls ring": killed_while_calls_ring,
    "controller killed at renewal": killed_at_renewal,
    "controller killed during settlement": killed_during_settlement,
    "controller away until the timers": killed_and_away_until_the_timers,
    "controller killed beside a standby": killed_beside_a_standby,
    "controller stands still beside a standby": frozen_beside_a_standby,
    "database killed": database_killed,
    "database away longer than a grant": database_away_longer_than_a_grant,
    "database stands still": database_frozen,
    "database connections cut": connections_cut,
    "controller and database at once": controller_and_database_at_once,
    "link cut": link_cut,
    "link cut while calls end": link_cut_while_calls_end,
    "link stands still": link_frozen,
    "switch killed": switch_killed,
    "switch and controller killed": switch_and_controller_killed,
    "spool late, twice, spoiled": spool_late_twice_and_spoiled,
    "spool read by two, database away": spool_without_a_database,
}


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with fault_server(tmp_path_factory.mktemp("breakable")) as server:
        yield server


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_doubled_or_overdrawn(
    kind: str, fault: str, breakable: FaultServer, tmp_path: Path
) -> None:
    with fault_stage(kind, tmp_path, breakable) as stage:
        FAULTS[fault](stage)
        stage.end(fault)
