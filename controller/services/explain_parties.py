"""Who pays for a call, at which of their prices, and what that comes to. Pure.

A party is the customer or an agent above it. Each is explained for itself, also where another one
has no price and the call would be refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from controller.domain.admission import effective
from controller.domain.billing import Payer, RatedTime
from controller.domain.configuration import Account, Configuration, Phone
from controller.domain.holdings import Holdings, Month, MonthUse
from controller.domain.numbering import listed
from controller.domain.price_choice import choose_payers, free_payers
from controller.domain.prices import Moment
from controller.domain.rates import RateType
from controller.domain.reasons import Refused
from controller.domain.trace import Trace
from controller.services.explain_bill import ExplainedBill, explain_bill
from controller.services.explain_prices import (
    Adjust,
    Candidate,
    Deciding,
    as_it_is,
    candidates_of,
)


@dataclass(frozen=True, slots=True)
class EarlyPackage:
    """A package that gives nothing yet: its period's consumption is below its bound."""

    name: str
    consumption: Decimal
    effective_consumption: Decimal


@dataclass(frozen=True, slots=True)
class PhoneMonth:
    """What a phone may spend in a month, has spent, and holds for calls in progress."""

    number: str
    maximum: Decimal
    consumed: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal:
        return self.maximum - self.consumed - self.reserved


@dataclass(frozen=True, slots=True)
class Party:
    """The customer or an agent, its candidates, and its bill; `refused` where it has no price."""

    account: Account
    is_customer: bool
    candidates: tuple[Candidate, ...]
    bill: ExplainedBill | None
    refused: Refused | None
    early: tuple[EarlyPackage, ...] = ()

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that was chosen; None for a free number, too."""
        return next((c for c in self.candidates if c.is_winner), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """An owner of the chain and what it would pay by."""

    owner: Account
    phone: Phone | None
    payer: Payer | Refused


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of `duration_s`, offered and answered at `moment.when`.

    `adjust` puts other terms in the place of those of the customer's rate groups.
    """

    configuration: Configuration
    moment: Moment
    duration_s: int
    adjust: Adjust = as_it_is

    @property
    def rated_time(self) -> RatedTime:
        parameters = self.configuration.parameters
        return RatedTime(parameters.free_time_s, parameters.minimum_duration_s)

    @property
    def is_free_number(self) -> bool:
        parameters = self.configuration.parameters
        free = (*parameters.free_numbers, *parameters.unrecorded_free_numbers)
        return listed(self.moment.number, free)


def choose_each(
    asked: Asked, account: Account, phone: Phone | None, authorization: RateType
) -> tuple[Choice, ...]:
    """The customer and every agent above it, each with its prices or why it has none."""
    configuration = asked.configuration
    chain = (account, *configuration.agents_above(account))
    if asked.is_free_number:
        payers: Sequence[Payer] = free_payers(configuration, account)
        return tuple(Choice(o, None, p) for o, p in zip(chain, payers, strict=True))
    return tuple(
        _choice(asked, owner, phone, authorization)
        if owner is account
        else _choice(asked, owner, None, RateType.INTERNATIONAL)
        for owner in chain
    )


def payers_of(choices: Sequence[Choice]) -> list[Payer]:
    return [choice.payer for choice in choices if isinstance(choice.payer, Payer)]


def explain_parties(
    asked: Asked, choices: Sequence[Choice], holdings: Holdings
) -> tuple[Party, ...]:
    """Every party's candidates and bill. `holdings` has what the payers' packages have."""
    return tuple(
        _party(asked, choice, holdings, is_customer=level == 0)
        for level, choice in enumerate(choices)
    )


def month_of(phone: Phone | None, when: datetime, zone: ZoneInfo) -> Month | None:
    """The month in which a call of a phone with a monthly maximum counts (spec §2.10)."""
    if phone is None or phone.monthly_maximum is None:
        return None
    return phone.phone_id, f"{when.astimezone(zone):%Y-%m}-01"


def phone_month(phone: Phone | None, month: Month | None, holdings: Holdings) -> PhoneMonth | None:
    if phone is None or phone.monthly_maximum is None or month is None:
        return None
    use = holdings.months.get(month, MonthUse(Decimal(0), Decimal(0)))
    return PhoneMonth(phone.number, phone.monthly_maximum, use.consumed, use.reserved)


def _choice(asked: Asked, owner: Account, phone: Phone | None, authorization: RateType) -> Choice:
    alone = replace(owner, parent_id=None)
    chosen = choose_payers(asked.configuration, alone, phone, asked.moment, authorization, Trace())
    return Choice(owner, phone, chosen if isinstance(chosen, Refused) else chosen[0])


def _party(asked: Asked, choice: Choice, holdings: Holdings, *, is_customer: bool) -> Party:
    bill, refused = None, None
    early: tuple[EarlyPackage, ...] = ()
    early_ids: frozenset[int] = frozenset()
    adjust = asked.adjust if is_customer else as_it_is
    names = _package_names(asked, choice)
    if isinstance(choice.payer, Refused):
        refused = choice.payer
    else:
        adjusted = tuple(adjust(pricing) for pricing in choice.payer.pricings)
        payer = effective(replace(choice.payer, pricings=adjusted), holdings)
        rated_s = asked.rated_time.rated_s(asked.duration_s)
        bill = explain_bill(payer, asked.duration_s, rated_s, asked.moment.second, holdings, names)
        early = tuple(_early(choice.payer, holdings, names))
        early_ids = frozenset(
            p for p in choice.payer.packages if not holdings.packages[p].is_effective
        )
    deciding = Deciding(asked.configuration, asked.moment, bill, early_ids, adjust)
    found = () if asked.is_free_number else candidates_of(choice.owner, choice.phone, deciding)
    return Party(choice.owner, is_customer, found, bill, refused, early)


def _package_names(asked: Asked, choice: Choice) -> dict[int, str]:
    phone_id = choice.phone.phone_id if choice.phone is not None else None
    usable = asked.configuration.packages.usable(
        choice.owner.account_id, phone_id, asked.moment.when
    )
    return {package.active_id: package.name for package in usable}


def _early(payer: Payer, holdings: Holdings, names: dict[int, str]) -> list[EarlyPackage]:
    found = []
    for package_id in payer.packages:
        funds = holdings.packages[package_id]
        if not funds.is_effective:
            found.append(
                EarlyPackage(names[package_id], funds.consumption, funds.effective_consumption)
            )
    return found
