"""Explanations of prices: the figures, every candidate, and sentences that a clerk reads."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.billing import EVERY_SECOND
from controller.domain.calendars import DayKind, WorkCalendar
from controller.domain.configuration import CallParameters, Configuration, Phone, RateSelection
from controller.domain.errors import InvalidInput
from controller.domain.holdings import Allowance, MonthUse
from controller.domain.money import Rounding
from controller.domain.packages import ActivePackage, FreeSeconds
from controller.domain.periods import PeriodRule, PeriodSchedule, window_from
from controller.domain.pricing import PeriodPrice
from controller.domain.rates import Boundary, RateType, index_rates
from controller.domain.reasons import Reason
from controller.domain.tariff import Terms, parse_tariff
from controller.services.explain_rate import (
    ExplainedRate,
    OtherTerms,
    RateQuestion,
    explain_rate,
    price_duration,
    pricing_of,
)
from controller.services.explain_words import bill_words, month_words, party_words
from tests.unit.domain.builders import CUSTOMER, NOW, SELL, World, pricing, rate
from tests.unit.services.test_explain import (
    AGENT,
    PRIVATE,
    TOP,
    TOP_RATES,
    group,
    reseller_world,
)
from tests.unit.services.till import Till, package_funds

UTC_ZONE = ZoneInfo("UTC")
ROME = ZoneInfo("Europe/Rome")
HOLIDAY = 2004
STEPS = ", charged in steps of "
AGENTS = {AGENT: Decimal(5), TOP: Decimal(7)}


def ask(
    world: World | Configuration,
    duration_s: int = 60,
    *,
    till: Till | None = None,
    when: datetime = NOW,
    phone: str = "",
    terms: OtherTerms | None = None,
    number: str = "390212345678",
) -> ExplainedRate:
    configuration = world.configuration() if isinstance(world, World) else world
    question = RateQuestion("customer", number, duration_s, when, phone)
    return explain_rate(question, configuration, till or Till(agents=AGENTS), terms)


def words(explained: ExplainedRate) -> list[str]:
    return list(party_words(explained.customer, explained.asked))


def gross(explained: ExplainedRate) -> list[Decimal | None]:
    return [p.bill.bill.charge.gross if p.bill else None for p in explained.parties]


def sentences(tiers: str, duration_s: int, tax: str = "0", **terms: object) -> list[str]:
    priced = price_duration(pricing(tiers, tax=tax, **terms), duration_s)  # type: ignore[arg-type]
    return list(bill_words(priced, UTC_ZONE, EVERY_SECOND))


class TestFigures:
    def test_a_duration_taken_apart(self) -> None:
        """The 85 s at 0.40 + 0.20/60 + 0.10/60: rounded once, 0.6417 and not 0.6418."""
        priced = price_duration(pricing("0.4|0:0.2/60/1;60:0.1/60/1", decimals=4), 85)
        assert priced.bill.charge.net == Decimal("0.6417")
        assert sum(line.amount for line in priced.lines) == priced.exact == Fraction(77, 120)
        assert [line.text for line in priced.lines] == [
            "connect fee 0.4",
            "0:0.2/60/1",
            "60:0.1/60/1",
        ]

    @given(st.integers(0, 10_000))
    def test_lines_add_up(self, duration_s: int) -> None:
        priced = price_duration(pricing("0.15|0:=0.21;180:0.15/60/60;600:0.07/7/3"), duration_s)
        assert priced.exact == priced.bill.pricing.exact(duration_s)
        assert sum(line.billed_s for line in priced.lines) == priced.bill.charge.billed_s

    @given(
        st.integers(1, 2_000),
        st.lists(st.integers(1, 2_000), max_size=4, unique=True),
        st.booleans(),
    )
    def test_lines_add_up_across_periods(
        self, duration_s: int, changes: list[int], split: bool
    ) -> None:
        """However a call is cut, its lines are what it is charged."""
        texts = ("0|0:0.12/60/60", "0.3|0:=0.21;90:0.15/60/1", "0|0:0.05/7/3;100:=1")
        later = tuple(
            PeriodPrice(at, "39", parse_tariff(texts[at % 3]), multiplier=Decimal(at % 4) / 2)
            for at in sorted(changes)
        )
        price = replace(pricing("0.15|0:=0.21;180:0.15/60/60"), later=later, split=split)
        priced = price_duration(price, duration_s, answered_s=0)
        assert priced.exact == price.exact(duration_s, 0)
        assert sum(line.billed_s for line in priced.lines) == price.charge(duration_s, 0).billed_s

    def test_the_price_of_a_number(self) -> None:
        sell = World().configuration().rate_groups[SELL]
        found = pricing_of(sell, "+390212", NOW)
        assert found is not None
        assert (found.prefix, found.group) == ("39", "sell")
        assert pricing_of(sell, "44", NOW) is None
        with pytest.raises(InvalidInput):
            pricing_of(sell, "39a", NOW)

    def test_other_terms(self) -> None:
        other = OtherTerms(Rounding.UP, 1, Decimal(22))
        changed = other.on(replace(pricing(), later=(PeriodPrice(1, "39", pricing().tariff),)))
        assert changed.terms == Terms("EUR", 1, Rounding.UP)
        assert [changed.tax_percent, changed.later[0].tax_percent] == [22, 22]
        assert OtherTerms().on(pricing()) == pricing()


class TestSentences:
    """Spec B2 and its neighbors, as a clerk reads them."""

    @pytest.mark.parametrize(
        ("tiers", "duration_s", "said"),
        [
            ("0|0:0.12/60/60", 85, f"85 s at 0.12 per 60 s{STEPS}60 s: 2 steps of 0.12 = 0.24."),
            ("0|0:0.12/60/60", 60, f"60 s at 0.12 per 60 s{STEPS}60 s: 1 step of 0.12 = 0.12."),
            ("0|0:0.1/60/1", 10, "10 s at 0.10 per 60 s, charged by the second ≈ 0.0166666667."),
            ("0|0:0.12/60/6", 8, f"8 s at 0.12 per 60 s{STEPS}6 s: 2 steps of 0.012 = 0.024."),
            ("0|0:=0.21;180:0.15/60/60", 1, "The first 180 s: 0.21 once."),
            ("0|0:=0.5", 90, "The whole call: 0.50 once."),
            ("0.15|0:0/60/60", 1, "Connect fee, once for the call: 0.15."),
            ("0|0:=0.1;60:=0.08;120:0/1/1", 61, "Seconds 61 to 120: 0.08 once."),
            (
                "0|0:=0.21;180:0.15/60/60",
                250,
                f"70 s from second 181 on at 0.15 per 60 s{STEPS}60 s: 2 steps of 0.15 = 0.30.",
            ),
            ("0|0:0.12/60/60", 0, "A call of 0 s costs nothing."),
        ],
    )  # fmt: skip
    def test_lines(self, tiers: str, duration_s: int, said: str) -> None:
        assert said in sentences(tiers, duration_s)

    def test_b2_from_the_first_second_to_the_balance(self) -> None:
        """0.21 for 180 s, then 0.15 a minute, tax 10 %, 250 s: 0.51 on the record, 0.561 paid."""
        assert sentences("0|0:=0.21;180:0.15/60/60", 250, "10") == [
            "The first 180 s: 0.21 once.",
            "70 s from second 181 on at 0.15 per 60 s, charged in steps of 60 s: "
            "2 steps of 0.15 = 0.30.",
            "Together 0.51.",
            "Net 0.51 EUR: nothing to round.",
            "Tax 10 % of 0.51: 0.051.",
            "With tax 0.561 EUR.",
            "The balance pays 0.561 EUR.",
        ]

    def test_rounding_is_shown_with_the_exact_amount(self) -> None:
        said = sentences("0.4|0:0.2/60/1;60:0.1/60/1", 85, "22", decimals=4)
        assert said[-4:] == [
            "≈ 0.6416666667 (77/120) is rounded to 4 decimals, half up: net 0.6417 EUR.",
            "Tax 22 % of 0.6417: 0.141174, rounded to 4 decimals, half up: 0.1412.",
            "With tax 0.7829 EUR.",
            "The balance pays 0.7829 EUR.",
        ]

    def test_a_fee_unit(self) -> None:
        unit = replace(pricing("0|0:0.12/60/60"), terms=Terms("EUR", 2, fee_unit=Decimal("0.05")))
        said = bill_words(price_duration(unit, 60), UTC_ZONE, EVERY_SECOND)
        assert "0.12 (3/25) is rounded to a multiple of 0.05, half up: net 0.10 EUR." in said


class TestParameters:
    def test_free_time_and_minimum_are_named_where_they_matter(self) -> None:
        world = World(parameters=CallParameters(free_time_s=5, minimum_duration_s=30))
        assert words(ask(world, 20))[1:4] == [
            "20 s less the free time of 5 s: 15 s.",
            "At least 30 s are rated.",
            "30 s at 0.06 per 60 s, charged in steps of 60 s: 1 step of 0.06 = 0.06.",
        ]
        assert "At least 30 s are rated." not in words(ask(world, 90))
        assert words(ask(world, 5))[1] == (
            "Calls of up to 5 s are free of charge: nothing is rated."
        )
        assert not any("free time" in sentence for sentence in words(ask(World())))

    def test_a_free_number(self) -> None:
        explained = ask(World(parameters=CallParameters(free_numbers=("3902*",))))
        assert (words(explained), gross(explained)) == (
            ["390212345678 is a free number: nothing is charged."],
            [Decimal(0)],
        )
        assert explained.customer.candidates == ()

    def test_technical_prefixes_are_not_rated(self) -> None:
        world = World(parameters=CallParameters(route_prefixes=("99",)))
        assert ask(world, number="99390212").asked.moment.number == "390212"


class TestCandidates:
    @pytest.fixture
    def world(self) -> World:
        """A private rate that is dear by the minute and cheap by the second."""
        world = World()
        world.customer = replace(world.customer, private_rate_group_id=PRIVATE)
        world.more_groups = [group(PRIVATE, "private", ("3902", "0|0:0.09/60/1"))]
        return world

    @pytest.mark.parametrize(
        ("duration_s", "verdicts"),
        [
            (60, [("dearer", "dearer by 0.03 EUR"), ("chosen", "cheaper than those before it")]),
            (10, [("chosen", "the cheapest"), ("dearer", "dearer by 0.045 EUR")]),
            (40, [("chosen", "the cheapest"),
                  ("same", "no cheaper, and the account's private rate comes first")]),
        ],
    )  # fmt: skip
    def test_the_cheapest_at_the_duration(
        self, world: World, duration_s: int, verdicts: list[tuple[str, str]]
    ) -> None:
        found = ask(world, duration_s).customer.candidates
        assert [(c.outcome, c.why) for c in found] == verdicts

    def test_a_choice_that_changed_since_the_offer_is_said(self, world: World) -> None:
        said = (
            "Before the call the account's rate group looked cheapest (at the expected duration); "
            "the charge takes what is cheapest for the call as it was."
        )
        assert said in words(ask(world, 10))
        assert said not in words(ask(world, 60))

    def test_hierarchy_takes_the_first_that_matches(self, world: World) -> None:
        world.parameters = CallParameters(rate_selection=RateSelection.HIERARCHY)
        explained = ask(world, 60)
        assert [(c.outcome, c.why) for c in explained.customer.candidates] == [
            ("chosen", "the first that has a price"),
            ("not_asked", "the account's private rate has a price and comes first"),
        ]
        assert gross(explained) == [Decimal("0.09")]

    def test_a_place_without_a_rate_is_named_with_what_was_passed_over(self, world: World) -> None:
        locked = rate("3902", parse_tariff("0|0:0.01/60/1"), locked=True)
        world.more_groups = [replace(group(PRIVATE, "private"), rates=index_rates([locked]))]
        private, _ = ask(world).customer.candidates
        assert (private.outcome, private.pricing) == ("no_price", None)
        assert private.why == "no usable rate for 390212345678"
        assert [(row.prefix, row.verdict) for row in private.rows] == [("3902", "locked")]

    def test_no_price_at_all(self) -> None:
        explained = ask(World(), number="4420")
        assert explained.refused is not None
        assert explained.refused.reason is Reason.NO_MATCHING_RATE
        (said,) = words(explained)
        assert said.startswith("The customer has no price that may be used (4420 in sell")
        assert said.endswith(": the call would be refused.")

    def test_every_agent_is_explained_though_one_has_no_price(self) -> None:
        world = reseller_world()
        assert gross(ask(world)) == [Decimal("0.06"), Decimal("0.05"), Decimal("0.04")]
        world.more_groups[1] = group(TOP_RATES, "top-rates")
        explained = ask(world)
        assert gross(explained) == [Decimal("0.06"), Decimal("0.05"), None]
        (said,) = party_words(explained.parties[2], explained.asked)
        assert said.startswith("Agent top has no price that may be used (390212345678 in top-rat")

    def test_other_terms_are_the_customer_s_only(self) -> None:
        explained = ask(reseller_world(), terms=OtherTerms(tax_percent=Decimal(50)))
        assert gross(explained) == [Decimal("0.09"), Decimal("0.05"), Decimal("0.04")]

    def test_the_class_of_a_phone(self) -> None:
        world = World()
        world.phones = [Phone(301, "4420", CUSTOMER, authorization=RateType.LOCAL)]
        explained = ask(world, phone="4420")
        assert explained.refused is not None
        assert explained.refused.reason is Reason.NO_CALL_PERMISSION

    @pytest.mark.parametrize(
        ("account", "phone", "message"),
        [
            ("nobody", "", "no account is named 'nobody'"),
            ("customer", "777", "no phone has the number '777'"),
            ("alpha-clearing", "4420", "phone 4420 is not a phone of account alpha-clearing"),
            ("", "", "an account or a phone is needed"),
        ],
    )
    def test_questions_that_make_no_sense(self, account: str, phone: str, message: str) -> None:
        world = World()
        world.phones = [Phone(301, "4420", CUSTOMER)]
        question = RateQuestion(account, "39", 60, NOW, phone)
        with pytest.raises(InvalidInput, match=message):
            explain_rate(question, world.configuration(), Till())

    def test_an_account_without_rates(self) -> None:
        world = World()
        world.customer = replace(world.customer, rate_group_id=None)
        with pytest.raises(InvalidInput, match="no rate group"):
            ask(world)


class TestPeriods:
    @pytest.fixture
    def configuration(self) -> Configuration:
        """Italy: holidays by their own group, the nights of working days at half price."""
        calendar = WorkCalendar("italy", days={date(2026, 3, 3): DayKind.SPECIAL})
        rules = (
            PeriodRule(window_from(["special"], 0, 86_400), None, HOLIDAY),
            PeriodRule(window_from(["working"], 20 * 3600, 8 * 3600), Decimal("0.5")),
        )
        world = World()
        world.more_groups = [group(HOLIDAY, "holiday", ("39", "0|0:0.01/60/1"))]
        configuration = world.configuration()
        sell = replace(
            configuration.rate_groups[SELL], periods=PeriodSchedule(ROME, rules, calendar)
        )
        return replace(configuration, rate_groups={**configuration.rate_groups, SELL: sell})

    def test_the_rule_that_holds_in_the_zone_of_the_group(
        self, configuration: Configuration
    ) -> None:
        night = ask(configuration, when=datetime(2026, 3, 4, 20, 0, tzinfo=UTC))
        (candidate,) = night.customer.candidates
        assert candidate.period == (
            "Wed 2026-03-04 21:00:00 Europe/Rome (+01:00) is a working day by calendar italy; "
            "period 2 (working days, 20:00 to 08:00 of the next day): the normal price × 0.5"
        )
        assert words(night)[:2] == [
            "Priced by the account's rate group (sell), prefix 39: 0.06 per 60 s, charged in steps "
            "of 60 s; in this period × 0.5.",
            "60 s at 0.06 per 60 s, charged in steps of 60 s: 1 step of 0.06 = 0.06, × 0.5 = 0.03.",
        ]

    def test_a_named_day_with_its_own_group(self, configuration: Configuration) -> None:
        holiday = ask(configuration, when=datetime(2026, 3, 3, 12, 0, tzinfo=UTC))
        (candidate,) = holiday.customer.candidates
        assert candidate.period.endswith(
            "is a special day by calendar italy, which names the day; "
            "period 1 (special days, all day): the prices of rate group holiday"
        )
        assert [(row.group, row.verdict) for row in candidate.rows] == [
            ("sell", "the period has a price of its own"),
            ("holiday", "chosen"),
        ]

    def test_no_period(self, configuration: Configuration) -> None:
        day = ask(configuration, when=datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
        assert day.customer.candidates[0].period.endswith("; no period holds")

    def test_a_call_that_is_split(self, configuration: Configuration) -> None:
        """To midnight of a holiday at a cent a minute, then the second half at the half price."""
        sell = replace(configuration.rate_groups[SELL], boundary=Boundary.SPLIT)
        split = replace(configuration, rate_groups={**configuration.rate_groups, SELL: sell})
        explained = ask(split, 150, when=datetime(2026, 3, 3, 22, 58, 30, tzinfo=UTC))
        assert words(explained)[1:6] == [
            "From Tue 2026-03-03 23:58:30 Europe/Rome (+01:00), seconds 1 to 90, prefix 39.",
            "90 s at 0.01 per 60 s, charged by the second = 0.015.",
            "From Wed 2026-03-04 00:00:00 Europe/Rome (+01:00), seconds 91 to 150, prefix 39.",
            "60 s at 0.06 per 60 s, charged in steps of 60 s: 1 step of 0.06 = 0.06.",
            "Together 0.075.",
        ]

    def test_a_part_that_an_earlier_step_has_paid(self) -> None:
        later = (PeriodPrice(50, "39", pricing().tariff, multiplier=Decimal(2)),)
        price = replace(pricing(), later=later, split=True)
        said = bill_words(price_duration(price, 60, 0), UTC_ZONE, EVERY_SECOND)
        assert said[2] == (
            "From Thu 1970-01-01 00:00:50 UTC, seconds 51 to 60, prefix 39, × 2: "
            "paid with a step that began before."
        )


PACKAGE = ActivePackage(
    51,
    "Weekend",
    CUSTOMER,
    NOW - timedelta(days=1),
    NOW + timedelta(days=1),
    has_gift=True,
    free=(FreeSeconds(61, ("39",), cycle_s=30),),
)


class TestBenefits:
    @pytest.fixture
    def world(self) -> World:
        world = World()
        world.packages = [PACKAGE]
        return world

    def till(self, left_s: int, **package: str) -> Till:
        return Till(packages={51: package_funds(**package)}, allowances={61: Allowance(left_s, 0)})

    def test_free_seconds_then_gift_money_then_the_balance(self, world: World) -> None:
        explained = ask(world, 130, till=self.till(70, gift="0.05"))
        assert words(explained)[1:] == [
            "Package Weekend gives 70 free seconds (in steps of 30 s; 70 s were left).",
            "70 s are free: the other 60 s are priced as a call of their own.",
            "60 s at 0.06 per 60 s, charged in steps of 60 s: 1 step of 0.06 = 0.06.",
            "Net 0.06 EUR: nothing to round.",
            "Gift money of package Weekend pays 0.05 EUR (0.05 was left).",
            "The balance pays 0.01 EUR.",
        ]

    def test_all_of_it_is_free(self, world: World) -> None:
        explained = ask(world, 50, till=self.till(300))
        assert words(explained)[1:] == [
            "Package Weekend gives 60 free seconds (in steps of 30 s; 300 s were left).",
            "50 s are free: all of it.",
            "The balance pays 0.00 EUR.",
        ]

    def test_nothing_left(self, world: World) -> None:
        assert words(ask(world, 60, till=self.till(0)))[1] == (
            "No free seconds are left for this call (package Weekend)."
        )

    def test_a_package_that_gives_nothing_yet(self, world: World) -> None:
        """Its period rate is not chosen either, though it would be the cheapest."""
        rules = (PeriodRule(window_from([], 0, 86_400), Decimal("0.5")),)
        world.packages = [replace(PACKAGE, periods=PeriodSchedule(UTC_ZONE, rules))]
        till = self.till(300, gift="1", consumption="3.2", effective_consumption="10")
        explained = ask(world, 60, till=till)
        assert [(c.source, c.outcome) for c in explained.customer.candidates] == [
            ("package Weekend", "not_effective"),
            ("rate group", "chosen"),
        ]
        assert words(explained)[-1] == (
            "Package Weekend gives nothing yet: 3.20 of 10.00 consumed in this period."
        )
        effective = ask(world, 60, till=self.till(0, effective_consumption="0"))
        assert [(c.source, c.outcome) for c in effective.customer.candidates] == [
            ("package Weekend", "chosen"),
            ("rate group", "dearer"),
        ]

    def test_a_package_outside_its_periods(self, world: World) -> None:
        rules = (PeriodRule(window_from(["sat"], 0, 86_400), Decimal("0.5")),)
        world.packages = [replace(PACKAGE, periods=PeriodSchedule(UTC_ZONE, rules))]
        package, _ = ask(world, till=self.till(0)).customer.candidates
        assert (package.outcome, package.rows) == ("no_price", ())
        assert package.why == "no period of the package holds at this time"

    def test_the_monthly_maximum_of_a_phone(self) -> None:
        """Spec B5: maximum 30, used 29.90, 0.10 a minute: one minute fits, two do not."""
        world = World(sell_rates=[rate("39", parse_tariff("0|0:0.1/60/60"))])
        world.phones = [Phone(301, "4420", CUSTOMER, monthly_maximum=Decimal(30))]
        till = Till(months={(301, "2026-03-01"): MonthUse(Decimal("29.90"), Decimal(0))})
        explained = ask(world, 60, phone="4420", till=till)
        assert explained.month is not None
        assert month_words(explained.month, Decimal("0.10"), "EUR") == (
            "Phone 4420 may spend 30.00 EUR a month: 29.90 spent, 0.10 left; "
            "this call of 0.10 fits."
        )
        assert month_words(explained.month, Decimal("0.20"), "EUR").endswith("does not fit.")
