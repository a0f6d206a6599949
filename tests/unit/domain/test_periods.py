"""Periods of the day and week: tables at each kind of boundary, and the schedule's two questions
held against each other and against a model that knows no short cut.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.domain.calendars import DayKind, WorkCalendar
from controller.domain.errors import InvalidInput
from controller.domain.periods import (
    DAY_S,
    PeriodRule,
    PeriodSchedule,
    Window,
    day_names,
    window_from,
)

ROME = ZoneInfo("Europe/Rome")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = ZoneInfo("Asia/Kolkata")
HALF = Decimal("0.5")


def seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def rule(days: str, start: str, end: str, multiplier: Decimal = HALF) -> PeriodRule:
    window = window_from(days.split(), seconds(start), seconds(end))
    return PeriodRule(window, multiplier)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CALENDAR = WorkCalendar(
    "test",
    days={
        date(2026, 2, 1): DayKind.SPECIAL,  # a Sunday, the first of a month
        date(2026, 5, 1): DayKind.NON_WORKING,  # a Friday
        date(2026, 5, 9): DayKind.WORKING,  # a Saturday
    },
)

HOLDS = [
    # days               from     to       wall clock in Kolkata  holds   why
    ("", "00:00", "24:00", "2026-05-06 00:00", True, "every day, all day"),
    ("", "00:00", "24:00", "2026-05-06 23:59", True, "to its end"),
    ("", "08:00", "20:00", "2026-05-06 07:59", False, "before it begins"),
    ("", "08:00", "20:00", "2026-05-06 08:00", True, "when it begins"),
    ("", "08:00", "20:00", "2026-05-06 19:59", True, "its last minute"),
    ("", "08:00", "20:00", "2026-05-06 20:00", False, "its end is outside"),
    ("wed", "08:00", "24:00", "2026-05-06 23:59", True, "24:00 is the end of the day"),
    ("wed", "08:00", "24:00", "2026-05-07 00:00", False, "and no part of the next"),
    ("wed", "08:00", "00:00", "2026-05-06 23:59", True, "00:00 as an end means the same"),
    ("wed", "08:00", "00:00", "2026-05-07 00:00", False, "as 24:00"),
    ("fri", "22:00", "06:00", "2026-05-08 21:59", False, "Friday night begins at 22:00"),
    ("fri", "22:00", "06:00", "2026-05-08 22:00", True, "here"),
    ("fri", "22:00", "06:00", "2026-05-09 05:59", True, "Saturday's first hours are Friday night"),
    ("fri", "22:00", "06:00", "2026-05-09 06:00", False, "until 6"),
    ("fri", "22:00", "06:00", "2026-05-08 05:59", False, "Friday's own first hours are Thursday's"),
    ("fri", "22:00", "06:00", "2026-05-09 22:00", False, "Saturday night is not in it"),
    ("sun", "09:00", "09:00", "2026-05-10 08:59", False, "ends when it starts: 24 hours"),
    ("sun", "09:00", "09:00", "2026-05-10 09:00", True, "from its start"),
    ("sun", "09:00", "09:00", "2026-05-11 08:59", True, "to the same time on Monday"),
    ("sun", "09:00", "09:00", "2026-05-11 09:00", False, "no longer"),
    ("sun", "00:00", "00:00", "2026-05-10 00:00", True, "from midnight: that whole day"),
    ("sun", "00:00", "00:00", "2026-05-11 00:00", False, "and only that"),
    ("working", "00:00", "24:00", "2026-05-08 12:00", True, "a Friday"),
    ("working", "00:00", "24:00", "2026-05-01 12:00", False, "a Friday that is named"),
    ("working", "00:00", "24:00", "2026-05-09 12:00", True, "a Saturday that is named"),
    ("non_working", "00:00", "24:00", "2026-05-01 12:00", True, "a Friday that is named"),
    ("non_working", "00:00", "24:00", "2026-02-01 12:00", False, "special is not non-working"),
    ("special", "00:00", "24:00", "2026-02-01 00:00", True, "the first of a month"),
    ("special", "00:00", "24:00", "2026-01-31 23:59", False, "the last of the month before"),
    ("special", "22:00", "06:00", "2026-02-02 05:59", True, "the night of the special day"),
    ("special", "22:00", "06:00", "2026-02-01 05:59", False, "not the one before"),
    ("fri special", "00:00", "24:00", "2026-05-01 12:00", True, "named by its weekday"),
    ("fri special", "00:00", "24:00", "2026-02-01 12:00", True, "named by its kind"),
    ("fri special", "00:00", "24:00", "2026-02-02 12:00", False, "by neither"),
    ("sat non_working", "00:00", "24:00", "2026-05-09 12:00", True, "a worked Saturday is one"),
    ("thu", "22:00", "06:00", "2027-01-01 03:00", True, "New Year's night began in the old year"),
    ("sat", "22:00", "06:00", "2026-03-01 05:00", True, "after the 28th comes the 1st"),
]


@pytest.mark.parametrize(("days", "start", "end", "wall", "holds", "why"), HOLDS)
def test_when_a_window_holds(
    days: str, start: str, end: str, wall: str, holds: bool, why: str
) -> None:
    only = rule(days, start, end)
    schedule = PeriodSchedule(KOLKATA, (only,), CALENDAR)
    when = datetime.fromisoformat(wall).replace(tzinfo=KOLKATA)
    assert (schedule.rule_at(when) is only) == holds, why
    assert (schedule.rule_at(when.astimezone(UTC)) is only) == holds, why


def test_the_first_rule_that_holds_decides() -> None:
    night, weekend, rest = (
        rule("", "22:00", "06:00"),
        rule("sat sun", "0:00", "24:00"),
        rule("mon", "08:00", "09:00"),
    )
    schedule = PeriodSchedule(ROME, (night, weekend, rest))
    table = [
        ("2026-05-09 21:00", night, "Saturday, 23:00 in Rome"),
        ("2026-05-09 12:00", weekend, "Saturday noon"),
        ("2026-05-11 06:30", rest, "Monday, 8:30 in Rome"),
        ("2026-05-11 07:30", None, "Monday, 9:30: the normal price"),
    ]
    for when, expected, why in table:
        assert schedule.rule_at(utc(when)) is expected, why


CHANGES = [
    # zone       days    from     to       looked at (UTC)                        open and closed
    (KOLKATA, "", "08:00", "20:00", "2026-05-06 00:00", "2026-05-06 23:00", "06T02:30 06T14:30"),
    (KOLKATA, "", "00:00", "24:00", "2026-05-06 00:00", "2026-05-09 00:00", ""),
    (KOLKATA, "fri", "00:00", "24:00", "2026-05-06 00:00", "2026-05-12 00:00", "07T18:30 08T18:30"),
    (ROME, "", "22:00", "06:00", "2026-05-06 00:00", "2026-05-07 12:00",
     "06T04:00 06T20:00 07T04:00"),
    # the day of 25 hours: 02:00 to 03:00 is shown twice
    (ROME, "", "02:00", "03:00", "2026-10-24 22:00", "2026-10-25 22:00", "25T00:00 25T02:00"),
    (ROME, "", "02:00", "02:30", "2026-10-24 22:00", "2026-10-25 22:00",
     "25T00:00 25T00:30 25T01:00 25T01:30"),
    (ROME, "", "02:30", "04:00", "2026-10-24 22:00", "2026-10-25 22:00",
     "25T00:30 25T01:00 25T01:30 25T03:00"),
    (ROME, "sun", "00:00", "24:00", "2026-10-24 00:00", "2026-10-27 00:00", "24T22:00 25T23:00"),
    (ROME, "sat", "22:00", "06:00", "2026-10-24 00:00", "2026-10-27 00:00", "24T20:00 25T05:00"),
    # the day of 23 hours: 02:00 to 03:00 is not shown
    (ROME, "", "02:00", "03:00", "2026-03-28 22:00", "2026-03-29 22:00", ""),
    (ROME, "", "02:15", "02:45", "2026-03-28 22:00", "2026-03-29 22:00", ""),
    (ROME, "", "02:30", "04:00", "2026-03-28 22:00", "2026-03-29 22:00", "29T01:00 29T02:00"),
    (ROME, "", "01:00", "02:30", "2026-03-28 22:00", "2026-03-29 22:00", "29T00:00 29T01:00"),
    (ROME, "sun", "00:00", "24:00", "2026-03-28 00:00", "2026-03-31 00:00", "28T23:00 29T22:00"),
    (NEW_YORK, "", "01:00", "02:00", "2026-11-01 00:00", "2026-11-01 23:00", "01T05:00 01T07:00"),
    # half an hour: at 02:00 (UTC+11) the wall goes back to 01:30 (UTC+10:30), in October forward
    (LORD_HOWE, "", "01:30", "02:00", "2026-04-04 12:00", "2026-04-05 00:00", "04T14:30 04T15:30"),
    (LORD_HOWE, "", "01:45", "03:00", "2026-04-04 12:00", "2026-04-05 00:00",
     "04T14:45 04T15:00 04T15:15 04T16:30"),
    (LORD_HOWE, "", "02:15", "02:45", "2026-10-03 12:00", "2026-10-04 00:00", "03T15:30 03T15:45"),
    # clocks changed at midnight: Saturday's last hour twice, Sunday's first hour never
    (SAO_PAULO, "sat", "23:00", "24:00", "2018-02-17 12:00", "2018-02-18 12:00",
     "18T01:00 18T03:00"),
    (SAO_PAULO, "sat", "23:30", "24:00", "2018-02-17 12:00", "2018-02-18 12:00",
     "18T01:30 18T02:00 18T02:30 18T03:00"),
    (SAO_PAULO, "sat", "23:30", "00:30", "2018-02-17 12:00", "2018-02-18 12:00",
     "18T01:30 18T02:00 18T02:30 18T03:30"),
    (SAO_PAULO, "sun", "00:00", "24:00", "2018-11-03 12:00", "2018-11-05 12:00",
     "04T03:00 05T02:00"),
    (SAO_PAULO, "sun", "00:00", "02:00", "2018-11-03 12:00", "2018-11-05 12:00",
     "04T03:00 04T04:00"),
    (SAO_PAULO, "sat", "23:00", "00:30", "2018-11-03 12:00", "2018-11-05 12:00",
     "04T02:00 04T03:00"),
    # both ends of what is looked at
    (KOLKATA, "", "08:00", "20:00", "2026-05-06 02:30", "2026-05-06 14:29:59", ""),
    (KOLKATA, "", "08:00", "20:00", "2026-05-06 02:29:59", "2026-05-06 14:30", "06T02:30 06T14:30"),
    (ROME, "", "02:15", "03:30", "2026-03-29 00:30", "2026-03-29 01:00", "29T01:00"),
    (ROME, "", "02:15", "03:30", "2026-03-29 01:00", "2026-03-29 01:29", ""),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "days", "start", "end", "after", "until", "instants"), CHANGES)
def test_changes_of_one_window(
    zone: ZoneInfo, days: str, start: str, end: str, after: str, until: str, instants: str
) -> None:
    """Every listed instant turns the window over; times of the list are day and clock in UTC."""
    schedule = PeriodSchedule(zone, (rule(days, start, end),))
    changes = schedule.changes(utc(after), utc(until))
    assert " ".join(f"{at:%dT%H:%M}" for at, _ in changes) == instants
    assert all(at.tzinfo is UTC for at, _ in changes)
    opens = [held is not None for _, held in changes]
    assert opens == [(n % 2 == 0) != starts_open(schedule, after) for n in range(len(opens))]


def starts_open(schedule: PeriodSchedule, after: str) -> bool:
    return schedule.rule_at(utc(after)) is not None


def test_a_rule_that_another_hides_changes_nothing() -> None:
    always, hidden = rule("", "00:00", "24:00"), rule("", "08:00", "20:00", Decimal(2))
    span = utc("2026-05-01"), utc("2026-06-01")
    assert PeriodSchedule(ROME, (always, hidden)).changes(*span) == ()
    assert len(PeriodSchedule(ROME, (hidden, always)).changes(*span)) == 62


def test_windows_that_touch_change_only_from_one_to_the_other() -> None:
    day, night = rule("", "08:00", "20:00"), rule("", "20:00", "08:00", Decimal(2))
    changes = PeriodSchedule(KOLKATA, (day, night)).changes(utc("2026-05-06"), utc("2026-05-07"))
    assert [held for _, held in changes] == [day, night]


def test_a_year_with_both_changes_of_the_clocks() -> None:
    """8:00 in Rome is 7:00 UTC in winter, 6:00 UTC from March 29 to October 24, 2026."""
    schedule = PeriodSchedule(ROME, (rule("", "08:00", "20:00"),))
    changes = schedule.changes(utc("2026-01-01"), utc("2027-01-01"))
    opened = [at for at, held in changes if held]
    summer = [at.date() for at in opened if at.hour == 6]
    assert len(changes) == 730
    assert {f"{at:%H:%M}" for at in opened} == {"06:00", "07:00"}
    assert (summer[0], summer[-1], len(summer)) == (date(2026, 3, 29), date(2026, 10, 24), 210)


def test_without_rules_nothing_ever_changes() -> None:
    schedule = PeriodSchedule(ROME, ())
    assert schedule.rule_at(utc("2026-05-06")) is None
    assert schedule.changes(utc("2000-01-01"), utc("2030-01-01")) == ()


def test_nothing_lies_between_an_instant_and_an_earlier_one() -> None:
    schedule = PeriodSchedule(KOLKATA, (rule("", "08:00", "20:00"),))
    assert schedule.changes(utc("2026-05-06 02:30"), utc("2026-05-06 02:30")) == ()
    assert schedule.changes(utc("2026-05-07"), utc("2026-05-06")) == ()


def test_instants_without_a_zone_are_refused() -> None:
    schedule = PeriodSchedule(ROME, (rule("", "08:00", "20:00"),))
    naive, aware = datetime(2026, 5, 6, 12), utc("2026-05-06 12:00")  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        schedule.rule_at(naive)
    with pytest.raises(ValueError, match="no time zone"):
        schedule.changes(naive, aware)
    with pytest.raises(ValueError, match="no time zone"):
        schedule.changes(aware, naive)


NAMES = [
    # as written                 in order
    ("", ""),
    ("mon", "mon"),
    ("sun mon", "mon sun"),
    ("mon mon", "mon"),
    ("special sat working", "sat working special"),
    ("special non_working sun", "sun non_working special"),
]


@pytest.mark.parametrize(("written", "ordered"), NAMES)
def test_names_of_days(written: str, ordered: str) -> None:
    window = window_from(written.split(), 3600, 7200)
    assert day_names(window) == tuple(ordered.split())
    assert window_from(day_names(window), window.start_s, window.end_s) == window


WRONG = [
    (["mon", "monday"], 0, 1, "'monday' is not a day"),
    (["Mon"], 0, 1, "'Mon' is not a day"),
    ([""], 0, 1, "'' is not a day"),
    (["holiday"], 0, 1, "mon, tue, wed, thu, fri, sat, sun, working, non_working, special"),
    ([], -1, 1, "-1 is no start of a window"),
    ([], 86_400, 1, "86400 is no start of a window"),
    ([], 0, -1, "-1 is no end of a window"),
    ([], 0, 86_401, "86401 is no end of a window"),
]


@pytest.mark.parametrize(("days", "start_s", "end_s", "message"), WRONG)
def test_wrong_windows_are_named(days: list[str], start_s: int, end_s: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        window_from(days, start_s, end_s)


# --- properties -------------------------------------------------------------------------------

TURNS = [
    # a zone, and an instant at which its clocks were or will be changed (UTC)
    ("Europe/Rome", "2026-03-29 01:00"),
    ("Europe/Rome", "2026-10-25 01:00"),
    ("America/New_York", "2026-03-08 07:00"),
    ("America/New_York", "2026-11-01 06:00"),
    ("Australia/Lord_Howe", "2026-04-04 15:00"),
    ("Australia/Lord_Howe", "2026-10-03 15:30"),
    ("America/Sao_Paulo", "2018-02-18 02:00"),
    ("America/Sao_Paulo", "2018-11-04 03:00"),
    ("Africa/Casablanca", "2026-02-15 02:00"),
    ("Pacific/Apia", "2011-12-30 10:00"),  # a whole day was left out
    ("America/Caracas", "2007-12-09 07:00"),  # half an hour, for good
]
ZONES = ["UTC", "Asia/Kolkata", *(zone for zone, _ in TURNS)]

starts = st.integers(0, 95).map(lambda quarter: quarter * 900) | st.integers(0, DAY_S - 1)
ends = starts | st.just(DAY_S)
windows = st.builds(
    Window,
    st.frozensets(st.integers(1, 7), max_size=3),
    st.frozensets(st.sampled_from(list(DayKind)), max_size=2),
    starts,
    ends,
)
rules = st.lists(windows, max_size=5).map(
    lambda found: tuple(PeriodRule(window, Decimal(n)) for n, window in enumerate(found))
)
around = st.integers(-3 * DAY_S, 3 * DAY_S).map(lambda s: timedelta(seconds=s))
micros = st.sampled_from([0, 0, 1, 500_000, 999_999]).map(lambda us: timedelta(microseconds=us))


@st.composite
def schedules_and_instants(draw: st.DrawFn) -> tuple[PeriodSchedule, datetime]:
    """A schedule, and an instant that is often near a change of its zone's clocks."""
    if draw(st.booleans()):
        zone, turn = draw(st.sampled_from(TURNS))
        middle = utc(turn)
    else:
        zone = draw(st.sampled_from(ZONES))
        middle = draw(st.datetimes(datetime(1950, 1, 2), datetime(2099, 1, 1))).replace(tzinfo=UTC)  # noqa: DTZ001
    instant = middle.replace(microsecond=0) + draw(around) + draw(micros)
    near = st.integers(-3, 3).map(lambda days: instant.date() + timedelta(days=days))
    named = draw(st.dictionaries(near, st.sampled_from(list(DayKind)), max_size=3))
    week = draw(st.frozensets(st.integers(1, 7)))
    calendar = WorkCalendar("", week, named)
    return PeriodSchedule(ZoneInfo(zone), draw(rules), calendar), instant


