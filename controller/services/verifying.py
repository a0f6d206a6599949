"""One verification of the books, with its result kept for the doctor and for auditors."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.services.books import Books, Difference, Verification
from controller.services.ports import Clock


@dataclass(frozen=True, slots=True)
class KeptVerification:
    """`difference_count` were found; the first of them are in `differences`. `age_s` is now."""

    at: datetime
    took_ms: int
    counted: dict[str, int]
    ok: bool
    difference_count: int
    differences: tuple[Difference, ...]
    age_s: float


class Verifications(Protocol):
    """All methods raise StoreUnavailable."""

    def keep(self, found: Verification, took_ms: int) -> None: ...

    def latest(self) -> KeptVerification | None: ...

    def has_postings_older_than(self, age_s: float) -> bool: ...


@dataclass(frozen=True, slots=True)
class Verified:
    found: Verification
    took_ms: int


def verify(
    books: Books, kept: Verifications, clock: Clock, progress: Callable[[str], None]
) -> Verified:
    """Compare everything in one snapshot, then write down what was found."""
    began = clock.monotonic()
    found = books.verify(progress)
    took_ms = round((clock.monotonic() - began) * 1000)
    kept.keep(found, took_ms)
    return Verified(found, took_ms)
