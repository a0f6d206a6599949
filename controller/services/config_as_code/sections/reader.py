"""What the sections of one file have in common: where objects, lines and faults are collected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from controller.domain.configuration import CallParameters
from controller.domain.decks import DeckRow
from controller.domain.rates import RateType
from controller.services.config_as_code import values
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import (
    Lines,
    Opening,
    Section,
    State,
    Wanted,
)
from controller.services.config_as_code.ports import DeckFiles
from controller.services.config_as_code.problems import Problems, shown
from controller.services.config_as_code.specs import Spec

MAX_CAPACITY = 1_000_000
MAX_CALLS_PER_SECOND = 10_000
MAX_MEMO = 2_000

RATE_TYPES = {rate_type.name.lower(): rate_type for rate_type in RateType}
ZERO = Decimal(0)

capacity = values.integer(0, MAX_CAPACITY)
calls_per_second = values.integer(1, MAX_CALLS_PER_SECOND)
call_length_s = values.integer(1, 86_400)
memo = values.free_text(MAX_MEMO, lines=True)
money = values.amount(ZERO)


@dataclass(slots=True)
class Reader:
    """Collects the sections of one file."""

    decks: DeckFiles
    problems: Problems
    listed: set[Section] = field(default_factory=set)
    objects: dict[Section, dict[str, Spec]] = field(
        default_factory=lambda: {section: {} for section in Section}
    )
    parameters: CallParameters | None = None
    rates: dict[str, tuple[DeckRow, ...]] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def wanted(self) -> Wanted:
        state = State(**{str(section): found for section, found in self.objects.items()})  # type: ignore[arg-type]  # each section holds its own kind of object
        return Wanted(
            frozenset(self.listed),
            state,
            self.parameters,
            self.rates,
            tuple(self.openings),
            Lines(self.lines),
        )

    def keep(self, section: Section, spec: Spec, fields: Fields, name_key: str = "name") -> None:
        """Add an object that has a name; a second one of its name is a fault."""
        if not spec.name:
            return
        if (section, spec.name) in self.lines:
            first = self.lines[section, spec.name]
            self.problems.add(
                fields.line_of(name_key), f"{shown(spec.name)} is defined in line {first} already"
            )
            return
        self.objects[section][spec.name] = spec
        self.lines[section, spec.name] = fields.line
        for key, line in fields.lines().items():
            self.lines[section, spec.name, key] = line

    def keep_rows(
        self, section: Section, name: str, key: str, rows: Sequence[tuple[int, object]]
    ) -> None:
        """Remember the line of each row that an object lists under `key`, by position."""
        for position, (line, _) in enumerate(rows):
            self.lines[section, name, key, str(position)] = line


def optional_name(fields: Fields, key: str) -> str | None:
    return fields.optional(key, values.name, "") or None


def optional_integer(fields: Fields, key: str, read: Callable[[str], int]) -> int | None:
    value = fields.optional(key, read, -1)
    return None if value < 0 else value
