"""Workbooks for tests: written cell by cell, and broken on purpose."""

import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import xlsxwriter

Cell = str | int | float | bool | date | datetime | None


class Formula(str):
    """`=B2*2 -> 0.1`: a formula and the value that the spreadsheet last saw."""

    __slots__ = ()


def write(path: Path, rows: Sequence[Sequence[Cell]], *sheets: str, hidden: str = "") -> Path:
    """The rows on the first of the sheets; the others are empty."""
    workbook = xlsxwriter.Workbook(path)
    days = workbook.add_format({"num_format": "yyyy-mm-dd"})
    if hidden:
        workbook.add_worksheet(hidden).hide()
    first, *others = [workbook.add_worksheet(name) for name in sheets or ("Rates",)]
    first.activate()
    first.set_first_sheet()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            _put(first, number, column, cell, days)
    assert all(sheet is not first for sheet in others)
    workbook.close()
    return path


def rewrite(path: Path, part: str, find: bytes, put: bytes) -> Path:
    """The workbook with something else in one of its parts."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert re.search(find, parts[part], re.DOTALL)
    parts[part] = re.sub(find, lambda _: put, parts[part], flags=re.DOTALL)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def _put(
    sheet: xlsxwriter.worksheet.Worksheet,
    row: int,
    column: int,
    cell: Cell,
    days: xlsxwriter.format.Format,
) -> None:
    if isinstance(cell, Formula):
        formula, _, value = cell.partition(" -> ")
        sheet.write_formula(row, column, formula, None, float(value))
    elif isinstance(cell, date | datetime):
        sheet.write_datetime(row, column, cell, days)
    elif isinstance(cell, bool):
        sheet.write_boolean(row, column, cell)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell)
    elif cell is not None:
        sheet.write_string(row, column, cell)
