"""Periods in which rents and minimums are counted: days, weeks, months and years. Pure.

A period begins and ends with a local day; its boundaries are the first instants of those days as
UTC, so that days of 23 and 25 hours need no special case. Periods of one cycle follow each other
without gap or overlap. (Periods that change a price in the course of a day are in `periods.py`.)
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MONTHS_A_YEAR = 12
DAYS_A_WEEK = 7


class PackagePeriod(StrEnum):
    """How often a package's rent is due; `once` is paid once and lasts its own seconds."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    ONCE = "once"


class Alignment(StrEnum):
    """Periods begin with the calendar's day, week, month or year, or count from the order."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From `start` until just before `end`, both in UTC."""

    start: datetime
    end: datetime

    def holds(self, when: datetime) -> bool:
        return self.start <= when < self.end


@dataclass(frozen=True, slots=True)
class Cycle:
    """All periods of one length, counted from the local day `anchor` into both directions.

    A month (a year) that lacks the anchor's day begins on its last day instead, and the next one
    on the anchor's day again: 31 January, 28 February, 31 March.
    """

    kind: PackagePeriod
    anchor: date
    zone: ZoneInfo

    def period_at(self, when: datetime) -> Period:
        """The one period that holds an instant (aware)."""
        number = self._estimate(when.astimezone(self.zone).date())
        # the local date can be a day off where clocks are put back over midnight
        while self._begins(number) > when:
            number -= 1
        while self._begins(number + 1) <= when:
            number += 1
        return Period(self._begins(number), self._begins(number + 1))

    def days(self, period: Period) -> int:
        """Local days from a period's first to its last, both counted."""
        return (self._day(period.end) - self._day(period.start)).days

    def _day(self, when: datetime) -> date:
        return when.astimezone(self.zone).date()

    def _begins(self, number: int) -> datetime:
        return local_midnight(self._first_day(number), self.zone)

    def _first_day(self, number: int) -> date:
        match self.kind:
            case PackagePeriod.DAY:
                return self.anchor + timedelta(days=number)
            case PackagePeriod.WEEK:
                return self.anchor + timedelta(weeks=number)
            case PackagePeriod.MONTH:
                return _months_later(self.anchor, number)
            case _:
                return _months_later(self.anchor, number * MONTHS_A_YEAR)

    def _estimate(self, day: date) -> int:
        """The number of the period that holds a local day, or a neighbor's."""
        if self.kind is PackagePeriod.DAY:
            return (day - self.anchor).days
        if self.kind is PackagePeriod.WEEK:
            return (day - self.anchor).days // DAYS_A_WEEK
        months = (day.year - self.anchor.year) * MONTHS_A_YEAR + day.month - self.anchor.month
        return months if self.kind is PackagePeriod.MONTH else months // MONTHS_A_YEAR


def cycle_of(kind: PackagePeriod, alignment: Alignment, first_day: date, zone: ZoneInfo) -> Cycle:
    """The cycle of an order whose first local day is given. Weeks begin on Monday (ISO 8601).

    Raises ValueError for `once`, which has no cycle.
    """
    if kind is PackagePeriod.ONCE:
        raise ValueError("a one-off period does not come again")
    anchor = first_day if alignment is Alignment.ANNIVERSARY else _calendar_start(kind, first_day)
    return Cycle(kind, anchor, zone)


def months_of(zone: ZoneInfo) -> Cycle:
    """Calendar months."""
    return Cycle(PackagePeriod.MONTH, date(2000, 1, 1), zone)


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC.

    Where clocks skip midnight it is the first one after it; where midnight comes twice, the first.
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _calendar_start(kind: PackagePeriod, day: date) -> date:
    match kind:
        case PackagePeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case PackagePeriod.MONTH:
            return day.replace(day=1)
        case PackagePeriod.YEAR:
            return day.replace(month=1, day=1)
        case _:
            return day


def _months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last day."""
    years, month = divmod(day.month - 1 + months, MONTHS_A_YEAR)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
