"""Judgments about what an operator has configured (spec §15.1, §15.3)."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.services.doctor import Finding, Status

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """How many there are, and the first few."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationFacts:
    """`unsold`, `unrouted`, `uncosted`: by rate group or gateway, destinations that lack
    a sell rate, a route, a cost rate."""

    mapping_gateways: int
    routing_gateways: int
    without_rate_group: Listed
    without_address: Listed
    dead_routes: Listed
    unsold: dict[str, list[str]]
    unrouted: dict[str, list[str]]
    uncosted: dict[str, list[str]]


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
    yield _gaps("sell rates", facts.unsold, "with routes and no sell rate", "add rates")
    yield _gaps("routes of sold", facts.unrouted, "with a sell rate and no route", "add routes")
    yield _gaps(
        "cost rates",
        facts.uncosted,
        "routed to a vendor without a cost rate, which is skipped",
        "add the vendor's rates, or take the routes away",
    )


def _listed(name: str, found: Listed, what: str, remedy: str) -> Finding:
    if not found.count:
        return Finding(name, Status.OK, "complete")
    more = ", …" if found.count > len(found.examples) else ""
    detail = f"{found.count} {what}: {', '.join(found.examples)}{more}"
    return Finding(name, Status.WARN, detail, remedy)


def _gaps(name: str, gaps: dict[str, list[str]], what: str, remedy: str) -> Finding:
    found = {owner: prefixes for owner, prefixes in gaps.items() if prefixes}
    if not found:
        return Finding(name, Status.OK, "complete")
    parts = [
        f"{owner}: {len(prefixes)} ({_some(prefixes)})"
        for owner, prefixes in sorted(found.items())[:EXAMPLES]
    ]
    more = f" and {len(found) - EXAMPLES} more" if len(found) > EXAMPLES else ""
    detail = f"destinations {what}: {'; '.join(parts)}{more}"
    return Finding(name, Status.WARN, detail, remedy)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:EXAMPLES]) + (", …" if len(listed) > EXAMPLES else "")
