"""docs/coverage.md: every row of the reference's checklist once, honest in what can be checked."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "coverage.md"
ROWS = range(1, 211)
STATES = {"done", "partial", "planned", "out of scope"}
SHOWN = {"done", "partial"}

_ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
_COUNT = re.compile(r"^\| ([a-z ]+) \| (\d+) \|", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")


def _rows() -> list[tuple[int, str, str, str, str]]:
    found = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    return [
        (int(number), feature, state, where, shown)
        for number, feature, state, where, shown in found
    ]


def _state(cell: str) -> str:
    return cell.partition(":")[0]


def test_each_row_is_there_once() -> None:
    assert [number for number, *_ in _rows()] == list(ROWS)


def test_each_state_is_known() -> None:
    assert {_state(cell) for _, _, cell, _, _ in _rows()} <= STATES


def test_partial_says_which_part() -> None:
    vague = [number for number, _, cell, _, _ in _rows() if cell == "partial"]
    assert vague == []


def test_the_counts_are_those_of_the_rows() -> None:
    states = [_state(cell) for _, _, cell, _, _ in _rows()]
    counted = dict(_COUNT.findall(PAGE.read_text(encoding="utf-8")))
    assert counted == {state: str(states.count(state)) for state in STATES}


def test_what_works_is_shown_by_a_test_that_exists() -> None:
    missing = [
        number
        for number, _, cell, _, shown in _rows()
        if _state(cell) in SHOWN and not _exists(shown)
    ]
    assert missing == []


def test_what_works_names_the_code_that_does_it() -> None:
    missing = [
        number
        for number, _, cell, where, _ in _rows()
        if _state(cell) in SHOWN and not (where and (ROOT / where.strip("`")).exists())
    ]
    assert missing == []


def test_what_is_planned_claims_nothing() -> None:
    claiming = [
        number
        for number, _, cell, where, shown in _rows()
        if _state(cell) not in SHOWN and (where or shown)
    ]
    assert claiming == []


def _exists(shown: str) -> bool:
    """Whether the cell names a test file, and each class or function in it by its definition."""
    match = _TEST.fullmatch(shown)
    if match is None or not (ROOT / match[1]).is_file():
        return False
    text = (ROOT / match[1]).read_text(encoding="utf-8")
    names = [name for name in match[2].split("::") if name]
    return bool(names) and all(
        re.search(rf"^ *(?:async )?(?:def|class) {name}\b", text, re.MULTILINE) for name in names
    )
