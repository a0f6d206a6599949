"""Re-rating a range: pieces, sums by party, the largest differences, and applying them once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from controller.domain.cdr import VENDOR, ChargeLine
from controller.domain.errors import InvalidInput
from controller.domain.rerating import PriceBook, RatedCall, Side
from controller.domain.sections import SectionMode
from controller.domain.tariff import Terms, parse_tariff
from controller.services.config_as_code.problems import Problems
from controller.services.rerate import run as running
from controller.services.rerate.deck import GroupReading, deck_of, group_named, other_group
from controller.services.rerate.ports import Applied, CallRange, Correction, Place
from controller.services.rerate.report import UNPRICED_LISTED, Found, Report, TotalKey
from controller.services.rerate.run import Rerating, apply, check_key, check_range, compare
from tests.unit.domain.builders import (
    CALLEE,
    CUSTOMER,
    NOW,
    SELL,
    VENDOR_ACCOUNTS,
    World,
    call_id,
    rate,
)

DAY = CallRange(NOW, NOW + timedelta(days=1))
ALPHA = VENDOR_ACCOUNTS["alpha"]


def a_call(number: int, minutes: int = 1, callee: str = CALLEE) -> RatedCall:
    """Minutes that were charged at 0.05 and 10 % tax; the vendor got 0.03 for each."""
    at = NOW + timedelta(minutes=number)
    lines = (
        _line(number, at, 0, CUSTOMER, minutes, "0.05", "0.005"),
        _line(number, at, VENDOR, ALPHA, minutes, "0.03", "0"),
    )
    return RatedCall(call_id(number), at, at, callee, callee, "", "alpha", lines)


def _line(
    number: int, at: datetime, party: int, account: int, minutes: int, net: str, tax: str
) -> ChargeLine:
    return ChargeLine(
        call_id(number),
        at,
        party,
        account,
        "sell" if party == 0 else "buy",
        "39",
        60 * minutes,
        "",
        Decimal(net) * minutes,
        Decimal(tax) * minutes,
        "EUR",
        rated_s=60 * minutes,
    )


class FakeStore:
    """Calls in memory; corrections become revisions at once, as in the database."""

    def __init__(self, *calls: RatedCall) -> None:
        self.rated = {call.call_id: call for call in calls}
        self.asked: list[Place | None] = []

    def calls(self, wanted: CallRange, after: Place | None, limit: int) -> list[RatedCall]:
        self.asked.append(after)
        assert wanted == DAY
        places = sorted((c.started_at, c.call_id) for c in self.rated.values())
        behind = [place for place in places if after is None or place > after]
        return [self.rated[key] for _, key in behind[:limit]]


class FakeRun:
    key = "k"
    rates_at: datetime | None = None
    finished_at: datetime | None = None

    def __init__(self, store: FakeStore, fail_at: int = 0) -> None:
        self._store = store
        self._fail_at = fail_at
        self.pieces: list[list[Correction]] = []
        self.finished = False

    def correct(self, corrections: Sequence[Correction]) -> Applied:
        if len(self.pieces) + 1 == self._fail_at:
            raise ConnectionError
        self.pieces.append(list(corrections))
        for correction in corrections:
            new = correction.line
            call = self._store.rated[new.call_id]
            lines = tuple(new if line.party == new.party else line for line in call.lines)
            self._store.rated[new.call_id] = replace(call, lines=lines)
        return Applied(len(corrections), sum(len(c.postings) for c in corrections), 0)

    def finish(self) -> None:
        self.finished = True


def a_book(world: World | None = None) -> PriceBook:
    """The sale costs 0.06 a minute without tax now, the vendor gets 0.02."""
    return PriceBook((world or World()).configuration(), NOW)


def compared(
    store: FakeStore, book: PriceBook | None = None, top: int = 10, sides: str = ""
) -> tuple[Report, list[Found]]:
    details: list[Found] = []
    wanted = Rerating(
        DAY, book or a_book(), frozenset(map(Side, sides.split())) or frozenset(Side), top
    )
    return compare(store, wanted, lambda _report, _place: None, details.append), details


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "COMPARED_AT_ONCE", 3)
    monkeypatch.setattr(running, "CORRECTED_AT_ONCE", 3)


# -- comparing ----------------------------------------------------------------------------


def test_totals_by_account_and_party_are_sums_of_lines() -> None:
    report, _ = compared(FakeStore(a_call(1), a_call(2, minutes=3)))
    customer = report.totals[TotalKey(CUSTOMER, Side.CUSTOMER, "EUR")]
    vendor = report.totals[TotalKey(ALPHA, Side.VENDOR, "EUR")]
    assert (customer.lines, customer.changed, customer.unpriced) == (2, 2, 0)
    assert (customer.old_net, customer.old_tax, customer.old_gross) == (
        Decimal("0.20"),
        Decimal("0.020"),
        Decimal("0.220"),
    )
    assert (customer.new_net, customer.new_tax) == (Decimal("0.24"), Decimal(0))
    assert customer.difference == Decimal("0.020")
    assert vendor.difference == Decimal("-0.04")
    assert (report.calls, report.changed, report.unchanged) == (2, 2, 0)


def test_the_operators_margin_rises_by_more_net_income_and_by_less_cost() -> None:
    report, _ = compared(FakeStore(a_call(1)))
    assert report.margin == {"EUR": Decimal("0.01") + Decimal("0.01")}


def test_an_agent_is_the_top_where_there_is_one() -> None:
    """What the customer pays its agent is none of the operator's income."""
    customer, vendor = a_call(1).lines
    agent = replace(customer, party=1)
    store = FakeStore(replace(a_call(1), lines=(customer, agent, vendor)))
    assert compared(store, sides="customer")[0].margin == {"EUR": 0}
    assert compared(store, sides="agent")[0].margin == {"EUR": Decimal("0.01")}


