"""`tollgate cdr rerate`: what a range of calls would be charged now, and its correction."""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from controller import bootstrap
from controller.cli import arguments
from controller.cli.cdr_rerate_view import DETAILS, detail_row, report_as_json, show_report
from controller.cli.config import report as report_problems
from controller.cli.output import database_errors, output_file, printable, progress, show_json
from controller.cli.records import acting
from controller.config import Settings
from controller.domain.configuration import Configuration
from controller.domain.decks import moment_text
from controller.domain.errors import InvalidInput
from controller.domain.rates import RateGroup
from controller.domain.rerating import PriceBook, Side, Substitute
from controller.persistence.deck_files import open_deck
from controller.persistence.rerate_store import PostgresRerate
from controller.services.config_as_code.problems import Problems
from controller.services.rerate.deck import deck_of, group_named, other_group
from controller.services.rerate.ports import CallRange, Place
from controller.services.rerate.report import Detail, Found, Report
from controller.services.rerate.run import (
    Rerating,
    Watch,
    apply,
    check_key,
    check_range,
    compare,
)

PARTIES = {
    "all": frozenset(Side),
    "customer": frozenset({Side.CUSTOMER}),
    "agents": frozenset({Side.AGENT}),
    "vendor": frozenset({Side.VENDOR}),
}
NOW, AS_OF_CALL = "now", "each call's"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as given. `rates_at` is None where it is each call's own time, or the clock's
    (`now`), which an application keeps from its beginning."""

    since: datetime
    until: datetime
    account: str
    gateway: str
    party: str
    deck: Path | None
    group: str
    other: str
    rates_at: datetime | None
    as_of_call: bool
    key: str
    top: int

    def wish(self) -> dict[str, str]:
        """What a key stands for, in words."""
        rates = AS_OF_CALL if self.as_of_call else NOW
        if self.rates_at is not None:
            rates = moment_text(self.rates_at)
        return {
            "from": moment_text(self.since),
            "to": moment_text(self.until),
            "account": self.account,
            "gateway": self.gateway,
            "party": self.party,
            "group": f"{self.group}={self.other}" if self.other else self.group,
            "deck": _fingerprint(self.deck) if self.deck else "",
            "rates": rates,
        }


@click.command("rerate")
@click.option("--from", "since", metavar="ISO8601", required=True, help="Calls from this time on.")
@click.option("--to", "until", metavar="ISO8601", required=True, help="… and before this one.")
@click.option("--account", metavar="NAME", default="", help="Calls in which it is a party.")
@click.option("--gateway", metavar="NAME", default="", help="Calls from it or to it.")
@click.option("--party", type=click.Choice(list(PARTIES)), default="all", help="Whose lines.")
@click.option("--group", metavar="GROUP[=OTHER]", default="", help="This rate group's lines.")
@click.option("--deck", type=click.Path(path_type=Path, dir_okay=False), help="CSV, for GROUP.")
@click.option("--rates-at", metavar="ISO8601", help="Rates that are valid then; else now.")
@click.option("--as-of-call", is_flag=True, help="Rates that were valid at each call.")
@click.option("--apply", "applying", is_flag=True, help="Post corrections of the differences.")
@click.option("--key", default="", help="Names the corrections: under it they are posted once.")
@click.option("--top", metavar="N", type=click.IntRange(0, 1_000), default=10)
@click.option("--details", type=click.Path(path_type=Path), help="CSV: each line that differs.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def rerate_command(
    settings: Settings, /, applying: bool, details: Path | None, as_json: bool, **given: Any
) -> None:
    """Price a range of answered calls again and show the differences; with --apply, correct them.

    Prices are those of today's configuration. --group GROUP looks at the lines of that rate group
    only; with --deck FILE or GROUP=OTHER, at these rates in its place. Nothing is edited: a
    correction is a posting and a further line of the call. Exit status 1: some lines have no rate
    now; they stay as they are.
    """
    asked = _asked(**given)
    if applying and not asked.key:
        raise InvalidInput("--apply needs --key: a name under which corrections are posted once")
    now = bootstrap.SystemClock().now()
    check_range(asked.since, asked.until, now)
    with ExitStack() as open_things:
        open_things.enter_context(database_errors())
        work = _Work(settings, asked, now)
        detail = open_things.enter_context(_detailed(details, work.configuration))
        watch = open_things.enter_context(_watched())
        report = work.apply(watch, detail) if applying else work.compare(watch, detail)
    header = {**work.header, "applied": applying}
    names = {a.account_id: a.name for a in work.configuration.accounts.values()}
    if as_json:
        show_json(report_as_json(header, report, names))
    else:
        show_report(header, report, names)
    if report.unpriced:
        raise click.exceptions.Exit(1)


class _Work:
    """The configuration and what of it the options ask for."""

    def __init__(self, settings: Settings, asked: Asked, now: datetime) -> None:
        self._asked = asked
        self._now = now
        self._store = PostgresRerate(bootstrap.engine(settings))
        self.configuration, self._conditional = self._store.prices(asked.since, asked.until)
        self._calls = CallRange(asked.since, asked.until, self._account_id(), asked.gateway)
        self._substitute = self._read_substitute()
        self._check_gateway()
        self.header: dict[str, Any] = {
            **asked.wish(),
            "key": asked.key,
            "applied_before": None,
            "in_progress": self._store.in_progress(asked.since, asked.until),
        }

    def compare(self, watch: Watch, detail: Detail) -> Report:
        return compare(self._store, self._rerating(self._rates_at()), watch, detail)

    def apply(self, watch: Watch, detail: Detail) -> Report:
        """Only compares where the key was applied to the end before."""
        asked = self._asked
        begin = self._store.begin
        with begin(acting(), asked.key, asked.wish(), self._rates_at(), self._now) as run:
            rerating = self._rerating(run.rates_at)
            if run.finished_at is None:
                return apply(self._store, run, rerating, self._now, watch, detail)
            self.header["applied_before"] = run.finished_at
        return compare(self._store, rerating, watch, detail)

    def _rates_at(self) -> datetime | None:
        return None if self._asked.as_of_call else self._asked.rates_at or self._now

    def _rerating(self, rates_at: datetime | None) -> Rerating:
        self.header["rates"] = AS_OF_CALL if rates_at is None else moment_text(rates_at)
        book = PriceBook(self.configuration, rates_at, self._substitute, self._conditional)
        return Rerating(self._calls, book, PARTIES[self._asked.party], self._asked.top)

    def _account_id(self) -> int | None:
        name = self._asked.account
        if not name:
            return None
        found = (a for a in self.configuration.accounts.values() if a.name == name)
        account = next(found, None)
        if account is None:
            raise InvalidInput(f"--account: no account is named {printable(name[:80])!r}")
        return account.account_id

    def _check_gateway(self) -> None:
        """A name that was mistyped would compare nothing; a removed gateway's calls are rare."""
        name = self._asked.gateway
        names = {g.name for g in self.configuration.mapping_gateways.values()}
        names.update(g.name for g in self.configuration.routing_gateways.values())
        if name and name not in names:
            raise InvalidInput(f"--gateway: no gateway is named {printable(name[:80])!r}")

    def _read_substitute(self) -> Substitute | None:
        asked = self._asked
        if not asked.group:
            return None
        group = group_named(self.configuration, asked.group)
        if asked.deck is not None:
            return self._read_deck(group, asked.deck)
        other = group_named(self.configuration, asked.other) if asked.other else group
        return other_group(group, other)

    def _read_deck(self, group: RateGroup, file: Path) -> Substitute:
        problems = Problems(unit="row")
        try:
            text = open_deck(file)
        except InvalidInput as error:
            raise InvalidInput(f"{file}: {error}") from None
        with text:
            deck = deck_of(group, self._store.reading_of(group.group_id), text, problems)
        if problems:
            report_problems(problems.sorted(), file)
            raise click.exceptions.Exit(2)
        return deck


