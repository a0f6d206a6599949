"""Deck files as tables: workbooks read by a process of its own, text in many forms, hostile files.

What a clerk sees in a cell is what is read; a file that is not what it claims is refused.
"""

import time
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.errors import InvalidInput
from controller.persistence import deck_files, deck_tables
from controller.persistence.deck_tables import open_table, write_workbook
from controller.persistence.workbook_lines import cell_text, number_text
from controller.services.decks.layout import FileFormat
from controller.services.decks.reading import DeckTable
from tests.integration.workbooks import Formula, rewrite, write

SHEET = "xl/worksheets/sheet1.xml"
TWO_CELLS = (
    b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
)


def lines_of(path: Path, given: FileFormat = FileFormat()) -> list[str]:  # noqa: B008 - frozen
    with open_table(path, given) as table:
        return [line.rstrip("\r\n") for line in table.lines]


def refusal_of(path: Path, given: FileFormat = FileFormat()) -> str:  # noqa: B008 - frozen
    with pytest.raises(InvalidInput) as refused:
        lines_of(path, given)
    return str(refused.value)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "deck.xlsx"


# -- cells --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (39, "39"),
        (39.0, "39"),
        (393281234567890, "393281234567890"),
        (0.1, "0.1"),
        (Formula("=0.1+0.2 -> 0.30000000000000004"), "0.3"),
        (Formula("=B1*1.1 -> 0.0049500000000000004"), "0.00495"),
        (0.0000001, "0.0000001"),
        (1e15, "1000000000000000"),
        (-0.05, "-0.05"),
        ("0039", "0039"),
        ("0.10", "0.10"),
        (True, "true"),
        (date(2026, 12, 1), "2026-12-01"),
        (datetime(2026, 12, 1, 8, 30), "2026-12-01T08:30:00"),  # noqa: DTZ001 - as in the sheet
        (None, ""),
        ("0|0:0.05/60/1", "0|0:0.05/60/1"),
    ],
)
def test_a_cell_is_read_as_it_is_seen(book: Path, cell: object, text: str) -> None:
    write(book, [["a", cell, "z"]])  # type: ignore[list-item]
    assert lines_of(book) == [f"a,{text},z"]


@given(st.decimals(0, 10**9, places=6, allow_nan=False))
def test_a_price_in_a_cell_is_that_price(price: Decimal) -> None:
    """Binary fractions of up to 15 digits come back as the decimals that were typed."""
    if len(price.normalize().as_tuple().digits) <= 15:
        assert Decimal(number_text(float(price))) == price


def test_decimal_signs_follow_the_text_cells_beside_them() -> None:
    assert (cell_text(0.05, ","), cell_text("0.05", ","), cell_text(39.0, ",")) == (
        "0,05",
        "0.05",
        "39",
    )


def test_rows_keep_their_numbers(book: Path) -> None:
    write(book, [[], [None, None], ["prefix", "tiers"], [], [39, "x"]])
    assert [line.strip(",") for line in lines_of(book)] == ["", "", "prefix,tiers", "", "39,x"]


# -- sheets -------------------------------------------------------------------------------


def test_a_sheet_by_name_or_the_first_visible_one(book: Path) -> None:
    write(book, [["here"]], "Prices", "Notes", hidden="Secret")
    assert lines_of(book) == ["here"]
    assert lines_of(book, FileFormat(sheet="Prices")) == ["here"]
    assert lines_of(book, FileFormat(sheet="Notes")) == []
    assert refusal_of(book, FileFormat(sheet="Rates")) == (
        "no sheet 'Rates'; there are 'Prices', 'Notes'"
    )


def test_reading_may_stop_anywhere(book: Path) -> None:
    write(book, [[n, "x" * 100] for n in range(50_000)])
    started = time.monotonic()
    with open_table(book, FileFormat()) as table:
        first = next(iter(table.lines))
    assert first.startswith("0,x")
    assert time.monotonic() - started < 30


# -- text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "given"),
    [
        ("prefix,Città\n".encode(), FileFormat()),
        ("prefix,Città\r\n".encode("utf-8-sig"), FileFormat()),
        ("prefix,Città\n".encode("cp1252"), FileFormat(encoding="cp1252")),
        ("prefix,Città\n".encode("utf-16"), FileFormat(encoding="utf-16")),
    ],
)
def test_text_in_its_encoding(tmp_path: Path, data: bytes, given: FileFormat) -> None:
    path = tmp_path / "deck.csv"
    path.write_bytes(data)
    assert lines_of(path, given) == ["prefix,Città"]


def test_a_table_knows_how_its_lines_are_cut(tmp_path: Path, book: Path) -> None:
    path = tmp_path / "deck.txt"
    path.write_text("a;b\n", encoding="utf-8")
    with open_table(path, FileFormat(delimiter=";", encoding="cp1252")) as table:
        assert (table.delimiter, table.encoding) == (";", "CP1252")
    write(book, [["a"]])
    with open_table(book, FileFormat(delimiter=";")) as table:
        assert table == DeckTable(table.lines, ",", "UTF-8")


