"""A deck's rows in the database: loaded by COPY, compared with the live rates as sets, carried
out and taken back rate by rate from the log of changes.

Everything works in the caller's transaction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.decks import DeckRow, minute_price
from controller.domain.errors import InvalidTariff
from controller.domain.sections import SectionMode
from controller.persistence import deck_sql as sql
from controller.services.decks import EXAMPLES, DeckDifference, NumberedRow, RateChange

KEPT_ACTIVATIONS = 2
"""Decks of a group whose changes are kept after they were activated."""

_SORT_MEMORY = "SET LOCAL work_mem = '128MB'"


@dataclass(frozen=True, slots=True)
class DeckPlan:
    """A deck against the live rates of its group, from `at` on (None: at once).

    `rows` is the table in which the deck's rows are. A group that does not exist yet has the id 0.
    """

    connection: sa.Connection
    deck_id: int
    group_id: int
    replaces: bool
    at: datetime | None = None
    rows: str = sql.KEPT_ROWS

    def load(self, rows: Iterable[NumberedRow]) -> int:
        """Write the deck's rows; how many."""
        if self.rows == sql.LOADING_ROWS:
            self._execute(sql.LOADING_TABLE)
        driver: Any = self.connection.connection.driver_connection
        position = 0
        with (
            driver.cursor() as cursor,
            cursor.copy(sql.COPY_ROWS.format(rows=self.rows)) as copy,
        ):
            for position, (number, row) in enumerate(rows, start=1):
                copy.write_row(_cells(self.deck_id, position, number, row))
        self._execute(f"ANALYZE {self.rows}")
        return position

    def difference(self) -> DeckDifference:
        """Counted, with examples; nothing is written."""
        count = self._run(sql.COUNT_PAIRS).one()
        if not count.added + count.changed + count.removed:
            return DeckDifference()
        rows = self._run(sql.PAIR_EXAMPLES, limit=EXAMPLES)
        examples = tuple(RateChange(r.prefix, r.before_tiers, r.after_tiers) for r in rows)
        return DeckDifference(count.added, count.changed, count.removed, examples)

    def write_changes(self, section_mode: SectionMode) -> sa.Row[Any]:
        """The difference into `deck_changes`; counts `added`, `changed`, `removed`, `ended`."""
        self._execute(_SORT_MEMORY)
        self._run(sql.FORGET_CHANGES)
        self._write_prices(section_mode)
        self._run(sql.WRITE_CHANGES)
        self._execute("ANALYZE deck_changes")
        return self._run(sql.COUNT_CHANGES).one()

    def overlaps(self) -> list[sa.Row[Any]]:
        """Rows that overlap live rates which stay: only without a date, and without `replaces`."""
        if self.at is not None or self.replaces:
            return []
        return list(self._run(sql.OVERLAPS))

    def activate(self) -> tuple[int, int]:
        """Carry out what `write_changes` wrote; the version of the rates before and after."""
        before = self._version()
        for statement in sql.ACTIVATE:
            self._run(statement)
        self._run(sql.FORGET_OLD_CHANGES, kept=KEPT_ACTIVATIONS - 1)
        return before, self._version()

    def undo(self) -> None:
        """Put back what `activate` did."""
        for statement in sql.UNDO:
            self._run(statement)

    def disturbed(self, limit: int) -> list[str]:
        """Prefixes whose rates are not as `activate` left them."""
        return list(self._run(sql.DISTURBED, limit=limit).scalars())

    def _write_prices(self, section_mode: SectionMode) -> None:
        texts = self._run(sql.PRICE_TEXTS).all()
        self._execute(sql.PRICES_TABLE)
        self._execute(sql.CLEAR_PRICES)
        driver: Any = self.connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(sql.COPY_PRICES) as copy:
            for text in texts:
                try:
                    price = minute_price(text.tiers, text.sections, section_mode)
                except InvalidTariff:
                    # stored when the group read sections in another mode
                    continue
                copy.write_row((text.tiers, text.sections, price))
        self._execute("ANALYZE minute_prices")

    def _version(self) -> int:
        return int(self._run(sql.RATES_VERSION).scalar_one())

    def _run(self, statement: str, **more: object) -> sa.CursorResult[Any]:
        """A statement; it takes of the plan's values those that it names."""
        values: dict[str, object] = {
            "deck": self.deck_id,
            "group_id": self.group_id,
            "replaces": self.replaces,
            "at": self.at,
            **more,
        }
        pairs = sql.PAIRS.format(rows=self.rows)
        text = sa.text(statement.format(rows=self.rows, pairs=pairs))
        return self.connection.execute(text, values)

    def _execute(self, statement: str) -> None:
        self.connection.execute(sa.text(statement))


def _cells(deck_id: int, position: int, number: int, row: DeckRow) -> tuple[object, ...]:
    return (
        deck_id,
        position,
        number,
        row.prefix,
        row.area,
        int(row.rate_type),
        row.tiers,
        row.sections,
        row.tax_percent,
        row.effective_from,
        row.effective_to,
        row.locked,
    )