def _asked(since: str, until: str, group: str, rates_at: str | None, **rest: Any) -> Asked:
    start, end = arguments.moment(since, "--from"), arguments.moment(until, "--to")
    if start is None or end is None:
        raise InvalidInput("--from and --to are needed")
    group, _, other = group.partition("=")
    if rest["deck"] is not None and (not group or other):
        raise InvalidInput("--deck FILE needs --group GROUP: the rate group in whose place it is")
    if rates_at is not None and rest["as_of_call"]:
        raise InvalidInput("--rates-at and --as-of-call exclude each other")
    rest["key"] = check_key(rest["key"]) if rest["key"] else ""
    at = arguments.moment(rates_at, "--rates-at")
    return Asked(start, end, group=group, other=other, rates_at=at, **rest)


def _fingerprint(deck: Path) -> str:
    """The file's name and contents: a key does not stand for another deck of the same name."""
    try:
        digest = hashlib.sha256(deck.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidInput(f"{deck}: {error.strerror}") from None
    return f"{deck.name} {digest[:16]}"


@contextmanager
def _watched() -> Iterator[Watch]:
    with progress("re-rating") as tell:

        def watch(report: Report, place: Place) -> None:
            tell(
                f"{report.calls} calls to {moment_text(place.started_at)}, {report.changed} changed"
            )

        yield watch


@contextmanager
def _detailed(file: Path | None, configuration: Configuration) -> Iterator[Detail]:
    """Each line that differs or has no price, as a row of a CSV file; or nothing."""
    if file is None:
        yield lambda _found: None
        return
    # here, not above: it brings Flask along, for which no other command should wait
    from web.csv_text import cell

    with output_file(file) as stream:
        writer = csv.writer(stream)
        writer.writerow(DETAILS)

        def detail(found: Found) -> None:
            account = configuration.accounts.get(found.change.before.account_id)
            row = detail_row(found, account.name if account else "")
            writer.writerow([cell(value) for value in row])

        yield detail
