"""`tollgate explain`: what a call would cost, and what would become of it, and why."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import click
import sqlalchemy as sa

from controller import bootstrap
from controller.cli import arguments, explain_call_view, explain_view
from controller.cli.explain_deck import deck_group
from controller.cli.output import database_errors, progress
from controller.config import Settings
from controller.domain.admission import Admitted
from controller.domain.configuration import Configuration
from controller.domain.errors import InvalidInput
from controller.domain.money import MAX_DECIMALS, Rounding
from controller.domain.pricing import Pricing
from controller.domain.sections import SectionMode
from controller.domain.tariff import Terms, parse_tariff
from controller.persistence.holdings_reader import PostgresHoldings
from controller.persistence.rate_lookup import lookup_configuration
from controller.services.explain import CallQuestion, explain_call
from controller.services.explain_rate import (
    OtherTerms,
    RateQuestion,
    explain_rate,
    price_duration,
    pricing_of,
)
from controller.services.explain_source import source_of

Given = dict[str, Any]
MAX_TAX_PERCENT = 100


@click.group("explain")
def explain_group() -> None:
    """Say how a price or a decision comes about, by the code that decides live calls."""


@explain_group.command("rate")
@click.option("--tiers", metavar="TEXT", help="A tariff: fee|start:price/unit/increment;…")
@click.option("--deck", type=click.Path(path_type=Path), help="A rate deck, CSV.")
@click.option("--account", metavar="NAME", help="An account: its prices and its agents'.")
@click.option("--phone", metavar="NUMBER", help="The account's phone that calls.")
@click.option("--number", metavar="N", help="The number called (not with --tiers).")
@click.option("--duration", metavar="S", required=True, help="Whole seconds.")
@click.option("--at", metavar="ISO8601", help="When; now, if not given. Without offset: UTC.")
@click.option("--rounding", metavar="MODE", help=f"One of {', '.join(Rounding)}.")
@click.option("--decimals", metavar="D", help=f"Digits after the point, 0 to {MAX_DECIMALS}.")
@click.option("--tax", metavar="PERCENT", help="Tax on the net amount; a rate may have its own.")
@click.option(
    "--section-mode", metavar="MODE", help=f"Of a deck's sections: {', '.join(SectionMode)}."
)
@click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too; always in a pipe.")
@click.pass_obj
def rate_command(settings: Settings, /, *, as_json: bool, **given: Any) -> None:
    """Price a duration, with every candidate and every line. Exit status 1: no rate matches.

    Packages' free seconds and gift money are those of now, whatever --at says.
    """
    duration_s = arguments.seconds(given["duration"], "--duration")
    when = arguments.moment(given["at"], "--at") or datetime.now(UTC)
    terms = _terms(given)
    if _source_of_price(given) == "account":
        _rate_of_account(settings, given, when, terms, as_json=as_json)
        return
    pricing = _pricing(given, when)
    if pricing is None:
        _no_matching_rate(given)
    bill = price_duration(terms.on(pricing), duration_s, int(when.timestamp()))
    explain_view.show_rate(explain_view.bill_as_json(bill), as_json=as_json)


@explain_group.command("call")
@click.option("--from", "caller", metavar="NUMBER", required=True, help="The caller's number.")
@click.option("--to", "callee", metavar="NUMBER", required=True, help="The number called.")
@click.option("--at", metavar="ISO8601", help="When; now, if not given. Without offset: UTC.")
@click.option("--gateway", metavar="NAME", help="The mapping gateway that the call comes from.")
@click.option("--source", metavar="IP[:PORT]", help="Or the address that its signaling comes from.")
@click.option("--duration", metavar="S", help="Show price and margin of so many seconds too.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def call_command(
    settings: Settings,
    caller: str,
    callee: str,
    at: str | None,
    gateway: str | None,
    source: str | None,
    duration: str | None,
    as_json: bool,
) -> None:
    """Decide about a call without placing it. Exit status 1: it would be refused.

    Rates, routes and accounts' states are those at --at; balances and lines are those of now.
    """
    if gateway is not None and source is not None:
        raise InvalidInput("--gateway and --source: give one of them")
    when = arguments.moment(at, "--at") or datetime.now(UTC)
    duration_s = arguments.seconds(duration, "--duration") if duration is not None else None
    address = arguments.source(source) if source is not None else None
    engine = bootstrap.engine(settings)
    configuration = _configuration(engine)
    ip, port = address or source_of(configuration, gateway)
    question = CallQuestion(caller, callee, ip, port, when, duration_s)
    explained = explain_call(question, configuration, PostgresHoldings(engine))
    explain_call_view.show(explained, as_json=as_json)
    if not isinstance(explained.verdict, Admitted):
        raise click.exceptions.Exit(1)


def _source_of_price(given: Given) -> str:
    """The one source of the price that was named; a phone stands for its account."""
    named = [name for name in ("tiers", "deck") if given[name] is not None]
    if given["account"] is not None or given["phone"] is not None:
        named.append("account")
    if len(named) != 1:
        raise InvalidInput("give exactly one of --tiers, --deck and --account")
    if named != ["tiers"] and given["number"] is None:
        raise InvalidInput(f"--{named[0]} needs --number")
    return named[0]


def _pricing(given: Given, when: datetime) -> Pricing | None:
    if given["tiers"] is not None:
        return Pricing(0, "", parse_tariff(given["tiers"]), Terms(""))
    mode = given["section_mode"] or SectionMode.INCREMENT
    if mode not in set(SectionMode):
        raise InvalidInput(f"--section-mode: one of {', '.join(SectionMode)} is expected")
    return pricing_of(deck_group(given["deck"], SectionMode(mode)), given["number"], when)


def _rate_of_account(
    settings: Settings, given: Given, when: datetime, terms: OtherTerms, *, as_json: bool
) -> None:
    engine = bootstrap.engine(settings)
    question = RateQuestion(
        given["account"] or "",
        given["number"],
        arguments.seconds(given["duration"], "--duration"),
        when,
        given["phone"] or "",
    )
    configuration = _configuration(engine)
    explained = explain_rate(question, configuration, PostgresHoldings(engine), terms)
    explain_view.show_rate(explain_view.rate_as_json(explained), as_json=as_json)
    if explained.customer.refused is not None:
        _no_matching_rate(given)


def _no_matching_rate(given: Given) -> NoReturn:
    click.echo(f"tollgate: no matching rate for {given['number']}", err=True)
    raise click.exceptions.Exit(1)


def _terms(given: Given) -> OtherTerms:
    """What the options say instead of the rate group or the rate."""
    rounding, decimals, tax = given["rounding"], given["decimals"], given["tax"]
    if rounding is not None and rounding not in set(Rounding):
        raise InvalidInput(f"--rounding: one of {', '.join(Rounding)} is expected")
    if decimals is not None and decimals not in {str(n) for n in range(MAX_DECIMALS + 1)}:
        raise InvalidInput(f"--decimals: 0 to {MAX_DECIMALS} is expected")
    return OtherTerms(
        Rounding(rounding) if rounding is not None else None,
        int(decimals) if decimals is not None else None,
        _percent(tax) if tax is not None else None,
    )


def _percent(text: str) -> Decimal:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole and len(digits) <= 13 and digits.isascii() and digits.isdigit()):
        raise InvalidInput(f"--tax: {text[:40]!r} is not a percentage")
    if Decimal(text) > MAX_TAX_PERCENT:
        raise InvalidInput(f"--tax: {text} is above {MAX_TAX_PERCENT}")
    return Decimal(text)


def _configuration(engine: sa.Engine) -> Configuration:
    with database_errors(), progress("reading the configuration"):
        return lookup_configuration(engine)
