"""Which vendors may carry a call, and in which order (spec §6.1–§6.3)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from controller.domain.configuration import (
    AccountKind,
    Configuration,
    PrefixMode,
    Route,
    RoutingGateway,
)
from controller.domain.numbering import rated_number, sendable
from controller.domain.prices import Moment, price_in
from controller.domain.pricing import Pricing
from controller.domain.trace import Trace

MAX_CANDIDATES = 20
"""A ticket stays small: nobody fails over twenty times."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vendor that may carry the call, with both numbers as they would be sent."""

    gateway: RoutingGateway
    prefix: str
    caller: str
    callee: str
    cost: Pricing


def candidates(
    configuration: Configuration, caller: str, callee: str, moment: Moment, trace: Trace
) -> list[Candidate]:
    """Vendors in the order in which they would be tried; admission takes the first free ones.

    `callee` is the routed number; `moment` has the rated one.
    """
    found: list[Candidate] = []
    seen: set[int] = set()
    for route in _walk(configuration, callee):
        if route.gateway_id in seen:
            continue
        seen.add(route.gateway_id)
        candidate = _consider(configuration, route, caller, callee, moment, trace)
        if candidate is None:
            continue
        found.append(candidate)
        trace.note("route", "kept", _describe(candidate))
        if len(found) == MAX_CANDIDATES:
            trace.note("route", "stopped", f"{MAX_CANDIDATES} candidates are enough")
            break
    return found


def _walk(configuration: Configuration, callee: str) -> Iterator[Route]:
    """Prefix groups from the longest; a group with a terminate-mode gateway is the last one."""
    for _, routes in configuration.routes.matches(callee):
        yield from routes
        modes = {configuration.routing_gateways[r.gateway_id].prefix_mode for r in routes}
        if PrefixMode.TERMINATE in modes:
            return


def _consider(
    configuration: Configuration,
    route: Route,
    caller: str,
    callee: str,
    moment: Moment,
    trace: Trace,
) -> Candidate | None:
    gateway = configuration.routing_gateways[route.gateway_id]
    why = _unusable(configuration, gateway, moment)
    if why:
        trace.note("route", "dropped", f"{gateway.name}: {why}")
        return None
    sent = gateway.rewrite_callee(callee)
    if not sendable(sent):
        trace.note("route", "dropped", f"{gateway.name}: the rewrite gives no number")
        return None
    billed = moment
    if gateway.bill_sent_number:
        sent_number = rated_number(sent, configuration.parameters.route_prefixes)
        billed = replace(moment, number=sent_number)
    cost = _cost(configuration, gateway, billed)
    if cost is None:
        trace.note("route", "dropped", f"{gateway.name}: no cost rate for {billed.number}")
        return None
    caller_sent = gateway.rewrite_caller(caller)
    return Candidate(
        gateway, route.prefix, caller_sent if sendable(caller_sent) else "", sent, cost
    )


def _unusable(configuration: Configuration, gateway: RoutingGateway, moment: Moment) -> str:
    account = configuration.accounts[gateway.clearing_account_id]
    if gateway.locked:
        return "locked"
    if account.closed or account.locked:
        return f"clearing account {account.name} is locked or closed"
    if account.expires_at is not None and account.expires_at <= moment.when:
        return f"clearing account {account.name} has expired"
    if account.kind is not AccountKind.CLEARING:
        return f"{account.name} is not a clearing account"
    return ""


def _cost(configuration: Configuration, gateway: RoutingGateway, moment: Moment) -> Pricing | None:
    """The vendor's cost rate of the billed number; without one a vendor is skipped.

    The number is the one before the vendor's rewrite, or as sent (`bill_sent_number`, spec §2.3).
    Spec §6.4 leaves "check rate" to the operator; an unpriced vendor is an unknown loss, so it
    is always checked here.
    """
    account = configuration.accounts[gateway.clearing_account_id]
    if account.rate_group_id is None:
        return None
    group = configuration.rate_groups[account.rate_group_id]
    price = price_in(configuration, group, account.account_id, moment, "cost")
    return price.pricing if price else None


def _describe(candidate: Candidate) -> str:
    return (
        f"{candidate.gateway.name}: prefix {candidate.prefix}, "
        f"cost {candidate.cost.tariff}, sends {candidate.callee}"
    )