@pytest.mark.parametrize(
    ("sides", "expected"),
    [("customer", {Side.CUSTOMER}), ("vendor", {Side.VENDOR}), ("agent", set())],
)
def test_only_the_parties_asked_for_are_compared(sides: str, expected: set[Side]) -> None:
    report, _ = compared(FakeStore(a_call(1)), sides=sides)
    assert {key.side for key in report.totals} == expected
    assert (report.changed, report.uncharged) == (len(expected), 1 - len(expected))


def test_the_largest_differences_come_first_and_no_more_than_asked_for() -> None:
    store = FakeStore(*(a_call(n, minutes=n) for n in range(1, 20)))
    report, details = compared(store, top=3)
    assert [abs(found.change.difference) for found in report.top] == [
        Decimal("0.01") * 19,
        Decimal("0.01") * 18,
        Decimal("0.01") * 17,
    ]
    assert len(details) == 38
    assert compared(store, top=0)[0].top == []


def test_of_equal_differences_the_earlier_call_comes_first() -> None:
    report, _ = compared(FakeStore(*(a_call(n) for n in range(1, 6))), top=2, sides="vendor")
    assert [found.call.call_id for found in report.top] == [call_id(1), call_id(2)]


def test_a_line_without_a_rate_is_listed_and_left_out_of_the_sums() -> None:
    strangers = [a_call(n, callee="4930") for n in range(2, 40)]
    report, details = compared(FakeStore(a_call(1), *strangers))
    customer = report.totals[TotalKey(CUSTOMER, Side.CUSTOMER, "EUR")]
    assert (customer.lines, customer.unpriced) == (1, 38)
    assert customer.old_net == Decimal("0.05")
    assert (report.changed, report.unpriced) == (1, 38)
    assert len(report.without_price) == UNPRICED_LISTED
    assert len(details) == 2 + 2 * 38
    assert {found.change.why for found in report.without_price} == {"no rate for 4930"}


def test_a_call_without_lines_has_nothing_to_compare() -> None:
    report, _ = compared(FakeStore(replace(a_call(1), lines=())))
    assert (report.calls, report.uncharged, report.totals) == (1, 1, {})


def test_prices_that_did_not_change_change_nothing() -> None:
    world = World(
        sell_rates=[rate("39", parse_tariff("0|0:0.05/60/60"), tax_percent=Decimal(10))],
        buy_rates=[rate("39", parse_tariff("0|0:0.03/60/60"))],
    )
    report, details = compared(FakeStore(a_call(1), a_call(2)), a_book(world))
    assert (report.unchanged, report.changed, report.margin, details) == (2, 0, {}, [])


@pytest.mark.usefixtures("small_pieces")
def test_calls_come_in_pieces_each_once() -> None:
    store = FakeStore(*(a_call(n) for n in range(1, 8)))
    heard: list[int] = []
    wanted = Rerating(DAY, a_book())
    report = compare(store, wanted, lambda r, _place: heard.append(r.calls), lambda _found: None)
    assert report.calls == 7
    assert heard == [3, 6, 7]
    assert [place.call_id if place else None for place in store.asked] == [
        None,
        call_id(3),
        call_id(6),
        call_id(7),
    ]


