"""Lines priced again: the same figures by the same prices, exact differences by others."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.authorization import Authorized, authorize
from controller.domain.call_record import RecordRules
from controller.domain.cdr import VENDOR, ChargeLine
from controller.domain.configuration import (
    Account,
    AccountKind,
    CallParameters,
    Configuration,
    Phone,
    RateSelection,
)
from controller.domain.holdings import Held, Hold
from controller.domain.ledger import PostingKind, SystemAccount, keyed_posting_id
from controller.domain.packages import ActivePackage, FreeSeconds
from controller.domain.periods import PeriodRule, PeriodSchedule, Window
from controller.domain.rates import Boundary, RateGroup, index_rates
from controller.domain.rerating import (
    PriceBook,
    RatedCall,
    Repriced,
    Substitute,
    corrections,
    gross,
)
from controller.domain.settlement import settle
from controller.domain.tariff import Terms, parse_tariff
from controller.domain.trace import Trace
from controller.services.planning import make_ticket
from tests.unit.domain.builders import (
    CALLEE,
    CUSTOMER,
    NOW,
    SECOND_US,
    SELL,
    VENDOR_ACCOUNTS,
    World,
    call_id,
    ended,
    leg_id,
    offered,
    rate,
)

AGENT, MASTER = 2, 3
AGENT_DECK, OTHER, EVENING = 1003, 1004, 1005
PER_MINUTE = "0|0:{}/60/60"
LATER = NOW + timedelta(days=30)
EVENINGS = PeriodSchedule(
    ZoneInfo("UTC"), (PeriodRule(Window(start_s=18 * 3600, end_s=0), Decimal("0.5")),)
)


class Legs:
    def leg_id(self) -> str:
        return leg_id()


def deck(group_id: int, name: str, *rates: Any, currency: str = "EUR", **fields: Any) -> RateGroup:
    return RateGroup(group_id, name, Terms(currency), index_rates(rates), **fields)


def per_minute(price: str, prefix: str = "39", **fields: Any) -> Any:
    return rate(prefix, parse_tariff(PER_MINUTE.format(price)), **fields)


def line(party: int = 0, **changes: Any) -> ChargeLine:
    """A minute of the customer at 0.06, or of the vendor at 0.02."""
    vendor = party == VENDOR
    account = VENDOR_ACCOUNTS["alpha"] if vendor else (CUSTOMER, AGENT, MASTER)[party]
    made = ChargeLine(
        call_id(),
        NOW,
        party,
        account,
        "buy" if vendor else "sell",
        "39",
        60,
        "1/50" if vendor else "3/50",
        Decimal("0.02" if vendor else "0.06"),
        Decimal(0),
        "EUR",
        rated_s=60,
    )
    return replace(made, **changes)


def call(*lines: ChargeLine, **changes: Any) -> RatedCall:
    made = RatedCall(
        call_id(), NOW, NOW + timedelta(seconds=2), CALLEE, CALLEE, "", "alpha", lines or (line(),)
    )
    return replace(made, **changes)


def reprice(
    configuration: Configuration,
    of_line: ChargeLine | None = None,
    rates_at: datetime | None = LATER,
    substitute: Substitute | None = None,
    conditional: Iterable[int] = (),
    **of_call: Any,
) -> Repriced | None:
    of_line = of_line or line()
    book = PriceBook(configuration, rates_at, substitute, frozenset(conditional))
    return book.reprice(call(of_line, **of_call), of_line)


def net(*arguments: Any, **named: Any) -> Decimal:
    repriced = reprice(*arguments, **named)
    assert repriced is not None
    assert repriced.after is not None
    return repriced.after.net


# -- the same prices give the same figures ------------------------------------------------


def chain_world(sell: str, tax: int, second: int, split: bool, minimum_s: int) -> World:
    """A customer with free seconds and cheaper evenings, an agent above it, a taxed sale."""
    world = World(parameters=CallParameters(free_time_s=2, minimum_duration_s=minimum_s))
    boundary = Boundary.SPLIT if split else Boundary.ANSWER
    world.sell_rates = [rate("39", parse_tariff(sell), tax_percent=Decimal(tax))]
    world.more_groups = [
        deck(AGENT_DECK, "agents", per_minute("0.05"), periods=EVENINGS, boundary=boundary)
    ]
    world.customer = replace(world.customer, parent_id=AGENT)
    world.agents = [Account(AGENT, "agent", AccountKind.ORDINARY, "EUR", rate_group_id=AGENT_DECK)]
    start = NOW - timedelta(days=1)
    world.packages = [
        ActivePackage(
            7,
            "free",
            CUSTOMER,
            start,
            start + timedelta(days=30),
            has_gift=True,
            free=(FreeSeconds(70, ("*",), cycle_s=second),),
            periods=EVENINGS,
        )
    ]
    return world


@given(
    sell=st.sampled_from(
        ["0|0:0.06/60/60", "0.01|0:0.07/60/1", "0|0:=0.21;180:0.15/60/60", "0|0:0.0123/60/6"]
    ),
    tax=st.sampled_from([0, 7, 19]),
    talked_s=st.integers(1, 4_000),
    granted_s=st.integers(1, 4_000),
    free_s=st.integers(0, 300),
    gift=st.decimals(0, 2, places=2),
    hour=st.integers(0, 23),
    cycle_s=st.sampled_from([1, 6, 60]),
    split=st.booleans(),
    minimum_s=st.sampled_from([0, 30]),
)
def test_a_call_that_is_priced_again_by_the_same_prices_costs_the_same(
    sell: str,
    tax: int,
    talked_s: int,
    granted_s: int,
    free_s: int,
    gift: Decimal,
    hour: int,
    cycle_s: int,
    split: bool,
    minimum_s: int,
) -> None:
    """Whatever its timer, grace, free seconds, gift money and periods made of it at the time."""
    configuration = chain_world(sell, tax, cycle_s, split, minimum_s).configuration()
    when = NOW.replace(hour=hour, minute=55)
    event = offered(offered_us=int(when.timestamp()) * SECOND_US)
    decision = authorize(event, configuration, when, Trace())
    assert isinstance(decision, Authorized)
    ticket = make_ticket(event, decision, (), Legs(), ZoneInfo("UTC"))
    end = ended(
        talked_s=talked_s,
        offered_us=event.offered_us,
        answered_us=event.offered_us + 2 * SECOND_US,
        ended_us=event.offered_us + (2 + talked_s) * SECOND_US,
        connected_leg=leg_id(),
    )
    held = Held((Hold(Decimal(10), (free_s,), (gift,)), Hold(Decimal(10))))
    settlement = settle(ticket, end, granted_s, held, RecordRules())
    assert settlement.cdr.answered_at is not None
    again = RatedCall(
        settlement.cdr.call_id,
        settlement.cdr.started_at,
        settlement.cdr.answered_at,
        settlement.cdr.callee_rated,
        settlement.cdr.callee_sent,
        "",
        settlement.cdr.routing_gateway,
        settlement.lines,
    )
    assert len(again.lines) == 3
    book = PriceBook(configuration, None)
    for charged in again.lines:
        repriced = book.reprice(again, charged)
        assert repriced is not None
        assert repriced.after == replace(charged, revision=1)
        assert not repriced.changed


# -- other prices -------------------------------------------------------------------------

PRICES = [
    # tiers               tax  rated s  free s  net       tax       billed s
    ("0|0:0.09/60/60", "0", 60, 0, "0.09", "0", 60),
    ("0|0:0.09/60/60", "0", 61, 0, "0.18", "0", 120),
    ("0|0:0.09/60/60", "0", 61, 1, "0.09", "0", 60),
    ("0|0:0.09/60/60", "0", 61, 60, "0.09", "0", 60),
    ("0|0:0.09/60/60", "0", 61, 120, "0", "0", 0),
    ("0|0:0.09/60/60", "0", 0, 0, "0", "0", 0),
    ("0|0:0.09/60/1", "19", 7, 0, "0.0105", "0.001995", 7),
    ("0.1|0:0.09/60/60", "10", 60, 30, "0.19", "0.019", 60),
    ("0|0:=0.21;180:0.15/60/60", "10", 250, 0, "0.51", "0.051", 300),
]


@pytest.mark.parametrize(("tiers", "tax", "rated_s", "free_s", "now", "tax_now", "billed"), PRICES)
def test_the_seconds_that_were_rated_and_were_not_free_get_the_new_price(
    tiers: str, tax: str, rated_s: int, free_s: int, now: str, tax_now: str, billed: int
) -> None:
    world = World(sell_rates=[rate("39", parse_tariff(tiers), tax_percent=Decimal(tax))])
    before = line(rated_s=rated_s, free_s=free_s, gift=Decimal("0.01"), package_ids=(7,))
    repriced = reprice(world.configuration(), before)
    assert repriced is not None
    after = repriced.after
    assert after is not None
    assert (after.net, after.tax, after.billed_s) == (Decimal(now), Decimal(tax_now), billed)
    assert (after.free_s, after.gift, after.package_ids, after.rated_s) == (
        free_s,
        Decimal("0.01"),
        (7,),
        rated_s,
    )
    assert after.revision == 1
    assert repriced.difference == Decimal(now) + Decimal(tax_now) - Decimal("0.06")


def test_rates_count_that_are_valid_at_the_moment_asked_for() -> None:
    world = World(
        sell_rates=[
            per_minute("0.06", valid_until=NOW + timedelta(days=1)),
            per_minute("0.10", valid_from=NOW + timedelta(days=1)),
        ]
    )
    configuration = world.configuration()
    assert net(configuration, rates_at=LATER) == Decimal("0.10")
    assert net(configuration, rates_at=NOW) == Decimal("0.06")
    assert net(configuration, rates_at=None) == Decimal("0.06")


def test_the_hours_are_those_of_the_call_whenever_the_rates_are_from() -> None:
    world = World(more_groups=[deck(OTHER, "evenings", per_minute("0.10"), periods=EVENINGS)])
    world.customer = replace(world.customer, rate_group_id=OTHER)
    evening = NOW.replace(hour=20)
    configuration = world.configuration()
    assert net(configuration, rates_at=evening) == Decimal("0.10")
    assert net(
        configuration, rates_at=NOW, started_at=evening, answered_at=evening + timedelta(seconds=1)
    ) == Decimal("0.05")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [(RateSelection.CHEAPEST, "0.03"), (RateSelection.HIERARCHY, "0.08")],
)
def test_the_price_is_selected_as_for_a_call(selection: RateSelection, expected: str) -> None:
    world = World(
        parameters=CallParameters(rate_selection=selection),
        more_groups=[
            deck(OTHER, "private", per_minute("0.08")),
            deck(EVENING, "account", per_minute("0.03")),
        ],
    )
    world.customer = replace(world.customer, private_rate_group_id=OTHER, rate_group_id=EVENING)
    assert net(world.configuration()) == Decimal(expected)


def test_a_phones_private_rates_are_its_own_while_it_is_the_customers() -> None:
    world = World(more_groups=[deck(OTHER, "phone", per_minute("0.01"))])
    world.phones = [Phone(5, "100", CUSTOMER, OTHER), Phone(6, "200", 99, OTHER)]
    configuration = world.configuration()
    assert net(configuration, phone="100") == Decimal("0.01")
    assert net(configuration, phone="200") == Decimal("0.06")
    assert net(configuration, phone="300") == Decimal("0.06")


def test_a_number_that_is_free_today_costs_nothing() -> None:
    world = World(parameters=CallParameters(free_numbers=("39*",)))
    assert net(world.configuration()) == 0
    assert net(world.configuration(), line(VENDOR)) == Decimal("0.02")


def test_technical_prefixes_of_today_are_not_rated() -> None:
    world = World(parameters=CallParameters(route_prefixes=("77",)))
    assert net(world.configuration(), callee_rated="7739061") == Decimal("0.06")


def test_a_vendor_is_paid_for_the_number_that_its_gateway_says() -> None:
    world = World(buy_rates=[per_minute("0.02"), per_minute("0.05", "8839")])
    sent = {"callee_sent": "88390212345678"}
    assert net(world.configuration(), line(VENDOR), **sent) == Decimal("0.02")
    world.change_gateway("alpha", bill_sent_number=True)
    assert net(world.configuration(), line(VENDOR), **sent) == Decimal("0.05")


def test_a_packages_period_rate_counts_where_it_is_known_to_have_held() -> None:
    """A benefit that begins after some consumption is known only from the call's own line."""
    half = PeriodSchedule(ZoneInfo("UTC"), (PeriodRule(Window(), Decimal("0.5")),))
    start = NOW - timedelta(days=1)
    world = World(
        packages=[
            ActivePackage(7, "half", CUSTOMER, start, start + timedelta(days=30), periods=half)
        ]
    )
    configuration = world.configuration()
    assert net(configuration) == Decimal("0.03")
    assert net(configuration, conditional=[7]) == Decimal("0.06")
    assert net(configuration, line(package_ids=(7,)), conditional=[7]) == Decimal("0.03")


