"""A deck file as a rate group, for `tollgate explain rate --deck`."""

from datetime import UTC
from pathlib import Path

from controller.domain.deck_cells import deck_tariff
from controller.domain.errors import InvalidInput
from controller.domain.rates import Rate, RateGroup, index_rates
from controller.domain.sections import SectionMode
from controller.domain.tariff import Terms
from controller.persistence.deck_files import open_deck
from controller.services.decks import NumberedRow, read_deck


def deck_group(path: Path, mode: SectionMode) -> RateGroup:
    """All of the deck or nothing; its sections are read in `mode`. Raises InvalidInput."""
    problems: list[str] = []

    def report(row: int, why: str) -> None:
        problems.append(f"row {row}: {why}")

    try:
        with open_deck(path) as text:
            rows = list(read_deck(text, UTC, report, mode))
    except InvalidInput as error:
        raise InvalidInput(f"--deck: {path}: {error}") from None
    if problems:
        more = f" (and {len(problems) - 1} problems more)" if len(problems) > 1 else ""
        raise InvalidInput(f"--deck: {path}: {problems[0]}{more}")
    rates = (_rate(row, mode) for row in rows)
    return RateGroup(0, path.name, Terms(""), index_rates(rates))


def _rate(numbered: NumberedRow, mode: SectionMode) -> tuple[str, Rate]:
    _, row = numbered
    rate = Rate(
        deck_tariff(row.tiers, row.sections, mode),
        row.tax_percent,
        row.area,
        row.rate_type,
        row.locked,
        row.effective_from,
        row.effective_to,
    )
    return row.prefix, rate
