"""Periods of the day and week that change a price (spec §2.9, §9.3; design §6).

All times are what the clock on the wall of the schedule's zone shows. On a day of 25 hours an hour
is shown twice, and a window that names it holds twice; on a day of 23 hours an hour is never shown,
and a window that names only that hour does not hold.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from controller.domain.calendars import NO_NAMED_DAYS, WEEKDAYS, DayKind, WorkCalendar
from controller.domain.errors import InvalidInput

DAY_S = 86_400
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_STRIDE = _DAY
"""How far ahead a zone's offset is looked up. No zone has changed it twice within six days."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some days, and a span of the local day. No days named: every day.

    A day is in the window when its weekday or its kind is named. An end that is not after the
    start is on the next day, and those hours belong to the day on which the window began; so a
    window that ends when it starts lasts until the same time of the next day.
    """

    weekdays: frozenset[int] = frozenset()
    kinds: frozenset[DayKind] = frozenset()
    start_s: int = 0
    end_s: int = DAY_S

    def holds(self, day: date, second: int, calendar: WorkCalendar) -> bool:
        """Whether it is open when the wall shows this day and this second of it."""
        if self.start_s < self.end_s:
            return self.start_s <= second < self.end_s and self._begins_on(day, calendar)
        if second >= self.start_s and self._begins_on(day, calendar):
            return True
        return second < self.end_s and self._begins_on(day - _DAY, calendar)

    def _begins_on(self, day: date, calendar: WorkCalendar) -> bool:
        if not self.weekdays and not self.kinds:
            return True
        if day.isoweekday() in self.weekdays:
            return True
        return bool(self.kinds) and calendar.kind(day) in self.kinds


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """In its window, the normal price times `multiplier`, or the price in another rate group."""

    window: Window
    multiplier: Decimal | None = None
    rate_group_id: int | None = None


@dataclass(frozen=True, slots=True)
class PeriodSchedule:
    """Rules in order; the first whose window holds decides, none leaves the normal price."""

    zone: ZoneInfo
    rules: tuple[PeriodRule, ...]
    calendar: WorkCalendar = NO_NAMED_DAYS

    def rule_at(self, when: datetime) -> PeriodRule | None:
        """The rule that holds at an instant (aware; ValueError if it is not)."""
        return self._rule_on_the_wall(_utc(when).astimezone(self.zone))

    def changes(
        self, after: datetime, until: datetime
    ) -> tuple[tuple[datetime, PeriodRule | None], ...]:
        """Every instant in (after, until] from which another rule holds, with that rule (UTC).

        ValueError where an instant is not aware. The work grows with the days in between.
        """
        after, until = _utc(after), _utc(until)
        if not self.rules or until <= after:
            return ()
        held = self.rule_at(after)
        found: list[tuple[datetime, PeriodRule | None]] = []
        for instant, wall in self._possible_changes(after, until):
            rule = self._rule_on_the_wall(wall)
            if rule != held:
                found.append((instant, rule))
                held = rule
        return tuple(found)

    def _rule_on_the_wall(self, wall: datetime) -> PeriodRule | None:
        day, second = wall.date(), wall.hour * 3600 + wall.minute * 60 + wall.second
        for rule in self.rules:
            if rule.window.holds(day, second, self.calendar):
                return rule
        return None

    def _possible_changes(
        self, after: datetime, until: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        """In order, the instants at which the wall jumps or shows where a window begins or ends.

        Each as UTC and as shown on the wall. Inside a stretch the wall is UTC plus a constant.
        """
        boundaries = self._boundaries()
        for stretch in _stretches(self.zone, after, until):
            start, end = (at + stretch.offset for at in (stretch.start, stretch.end))
            if stretch.start != after:
                yield stretch.start, start
            midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
            while midnight <= end:
                for boundary in boundaries:
                    wall = midnight + boundary
                    if start < wall and (wall < end or (wall == end and stretch.is_last)):
                        yield wall - stretch.offset, wall
                midnight += _DAY

    def _boundaries(self) -> list[timedelta]:
        """Times of day at which a window may open or close; midnight, for the day's kind."""
        seconds = {0}
        for rule in self.rules:
            seconds.add(rule.window.start_s % DAY_S)
            seconds.add(rule.window.end_s % DAY_S)
        return [second * _SECOND for second in sorted(seconds)]


def window_from(days: Sequence[str], start_s: int, end_s: int) -> Window:
    """A window from day names: `mon` … `sun`, `working`, `non_working`, `special`.

    It starts at a second of the local day, 0 to 86399, and ends at one of 0 to 86400. InvalidInput
    names what is wrong.
    """
    if not 0 <= start_s < DAY_S:
        raise InvalidInput(f"{start_s} is no start of a window (0 to {DAY_S - 1})")
    if not 0 <= end_s <= DAY_S:
        raise InvalidInput(f"{end_s} is no end of a window (0 to {DAY_S})")
    kinds = {str(kind): kind for kind in DayKind}
    for name in days:
        if name not in WEEKDAYS and name not in kinds:
            raise InvalidInput(f"{name!r} is not a day: {', '.join((*WEEKDAYS, *kinds))}")
    return Window(
        frozenset(WEEKDAYS[name] for name in days if name in WEEKDAYS),
        frozenset(kinds[name] for name in days if name in kinds),
        start_s,
        end_s,
    )


def day_names(window: Window) -> tuple[str, ...]:
    """The names of a window's days, weekdays first; none where it is open on every day."""
    weekdays = [name for name, weekday in WEEKDAYS.items() if weekday in window.weekdays]
    return (*weekdays, *(str(kind) for kind in DayKind if kind in window.kinds))


class _Stretch(NamedTuple):
    """A time with one UTC offset: from `start`, before `end`, which is in the last one only."""

    start: datetime
    end: datetime
    offset: timedelta
    is_last: bool


def _stretches(zone: ZoneInfo, start: datetime, until: datetime) -> Iterator[_Stretch]:
    """(start, until] cut where the zone's clocks are changed (UTC)."""
    offset, same_until = _offset(zone, start), start
    while same_until < until:
        ahead = min(same_until + _STRIDE, until)
        if _offset(zone, ahead) == offset:
            same_until = ahead
            continue
        turn = _turn(zone, same_until, ahead)
        yield _Stretch(start, turn, offset, False)
        start = same_until = turn
        offset = _offset(zone, turn)
    yield _Stretch(start, until, offset, True)


def _turn(zone: ZoneInfo, before: datetime, ahead: datetime) -> datetime:
    """The second at which the offset of `before` ends, which is not that of `ahead`."""
    before, old = before.replace(microsecond=0), _offset(zone, before)
    seconds = range((ahead - before) // _SECOND + 1)
    return before + _SECOND * bisect_left(
        seconds, True, key=lambda second: _offset(zone, before + second * _SECOND) != old
    )


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def _utc(when: datetime) -> datetime:
    if when.utcoffset() is None:
        raise ValueError(f"{when} has no time zone")
    return when.astimezone(UTC)
