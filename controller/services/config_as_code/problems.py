"""What is wrong with a file, all of it at once: each problem with its line."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_PROBLEMS = 200
"""Kept problems; more are counted only. A wrong separator makes every row of a deck wrong."""

MAX_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class Problem:
    """`refused`: the file is sound, but what it asks for may not be done now.

    `unit` says what `line` counts: lines of a YAML file, or rows of a deck (its header is row 1).
    """

    line: int
    message: str
    refused: bool = False
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.unit} {self.line}: {self.message}" if self.line else self.message


@dataclass(slots=True)
class Problems:
    """A bounded collection."""

    found: list[Problem] = field(default_factory=list)
    dropped: int = 0
    unit: str = "line"

    def add(self, line: int, message: str, *, refused: bool = False) -> None:
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(Problem(line, message[:MAX_MESSAGE], refused, self.unit))
        else:
            self.dropped += 1

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.add(problem.line, problem.message, refused=problem.refused)

    def __bool__(self) -> bool:
        return bool(self.found)

    def sorted(self) -> tuple[Problem, ...]:
        """In the order of the file, each once; the last one counts what was dropped."""
        kept = tuple(sorted(dict.fromkeys(self.found), key=lambda p: p.line or sys.maxsize))
        if not self.dropped:
            return kept
        return (*kept, Problem(0, f"and {self.dropped} problems more"))


def shown(text: str) -> str:
    """Foreign text for a message: quoted, in one line, at most 64 characters."""
    return repr(text if len(text) <= 64 else text[:61] + "…")
