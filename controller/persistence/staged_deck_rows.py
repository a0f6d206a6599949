"""What is looked at of a staged deck: its head, its difference, what is absurd about it."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from controller.domain.decks import DeckRow
from controller.domain.rates import RateType
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.services.decks.ports import (
    EXAMPLES,
    ChangeKind,
    ChangeQuery,
    DeckChange,
    DeckDifference,
    DeckOrigin,
    DeckState,
    DeckWarning,
    RateChange,
    ReviewLimits,
    StagedDeck,
    WarningKind,
)

FETCHED_AT_ONCE = 5_000

_c = t.deck_changes.c
Row = sa.Row[Any]


def deck(row: Row, examples: tuple[RateChange, ...] = ()) -> StagedDeck:
    """From a row of `staged_decks` with the `group`'s name."""
    return StagedDeck(
        deck_id=row.id,
        group=row.group,
        origin=DeckOrigin(row.origin),
        file=row.file,
        replace=row.replaces,
        state=DeckState(row.state),
        section_mode=SectionMode(row.section_mode),
        effective_at=row.effective_at,
        limits=ReviewLimits(row.price_limit, row.change_limit),
        rows=row.rows,
        wrong=row.wrong + row.overlapping,
        difference=DeckDifference(row.added, row.changed, row.removed, examples),
        unchanged=row.unchanged,
        staged_at=row.staged_at,
        activated_at=row.activated_at,
        ended_at=row.ended_at,
    )


def examples(connection: sa.Connection, deck_id: int) -> tuple[RateChange, ...]:
    query = sa.select(_c.prefix, _c.before_tiers, _c.after_tiers).where(_c.deck_id == deck_id)
    rows = connection.execute(query.order_by(_c.position).limit(EXAMPLES))
    return tuple(RateChange(row.prefix, row.before_tiers, row.after_tiers) for row in rows)


def changes(connection: sa.Connection, deck_id: int, wanted: ChangeQuery) -> list[DeckChange]:
    query = _of(deck_id).where(_c.position > wanted.after)
    if wanted.kind is not None:
        query = query.where(_c.kind == wanted.kind)
    rows = connection.execute(query.order_by(_c.position).limit(wanted.limit))
    return [_change(row) for row in rows]


def largest(
    connection: sa.Connection, deck_id: int, limit: int, *, increases: bool
) -> list[DeckChange]:
    query = _of(deck_id).where(_c.kind == ChangeKind.CHANGED)
    if increases:
        query = query.where(_c.percent > 0).order_by(_c.percent.desc(), _c.position)
    else:
        query = query.where(_c.percent < 0).order_by(_c.percent, _c.position)
    return [_change(row) for row in connection.execute(query.limit(limit))]


def all_changes(connection: sa.Connection, deck_id: int) -> Iterator[DeckChange]:
    query = _of(deck_id).order_by(_c.position).execution_options(yield_per=FETCHED_AT_ONCE)
    for row in connection.execute(query):
        yield _change(row)


def warnings(connection: sa.Connection, deck: Row) -> list[DeckWarning]:
    """What is absurd about the prices that would be new; a rate that keeps its price is not."""
    found = []
    for kind, condition in _absurd(deck).items():
        absurd = sa.and_(_NEW_PRICE, condition)
        counted = sa.select(sa.func.count()).where(_c.deck_id == deck.id, absurd)
        if count := connection.execute(counted).scalar_one():
            query = _of(deck.id).where(absurd).order_by(_c.position).limit(EXAMPLES)
            first = tuple(_change(row) for row in connection.execute(query))
            found.append(DeckWarning(kind, count, first))
    return found


def _absurd(deck: Row) -> dict[WarningKind, sa.ColumnElement[bool]]:
    return {
        WarningKind.ABOVE_LIMIT: _c.after_price > deck.price_limit,
        # a locked rate is not used: its price is often left at 0
        WarningKind.ZERO: sa.and_(_c.after_price == 0, sa.not_(_c.after_locked)),
        WarningKind.CHANGE: sa.func.abs(_c.percent) > deck.change_limit,
        WarningKind.FROM_ZERO: sa.and_(
            _c.before_price == 0, _c.after_price > 0, sa.not_(_c.before_locked)
        ),
    }


_NEW_PRICE = sa.and_(
    _c.kind != ChangeKind.GONE,
    _c.before_price.is_distinct_from(_c.after_price) | (_c.before_locked & ~_c.after_locked),
)


def _of(deck_id: int) -> sa.Select[Any]:
    return sa.select(t.deck_changes).where(_c.deck_id == deck_id)


def _change(row: Row) -> DeckChange:
    values = row._mapping
    return DeckChange(
        row.position,
        ChangeKind(row.kind),
        row.row_number,
        _image(values, "before") if row.rate_id is not None else None,
        _image(values, "after") if row.kind != ChangeKind.GONE else None,
        row.before_price,
        row.after_price,
        row.percent,
    )


def _image(values: sa.RowMapping, side: str) -> DeckRow:
    return DeckRow(
        values["prefix"],
        values[f"{side}_tiers"],
        values[f"{side}_area"],
        RateType(values[f"{side}_rate_type"]),
        values[f"{side}_tax_percent"],
        values[f"{side}_effective_from"],
        values[f"{side}_effective_to"],
        values[f"{side}_locked"],
        values[f"{side}_sections"],
    )
