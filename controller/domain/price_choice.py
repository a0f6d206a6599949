"""Which prices a call has, for the customer and for every agent above it (spec §1.4, §2.6). Pure.

Candidates in the order of the hierarchy: the phone's private rate group, the account's, a period
rate of each active package, the account's rate group. Each does its own longest-prefix match; one
without a match is left out.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from controller.domain.billing import FreeUse, Payer
from controller.domain.configuration import Account, Configuration, Phone, RateSelection
from controller.domain.money import plain
from controller.domain.numbering import CATCH_ALL
from controller.domain.packages import ActivePackage, second_of_day
from controller.domain.prices import Moment, Price, package_price, price_in
from controller.domain.pricing import ONE, Pricing
from controller.domain.rates import RateType
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import Terms, parse_tariff
from controller.domain.trace import Trace

FREE_OF_CHARGE = parse_tariff("0|0:0/60/60")


def choose_payers(
    configuration: Configuration,
    account: Account,
    phone: Phone | None,
    moment: Moment,
    authorization: RateType,
    trace: Trace,
) -> tuple[Payer, ...] | Refused:
    """The customer, then every agent above it; refused where one of them has no price."""
    payers = []
    for owner in (account, *configuration.agents_above(account)):
        is_customer = owner is account
        payer = _payer(configuration, owner, phone if is_customer else None, moment, trace)
        if isinstance(payer, Refused):
            whose = "" if is_customer else f" (agent {owner.name})"
            return replace(payer, detail=payer.detail + whose)
        chosen, payer_of = payer
        if is_customer and chosen.rate_type > authorization:
            detail = f"{chosen.rate_type.name.lower()} above {authorization.name.lower()}"
            return Refused(Reason.NO_CALL_PERMISSION, detail)
        payers.append(payer_of)
    return tuple(payers)


def free_payers(configuration: Configuration, account: Account) -> tuple[Payer, ...]:
    """Payers of a number that costs nothing (spec §2.8, FREE_E164S)."""
    return tuple(
        Payer(owner.account_id, owner.name, (_free_of_charge(owner),))
        for owner in (account, *configuration.agents_above(account))
    )


def price_candidates(
    configuration: Configuration, account: Account, phone: Phone | None, moment: Moment
) -> list[Price]:
    """Every price that a payer has for the number, in the order of the hierarchy."""
    packages = _packages(configuration, account, phone, moment.when)
    found = _candidates(configuration, account, phone, packages, moment)
    return [candidate for candidate in found if candidate is not None]


def _payer(
    configuration: Configuration,
    owner: Account,
    phone: Phone | None,
    moment: Moment,
    trace: Trace,
) -> tuple[Price, Payer] | Refused:
    packages = _packages(configuration, owner, phone, moment.when)
    found = _candidates(configuration, owner, phone, packages, moment)
    candidates = [candidate for candidate in found if candidate is not None]
    if not candidates:
        return _no_price(configuration, owner, moment)
    parameters = configuration.parameters
    chosen = candidates[0]
    if parameters.rate_selection is RateSelection.CHEAPEST and len(candidates) > 1:
        chosen = min(
            candidates,
            key=lambda c: c.pricing.charge(parameters.expected_duration_s, moment.second).gross,
        )
    else:
        candidates = candidates[:1]
    _note(trace, owner, candidates, chosen, parameters.expected_duration_s, moment)
    second = second_of_day(moment.when, parameters.zone) if packages else 0
    return chosen, Payer(
        owner.account_id,
        owner.name,
        tuple(c.pricing for c in candidates),
        tuple(_free_uses(packages, moment.number, second)),
        tuple(p.active_id for p in packages if p.has_gift),
        tuple(p.active_id for p in packages),
    )


def _candidates(
    configuration: Configuration,
    owner: Account,
    phone: Phone | None,
    packages: tuple[ActivePackage, ...],
    moment: Moment,
) -> Iterator[Price | None]:
    groups = configuration.rate_groups
    if phone is not None and phone.rate_group_id is not None:
        group = groups[phone.rate_group_id]
        yield price_in(configuration, group, owner.account_id, moment, f"phone {phone.number}")
    if owner.private_rate_group_id is not None:
        group = groups[owner.private_rate_group_id]
        yield price_in(configuration, group, owner.account_id, moment, "private rate group")
    for package in packages:
        if package.periods is not None:
            yield package_price(configuration, owner, package, package.periods, moment)
    if owner.rate_group_id is not None:
        group = groups[owner.rate_group_id]
        yield price_in(configuration, group, owner.account_id, moment, "rate group")


def _free_of_charge(owner: Account) -> Pricing:
    return Pricing(
        owner.account_id, CATCH_ALL, FREE_OF_CHARGE, Terms(owner.currency), source="free number"
    )


def _packages(
    configuration: Configuration, owner: Account, phone: Phone | None, when: datetime
) -> tuple[ActivePackage, ...]:
    phone_id = phone.phone_id if phone is not None else None
    return configuration.packages.usable(owner.account_id, phone_id, when)


def _free_uses(packages: tuple[ActivePackage, ...], number: str, second: int) -> Iterator[FreeUse]:
    for package in packages:
        for allowance in package.free:
            if allowance.covers(number, second):
                yield FreeUse(allowance.allowance_id, package.active_id, allowance.cycle_s)


def _no_price(configuration: Configuration, owner: Account, moment: Moment) -> Refused:
    if owner.rate_group_id is None and owner.private_rate_group_id is None:
        return Refused(Reason.NO_RATE_GROUP, owner.name)
    names = [
        configuration.rate_groups[group_id].name
        for group_id in (owner.private_rate_group_id, owner.rate_group_id)
        if group_id is not None
    ]
    return Refused(Reason.NO_MATCHING_RATE, f"{moment.number} in {' or '.join(names)}")


def _note(
    trace: Trace,
    owner: Account,
    candidates: list[Price],
    chosen: Price,
    expected_s: int,
    moment: Moment,
) -> None:
    """One line for the usual single price; each with its figure where several compete."""
    if len(candidates) > 1:
        for candidate in candidates:
            gross = candidate.pricing.charge(expected_s, moment.second).gross
            figure = f"{plain(gross)} for {expected_s} s"
            trace.note("rate", "candidate", f"{owner.name}: {_describe(candidate)} = {figure}")
    trace.note("rate", "found", f"{owner.name}: {_describe(chosen)}")


def _describe(candidate: Price) -> str:
    pricing = candidate.pricing
    factor = f" × {plain(pricing.multiplier)}" if pricing.multiplier != ONE else ""
    return (
        f"{pricing.source} {pricing.group}, prefix {pricing.prefix}: "
        f"{pricing.tariff}{factor} tax {plain(pricing.tax_percent)}%"
    )
