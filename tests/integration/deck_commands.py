"""The commands on rate groups and their decks, in a database of the test's own."""

from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.cli.rates import rates_group
from controller.config import Settings
from controller.domain.decks import DeckRow
from controller.persistence import schema as t
from controller.persistence.staged_deck_store import PostgresStagedDecks
from tests.integration.command_line import Ran, run

HEAD = "prefix,area,rate_type,tiers,tax_percent,effective_from,effective_to,locked\n"


class Decks:
    """One rate group `sell`, a file for decks, and what the database holds."""

    def __init__(self, settings: Settings, engine: sa.Engine, file: Path) -> None:
        self.settings = settings
        self.engine = engine
        self.file = file
        self.store = PostgresStagedDecks(engine)

    def run(self, command: str, *arguments: str | Path) -> Ran:
        return run(rates_group, self.settings, command, *arguments)

    def add_group(self, name: str = "sell", **columns: Any) -> int:
        values = {"name": name, "currency": "USD", **columns}
        insert = t.rate_groups.insert().values(**values).returning(t.rate_groups.c.id)
        with self.engine.begin() as connection:
            return int(connection.execute(insert).scalar_one())

    def bring(self, text: str, *options: str, group: str = "sell") -> Ran:
        """`rates import` of a text."""
        return self.run("import", group, self.write(text), *options)

    def stage(self, text: str, *options: str, group: str = "sell") -> Any:
        """`rates stage` of a text; what it says in JSON."""
        ran = self.run("stage", group, self.write(text), "--json", *options)
        assert ran.status in (0, 1), ran.err
        return ran.json

    def write(self, text: str) -> Path:
        self.file.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        return self.file

    def execute(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    @property
    def live(self) -> list[DeckRow]:
        return self.rows_of("sell")

    def rows_of(self, group: str) -> list[DeckRow]:
        with self.store.begin_staging() as work:
            return list(work.rows(group))

    @property
    def stored(self) -> list[tuple[Any, ...]]:
        """Every rate with its id: what a rollback must bring back."""
        with self.engine.connect() as connection:
            rates = connection.execute(sa.select(t.rates).order_by(t.rates.c.id))
            return [tuple(row) for row in rates]

    def valid(self, prefix: str, when: datetime) -> str | None:
        """The tiers that a prefix has at a moment; no more than one row may be valid."""
        found = [
            row.tiers
            for row in self.live
            if row.prefix == prefix
            and (row.effective_from is None or row.effective_from <= when)
            and (row.effective_to is None or when < row.effective_to)
        ]
        assert len(found) <= 1, f"{prefix} has {found} at {when}"
        return found[0] if found else None

    @property
    def version(self) -> int:
        with self.engine.connect() as connection:
            query = sa.select(t.configuration_state.c.version)
            return int(connection.execute(query).scalar_one())

    def count(self, table: sa.Table) -> int:
        with self.engine.connect() as connection:
            query = sa.select(sa.func.count()).select_from(table)
            return int(connection.execute(query).scalar_one())
