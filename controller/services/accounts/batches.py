"""Many accounts at once: a series of names, or rows of a CSV file."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.domain.errors import InvalidFields
from controller.services.records.tables import read_csv
from controller.services.records.values import Values

MAX_BATCH = 10_000
MAX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class AccountSeries:
    """Names that end in a number: `shop-001` to `shop-250`. `values` are what they share."""

    first: str
    count: int
    values: Values = field(default_factory=dict)

    def rows(self) -> Iterator[Values]:
        """Raises InvalidFields."""
        digits = self.first[len(self.first.rstrip("0123456789")) :]
        if not digits or len(digits) > MAX_DIGITS or not digits.isascii():
            raise InvalidFields({"first": f"must end in 1 to {MAX_DIGITS} digits, like shop-001"})
        if not 1 <= self.count <= MAX_BATCH:
            raise InvalidFields({"count": f"not 1 to {MAX_BATCH}"})
        if len(str(int(digits) + self.count - 1)) > len(digits):
            raise InvalidFields({"count": f"more than {len(digits)} digits can count"})
        stem = self.first.removesuffix(digits)
        for number in range(int(digits), int(digits) + self.count):
            yield {**self.values, "name": f"{stem}{number:0{len(digits)}}"}


def read_account_csv(text: str, delimiter: str = ",") -> list[Values]:
    """Rows by the names in the first line, which are the account's fields.

    Raises InvalidFields. What the values are is checked when they are made accounts.
    """
    return read_csv(text, "name", delimiter)
