"""Explanations say what the live code decides, and why each candidate lost."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.admission import Admitted, Funds, Holdings, Lines
from controller.domain.configuration import CallParameters, Rate
from controller.domain.coverage import uncovered
from controller.domain.errors import InvalidInput
from controller.domain.reasons import Reason, Refused
from controller.domain.tariff import parse_tariff
from controller.services.explain import CallQuestion, ExplainedCall, explain_call, source_of
from controller.services.explain_rate import group_of, price_duration, pricing_of
from tests.unit.domain.builders import (
    CALLEE,
    CALLER,
    CUSTOMER,
    NOW,
    TRUNK,
    TRUNK_IP,
    TRUNK_PORT,
    VENDOR_ACCOUNTS,
    VENDOR_GATEWAYS,
    World,
    pricing,
)


@dataclass
class Till:
    """Money and lines, which an explanation must only read."""

    balance: Decimal = Decimal(10)
    reserved: Decimal = Decimal(0)
    vendor_balance: Decimal = Decimal(0)
    used: dict[str, Lines] = field(default_factory=dict)
    trunk: Lines = field(default_factory=lambda: Lines(0, None))

    def holdings(
        self, account_ids: Collection[int], mapping_ids: Collection[int], vendors: Collection[int]
    ) -> Holdings:
        vendor = Funds(self.vendor_balance, Decimal(0), Decimal(0), 0, None)
        funds = {account: replace(vendor) for account in account_ids if account != CUSTOMER}
        funds[CUSTOMER] = Funds(self.balance, Decimal(0), self.reserved, 0, None)
        lines = {
            number: replace(self.used.get(name, Lines(0, None)))
            for name, number in VENDOR_GATEWAYS.items()
            if number in vendors
        }
        assert set(mapping_ids) == {TRUNK}
        assert set(account_ids) - {CUSTOMER} <= set(VENDOR_ACCOUNTS.values())
        return Holdings(funds, {TRUNK: replace(self.trunk)}, lines)


def ask(
    world: World, till: Till | None = None, callee: str = CALLEE, when: datetime = NOW
) -> ExplainedCall:
    question = CallQuestion(CALLER, callee, TRUNK_IP, TRUNK_PORT, when)
    return explain_call(question, world.configuration(), till or Till())


def refusal(explained: ExplainedCall) -> Reason:
    assert isinstance(explained.verdict, Refused)
    return explained.verdict.reason


class TestCall:
    def test_admitted(self) -> None:
        explained = ask(World())
        assert explained.verdict == Admitted(
            60, Decimal("0.06"), (VENDOR_GATEWAYS["alpha"], VENDOR_GATEWAYS["beta"])
        )
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
            "2 of 2 lines in use",
            "prepaid, and nothing is left",
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
                Rate("*", tariff),
                Rate("39", tariff),
                Rate("3902", tariff, locked=True),
                Rate("39021", tariff, valid_from=NOW + timedelta(days=1)),
                Rate("390212", tariff, valid_until=NOW),
                Rate("44", tariff),
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
                Rate("39", parse_tariff("0|0:0.06/60/60"), valid_until=change),
                Rate("39", parse_tariff("0|0:0.09/60/60"), valid_from=change),
            ]
        )
        before = ask(world, when=change - timedelta(microseconds=1))
        after = ask(world, when=change)
        assert isinstance(before.verdict, Admitted)
        assert isinstance(after.verdict, Admitted)
        assert (before.verdict.reserved, after.verdict.reserved) == (
            Decimal("0.06"),
            Decimal("0.09"),
        )


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


class TestRate:
    def test_a_duration_taken_apart(self) -> None:
        """The 85 s at 0.40 + 0.20/60 + 0.10/60: rounded once, 0.6417 and not 0.6418."""
        priced = price_duration(pricing("0.4|0:0.2/60/1;60:0.1/60/1", decimals=4), 85)
        assert priced.charge.net == Decimal("0.6417")
        assert sum(line.numerator for line in priced.lines) == priced.exact[0]
        assert [line.text for line in priced.lines] == [
            "connect fee 0.4",
            "0:0.2/60/1",
            "60:0.1/60/1",
        ]

    @given(st.integers(0, 10_000))
    def test_lines_add_up(self, duration_s: int) -> None:
        priced = price_duration(pricing("0.15|0:=0.21;180:0.15/60/60;600:0.07/7/3"), duration_s)
        assert sum(line.numerator for line in priced.lines) == priced.exact[0]
        assert sum(line.billed_s for line in priced.lines) == priced.charge.billed_s

    def test_the_group_of_an_account(self) -> None:
        configuration = World().configuration()
        group = group_of(configuration, "customer")
        assert group.name == "sell"
        with pytest.raises(InvalidInput, match="no account"):
            group_of(configuration, "nobody")
        world = World()
        world.customer = replace(world.customer, rate_group_id=None)
        with pytest.raises(InvalidInput, match="no rate group"):
            group_of(world.configuration(), "customer")

    def test_the_price_of_a_number(self) -> None:
        group = group_of(World().configuration(), "customer")
        found = pricing_of(group, "+390212", NOW)
        assert found is not None
        assert found.prefix == "39"
        assert pricing_of(group, "44", NOW) is None
        with pytest.raises(InvalidInput):
            pricing_of(group, "39a", NOW)


@pytest.mark.parametrize(
    ("destinations", "by", "missing"),
    [
        (["39", "44"], ["39"], ["44"]),
        (["3906"], ["39"], []),
        (["39"], ["3906"], []),
        (["39"], ["38", "4"], ["39"]),
        (["39", "*"], ["*"], []),
        (["*"], ["39"], []),
        (["*", "1"], [], ["*", "1"]),
        (["39", "39"], [], ["39"]),
        ([], ["39"], []),
    ],
)
def test_uncovered_destinations(destinations: list[str], by: list[str], missing: list[str]) -> None:
    assert uncovered(destinations, by) == missing
