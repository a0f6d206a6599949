"""Staged decks as administrators keep them: stage, look, activate, discard, roll back.

The functions of `staging`, with the errors that pages and the API know.
"""

import io
from collections.abc import Sequence

from controller.domain.errors import Conflict, InvalidFields, InvalidInput, NotAllowed, NotFound
from controller.services.actors import Actor
from controller.services.decks.layout import CANONICAL_LAYOUT, DeckLayout, read_layout
from controller.services.decks.ports import (
    ChangeQuery,
    DeckState,
    NewDeck,
    StagedDeck,
    StagedDecks,
)
from controller.services.decks.reading import DeckTable
from controller.services.decks.staging import (
    MAX_STAGED,
    DeckReport,
    activate_deck,
    discard_deck,
    roll_back,
    show_deck,
    stage_deck,
    staged_decks,
)
from controller.services.ports import Clock


class DeckReview:
    """Everything raises StoreUnavailable, and NotAllowed for all but administrators."""

    def __init__(self, store: StagedDecks, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def decks(self, actor: Actor, group: str | None = None) -> Sequence[StagedDeck]:
        """Of a group, or of all, the newest first. Raises NotFound for an unknown group."""
        _require(actor)
        try:
            return staged_decks(self._store, group)
        except InvalidInput as error:
            raise NotFound(str(error)) from None

    def show(self, actor: Actor, deck_id: int, query: ChangeQuery) -> DeckReport:
        """A deck and a page of what it changes. Raises NotFound."""
        _require(actor)
        try:
            return show_deck(self._store, deck_id, query)
        except InvalidInput as error:
            raise NotFound(str(error)) from None

    def stage(self, actor: Actor, deck: NewDeck, text: str, layout: str = "") -> StagedDeck:
        """Keep a deck beside the live rates; wrong rows are kept with it and counted.

        `text` is the table, `layout` a mapping file where its columns are not the canonical ones.
        Raises NotFound for an unknown group, InvalidFields, Conflict where too many decks wait.
        """
        _require(actor)
        now = self._clock.now()
        if deck.effective_at is not None and deck.effective_at < now:
            raise InvalidFields({"effective_at": "is past: prices that calls have paid stay"})
        waiting = [d for d in self.decks(actor, deck.group) if d.state is DeckState.STAGED]
        if len(waiting) >= MAX_STAGED:
            raise Conflict(f"{len(waiting)} decks are staged for {deck.group}: discard some")
        wanted = _layout(layout)
        table = DeckTable(io.StringIO(text.lstrip("\ufeff"), newline=""), wanted.file.delimiter)
        query = ChangeQuery(limit=1)
        try:
            report = stage_deck(actor, self._store, deck, table, now, wanted.mapping, query)
        except InvalidInput as error:
            raise InvalidFields({"table": str(error)}) from None
        return report.deck

    def activate(self, actor: Actor, deck_id: int, *, accept_warnings: bool) -> StagedDeck:
        """Make its rates the live ones, from the date it was staged with, or at once.

        Raises NotFound; Conflict, which says what stands against it.
        """
        self.show(actor, deck_id, ChangeQuery(limit=1))
        done = activate_deck(
            actor, self._store, deck_id, self._clock.now(), accept_warnings=accept_warnings
        )
        if done.refused:
            raise Conflict("; ".join(done.refused))
        return self._now(actor, done.deck)

    def discard(self, actor: Actor, deck_id: int) -> StagedDeck:
        """Throw a staged deck away. Raises NotFound, Conflict where it is staged no more."""
        deck = self.show(actor, deck_id, ChangeQuery(limit=1)).deck
        if deck.state is not DeckState.STAGED:
            raise Conflict(f"deck {deck_id} is {deck.state.replace('_', ' ')}, not staged")
        discarded = discard_deck(actor, self._store, deck_id, self._clock.now())
        return self._now(actor, discarded)

    def roll_back(self, actor: Actor, group: str) -> StagedDeck:
        """The rates before the group's last activation. Raises NotFound, Conflict."""
        self.decks(actor, group)
        done = roll_back(actor, self._store, group, self._clock.now())
        if done.refused or done.deck is None:
            raise Conflict(done.refused)
        return self._now(actor, done.deck)

    def _now(self, actor: Actor, deck: StagedDeck) -> StagedDeck:
        """The deck as it is by now."""
        return self.show(actor, deck.deck_id, ChangeQuery(limit=1)).deck


def _layout(text: str) -> DeckLayout:
    """Raises InvalidFields."""
    if not text.strip():
        return CANONICAL_LAYOUT
    try:
        return read_layout(text)
    except InvalidInput as error:
        raise InvalidFields({"layout": str(error)}) from None


def _require(actor: Actor) -> None:
    if not actor.is_operator:
        raise NotAllowed("rate decks are the administrators'")
