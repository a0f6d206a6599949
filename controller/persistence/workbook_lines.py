"""A sheet of an XLSX workbook as lines of CSV on standard output. A process of its own.

A workbook is a ZIP archive of XML from somebody else: a few kilobytes may ask for all memory
there is, and the library that reads it fast takes its process down with it then. So it is read in
a process with limits, which can only fail:

    python -m controller.persistence.workbook_lines FILE SHEET POINT

SHEET is a name, or empty for the first sheet that is visible; POINT is the decimal sign of numbers.
Every row comes, empty ones too, so that rows keep their numbers. Exit status 2 with a line on
standard error where the workbook cannot be read.
"""

import csv
import os
import resource
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

MEMORY_BYTES = 2 * 1024**3
CPU_S = 120
MAX_COLUMNS = 16_384
UNREADABLE = 2

Cell = int | float | str | bool | date | datetime | time | timedelta


def main(arguments: Sequence[str]) -> int:
    """Write the sheet; the exit status."""
    file, sheet, point = arguments
    _limit()
    from python_calamine import CalamineError, SheetTypeEnum, SheetVisibleEnum, load_workbook

    try:
        workbook = load_workbook(file)
        names = [
            found.name
            for found in workbook.sheets_metadata
            if found.typ is SheetTypeEnum.WorkSheet and found.visible is SheetVisibleEnum.Visible
        ]
        if sheet and sheet not in workbook.sheet_names:
            return _fail(f"no sheet {sheet[:64]!r}; there are {', '.join(map(repr, names[:20]))}")
        if not sheet and not names:
            return _fail("the workbook has no sheet to read")
        rows = workbook.get_sheet_by_name(sheet or names[0]).iter_rows()
    except (CalamineError, OSError, ValueError) as error:
        return _fail(f"not a readable XLSX workbook: {' '.join(str(error).split())[:200]}")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for row in rows:
        writer.writerow([c if type(c) is str else cell_text(c, point) for c in row])
    sys.stdout.flush()
    return 0


def cell_text(cell: Cell, point: str = ".") -> str:
    """A cell as a person sees it: numbers without the noise of binary fractions, whole numbers
    without a point, times as ISO 8601.

    Spreadsheets keep and show 15 digits: 0.1 + 0.2 is 0.3 there, and so it is here.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return number_text(cell).replace(".", point)
    if isinstance(cell, timedelta):
        return str(cell)
    return cell.isoformat()


def number_text(number: float) -> str:
    """At most 15 significant digits, no exponent, no needless zeros."""
    text = f"{Decimal(format(number, '.15g')):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # what the library says when memory is refused is of no use to anybody
    os.environ["RUST_BACKTRACE"] = "0"


def _fail(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return UNREADABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
