"""Decks beside the live rates. Implements `services.decks.ports.StagedDecks`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from controller.domain.decks import DeckRow, moment_text
from controller.domain.errors import StoreUnavailable, TollgateError
from controller.domain.sections import SectionMode
from controller.persistence import config_sql, deck_sql, deck_store, staged_deck_rows
from controller.persistence import schema as t
from controller.persistence.audit_store import write_audit
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.persistence.database import transaction
from controller.persistence.deck_plan import DeckPlan
from controller.services.audit import AuditLine
from controller.services.decks.ports import (
    ChangeQuery,
    DeckChange,
    DeckState,
    DeckWarning,
    ForeignChange,
    GroupTerms,
    NewDeck,
    NumberedRow,
    RowProblem,
    StagedDeck,
)

STAGING_WAIT_S = 60
"""Longest wait for another process that works on the same deck."""
MAX_NAMED = 10

_decks, _groups, _rates = t.staged_decks, t.rate_groups, t.rates
_problems = t.staged_deck_problems


class PostgresStagedDecks:
    """Implements `StagedDecks`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator["PostgresStagedDeckWork"]:
        """Raises what `PostgresConfigurationStore.begin` raises."""
        with PostgresConfigurationStore(self._engine).begin() as changing:
            work = PostgresStagedDeckWork(changing.connection)
            yield work
            if work.committed:
                changing.commit()

    @contextmanager
    def begin_staging(self) -> Iterator["PostgresStagedDeckWork"]:
        """Raises StoreUnavailable where the database is away or a deck is worked on elsewhere,
        TollgateError where the rate group went away meanwhile."""
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.text(f"SET LOCAL lock_timeout = {STAGING_WAIT_S * 1000}"))
                work = PostgresStagedDeckWork(connection)
                yield work
                if not work.committed:
                    connection.rollback()
        except sa.exc.IntegrityError as error:
            raise TollgateError("the rate group was removed meanwhile") from error


