"""A deck in the place of a rate group, for one comparison: a file, or another rate group.

Nothing is stored: a file's rows are read and checked as for an import, and kept in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from controller.domain.configuration import Configuration
from controller.domain.deck_cells import deck_tariff
from controller.domain.decks import DeckRow
from controller.domain.errors import InvalidInput
from controller.domain.rates import Rate, RateGroup, index_rates
from controller.domain.rerating import Substitute
from controller.domain.sections import SectionMode
from controller.services.config_as_code.problems import Problems, shown
from controller.services.decks import read_deck


@dataclass(frozen=True, slots=True)
class GroupReading:
    """How a rate group reads decks."""

    zone: ZoneInfo
    section_mode: SectionMode


def group_named(configuration: Configuration, name: str) -> RateGroup:
    """Raises InvalidInput."""
    found = next((g for g in configuration.rate_groups.values() if g.name == name), None)
    if found is None:
        raise InvalidInput(f"no rate group is named {shown(name)}")
    return found


def other_group(group: RateGroup, other: RateGroup) -> Substitute:
    """Another group, its terms and periods included. Raises InvalidInput."""
    if other.terms.currency != group.terms.currency:
        raise InvalidInput(
            f"rate group {group.name} is in {group.terms.currency}, "
            f"{other.name} is in {other.terms.currency}"
        )
    return Substitute(group.group_id, other)


def deck_of(
    group: RateGroup, reading: GroupReading, text: Iterable[str], problems: Problems
) -> Substitute:
    """The group with a canonical CSV's rates; `problems` says by row what is wrong with it."""
    rows = read_deck(text, reading.zone, problems.add, reading.section_mode)
    rates = index_rates(_rates(rows, reading.section_mode))
    if not len(rates) and not problems:
        problems.add(0, "the deck has no rates")
    return Substitute(group.group_id, replace(group, rates=rates))


def _rates(
    rows: Iterable[tuple[int, DeckRow]], section_mode: SectionMode
) -> Iterator[tuple[str, Rate]]:
    """Rows that differ in nothing but their prefix share one rate: decks have few prices."""
    shared: dict[tuple[object, ...], Rate] = {}
    for _, row in rows:
        key = (
            row.tiers,
            row.sections,
            row.tax_percent,
            row.rate_type,
            row.locked,
            row.effective_from,
            row.effective_to,
        )
        rate = shared.get(key)
        if rate is None:
            rate = shared[key] = Rate(
                tariff=deck_tariff(row.tiers, row.sections, section_mode),
                tax_percent=row.tax_percent,
                rate_type=row.rate_type,
                locked=row.locked,
                valid_from=row.effective_from,
                valid_until=row.effective_to,
            )
        yield row.prefix, rate