# -- no price -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "of_line", "why"),
    [
        (World(sell_rates=[]), line(), f"no rate for {CALLEE}"),
        (World(sell_rates=[per_minute("1", locked=True)]), line(), f"no rate for {CALLEE}"),
        (World(), line(currency="USD"), "priced in EUR now, charged in USD"),
        (World(), line(account_id=404), "account #404 is gone"),
        (World(buy_rates=[]), line(VENDOR), f"no rate for {CALLEE}"),
    ],
)
def test_a_line_without_a_price_says_why_and_is_never_priced_0(
    world: World, of_line: ChargeLine, why: str
) -> None:
    repriced = reprice(world.configuration(), of_line)
    assert repriced == Repriced(of_line, None, why)
    assert repriced is not None
    assert not repriced.changed
    assert corrections(repriced, 0, "k", NOW) == ()


# -- a deck in the place of a rate group --------------------------------------------------


def test_a_deck_in_the_place_of_a_group_concerns_its_lines_only() -> None:
    world = World(more_groups=[deck(OTHER, "other", per_minute("0.30"))])
    configuration = world.configuration()
    instead = Substitute(SELL, configuration.rate_groups[OTHER])
    assert net(configuration, substitute=instead) == Decimal("0.30")
    assert reprice(configuration, line(VENDOR), substitute=instead) is None


