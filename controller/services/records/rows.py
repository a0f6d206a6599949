"""Faults of many objects that are made at once: all of them together, each with its row."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from controller.domain.errors import InvalidFields

T = TypeVar("T")

MAX_ERRORS = 100


class RowErrors:
    """`ROW.field` is the name of a fault's field; the first row is 1.

    Not `numbered`: there is one row only, and its fields stand for themselves.
    """

    def __init__(self, *, numbered: bool = True) -> None:
        self._numbered = numbered
        self._found: dict[str, str] = {}
        self._more = 0

    def each(self, rows: Iterable[T], do: Callable[[T], object]) -> None:
        """What `do` says is wrong is kept, row by row; raised as one InvalidFields at the end."""
        for number, row in enumerate(rows, start=1):
            try:
                do(row)
            except InvalidFields as error:
                for name, why in error.errors.items():
                    self._add(self._place(number, name), why)
        if self._more:
            self._found[""] = f"and {self._more} faults more"
        if self._found:
            raise InvalidFields(self._found)

    def _place(self, number: int, name: str) -> str:
        if not self._numbered:
            return name
        return f"{number}.{name}" if name else str(number)

    def _add(self, name: str, why: str) -> None:
        if len(self._found) < MAX_ERRORS:
            self._found[name] = why
        else:
            self._more += 1
