"""The decision about an offered call: identify, check, rate, route. Pure.

Same code for a live call, for `tollgate explain call` and for tests. What needs the database
(balances, lines in use) is left to admission.
"""

from dataclasses import dataclass
from datetime import datetime

from controller.domain.billing import Payer, RatedTime
from controller.domain.configuration import (
    Account,
    CallParameters,
    Configuration,
    MappingGateway,
    Phone,
)
from controller.domain.destinations import why_permitted, why_refused
from controller.domain.events import CallOffered
from controller.domain.numbering import dialable, listed, rated_number, sendable
from controller.domain.price_choice import choose_payers, free_payers
from controller.domain.prices import Moment
from controller.domain.pricing import Pricing
from controller.domain.reasons import Reason, Refused
from controller.domain.routing import Candidate, candidates
from controller.domain.trace import Trace

LONGEST_RING_S = 600
"""No vendor's ring time-out is longer (checked where gateways are stored)."""

SETUP_MARGIN_S = 30
"""Beyond the ring time-outs, for how long before its answer a call may be under way."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the trunk, the phone behind it where that is billed, and the account."""

    gateway: MappingGateway
    account: Account
    phone: Phone | None = None


@dataclass(frozen=True, slots=True)
class Authorized:
    """A call that may be admitted if money and lines allow.

    `payers` are the customer and the agents above it. It is answered within `setup_s` of the
    offer, or not at all. `recorded`: whether it leaves a record.
    """

    gateway: MappingGateway
    account: Account
    phone: Phone | None
    payers: tuple[Payer, ...]
    caller: str
    callee: str
    candidates: tuple[Candidate, ...]
    max_duration_s: int
    setup_s: int
    rated_time: RatedTime
    recorded: bool = True

    @property
    def sale(self) -> Pricing:
        """The customer's first price, for those who need one to show."""
        return self.payers[0].pricings[0]


def authorize(
    offered: CallOffered, configuration: Configuration, when: datetime, trace: Trace
) -> Authorized | Refused:
    """Every check that needs no database, in the order of the reference (spec §0.3)."""
    gateway = configuration.identify(offered.source_ip, offered.source_port)
    if gateway is None:
        return _refuse(trace, "identify", Reason.UNKNOWN_SOURCE, _source(offered))
    trace.note("identify", "found", f"mapping gateway {gateway.name} by {_source(offered)}")
    caller = find_caller(offered, configuration, gateway)
    refused = _check_state(configuration, caller, when)
    if refused:
        return _refuse(trace, "account", refused.reason, refused.detail)
    trace.note("account", "open", _whose(caller))
    if not dialable(offered.callee):
        return _refuse(trace, "number", Reason.INVALID_CALLEE, repr(offered.callee[:64]))
    callee = gateway.rewrite_callee(offered.callee)
    if not sendable(callee):
        return _refuse(trace, "number", Reason.INVALID_CALLEE, f"rewritten to {callee!r}")
    trace.note("number", "callee", f"{offered.callee} -> {callee}")
    number = gateway.rewrite_caller(offered.caller) if dialable(offered.caller) else ""
    return _rate_and_route(configuration, caller, number, callee.removeprefix("+"), when, trace)


def _rate_and_route(
    configuration: Configuration,
    caller: Caller,
    number: str,
    callee: str,
    when: datetime,
    trace: Trace,
) -> Authorized | Refused:
    parameters = configuration.parameters
    limit_s = _limit_s(parameters, caller.gateway)
    billed = rated_number(callee, parameters.route_prefixes)
    moment = Moment(billed, when, limit_s + parameters.max_attempts * LONGEST_RING_S)
    is_free = _is_free(parameters, billed)
    if not is_free and (refused := _check_destination(configuration, caller, billed, trace)):
        return _refuse(trace, "destination", refused.reason, refused.detail)
    payers = _payers(configuration, caller, moment, trace, is_free=is_free)
    if isinstance(payers, Refused):
        return _refuse(trace, "rate", payers.reason, payers.detail)
    found = candidates(configuration, number, callee, moment, trace)
    if not found:
        return _refuse(trace, "route", Reason.NO_ROUTE, callee)
    return Authorized(
        caller.gateway,
        caller.account,
        caller.phone,
        payers,
        number,
        callee,
        tuple(found),
        limit_s,
        _setup_s(found, parameters.max_attempts),
        RatedTime(parameters.free_time_s, parameters.minimum_duration_s),
        not listed(billed, parameters.unrecorded_free_numbers),
    )


