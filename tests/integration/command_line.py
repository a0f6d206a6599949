"""Commands as an operator runs them: arguments in; exit status, output and complaint out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from controller.config import Settings
from controller.domain.errors import InvalidInput, TollgateError


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(command: click.Command, settings: Settings, *arguments: str | Path) -> Ran:
    """In this process, with the exit statuses that `controller.cli.main` gives."""
    result = CliRunner().invoke(
        command, [str(a) for a in arguments], obj=settings, standalone_mode=False
    )
    error = result.exception
    if error is None:
        return Ran(int(result.return_value or 0), result.stdout, result.stderr)
    if isinstance(error, InvalidInput | click.ClickException):
        return Ran(2, result.stdout, str(error))
    if isinstance(error, TollgateError):
        return Ran(1, result.stdout, str(error))
    raise error


def settings_for(database_url: str, folder: Path, **changes: Any) -> Settings:
    return Settings(database_url=database_url, data_dir=folder, **changes)