@dataclass(slots=True)
class PostgresStagedDeckWork:
    """Implements `StagedDeckWork` on one connection."""

    _connection: sa.Connection
    committed: bool = False
    _loading: set[int] = field(default_factory=set)
    """Decks whose rows are in this transaction's own table."""

    def commit(self) -> None:
        self.committed = True

    def terms(self, group: str) -> GroupTerms | None:
        row = self._connection.execute(sa.select(_groups).where(_groups.c.name == group)).first()
        if row is None:
            return None
        return GroupTerms(
            row.id, ZoneInfo(row.timezone), SectionMode(row.section_mode), row.rates_version
        )

    # -- staging --------------------------------------------------------------------------

    def add(self, deck: NewDeck, now: datetime, *, keep_rows: bool) -> int:
        group = sa.select(_groups.c.id, _groups.c.section_mode).where(_groups.c.name == deck.group)
        found = self._connection.execute(group).one()
        insert = (
            _decks.insert()
            .values(
                rate_group_id=found.id,
                origin=deck.origin,
                file=deck.file,
                replaces=deck.replace,
                state=DeckState.STAGED,
                section_mode=found.section_mode,
                effective_at=deck.effective_at,
                price_limit=deck.limits.price_per_minute,
                change_limit=deck.limits.change_percent,
                staged_at=now,
            )
            .returning(_decks.c.id)
        )
        deck_id = int(self._connection.execute(insert).scalar_one())
        if not keep_rows:
            self._loading.add(deck_id)
        return deck_id

    def load(self, deck_id: int, rows: Iterable[NumberedRow]) -> int:
        loaded = self._plan(self._row(deck_id)).load(rows)
        self._update(deck_id, rows=loaded)
        return loaded

    def note_problems(self, deck_id: int, problems: Sequence[RowProblem], total: int) -> None:
        rows = [
            {"deck_id": deck_id, "position": position, "row_number": row, "message": message}
            for position, (row, message) in enumerate(problems, start=1)
        ]
        if rows:
            self._connection.execute(_problems.insert(), rows)
        self._update(deck_id, wrong=total)

    def compare(self, deck_id: int) -> StagedDeck:
        row = self._row(deck_id, lock=True)
        if row.state == DeckState.STAGED and row.compared_version != row.rates_version:
            self._compare(row)
            row = self._row(deck_id)
        return self._deck(row)

    def set_effective(self, deck_id: int, effective_at: datetime | None) -> None:
        self._update(deck_id, effective_at=effective_at, compared_version=None)

    # -- looking --------------------------------------------------------------------------

    def deck(self, deck_id: int) -> StagedDeck | None:
        row = self._connection.execute(_DECK.where(_decks.c.id == deck_id)).first()
        return self._deck(row) if row is not None else None

    def decks(self, group: str | None, limit: int) -> list[StagedDeck]:
        query = _DECK.order_by(_decks.c.id.desc()).limit(limit)
        if group is not None:
            query = query.where(_groups.c.name == group)
        return [staged_deck_rows.deck(row) for row in self._connection.execute(query)]

    def problems(self, deck_id: int, limit: int) -> list[RowProblem]:
        query = (
            sa.select(_problems.c.row_number, _problems.c.message)
            .where(_problems.c.deck_id == deck_id)
            .order_by(_problems.c.position)
            .limit(limit)
        )
        found = [(row.row_number, row.message) for row in self._connection.execute(query)]
        row = self._row(deck_id)
        if row.overlapping and row.state == DeckState.STAGED and len(found) < limit:
            overlaps = self._plan(row).overlaps()
            found += [(overlap.row_number, _overlap_message(overlap)) for overlap in overlaps]
        return found[:limit]

    def warnings(self, deck_id: int) -> list[DeckWarning]:
        return staged_deck_rows.warnings(self._connection, self._row(deck_id))

    def changes(self, deck_id: int, query: ChangeQuery) -> list[DeckChange]:
        return staged_deck_rows.changes(self._connection, deck_id, query)

    def largest(self, deck_id: int, limit: int, *, increases: bool) -> list[DeckChange]:
        return staged_deck_rows.largest(self._connection, deck_id, limit, increases=increases)

    def all_changes(self, deck_id: int) -> Iterator[DeckChange]:
        return staged_deck_rows.all_changes(self._connection, deck_id)

    # -- changing live rates --------------------------------------------------------------

    def activate(self, deck_id: int, now: datetime) -> None:
        row = self._row(deck_id)
        before, after = self._plan(row).activate()
        self._update(
            deck_id,
            state=DeckState.ACTIVE,
            activated_at=now,
            version_before=before,
            version_after=after,
        )
        self._forget_rows(deck_id)

    def discard(self, deck_id: int, now: datetime) -> None:
        self._update(deck_id, state=DeckState.DISCARDED, ended_at=now)
        self._forget_rows(deck_id)
        changes = t.deck_changes
        self._connection.execute(changes.delete().where(changes.c.deck_id == deck_id))

    def last_activated(self, group: str) -> StagedDeck | None:
        query = (
            _DECK.where(_groups.c.name == group, _decks.c.activated_at.is_not(None))
            .order_by(_decks.c.activated_at.desc(), _decks.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return self._deck(row) if row is not None else None

    def foreign_change(self, deck: StagedDeck) -> ForeignChange | None:
        row = self._row(deck.deck_id)
        if row.rates_version == row.version_after:
            return None
        return ForeignChange(tuple(self._plan(row).disturbed(MAX_NAMED)))

    def is_recorded(self, deck: StagedDeck) -> bool:
        changes, difference = t.deck_changes, deck.difference
        query = sa.select(sa.func.count()).where(changes.c.deck_id == deck.deck_id)
        kept = self._connection.execute(query).scalar_one()
        return bool(kept == difference.added + difference.changed + difference.removed)

    def undo(self, deck_id: int, now: datetime) -> None:
        row = self._row(deck_id)
        self._plan(row).undo()
        self._update(deck_id, state=DeckState.ROLLED_BACK, ended_at=now)

    def rows(self, group: str) -> Iterator[DeckRow]:
        return deck_store.stored_rows(self._connection, group)

    def has_sections(self, group: str) -> bool:
        found = (
            sa.select(_rates.c.id)
            .join(_groups, _groups.c.id == _rates.c.rate_group_id)
            .where(_groups.c.name == group, _rates.c.sections != "")
        )
        return bool(self._connection.execute(sa.select(found.exists())).scalar_one())

    def bump_version(self) -> int:
        bumped = self._connection.execute(sa.text(config_sql.BUMP_VERSION), {"parameters": None})
        return int(bumped.scalar_one())

    def audit(self, *lines: AuditLine) -> None:
        write_audit(self._connection, lines)

    # -- parts ----------------------------------------------------------------------------

    def _compare(self, row: sa.Row[Any]) -> None:
        plan = self._plan(row)
        counts = plan.write_changes(SectionMode(row.section_mode))
        unchanged = row.rows - counts.added - counts.changed - counts.ended
        self._update(
            row.id,
            compared_version=row.rates_version,
            added=counts.added,
            changed=counts.changed,
            removed=counts.removed,
            unchanged=unchanged,
            overlapping=len(plan.overlaps()),
        )

    def _row(self, deck_id: int, *, lock: bool = False) -> sa.Row[Any]:
        query = _DECK.where(_decks.c.id == deck_id)
        if lock:
            query = query.with_for_update(of=_decks)
        try:
            return self._connection.execute(query).one()
        except sa.exc.OperationalError as error:
            raise StoreUnavailable(f"deck {deck_id} is being worked on") from error

    def _deck(self, row: sa.Row[Any]) -> StagedDeck:
        examples = staged_deck_rows.examples(self._connection, row.id)
        return staged_deck_rows.deck(row, examples)

    def _plan(self, row: sa.Row[Any]) -> DeckPlan:
        rows = deck_sql.LOADING_ROWS if row.id in self._loading else deck_sql.KEPT_ROWS
        return DeckPlan(
            self._connection, row.id, row.rate_group_id, row.replaces, row.effective_at, rows
        )

    def _update(self, deck_id: int, **values: object) -> None:
        self._connection.execute(_decks.update().where(_decks.c.id == deck_id).values(**values))

    def _forget_rows(self, deck_id: int) -> None:
        rows = t.staged_deck_rows
        self._connection.execute(rows.delete().where(rows.c.deck_id == deck_id))
        self._connection.execute(_problems.delete().where(_problems.c.deck_id == deck_id))


_DECK = sa.select(_decks, _groups.c.name.label("group"), _groups.c.rates_version).join(
    _groups, _groups.c.id == _decks.c.rate_group_id
)


def _overlap_message(overlap: sa.Row[Any]) -> str:
    start = moment_text(overlap.effective_from) or "always"
    end = moment_text(overlap.effective_to) or "ever"
    return f"prefix {overlap.prefix}: the validity overlaps a stored rate's ({start} to {end})"
