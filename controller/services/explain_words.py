"""A party's bill as sentences for a billing clerk, in the order in which it comes about. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from controller.domain.billing import RatedTime
from controller.domain.money import plain
from controller.domain.pricing import ONE, PeriodPrice
from controller.domain.tariff import Terms
from controller.services.explain_bill import ExplainedBill, PricedSpan
from controller.services.explain_parties import Asked, Party, PhoneMonth
from controller.services.explain_prices import Outcome, source_words
from controller.services.price_words import (
    amount_text,
    counted,
    money_text,
    rounding_words,
    tariff_words,
    wall_text,
)


def party_words(party: Party, asked: Asked) -> tuple[str, ...]:
    """Why this party pays what it pays."""
    if party.bill is None:
        return (_refusal(party),)
    if asked.is_free_number:
        return (f"{asked.moment.number} is a free number: nothing is charged.",)
    zone = zone_of(party, asked)
    return (
        _price_sentence(party, party.bill, asked),
        *_choice_at_offer(party),
        *bill_words(party.bill, zone, asked.rated_time),
        *_early(party),
    )


def bill_words(bill: ExplainedBill, zone: ZoneInfo, rated_time: RatedTime) -> tuple[str, ...]:
    """From the duration to what the balance pays."""
    if not bill.duration_s:
        return ("A call of 0 s costs nothing.",)
    return (
        *_rated(bill, rated_time),
        *_free(bill),
        *_charged(bill, zone),
        *_rounded(bill),
        *_taxed(bill),
        *_paid(bill),
    )


def month_words(month: PhoneMonth, gross: Decimal, currency: str) -> str:
    """How the call stands to the phone's monthly maximum (spec §2.10)."""
    fits = "fits" if gross <= month.left else "does not fit"
    under_way = (
        f", {amount_text(month.reserved)} held for calls in progress" if month.reserved else ""
    )
    return (
        f"Phone {month.number} may spend {money_text(month.maximum, currency)} a month: "
        f"{amount_text(month.consumed)} spent{under_way}, {amount_text(month.left)} left; "
        f"this call of {amount_text(gross)} {fits}."
    )


def zone_of(party: Party, asked: Asked) -> ZoneInfo:
    """The zone of the periods that price the call; the platform's where there are none."""
    chosen = party.chosen
    if chosen is None or chosen.zone is None:
        return asked.configuration.parameters.zone
    return chosen.zone


def _refusal(party: Party) -> str:
    who = "The customer" if party.is_customer else f"Agent {party.account.name}"
    detail = party.refused.detail if party.refused else ""
    return f"{who} has no price that may be used ({detail}): the call would be refused."


def _price_sentence(party: Party, bill: ExplainedBill, asked: Asked) -> str:
    pricing = bill.bill.pricing
    held = pricing.at(asked.moment.second + bill.bill.offset_s)
    where = source_words(pricing.source)
    tax = f", tax {plain(held.tax_percent)} %" if held.tax_percent else ""
    return (
        f"Priced by {where} ({pricing.group}), prefix {held.prefix}{_area(party, held.prefix)}: "
        f"{'; '.join(tariff_words(held.tariff))}{_factor(held)}{tax}."
    )


def _area(party: Party, prefix: str) -> str:
    """The destination's name, where the deck has one."""
    rows = party.chosen.rows if party.chosen else ()
    area = next((row.area for row in rows if row.is_match and row.prefix == prefix), "")
    return f" ({area})" if area else ""


def _factor(price: PeriodPrice) -> str:
    return f"; in this period × {plain(price.multiplier)}" if price.multiplier != ONE else ""


def _choice_at_offer(party: Party) -> Iterator[str]:
    """Where another price was the cheapest at the expected duration, by which a call is let in."""
    asked = (Outcome.CHOSEN, Outcome.DEARER, Outcome.SAME)
    compared = [
        (c, c.expected.gross) for c in party.candidates if c.expected and c.outcome in asked
    ]
    if not compared or not (party.bill and party.bill.spans):
        return
    first, _ = min(compared, key=lambda pair: pair[1])
    if first is not party.chosen:
        yield (
            f"Before the call {source_words(first.source)} looked cheapest (at the expected "
            "duration); the charge takes what is cheapest for the call as it was."
        )


