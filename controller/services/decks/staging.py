"""A deck's way from a file to the live rates: staged, looked at, activated, rolled back.

Staging keeps everything, the errors too; only a deck without errors is activated, and one with
absurd prices only by somebody who accepts them. What a deck does is written down rate by rate, so
that taking it back is exact. Pages and commands call the same functions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from controller.domain.deck_mapping import DeckMapping
from controller.domain.decks import moment_text
from controller.domain.errors import InvalidInput
from controller.services.actors import Actor
from controller.services.decks.audit import deck_line
from controller.services.decks.importing import load_rows, terms_of
from controller.services.decks.ports import (
    ChangeQuery,
    DeckChange,
    DeckState,
    DeckWarning,
    ForeignChange,
    NewDeck,
    RowProblem,
    StagedDeck,
    StagedDecks,
    StagedDeckWork,
)
from controller.services.decks.reading import DeckTable

MAX_STAGED = 20
"""Decks that wait beside one rate group."""
MAX_KEPT_PROBLEMS = 10_000
"""Wrong rows that are kept with a deck; the rest is counted."""
MAX_LISTED = 200
LARGEST = 10
FIRST_PAGE = ChangeQuery()


@dataclass(frozen=True, slots=True)
class DeckReport:
    """A deck, the problems and warnings that stand against it, and a page of its difference."""

    deck: StagedDeck
    problems: tuple[RowProblem, ...]
    warnings: tuple[DeckWarning, ...]
    increases: tuple[DeckChange, ...]
    decreases: tuple[DeckChange, ...]
    changes: tuple[DeckChange, ...]


@dataclass(frozen=True, slots=True)
class Activation:
    """What came of it: with `refused` nothing; `version` None: the deck had nothing to change."""

    deck: StagedDeck
    refused: tuple[str, ...] = ()
    version: int | None = None
    warnings: tuple[DeckWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Rollback:
    """What came of it. `refused` says what has changed since, or that there is no deck."""

    deck: StagedDeck | None
    refused: str = ""
    version: int | None = None


def stage_deck(
    actor: Actor,
    store: StagedDecks,
    deck: NewDeck,
    table: DeckTable,
    now: datetime,
    mapping: DeckMapping | None = None,
    query: ChangeQuery = FIRST_PAGE,
) -> DeckReport:
    """Keep a deck beside the live rates, and say what it would change.

    Raises InvalidInput where there is no such group, the file cannot be read, nothing at all is
    in it, or too many decks wait already.
    """
    _check_date(deck.effective_at, now)
    with store.begin_staging() as work:
        terms = terms_of(work, deck.group)
        waiting = [d for d in work.decks(deck.group, MAX_LISTED) if d.state is DeckState.STAGED]
        if len(waiting) >= MAX_STAGED:
            raise InvalidInput(f"{len(waiting)} decks are staged for {deck.group}: discard some")
        deck_id = work.add(deck, now, keep_rows=True)
        problems = _KeptProblems()
        rows = load_rows(work, deck_id, table, mapping, terms, problems.add)
        if not rows and not problems.total:
            raise InvalidInput("the deck has no rates")
        work.note_problems(deck_id, problems.kept, problems.total)
        report = _report(work, deck_id, query)
        work.audit(deck_line(actor, "stage", report.deck))
        work.commit()
        return report


def staged_decks(store: StagedDecks, group: str | None = None) -> list[StagedDeck]:
    """Decks of a group, or of all, the newest first. Raises InvalidInput for an unknown group."""
    with store.begin_staging() as work:
        if group is not None:
            terms_of(work, group)
        return work.decks(group, MAX_LISTED)


def show_deck(store: StagedDecks, deck_id: int, query: ChangeQuery = FIRST_PAGE) -> DeckReport:
    """A deck and its difference from the live rates of now (once it was activated: what it did).

    Raises InvalidInput where there is no such deck.
    """
    with store.begin_staging() as work:
        deck_of(work, deck_id)
        report = _report(work, deck_id, query)
        work.commit()
        return report


@contextmanager
def export_changes(store: StagedDecks, deck_id: int) -> Iterator[Iterator[DeckChange]]:
    """Every change of a deck, by prefix. Raises InvalidInput where there is no such deck."""
    with store.begin_staging() as work:
        deck_of(work, deck_id)
        work.compare(deck_id)
        yield work.all_changes(deck_id)
        work.commit()


def activate_deck(
    actor: Actor,
    store: StagedDecks,
    deck_id: int,
    now: datetime,
    *,
    at: datetime | None = None,
    accept_warnings: bool = False,
) -> Activation:
    """Make a deck's rates the live ones, from `at` on (or the date that it was staged with, or at
    once).

    Raises InvalidInput where there is no such deck, or the date is past.
    """
    _check_date(at, now)
    with store.begin() as work:
        deck = deck_of(work, deck_id)
        if refused := _not_to_activate(work, deck):
            return Activation(deck, refused)
        if at is not None and at != deck.effective_at:
            work.set_effective(deck_id, at)
        deck = work.compare(deck_id)
        warnings = tuple(work.warnings(deck_id))
        if refused := _not_now(deck, warnings, now, accept_warnings):
            return Activation(deck, refused, warnings=warnings)
        if not deck.difference:
            work.discard(deck_id, now)
            work.audit(deck_line(actor, "discard", deck))
            work.commit()
            return Activation(deck)
        work.activate(deck_id, now)
        work.audit(deck_line(actor, "activate", deck))
        version = work.bump_version()
        work.commit()
        return Activation(deck, (), version, warnings)


def discard_deck(actor: Actor, store: StagedDecks, deck_id: int, now: datetime) -> StagedDeck:
    """Throw a staged deck away. Raises InvalidInput where there is none of this number."""
    with store.begin() as work:
        deck = deck_of(work, deck_id)
        if deck.state is not DeckState.STAGED:
            raise InvalidInput(f"deck {deck_id} is {deck.state.replace('_', ' ')}, not staged")
        work.discard(deck_id, now)
        work.audit(deck_line(actor, "discard", deck))
        work.commit()
        return deck


def roll_back(actor: Actor, store: StagedDecks, group: str, now: datetime) -> Rollback:
    """Bring back exactly the rates before the group's last activation, if nothing else has
    changed them since. Raises InvalidInput where there is no such group."""
    with store.begin() as work:
        terms_of(work, group)
        deck = work.last_activated(group)
        if deck is None:
            return Rollback(
                None, f"no deck of {group} was activated: there is nothing to roll back"
            )
        if deck.state is DeckState.ROLLED_BACK:
            # the rates that it took the place of came from a deck that may be long forgotten
            return Rollback(deck, f"deck {deck.deck_id} was rolled back already; one step is all")
        if (foreign := work.foreign_change(deck)) is not None:
            return Rollback(deck, _since(deck, foreign))
        if not work.is_recorded(deck):
            return Rollback(deck, f"what deck {deck.deck_id} did is no longer kept")
        work.undo(deck.deck_id, now)
        work.audit(deck_line(actor, "roll back", deck))
        version = work.bump_version()
        work.commit()
        return Rollback(deck, "", version)


def deck_of(work: StagedDeckWork, deck_id: int) -> StagedDeck:
    """Raises InvalidInput where there is no such deck."""
    deck = work.deck(deck_id)
    if deck is None:
        raise InvalidInput(f"there is no deck {deck_id}")
    return deck


class _KeptProblems:
    def __init__(self) -> None:
        self.kept: list[RowProblem] = []
        self.total = 0

    def add(self, row: int, message: str) -> None:
        self.total += 1
        if len(self.kept) < MAX_KEPT_PROBLEMS:
            self.kept.append((row, message))


def _report(work: StagedDeckWork, deck_id: int, query: ChangeQuery) -> DeckReport:
    deck = work.compare(deck_id)
    return DeckReport(
        deck,
        tuple(work.problems(deck_id, MAX_LISTED)),
        tuple(work.warnings(deck_id)),
        tuple(work.largest(deck_id, LARGEST, increases=True)),
        tuple(work.largest(deck_id, LARGEST, increases=False)),
        tuple(work.changes(deck_id, query)),
    )


def _check_date(at: datetime | None, now: datetime) -> None:
    if at is not None and at < now:
        raise InvalidInput(
            f"{moment_text(at)} is past: prices that calls have paid are not changed"
        )


def _not_to_activate(work: StagedDeckWork, deck: StagedDeck) -> tuple[str, ...]:
    """Why a deck can never be activated as it is."""
    if deck.state is not DeckState.STAGED:
        return (f"deck {deck.deck_id} is {deck.state.replace('_', ' ')}, not staged",)
    if terms_of(work, deck.group).section_mode is not deck.section_mode:
        return (f"{deck.group} reads section rates in another mode now: stage the file again",)
    return ()


def _not_now(
    deck: StagedDeck, warnings: tuple[DeckWarning, ...], now: datetime, accepted: bool
) -> tuple[str, ...]:
    """Why a deck is not activated, all reasons at once."""
    refused = []
    if deck.wrong:
        refused.append(f"errors in the deck: {deck.wrong}; correct the file and stage it again")
    if deck.effective_at is not None and deck.effective_at < now:
        refused.append(f"its date {moment_text(deck.effective_at)} has passed: name another one")
    if warnings and not accepted:
        count = sum(warning.count for warning in warnings)
        refused.append(f"prices to be looked at: {count}; accept the warnings if they are meant")
    return tuple(refused)


def _since(deck: StagedDeck, foreign: ForeignChange) -> str:
    what = (
        f"the rates of {deck.group} were changed otherwise since deck {deck.deck_id} was"
        f" activated at {moment_text(deck.activated_at)}"
    )
    if foreign.prefixes:
        return f"{what}: prefixes {', '.join(foreign.prefixes)} are not as it left them"
    return f"{what}: rates that it did not touch"
