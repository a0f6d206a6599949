"""Explanations of calls say what the live code decides, and why each candidate lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from controller.domain.admission import Admitted
from controller.domain.configuration import Account, AccountKind, CallParameters, Phone
from controller.domain.errors import InvalidInput
from controller.domain.holdings import Allowance, Lines, MonthUse
from controller.domain.packages import ActivePackage, FreeSeconds
from controller.domain.rates import RateGroup, index_rates
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import parse_tariff
from controller.services.explain import (
    CallQuestion,
    ExplainedCall,
    HeldBenefit,
    explain_call,
)
from controller.services.explain_source import source_of
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    EURO,
    NOW,
    TRUNK,
    TRUNK_IP,
    TRUNK_PORT,
    VENDOR_GATEWAYS,
    World,
    pricing,
    rate,
)
from tests.unit.services.till import Till, package_funds


def ask(
    world: World, till: Till | None = None, callee: str = CALLEE, when: datetime = NOW
) -> ExplainedCall:
    question = CallQuestion(CALLER, callee, TRUNK_IP, TRUNK_PORT, when)
    return explain_call(question, world.configuration(), till or Till())


def refusal(explained: ExplainedCall) -> Reason:
    assert isinstance(explained.verdict, Refused)
    return explained.verdict.reason


def held_by(explained: ExplainedCall) -> list[Decimal | None]:
    """What the call would hold of each payer's money."""
    return [payer.reserved for payer in explained.parties]


class TestCall:
    def test_admitted(self) -> None:
        explained = ask(World())
        assert isinstance(explained.verdict, Admitted)
        assert (explained.verdict.granted_s, held_by(explained)) == (60, [Decimal("0.06")])
        assert explained.verdict.gateway_ids == (VENDOR_GATEWAYS["alpha"], VENDOR_GATEWAYS["beta"])
        assert [(a.number, a.gateway, a.address) for a in explained.attempts] == [
            (1, "alpha", "alpha.example:5060/udp"),
            (2, "beta", "beta.example:5060/udp"),
        ]
        assert explained.trace[-1] == ("admit", "admitted", "0.06 EUR reserved for 60 s")
        assert explained.funds is not None
        assert explained.funds.reserved == 0  # as it was before

    def test_margin_of_a_duration(self) -> None:
        explained = ask(World())
        assert explained.authorized is not None
        sale, first = explained.authorized.sale, explained.attempts[0]
        assert first.margin(sale, 60) == Decimal("0.04")
        # 61 s are sold as two minutes and bought by the second
        assert first.margin(sale, 61) == Decimal("0.12") - Decimal("0.020333")
        dollars = replace(first, cost=pricing("0|0:0.02/60/1", currency="USD"))
        assert dollars.margin(sale, 60) is None

    def test_refused_by_authorization(self) -> None:
        explained = ask(World(), callee="4412345678")
        assert refusal(explained) is Reason.NO_MATCHING_RATE
        assert (explained.authorized, explained.funds, explained.attempts) == (None, None, ())
        assert explained.trace[-1][1] == "refused: no_matching_rate"

    def test_refused_by_admission_shows_the_vendors_all_the_same(self) -> None:
        explained = ask(World(), Till(balance=Decimal("0.05")))
        assert refusal(explained) is Reason.INSUFFICIENT_BALANCE
        assert [a.number for a in explained.attempts] == [0, 0]
        assert explained.trace[-1][:2] == ("admit", "refused: insufficient_balance")
        assert explained.funds is not None
        assert explained.funds.available == Decimal("0.05")

    def test_why_a_vendor_is_not_tried(self) -> None:
        world = World()
        world.change_gateway("beta", prepaid=True)
        explained = ask(world, Till(used={"alpha": Lines(2, 2)}, vendor_balance=Decimal(0)))
        assert refusal(explained) is Reason.NO_ROUTE_CAPACITY
        assert [a.why_not for a in explained.attempts] == [
            "2 of 2 lines",
            "available 0, needed 0.020667",
        ]
        first_only = World(parameters=CallParameters(max_attempts=1))
        assert [a.why_not for a in ask(first_only).attempts] == [
            "",
            "enough vendors come before it",
        ]
        partly = ask(World(), Till(used={"alpha": Lines(2, 2)}))
        assert [(a.gateway, a.number) for a in partly.attempts] == [("alpha", 0), ("beta", 1)]

    def test_an_unknown_source(self) -> None:
        question = CallQuestion(CALLER, CALLEE, "198.51.100.1", 5060, NOW)
        explained = explain_call(question, World().configuration(), Till())
        assert refusal(explained) is Reason.UNKNOWN_SOURCE
        assert (explained.gateway, explained.account, explained.candidates) == (None, None, ())

    @pytest.mark.parametrize("callee", ["39${x}", "39,1", "", "39\n1", "3" * 40, "39;a=b"])
    def test_hostile_numbers(self, callee: str) -> None:
        explained = ask(World(), callee=callee)
        assert refusal(explained) is Reason.INVALID_CALLEE
        assert explained.candidates == ()

    def test_every_matching_price_and_why(self) -> None:
        tariff = parse_tariff("0|0:0.06/60/60")
        world = World(
            sell_rates=[
                rate("*", tariff),
                rate("39", tariff),
                rate("3902", tariff, locked=True),
                rate("39021", tariff, valid_from=NOW + timedelta(days=1)),
                rate("390212", tariff, valid_until=NOW),
                rate("44", tariff),
            ]
        )
        assert [(c.prefix, c.verdict) for c in ask(world).candidates] == [
            ("390212", "valid until 2026-03-02T12:00:00Z"),
            ("39021", "valid from 2026-03-03T12:00:00Z"),
            ("3902", "locked"),
            ("39", "chosen"),
            ("*", "a longer prefix matches"),
        ]

    def test_rates_are_those_of_the_time_asked_for(self) -> None:
        change = datetime(2026, 4, 1, tzinfo=UTC)
        world = World(
            sell_rates=[
                rate("39", parse_tariff("0|0:0.06/60/60"), valid_until=change),
                rate("39", parse_tariff("0|0:0.09/60/60"), valid_from=change),
            ]
        )
        before = ask(world, when=change - timedelta(microseconds=1))
        after = ask(world, when=change)
        assert held_by(before) == [Decimal("0.06")]
        assert held_by(after) == [Decimal("0.09")]


