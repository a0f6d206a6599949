"""The decision about an offered call: identify, check, rate, route. Pure.

Same code for a live call, for `tollgate explain call` and for tests. What needs the database
(balances, lines in use) is left to admission.
"""

from dataclasses import dataclass
from datetime import datetime

from controller.domain.configuration import (
    Account,
    Configuration,
    MappingGateway,
    Rate,
    RateGroup,
)
from controller.domain.events import CallOffered
from controller.domain.money import plain
from controller.domain.numbering import dialable, sendable
from controller.domain.reasons import Reason, Refused
from controller.domain.routing import Candidate, candidates
from controller.domain.tariff import Pricing
from controller.domain.trace import Trace


@dataclass(frozen=True, slots=True)
class Authorized:
    """A call that may be admitted if money and lines allow."""

    gateway: MappingGateway
    account: Account
    sale: Pricing
    caller: str
    callee: str
    candidates: tuple[Candidate, ...]
    max_duration_s: int


def authorize(
    offered: CallOffered, configuration: Configuration, when: datetime, trace: Trace
) -> Authorized | Refused:
    """Every check that needs no database, in the order of the reference (spec §0.3)."""
    gateway = configuration.identify(offered.source_ip, offered.source_port)
    if gateway is None:
        return _refuse(trace, "identify", Reason.UNKNOWN_SOURCE, _source(offered))
    trace.note("identify", "found", f"mapping gateway {gateway.name} by {_source(offered)}")
    account = configuration.accounts[gateway.account_id]
    refused = _check_state(gateway, account, when)
    if refused:
        return _refuse(trace, "account", refused.reason, refused.detail)
    trace.note("account", "open", account.name)
    if not dialable(offered.callee):
        return _refuse(trace, "number", Reason.INVALID_CALLEE, repr(offered.callee[:64]))
    callee = gateway.rewrite_callee(offered.callee)
    if not sendable(callee):
        return _refuse(trace, "number", Reason.INVALID_CALLEE, f"rewritten to {callee!r}")
    trace.note("number", "callee", f"{offered.callee} -> {callee}")
    caller = gateway.rewrite_caller(offered.caller) if dialable(offered.caller) else ""
    return _rate_and_route(configuration, gateway, account, caller, callee, when, trace)


def _rate_and_route(
    configuration: Configuration,
    gateway: MappingGateway,
    account: Account,
    caller: str,
    callee: str,
    when: datetime,
    trace: Trace,
) -> Authorized | Refused:
    billed = callee.removeprefix("+")
    sale = _sale(configuration, gateway, account, billed, when)
    if isinstance(sale, Refused):
        return _refuse(trace, "rate", sale.reason, sale.detail)
    tax = plain(sale.tax_percent)
    trace.note("rate", "found", f"prefix {sale.prefix}: {sale.tariff} tax {tax}%")
    found = candidates(configuration, caller, billed, when, trace)
    if not found:
        return _refuse(trace, "route", Reason.NO_ROUTE, billed)
    limit_s = configuration.parameters.max_duration_s
    if gateway.max_duration_s is not None:
        limit_s = min(limit_s, gateway.max_duration_s)
    return Authorized(gateway, account, sale, caller, billed, tuple(found), limit_s)


def _check_state(gateway: MappingGateway, account: Account, when: datetime) -> Refused | None:
    if gateway.locked:
        return Refused(Reason.GATEWAY_LOCKED, gateway.name)
    if account.closed:
        return Refused(Reason.ACCOUNT_CLOSED, account.name)
    if account.locked:
        return Refused(Reason.ACCOUNT_LOCKED, account.name)
    if account.expires_at is not None and account.expires_at <= when:
        return Refused(Reason.ACCOUNT_EXPIRED, f"{account.name} at {account.expires_at:%Y-%m-%d}")
    return None


def _sale(
    configuration: Configuration,
    gateway: MappingGateway,
    account: Account,
    billed: str,
    when: datetime,
) -> Pricing | Refused:
    if account.rate_group_id is None:
        return Refused(Reason.NO_RATE_GROUP, account.name)
    group: RateGroup = configuration.rate_groups[account.rate_group_id]
    rate: Rate | None = group.rate_for(billed, when)
    if rate is None:
        return Refused(Reason.NO_MATCHING_RATE, f"{billed} in {group.name}")
    if rate.rate_type > gateway.authorization:
        detail = f"{rate.rate_type.name.lower()} above {gateway.authorization.name.lower()}"
        return Refused(Reason.NO_CALL_PERMISSION, detail)
    return Pricing(account.account_id, rate.prefix, rate.tariff, group.terms, rate.tax_percent)


def _source(offered: CallOffered) -> str:
    return f"{offered.source_ip}:{offered.source_port}"


def _refuse(trace: Trace, step: str, reason: Reason, detail: str) -> Refused:
    trace.note(step, f"refused: {reason}", detail)
    return Refused(reason, detail)
