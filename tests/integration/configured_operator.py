"""An operator with one configuration file and one database, and the commands on both."""

from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from controller.cli.config import config_group
from controller.config import Settings
from controller.domain.configuration import Configuration
from controller.persistence.config_reader import load_configuration
from tests.integration.command_line import Ran, run


class Operator:
    """The commands on one file and one database."""

    def __init__(self, settings: Settings, engine: sa.Engine, folder: Path) -> None:
        self.settings = settings
        self.engine = engine
        self.file = folder / "operator.yaml"

    def apply(self, text: str | None = None, *options: str) -> Ran:
        self._write(text)
        return run(config_group, self.settings, "apply", self.file, "--yes", *options)

    def diff(self, text: str | None = None, *options: str) -> Ran:
        self._write(text)
        return run(config_group, self.settings, "diff", self.file, *options)

    def export(self, *file: Path) -> Ran:
        return run(config_group, self.settings, "export", *file)

    def _write(self, text: str | None) -> None:
        if text is not None:
            self.file.write_text(text, encoding="utf-8")

    @property
    def loaded(self) -> Configuration:
        """What the controllers would decide by."""
        return load_configuration(self.engine)

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def execute(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def balance(self, account: str) -> Decimal:
        query = (
            "SELECT balance FROM account_funds f JOIN accounts a ON a.id = f.account_id"
            " WHERE a.name = :name"
        )
        ((balance,),) = self.rows(query, name=account)
        assert isinstance(balance, Decimal)
        return balance

    def _table(self, name: str) -> list[tuple[object, ...]]:
        return sorted(self.rows(f"SELECT * FROM {name}"), key=repr)  # noqa: S608 - names in code

    @property
    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """Each table that a configuration writes, to show that nothing changed."""
        tables = "accounts account_funds postings rate_groups rates routes routing_gateways"
        tables += " mapping_gateways mapping_gateway_addresses calendars calendar_days"
        tables += " rate_group_agents period_rates phones packages package_free_seconds"
        tables += " package_orders"
        state = {name: self._table(name) for name in tables.split()}
        return state | {
            "state": self.rows("SELECT version, parameters::text FROM configuration_state")
        }
