"""Which packages a call may use, in which order, and where their free seconds hold (spec §2.9)."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.packages import (
    ActivePackage,
    FreeSeconds,
    PackageShelf,
    second_of_day,
    shelve,
)
from controller.domain.periods import DAY_S

MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def clock_s(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return hours * 3600 + minutes * 60 + seconds


COVERED = [
    # prefixes   from        to          number          at          covered  why
    ("39", "00:00:00", "24:00:00", "390212345678", "12:00:00", True, "the prefix"),
    ("39", "00:00:00", "24:00:00", "39", "12:00:00", True, "the prefix and no more"),
    ("39", "00:00:00", "24:00:00", "3", "12:00:00", False, "less than the prefix"),
    ("39", "00:00:00", "24:00:00", "4939", "12:00:00", False, "not at the beginning"),
    ("39 44", "00:00:00", "24:00:00", "442071234567", "12:00:00", True, "any of them"),
    ("39 44", "00:00:00", "24:00:00", "4930", "12:00:00", False, "none of them"),
    ("*", "00:00:00", "24:00:00", "4930", "12:00:00", True, "everywhere"),
    ("", "00:00:00", "24:00:00", "4930", "12:00:00", False, "nowhere"),
    ("*", "00:00:00", "24:00:00", "4930", "00:00:00", True, "all day"),
    ("*", "00:00:00", "24:00:00", "4930", "23:59:59", True, "to its last second"),
    ("*", "08:00:00", "20:00:00", "4930", "07:59:59", False, "too early"),
    ("*", "08:00:00", "20:00:00", "4930", "08:00:00", True, "from the start"),
    ("*", "08:00:00", "20:00:00", "4930", "19:59:59", True, "until the end"),
    ("*", "08:00:00", "20:00:00", "4930", "20:00:00", False, "the end is outside"),
    ("*", "22:00:00", "06:00:00", "4930", "21:59:59", False, "before the night"),
    ("*", "22:00:00", "06:00:00", "4930", "22:00:00", True, "in the night"),
    ("*", "22:00:00", "06:00:00", "4930", "00:00:00", True, "at midnight"),
    ("*", "22:00:00", "06:00:00", "4930", "05:59:59", True, "in the morning of the night"),
    ("*", "22:00:00", "06:00:00", "4930", "06:00:00", False, "after it"),
    ("*", "22:00:00", "00:00:00", "4930", "23:59:59", True, "00:00 is the end of the day"),
    ("*", "22:00:00", "00:00:00", "4930", "00:00:00", False, "and not the next one"),
    ("*", "09:00:00", "09:00:00", "4930", "08:59:59", True, "ends when it starts: always"),
    ("*", "00:00:00", "00:00:00", "4930", "12:00:00", True, "from midnight to midnight"),
    ("44", "22:00:00", "06:00:00", "4930", "23:00:00", False, "the right time, another place"),
]


@pytest.mark.parametrize(("prefixes", "start", "end", "number", "at", "covered", "why"), COVERED)
def test_what_free_seconds_cover(
    prefixes: str, start: str, end: str, number: str, at: str, covered: bool, why: str
) -> None:
    free = FreeSeconds(1, tuple(prefixes.split()), clock_s(start), clock_s(end))
    assert free.covers(number, clock_s(at)) == covered, why


day_seconds = st.integers(0, DAY_S - 1)


@given(day_seconds, day_seconds, day_seconds)
def test_a_time_of_day_and_the_rest_of_the_day_cover_every_second_once(
    start_s: int, end_s: int, second: int
) -> None:
    inside = FreeSeconds(1, ("*",), start_s, end_s).covers("39", second)
    outside = FreeSeconds(1, ("*",), end_s, start_s).covers("39", second)
    assert inside != outside or (start_s == end_s and inside)


def package(
    active_id: int,
    priority: int | None = None,
    ends: datetime = JUNE,
    account_id: int = 1,
    phone_id: int | None = None,
) -> ActivePackage:
    return ActivePackage(active_id, f"p{active_id}", account_id, MAY, ends, phone_id, priority)


def ids(packages: tuple[ActivePackage, ...]) -> list[int]:
    return [found.active_id for found in packages]


def test_order_of_one_owners_packages_however_they_are_given() -> None:
    """Smallest priority, none last; then the one that ends first; then the older one."""
    ordered = [
        package(9, priority=-1, ends=JULY),
        package(8, priority=0, ends=JULY),
        package(3, priority=1, ends=JUNE),
        package(2, priority=1, ends=JULY),
        package(5, priority=1, ends=JULY),
        package(7, ends=JUNE),
        package(1, ends=JULY),
    ]
    for given_in in permutations(ordered):
        assert shelve(list(given_in)).of_account == {1: tuple(ordered)}


def test_a_phones_packages_come_before_its_accounts_whatever_their_priority() -> None:
    shelf = shelve(
        [
            package(1, priority=1),
            package(2, priority=9, phone_id=7),
            package(3, phone_id=7),
            package(4, priority=0, phone_id=8),
            package(5, priority=0, account_id=2),
        ]
    )
    assert ids(shelf.usable(1, 7, MAY)) == [2, 3, 1]
    assert ids(shelf.usable(1, 8, MAY)) == [4, 1]
    assert ids(shelf.usable(1, None, MAY)) == [1]
    assert ids(shelf.usable(1, 99, MAY)) == [1]
    assert ids(shelf.usable(2, None, MAY)) == [5]
    assert ids(shelf.usable(3, None, MAY)) == []


def test_only_packages_of_the_period_are_used() -> None:
    second = timedelta(seconds=1)
    shelf = shelve([package(1, ends=JUNE), package(2, ends=JULY)])
    table = [
        (MAY - second, [], "before both"),
        (MAY, [1, 2], "the period's first instant"),
        (JUNE - second, [1, 2], "the last second of the first"),
        (JUNE, [2], "its end is outside"),
        (JULY, [], "after both"),
    ]
    for when, expected, why in table:
        assert ids(shelf.usable(1, None, when)) == expected, why


def test_an_empty_shelf_has_nothing() -> None:
    assert PackageShelf().usable(1, 1, MAY) == ()
    assert shelve([]) == PackageShelf()


WALL = [
    # zone                  UTC                    wall clock   why
    ("UTC", "2026-05-06 12:34:56", "12:34:56", "as it is"),
    ("Asia/Kolkata", "2026-05-06 18:29:59", "23:59:59", "the last second of a day"),
    ("Asia/Kolkata", "2026-05-06 18:30:00", "00:00:00", "the first of the next"),
    ("America/New_York", "2026-01-01 04:59:59", "23:59:59", "still the old year"),
    ("Europe/Rome", "2026-03-29 00:59:59", "01:59:59", "the day of 23 hours, before its gap"),
    ("Europe/Rome", "2026-03-29 01:00:00", "03:00:00", "02:00 is not shown"),
    ("Europe/Rome", "2026-03-29 21:59:59", "23:59:59", "the 82,800th second ends the day"),
    ("Europe/Rome", "2026-10-25 00:30:00", "02:30:00", "the day of 25 hours, once"),
    ("Europe/Rome", "2026-10-25 01:30:00", "02:30:00", "and again"),
    ("Europe/Rome", "2026-10-25 22:59:59", "23:59:59", "the 90,000th second ends the day"),
    ("Australia/Lord_Howe", "2026-04-04 14:59:59", "01:59:59", "before the wall goes back"),
    ("Australia/Lord_Howe", "2026-04-04 15:00:00", "01:30:00", "by half an hour"),
    ("America/Sao_Paulo", "2018-11-04 02:59:59", "23:59:59", "Saturday's last second"),
    ("America/Sao_Paulo", "2018-11-04 03:00:00", "01:00:00", "Sunday began an hour late"),
    ("America/Sao_Paulo", "2018-02-18 02:00:00", "23:00:00", "Saturday's last hour again"),
]


@pytest.mark.parametrize(("zone", "instant", "wall", "why"), WALL)
def test_second_of_day_is_what_the_wall_shows(zone: str, instant: str, wall: str, why: str) -> None:
    when = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert second_of_day(when, ZoneInfo(zone)) == clock_s(wall), why
    assert second_of_day(when.astimezone(ZoneInfo("Asia/Tokyo")), ZoneInfo(zone)) == clock_s(wall)
