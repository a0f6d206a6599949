"""Explanations of calls: what would become of one, now or at another time, and why.

The very functions of the live call are run (`authorize`, `admit`, `connect_plan`), on the same
configuration; only that money, benefits and lines are read instead of locked, and nothing is
written. `tollgate explain call` and the page of the same name show the outcome.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from controller.domain.admission import Admitted, admit
from controller.domain.authorization import Authorized, Caller, authorize, find_caller
from controller.domain.configuration import Account, Configuration, MappingGateway, Phone
from controller.domain.events import CallOffered
from controller.domain.holdings import SYSTEM_LINE, Funds, Holdings, Month
from controller.domain.money import plain
from controller.domain.numbering import dialable, rated_number
from controller.domain.prices import Moment
from controller.domain.pricing import Pricing
from controller.domain.rates import RateType
from controller.domain.reasons import Refused
from controller.domain.ticket import Ticket
from controller.domain.trace import Trace
from controller.services.explain_attempts import ExplainedAttempt, explain_attempts
from controller.services.explain_holdings import (
    HoldingsReader,
    copy_of,
    wanted_by,
    wanted_for,
)
from controller.services.explain_parties import (
    Asked,
    Choice,
    Party,
    PhoneMonth,
    choose_each,
    explain_parties,
    month_of,
    payers_of,
    phone_month,
)
from controller.services.planning import admission_rules, connect_plan, make_ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CALL = "00000000-0000-0000-0000-000000000000"
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class CallQuestion:
    """A call that might be. `source` is where its signaling would come from.

    Prices are shown for `duration_s`, or else for the expected duration of a call.
    """

    caller: str
    callee: str
    source_ip: str
    source_port: int
    when: datetime
    duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class PriceCandidate:
    """A rate of the customer's whose prefix matches, and why it is the price or is not."""

    prefix: str
    tiers: str
    area: str
    verdict: str
    source: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class HeldBenefit:
    """What a call would hold of a package: free seconds or gift money."""

    package: str
    free_s: int = 0
    gift: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class CallParty:
    """A payer: its prices, its money before the call, and what the call would hold of it.

    `funds` None: they were not read, for the call is refused before. `reserved` None: nothing is
    held, for it is refused.
    """

    party: Party
    funds: Funds | None = None
    reserved: Decimal | None = None
    benefits: tuple[HeldBenefit, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedCall:
    """Everything about the decision. What comes after a refusal is empty or None.

    Money, benefits and lines are of the time of asking, whatever `question.when` says.
    """

    question: CallQuestion
    verdict: Admitted | Refused
    trace: tuple[tuple[str, str, str], ...]
    gateway: MappingGateway | None
    account: Account | None
    phone: Phone | None = None
    asked: Asked | None = None
    parties: tuple[CallParty, ...] = ()
    authorized: Authorized | None = None
    attempts: tuple[ExplainedAttempt, ...] = ()
    month: PhoneMonth | None = None
    month_held: Decimal = Decimal(0)

    @property
    def funds(self) -> Funds | None:
        """The customer's, before the call."""
        return self.parties[0].funds if self.parties else None

    def price(self, duration_s: int) -> Pricing | None:
        """The customer's price of so long a call: the cheapest then, packages' help apart."""
        return self._cheapest(0, duration_s)

    def income(self, duration_s: int) -> Pricing | None:
        """What the operator earns by: the price of the customer, or of the agent at the top."""
        return self._cheapest(-1, duration_s)

    def _cheapest(self, level: int, duration_s: int) -> Pricing | None:
        if self.authorized is None:
            return None
        answered_s = int(self.question.when.timestamp())
        pricings = self.authorized.payers[level].pricings
        return min(pricings, key=lambda pricing: pricing.charge(duration_s, answered_s).gross)

    @property
    def candidates(self) -> tuple[PriceCandidate, ...]:
        """Every rate of the customer that matches, from the longest prefix of each source."""
        if not self.parties:
            return ()
        return tuple(
            PriceCandidate(
                row.prefix,
                row.tiers,
                row.area,
                candidate.why if row.is_match and not candidate.is_winner else row.verdict,
                candidate.source,
                row.group,
            )
            for candidate in self.parties[0].party.candidates
            for row in candidate.rows
        )


def explain_call(
    question: CallQuestion, configuration: Configuration, reader: HoldingsReader
) -> ExplainedCall:
    """Decide as for a live call; admit on figures that are only read."""
    offered = _offered(question)
    trace = Trace()
    decision = authorize(offered, configuration, question.when, trace)
    if isinstance(decision, Refused):
        return _refused(question, configuration, decision, trace, reader)
    zone = configuration.parameters.zone
    ticket = make_ticket(offered, decision, tuple(trace.steps), _NumberedLegs(), zone)
    caller = Caller(decision.gateway, decision.account, decision.phone)
    asked = _asked(question, configuration, caller)
    choices = _choices(asked, caller)
    rules = admission_rules(configuration.parameters)
    before = reader.holdings(wanted_by(ticket))
    before.lines[SYSTEM_LINE].per_second = rules.calls_per_second
    verdict = admit(ticket, rules, copy_of(before))
    trace.note("admit", *_admission(verdict, decision))
    planned = None
    if isinstance(verdict, Admitted):
        planned = connect_plan(ticket, decision, verdict, configuration.parameters.stop_causes)
    parties = explain_parties(asked, choices, before)
    return ExplainedCall(
        question,
        verdict,
        tuple(trace.steps),
        decision.gateway,
        decision.account,
        decision.phone,
        asked,
        tuple(_call_parties(configuration, parties, verdict, before)),
        decision,
        explain_attempts(ticket, decision, planned, rules, before),
        phone_month(decision.phone, _limited_month(ticket), before),
        verdict.held.month if isinstance(verdict, Admitted) else Decimal(0),
    )


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


def _refused(
    question: CallQuestion,
    configuration: Configuration,
    verdict: Refused,
    trace: Trace,
    reader: HoldingsReader,
) -> ExplainedCall:
    """Refused before any money is asked for; prices are shown where the number has some."""
    gateway = configuration.identify(question.source_ip, question.source_port)
    bare = ExplainedCall(question, verdict, tuple(trace.steps), gateway, None)
    if gateway is None:
        return bare
    caller = find_caller(_offered(question), configuration, gateway)
    bare = replace(bare, account=caller.account, phone=caller.phone)
    if not dialable(question.callee):
        return bare
    asked = _asked(question, configuration, caller)
    choices = _choices(asked, caller)
    month = month_of(caller.phone, question.when, configuration.parameters.zone)
    holdings = reader.holdings(wanted_for(payers_of(choices), month))
    parties = tuple(map(CallParty, explain_parties(asked, choices, holdings)))
    return replace(
        bare, asked=asked, parties=parties, month=phone_month(caller.phone, month, holdings)
    )


def _asked(question: CallQuestion, configuration: Configuration, caller: Caller) -> Asked:
    parameters = configuration.parameters
    callee = caller.gateway.rewrite_callee(question.callee).removeprefix("+")
    number = rated_number(callee, parameters.route_prefixes)
    duration_s = question.duration_s
    if duration_s is None:
        duration_s = parameters.expected_duration_s
    return Asked(configuration, Moment(number, question.when, duration_s), duration_s)


def _choices(asked: Asked, caller: Caller) -> tuple[Choice, ...]:
    allowed: RateType = caller.gateway.authorization
    if caller.phone is not None:
        allowed = caller.phone.authorization
    return choose_each(asked, caller.account, caller.phone, allowed)


def _call_parties(
    configuration: Configuration,
    parties: tuple[Party, ...],
    verdict: Admitted | Refused,
    before: Holdings,
) -> list[CallParty]:
    found = []
    for level, party in enumerate(parties):
        funds = before.funds[party.account.account_id]
        if isinstance(verdict, Refused):
            found.append(CallParty(party, funds))
            continue
        held = verdict.held.payers[level]
        found.append(CallParty(party, funds, held.money, _benefits(configuration, verdict, level)))
    return found


def _benefits(
    configuration: Configuration, verdict: Admitted, level: int
) -> tuple[HeldBenefit, ...]:
    payer, held = verdict.payers[level], verdict.held.payers[level]
    shelf = configuration.packages
    names = {
        package.active_id: package.name
        for kept in (*shelf.of_account.values(), *shelf.of_phone.values())
        for package in kept
    }
    return (
        *(
            HeldBenefit(names[use.package_id], free_s=free_s)
            for use, free_s in zip(payer.free, held.free_s, strict=True)
            if free_s
        ),
        *(
            HeldBenefit(names[package_id], gift=gift)
            for package_id, gift in zip(payer.gifts, held.gifts, strict=True)
            if gift
        ),
    )


def _limited_month(ticket: Ticket) -> Month | None:
    return ticket.month if ticket.monthly_maximum is not None else None


def _admission(verdict: Admitted | Refused, decision: Authorized) -> tuple[str, str]:
    if isinstance(verdict, Refused):
        return f"refused: {verdict.reason}", verdict.detail
    reserved = plain(verdict.held.payers[0].money)
    currency = decision.sale.terms.currency
    return "admitted", f"{reserved} {currency} reserved for {verdict.granted_s} s"
