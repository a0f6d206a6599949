"""Price columns of a deck: sections beside tiers, and what a minute costs."""

from datetime import UTC
from decimal import Decimal

import pytest

from controller.domain.decks import CANONICAL, DeckRow, deck_tariff, minute_price, read_row
from controller.domain.sections import SectionMode

INCREMENT, STEP, REGULAR = SectionMode


def read(mode: SectionMode = INCREMENT, /, **cells: str) -> tuple[DeckRow | None, list[str]]:
    faults: list[str] = []
    return read_row({"prefix": "39", **cells}, UTC, faults.append, mode), faults


@pytest.mark.parametrize(
    ("cells", "tiers", "sections"),
    [
        ({"tiers": "0|0:0.05/60/60", "sections": "60:0.10;120:0.18"}, "0|0:0.05/60/60", None),
        ({"tiers": "0|0:0.05/60/60", "sections": " 60:0.10 ; 120:0.18 "}, "0|0:0.05/60/60", None),
        (
            {"rate": "0.05", "cycle_s": "60", "unit_s": "60", "sections": "60:0.10;120:0.18"},
            "0|0:0.05/60/60",
            None,
        ),
        ({"tiers": "0|0:0.05/60/60", "sections": ""}, "0|0:0.05/60/60", ""),
    ],
)
def test_sections_stand_beside_either_form_of_the_price(
    cells: dict[str, str], tiers: str, sections: str | None
) -> None:
    row, faults = read(**cells)
    assert faults == []
    assert row == DeckRow("39", tiers, sections="60:0.1;120:0.18" if sections is None else sections)


@pytest.mark.parametrize(
    ("mode", "cells", "fault"),
    [
        (INCREMENT, {"tiers": "0|0:1/60/1", "sections": "60"}, "section 1 '60': expected"),
        (INCREMENT, {"tiers": "0|0:1/60/1", "sections": "60:-1"}, "section 1 '60:-1': expected"),
        (INCREMENT, {"sections": "60:1"}, "no price"),
        (INCREMENT, {"tiers": "0|0:1/60/1;60:2/60/1", "sections": "60:1"}, "regular rate"),
        (STEP, {"tiers": "0|0:1/60/1", "sections": "60:2;120:1"}, "the price would fall from 2"),
        (STEP, {"tiers": "0|0:1/60/1", "sections": "60:1;60:2"}, "is not longer than 60 s"),
        (REGULAR, {"tiers": "0|0:1/60/1", "sections": "60:0.5"}, "the price would fall to 0.5"),
    ],
)
def test_a_table_is_read_as_the_rate_group_reads_it(
    mode: SectionMode, cells: dict[str, str], fault: str
) -> None:
    row, faults = read(mode, **cells)
    assert row is None
    assert len(faults) == 1
    assert fault in faults[0]


def test_the_same_table_is_sound_in_another_mode() -> None:
    cells = {"tiers": "0|0:1/60/1", "sections": "60:2;120:1"}
    assert read(INCREMENT, **cells)[1] == []
    assert read(STEP, **cells)[1] != []


def test_the_cells_of_a_row_are_its_columns() -> None:
    row, _ = read(tiers="0|0:0.05/60/60", sections="60:0.10")
    assert row is not None
    by_column = dict(zip(CANONICAL, row.cells(), strict=True))
    assert by_column["sections"] == "60:0.1"
    assert read_row(by_column, UTC, pytest.fail) == row


@pytest.mark.parametrize(
    ("tiers", "sections", "mode", "price"),
    [
        ("0|0:0.05/60/60", "", INCREMENT, "0.05"),
        ("0.1|0:0.05/60/60", "", INCREMENT, "0.15"),
        ("0|0:=0.21;180:0.15/60/60", "", INCREMENT, "0.21"),
        ("0|0:1/7/1", "", INCREMENT, "8.5714285714"),
        ("0|0:0.05/60/60", "60:0.1;120:0.18", INCREMENT, "0.1"),
        ("0|0:0.05/60/60", "30:0.1;120:0.18", STEP, "0.18"),
    ],
)
def test_what_a_minute_costs(tiers: str, sections: str, mode: SectionMode, price: str) -> None:
    assert minute_price(tiers, sections, mode) == Decimal(price)
    assert deck_tariff(tiers, sections, mode).exact(60) > 0
