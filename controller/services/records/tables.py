"""Rows of a CSV file as values by field, for making many records at once."""

import csv

from controller.domain.errors import InvalidFields
from controller.services.records.values import Values

MAX_CSV = 4 * 1024 * 1024
"""Characters."""


def read_csv(text: str, needed: str, delimiter: str = ",") -> list[Values]:
    """Rows by the names in the first line; an empty cell is a field that was left out.

    `needed` is a column that must be there. Raises InvalidFields.
    """
    if len(text) > MAX_CSV:
        raise InvalidFields({"": f"the file is longer than {MAX_CSV} characters"})
    lines = csv.reader(text.lstrip("\ufeff").splitlines(), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header, needed)
        return [_row(header, cells, lines.line_num) for cells in lines if any(cells)]
    except csv.Error as error:
        raise InvalidFields({"": f"line {lines.line_num}: not CSV: {error}"}) from None


def _check_header(header: list[str], needed: str) -> None:
    if needed not in header:
        raise InvalidFields({"": f"the first line has no column {needed!r}"})
    if len(set(header)) < len(header):
        raise InvalidFields({"": "a column comes twice"})


def _row(header: list[str], cells: list[str], line: int) -> Values:
    if len(cells) != len(header):
        message = f"line {line}: {len(cells)} cells, but {len(header)} columns"
        raise InvalidFields({"": message})
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()}
