"""`tollgate coverage`: what can be sold and not routed, routed and not sold, or sold below cost."""

from datetime import UTC, datetime
from typing import Any

import click

from controller import bootstrap
from controller.cli import arguments
from controller.cli.output import database_errors, progress, show_json, show_table
from controller.config import Settings
from controller.domain.coverage_walk import GapKind
from controller.domain.errors import InvalidInput
from controller.persistence.coverage_store import PostgresCoverage
from controller.services.coverage import (
    MOST_LISTED,
    CoverageReport,
    FoundGap,
    Gaps,
    check_coverage,
)

SHOWN = 20

_TITLES = {
    GapKind.UNSOLD: "Routes without a sell rate: calls are refused",
    GapKind.UNROUTED: "Sell rates without a route: calls are refused",
    GapKind.UNCOSTED: "Routes to vendors without a cost rate: the vendor is skipped",
    GapKind.CHAIN: "Agents without a rate for what their customers are sold: calls are refused",
    GapKind.LOSS: "Sold below cost, of a call of 60 s",
}
_OWNERS = {GapKind.UNCOSTED: "gateway"}


@click.command("coverage")
@click.option("--at", metavar="ISO8601", help="When; now, if not given. Without offset: UTC.")
@click.option("--kind", metavar="KIND", help=f"Only one of {', '.join(GapKind)}.")
@click.option("--limit", metavar="N", help=f"Destinations listed of each kind ({SHOWN}).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def coverage_command(
    settings: Settings, at: str | None, kind: str | None, limit: str | None, as_json: bool
) -> None:
    """Find destinations that lack a price or a route, and prices below cost.

    A destination that is reached in part counts as reached. Exit status 1: something was found.
    """
    when = arguments.moment(at, "--at") or datetime.now(UTC)
    kinds = _kinds(kind)
    most = _limit(limit, MOST_LISTED if as_json else SHOWN)
    with database_errors(), progress("comparing routes and rates"):
        report = check_coverage(PostgresCoverage(bootstrap.engine(settings)), when, most)
    found = {kind: report.gaps[kind] for kind in kinds}
    if as_json:
        show_json(_as_json(report, found))
    else:
        _show(report, found)
    if any(gaps.count for gaps in found.values()):
        raise click.exceptions.Exit(1)


def _kinds(text: str | None) -> list[GapKind]:
    if text is None:
        return list(GapKind)
    if text not in set(GapKind):
        raise InvalidInput(f"--kind: one of {', '.join(GapKind)} is expected")
    return [GapKind(text)]


def _limit(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise InvalidInput(f"--limit: {text[:20]!r} is not a number of 0 to 999999")
    return int(text)


def _as_json(report: CoverageReport, found: dict[GapKind, Gaps]) -> dict[str, Any]:
    return {
        "ok": not any(gaps.count for gaps in found.values()),
        "at": report.when,
        "routes": report.routes,
        "rates": report.rates,
        "not_compared": list(report.by_sent_number),
        "all_losses_told": report.all_losses_told,
        **{
            kind.value: {
                "count": gaps.count,
                "by_owner": gaps.by_owner,
                "gaps": [_gap_as_json(gap) for gap in gaps.listed],
            }
            for kind, gaps in found.items()
        },
    }


def _gap_as_json(gap: FoundGap) -> dict[str, Any]:
    reply = {"owner": gap.owner, "prefix": gap.prefix, "area": gap.area, "whom": gap.whom}
    if gap.kind is not GapKind.LOSS:
        return reply
    return {
        **reply,
        "sell": gap.sell,
        "cost": gap.cost,
        "currency": gap.currency,
        "sell_prefix": gap.sell_prefix,
        "cost_prefix": gap.cost_prefix,
    }


def _show(report: CoverageReport, found: dict[GapKind, Gaps]) -> None:
    click.echo(f"{report.routes} routes and {report.rates} rates were compared.")
    for kind, gaps in found.items():
        if not gaps.count:
            continue
        least = "at least " if kind is GapKind.LOSS and not report.all_losses_told else ""
        click.secho(f"\n{_TITLES[kind]}: {least}{gaps.count}", bold=True)
        _show_gaps(kind, gaps)
        if gaps.count > len(gaps.listed):
            click.echo(f"and {gaps.count - len(gaps.listed)} more")
    for vendor in report.by_sent_number:
        click.echo(f"not compared with prices, for it bills the number as sent: {vendor}")
    if not any(gaps.count for gaps in found.values()):
        click.secho("complete", fg="green")


def _show_gaps(kind: GapKind, gaps: Gaps) -> None:
    if kind is GapKind.LOSS:
        show_table(
            ("rate group", "prefix", "area", ">sold at", ">cost", "vendor"),
            [(g.owner, g.prefix, g.area, g.sell, g.cost, g.whom) for g in gaps.listed],
        )
        return
    owner = _OWNERS.get(kind, "rate group")
    if any(gap.whom for gap in gaps.listed):
        rows = [(g.owner, g.prefix, g.area, g.whom) for g in gaps.listed]
        show_table((owner, "prefix", "area", "for"), rows)
        return
    show_table((owner, "prefix", "area"), [(g.owner, g.prefix, g.area) for g in gaps.listed])
