"""What each fault did, as one table at the end of the run."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

ROWS: list[FaultRow] = []


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault on one kind of switch. `overdraft`: the most that an account was below zero."""

    fault: str
    switch: str
    offered: int
    records: int
    duplicates: int
    lost: int
    review: int
    overdraft: str
    difference: str
    take_over_s: str


TITLES = (
    "fault",
    "switch",
    "offered",
    "records",
    "duplicates",
    "lost",
    "for review",
    "overdraft",
    "Σ postings - Σ balances",
    "take-over s",
)


def lines() -> list[str]:
    """The table as Markdown; nothing where no fault was tried."""
    if not ROWS:
        return []
    assert len(TITLES) == len(fields(FaultRow))
    table = [TITLES, *(tuple(map(str, astuple(row))) for row in ROWS)]
    widths = [max(len(row[column]) for row in table) for column in range(len(TITLES))]
    shown = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in table
    ]
    rule = f"| {' | '.join('-' * width for width in widths)} |"
    return ["Faults and what they did (docs/faults.md):", shown[0], rule, *shown[1:]]
