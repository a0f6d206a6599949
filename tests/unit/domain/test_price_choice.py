"""Which prices a call has: the candidates, the winner, the chain of agents, free numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from controller.domain.admission import AdmissionRules, Admitted, admit
from controller.domain.authorization import Authorized, authorize
from controller.domain.configuration import (
    Account,
    AccountKind,
    CallParameters,
    Phone,
    RateSelection,
)
from controller.domain.holdings import Funds, Holdings, Lines, MonthUse
from controller.domain.packages import ActivePackage, FreeSeconds
from controller.domain.periods import PeriodRule, PeriodSchedule, Window, window_from
from controller.domain.rates import Boundary, Rate, RateGroup, RateType, index_rates
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import Terms, parse_tariff
from controller.domain.trace import Trace
from controller.services.planning import make_ticket
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    NOW,
    VENDOR_ACCOUNTS,
    World,
    free_lines,
    offered,
    rate,
)

PRIVATE, PHONE_GROUP, CHEAP, AGENT_DECK, TOP_DECK = 2001, 2002, 2003, 2004, 2005
AGENT, TOP, PHONE_ID = 2, 3, 5
EURO = Terms("EUR")
UTC_ZONE = ZoneInfo("UTC")
THIS_MONTH = (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def group(group_id: int, tiers: str, *, prefix: str = "39", **changes: object) -> RateGroup:
    rates = index_rates([rate(prefix, parse_tariff(tiers))])
    made = RateGroup(group_id, f"group-{group_id}", EURO, rates)
    return replace(made, **changes)  # type: ignore[arg-type]


def authorized(world: World, when: datetime = NOW, **event: object) -> Authorized:
    trace = Trace()
    decision = authorize(offered(**event), world.configuration(), when, trace)
    assert isinstance(decision, Authorized), trace.steps
    return decision


def refused(world: World, **event: object) -> Refused:
    decision = authorize(offered(**event), world.configuration(), NOW, Trace())
    assert isinstance(decision, Refused)
    return decision


def sources(decision: Authorized) -> list[str]:
    return [pricing.source for pricing in decision.payers[0].pricings]


def with_candidates(selection: RateSelection = RateSelection.CHEAPEST) -> World:
    """A phone's private price, an account's, a package's, and the ordinary one."""
    world = World(parameters=CallParameters(rate_selection=selection))
    world.trunk = replace(world.trunk, allow_phone_billing=True)
    world.customer = replace(world.customer, private_rate_group_id=PRIVATE)
    world.more_groups = [
        group(PRIVATE, "0|0:0.08/60/60"),
        group(PHONE_GROUP, "0|0:0.09/60/60"),
        group(CHEAP, "0|0:=0.05;60:0.50/60/60"),
    ]
    world.phones = [Phone(PHONE_ID, CALLER, CUSTOMER, PHONE_GROUP)]
    rules = (PeriodRule(Window(), rate_group_id=CHEAP),)
    world.packages = [
        ActivePackage(
            31,
            "Europe",
            CUSTOMER,
            *THIS_MONTH,
            periods=PeriodSchedule(UTC_ZONE, rules),
        )
    ]
    return world


def test_every_candidate_is_kept_and_the_cheapest_is_charged_at_the_actual_duration() -> None:
    decision = authorized(with_candidates())
    assert sources(decision) == [
        f"phone {CALLER}",
        "private rate group",
        "package Europe",
        "rate group",
    ]
    prices = decision.payers[0].pricings
    assert [min(p.charge(seconds).net for p in prices) for seconds in (60, 61)] == [
        Decimal("0.05"),
        Decimal("0.12"),
    ]


def test_the_hierarchy_takes_the_first_that_matches() -> None:
    world = with_candidates(RateSelection.HIERARCHY)
    assert sources(authorized(world)) == [f"phone {CALLER}"]
    world.phones = []
    assert sources(authorized(world)) == ["private rate group"]
    world.customer = replace(world.customer, private_rate_group_id=None)
    assert sources(authorized(world)) == ["package Europe"]
    world.packages = []
    assert sources(authorized(world)) == ["rate group"]


