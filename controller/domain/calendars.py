"""Work calendars: which kind of day a date is (spec §9.3). Any number of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

WEEKDAYS: Mapping[str, int] = MappingProxyType(
    {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
)
"""ISO weekdays by the names that configurations and forms use."""

MONDAY_TO_FRIDAY = frozenset({1, 2, 3, 4, 5})


class DayKind(StrEnum):
    WORKING = "working"
    NON_WORKING = "non_working"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Named days first, then the week: `working_weekdays` are ISO weekdays, 1 is Monday."""

    name: str = ""
    working_weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    days: Mapping[date, DayKind] = field(default_factory=dict)

    def kind(self, day: date) -> DayKind:
        named = self.days.get(day)
        if named is not None:
            return named
        working = day.isoweekday() in self.working_weekdays
        return DayKind.WORKING if working else DayKind.NON_WORKING


NO_NAMED_DAYS = WorkCalendar()
"""Monday to Friday are working days, nothing else is known."""
