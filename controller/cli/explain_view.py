"""How explanations of prices look: JSON for scripts, sentences and tables for people."""

import sys
from collections.abc import Iterable
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import click

from controller.cli.output import printable, show_json, show_table
from controller.domain.billing import EVERY_SECOND
from controller.domain.money import MAX_DECIMALS, Rounding, plain, round_ratio
from controller.domain.tariff import Charge
from controller.services.explain_bill import ChargeLine, ExplainedBill, PricedSpan
from controller.services.explain_parties import Party, PhoneMonth
from controller.services.explain_prices import MATCH, Candidate
from controller.services.explain_rate import ExplainedRate
from controller.services.explain_words import bill_words, month_words, party_words
from controller.services.price_words import wall_text

Reply = dict[str, Any]
UTC_ZONE = ZoneInfo("UTC")


def show_rate(reply: Reply, *, as_json: bool) -> None:
    """JSON unless a person is looking: this is the command that others script against."""
    if as_json or not sys.stdout.isatty():
        show_json(reply)
        return
    _show_headline(reply)
    if "parties" not in reply:
        _show_words(reply["words"])
        return
    click.echo(f"{printable(reply['number'])} at {reply['local_time']}")
    for party in reply["parties"]:
        _show_party(party, alone=len(reply["parties"]) == 1)
    if reply["month"]:
        click.echo(reply["month"]["words"])


def bill_as_json(bill: ExplainedBill, words: Iterable[str] | None = None) -> Reply:
    """What scripts rely on, and what it is made of. Without words, those of a bare tariff."""
    owed, charge = bill.bill, bill.bill.charge
    pricing = owed.pricing
    held = bill.spans[0].price if bill.spans else pricing.at(0)
    if words is None:
        words = bill_words(bill, UTC_ZONE, EVERY_SECOND)
    return {
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
        "billed_s": charge.billed_s,
        "prefix": held.prefix,
        "lines": [_line(line) for line in bill.lines],
        "exact": str(bill.exact),
        "currency": pricing.terms.currency or None,
        "decimals": pricing.terms.decimals,
        "rounding": pricing.terms.rounding.value,
        "tax_percent": held.tax_percent,
        "tiers": str(held.tariff),
        "duration_s": bill.duration_s,
        "rated_s": owed.rated_s,
        "free_s": owed.offset_s,
        "gift": owed.gift,
        "due": owed.due,
        "fee_unit": pricing.terms.fee_unit or None,
        "multiplier": held.multiplier,
        "parts": [_part(span) for span in bill.spans],
        "free": [
            {"package": f.package, "left_s": f.left_s, "cycle_s": f.cycle_s, "taken_s": f.taken_s}
            for f in bill.free
        ],
        "gifts": [{"package": g.package, "left": g.left, "taken": g.taken} for g in bill.gifts],
        "words": list(words),
    }


def rate_as_json(explained: ExplainedRate) -> Reply:
    """The customer's figures first, as for any price; then every party with its candidates."""
    asked, customer = explained.asked, explained.customer
    zone = asked.configuration.parameters.zone
    parties = [party_as_json(party, party_words(party, asked)) for party in explained.parties]
    figures = parties[0]["bill"] or dict.fromkeys(_FIGURES)
    refused = explained.refused
    return {
        **figures,
        "duration_s": explained.question.duration_s,
        "account": explained.account.name,
        "phone": explained.phone.number if explained.phone else None,
        "number": asked.moment.number,
        "at": explained.question.when,
        "local_time": wall_text(explained.question.when, zone),
        "selection": asked.configuration.parameters.rate_selection.value,
        "free_time_s": asked.rated_time.free_time_s,
        "minimum_s": asked.rated_time.minimum_s,
        "refused": {"reason": refused.reason.value, "detail": refused.detail} if refused else None,
        "parties": parties,
        "month": _month(explained.month, customer),
    }


def party_as_json(party: Party, words: Iterable[str]) -> Reply:
    refused = party.refused
    return {
        "account": party.account.name,
        "role": "customer" if party.is_customer else "agent",
        "candidates": [candidate_as_json(candidate) for candidate in party.candidates],
        "bill": bill_as_json(party.bill, words) if party.bill else None,
        "refused": {"reason": refused.reason.value, "detail": refused.detail} if refused else None,
        "words": list(words),
    }


