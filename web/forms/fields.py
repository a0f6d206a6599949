"""What a form asks: each field with its name, its label and a sentence that explains it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from web.i18n import LazyText

Choices = Sequence[tuple[str, str]]
"""Values and how they read."""

MAX_TEXT = 255
MAX_LINES = 64 * 1024


class Kind(StrEnum):
    TEXT = "text"
    ACCOUNT = "account"
    """The name of an account; the browser may suggest some."""
    EMAIL = "email"
    PASSWORD = "password"  # noqa: S105 - a kind of field
    WHOLE = "whole"
    AMOUNT = "amount"
    FLAG = "flag"
    CHOICE = "choice"
    SEVERAL = "several"
    """Some of the choices."""
    LINES = "lines"
    """A list, each entry on a line of its own."""
    AREA = "area"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class FormField:
    """`name` is the service's field. `needed`: an empty one is refused. `unit` stands behind."""

    name: str
    label: LazyText
    about: LazyText
    kind: Kind = Kind.TEXT
    needed: bool = False
    choices: Callable[[], Choices] = tuple
    unit: LazyText | None = None
    longest: int = MAX_TEXT
    example: str = ""

    @property
    def most(self) -> int:
        """Characters that are read at all."""
        return MAX_LINES if self.kind in (Kind.LINES, Kind.AREA, Kind.SEVERAL) else self.longest


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together, under a heading. `folded`: most people leave them alone."""

    title: LazyText
    fields: tuple[FormField, ...]
    about: LazyText | None = None
    folded: bool = False
