"""Periods of rents: months that lack a day, leap years, days of 23 and 25 hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.billing_periods import (
    Alignment,
    Cycle,
    PackagePeriod,
    Period,
    cycle_of,
    local_midnight,
    months_of,
)

DAY, WEEK, MONTH, YEAR, ONCE = PackagePeriod
CALENDAR, ANNIVERSARY = Alignment
PARIS = ZoneInfo("Europe/Paris")


def starts(cycle: Cycle, first: str, count: int) -> list[str]:
    """Local days on which periods begin, from the one that holds a local day on."""
    when = local_midnight(date.fromisoformat(first), cycle.zone)
    found = []
    for _ in range(count):
        period = cycle.period_at(when)
        found.append(f"{period.start.astimezone(cycle.zone):%Y-%m-%d}")
        when = period.end
    return found


def cycle(kind: PackagePeriod, alignment: Alignment, day: str, zone: str = "UTC") -> Cycle:
    return cycle_of(kind, alignment, date.fromisoformat(day), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("kind", "alignment", "ordered", "begins"),
    [
        (DAY, CALENDAR, "2026-02-27", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (DAY, ANNIVERSARY, "2026-02-27", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        # 5 March 2026 is a Thursday
        (WEEK, CALENDAR, "2026-03-05", ["2026-03-02", "2026-03-09", "2026-03-16"]),
        (WEEK, ANNIVERSARY, "2026-03-05", ["2026-03-05", "2026-03-12", "2026-03-19"]),
        (MONTH, CALENDAR, "2026-01-31", ["2026-01-01", "2026-02-01", "2026-03-01"]),
        (MONTH, ANNIVERSARY, "2026-01-15", ["2026-01-15", "2026-02-15", "2026-03-15"]),
        (
            MONTH,
            ANNIVERSARY,
            "2026-01-31",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        (MONTH, ANNIVERSARY, "2028-01-30", ["2028-01-30", "2028-02-29", "2028-03-30"]),
        (MONTH, ANNIVERSARY, "2026-12-29", ["2026-12-29", "2027-01-29", "2027-02-28"]),
        (YEAR, CALENDAR, "2026-07-14", ["2026-01-01", "2027-01-01"]),
        (
            YEAR,
            ANNIVERSARY,
            "2028-02-29",
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
    ],
)
def test_periods_of_an_order(
    kind: PackagePeriod, alignment: Alignment, ordered: str, begins: list[str]
) -> None:
    assert starts(cycle(kind, alignment, ordered), ordered, len(begins)) == begins


def test_the_anchor_counts_backward_too() -> None:
    thirty_first = cycle(MONTH, ANNIVERSARY, "2026-05-31")
    assert starts(thirty_first, "2026-02-27", 3) == ["2026-01-31", "2026-02-28", "2026-03-31"]


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Europe/Paris", "2026-03-29", "2026-03-28T23:00Z", 23),
        ("Europe/Paris", "2026-10-25", "2026-10-24T22:00Z", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00Z", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z", 25),
        # the clock goes from 23:59 to 01:00: the day begins at 01:00
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23),
        # the clock goes from 24:00 back to 23:00: the day before is the longer one
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00Z", 25),
        # midnight comes twice: the day begins at the first
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z", 25),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30Z", 23.5),
        ("Asia/Kathmandu", "2026-06-01", "2026-05-31T18:15Z", 24),
    ],
)
def test_days_with_changes_of_the_clock(zone: str, day: str, begins: str, hours: float) -> None:
    found = cycle(DAY, CALENDAR, day, zone).period_at(datetime.fromisoformat(begins))
    assert found.start == datetime.fromisoformat(begins)
    assert found.start == local_midnight(date.fromisoformat(day), ZoneInfo(zone))
    assert found.end - found.start == timedelta(hours=hours)


def test_a_month_in_which_summer_time_begins() -> None:
    march = months_of(PARIS).period_at(datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
    assert march.start == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
    assert march.end == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    assert months_of(PARIS).days(march) == 31


def test_once_has_no_cycle() -> None:
    with pytest.raises(ValueError, match="does not come again"):
        cycle(ONCE, CALENDAR, "2026-01-01")


ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "America/Sao_Paulo",
        "America/Havana",
        "America/St_Johns",
        "Asia/Gaza",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
    ]
)
CYCLES = st.builds(
    cycle_of,
    st.sampled_from([DAY, WEEK, MONTH, YEAR]),
    st.sampled_from(list(Alignment)),
    st.dates(date(2000, 1, 1), date(2040, 12, 31)),
    ZONES.map(ZoneInfo),
)
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2045, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(CYCLES, MOMENTS)
def test_periods_tile_time(found: Cycle, when: datetime) -> None:
    """Each instant is in one period; the next begins where it ends, and holds that instant."""
    period = found.period_at(when)
    assert period.start <= when < period.end
    assert found.period_at(period.start) == period
    assert found.period_at(period.end - timedelta(microseconds=1)) == period
    following = found.period_at(period.end)
    assert following.start == period.end < following.end
    before = found.period_at(period.start - timedelta(microseconds=1))
    assert before.end == period.start


@given(CYCLES, MOMENTS)
def test_periods_begin_and_end_at_a_local_midnight(found: Cycle, when: datetime) -> None:
    period = found.period_at(when)
    for edge in (period.start, period.end):
        days = {edge.astimezone(found.zone).date() + timedelta(days=n) for n in (-1, 0, 1)}
        assert edge in {local_midnight(day, found.zone) for day in days}


@given(CYCLES, MOMENTS)
def test_a_period_has_its_length_in_days(found: Cycle, when: datetime) -> None:
    # Samoa left out 30 December 2011: whoever counts days there counts it too
    lengths = {DAY: (1, 2), WEEK: (7, 8), MONTH: (28, 32), YEAR: (365, 366)}
    least, most = lengths[found.kind]
    assert least <= found.days(found.period_at(when)) <= most


@given(st.dates(date(2000, 1, 1), date(2040, 12, 31)), st.integers(1, 60))
def test_anniversaries_return_to_the_anchor_day(day: date, months: int) -> None:
    monthly = cycle_of(MONTH, ANNIVERSARY, day, ZoneInfo("UTC"))
    start = monthly.period_at(datetime.combine(day, datetime.min.time(), UTC)).start
    for _ in range(months):
        start = monthly.period_at(start).end
    last = (start.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    assert start.day == min(day.day, last.day)


def test_a_period_holds_its_start_and_not_its_end() -> None:
    day = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert day.holds(day.start)
    assert not day.holds(day.end)