# -- hostile files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("deck.xlsx", b"prefix,tiers\n", "not an XLSX workbook, whatever its name says"),
        ("deck.xlsx", b"PK\x03\x04 nothing", "not a readable XLSX workbook"),
        ("deck.csv", b"PK\x03\x04 nothing", "a ZIP archive or a workbook, but not named .xlsx"),
        ("deck.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file or an encrypted one"),
        ("deck.csv", "prefix\n".encode("utf-16"), "the file is UTF-16: say so"),
        ("deck.xlsx", b"", "not an XLSX workbook"),
    ],
)
def test_a_file_that_is_not_what_it_claims(
    tmp_path: Path, name: str, data: bytes, fault: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert fault in refusal_of(path)


def test_text_that_is_not_in_its_encoding_is_known_by_its_row_or_at_once(tmp_path: Path) -> None:
    path = tmp_path / "deck.csv"
    path.write_bytes(b"a\n\xff\n")
    assert lines_of(path)[1] == "\udcff"
    path.write_bytes("prefix\n".encode("utf-16") + b"x")
    assert refusal_of(path, FileFormat(encoding="utf-16")) == "the file is not UTF-16"


def test_an_archive_that_is_no_workbook(book: Path) -> None:
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refusal_of(book) == "a ZIP archive, but no XLSX workbook"


def test_a_workbook_that_unpacks_to_too_much(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(book, [["x" * 1000]])
    monkeypatch.setattr(deck_tables, "MAX_UNPACKED_BYTES", 1_000)
    assert refusal_of(book) == "the workbook unpacks to more than 1000 bytes"


def test_a_bomb_that_lies_about_its_size_meets_the_limits_of_its_process(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive's directory says ten bytes; the sheet unpacks to very many."""
    write(book, [["x"]])
    many = b'<row><c t="inlineStr"><is><t>' + b"x" * 1_000_000 + b"</t></is></c></row>"
    rewrite(
        book, SHEET, rb"<sheetData>.*</sheetData>", b"<sheetData>" + many * 50 + b"</sheetData>"
    )
    data = bytearray(book.read_bytes())
    with zipfile.ZipFile(book) as archive:
        real = archive.getinfo(SHEET).file_size.to_bytes(4, "little")
    assert data.count(real) >= 2
    book.write_bytes(bytes(data).replace(real, (10).to_bytes(4, "little")))
    monkeypatch.setattr("controller.persistence.deck_tables.MAX_UNPACKED_BYTES", 1_000_000)
    assert "workbook" in refusal_of(book)


def test_a_sheet_of_two_cells_that_claims_all_cells_there_are(book: Path) -> None:
    write(book, [["x"]])
    rewrite(book, SHEET, rb"<sheetData>.*</sheetData>", TWO_CELLS)
    assert refusal_of(book) == (
        "the workbook is broken, or takes more memory or time to read than a sound one does"
    )


def test_broken_xml(book: Path) -> None:
    write(book, [["x"]])
    rewrite(book, SHEET, rb"<sheetData>.*</sheetData>", b"<sheetData><row><c><v>1</v>")
    assert "workbook" in refusal_of(book)


def test_entities_are_not_expanded(book: Path) -> None:
    """Ten to the ninth laughs, in a cell."""
    write(book, [["x"]])
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'
    declared = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + doctype.encode()
    rewrite(book, SHEET, rb"<\?xml[^>]*\?>", declared)
    cell = b'<row r="1"><c r="A1" t="inlineStr"><is><t>&l9;</t></is></c></row>'
    rewrite(book, SHEET, rb"<sheetData>.*</sheetData>", b"<sheetData>" + cell + b"</sheetData>")
    try:
        found = "".join(lines_of(book))
    except InvalidInput as error:
        found = str(error)
    assert "haha" not in found


def test_a_file_that_is_too_large_missing_or_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deck.csv"
    assert refusal_of(path) == "No such file or directory"
    assert "directory" in refusal_of(tmp_path)
    path.write_text("x" * 100, encoding="utf-8")
    monkeypatch.setattr(deck_files, "MAX_BYTES", 50)
    assert refusal_of(path) == "larger than 50 bytes"


def test_no_process_is_left_behind(book: Path) -> None:
    write(book, [[n] for n in range(1000)])
    before = children()
    with open_table(book, FileFormat()) as table:
        next(iter(table.lines))
        assert children() > before
    assert children() <= before


def children() -> set[str]:
    """Ids of this process's children; a whole test run has others, such as the database."""
    tasks = Path("/proc/self/task")
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


# -- writing ------------------------------------------------------------------------------

texts = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_what_is_written_to_a_workbook_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    book = tmp_path / "out.xlsx"
    assert write_workbook(book, ("a", "b"), rows) == len(rows)
    found = [line.replace('"', "") for line in lines_of(book)]
    assert len(found) >= 1 + max((n for n, row in enumerate(rows, 1) if any(row)), default=0)
    for number, row in enumerate(rows, start=1):
        if any(row) and '"' not in "".join(row):
            assert found[number] == ",".join(row)


def test_a_sheet_holds_so_many_rows_and_nothing_half_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deck_tables, "MAX_SHEET_ROWS", 3)
    with pytest.raises(InvalidInput, match="a sheet holds 2 rates"):
        write_workbook(tmp_path / "out.xlsx", ("a",), [("1",), ("2",), ("3",)])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match="No such file"):
        write_workbook(tmp_path / "no" / "out.xlsx", ("a",), [])