def modeled_rule(schedule: PeriodSchedule, when: datetime) -> PeriodRule | None:
    """Each window written out as a span on the wall, for the days on which it can have begun."""
    wall = when.astimezone(schedule.zone).replace(tzinfo=None)
    for candidate in schedule.rules:
        for began in (wall.date() - timedelta(days=1), wall.date()):
            if is_named(candidate.window, began, schedule.calendar):
                midnight = datetime.combine(began, time(0))
                lasts_s = (candidate.window.end_s - candidate.window.start_s) % DAY_S or DAY_S
                opens = midnight + timedelta(seconds=candidate.window.start_s)
                if opens <= wall < opens + timedelta(seconds=lasts_s):
                    return candidate
    return None


def is_named(window: Window, day: date, calendar: WorkCalendar) -> bool:
    everything: Sequence[object] = [*window.weekdays, *window.kinds]
    return not everything or day.isoweekday() in everything or calendar.kind(day) in everything


@given(schedules_and_instants())
def test_the_rule_is_that_of_windows_written_out(
    drawn: tuple[PeriodSchedule, datetime],
) -> None:
    schedule, instant = drawn
    for minutes in range(0, 3 * 24 * 60, 47):
        when = instant + timedelta(minutes=minutes)
        assert schedule.rule_at(when) == modeled_rule(schedule, when)