def test_a_candidate_without_a_match_is_left_out() -> None:
    world = with_candidates()
    world.more_groups[0] = group(PRIVATE, "0|0:0.01/60/60", prefix="44")
    assert "private rate group" not in sources(authorized(world))


def test_each_candidate_matches_its_own_longest_prefix() -> None:
    world = with_candidates()
    world.more_groups[0] = group(PRIVATE, "0|0:0.01/60/60", prefix="3902")
    prefixes = [p.prefix for p in authorized(world).payers[0].pricings]
    assert prefixes == ["39", "3902", "39", "39"]


def test_no_candidate_is_no_matching_rate() -> None:
    world = World(sell_rates=[rate("44", parse_tariff("0|0:1/60/60"))])
    assert refused(world) == Refused(Reason.NO_MATCHING_RATE, f"{CALLEE} in sell")
    world.customer = replace(world.customer, rate_group_id=None)
    assert refused(world) == Refused(Reason.NO_RATE_GROUP, "customer")


def test_the_class_of_the_chosen_price_needs_the_permission() -> None:
    """Of the price that is the cheapest at the expected duration (spec §2.7)."""
    world = with_candidates()
    world.phones[0] = replace(world.phones[0], authorization=RateType.DOMESTIC)
    assert refused(world).reason is Reason.NO_CALL_PERMISSION
    domestic = Rate(parse_tariff("0|0:=0.05;60:0.50/60/60"), rate_type=RateType.DOMESTIC)
    world.more_groups[2] = RateGroup(CHEAP, "cheap", EURO, index_rates([("39", domestic)]))
    assert isinstance(authorized(world), Authorized)
    world.parameters = replace(world.parameters, expected_duration_s=3600)
    assert refused(world).reason is Reason.NO_CALL_PERMISSION


# -- phones -----------------------------------------------------------------------------------


def test_the_phones_own_account_pays() -> None:
    world = with_candidates()
    other = Account(9, "other", AccountKind.ORDINARY, "EUR", rate_group_id=PRIVATE)
    world.agents = [other]
    world.phones = [Phone(PHONE_ID, CALLER, 9)]
    decision = authorized(world)
    assert (decision.account.name, decision.payers[0].account_id) == ("other", 9)
    assert decision.phone is not None
    assert authorized(world, caller="441110000").account.account_id == CUSTOMER


def test_a_gateway_that_does_not_bill_phones_pays_itself() -> None:
    world = with_candidates()
    world.trunk = replace(world.trunk, allow_phone_billing=False)
    decision = authorized(world)
    assert decision.phone is None
    assert sources(decision)[0] == "private rate group"


def test_a_locked_phone_may_not_call() -> None:
    world = with_candidates()
    world.phones = [replace(world.phones[0], locked=True)]
    assert refused(world) == Refused(Reason.PHONE_LOCKED, CALLER)


B5_MAXIMUM = [
    # maximum  used     granted of 120 s at 0.10/60   (spec B5)
    ("30", "29.90", 60),
    ("30", "29.80", 120),
    ("30", "29.95", None),
    ("30", "30", None),
    ("30", "35", None),
]


@pytest.mark.parametrize(("maximum", "used", "granted_s"), B5_MAXIMUM)
def test_b5_the_monthly_maximum_limits_the_granted_seconds(
    maximum: str, used: str, granted_s: int | None
) -> None:
    world = World(sell_rates=[rate("39", parse_tariff("0|0:0.10/60/60"))])
    world.trunk = replace(world.trunk, allow_phone_billing=True)
    world.phones = [Phone(PHONE_ID, CALLER, CUSTOMER, monthly_maximum=Decimal(maximum))]
    decision = authorized(world)
    ticket = make_ticket(offered(), decision, (), Legs(), UTC_ZONE)
    assert ticket.month == (PHONE_ID, "2026-03-01")
    month = MonthUse(Decimal(used), Decimal(0))
    outcome = admit(ticket, AdmissionRules(quantum_s=120), holdings_of(decision, month))
    if granted_s is None:
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.MONTHLY_MAXIMUM
        assert month.reserved == 0
    else:
        assert isinstance(outcome, Admitted)
        assert outcome.granted_s == granted_s
        assert month.consumed + month.reserved <= Decimal(maximum)


