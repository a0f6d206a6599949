"""How a staged deck's effect on margin is shown."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from controller.cli.output import show_table
from controller.cli.rates_view import or_dash
from controller.domain.decks import moment_text
from controller.services.decks.margin import Effect, MarginReport, Side

_MARGIN_COLUMNS = (
    "prefix",
    "area",
    ">calls",
    ">minutes",
    ">before",
    ">after",
    ">other side",
    ">margin before",
    ">margin after",
    ">gain",
)
MAX_LINES = 20
MINUTE_S = 60


def show_margin(report: MarginReport) -> None:
    deck = report.deck
    click.echo(
        f"deck {deck.deck_id} of {deck.group}, calls from {moment_text(report.since)} to"
        f" {moment_text(report.until)}, rates as they are at {moment_text(report.rates_at)}"
    )
    if not report.sides:
        click.echo("no answered calls used this rate group")
    for side in report.sides:
        _show_side(side)


def margin_data(report: MarginReport) -> dict[str, Any]:
    return {
        "deck": report.deck.deck_id,
        "rate_group": report.deck.group,
        "since": report.since,
        "until": report.until,
        "rates_at": report.rates_at,
        "sides": [_side_data(side) for side in report.sides],
    }


def _show_side(side: Side) -> None:
    role = "sale" if side.is_sale else "cost"
    other = "" if side.comparable else f", the other side in {side.other_currency}"
    lines = [_margin_row(side, prefix, area, e) for prefix, area, e in side.lines()[:MAX_LINES]]
    total = _margin_row(side, "all", "", side.total)
    show_table(_MARGIN_COLUMNS, [*lines, total], f"As the {role}, in {side.currency}{other}")
    for effect, what in (
        (side.unpriced_after, "would have no rate any more"),
        (side.unpriced_before, "have no rate now and would have one"),
    ):
        if effect.calls:
            click.echo(f"{effect.calls} calls {what}; they are in no other figure")


def _margin_row(side: Side, prefix: str, area: str, effect: Effect) -> Sequence[object]:
    return (
        prefix,
        area,
        effect.calls,
        _minutes(effect),
        effect.before,
        effect.after,
        effect.other,
        or_dash(side.margin(effect, effect.before)),
        or_dash(side.margin(effect, effect.after)),
        side.gain(effect),
    )


def _side_data(side: Side) -> dict[str, Any]:
    return {
        "role": "sale" if side.is_sale else "cost",
        "currency": side.currency,
        "other_currency": side.other_currency,
        "total": _effect_data(side, side.total),
        "prefixes": [
            {"prefix": prefix, "area": area, **_effect_data(side, effect)}
            for prefix, area, effect in side.lines()
        ],
        "unpriced_before": _effect_data(side, side.unpriced_before),
        "unpriced_after": _effect_data(side, side.unpriced_after),
    }


def _effect_data(side: Side, effect: Effect) -> dict[str, Any]:
    return {
        "calls": effect.calls,
        "seconds": effect.seconds,
        "before": effect.before,
        "after": effect.after,
        "other": effect.other,
        "margin_before": side.margin(effect, effect.before),
        "margin_after": side.margin(effect, effect.after),
        "gain": side.gain(effect),
    }


def _minutes(effect: Effect) -> Decimal:
    return (Decimal(effect.seconds) / MINUTE_S).quantize(Decimal("0.1"))