@given(schedules_and_instants(), st.integers(0, 4 * DAY_S), micros, st.integers(61, 1_800))
def test_changes_stepped_through_agree_with_the_rule_at_every_sample(
    drawn: tuple[PeriodSchedule, datetime], span_s: int, more: timedelta, every_s: int
) -> None:
    schedule, after = drawn
    until = after + timedelta(seconds=span_s) + more
    pending = list(schedule.changes(after, until))
    held, sample = schedule.rule_at(after), after
    while sample <= until:
        while pending and pending[0][0] <= sample:
            held = pending.pop(0)[1]
        assert schedule.rule_at(sample) == held, sample
        sample += timedelta(seconds=every_s)


@given(schedules_and_instants(), st.integers(1, 40 * DAY_S))
def test_every_change_is_one(drawn: tuple[PeriodSchedule, datetime], span_s: int) -> None:
    schedule, after = drawn
    until = after + timedelta(seconds=span_s)
    instants = [after]
    for at, held in schedule.changes(after, until):
        assert instants[-1] < at <= until
        assert at.tzinfo is UTC
        assert at.microsecond == 0
        assert schedule.rule_at(at) == held
        assert schedule.rule_at(at - timedelta(microseconds=1)) != held
        instants.append(at)


@given(schedules_and_instants(), st.integers(1, 3 * DAY_S), st.integers(1, 3 * DAY_S))
def test_changes_of_two_spans_are_those_of_both_together(
    drawn: tuple[PeriodSchedule, datetime], first_s: int, second_s: int
) -> None:
    schedule, after = drawn
    middle = after + timedelta(seconds=first_s)
    until = middle + timedelta(seconds=second_s)
    apart = schedule.changes(after, middle) + schedule.changes(middle, until)
    assert apart == schedule.changes(after, until)


@given(schedules_and_instants(), st.integers(1, 3_600))
def test_second_by_second_through_an_hour(
    drawn: tuple[PeriodSchedule, datetime], span_s: int
) -> None:
    schedule, after = drawn
    assume(schedule.rules)
    after = after.replace(microsecond=0)
    walked = []
    held = schedule.rule_at(after)
    for second in range(1, span_s + 1):
        at = after + timedelta(seconds=second)
        now = schedule.rule_at(at)
        if now != held:
            walked.append((at, now))
        held = now
    assert schedule.changes(after, after + timedelta(seconds=span_s)) == tuple(walked)


@given(windows)
def test_names_of_days_go_there_and_back(window: Window) -> None:
    assert window_from(day_names(window), window.start_s, window.end_s) == window
