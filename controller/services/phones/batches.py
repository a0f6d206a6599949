"""Many phones at once: a range of numbers, or rows of a CSV file."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.domain.errors import InvalidFields, InvalidInput
from controller.domain.number_sections import number_section
from controller.services.records.tables import read_csv
from controller.services.records.values import Values

MAX_BATCH = 10_000
PASSWORD = "password"  # noqa: S105 - the name of a column


@dataclass(frozen=True, slots=True)
class PhoneRange:
    """Every number from `first` to `last`; `values` are what they have in common."""

    first: str
    last: str
    values: Values = field(default_factory=dict)

    def rows(self) -> Iterator[Values]:
        """Raises InvalidFields."""
        try:
            section = number_section(self.first, self.last)
        except InvalidInput as error:
            raise InvalidFields({"last": str(error)}) from None
        if section.size > MAX_BATCH:
            raise InvalidFields({"last": f"more than {MAX_BATCH} numbers at once"})
        for number in range(int(section.first), int(section.last) + 1):
            yield {**self.values, "number": f"{number:0{len(section.first)}}"}


def read_phone_csv(text: str, delimiter: str = ",") -> list[Values]:
    """Rows by the names in the first line. An empty cell is a field that was left out.

    Raises InvalidFields. What the values are is checked when they are made phones.
    """
    return read_csv(text, "number", delimiter)
