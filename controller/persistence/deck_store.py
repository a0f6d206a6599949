"""Rates of rate groups, as sets: staged by COPY into a temporary table, compared, merged.

All functions work in the caller's transaction. The staging table ends with it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import RateType
from controller.domain.decks import DeckRow, moment_text
from controller.persistence import schema as t
from controller.services.decks import EXAMPLES, DeckDifference, NumberedRow, Overlap, RateChange

_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged_rates (
    rate_group text NOT NULL, row_number integer NOT NULL, prefix text NOT NULL, area text NOT NULL,
    rate_type smallint NOT NULL, tiers text NOT NULL, tax_percent numeric(7, 4) NOT NULL,
    effective_from timestamptz, effective_to timestamptz, locked boolean NOT NULL
) ON COMMIT DROP
"""

_COPY = """
COPY staged_rates (rate_group, row_number, prefix, area, rate_type, tiers, tax_percent,
    effective_from, effective_to, locked) FROM STDIN
"""

# one rate for each prefix and beginning; an open beginning compares like the earliest time
_PAIRS = """
WITH staged AS (SELECT * FROM staged_rates WHERE rate_group = :group),
stored AS (
    SELECT r.* FROM rates r JOIN rate_groups g ON g.id = r.rate_group_id WHERE g.name = :group
), pairs AS (
    SELECT coalesce(n.prefix, o.prefix) AS prefix, o.id, n.row_number,
        coalesce(n.effective_from, o.effective_from) AS effective_from,
        o.id IS NULL AS is_new, n.prefix IS NULL AS is_gone,
        o.tiers AS old_tiers, n.tiers AS new_tiers,
        o.id IS NOT NULL AND n.prefix IS NOT NULL AND
        (o.area, o.rate_type, o.tiers, o.tax_percent, o.effective_to, o.locked) IS DISTINCT FROM
        (n.area, n.rate_type, n.tiers, n.tax_percent, n.effective_to, n.locked) AS is_changed
    FROM staged n FULL JOIN stored o ON o.prefix = n.prefix
        AND coalesce(o.effective_from, '-infinity') = coalesce(n.effective_from, '-infinity')
)
"""

_COUNTS = (
    _PAIRS
    + """
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_changed),
    count(*) FILTER (WHERE is_gone AND :replace) FROM pairs
"""
)

_EXAMPLES = (
    _PAIRS
    + """
SELECT prefix, old_tiers, new_tiers FROM pairs WHERE is_new OR is_changed OR (is_gone AND :replace)
ORDER BY prefix COLLATE "C", effective_from NULLS FIRST LIMIT :limit
"""
)

_REMOVE = (
    _PAIRS
    + """
DELETE FROM rates USING pairs WHERE rates.id = pairs.id AND pairs.is_gone AND :replace
"""
)

_CHANGE = (
    _PAIRS
    + """
UPDATE rates SET area = n.area, rate_type = n.rate_type, tiers = n.tiers,
    tax_percent = n.tax_percent, effective_to = n.effective_to, locked = n.locked
FROM pairs JOIN staged n ON n.row_number = pairs.row_number
WHERE rates.id = pairs.id AND pairs.is_changed
"""
)

_ADD = (
    _PAIRS
    + """
INSERT INTO rates (rate_group_id, prefix, area, rate_type, tiers, tax_percent, effective_from,
    effective_to, locked)
SELECT g.id, n.prefix, n.area, n.rate_type, n.tiers, n.tax_percent, n.effective_from,
    n.effective_to, n.locked
FROM pairs JOIN staged n ON n.row_number = pairs.row_number
    JOIN rate_groups g ON g.name = :group WHERE pairs.is_new
"""
)

_OVERLAPS = """
SELECT n.row_number, n.prefix, o.effective_from, o.effective_to
FROM staged_rates n JOIN rate_groups g ON g.name = :group
    JOIN rates o ON o.rate_group_id = g.id AND o.prefix = n.prefix
WHERE n.rate_group = :group
    AND coalesce(o.effective_from, '-infinity') <> coalesce(n.effective_from, '-infinity')
    AND tstzrange(o.effective_from, o.effective_to) && tstzrange(n.effective_from, n.effective_to)
ORDER BY n.row_number LIMIT 1000
"""


def stage(connection: sa.Connection, group: str, rows: Iterable[NumberedRow]) -> int:
    """Load rows for a group (which need not exist yet); how many."""
    connection.execute(sa.text(_STAGE))
    driver: Any = connection.connection.driver_connection
    count = 0
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for number, row in rows:
            copy.write_row(_cells(group, number, row))
            count += 1
    connection.execute(sa.text("ANALYZE staged_rates"))
    return count


def difference(connection: sa.Connection, group: str, *, replace: bool) -> DeckDifference:
    given = {"group": group, "replace": replace}
    added, changed, removed = connection.execute(sa.text(_COUNTS), given).one()
    if not added + changed + removed:
        return DeckDifference()
    rows = connection.execute(sa.text(_EXAMPLES), {**given, "limit": EXAMPLES})
    return DeckDifference(added, changed, removed, tuple(RateChange(*row) for row in rows))


def merge(connection: sa.Connection, group: str, *, replace: bool) -> None:
    """Make the stored rates those that are staged; without `replace`, others stay."""
    for statement in (_REMOVE, _CHANGE, _ADD):
        given = {"group": group} | ({"replace": replace} if statement is _REMOVE else {})
        connection.execute(sa.text(statement), given)


def overlaps(connection: sa.Connection, group: str) -> list[Overlap]:
    rows = connection.execute(sa.text(_OVERLAPS), {"group": group})
    return [
        Overlap(
            row.row_number,
            row.prefix,
            moment_text(row.effective_from),
            moment_text(row.effective_to),
        )
        for row in rows
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
        )


def count(connection: sa.Connection, group: str) -> int:
    rates, groups = t.rates, t.rate_groups
    query = (
        sa.select(sa.func.count())
        .select_from(rates.join(groups, groups.c.id == rates.c.rate_group_id))
        .where(groups.c.name == group)
    )
    return int(connection.execute(query).scalar_one())


def _cells(group: str, number: int, row: DeckRow) -> tuple[object, ...]:
    return (
        group,
        number,
        row.prefix,
        row.area,
        int(row.rate_type),
        row.tiers,
        row.tax_percent,
        row.effective_from,
        row.effective_to,
        row.locked,
    )
