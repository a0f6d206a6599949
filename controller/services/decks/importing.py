"""Decks in one step: import (staged and activated in one transaction), comparison, export."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from controller.domain.deck_mapping import DeckMapping
from controller.domain.decks import CANONICAL, DeckRow
from controller.domain.errors import InvalidInput
from controller.services.actors import Actor
from controller.services.config_as_code.problems import Problem, Problems, shown
from controller.services.decks.audit import rates_line
from controller.services.decks.ports import (
    DeckDifference,
    DeckOrigin,
    DeckWarning,
    GroupTerms,
    NewDeck,
    StagedDecks,
    StagedDeckWork,
)
from controller.services.decks.reading import DeckTable, Report, read_sound_rows

WriteTable = Callable[[Sequence[str], Iterable[Sequence[str]]], int]
"""Writes a header and rows of text; how many rows."""


@dataclass(frozen=True, slots=True)
class DeckOutcome:
    """What an import or a comparison found. `version` is set where something was written."""

    rows: int
    difference: DeckDifference
    problems: tuple[Problem, ...] = ()
    version: int | None = None
    warnings: tuple[DeckWarning, ...] = ()
    deck_id: int | None = None


def import_deck(
    actor: Actor,
    store: StagedDecks,
    deck: NewDeck,
    table: DeckTable,
    now: datetime,
    *,
    mapping: DeckMapping | None = None,
    dry_run: bool = False,
    refuse_warnings: bool = False,
) -> DeckOutcome:
    """Merge a deck into a rate group, or replace its rates; all rows or none.

    Raises InvalidInput where there is no such group, or the file cannot be read.
    """
    with store.begin() as work:
        deck_id, rows, problems = _load(work, deck, table, mapping, now)
        if problems:
            return DeckOutcome(rows, DeckDifference(), problems.sorted())
        compared = work.compare(deck_id)
        if not compared.difference:
            return DeckOutcome(rows, compared.difference)
        problems = overlaps_of(work, deck_id)
        warnings = tuple(work.warnings(deck_id))
        outcome = DeckOutcome(rows, compared.difference, problems.sorted(), None, warnings)
        if problems or dry_run or (warnings and refuse_warnings):
            return outcome
        work.activate(deck_id, now)
        difference = compared.difference
        work.audit(rates_line(actor, deck.group, difference, deck.file, deck_id))
        version = work.bump_version()
        work.commit()
    return DeckOutcome(rows, compared.difference, (), version, warnings, deck_id)


def compare_deck(
    store: StagedDecks,
    group: str,
    table: DeckTable,
    now: datetime,
    mapping: DeckMapping | None = None,
) -> DeckOutcome:
    """What replacing the group's rates by this deck would change. Writes nothing."""
    deck = NewDeck(group, DeckOrigin.IMPORT, "", replace=True)
    with store.begin_staging() as work:
        deck_id, rows, problems = _load(work, deck, table, mapping, now)
        if problems:
            return DeckOutcome(rows, DeckDifference(), problems.sorted())
        return DeckOutcome(rows, work.compare(deck_id).difference)


def export_deck(store: StagedDecks, group: str, write: WriteTable) -> int:
    """The group's rates in the canonical columns; how many. `sections` only if there are some."""
    with store.begin_staging() as work:
        terms_of(work, group)
        columns = CANONICAL if work.has_sections(group) else CANONICAL[:-1]
        width = len(columns)
        return write(columns, (row.cells()[:width] for row in work.rows(group)))


def write_deck(target: TextIO, rows: Iterable[DeckRow]) -> int:
    """Canonical CSV with every column: header row, UTF-8, comma, LF."""
    return write_csv(target, CANONICAL, (row.cells() for row in rows))


def write_csv(target: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """A header and rows as comma-separated values; how many rows."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    return count


def terms_of(work: StagedDeckWork, group: str) -> GroupTerms:
    """Raises InvalidInput where there is no such group."""
    terms = work.terms(group)
    if terms is None:
        raise InvalidInput(f"no rate group is named {shown(group)}")
    return terms


def load_rows(
    work: StagedDeckWork,
    deck_id: int,
    table: DeckTable,
    mapping: DeckMapping | None,
    terms: GroupTerms,
    report: Report,
) -> int:
    """Load what is sound of a table, report the rest; how many rows."""
    rows = read_sound_rows(table, mapping, terms.zone, terms.section_mode, report)
    return work.load(deck_id, rows)


def overlaps_of(work: StagedDeckWork, deck_id: int) -> Problems:
    """What is wrong with a deck beside the live rates."""
    problems = Problems(unit="row")
    for row, message in work.problems(deck_id, limit=1_000):
        problems.add(row, message)
    return problems


def _load(
    work: StagedDeckWork,
    deck: NewDeck,
    table: DeckTable,
    mapping: DeckMapping | None,
    now: datetime,
) -> tuple[int, int, Problems]:
    terms = terms_of(work, deck.group)
    problems = Problems(unit="row")
    deck_id = work.add(deck, now, keep_rows=False)
    rows = load_rows(work, deck_id, table, mapping, terms, problems.add)
    if not rows and not problems:
        problems.add(0, "the deck has no rates")
    return deck_id, rows, problems
