"""Tables of vendors, from lines to rows: the mapping, the file's own row numbers, every bound."""

from datetime import UTC
from decimal import Decimal

import pytest

from controller.domain.deck_mapping import DeckMapping
from controller.domain.decks import DeckRow
from controller.domain.sections import SectionMode
from controller.services.decks import reading
from controller.services.decks.reading import DeckTable, read_sound_rows

MAPPING = DeckMapping(
    columns={
        "prefix": ("Code",),
        "area": ("Destination",),
        "price_per_minute": ("Price",),
        "increment": ("Billing",),
    },
    constants={"rate_type": "international"},
    header_row=3,
    decimal_comma=True,
)
VENDOR = """\
Prices of Example Telecom;;;
;;;
Code;Destination;Price;Billing
39;Italy;0,05;60/60
;;;
39328-39330;Italy mobile;0,0700;60/1
"""


def read(
    text: str,
    mapping: DeckMapping | None,
    delimiter: str = ";",
    mode: SectionMode = SectionMode.INCREMENT,
) -> tuple[list[tuple[int, DeckRow]], list[tuple[int, str]]]:
    faults: list[tuple[int, str]] = []
    table = DeckTable(text.splitlines(keepends=True), delimiter)
    rows = list(read_sound_rows(table, mapping, UTC, mode, lambda n, m: faults.append((n, m))))
    return rows, faults


def test_a_vendors_table() -> None:
    mobile = "0|0:0.07/60/60;60:0.07/60/1"
    assert read(VENDOR, MAPPING) == (
        [
            (4, DeckRow("39", "0|0:0.05/60/60", "Italy")),
            (6, DeckRow("39328", mobile, "Italy mobile")),
            (6, DeckRow("39329", mobile, "Italy mobile")),
            (6, DeckRow("39330", mobile, "Italy mobile")),
        ],
        [],
    )


def test_sound_rows_are_read_beside_wrong_ones() -> None:
    text = VENDOR + "44;UK;x;1/1\n39328;again;1;1/1\n1;US;0,01;6/6;;\n2;B;1;1/1;more\n"
    rows, faults = read(text, MAPPING)
    assert [row.prefix for _, row in rows] == ["39", "39328", "39329", "39330", "1"]
    assert faults == [
        (7, "price_per_minute: 'x' is not a number of at least 0"),
        (8, "prefix 39328: the validity overlaps that of row 6"),
        (10, "5 cells for 4 columns"),
    ]


def test_one_wrong_prefix_of_several_does_not_take_the_others_along() -> None:
    rows, faults = read("prefix;tiers\n39,4x,44;0|0:1/60/1\n", DeckMapping())
    assert [row.prefix for _, row in rows] == ["39", "44"]
    assert faults == [(2, "prefix: '4x' is neither digits nor '*'")]


def test_the_header_must_be_where_it_is_said_to_be() -> None:
    assert read("a;b\n", MAPPING) == ([], [(3, "no header row")])
    rows, faults = read(VENDOR, DeckMapping(MAPPING.columns, MAPPING.constants))
    assert rows == []
    assert faults[0] == (1, "no column 'Code' for prefix; there are 'Prices of Example Telecom'")


def test_too_many_columns() -> None:
    assert read("prefix," * 300, None, ",")[1][0] == (1, "more than 256 columns")
    rows, faults = read("prefix,tiers\n1,0|0:1/60/1\n" + "," * 300 + "\n", None, ",")
    assert (len(rows), faults) == (1, [(3, "more than 256 columns")])


def test_too_many_rows_once_prefixes_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    text = 'prefix,tiers\n"1000,1001",0|0:1/60/1\n2000-2009,0|0:1/60/1\n3,0|0:1/60/1\n'
    rows, faults = read(text, DeckMapping(), ",")
    assert [row.prefix for _, row in rows] == ["1000", "1001", "2000"]
    assert faults == [(3, "more than 3 rows")]


def test_sections_are_checked_in_the_groups_mode() -> None:
    text = "prefix,tiers,sections\n39,0|0:0.05/60/60,60:0.2;120:0.1\n"
    rows, faults = read(text, None, ",", SectionMode.CUMULATIVE_STEP)
    assert (rows, len(faults), faults[0][0]) == ([], 1, 2)
    rows, faults = read(text, None, ",")
    assert (rows[0][1].sections, faults) == ("60:0.2;120:0.1", [])


def test_taxes_and_tiers_of_a_canonical_table_with_constants() -> None:
    mapping = DeckMapping(constants={"tax_percent": "22", "rate_type": "local"})
    rows, faults = read("prefix;tiers\n39;0|0:1/60/1\n", mapping)
    assert faults == []
    assert rows[0][1].tax_percent == Decimal(22)
    assert rows[0][1].rate_type.name == "LOCAL"