def test_a_line_that_was_charged_in_the_group_counts_though_its_account_has_left_it() -> None:
    world = World(more_groups=[deck(OTHER, "other", per_minute("0.30"))])
    world.customer = replace(world.customer, rate_group_id=OTHER)
    configuration = world.configuration()
    itself = Substitute(SELL, configuration.rate_groups[SELL])
    assert net(configuration, substitute=itself) == Decimal("0.06")
    elsewhere = line(rate_group="other")
    assert reprice(configuration, elsewhere, substitute=itself) is None


def test_a_group_may_be_the_price_of_another_ones_periods() -> None:
    """Lines of a group whose evenings are priced in the replaced one are compared too."""
    rule = PeriodRule(Window(start_s=18 * 3600, end_s=0), rate_group_id=EVENING)
    world = World(
        more_groups=[
            deck(EVENING, "evening", per_minute("0.04")),
            deck(
                OTHER, "day", per_minute("0.10"), periods=PeriodSchedule(ZoneInfo("UTC"), (rule,))
            ),
        ]
    )
    world.customer = replace(world.customer, rate_group_id=OTHER)
    configuration = world.configuration()
    cheaper = Substitute(EVENING, deck(EVENING, "evening", per_minute("0.01")))
    evening = NOW.replace(hour=20)
    at = {"started_at": evening, "answered_at": evening}
    assert net(configuration, line(rate_group="day"), substitute=cheaper, **at) == Decimal("0.01")
    assert net(configuration, line(rate_group="day"), substitute=cheaper) == Decimal("0.10")


