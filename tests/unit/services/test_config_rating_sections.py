"""Calendars, period rates, phones, packages, orders and parameters: what a file may say of them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.calendars import DayKind
from controller.domain.configuration import CallParameters, RateSelection
from controller.domain.rates import Boundary, RateType
from controller.domain.sections import SectionMode
from controller.domain.subscriptions import OnInsufficient
from controller.services.config_as_code.specs import (
    PLATFORM,
    CalendarDay,
    CalendarSpec,
    FreeSecondsSpec,
    PackageOrderSpec,
    PackageSpec,
    PeriodRateSpec,
    PhoneSpec,
    RateGroupSpec,
)
from controller.services.config_as_code.values import END_OF_DAY, MIDNIGHT, Clock
from tests.unit.services.config_texts import RATED, problems, read

NIGHT = PeriodRateSpec(("sat", "sun", "special"), Clock(79_200), Clock(21_630), Decimal("0.5"))


def test_a_file_with_every_section_is_sound() -> None:
    assert read(RATED).problems == ()


def test_every_field_of_a_calendar() -> None:
    reading = read(
        """
        calendars:
          - name: italy
            working_weekdays: [tue, mon, sat]
            days:
              - {day: 2026-12-26, kind: working}
              - {day: 2026-12-25, kind: special, memo: Christmas}
            memo: "a\\nb"
          - {name: plain}
          - {name: resting, working_weekdays: []}
        """
    )
    assert reading.problems == ()
    assert list(reading.wanted.state.calendars.values()) == [
        CalendarSpec(
            "italy",
            ("mon", "tue", "sat"),
            (
                CalendarDay(date(2026, 12, 25), DayKind.SPECIAL, "Christmas"),
                CalendarDay(date(2026, 12, 26), DayKind.WORKING),
            ),
            "a\nb",
        ),
        CalendarSpec("plain", ("mon", "tue", "wed", "thu", "fri")),
        CalendarSpec("resting", ()),
    ]


def test_every_new_field_of_a_rate_group() -> None:
    reading = read(
        """
        rate_groups:
          - name: g
            currency: EUR
            decimals: platform
            section_mode: cumulative_step
            boundary: split
            calendar: italy
            owner: agent
            agents: [z, a]
            period_rates:
              - {days: [special, sun, sat], start: "22:00", end: "06:00:30", multiplier: 0.50}
              - {rate_group: cheap}
        """
    )
    assert reading.problems == ()
    assert reading.wanted.state.rate_groups["g"] == RateGroupSpec(
        name="g",
        currency="EUR",
        decimals=PLATFORM,
        section_mode=SectionMode.CUMULATIVE_STEP,
        boundary=Boundary.SPLIT,
        calendar="italy",
        owner="agent",
        agents=("a", "z"),
        period_rates=(NIGHT, PeriodRateSpec((), MIDNIGHT, END_OF_DAY, None, "cheap")),
    )


def test_sections_of_rates_are_read_in_the_mode_of_their_group() -> None:
    text = """
    rate_groups:
      - name: g
        currency: EUR
        section_mode: {}
        rates:
          - {{prefix: 39, tiers: "0|0:0.05/60/60", sections: "60:0.10;120:0.18;100:0.25"}}
    """
    assert problems(text.format("increment")) == []
    assert problems(text.format("cumulative_step")) == [
        "line 7: section 3 (100:0.25): is not longer than 120 s before it"
    ]


def test_every_field_of_a_phone() -> None:
    reading = read(
        """
        phones:
          - number: 0390210001
            account: acme
            rate_group: own
            authorization: local
            dids: [390210009, 390210008]
            locked: true
            locked_in: true
            monthly_minimum: 20
            monthly_maximum: 30.5
            monthly_rent: 5
            lines_in: 1
            lines_out: 2
            lines_total: 3
            memo: m
        """
    )
    assert reading.problems == ()
    assert reading.wanted.state.phones == {
        "0390210001": PhoneSpec(
            "0390210001",
            "acme",
            "own",
            RateType.LOCAL,
            ("390210008", "390210009"),
            True,
            True,
            Decimal(20),
            Decimal("30.5"),
            Decimal(5),
            1,
            2,
            3,
            "m",
        )
    }


def test_every_field_of_a_package_and_of_an_order() -> None:
    reading = read(
        """
        packages:
          - name: p
            currency: USD
            period: once
            period_s: 86400
            rent: 9.99
            alignment: anniversary
            allow_partial_first: true
            gift_money: 10
            minimum_consumption: 3
            effective_consumption: 1
            calendar: italy
            free_seconds:
              - {prefixes: [39, "*"], start: "08:00", end: "24:00", seconds: 6000, cycle_s: 1,
                 memo: day}
            period_rates:
              - {days: [sat, sun, special], start: "22:00", end: "06:00:30", multiplier: 0.5}
            memo: m
        package_orders:
          - key: o
            package: p
            phone: 390210001
            available_from: 2026-01-01T00:00:00+01:00
            expires_at: 2027-01-01
            priority: 0
            on_insufficient: delete
            rent_percent: 12.5
            memo: m
        """
    )
    assert reading.problems == ()
    free = FreeSecondsSpec(("39", "*"), 6000, Clock(28_800), END_OF_DAY, 1, "day")
    assert reading.wanted.state.packages["p"] == PackageSpec(
        "p",
        "USD",
        PackagePeriod.ONCE,
        86_400,
        Decimal("9.99"),
        Alignment.ANNIVERSARY,
        True,
        Decimal(10),
        Decimal(3),
        Decimal(1),
        "italy",
        (free,),
        (NIGHT,),
        "m",
    )
    assert reading.wanted.state.package_orders["o"] == PackageOrderSpec(
        "o",
        "p",
        None,
        "390210001",
        datetime(2025, 12, 31, 23, tzinfo=UTC),
        datetime(2027, 1, 1),  # noqa: DTZ001 - local to a zone that the file need not know
        0,
        OnInsufficient.DELETE,
        Decimal("12.5"),
        "m",
    )


def test_every_parameter_of_billing() -> None:
    reading = read(
        """
        parameters:
          timezone: Europe/Rome
          rate_selection: hierarchy
          expected_duration_s: 180
          free_time_s: 3
          minimum_duration_s: 30
          record_zero_duration: false
          record_server_hangup: false
          fee_precision: 4
          fee_unit: 0.05
          free_numbers: [112, "0800*"]
          unrecorded_free_numbers: ["*31#"]
          route_prefixes: [a, 99]
          second_factor_roles: [administrator, agent]
        """
    )
    assert reading.problems == ()
    assert reading.wanted.parameters == CallParameters(
        timezone="Europe/Rome",
        rate_selection=RateSelection.HIERARCHY,
        expected_duration_s=180,
        free_time_s=3,
        minimum_duration_s=30,
        record_zero_duration=False,
        record_server_hangup=False,
        fee_precision=4,
        fee_unit=Decimal("0.05"),
        free_numbers=("112", "0800*"),
        unrecorded_free_numbers=("*31#",),
        route_prefixes=("a", "99"),
        second_factor_roles=("administrator", "agent"),
    )


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("expected_duration_s: 0", "is not a whole number from 1 to 3600"),
        ("expected_duration_s: 3601", "is not a whole number from 1 to 3600"),
        ("free_time_s: 3601", "is not a whole number from 0 to 3600"),
        ("minimum_duration_s: -1", "is not a whole number from 0 to 3600"),
        ("fee_precision: 11", "is not a whole number from 0 to 10"),
        ("fee_unit: -0.01", "is not an amount from 0 to 1,000,000"),
        ("fee_unit: 0.00000000001", "with at most 10 decimals"),
        ("fee_unit: 1000001", "is not an amount from 0 to 1,000,000"),
        ("timezone: Rome", "is not an IANA time zone"),
        ("rate_selection: best", "is none of cheapest, hierarchy"),
        ("free_numbers: ['*']", "is not a number such as 112 or a beginning such as 0800*"),
        ("free_numbers: ['1*2', '08**']", "'08**' is not a number"),
        ("free_numbers: [sos]", "is not a number"),
        ("unrecorded_free_numbers: ['+39']", "is not a number"),
        ("free_numbers: 112", "expected a list"),
        ("route_prefixes: ['a b']", "is not a prefix of 1 to 16 letters and digits"),
        ("second_factor_roles: [god]", "is none of administrator, agent, customer"),
        ("route_prefixes: ['']", "is not a prefix of 1 to 16 letters and digits"),
        ("route_prefixes: [aaaaaaaaaaaaaaaaa]", "is not a prefix of 1 to 16 letters and digits"),
        (f"free_numbers: [{', '.join(map(str, range(1001)))}]", "more than 1000 entries"),
        (f"route_prefixes: [{', '.join(map(str, range(101)))}]", "more than 100 entries"),
    ],
)
def test_a_wrong_parameter(parameter: str, expected: str) -> None:
    (found,) = problems(f"parameters:\n  quantum_s: 60\n  {parameter}")
    assert found.startswith("line 3: ")
    assert expected in found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("days: [{kind: special}]", "line 3: day is missing"),
        ("days: [{day: 2026-12-25}]", "line 3: kind is missing"),
        ("days: [{day: 2026-02-30, kind: working}]", "line 3: day: '2026-02-30' is not a date"),
        ("days: [{day: 20261225, kind: working}]", "line 3: day: '20261225' is not a date"),
        ("days: [{day: 1999-12-31, kind: working}]", "from 2000 to 2199"),
        ("days: [{day: 2026-12-25, kind: holiday}]", "none of working, non_working, special"),
        (
            "days:\n      - {day: 2026-12-25, kind: special}\n"
            "      - {day: 2026-12-25, kind: working}",
            "line 5: 2026-12-25 is in line 4 already",
        ),
        ("working_weekdays: [monday]", "(did you mean 'mon'?)"),
        ("working_weekdays: [mon, mon]", "'mon' comes twice"),
        ("working_weekdays: [special]", "is none of mon, tue"),
    ],
)
def test_a_wrong_calendar(fields: str, expected: str) -> None:
    (found,) = problems(f"calendars:\n  - name: c\n    {fields}")
    assert expected in found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{days: [sat]}", "a period rate needs either 'multiplier' or 'rate_group'"),
        ("{multiplier: 1, rate_group: g}", "needs either 'multiplier' or 'rate_group'"),
        ("{multiplier: -1}", "is not an amount from 0 to 1,000"),
        ("{multiplier: 1000.1}", "is not an amount from 0 to 1,000"),
        ("{multiplier: 0.0000001}", "more than 6 decimals"),
        ("{multiplier: 50%}", "is not an amount"),
        ("{days: [weekend], multiplier: 1}", "is none of mon, tue, wed"),
        ("{days: [special], multiplier: 1}", "special days need a calendar"),
        ("{start: 8, multiplier: 1}", "start: '8' is not a time of day from 00:00 to 24:00"),
        ("{start: '8:00', multiplier: 1}", "is not a time of day"),
        ("{end: '24:01', multiplier: 1}", "is not a time of day"),
        ("{end: '24:00:01', multiplier: 1}", "is not a time of day"),
        ("{end: '12:60', multiplier: 1}", "is not a time of day"),
        ("{start: '24:00', multiplier: 1}", "a day begins at 00:00, not at 24:00"),
        ("{from: '08:00', multiplier: 1}", "unknown key 'from'"),
        ("half", "period_rates: expected a mapping of fields"),
    ],
)
@pytest.mark.parametrize(
    "owner",
    [
        "rate_groups:\n  - name: x\n    currency: USD\n",
        "packages:\n  - name: x\n    currency: USD\n    period: month\n",
    ],
)
def test_a_wrong_period_rate(owner: str, rule: str, expected: str) -> None:
    (found,) = problems(f"{owner}    period_rates:\n      - {rule}")
    assert expected in found
    assert found.startswith(f"line {owner.count(chr(10)) + 2}: ")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("period: fortnight", "is none of day, week, month, year, once"),
        ("memo: x", "period is missing"),
        ("period: once", "period_s belongs to a package with 'period: once'"),
        ("period: month\n    period_s: 60", "period_s belongs to a package with 'period: once'"),
        ("period: once\n    period_s: 59", "is not a whole number from 60 to"),
        ("period: day\n    rent: -1", "rent: '-1' is not an amount"),
        ("period: day\n    gift_money: free", "gift_money: 'free' is not an amount"),
        ("period: day\n    alignment: month", "is none of calendar, anniversary"),
        ("period: day\n    free_seconds: [{seconds: 60}]", "prefixes is missing"),
        ("period: day\n    free_seconds: [{prefixes: [39]}]", "seconds is missing"),
        ("period: day\n    free_seconds: [{prefixes: [39], seconds: 0}]", "from 1 to 100000000"),
        ("period: day\n    free_seconds: [{prefixes: [3x], seconds: 60}]", "neither digits nor"),
        (
            "period: day\n    free_seconds: [{prefixes: [39], seconds: 30}]",
            "cycle_s is longer than the free seconds",
        ),
        (
            "period: day\n    free_seconds: [{prefixes: [39], seconds: 90, cycle_s: 0}]",
            "cycle_s: '0' is not a whole number from 1 to 86400",
        ),
    ],
)
def test_a_wrong_package(fields: str, expected: str) -> None:
    (found,) = problems(f"packages:\n  - name: p\n    currency: USD\n    {fields}")
    assert expected in found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("{available_from: 2026-01-01}", "an order needs either 'account' or 'phone'"),
        ("{account: a, phone: 1, available_from: 2026-01-01}", "needs either 'account' or 'phone'"),
        ("{account: a}", "available_from is missing"),
        ("{account: a, available_from: today}", "is not an ISO 8601 date or time"),
        ("{account: a, available_from: 0026-01-01}", "from 2000 to 2199"),
        ("{account: a, available_from: 2026-01-01, rent_percent: 100.5}", "is not 0 to 100"),
        ("{account: a, available_from: 2026-01-01, priority: -1}", "from 0 to 999999999"),
        (
            "{account: a, available_from: 2026-01-01, on_insufficient: wait}",
            "is none of wait_recharge, wait_period, delete",
        ),
        ("{phone: +39, available_from: 2026-01-01}", "is not a number of 1 to 32 digits"),
    ],
)
def test_a_wrong_order(fields: str, expected: str) -> None:
    text = f"package_orders:\n  - {fields.replace('{', '{key: k, package: p, ', 1)}"
    found = problems(text)
    assert expected in found[-1]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("number: +39021", "is not a number of 1 to 32 digits"),
        ("number: 39a", "is not a number of 1 to 32 digits"),
        ("monthly_maximum: 5, monthly_minimum: 6", "monthly_maximum is below monthly_minimum"),
        ("monthly_rent: -1", "is not an amount"),
        ("authorization: everything", "is none of net, local, domestic, international"),
        ("password: x", "unknown key 'password'"),
    ],
)
def test_a_wrong_phone(fields: str, expected: str) -> None:
    number = "" if "number" in fields else "number: 39021, "
    found = problems(f"phones: [{{{number}account: a, {fields}}}]")
    assert expected in found[0]
    assert len(found) == 1


def test_a_number_is_one_phone() -> None:
    text = "phones:\n  - {number: 39021, account: a}\n  - {number: 39021, account: b}\n"
    assert problems(text) == ["line 3: '39021' is defined in line 2 already"]