class Legs:
    def leg_id(self) -> str:
        return "1e900000-0000-4000-8000-000000000001"


def holdings_of(decision: Authorized, month: MonthUse) -> Holdings:
    plenty = {
        account: Funds(Decimal(100), Decimal(0), Decimal(0), 0, None)
        for account in (*[p.account_id for p in decision.payers], *VENDOR_ACCOUNTS.values())
    }
    lines = free_lines()
    lines |= {("phone", PHONE_ID): Lines(0, None), ("phone_out", PHONE_ID): Lines(0, None)}
    return Holdings(plenty, lines, months={(PHONE_ID, "2026-03-01"): month})


# -- the chain --------------------------------------------------------------------------------


def with_agents() -> World:
    world = World()
    world.customer = replace(world.customer, parent_id=AGENT)
    world.agents = [
        Account(
            AGENT, "agent", AccountKind.ORDINARY, "EUR", parent_id=TOP, rate_group_id=AGENT_DECK
        ),
        Account(TOP, "top", AccountKind.ORDINARY, "EUR", rate_group_id=TOP_DECK),
    ]
    world.more_groups = [group(AGENT_DECK, "0|0:0.05/60/60"), group(TOP_DECK, "0|0:0.04/60/1")]
    return world


def test_every_agent_above_pays_at_its_own_rates() -> None:
    payers = authorized(with_agents()).payers
    assert [(p.name, p.pricings[0].group) for p in payers] == [
        ("customer", "sell"),
        ("agent", f"group-{AGENT_DECK}"),
        ("top", f"group-{TOP_DECK}"),
    ]


def test_an_agent_without_a_price_refuses_the_call_and_is_named() -> None:
    world = with_agents()
    world.more_groups[1] = group(TOP_DECK, "0|0:0.04/60/1", prefix="44")
    expected = f"{CALLEE} in group-{TOP_DECK} (agent top)"
    assert refused(world) == Refused(Reason.NO_MATCHING_RATE, expected)
    world.agents[1] = replace(world.agents[1], rate_group_id=None)
    assert refused(world) == Refused(Reason.NO_RATE_GROUP, "top (agent top)")


AGENT_STATES = [
    ({"locked": True}, Reason.ACCOUNT_LOCKED),
    ({"closed": True}, Reason.ACCOUNT_CLOSED),
    ({"expires_at": NOW}, Reason.ACCOUNT_EXPIRED),
]


@pytest.mark.parametrize(("state", "reason"), AGENT_STATES)
def test_what_stops_an_agent_stops_its_customers(state: dict[str, object], reason: Reason) -> None:
    world = with_agents()
    world.agents[1] = replace(world.agents[1], **state)  # type: ignore[arg-type]
    assert refused(world).reason is reason


# -- periods ----------------------------------------------------------------------------------

B4 = [
    # when                          price of 60 s   (spec B4: weekdays 1.0, weekend 0.5)
    ("2026-03-06T12:00:00+00:00", "0.06"),
    ("2026-03-06T23:59:59+00:00", "0.06"),
    ("2026-03-07T00:00:00+00:00", "0.03"),
    ("2026-03-08T23:59:59+00:00", "0.03"),
    ("2026-03-09T00:00:00+00:00", "0.06"),
]
WEEKEND = PeriodSchedule(
    UTC_ZONE, (PeriodRule(window_from(["sat", "sun"], 0, 86400), multiplier=Decimal("0.5")),)
)


@pytest.mark.parametrize(("when", "expected"), B4)
def test_b4_the_weekend_at_half_the_price(when: str, expected: str) -> None:
    """As a package's period rate, and the same on the rate group itself."""
    at = datetime.fromisoformat(when)
    world = World()
    world.packages = [ActivePackage(31, "Weekend Special", CUSTOMER, *THIS_MONTH, periods=WEEKEND)]
    prices = authorized(world, at).payers[0].pricings
    assert min(p.charge(60, int(at.timestamp())).net for p in prices) == Decimal(expected)
    world = World()
    sell = RateGroup(1001, "sell", EURO, index_rates(world.sell_rates), WEEKEND)
    world.more_groups = [sell]
    (price,) = authorized(world, at).payers[0].pricings
    assert price.charge(60, int(at.timestamp())).net == Decimal(expected)


