"""How decks are shown: their difference, what is absurd about them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import click

from controller.cli.output import printable, show_table
from controller.domain.decks import CANONICAL, DeckRow, moment_text
from controller.domain.money import plain
from controller.services.decks.ports import (
    DeckChange,
    DeckWarning,
    ReviewLimits,
    StagedDeck,
    WarningKind,
)
from controller.services.decks.staging import DeckReport

_CHANGE_COLUMNS = (
    ">#",
    "kind",
    "prefix",
    "area",
    ">before/min",
    ">after/min",
    ">%",
    "from",
    "to",
    "tiers",
)
DIFFERENCE_COLUMNS = (
    "kind",
    "row",
    "price_per_minute_before",
    "price_per_minute_after",
    "percent",
    "prefix",
    *(f"{column}_{side}" for side in ("before", "after") for column in CANONICAL[1:]),
)
_WARNINGS = {
    WarningKind.ABOVE_LIMIT: "dearer than {price_per_minute} a minute",
    WarningKind.ZERO: "free of charge",
    WarningKind.CHANGE: "changed by more than {change_percent} %",
    WarningKind.FROM_ZERO: "no longer free of charge",
}


def warning_lines(
    warnings: Iterable[DeckWarning], limits: ReviewLimits | None = None
) -> Iterator[str]:
    """One line for each kind, with the first rates that it is about."""
    given = {name: plain(value) for name, value in asdict(limits or ReviewLimits()).items()}
    for warning in warnings:
        what = _WARNINGS[warning.kind].format(**given)
        first = ", ".join(_example(change) for change in warning.examples)
        more = " …" if warning.count > len(warning.examples) else ""
        yield f"{what}: {warning.count} ({first}{more})"


def warning_data(warning: DeckWarning) -> dict[str, Any]:
    return {
        "kind": warning.kind,
        "count": warning.count,
        "examples": [change_data(change) for change in warning.examples],
    }


def deck_data(deck: StagedDeck) -> dict[str, Any]:
    difference = deck.difference
    return {
        "id": deck.deck_id,
        "rate_group": deck.group,
        "origin": deck.origin,
        "file": deck.file,
        "mode": _mode(deck),
        "state": deck.state,
        "effective_at": deck.effective_at,
        "rows": deck.rows,
        "errors": deck.wrong,
        "new": difference.added,
        "changed": difference.changed,
        "gone": difference.removed,
        "unchanged": deck.unchanged,
        "ended_before": deck.ended_before,
        "limits": asdict(deck.limits),
        "staged_at": deck.staged_at,
        "activated_at": deck.activated_at,
        "ended_at": deck.ended_at,
    }


def report_data(report: DeckReport) -> dict[str, Any]:
    return {
        **deck_data(report.deck),
        "problems": [{"row": row, "message": message} for row, message in report.problems],
        "warnings": [warning_data(warning) for warning in report.warnings],
        "increases": [change_data(change) for change in report.increases],
        "decreases": [change_data(change) for change in report.decreases],
        "changes": [change_data(change) for change in report.changes],
    }


def change_data(change: DeckChange) -> dict[str, Any]:
    return {
        "position": change.position,
        "kind": change.kind,
        "prefix": change.prefix,
        "row": change.row,
        "before": _row_data(change.before),
        "after": _row_data(change.after),
        "price_per_minute": {"before": change.before_price, "after": change.after_price},
        "percent": change.percent,
    }


def change_cells(change: DeckChange) -> Sequence[object]:
    """As `DIFFERENCE_COLUMNS`."""
    before = change.before.cells()[1:] if change.before else ("",) * (len(CANONICAL) - 1)
    after = change.after.cells()[1:] if change.after else ("",) * (len(CANONICAL) - 1)
    prices = (change.before_price, change.after_price, change.percent)
    return (str(change.kind), change.row, *prices, change.prefix, *before, *after)


def show_report(report: DeckReport) -> None:
    """A deck with everything that stands against it, and a page of its difference."""
    show_head(report.deck)
    problems = [(row or "", message) for row, message in report.problems]
    show_table((">row", "error"), problems, f"Errors: {report.deck.wrong}")
    for line in warning_lines(report.warnings, report.deck.limits):
        click.secho(printable(f"warning: {line}"), fg="yellow")
    _show_changes(report.increases, "Largest increases")
    _show_changes(report.decreases, "Largest decreases")
    _show_changes(report.changes, "Changes")


def show_head(deck: StagedDeck) -> None:
    difference = deck.difference
    name = f" ({deck.file})" if deck.file else ""
    click.echo(printable(f"deck {deck.deck_id} of {deck.group}{name}: {_state(deck)}"))
    ended = f", {deck.ended_before} end before" if deck.ended_before else ""
    click.echo(
        f"{deck.rows} rows, {_mode(deck)}: {difference.added} new, {difference.changed} changed,"
        f" {difference.removed} gone, {deck.unchanged} unchanged{ended}"
    )


def show_decks(decks: Iterable[StagedDeck]) -> None:
    show_table(
        (
            ">deck",
            "rate group",
            "state",
            "origin",
            "mode",
            ">rows",
            ">new",
            ">changed",
            ">gone",
            ">errors",
            "effective",
            "staged",
            "activated",
            "file",
        ),
        [
            (
                d.deck_id,
                d.group,
                d.state.replace("_", " "),
                d.origin,
                _mode(d),
                d.rows,
                d.difference.added,
                d.difference.changed,
                d.difference.removed,
                d.wrong,
                d.effective_at or "at once",
                d.staged_at,
                d.activated_at or "",
                d.file,
            )
            for d in decks
        ],
    )


def _show_changes(changes: Iterable[DeckChange], title: str) -> None:
    show_table(
        _CHANGE_COLUMNS,
        [
            (
                change.position,
                change.kind,
                change.prefix,
                change.area,
                or_dash(change.before_price),
                or_dash(change.after_price),
                or_dash(change.percent),
                _validity(change)[0],
                _validity(change)[1],
                _tiers(change),
            )
            for change in changes
        ],
        title,
    )


def _validity(change: DeckChange) -> tuple[str, str]:
    row = change.after or change.before
    return (moment_text(row.effective_from), moment_text(row.effective_to)) if row else ("", "")


def _tiers(change: DeckChange) -> str:
    prices = [_price(row) for row in (change.before, change.after) if row]
    return " → ".join(dict.fromkeys(prices))


def _price(row: DeckRow) -> str:
    return f"{row.tiers} [{row.sections}]" if row.sections else row.tiers


def _row_data(row: DeckRow | None) -> dict[str, str] | None:
    return dict(zip(CANONICAL, row.cells(), strict=True)) if row else None


def _example(change: DeckChange) -> str:
    row = f"row {change.row} " if change.row else ""
    before = f"{plain(change.before_price)} → " if change.before_price is not None else ""
    return f"{row}prefix {change.prefix} ({before}{plain(change.after_price or Decimal(0))})"


def _state(deck: StagedDeck) -> str:
    said = deck.state.replace("_", " ")
    if deck.effective_at is not None:
        return f"{said}, takes effect at {moment_text(deck.effective_at)}"
    return f"{said}, takes effect at once" if deck.activated_at is None else said


def _mode(deck: StagedDeck) -> str:
    return "replace" if deck.replace else "merge"


def or_dash(value: Decimal | None) -> object:
    return "-" if value is None else value
