"""The CDR spool: every record is read once, nothing in the folder can stop the rest."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from controller.domain.errors import ProtocolError
from controller.drivers.freeswitch.spool import CdrSpool, read_cdr_file
from tests.unit.domain.builders import call_id

FIXTURE = Path(__file__).parents[3] / "fixtures/event_socket/events/hangup_complete_a_answered.json"


def cdr_variables(uuid: str, **changes: Any) -> dict[str, Any]:
    event = json.loads(FIXTURE.read_text())
    values = {k.removeprefix("variable_"): v for k, v in event.items() if k.startswith("variable_")}
    return values | {"uuid": uuid} | changes


def write(folder: Path, uuid: str, content: bytes | None = None, age_s: float = 60) -> Path:
    path = folder / f"{uuid}.cdr.json"
    if content is None:
        content = json.dumps({"core-uuid": "x", "variables": cdr_variables(uuid)}).encode()
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def read(folder: Path, min_age_s: float = 10) -> list[str]:
    return [ended.call_id for ended in CdrSpool(folder, "fs1").ended_calls(min_age_s)]


def test_a_waiting_record_is_the_end_of_its_call(tmp_path: Path) -> None:
    path = write(tmp_path, call_id())
    ended = read_cdr_file(path, "fs1")
    assert (ended.switch_id, ended.call_id) == ("fs1", call_id())
    assert (ended.cause, ended.callee) == ("NORMAL_CLEARING", "390212345678")
    assert ended.talk_us > 0
    assert len(ended.attempted_legs) == 2


def test_the_oldest_comes_first_and_the_young_are_left_to_their_event(tmp_path: Path) -> None:
    write(tmp_path, call_id(1), age_s=30)
    write(tmp_path, call_id(2), age_s=90)
    write(tmp_path, call_id(3), age_s=1)
    assert read(tmp_path) == [call_id(2), call_id(1)]
    assert read(tmp_path, min_age_s=0) == [call_id(2), call_id(1), call_id(3)]


def test_a_settled_call_leaves_no_file(tmp_path: Path) -> None:
    path = write(tmp_path, call_id())
    spool = CdrSpool(tmp_path, "fs1")
    spool.discard(call_id())
    assert not path.exists()
    spool.discard(call_id())  # again: nothing happens


def test_reading_takes_nothing_away(tmp_path: Path) -> None:
    write(tmp_path, call_id())
    assert read(tmp_path) == read(tmp_path) == [call_id()]


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    spool = CdrSpool(tmp_path / "gone", "fs1")
    assert list(spool.ended_calls(0)) == []
    spool.discard(call_id())


def test_a_caller_name_that_is_no_utf_8_costs_no_record(tmp_path: Path) -> None:
    """Else a caller could switch the safety net off for its own calls."""
    document = json.dumps({"variables": cdr_variables(call_id(), sip_from_display="NAME")})
    path = write(tmp_path, call_id(), document.encode().replace(b"NAME", b"Zo\xeb \xff"))
    ended = read_cdr_file(path, "fs1")
    assert ended.call_id == call_id()
    assert ended.caller_name.isprintable()
    assert read(tmp_path) == [call_id()]
    assert path.exists()


UNREADABLE = {
    "empty": b"",
    "cut off": b'{"variables": {"uuid": "',
    "no object": b"[]",
    "a text": b'"variables"',
    "no variables": b"{}",
    "variables of the wrong shape": b'{"variables": [1]}',
    "no call id": b'{"variables": {"hangup_cause": "X"}}',
    "binary": bytes(range(256)),
    "nested without end": b"[" * 200_000,
    "another call's": json.dumps({"variables": cdr_variables(call_id(9))}).encode(),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_file_is_set_aside_and_harms_no_other(tmp_path: Path, content: bytes) -> None:
    bad = write(tmp_path, call_id(1), content, age_s=90)
    write(tmp_path, call_id(2))
    with pytest.raises(ProtocolError):
        read_cdr_file(bad, "fs1")
    assert read(tmp_path) == [call_id(2)]
    assert not bad.exists()
    (aside,) = tmp_path.glob("*.bad")
    assert aside.read_bytes() == content
    assert read(tmp_path) == [call_id(2)]


def test_a_file_named_for_no_call_is_set_aside(tmp_path: Path) -> None:
    write(tmp_path, "nonsense", json.dumps({"variables": cdr_variables(call_id())}).encode())
    assert read(tmp_path) == []
    assert len(list(tmp_path.glob("*.bad"))) == 1


def test_a_file_of_absurd_size_is_set_aside(tmp_path: Path) -> None:
    path = write(tmp_path, call_id())
    with path.open("r+b") as file:
        file.truncate(5_000_000)
    os.utime(path, (0, 0))
    assert read(tmp_path) == []
    assert len(list(tmp_path.glob("*.bad"))) == 1


def test_a_file_that_cannot_be_set_aside_does_not_hide_the_others(tmp_path: Path) -> None:
    """A full or read-only disk; here, a folder is in the way."""
    write(tmp_path, call_id(1), b"nonsense", age_s=90)
    (tmp_path / f"{call_id(1)}.cdr.bad").mkdir()
    write(tmp_path, call_id(2))
    assert read(tmp_path) == [call_id(2)]


def test_a_file_that_goes_away_while_the_folder_is_read_hides_no_other(tmp_path: Path) -> None:
    """Settled calls' files are removed all the time; a dangling link looks the same to us."""
    wanted = set()
    for number in range(40):
        if number % 4 == 0:
            (tmp_path / f"{call_id(number)}.cdr.json").symlink_to(tmp_path / "gone")
        else:
            write(tmp_path, call_id(number))
            wanted.add(call_id(number))
    assert set(read(tmp_path)) == wanted


def test_a_folder_in_place_of_a_file_hides_no_other(tmp_path: Path) -> None:
    odd = tmp_path / f"{call_id(1)}.cdr.json"
    odd.mkdir()
    os.utime(odd, (0, 0))
    write(tmp_path, call_id(2))
    assert read(tmp_path) == [call_id(2)]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("x")
    (tmp_path / f"{call_id(1)}.cdr.json.tmp").write_text("half")
    assert read(tmp_path, 0) == []
    assert len(list(tmp_path.iterdir())) == 2