# -- applying -----------------------------------------------------------------------------


def applied(store: FakeStore, run: FakeRun) -> Report:
    return apply(store, run, Rerating(DAY, a_book()), NOW, lambda _r, _p: None, lambda _found: None)


@pytest.mark.usefixtures("small_pieces")
def test_each_piece_is_corrected_at_once_and_the_end_is_noted() -> None:
    store = FakeStore(*(a_call(n) for n in range(1, 8)))
    run = FakeRun(store)
    report = applied(store, run)
    assert [len(piece) for piece in run.pieces] == [6, 6, 2]
    # the net and the tax of the customer, the cost of the vendor
    assert (report.corrected, report.postings) == (14, 21)
    assert run.finished
    assert applied(store, FakeRun(store)).corrected == 0


@pytest.mark.usefixtures("small_pieces")
def test_what_was_interrupted_goes_on_where_nothing_was_corrected() -> None:
    store = FakeStore(*(a_call(n) for n in range(1, 8)))
    broken = FakeRun(store, fail_at=2)
    with pytest.raises(ConnectionError):
        applied(store, broken)
    assert not broken.finished
    rest = FakeRun(store)
    assert applied(store, rest).corrected == 8
    corrected = [c.line.call_id for run in (broken, rest) for p in run.pieces for c in p]
    assert len(corrected) == 14
    assert len(set(corrected)) == 7


# -- what is asked for --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since_h", "until_h", "problem"),
    [(1, 0, "--to is not after"), (0, 0, "--to is not after"), (0, 25, "in the future")],
)
def test_a_range_that_is_none_or_not_over_is_refused(
    since_h: int, until_h: int, problem: str
) -> None:
    at = NOW + timedelta(hours=24)
    with pytest.raises(InvalidInput, match=problem):
        check_range(NOW + timedelta(hours=since_h), NOW + timedelta(hours=until_h), at)
    check_range(NOW, at, at)


@pytest.mark.parametrize("key", ["", "   ", "x" * 201, "two\nlines", "bell\x07"])
def test_a_key_is_a_line_of_text(key: str) -> None:
    with pytest.raises(InvalidInput, match="--key"):
        check_key(key)
    assert check_key(" june ") == "june"


READING = GroupReading(ZoneInfo("Europe/Rome"), SectionMode.INCREMENT)


def test_a_file_takes_the_place_of_a_groups_rates() -> None:
    group = group_named(World().configuration(), "sell")
    rows = ["prefix,tiers,effective_from\n", "39,0|0:0.2/60/60,2026-07-01\n", "*,0|0:1/60/60,\n"]
    problems = Problems()
    substitute = deck_of(group, READING, rows, problems)
    assert not problems
    assert substitute.group_id == SELL
    assert substitute.deck.terms == group.terms
    july = datetime.fromisoformat("2026-06-30T22:00Z")
    for when, prefix in ((july, "39"), (july - timedelta(seconds=1), "*")):
        found = substitute.deck.rate_for("3906", when)
        assert found is not None
        assert found.prefix == prefix


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["prefix,tiers\n"], "the deck has no rates"),
        (["prefix\n", "39\n"], "neither a column 'tiers'"),
        (["prefix,tiers\n", "39,0|0:1/60/60\n", "39,0|0:2/60/60\n"], "overlaps that of row 2"),
        (["prefix,tiers\n", "x,0|0:1/60/60\n"], "row 2: prefix"),
    ],
)
def test_a_deck_with_a_wrong_row_says_which(rows: list[str], problem: str) -> None:
    problems = Problems(unit="row")
    deck_of(group_named(World().configuration(), "sell"), READING, rows, problems)
    assert problem in " ".join(map(str, problems.sorted()))


def test_another_group_needs_the_same_currency() -> None:
    configuration = World(sell_terms=Terms("USD")).configuration()
    sell, buy = (group_named(configuration, name) for name in ("sell", "buy"))
    assert other_group(buy, buy).deck is buy
    with pytest.raises(InvalidInput, match="sell is in USD, buy is in EUR"):
        other_group(sell, buy)
    with pytest.raises(InvalidInput, match="no rate group is named 'nothing'"):
        group_named(configuration, "nothing")
