"""The rates of a rate group in a file: written inline, or a deck beside the file."""

from functools import partial
from zoneinfo import ZoneInfo

from controller.domain.decks import COLUMNS, DeckRow, Validity, read_row
from controller.domain.errors import InvalidInput
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.ports import DeckFiles
from controller.services.config_as_code.problems import shown
from controller.services.config_as_code.specs import RateGroupSpec
from controller.services.decks import read_deck


def read_rates(
    fields: Fields, group: RateGroupSpec, decks: DeckFiles
) -> tuple[DeckRow, ...] | None:
    """The whole deck of the group; None where the file says nothing of its rates."""
    if "rates" in fields and "deck" in fields:
        fields.problems.add(fields.line_of("deck"), "give either 'rates' or 'deck'")
        return None
    if "rates" in fields:
        return _inline(fields, group)
    if "deck" in fields:
        return _from_file(fields, group, decks)
    return None


def _inline(fields: Fields, group: RateGroupSpec) -> tuple[DeckRow, ...]:
    rows = []
    validity = Validity()
    zone = ZoneInfo(group.timezone)
    for rate in fields.objects("rates", COLUMNS):
        complain = partial(rate.problems.add, rate.line)
        row = read_row(rate.cells(), zone, complain, group.section_mode)
        if row is None:
            continue
        if earlier := validity.clash(row, rate.line):
            complain(f"prefix {row.prefix}: the validity overlaps that in line {earlier}")
        rows.append(row)
    return tuple(rows)


def _from_file(fields: Fields, group: RateGroupSpec, decks: DeckFiles) -> tuple[DeckRow, ...]:
    line = fields.line_of("deck")
    name = fields.optional("deck", str, "")

    def report(number: int, message: str) -> None:
        fields.problems.add(line, f"deck {shown(name)} row {number}: {message}")

    try:
        with decks.open(name) as text:
            rows = read_deck(text, ZoneInfo(group.timezone), report, group.section_mode)
            return tuple(row for _, row in rows)
    except InvalidInput as error:
        fields.problems.add(line, f"deck {shown(name)}: {error}")
        return ()
