"""Which kind of day a date is (spec §9.3)."""

from datetime import date

import pytest

from controller.domain.calendars import NO_NAMED_DAYS, WEEKDAYS, DayKind, WorkCalendar

ITALY = WorkCalendar(
    "italy",
    days={
        date(2026, 4, 6): DayKind.NON_WORKING,  # Easter Monday
        date(2026, 5, 1): DayKind.NON_WORKING,
        date(2026, 5, 9): DayKind.WORKING,  # a Saturday that is worked
        date(2026, 12, 31): DayKind.SPECIAL,
    },
)
EMIRATES = WorkCalendar("emirates", frozenset({1, 2, 3, 4}))

KINDS = [
    # calendar   day                 kind           why
    (ITALY, "2026-05-04", "working", "a Monday"),
    (ITALY, "2026-05-08", "working", "a Friday"),
    (ITALY, "2026-05-16", "non_working", "a Saturday"),
    (ITALY, "2026-05-17", "non_working", "a Sunday"),
    (ITALY, "2026-04-06", "non_working", "a Monday, but named"),
    (ITALY, "2026-05-01", "non_working", "a Friday, but named"),
    (ITALY, "2027-05-03", "working", "a name is for one year"),
    (ITALY, "2026-05-09", "working", "a Saturday, but named"),
    (ITALY, "2026-12-31", "special", "a Thursday, but named"),
    (ITALY, "2026-12-30", "working", "the day before"),
    (EMIRATES, "2026-05-07", "working", "a Thursday"),
    (EMIRATES, "2026-05-08", "non_working", "Fridays are free there"),
    (NO_NAMED_DAYS, "2026-05-01", "working", "no holidays are known"),
    (NO_NAMED_DAYS, "2026-05-02", "non_working", "only the week"),
    (NO_NAMED_DAYS, "2024-02-29", "working", "a leap day is a day"),
]


@pytest.mark.parametrize(("calendar", "day", "kind", "why"), KINDS)
def test_kind_of_day(calendar: WorkCalendar, day: str, kind: str, why: str) -> None:
    assert calendar.kind(date.fromisoformat(day)) == kind, why


def test_weekday_names_are_those_of_the_week() -> None:
    names = {date(2026, 5, 3 + weekday).strftime("%a").lower() for weekday in WEEKDAYS.values()}
    assert names == set(WEEKDAYS)
    for name, weekday in WEEKDAYS.items():
        day = date(2026, 5, 3 + weekday)
        assert day.isoweekday() == weekday
        assert day.strftime("%a").lower() == name
