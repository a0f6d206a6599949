"""Calendars, period rates, phones and active packages from the database, for decisions.

Part of one configuration: the caller's transaction makes it one consistent version.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from controller.domain.calendars import NO_NAMED_DAYS, DayKind, WorkCalendar
from controller.domain.errors import InvalidConfiguration
from controller.domain.packages import ActivePackage, FreeSeconds, PackageShelf, shelve
from controller.domain.periods import PeriodRule, PeriodSchedule, window_from
from controller.persistence import schema as t

Row = sa.Row[Any]


class Schedules(NamedTuple):
    """Period rates by the id of the rate group or package that has some."""

    of_groups: dict[int, PeriodSchedule]
    of_packages: dict[int, PeriodSchedule]


def read_schedules(connection: sa.Connection, zone: ZoneInfo) -> Schedules:
    """Hours of a rate group are its own zone's, those of a package the platform's, `zone`.

    Raises InvalidConfiguration for what only a hand in the database can have written.
    """
    calendars = read_calendars(connection)
    rules = _rules(connection)
    return Schedules(
        {
            row.id: _schedule(_zone(row), rules["rate_group", row.id], calendars, row)
            for row in connection.execute(sa.select(t.rate_groups))
            if ("rate_group", row.id) in rules
        },
        {
            row.id: _schedule(zone, rules["package", row.id], calendars, row)
            for row in connection.execute(sa.select(t.packages))
            if ("package", row.id) in rules
        },
    )


def read_calendars(connection: sa.Connection) -> dict[int, WorkCalendar]:
    """Work calendars by id."""
    days: dict[int, dict[Any, DayKind]] = {}
    for row in connection.execute(sa.select(t.calendar_days)):
        days.setdefault(row.calendar_id, {})[row.day] = DayKind(row.kind)
    return {
        row.id: WorkCalendar(row.name, frozenset(row.working_weekdays), days.get(row.id, {}))
        for row in connection.execute(sa.select(t.calendars))
    }


def read_packages(connection: sa.Connection, schedules: Schedules) -> PackageShelf:
    """Packages whose period is not settled. What is left of them is not here: calls change it."""
    active, packages = t.active_packages, t.packages
    free = _free_seconds(connection)
    query = (
        sa.select(active, packages.c.name)
        .join(packages, packages.c.id == active.c.package_id)
        .where(active.c.closed_at.is_(None))
    )
    return shelve(
        [
            ActivePackage(
                active_id=row.id,
                name=row.name,
                account_id=row.account_id,
                period_start=row.period_start,
                period_end=row.period_end,
                phone_id=row.phone_id,
                priority=row.priority,
                has_gift=row.gift_left > 0,
                free=tuple(free.get(row.id, ())),
                periods=schedules.of_packages.get(row.package_id),
            )
            for row in connection.execute(query)
        ]
    )


def _free_seconds(connection: sa.Connection) -> dict[int, list[FreeSeconds]]:
    active, free = t.active_packages, t.active_free_seconds
    query = (
        sa.select(free)
        .join(active, active.c.id == free.c.active_package_id)
        .where(active.c.closed_at.is_(None))
        .order_by(free.c.active_package_id, free.c.position)
    )
    found: dict[int, list[FreeSeconds]] = {}
    for row in connection.execute(query):
        allowance = FreeSeconds(row.id, tuple(row.prefixes), row.start_s, row.end_s, row.cycle_s)
        found.setdefault(row.active_package_id, []).append(allowance)
    return found


def _rules(connection: sa.Connection) -> dict[tuple[str, int], list[Row]]:
    """Period rates of each rate group and package, in their order."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in connection.execute(sa.select(t.period_rates).order_by(t.period_rates.c.position)):
        kind = "package" if row.rate_group_id is None else "rate_group"
        found.setdefault((kind, row.rate_group_id or row.package_id), []).append(row)
    return found


def _schedule(
    zone: ZoneInfo, rules: Iterable[Row], calendars: dict[int, WorkCalendar], owner: Row
) -> PeriodSchedule:
    calendar = NO_NAMED_DAYS if owner.calendar_id is None else calendars[owner.calendar_id]
    try:
        return PeriodSchedule(zone, tuple(map(_rule, rules)), calendar)
    except ValueError as error:
        raise InvalidConfiguration(f"period rates of {owner.name}: {error}") from None


def _rule(row: Row) -> PeriodRule:
    window = window_from(row.days, row.start_s, row.end_s)
    return PeriodRule(window, row.multiplier, row.own_rate_group_id)


def _zone(group: Row) -> ZoneInfo:
    try:
        return ZoneInfo(group.timezone)
    except (ValueError, LookupError, OSError):
        message = f"rate group {group.name}: {group.timezone!r} is not an IANA time zone"
        raise InvalidConfiguration(message) from None