# -- corrections --------------------------------------------------------------------------

CORRECTIONS = [
    # party  top  old net/tax    new net/tax     who pays whom
    (0, 0, ("1", "0.1"), ("3", "0.3"), [("1>revenue", "2"), ("1>tax", "0.2")]),
    (0, 0, ("3", "0.3"), ("1", "0.1"), [("revenue>1", "2"), ("tax>1", "0.2")]),
    (0, 0, ("1", "0.1"), ("1", "0.2"), [("1>tax", "0.1")]),
    (0, 0, ("1", "0.1"), ("0.9", "0.2"), [("revenue>1", "0.1"), ("1>tax", "0.1")]),
    (0, 2, ("1", "0.1"), ("2", "0.2"), [("1>resale", "1"), ("1>resale", "0.1")]),
    (1, 2, ("1", "0"), ("2", "0"), [("2>resale", "1")]),
    (2, 2, ("1", "0.1"), ("2", "0.2"), [("3>revenue", "1"), ("3>tax", "0.1")]),
    (VENDOR, 0, ("1", "0.1"), ("2", "0.2"), [("11>termination_cost", "1.1")]),
    (VENDOR, 2, ("2", "0"), ("0", "0"), [("termination_cost>11", "2")]),
    (VENDOR, 0, ("1", "0.1"), ("0.9", "0.2"), []),
    (0, 0, ("1", "0"), ("1", "0"), []),
]


