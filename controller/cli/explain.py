"""`tollgate explain`: what a call would cost, and what would become of it, and why."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from controller import bootstrap
from controller.cli import arguments, explain_view
from controller.cli.output import database_errors, progress, show_json
from controller.config import Settings
from controller.domain.admission import Admitted
from controller.domain.configuration import Configuration, Rate, RateGroup, index_rates
from controller.domain.errors import InvalidInput
from controller.domain.money import MAX_DECIMALS, Rounding
from controller.domain.tariff import Pricing, Terms, parse_tariff
from controller.persistence.config_reader import load_configuration
from controller.persistence.deck_files import open_deck
from controller.persistence.ledger_store import PostgresBooks
from controller.services.decks import read_deck
from controller.services.explain import CallQuestion, explain_call, source_of
from controller.services.explain_rate import group_of, price_duration, pricing_of

Reply = dict[str, Any]
MAX_TAX_PERCENT = 100


@click.group("explain")
def explain_group() -> None:
    """Say how a price or a decision comes about, by the code that decides live calls."""


@explain_group.command("rate")
@click.option("--tiers", metavar="TEXT", help="A tariff: fee|start:price/unit/increment;…")
@click.option("--deck", type=click.Path(path_type=Path), help="A rate deck, CSV.")
@click.option("--account", metavar="NAME", help="An account, with its rate group's rates.")
@click.option("--number", metavar="N", help="The number called (--deck and --account need it).")
@click.option("--duration", metavar="S", required=True, help="Whole seconds.")
@click.option("--at", metavar="ISO8601", help="When; now, if not given. Without offset: UTC.")
@click.option("--rounding", metavar="MODE", help=f"One of {', '.join(Rounding)}.")
@click.option("--decimals", metavar="D", help=f"Digits after the point, 0 to {MAX_DECIMALS}.")
@click.option("--tax", metavar="PERCENT", help="Tax on the net amount; a rate may have its own.")
@click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too; always in a pipe.")
@click.pass_obj
def rate_command(settings: Settings, /, *, as_json: bool, **given: Any) -> None:
    """Price a duration. Exit status 1: no rate matches."""
    duration_s = arguments.seconds(given["duration"], "--duration")
    when = arguments.moment(given["at"], "--at") or datetime.now(UTC)
    pricing = _pricing(settings, given, when)
    if pricing is None:
        click.echo(f"tollgate: no matching rate for {given['number']}", err=True)
        raise click.exceptions.Exit(1)
    explain_view.show_rate(price_duration(_with_options(pricing, given), duration_s), as_json)


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
    configuration = _configuration(settings)
    ip, port = address or source_of(configuration, gateway)
    question = CallQuestion(caller, callee, ip, port, when)
    explained = explain_call(question, configuration, PostgresBooks(bootstrap.engine(settings)))
    if as_json:
        show_json(explain_view.call_as_json(explained, duration_s))
    else:
        explain_view.show_call(explained, duration_s)
    if not isinstance(explained.verdict, Admitted):
        raise click.exceptions.Exit(1)


def _pricing(settings: Settings, given: Reply, when: datetime) -> Pricing | None:
    """The price of the one source that was named."""
    named = [name for name in ("tiers", "deck", "account") if given[name] is not None]
    if len(named) != 1:
        raise InvalidInput("give exactly one of --tiers, --deck and --account")
    if given["tiers"] is not None:
        return Pricing(0, "", parse_tariff(given["tiers"]), Terms(""))
    if given["number"] is None:
        raise InvalidInput(f"--{named[0]} needs --number")
    if given["deck"] is not None:
        group = _deck(given["deck"])
    else:
        group = group_of(_configuration(settings), given["account"])
    return pricing_of(group, given["number"], when)


def _with_options(pricing: Pricing, given: Reply) -> Pricing:
    """What the options say instead of the rate group or the rate."""
    terms = pricing.terms
    if given["rounding"] is not None:
        if given["rounding"] not in set(Rounding):
            raise InvalidInput(f"--rounding: one of {', '.join(Rounding)} is expected")
        terms = replace(terms, rounding=Rounding(given["rounding"]))
    if given["decimals"] is not None:
        if given["decimals"] not in {str(n) for n in range(MAX_DECIMALS + 1)}:
            raise InvalidInput(f"--decimals: 0 to {MAX_DECIMALS} is expected")
        terms = replace(terms, decimals=int(given["decimals"]))
    tax = pricing.tax_percent if given["tax"] is None else _percent(given["tax"])
    return replace(pricing, terms=terms, tax_percent=tax)


def _percent(text: str) -> Decimal:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole and len(digits) <= 13 and digits.isascii() and digits.isdigit()):
        raise InvalidInput(f"--tax: {text[:40]!r} is not a percentage")
    if Decimal(text) > MAX_TAX_PERCENT:
        raise InvalidInput(f"--tax: {text} is above {MAX_TAX_PERCENT}")
    return Decimal(text)


def _deck(path: Path) -> RateGroup:
    """A deck file as a rate group, all of it or nothing."""
    problems: list[str] = []
    try:
        with open_deck(path) as text:
            rows = list(read_deck(text, UTC, lambda row, why: problems.append(f"row {row}: {why}")))
    except InvalidInput as error:
        raise InvalidInput(f"--deck: {path}: {error}") from None
    if problems:
        more = f" (and {len(problems) - 1} problems more)" if len(problems) > 1 else ""
        raise InvalidInput(f"--deck: {path}: {problems[0]}{more}")
    rates = [
        Rate(
            row.prefix,
            parse_tariff(row.tiers),
            row.tax_percent,
            row.area,
            row.rate_type,
            row.locked,
            row.effective_from,
            row.effective_to,
        )
        for _, row in rows
    ]
    return RateGroup(0, path.name, Terms(""), index_rates(rates))


def _configuration(settings: Settings) -> Configuration:
    with database_errors(), progress("reading the configuration"):
        return load_configuration(bootstrap.engine(settings))
