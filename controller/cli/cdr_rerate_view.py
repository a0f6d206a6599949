"""How a re-rating looks: JSON, tables for people, and the rows of the details file."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from controller.cli.output import printable, show_table
from controller.domain.rerating import gross, side_of
from controller.services.rerate.report import Found, Report, Total, TotalKey

Names = Mapping[int, str]
"""Accounts' names by id."""

Header = Mapping[str, Any]
"""What was asked for, and whether it was applied."""

DETAILS = (
    "call_id",
    "started_at",
    "callee",
    "party",
    "account",
    "currency",
    "rated_s",
    "free_s",
    "old_revision",
    "old_rate_group",
    "old_prefix",
    "old_billed_s",
    "old_net",
    "old_tax",
    "old_gross",
    "new_rate_group",
    "new_prefix",
    "new_billed_s",
    "new_net",
    "new_tax",
    "new_gross",
    "difference",
    "why_no_price",
)

_TOTALS = (
    "account",
    "party",
    "",
    ">lines",
    ">changed",
    ">no rate",
    ">old net",
    ">new net",
    ">old gross",
    ">new gross",
    ">difference",
)
_LARGEST = (
    "call",
    "started",
    "party",
    "account",
    "callee",
    ">rated s",
    ">free s",
    "old prefix",
    "new prefix",
    ">old gross",
    ">new gross",
    ">difference",
    "",
)
_UNPRICED = ("call", "started", "party", "account", "callee", ">gross", "", "why")


def detail_row(found: Found, account: str) -> tuple[object, ...]:
    """The columns of `DETAILS`; a line without a price has nothing new."""
    call, change = found
    before, after = change.before, change.after
    new: tuple[object, ...] = (None,) * 7
    if after is not None:
        new = (
            after.rate_group,
            after.prefix,
            after.billed_s,
            after.net,
            after.tax,
            gross(after),
            change.difference,
        )
    return (
        before.call_id,
        before.started_at,
        call.callee_rated,
        side_of(before.party),
        account,
        before.currency,
        before.rated_s,
        before.free_s,
        before.revision,
        before.rate_group,
        before.prefix,
        before.billed_s,
        before.net,
        before.tax,
        gross(before),
        *new,
        change.why,
    )


def report_as_json(header: Header, report: Report, names: Names) -> dict[str, Any]:
    return {
        **header,
        "calls": {
            "compared": report.calls,
            "unchanged": report.unchanged,
            "changed": report.changed,
            "without_rate": report.unpriced,
            "without_line": report.uncharged,
        },
        "totals": [_total(key, total, names) for key, total in _by_name(report, names)],
        "margin_difference": dict(sorted(report.margin.items())),
        "largest": [_line(found, names) for found in report.top],
        "without_rate": [_line(found, names) for found in report.without_price],
        "corrected": {
            "lines": report.corrected,
            "postings": report.postings,
            "before": report.known,
        },
    }


def show_report(header: Header, report: Report, names: Names) -> None:
    click.echo(f"calls from {header['from']} to {header['to']}, rates of {_rates(header)}")
    click.echo(
        f"{report.calls} calls: {report.unchanged} unchanged, {report.changed} changed, "
        f"{report.unpriced} without a rate now, {report.uncharged} without a line to compare"
    )
    if header["in_progress"]:
        click.echo(f"{header['in_progress']} calls of this time are still in progress: left out")
    show_table(
        _TOTALS,
        [_total_row(key, total, names) for key, total in _by_name(report, names)],
        "Totals",
    )
    show_table(
        _LARGEST,
        [_largest_row(found, names) for found in report.top],
        "Largest differences",
    )
    show_table(
        _UNPRICED,
        [_unpriced_row(found, names) for found in report.without_price],
        "Without a rate now, left as they are" + _first_of(report),
    )
    for currency, more in sorted(report.margin.items()):
        click.echo(f"\nthe operator's margin changes by {printable(more)} {currency}")
    click.echo(_outcome(header, report))


def _outcome(header: Header, report: Report) -> str:
    if not header["applied"]:
        return "nothing was written; --apply --key KEY posts the corrections"
    before = header["applied_before"]
    if isinstance(before, datetime):
        return (
            f"key {printable(header['key'])} was applied at {printable(before)}: nothing done now"
        )
    known = f"; {report.known} lines were corrected under it before" if report.known else ""
    return (
        f"applied: {report.corrected} lines corrected by {report.postings} postings "
        f"under the key {printable(header['key'])}{known}"
    )


def _rates(header: Header) -> str:
    deck = header["deck"].partition(" ")[0]
    group = f", {deck} in the place of {header['group']}" if deck else ""
    if header["group"] and not deck:
        group = f", lines of {header['group']}"
    return printable(f"{header['rates']}{group}")


def _first_of(report: Report) -> str:
    total = sum(t.unpriced for t in report.totals.values())
    shown = len(report.without_price)
    return f" (the first {shown} of {total})" if total > shown else ""


def _by_name(report: Report, names: Names) -> list[tuple[TotalKey, Total]]:
    """Customers, then agents, then vendors; each by name."""
    order = {"customer": 0, "agent": 1, "vendor": 2}
    return sorted(
        report.totals.items(),
        key=lambda item: (order[item[0].side], names.get(item[0].account_id, ""), item[0]),
    )


def _total(key: TotalKey, total: Total, names: Names) -> dict[str, Any]:
    return {
        "account": names.get(key.account_id),
        "party": key.side,
        "currency": key.currency,
        "lines": total.lines,
        "changed": total.changed,
        "without_rate": total.unpriced,
        "old_net": total.old_net,
        "old_tax": total.old_tax,
        "old_gross": total.old_gross,
        "new_net": total.new_net,
        "new_tax": total.new_tax,
        "new_gross": total.new_gross,
        "difference": total.difference,
    }


def _total_row(key: TotalKey, total: Total, names: Names) -> tuple[object, ...]:
    return (
        names.get(key.account_id, ""),
        key.side,
        key.currency,
        total.lines,
        total.changed,
        total.unpriced,
        total.old_net,
        total.new_net,
        total.old_gross,
        total.new_gross,
        total.difference,
    )


def _line(found: Found, names: Names) -> dict[str, Any]:
    row = detail_row(found, names.get(found.change.before.account_id, ""))
    return dict(zip(DETAILS, row, strict=True))


def _largest_row(found: Found, names: Names) -> tuple[object, ...]:
    call, change = found
    before, after = change.before, change.after
    return (
        before.call_id,
        before.started_at,
        side_of(before.party),
        names.get(before.account_id, ""),
        call.callee_rated,
        before.rated_s,
        before.free_s,
        before.prefix,
        after.prefix if after else "",
        gross(before),
        gross(after) if after else Decimal(0),
        change.difference,
        before.currency,
    )


def _unpriced_row(found: Found, names: Names) -> tuple[object, ...]:
    call, change = found
    before = change.before
    return (
        before.call_id,
        before.started_at,
        side_of(before.party),
        names.get(before.account_id, ""),
        call.callee_rated,
        gross(before),
        before.currency,
        change.why,
    )