@pytest.mark.parametrize(("party", "top", "old", "new", "expected"), CORRECTIONS)
def test_corrections_move_the_difference_against_the_accounts_of_the_charge(
    party: int, top: int, old: Any, new: Any, expected: list[tuple[str, str]]
) -> None:
    before = line(party, net=Decimal(old[0]), tax=Decimal(old[1]))
    after = replace(before, net=Decimal(new[0]), tax=Decimal(new[1]), revision=1)
    posted = corrections(Repriced(before, after), top, "june", LATER)
    assert [(f"{p.debit}>{p.credit}", str(p.amount)) for p in posted] == expected
    assert {p.kind for p in posted} <= {PostingKind.CORRECTION}
    assert all((p.at, p.call_id, p.memo) == (LATER, call_id(), "re-rating june") for p in posted)
    what = ("net", "tax") if party != VENDOR else ("net",)
    possible = {keyed_posting_id(f"rerate:june:{call_id()}:{party}:{w}") for w in what}
    assert {p.posting_id for p in posted} <= possible
    assert len({p.posting_id for p in posted}) == len(posted)


amounts = st.decimals(0, 1_000, places=6)


@given(st.sampled_from([0, 1, 2, VENDOR]), amounts, amounts, amounts, amounts)
def test_a_correction_is_exactly_the_difference(
    party: int, old_net: Decimal, old_tax: Decimal, new_net: Decimal, new_tax: Decimal
) -> None:
    before = line(party, net=old_net, tax=old_tax)
    after = replace(before, net=new_net, tax=new_tax, revision=1)
    posted = corrections(Repriced(before, after), 2, "k", LATER)
    owner = before.account_id
    moved = sum((p.amount if p.debit == owner else -p.amount for p in posted), Decimal(0))
    assert moved == gross(after) - gross(before)
    sides = {p.credit if p.debit == owner else p.debit for p in posted}
    assert all(isinstance(side, SystemAccount) for side in sides)
