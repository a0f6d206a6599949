"""What commands on records share: who acts, fields as options, a question before what is final."""

from collections.abc import Mapping
from pathlib import Path

import click

from controller.cli.ledger_orders import ask_first, who_orders
from controller.cli.output import printable, show_json, show_table
from controller.domain.errors import InvalidInput
from controller.services.actors import Actor, operator
from controller.services.records.tables import MAX_CSV

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
SET = click.option(
    "--set",
    "fields",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field, as in a configuration file; may come several times. Lists: with commas.",
)
YES = click.option("--yes", is_flag=True, help="Do not ask.")
LIMIT = click.option("--limit", type=int, default=100, show_default=True, help="Rows.")
AFTER = click.option("--after", default="", help="Go on where the last list ended.")
SEARCH = click.option("--search", default="", metavar="TEXT", help="Only what has this.")
ACCOUNT = click.option("--account", default="", help="Only this account's.")
LOCKED = click.option("--locked/--unlocked", default=None, help="Only these.")
DESCENDING = click.option("--desc", "descending", is_flag=True, help="The last first.")


def acting() -> Actor:
    """The operating system's user, who may do everything that can be done from here."""
    return operator(who_orders(""))


def values_from(fields: tuple[str, ...]) -> dict[str, object]:
    """Raises InvalidInput."""
    values: dict[str, object] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals:
            raise InvalidInput(f"--set {field[:64]!r}: expected FIELD=VALUE")
        if name in values:
            raise InvalidInput(f"--set {name[:64]!r} comes twice")
        values[name] = value
    return values


def show_record(data: Mapping[str, object], *, as_json: bool) -> None:
    """Field by field, those without a value left out for people."""
    if as_json:
        show_json(data)
        return
    rows = [(name, _shown(value)) for name, value in data.items() if value not in (None, "", [])]
    show_table(("field", "value"), rows)


def more(next_after: str | None) -> None:
    """How the next page is asked for; on standard error, for the table may go on in a pipe."""
    if next_after is not None:
        click.echo(f"more: --after '{printable(next_after)}'", err=True)


def text_of(file: Path) -> str:
    """Raises InvalidInput."""
    if file.stat().st_size > 4 * MAX_CSV:
        raise InvalidInput(f"{file}: larger than {4 * MAX_CSV} bytes")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file}: not UTF-8") from None


def confirm(question: str, *, yes: bool) -> None:
    ask_first(question, yes)


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value
