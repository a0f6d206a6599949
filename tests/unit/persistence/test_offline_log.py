"""The file of admissions that the database does not have: durable, whole lines, one owner."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.domain.billing import FreeUse
from controller.persistence.offline_log import FileOfflineLog
from controller.services.journal_entries import AdmitLate
from tests.unit.domain.builders import call_id, payer, ticket


def late(number: int, **changes: Any) -> AdmitLate:
    return AdmitLate(ticket(call_id=call_id(number), **changes), 60 * number, (201, 202))


def left(folder: Path, by: str = "next") -> list[AdmitLate]:
    """What another process finds, which leaves it there."""
    return [a for file in FileOfflineLog(folder, by).left_behind() for a in file.admissions]


def dead(folder: Path, *admissions: AdmitLate) -> Path:
    """What a process left that has died."""
    records = FileOfflineLog(folder, "dead")
    records.append(admissions)
    assert records._file is not None
    os.close(records._file)
    return folder / "dead.offline"


def test_what_a_dead_process_wrote_is_found_as_it_was(tmp_path: Path) -> None:
    special = payer(free=(FreeUse(1, 2, 60),), gifts=(2,), packages=(2,))
    phone: dict[str, Any] = {"month": (7, "2026-03-01"), "phone": "1", "group_ids": (4, 5)}
    written = [late(1), late(2, payers=(special,)), late(3, **phone)]
    path = dead(tmp_path / "offline", *written)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert left(tmp_path / "offline") == written
    # until somebody has told it
    for file in FileOfflineLog(path.parent, "next").left_behind():
        file.remove()
    assert left(path.parent) == []


def test_a_live_processs_file_is_its_own(tmp_path: Path) -> None:
    mine = FileOfflineLog(tmp_path, "mine")
    mine.append([late(1), late(2)])
    assert left(tmp_path) == []
    assert list(mine.left_behind()) == []
    assert mine.kept() == [late(1), late(2)]
    mine.forget([call_id(1)])
    assert mine.kept() == [late(2)]
    mine.forget([call_id(2)])
    assert list(tmp_path.iterdir()) == []
    # and again at the next outage
    mine.append([late(3)])
    assert [file.name for file in tmp_path.iterdir()] == ["mine.offline"]


def test_a_killed_process_leaves_its_file_unlocked(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from tests.unit.persistence.test_offline_log import late
from controller.persistence.offline_log import FileOfflineLog
FileOfflineLog(Path(sys.argv[1]), "other").append([late(1)])
print("written", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        assert left(tmp_path) == []
        child.send_signal(signal.SIGKILL)
        child.wait(5)
    assert left(tmp_path) == [late(1)]


def test_two_that_look_at_once_do_not_both_take_a_file(tmp_path: Path) -> None:
    dead(tmp_path, late(1))
    for file in FileOfflineLog(tmp_path, "one").left_behind():
        assert left(tmp_path, "two") == []
        assert list(file.admissions) == [late(1)]
    assert left(tmp_path, "two") == [late(1)]


@pytest.mark.parametrize("torn", [1, 30, 400])
def test_a_torn_line_was_never_acted_on(tmp_path: Path, torn: int) -> None:
    path = dead(tmp_path, late(1), late(2))
    whole = path.read_bytes()
    path.write_bytes(whole[:-torn])
    assert left(tmp_path) == [late(1)]
    assert not list(tmp_path.glob("*.damaged"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace(b'"granted_s":60', b'"granted_s":61'),
        lambda _: b"",
        lambda _: b"\x00" * 50,
        lambda _: b"zzzzzzzz {}",
        lambda line: line[:20],
    ],
)
def test_a_damaged_line_is_kept_for_a_person_and_the_others_are_found(
    tmp_path: Path, damage: Any
) -> None:
    path = dead(tmp_path, late(1), late(2))
    first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(damage(first) + b"\n" + second + b"\n")
    for file in FileOfflineLog(tmp_path, "next").left_behind():
        assert list(file.admissions) == [late(2)]
        file.remove()
    assert [file.name for file in tmp_path.iterdir()] == ["dead.damaged"]


def test_what_could_not_be_written_whole_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = FileOfflineLog(tmp_path, "dead")
    records.append([late(1)])

    def failing(_: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="no space"):
            records.append([late(2)])
    assert records.kept() == [late(1)]
    records.append([late(3)])
    assert records._file is not None
    os.close(records._file)
    assert left(tmp_path) == [late(1), late(3)]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "offline").write_text("a file")
    records = FileOfflineLog(tmp_path / "offline" / "deeper", "mine")
    with pytest.raises(OSError, match="directory"):
        records.append([late(1)])
    assert list(records.left_behind()) == []
