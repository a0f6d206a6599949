"""Judgments about what an operator has configured (spec §15.1, §15.3)."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.domain.coverage_walk import GapKind
from controller.services.coverage import CoverageReport
from controller.services.doctor import Finding, Status

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """How many there are, and the first few."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationFacts:
    """How many gateways there are, and what is incomplete about them."""

    mapping_gateways: int
    routing_gateways: int
    without_rate_group: Listed
    without_address: Listed
    dead_routes: Listed


def judge_configuration(facts: ConfigurationFacts) -> Iterable[Finding]:
    if not (facts.mapping_gateways and facts.routing_gateways):
        yield Finding(
            "gateways",
            Status.WARN,
            f"{facts.mapping_gateways} mapping and {facts.routing_gateways} routing gateways: "
            "no call can pass",
            "declare them: 'tollgate config apply FILE'",
        )
    yield _listed(
        "rate groups",
        facts.without_rate_group,
        "accounts with gateways and no rate group",
        "give each a rate_group",
    )
    yield _listed(
        "gateway addresses",
        facts.without_address,
        "mapping gateways without an address: their calls are unknown",
        "give each an address, or lock it",
    )
    yield _listed(
        "routes",
        facts.dead_routes,
        "routes to gateways that are locked, or whose account is",
        "unlock them, or take the routes away",
    )


def judge_coverage(report: CoverageReport) -> Iterable[Finding]:
    """`tollgate coverage` names all of what is summed up here."""
    for kind, (name, what, remedy) in _GAPS.items():
        if report.gaps[kind].count or kind not in _SAID_WHEN_FOUND:
            yield _gaps(report, kind, name, what, remedy)


_SAID_WHEN_FOUND = frozenset({GapKind.CHAIN, GapKind.LOSS})
_GAPS = {
    GapKind.UNSOLD: ("sell rates", "with routes and no sell rate", "add rates"),
    GapKind.UNROUTED: ("routes of sold", "with a sell rate and no route", "add routes"),
    GapKind.UNCOSTED: (
        "cost rates",
        "routed to a vendor without a cost rate, which is skipped",
        "add the vendor's rates, or take the routes away",
    ),
    GapKind.CHAIN: (
        "agents' rates",
        "that customers are sold and their agents have no rate for: calls are refused",
        "add the agent's rates",
    ),
    GapKind.LOSS: (
        "margins",
        "sold below cost, at 60 s",
        "raise the price, or take the route away: 'tollgate coverage' lists them",
    ),
}


def _listed(name: str, found: Listed, what: str, remedy: str) -> Finding:
    if not found.count:
        return Finding(name, Status.OK, "complete")
    more = ", …" if found.count > len(found.examples) else ""
    detail = f"{found.count} {what}: {', '.join(found.examples)}{more}"
    return Finding(name, Status.WARN, detail, remedy)


def _gaps(report: CoverageReport, kind: GapKind, name: str, what: str, remedy: str) -> Finding:
    found = report.gaps[kind]
    if not found.count:
        return Finding(name, Status.OK, "complete")
    parts = [
        f"{owner}: {count} ({_some(report, kind, owner)})"
        for owner, count in sorted(found.by_owner.items())[:EXAMPLES]
    ]
    others = len(found.by_owner) - EXAMPLES
    more = f" and {others} more" if others > 0 else ""
    return Finding(name, Status.WARN, f"destinations {what}: {'; '.join(parts)}{more}", remedy)


def _some(report: CoverageReport, kind: GapKind, owner: str) -> str:
    """The first prefixes of an owner, of those that are listed."""
    named = (gap.prefix for gap in report.gaps[kind].listed if gap.owner == owner)
    prefixes = list(dict.fromkeys(named))
    return ", ".join(prefixes[:EXAMPLES]) + (", …" if len(prefixes) > EXAMPLES else "")
