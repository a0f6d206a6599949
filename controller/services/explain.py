"""Explanations of calls: what would become of one, now or at another time, and why.

The very functions of the live call are run (`authorize`, `admit`, `connect_plan`), on the same
configuration; only that money and lines are read instead of locked, and nothing is written.
`tollgate explain call` shows the outcome; pages will too.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from controller.domain.admission import Admitted, Funds, Holdings, admit
from controller.domain.authorization import Authorized, authorize
from controller.domain.configuration import (
    Account,
    Configuration,
    MappingGateway,
    Rate,
    RoutingGateway,
)
from controller.domain.errors import InvalidInput
from controller.domain.events import CallOffered
from controller.domain.money import plain
from controller.domain.numbering import dialable
from controller.domain.plan import Attempt
from controller.domain.reasons import Refused
from controller.domain.tariff import Pricing
from controller.domain.ticket import Ticket, TicketAttempt
from controller.domain.trace import Trace
from controller.services.planning import admission_rules, connect_plan, make_ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_NO_CALL = "00000000-0000-0000-0000-000000000000"
_SIP_PORT = 5060
MINUTE_S = 60


class HoldingsReader(Protocol):
    """Money and lines as an admission would find them, only read."""

    def holdings(
        self, account_ids: Collection[int], mapping_ids: Collection[int], vendors: Collection[int]
    ) -> Holdings: ...


@dataclass(frozen=True, slots=True)
class CallQuestion:
    """A call that might be. `source` is where its signaling would come from."""

    caller: str
    callee: str
    source_ip: str
    source_port: int
    when: datetime


@dataclass(frozen=True, slots=True)
class PriceCandidate:
    """A rate whose prefix matches, and why it is the price or is not."""

    prefix: str
    tiers: str
    area: str
    verdict: str


@dataclass(frozen=True, slots=True)
class ExplainedAttempt:
    """A vendor, and whether the call would try it: `number` is 0 where it would not, and
    `why_not` says why."""

    number: int
    why_not: str
    gateway: str
    address: str
    caller: str
    callee: str
    cost: Pricing
    lines_used: int
    lines_capacity: int | None

    def margin(self, sale: Pricing, duration_s: int) -> Decimal | None:
        """Net price less cost; None where the two are in different currencies."""
        if sale.terms.currency != self.cost.terms.currency:
            return None
        return sale.charge(duration_s).net - self.cost.charge(duration_s).gross


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """Everything about the decision. What comes after a refusal is empty or None.

    Money and lines are of the time of asking, whatever `question.when` says.
    """

    question: CallQuestion
    verdict: Admitted | Refused
    trace: tuple[tuple[str, str, str], ...]
    gateway: MappingGateway | None
    account: Account | None
    candidates: tuple[PriceCandidate, ...]
    authorized: Authorized | None = None
    funds: Funds | None = None
    attempts: tuple[ExplainedAttempt, ...] = ()


def explain_call(
    question: CallQuestion, configuration: Configuration, reader: HoldingsReader
) -> ExplainedCall:
    """Decide as for a live call; admit on figures that are only read."""
    offered = _offered(question)
    trace = Trace()
    decision = authorize(offered, configuration, question.when, trace)
    if isinstance(decision, Refused):
        return _explained(question, configuration, decision, trace)
    ticket = make_ticket(offered, decision, tuple(trace.steps), _NumberedLegs())
    holdings = _read(reader, ticket)
    before = _copy(holdings)
    verdict = admit(ticket, admission_rules(decision, configuration.parameters), holdings)
    trace.note("admit", *_admission(verdict, decision))
    return replace(
        _explained(question, configuration, verdict, trace),
        authorized=decision,
        funds=before.funds[ticket.account_id],
        attempts=_attempts(ticket, decision, verdict, before, configuration),
    )


def _explained(
    question: CallQuestion, configuration: Configuration, verdict: Admitted | Refused, trace: Trace
) -> ExplainedCall:
    gateway = configuration.identify(question.source_ip, question.source_port)
    account = configuration.accounts[gateway.account_id] if gateway else None
    candidates = _candidates(configuration, gateway, account, question)
    return ExplainedCall(question, verdict, tuple(trace.steps), gateway, account, candidates)


def source_of(configuration: Configuration, gateway_name: str | None) -> tuple[str, int]:
    """An address from which calls of this mapping gateway are identified as its own.

    Without a name, of the only one there is. Raises InvalidInput.
    """
    gateways = configuration.mapping_gateways.values()
    if gateway_name is None:
        if len(gateways) != 1:
            raise InvalidInput(f"{len(gateways)} mapping gateways: say --gateway or --source")
        gateway = next(iter(gateways))
    else:
        named = [g for g in gateways if g.name == gateway_name]
        if not named:
            raise InvalidInput(f"no mapping gateway is named {gateway_name[:80]!r}")
        gateway = named[0]
    for ip, port in gateway.addresses:
        for candidate in (port,) if port else (_SIP_PORT, *range(1024, 65536)):
            if configuration.identify(ip, candidate) is gateway:
                return ip, candidate
    raise InvalidInput(f"mapping gateway {gateway.name} has no address: no call can come from it")


class _NumberedLegs:
    """Leg ids of a call that is never placed."""

    def __init__(self) -> None:
        self._count = 0

    def leg_id(self) -> str:
        self._count += 1
        return f"leg-{self._count}"


def _offered(question: CallQuestion) -> CallOffered:
    return CallOffered(
        switch_id="",
        call_id=_NO_CALL,
        offered_us=(question.when - _EPOCH) // timedelta(microseconds=1),
        source_ip=question.source_ip,
        source_port=question.source_port,
        caller=question.caller,
        caller_name="",
        callee=question.callee,
    )


def _read(reader: HoldingsReader, ticket: Ticket) -> Holdings:
    payers = {ticket.account_id, *(leg.cost.account_id for leg in ticket.attempts)}
    vendors = {leg.gateway_id for leg in ticket.attempts}
    return reader.holdings(payers, {ticket.mapping_gateway_id}, vendors)


def _copy(holdings: Holdings) -> Holdings:
    """Figures before the admission takes its own."""
    return Holdings(
        {id_: replace(funds) for id_, funds in holdings.funds.items()},
        {id_: replace(lines) for id_, lines in holdings.mapping_lines.items()},
        {id_: replace(lines) for id_, lines in holdings.routing_lines.items()},
    )


def _admission(verdict: Admitted | Refused, decision: Authorized) -> tuple[str, str]:
    if isinstance(verdict, Refused):
        return f"refused: {verdict.reason}", verdict.detail
    currency = decision.sale.terms.currency
    return "admitted", f"{plain(verdict.reserved)} {currency} reserved for {verdict.granted_s} s"


def _attempts(
    ticket: Ticket,
    decision: Authorized,
    verdict: Admitted | Refused,
    before: Holdings,
    configuration: Configuration,
) -> tuple[ExplainedAttempt, ...]:
    tried: dict[str, Attempt] = {}
    if isinstance(verdict, Admitted):
        plan = connect_plan(ticket, decision, verdict, configuration.parameters.stop_causes)
        tried = {attempt.leg_id: attempt for attempt in plan.attempts}
    return tuple(
        _attempt(leg, candidate.gateway, tried.get(leg.leg_id), before, refused=not tried)
        for leg, candidate in zip(ticket.attempts, decision.candidates, strict=True)
    )


def _attempt(
    leg: TicketAttempt,
    gateway: RoutingGateway,
    planned: Attempt | None,
    before: Holdings,
    *,
    refused: bool,
) -> ExplainedAttempt:
    lines = before.routing_lines[leg.gateway_id]
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    return ExplainedAttempt(
        planned.number if planned else 0,
        "" if planned else _why_not(leg, gateway, before, refused),
        leg.gateway,
        f"{host}:{gateway.port}/{gateway.transport}",
        leg.caller,
        leg.callee,
        leg.cost,
        lines.used,
        lines.capacity,
    )


def _why_not(leg: TicketAttempt, gateway: RoutingGateway, before: Holdings, refused: bool) -> str:
    lines = before.routing_lines[leg.gateway_id]
    if lines.full:
        return f"{lines.used} of {lines.capacity} lines in use"
    if gateway.prepaid and before.funds[leg.cost.account_id].available <= 0:
        return "prepaid, and nothing is left"
    return "the call is refused" if refused else "enough vendors come before it"


def _candidates(
    configuration: Configuration,
    gateway: MappingGateway | None,
    account: Account | None,
    question: CallQuestion,
) -> tuple[PriceCandidate, ...]:
    """Every rate that matches the rated number, from the longest prefix (spec §2.3)."""
    if gateway is None or account is None or account.rate_group_id is None:
        return ()
    if not dialable(question.callee):
        return ()
    number = gateway.rewrite_callee(question.callee).removeprefix("+")
    group = configuration.rate_groups[account.rate_group_id]
    chosen = group.rate_for(number, question.when)
    return tuple(
        PriceCandidate(prefix, str(rate.tariff), rate.area, _verdict(rate, chosen, question.when))
        for prefix, rates in group.rates.matches(number)
        for rate in sorted(rates, key=lambda r: r.valid_from or _ALWAYS)
    )


def _verdict(rate: Rate, chosen: Rate | None, when: datetime) -> str:
    if rate is chosen:
        return "chosen"
    if rate.locked:
        return "locked"
    if rate.valid_from is not None and when < rate.valid_from:
        return f"valid from {rate.valid_from:%Y-%m-%dT%H:%M:%SZ}"
    if rate.valid_until is not None and rate.valid_until <= when:
        return f"valid until {rate.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    return "a longer prefix matches"