@pytest.mark.parametrize(
    ("boundary", "expected"), [(Boundary.ANSWER, "0.12"), (Boundary.SPLIT, "0.09")]
)
def test_a_call_into_the_weekend(boundary: Boundary, expected: str) -> None:
    """Offered and answered a minute before it, two minutes long."""
    friday = datetime(2026, 3, 6, 23, 59, tzinfo=UTC)
    world = World()
    rates = index_rates(world.sell_rates)
    world.more_groups = [RateGroup(1001, "sell", EURO, rates, WEEKEND, boundary)]
    (price,) = authorized(world, friday).payers[0].pricings
    assert price.charge(120, int(friday.timestamp())).net == Decimal(expected)


def test_an_answer_after_the_boundary_is_reserved_for() -> None:
    """Offered on Sunday at half the price, answered on Monday: the dearer price is reserved."""
    sunday = datetime(2026, 3, 8, 23, 59, 50, tzinfo=UTC)
    world = World()
    rates = index_rates(world.sell_rates)
    world.more_groups = [RateGroup(1001, "sell", EURO, rates, WEEKEND)]
    event = offered(offered_us=int(sunday.timestamp()) * 1_000_000)
    decision = authorized(world, sunday)
    ticket = make_ticket(event, decision, (), Legs(), UTC_ZONE)
    holdings = holdings_of(decision, MonthUse(Decimal(0), Decimal(0)))
    outcome = admit(ticket, AdmissionRules(quantum_s=60), holdings)
    assert isinstance(outcome, Admitted)
    assert outcome.reserved == Decimal("0.06")


# -- packages and free numbers ----------------------------------------------------------------


def test_free_seconds_by_destination_and_time_of_day() -> None:
    world = World()
    world.packages = [
        ActivePackage(
            31,
            "Italy by day",
            CUSTOMER,
            *THIS_MONTH,
            has_gift=True,
            free=(
                FreeSeconds(1, ("39",), 8 * 3600, 18 * 3600),
                FreeSeconds(2, ("44",)),
                FreeSeconds(3, ("*",), 18 * 3600, 8 * 3600),
            ),
        )
    ]
    by_day = authorized(world).payers[0]
    assert [use.allowance_id for use in by_day.free] == [1]
    assert (by_day.gifts, by_day.packages) == ((31,), (31,))
    by_night = authorized(world, NOW + timedelta(hours=11)).payers[0]
    assert [use.allowance_id for use in by_night.free] == [3]


def test_a_package_counts_only_in_its_period() -> None:
    world = World()
    over = (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    world.packages = [ActivePackage(31, "February", CUSTOMER, *over, has_gift=True)]
    assert authorized(world).payers[0].packages == ()


FREE_NUMBERS = [
    # callee         costs nothing  recorded
    ("112", True, True),
    ("390212345678", False, True),
    ("800123456", True, True),
    ("118", True, False),
]


@pytest.mark.parametrize(("callee", "free", "recorded"), FREE_NUMBERS)
def test_free_numbers(callee: str, free: bool, recorded: bool) -> None:
    world = World(
        parameters=CallParameters(free_numbers=("112", "800*"), unrecorded_free_numbers=("118",)),
        buy_rates=[rate("*", parse_tariff("0|0:0.02/60/1"))],
    )
    world.routes = [replace(route, prefix="*") for route in world.routes]
    decision = authorized(world, callee=callee)
    assert (decision.sale.charge(600).gross == 0) == free
    assert decision.recorded == recorded


def test_rating_does_not_see_route_prefixes() -> None:
    """D1: a customer's rewrite puts a technical prefix on; rates are of the plain number."""
    world = World(parameters=CallParameters(route_prefixes=("a", "b")))
    world.trunk = replace(world.trunk, rewrite_callee=type(world.trunk.rewrite_callee)("*:a*"))
    world.routes = [replace(route, prefix="a") for route in world.routes]
    decision = authorized(world)
    assert decision.callee == f"a{CALLEE}"
    assert decision.sale.prefix == "39"
    assert decision.candidates[0].cost.prefix == "39"