def _rated(bill: ExplainedBill, rated_time: RatedTime) -> Iterator[str]:
    """Free time and minimum, where they change something (spec §2.8)."""
    rest_s = bill.duration_s - rated_time.free_time_s
    if rest_s <= 0:
        yield f"Calls of up to {rated_time.free_time_s} s are free of charge: nothing is rated."
        return
    if rated_time.free_time_s:
        yield f"{bill.duration_s} s less the free time of {rated_time.free_time_s} s: {rest_s} s."
    if rest_s < rated_time.minimum_s:
        yield f"At least {rated_time.minimum_s} s are rated."


def _free(bill: ExplainedBill) -> Iterator[str]:
    for free in bill.free:
        if free.taken_s:
            yield (
                f"Package {free.package} gives {counted(free.taken_s, 'free second')} "
                f"(in steps of {free.cycle_s} s; {free.left_s} s were left)."
            )
    if bill.free and not bill.bill.offset_s:
        names = ", ".join(dict.fromkeys(free.package for free in bill.free))
        yield f"No free seconds are left for this call (package {names})."
    if bill.bill.offset_s:
        paid_s = bill.bill.rated_s - bill.bill.offset_s
        rest = f"the other {paid_s} s are priced as a call of their own" if paid_s else "all of it"
        yield f"{bill.bill.offset_s} s are free: {rest}."


def _charged(bill: ExplainedBill, zone: ZoneInfo) -> Iterator[str]:
    several = len(bill.spans) > 1
    for span in bill.spans:
        if several:
            yield _span_words(span, zone)
        for line in span.lines:
            yield f"{_capitalized(line.words)}."
    if len(bill.lines) > 1:
        yield f"Together {amount_text(bill.exact)}."


def _span_words(span: PricedSpan, zone: ZoneInfo) -> str:
    seconds = f"seconds {span.from_s + 1} to {span.to_s}"
    paid = "" if span.lines else ": paid with a step that began before"
    factor = f", × {plain(span.price.multiplier)}" if span.price.multiplier != ONE else ""
    return (
        f"From {wall_text(span.began, zone)}, {seconds}, prefix {span.price.prefix}{factor}{paid}."
    )


def _rounded(bill: ExplainedBill) -> Iterator[str]:
    if not bill.spans:
        return
    charge, terms = bill.bill.charge, bill.bill.pricing.terms
    if bill.exact == Fraction(charge.net):
        yield f"Net {money_text(charge.net, terms.currency)}: nothing to round."
    else:
        yield (
            f"{amount_text(bill.exact)} ({bill.exact}) is {rounding_words(terms)}: "
            f"net {money_text(charge.net, terms.currency)}."
        )


def _taxed(bill: ExplainedBill) -> Iterator[str]:
    percents = {span.price.tax_percent for span in bill.spans}
    charge, terms = bill.bill.charge, bill.bill.pricing.terms
    if not any(percents):
        return
    if len(percents) > 1:
        each = ", ".join(f"{plain(percent)} %" for percent in sorted(percents))
        yield f"Tax of each part at its own percentage ({each}): {amount_text(charge.tax)}."
    else:
        yield _tax_words(percents.pop(), charge.net, charge.tax, terms)
    yield f"With tax {money_text(charge.gross, terms.currency)}."


def _tax_words(percent: Decimal, net: Decimal, tax: Decimal, terms: Terms) -> str:
    exact = Fraction(net) * Fraction(percent) / 100
    if exact == Fraction(tax):
        return f"Tax {plain(percent)} % of {amount_text(net)}: {amount_text(tax)}."
    return (
        f"Tax {plain(percent)} % of {amount_text(net)}: {amount_text(exact)}, "
        f"{rounding_words(terms)}: {amount_text(tax)}."
    )


def _paid(bill: ExplainedBill) -> Iterator[str]:
    currency = bill.bill.pricing.terms.currency
    for gift in bill.gifts:
        if gift.taken:
            yield (
                f"Gift money of package {gift.package} pays {money_text(gift.taken, currency)} "
                f"({amount_text(gift.left)} was left)."
            )
    yield f"The balance pays {money_text(bill.bill.due, currency)}."


def _early(party: Party) -> Iterator[str]:
    for package in party.early:
        yield (
            f"Package {package.name} gives nothing yet: {amount_text(package.consumption)} of "
            f"{amount_text(package.effective_consumption)} consumed in this period."
        )


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
