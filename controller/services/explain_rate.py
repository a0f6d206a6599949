"""Explanations of prices: a duration's price taken apart, by the functions of the live call.

`tollgate explain rate` and the page of the same name show the outcome.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from controller.domain.billing import Payer
from controller.domain.configuration import Account, Configuration, Phone
from controller.domain.errors import InvalidInput
from controller.domain.holdings import Holdings
from controller.domain.money import Rounding
from controller.domain.numbering import dialable, rated_number
from controller.domain.prices import Moment
from controller.domain.pricing import Pricing
from controller.domain.rates import RateGroup, RateType
from controller.domain.reasons import Refused
from controller.services.explain_bill import ExplainedBill, explain_bill
from controller.services.explain_holdings import HoldingsReader, wanted_for
from controller.services.explain_parties import (
    Asked,
    Party,
    PhoneMonth,
    choose_each,
    explain_parties,
    month_of,
    payers_of,
    phone_month,
)


@dataclass(frozen=True, slots=True)
class RateQuestion:
    """What `duration_s` of a call to a number would cost an account, answered at `when`.

    Without an account, that of the phone. `number` is as rated: after the gateway's rewriting.
    """

    account: str
    number: str
    duration_s: int
    when: datetime
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OtherTerms:
    """Terms that take the place of a rate group's, and of a rate's tax; None leaves them."""

    rounding: Rounding | None = None
    decimals: int | None = None
    tax_percent: Decimal | None = None

    def on(self, pricing: Pricing) -> Pricing:
        terms = pricing.terms
        if self.rounding is not None:
            terms = replace(terms, rounding=self.rounding)
        if self.decimals is not None:
            terms = replace(terms, decimals=self.decimals, fee_unit=Decimal(0))
        pricing = replace(pricing, terms=terms)
        if self.tax_percent is None:
            return pricing
        taxed = tuple(replace(later, tax_percent=self.tax_percent) for later in pricing.later)
        return replace(pricing, tax_percent=self.tax_percent, later=taxed)


@dataclass(frozen=True, slots=True)
class ExplainedRate:
    """The answer: who pays what, and why. The customer is the first of the parties."""

    question: RateQuestion
    asked: Asked
    account: Account
    phone: Phone | None
    parties: tuple[Party, ...]
    month: PhoneMonth | None

    @property
    def customer(self) -> Party:
        return self.parties[0]

    @property
    def refused(self) -> Refused | None:
        """Why a call would be refused for want of a price."""
        return next((party.refused for party in self.parties if party.refused), None)


def explain_rate(
    question: RateQuestion,
    configuration: Configuration,
    reader: HoldingsReader,
    terms: OtherTerms | None = None,
) -> ExplainedRate:
    """Every candidate, the choice and the charge, for the customer and every agent above it.

    Raises InvalidInput for an account, phone or number that is none. Only reads.
    """
    phone = _phone(configuration, question)
    account = _account(configuration, question, phone)
    number = rated_number(checked_number(question.number), configuration.parameters.route_prefixes)
    adjust = (terms or OtherTerms()).on
    moment = Moment(number, question.when, question.duration_s)
    asked = Asked(configuration, moment, question.duration_s, adjust)
    allowed = phone.authorization if phone is not None else RateType.INTERNATIONAL
    choices = choose_each(asked, account, phone, allowed)
    month = month_of(phone, question.when, configuration.parameters.zone)
    holdings = reader.holdings(wanted_for(payers_of(choices), month))
    return ExplainedRate(
        question,
        asked,
        account,
        phone,
        explain_parties(asked, choices, holdings),
        phone_month(phone, month, holdings),
    )


def price_duration(pricing: Pricing, duration_s: int, answered_s: int = 0) -> ExplainedBill:
    """The price of a duration at one price, without packages: nobody's in particular."""
    payer = Payer(pricing.account_id, "", (pricing,))
    return explain_bill(payer, duration_s, duration_s, answered_s, Holdings(), {})


def pricing_of(group: RateGroup, number: str, when: datetime) -> Pricing | None:
    """The price that a deck has for a number, or none: never a price of 0."""
    matched = group.rate_for(checked_number(number).removeprefix("+"), when)
    if matched is None:
        return None
    rate = matched.rate
    return Pricing(0, matched.prefix, rate.tariff, group.terms, rate.tax_percent, group=group.name)


def checked_number(number: str) -> str:
    """A number that can be called. Raises InvalidInput."""
    if not dialable(number):
        raise InvalidInput(f"number {number[:40]!r}: digits, '*' and '#' are expected")
    return number


def _phone(configuration: Configuration, question: RateQuestion) -> Phone | None:
    if not question.phone:
        return None
    phone = configuration.phones.get(question.phone.removeprefix("+"))
    if phone is None:
        raise InvalidInput(f"no phone has the number {question.phone[:40]!r}")
    return phone


def _account(configuration: Configuration, question: RateQuestion, phone: Phone | None) -> Account:
    if not question.account:
        if phone is None:
            raise InvalidInput("an account or a phone is needed")
        return configuration.accounts[phone.account_id]
    name = question.account
    found = next((a for a in configuration.accounts.values() if a.name == name), None)
    if found is None:
        raise InvalidInput(f"no account is named {name[:80]!r}")
    if phone is not None and phone.account_id != found.account_id:
        raise InvalidInput(f"phone {phone.number} is not a phone of account {name}")
    if found.rate_group_id is None and found.private_rate_group_id is None and not phone:
        raise InvalidInput(f"account {name} has no rate group")
    return found
