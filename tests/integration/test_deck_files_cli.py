"""Vendors' files through `tollgate rates import` and `stage`: options, mapping files, workbooks."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.domain.decks import DeckRow
from controller.domain.rates import RateType
from tests.integration.command_line import settings_for
from tests.integration.deck_commands import Decks
from tests.integration.workbooks import Formula, write

pytestmark = pytest.mark.postgres

VENDOR = [
    ["Example Telecom", "prices in USD"],
    [],
    ["Country", "Codes", "Destination", "Price", "Billing", "From"],
    [39, "320, 328-330", "Italy mobile", 0.07, "60/1", date(2026, 12, 1)],
    [39, None, "Italy", Formula("=D4/7 -> 0.010000000000000002"), "1/1", "01/12/2026"],
    [],
    [1, 242.0, "Bahamas", "0.3", "30/6", None],
]
MAPPING = """
header_row: 3
date_format: "%d/%m/%Y"
columns:
  prefix: [Country, Codes]
  area: Destination
  price_per_minute: Price
  increment: Billing
  effective_from: From
constants: {rate_type: domestic}
"""
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
MOBILE = "0|0:0.07/60/60;60:0.07/60/1"
DOMESTIC = RateType.DOMESTIC
EXPECTED = [
    DeckRow("1242", "0|0:0.3/60/30;30:0.3/60/6", "Bahamas", DOMESTIC),
    DeckRow("39", "0|0:0.01/60/1", "Italy", DOMESTIC, effective_from=DECEMBER),
    *(
        DeckRow(prefix, MOBILE, "Italy mobile", DOMESTIC, effective_from=DECEMBER)
        for prefix in ("39320", "39328", "39329", "39330")
    ),
]


@pytest.fixture
def decks(database_url: str, engine: sa.Engine, tmp_path: Path) -> Decks:
    found = Decks(settings_for(database_url, tmp_path), engine, tmp_path / "deck.csv")
    found.add_group()
    return found


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "vendor.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def test_a_vendors_workbook(decks: Decks, tmp_path: Path, mapping: Path) -> None:
    book = write(tmp_path / "deck.xlsx", VENDOR, "Prices", "Legal")  # type: ignore[arg-type]
    ran = decks.run("import", "sell", book, "--mapping", mapping)
    assert (ran.status, ran.err) == (0, "")
    assert decks.live == EXPECTED


def test_the_same_as_text_with_decimal_commas(decks: Decks, mapping: Path) -> None:
    text = (
        "Example Telecom;prices in USD\n\nCountry;Codes;Destination;Price;Billing;From\n"
        "39;320, 328-330;Italy mobile;0,07;60/1;01/12/2026\n39;;Italy;0,01;1/1;01/12/2026\n\n"
        "1;242;Bahamas;0,3;30/6;\n"
    )
    ran = decks.bring(text, "--mapping", str(mapping), "--delimiter", ";", "--decimal-comma")
    assert (ran.status, ran.err) == (0, "")
    assert decks.live == EXPECTED


def test_a_workbook_with_decimal_commas_in_its_texts(decks: Decks, tmp_path: Path) -> None:
    rows = [["prefix", "rate", "cycle_s", "unit_s"], [39, "0,05", 1, 60], [44, 0.05, 1, 60]]
    book = write(tmp_path / "deck.xlsx", rows)  # type: ignore[arg-type]
    assert decks.run("import", "sell", book, "--decimal-comma").status == 0
    assert [row.tiers for row in decks.live] == ["0|0:0.05/60/1"] * 2


def test_simple_cases_without_a_mapping_file(decks: Decks) -> None:
    ran = decks.bring(
        "Code|Name|Price\n39|Italy|0.05\n",
        "--delimiter",
        "|",
        "--map",
        "prefix=Code",
        "--map",
        "area=name",
        "--map",
        "price_per_minute=Price",
        "--set",
        "increment=60/60",
        "--set",
        "rate_type=local",
    )
    assert (ran.status, ran.err) == (0, "")
    assert decks.live == [DeckRow("39", "0|0:0.05/60/60", "Italy", RateType.LOCAL)]


def test_options_go_before_the_mapping_file(decks: Decks, mapping: Path) -> None:
    ran = decks.bring(
        "Country,Codes,Name,Price,Billing,From\n39,,Italy,0.05,1/1,\n",
        "--mapping",
        str(mapping),
        "--header-row",
        "1",
        "--map",
        "area=Name",
        "--set",
        "rate_type=local",
    )
    assert (ran.status, ran.err) == (0, "")
    assert decks.live == [DeckRow("39", "0|0:0.05/60/1", "Italy", RateType.LOCAL)]


def test_joined_columns_by_option(decks: Decks) -> None:
    text = "CC,AC,tiers\n39,06,0|0:0.05/60/1\n"
    assert decks.bring(text, "--map", "prefix=CC", "--map", "prefix=AC").status == 0
    assert [row.prefix for row in decks.live] == ["3906"]


def test_wrong_rows_of_a_workbook_keep_their_numbers(
    decks: Decks, tmp_path: Path, mapping: Path
) -> None:
    rows = [*VENDOR, [44, "7x", "UK", 0.02, "1/1", None], [44, None, "UK", "free", "1/1", None]]
    book = write(tmp_path / "deck.xlsx", rows)  # type: ignore[arg-type]
    ran = decks.run("import", "sell", book, "--mapping", mapping)
    assert (ran.status, decks.live) == (2, [])
    assert [line.removeprefix(f"{book}: ") for line in ran.err.splitlines()] == [
        "row 8: prefix: '447x' is neither digits nor '*'",
        "row 9: price_per_minute: 'free' is not a number of at least 0",
    ]
    staged = decks.run("stage", "sell", book, "--mapping", mapping, "--json")
    assert (staged.status, staged.json["rows"], staged.json["errors"]) == (1, 6, 2)


@pytest.mark.parametrize("command", ["import", "stage", "diff"])
def test_a_file_that_cannot_be_read_is_named_and_nothing_happens(
    decks: Decks, tmp_path: Path, command: str
) -> None:
    book = tmp_path / "deck.xlsx"
    book.write_bytes(b"no workbook")
    ran = decks.run(command, "sell", book)
    assert (ran.status, ran.err) == (2, f"{book}: not an XLSX workbook, whatever its name says")
    write(book, VENDOR, "Prices")  # type: ignore[arg-type]
    ran = decks.run(command, "sell", book, "--sheet", "Rates")
    assert (ran.status, ran.err) == (2, f"{book}: no sheet 'Rates'; there are 'Prices'")
    assert decks.run("staged", "--json").json["decks"] == []


def test_a_mapping_file_with_a_fault_names_its_line(decks: Decks, mapping: Path) -> None:
    mapping.write_text("sheet: A\ncolumns: {prefx: Code}\n", encoding="utf-8")
    ran = decks.bring("prefix,tiers\n", "--mapping", str(mapping))
    assert ran.status == 2
    assert ran.err.startswith(f"{mapping}: line 2: 'prefx' is none of")


def test_a_diff_reads_the_same_files(decks: Decks, tmp_path: Path, mapping: Path) -> None:
    book = write(tmp_path / "deck.xlsx", VENDOR)  # type: ignore[arg-type]
    assert decks.run("diff", "sell", book, "--mapping", mapping).status == 1
    decks.run("import", "sell", book, "--mapping", mapping)
    assert decks.run("diff", "sell", book, "--mapping", mapping).status == 0


def test_an_export_is_a_workbook_where_it_is_named_so(decks: Decks, tmp_path: Path) -> None:
    decks.bring("prefix,tiers,area\n39,0|0:0.05/60/1,=1+1\n")
    book = tmp_path / "out.xlsx"
    ran = decks.run("export", "sell", book)
    assert (ran.status, ran.out, ran.err) == (0, "", "1 rates\n")
    assert decks.run("diff", "sell", book).status == 0
    assert decks.run("export", "sell", tmp_path / "no" / "out.xlsx").status == 2


def test_sections_are_exported_where_there_are_some(decks: Decks) -> None:
    decks.bring("prefix,tiers\n39,0|0:0.05/60/1\n")
    head = "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked"
    assert decks.run("export", "sell", "-").out.splitlines()[0] == head
    decks.bring("prefix,tiers,sections\n39,0|0:0.05/60/1,60:0.1\n")
    assert decks.run("export", "sell", "-").out.splitlines() == [
        f"{head},sections",
        "39,,international,0|0:0.05/60/1,,,,,60:0.1",
    ]