def candidate_as_json(candidate: Candidate) -> Reply:
    pricing = candidate.pricing
    return {
        "source": candidate.source,
        "rate_group": candidate.group,
        "prefix": pricing.prefix if pricing else None,
        "tiers": str(pricing.tariff) if pricing else None,
        "rate_type": candidate.rate_type.name.lower() if candidate.rate_type else None,
        "multiplier": pricing.multiplier if pricing else None,
        "period": candidate.period or None,
        "price": _charge(candidate.charge),
        "expected_price": _charge(candidate.expected),
        "verdict": candidate.outcome.value,
        "why": candidate.why,
        "rates": [
            {
                "rate_group": row.group,
                "prefix": row.prefix,
                "tiers": row.tiers,
                "area": row.area,
                "verdict": row.verdict,
            }
            for row in candidate.rows
        ],
    }


_FIGURES = (
    "net",
    "tax",
    "gross",
    "billed_s",
    "prefix",
    "lines",
    "exact",
    "currency",
    "decimals",
    "rounding",
    "tax_percent",
    "tiers",
)


def month_as_json(month: PhoneMonth) -> Reply:
    return {
        "phone": month.number,
        "maximum": month.maximum,
        "consumed": month.consumed,
        "reserved": month.reserved,
        "left": month.left,
    }


def _month(month: PhoneMonth | None, customer: Party) -> Reply | None:
    if month is None or customer.bill is None:
        return None
    owed = customer.bill.bill
    words = month_words(month, owed.charge.gross, owed.pricing.terms.currency)
    return {**month_as_json(month), "words": words}


def _charge(charge: Charge | None) -> Reply | None:
    if charge is None:
        return None
    return {
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
        "billed_s": charge.billed_s,
    }


def _line(line: ChargeLine) -> Reply:
    """`amount` is shown to the ledger's last digit, `exact` is the whole truth."""
    exact = line.amount
    shown = round_ratio(exact.numerator, exact.denominator, MAX_DECIMALS, Rounding.HALF_UP)
    return {
        "text": line.text,
        "start_s": line.start_s if line.start_s >= 0 else None,
        "billed_s": line.billed_s,
        "amount": shown,
        "exact": str(Fraction(exact)),
    }


def _part(span: PricedSpan) -> Reply:
    return {
        "from_s": span.from_s,
        "to_s": span.to_s,
        "began": span.began,
        "prefix": span.price.prefix,
        "tiers": str(span.price.tariff),
        "multiplier": span.price.multiplier,
        "tax_percent": span.price.tax_percent,
        "exact": str(span.amount),
    }


def _show_headline(reply: Reply) -> None:
    if reply["gross"] is None:
        click.secho("no price", fg="red", bold=True)
        return
    click.secho(f"{plain(reply['gross'])} {reply['currency'] or ''}".strip(), bold=True)


def _show_party(party: Reply, *, alone: bool) -> None:
    if not alone:
        click.secho(f"\n{party['role'].capitalize()} {printable(party['account'])}", bold=True)
    _show_words(party["words"])
    show_candidates(party["candidates"])


def show_candidates(candidates: list[Reply]) -> None:
    """Every place that may have a price, and the rates that were passed over in it."""
    show_table(
        ("source", "rate group", "prefix", "tiers", ">price", "verdict", "why"),
        [
            (
                candidate["source"],
                candidate["rate_group"],
                candidate["prefix"] or "-",
                candidate["tiers"] or "-",
                candidate["price"]["gross"] if candidate["price"] else "-",
                candidate["verdict"].replace("_", " "),
                candidate["why"],
            )
            for candidate in candidates
        ],
        "Prices that were considered",
    )
    for candidate in candidates:
        if candidate["period"]:
            click.echo(f"{candidate['source']}: {candidate['period']}")
    passed_over = [
        (row["rate_group"], row["prefix"], row["tiers"], row["area"], row["verdict"])
        for candidate in candidates
        for row in candidate["rates"]
        if row["verdict"] != MATCH
    ]
    show_table(
        ("rate group", "prefix", "tiers", "area", "why not"),
        dict.fromkeys(passed_over),
        "Rates that match and were passed over",
    )


def _show_words(words: list[str]) -> None:
    for sentence in words:
        click.echo(f"  {printable(sentence)}")