class TestSource:
    def test_of_a_gateway_by_name_or_alone(self) -> None:
        configuration = World().configuration()
        assert source_of(configuration, "customer-trunk") == (TRUNK_IP, TRUNK_PORT)
        assert source_of(configuration, None) == (TRUNK_IP, TRUNK_PORT)

    def test_a_port_that_another_gateway_has_is_not_taken(self) -> None:
        world = World()
        configuration = world.configuration()
        trunk = replace(world.trunk, addresses=((TRUNK_IP, None),))
        other = replace(world.trunk, gateway_id=7, name="other")
        sources = {(TRUNK_IP, None): trunk, (TRUNK_IP, TRUNK_PORT): other}
        configuration = replace(
            configuration, mapping_gateways={TRUNK: trunk, 7: other}, sources=sources
        )
        assert source_of(configuration, "customer-trunk") == (TRUNK_IP, 1024)
        with pytest.raises(InvalidInput, match="2 mapping gateways"):
            source_of(configuration, None)

    def test_none(self) -> None:
        world = World()
        world.trunk = replace(world.trunk, addresses=())
        with pytest.raises(InvalidInput, match="no address"):
            source_of(world.configuration(), "customer-trunk")
        with pytest.raises(InvalidInput, match="no mapping gateway"):
            source_of(world.configuration(), "trunk")


AGENT, TOP = 21, 22
AGENT_RATES, TOP_RATES, PRIVATE = 2001, 2002, 2003
PHONE = Phone(301, CALLER, CUSTOMER, monthly_maximum=Decimal(30))
PACKAGE = ActivePackage(
    51,
    "Weekend",
    CUSTOMER,
    NOW - timedelta(days=1),
    NOW + timedelta(days=1),
    has_gift=True,
    free=(FreeSeconds(61, ("39",), cycle_s=30),),
)


def group(number: int, name: str, *rates: tuple[str, str]) -> RateGroup:
    listed = [rate(prefix, parse_tariff(tiers)) for prefix, tiers in rates]
    return RateGroup(number, name, EURO, index_rates(listed))


def reseller_world() -> World:
    """A customer at 0.06, its agent at 0.05 and the agent above that at 0.04 a minute."""
    world = World()
    world.customer = replace(world.customer, parent_id=AGENT)
    kind = AccountKind.ORDINARY
    world.agents = [
        Account(AGENT, "agent", kind, "EUR", TOP, AGENT_RATES),
        Account(TOP, "top", kind, "EUR", None, TOP_RATES),
    ]
    world.more_groups = [
        group(AGENT_RATES, "agent-rates", ("39", "0|0:0.05/60/60")),
        group(TOP_RATES, "top-rates", ("*", "0|0:0.04/60/60")),
    ]
    return world


