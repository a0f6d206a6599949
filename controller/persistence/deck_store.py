"""Rates of rate groups for configuration as code: staged for one transaction, compared, merged.

All functions work in the caller's transaction. What is merged is logged as a deck, so that it can
be rolled back like any other.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from controller.domain.decks import DeckRow, moment_text
from controller.domain.rates import RateType
from controller.domain.sections import SectionMode
from controller.persistence import deck_sql as sql
from controller.persistence import schema as t
from controller.persistence.deck_plan import DeckPlan
from controller.services.decks import DeckDifference, NumberedRow, Overlap
from controller.services.decks.ports import DeckOrigin, DeckState, ReviewLimits

_STAGED_GROUPS = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_groups (
    rate_group text PRIMARY KEY, deck_id bigint NOT NULL, rows integer NOT NULL
) ON COMMIT DROP
"""

_NEXT_DECK = "SELECT nextval('staged_decks_id_seq')"

_NOTE_GROUP = "INSERT INTO staged_groups VALUES (:group, :deck, :rows)"

_STAGED_GROUP = """
SELECT s.deck_id, s.rows, coalesce(g.id, 0) AS group_id, g.section_mode
FROM staged_groups s LEFT JOIN rate_groups g ON g.name = s.rate_group WHERE s.rate_group = :group
"""


def stage(connection: sa.Connection, group: str, rows: Iterable[NumberedRow]) -> int:
    """Load rows for a group (which need not exist yet); how many."""
    connection.execute(sa.text(_STAGED_GROUPS))
    deck_id = int(connection.execute(sa.text(_NEXT_DECK)).scalar_one())
    plan = DeckPlan(connection, deck_id, 0, replaces=True, rows=sql.LOADING_ROWS)
    loaded = plan.load(rows)
    given = {"group": group, "deck": deck_id, "rows": loaded}
    connection.execute(sa.text(_NOTE_GROUP), given)
    return loaded


def difference(connection: sa.Connection, group: str, *, replace: bool) -> DeckDifference:
    return _plan(connection, _staged(connection, group), replace=replace).difference()


def merge(connection: sa.Connection, group: str, *, replace: bool) -> None:
    """Make the stored rates those that are staged; without `replace`, others stay."""
    staged = _staged(connection, group)
    plan = _plan(connection, staged, replace=replace)
    counts = plan.write_changes(SectionMode(staged.section_mode))
    before, after = plan.activate()
    limits = ReviewLimits()
    connection.execute(
        t.staged_decks.insert().values(
            id=staged.deck_id,
            rate_group_id=staged.group_id,
            origin=DeckOrigin.CONFIGURATION,
            replaces=replace,
            state=DeckState.ACTIVE,
            section_mode=staged.section_mode,
            price_limit=limits.price_per_minute,
            change_limit=limits.change_percent,
            rows=staged.rows,
            compared_version=before,
            added=counts.added,
            changed=counts.changed,
            removed=counts.removed,
            unchanged=staged.rows - counts.added - counts.changed,
            version_before=before,
            version_after=after,
            staged_at=sa.func.now(),
            activated_at=sa.func.now(),
        )
    )


def overlaps(connection: sa.Connection, group: str) -> list[Overlap]:
    plan = _plan(connection, _staged(connection, group), replace=False)
    return [
        Overlap(
            row.row_number,
            row.prefix,
            moment_text(row.effective_from),
            moment_text(row.effective_to),
        )
        for row in plan.overlaps()
    ]


def stored_rows(connection: sa.Connection, group: str) -> Iterator[DeckRow]:
    """In the order of prefixes as text, then of time."""
    rates, groups = t.rates, t.rate_groups
    query = (
        sa.select(rates)
        .join(groups, groups.c.id == rates.c.rate_group_id)
        .where(groups.c.name == group)
        .order_by(rates.c.prefix.collate("C"), rates.c.effective_from.nulls_first())
        .execution_options(yield_per=10_000)
    )
    for row in connection.execute(query):
        yield DeckRow(
            row.prefix,
            row.tiers,
            row.area,
            RateType(row.rate_type),
            row.tax_percent,
            row.effective_from,
            row.effective_to,
            row.locked,
            row.sections,
        )


def count(connection: sa.Connection, group: str) -> int:
    rates, groups = t.rates, t.rate_groups
    query = (
        sa.select(sa.func.count())
        .select_from(rates.join(groups, groups.c.id == rates.c.rate_group_id))
        .where(groups.c.name == group)
    )
    return int(connection.execute(query).scalar_one())


def _staged(connection: sa.Connection, group: str) -> sa.Row[Any]:
    return connection.execute(sa.text(_STAGED_GROUP), {"group": group}).one()


def _plan(connection: sa.Connection, staged: sa.Row[Any], *, replace: bool) -> DeckPlan:
    rows = sql.LOADING_ROWS
    return DeckPlan(connection, staged.deck_id, staged.group_id, replace, rows=rows)
