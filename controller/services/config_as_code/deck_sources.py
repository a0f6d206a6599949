"""The rates of a rate group in a file: written inline, or a deck beside the file."""

from functools import partial
from zoneinfo import ZoneInfo

from controller.domain.decks import COLUMNS, DeckRow, Validity, read_row
from controller.domain.errors import InvalidInput
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.ports import DeckFiles
from controller.services.config_as_code.problems import shown
from controller.services.decks import read_deck


def read_rates(group: Fields, timezone: str, decks: DeckFiles) -> tuple[DeckRow, ...] | None:
    """The whole deck of the group; None where the file says nothing of its rates."""
    if "rates" in group and "deck" in group:
        group.problems.add(group.line_of("deck"), "give either 'rates' or 'deck'")
        return None
    if "rates" in group:
        return _inline(group, ZoneInfo(timezone))
    if "deck" in group:
        return _from_file(group, ZoneInfo(timezone), decks)
    return None


def _inline(group: Fields, zone: ZoneInfo) -> tuple[DeckRow, ...]:
    rows = []
    validity = Validity()
    for fields in group.objects("rates", COLUMNS):
        row = read_row(fields.cells(), zone, partial(group.problems.add, fields.line))
        if row is None:
            continue
        if earlier := validity.clash(row, fields.line):
            message = f"prefix {row.prefix}: the validity overlaps that in line {earlier}"
            group.problems.add(fields.line, message)
        rows.append(row)
    return tuple(rows)


def _from_file(group: Fields, zone: ZoneInfo, decks: DeckFiles) -> tuple[DeckRow, ...]:
    line = group.line_of("deck")
    name = group.optional("deck", str, "")

    def report(number: int, message: str) -> None:
        group.problems.add(line, f"deck {shown(name)} row {number}: {message}")

    try:
        with decks.open(name) as text:
            rows = tuple(row for _, row in read_deck(text, zone, report))
    except InvalidInput as error:
        group.problems.add(line, f"deck {shown(name)}: {error}")
        return ()
    return rows