class TestPayers:
    def test_every_agent_holds_its_own_price(self) -> None:
        till = Till(agents={AGENT: Decimal(5), TOP: Decimal(7)})
        explained = ask(reseller_world(), till)
        assert [payer.party.account.name for payer in explained.parties] == [
            "customer",
            "agent",
            "top",
        ]
        assert held_by(explained) == [Decimal("0.06"), Decimal("0.05"), Decimal("0.04")]
        assert [p.funds.available for p in explained.parties if p.funds] == [10, 5, 7]

    def test_an_agent_without_a_price_refuses_the_call_and_is_named(self) -> None:
        world = reseller_world()
        world.more_groups[1] = group(TOP_RATES, "top-rates", ("44", "0|0:0.04/60/60"))
        explained = ask(world, Till(agents={AGENT: Decimal(5), TOP: Decimal(7)}))
        assert refusal(explained) is Reason.NO_MATCHING_RATE
        assert [payer.party.refused is None for payer in explained.parties] == [True, True, False]
        assert held_by(explained) == [None, None, None]

    def test_an_agent_without_money(self) -> None:
        explained = ask(reseller_world(), Till(agents={AGENT: Decimal(0), TOP: Decimal(7)}))
        assert refusal(explained) is Reason.INSUFFICIENT_BALANCE
        assert held_by(explained) == [None, None, None]
        assert [p.funds.available for p in explained.parties if p.funds] == [10, 0, 7]

    def test_free_seconds_and_gift_money_are_held_first(self) -> None:
        world = World()
        world.packages = [PACKAGE]
        till = Till(
            packages={51: package_funds(gift="0.05")},
            allowances={61: Allowance(left_s=30, reserved_s=0)},
        )
        explained = ask(world, till)
        (payer,) = explained.parties
        assert payer.benefits == (
            HeldBenefit("Weekend", free_s=30),
            HeldBenefit("Weekend", gift=Decimal("0.05")),
        )
        assert payer.reserved == Decimal("0.01")
        assert till.allowances[61].reserved_s == 0, "explaining holds nothing"

    def test_the_month_of_a_phone(self) -> None:
        world = World()
        world.trunk = replace(world.trunk, allow_phone_billing=True)
        world.phones = [PHONE]
        till = Till(months={(301, "2026-03-01"): MonthUse(Decimal("29.90"), Decimal(0))})
        explained = ask(world, till)
        assert explained.phone == PHONE
        assert explained.month is not None
        assert (explained.month.left, explained.month_held) == (Decimal("0.10"), Decimal("0.06"))
        full = Till(months={(301, "2026-03-01"): MonthUse(Decimal("29.95"), Decimal("0.02"))})
        refused = ask(world, full)
        assert refusal(refused) is Reason.MONTHLY_MAXIMUM
        assert refused.month is not None
        assert (refused.month.left, refused.month_held) == (Decimal("0.03"), Decimal(0))

    def test_candidates_name_their_source_and_why_they_lost(self) -> None:
        world = World()
        world.customer = replace(world.customer, private_rate_group_id=PRIVATE)
        world.more_groups = [
            group(PRIVATE, "private", ("3902", "0|0:0.09/60/60"), ("*", "0|0:0.01/60/60"))
        ]
        found = [(c.source, c.group, c.prefix, c.verdict) for c in ask(world).candidates]
        assert found == [
            ("private rate group", "private", "3902", "dearer by 0.03 EUR"),
            ("private rate group", "private", "*", "a longer prefix matches"),
            ("rate group", "sell", "39", "chosen"),
        ]

    def test_the_price_is_the_one_that_is_paid_and_the_margin_the_operator_s(self) -> None:
        """The customer's private rate is cheaper for ten seconds; the top agent pays us."""
        world = reseller_world()
        world.customer = replace(world.customer, private_rate_group_id=PRIVATE)
        world.more_groups.append(group(PRIVATE, "private", ("39", "0|0:0.09/60/1")))
        explained = ask(world, Till(agents={AGENT: Decimal(5), TOP: Decimal(7)}))
        prices = [explained.price(seconds) for seconds in (10, 60)]
        assert [price.group for price in prices if price] == ["private", "sell"]
        income = explained.income(60)
        assert income is not None
        assert income.group == "top-rates"
        assert explained.attempts[0].margin(income, 60) == Decimal("0.02")
        assert ask(World(), callee="44").price(60) is None

    def test_it_says_what_the_live_decision_says(self) -> None:
        """Each party was explained alone; together they are the payers of the decision."""
        explained = ask(reseller_world(), Till(agents={AGENT: Decimal(5), TOP: Decimal(7)}))
        assert explained.authorized is not None
        chosen = [payer.party.bill.bill.pricing for payer in explained.parties if payer.party.bill]
        assert chosen == [payer.pricings[0] for payer in explained.authorized.payers]