def _is_free(parameters: CallParameters, number: str) -> bool:
    return listed(number, (*parameters.free_numbers, *parameters.unrecorded_free_numbers))


def _check_destination(
    configuration: Configuration, caller: Caller, number: str, trace: Trace
) -> Refused | None:
    """The account and every agent above it must permit the number (spec §1.6, reading 2).

    Not asked for the platform's free numbers: an agent's list of countries cuts off no emergency
    call.
    """
    if not configuration.destination_rules:
        return None
    for account in (caller.account, *configuration.agents_above(caller.account)):
        rules = configuration.destination_rules.get(account.account_id)
        if rules is None:
            continue
        if not rules.permits(number):
            return Refused(Reason.DESTINATION_DENIED, why_refused(account.name, rules, number))
        trace.note("destination", "permitted", why_permitted(account.name, rules, number))
    return None


def _payers(
    configuration: Configuration, caller: Caller, moment: Moment, trace: Trace, *, is_free: bool
) -> tuple[Payer, ...] | Refused:
    if is_free:
        trace.note("rate", "found", f"{moment.number} is a free number")
        return free_payers(configuration, caller.account)
    allowed = caller.phone.authorization if caller.phone else caller.gateway.authorization
    return choose_payers(configuration, caller.account, caller.phone, moment, allowed, trace)


def find_caller(
    offered: CallOffered, configuration: Configuration, gateway: MappingGateway
) -> Caller:
    """A caller number that is a phone of ours is billed as it, where the gateway says so."""
    phone = None
    if gateway.allow_phone_billing and dialable(offered.caller):
        phone = configuration.phones.get(gateway.rewrite_caller(offered.caller).removeprefix("+"))
    account_id = phone.account_id if phone else gateway.account_id
    return Caller(gateway, configuration.accounts[account_id], phone)


def _check_state(configuration: Configuration, caller: Caller, when: datetime) -> Refused | None:
    if caller.gateway.locked:
        return Refused(Reason.GATEWAY_LOCKED, caller.gateway.name)
    if caller.phone is not None and caller.phone.locked:
        return Refused(Reason.PHONE_LOCKED, caller.phone.number)
    for account in (caller.account, *configuration.agents_above(caller.account)):
        if refused := _check_account(account, when):
            return refused
    return None


def _check_account(account: Account, when: datetime) -> Refused | None:
    """The customer's state, and that of every agent above it: they all pay for the call."""
    if account.closed:
        return Refused(Reason.ACCOUNT_CLOSED, account.name)
    if account.locked:
        return Refused(Reason.ACCOUNT_LOCKED, account.name)
    if account.expires_at is not None and account.expires_at <= when:
        return Refused(Reason.ACCOUNT_EXPIRED, f"{account.name} at {account.expires_at:%Y-%m-%d}")
    return None


def _limit_s(parameters: CallParameters, gateway: MappingGateway) -> int:
    if gateway.max_duration_s is None:
        return parameters.max_duration_s
    return min(parameters.max_duration_s, gateway.max_duration_s)


def _setup_s(found: list[Candidate], max_attempts: int) -> int:
    """How long after the offer the call can still be answered: its slowest vendors' time-outs."""
    rings = sorted((c.gateway.ring_timeout_s for c in found), reverse=True)
    return sum(rings[:max_attempts]) + SETUP_MARGIN_S


def _whose(caller: Caller) -> str:
    if caller.phone is None:
        return caller.account.name
    return f"{caller.account.name}, by phone {caller.phone.number}"


def _source(offered: CallOffered) -> str:
    return f"{offered.source_ip}:{offered.source_port}"


def _refuse(trace: Trace, step: str, reason: Reason, detail: str) -> Refused:
    trace.note(step, f"refused: {reason}", detail)
    return Refused(reason, detail)
