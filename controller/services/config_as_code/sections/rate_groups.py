"""Rate groups with their decks, their periods, and the calendars that periods go by."""

from dataclasses import fields as fields_of
from decimal import Decimal

from controller.domain.calendars import WEEKDAYS, DayKind
from controller.domain.errors import InvalidInput
from controller.domain.money import MAX_DECIMALS, Rounding
from controller.domain.rates import Boundary
from controller.domain.sections import SectionMode
from controller.services.config_as_code import values
from controller.services.config_as_code.deck_sources import read_rates
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Section
from controller.services.config_as_code.sections.reader import (
    ZERO,
    Reader,
    memo,
    optional_name,
)
from controller.services.config_as_code.specs import (
    PLATFORM,
    WORKING_WEEK,
    CalendarDay,
    CalendarSpec,
    PeriodRateSpec,
    RateGroupSpec,
)
from controller.services.config_as_code.values import END_OF_DAY, MIDNIGHT, Clock

MAX_DAYS = 4_000
MAX_DAY_MEMO = 255
MAX_PERIOD_RATES = 100
MAX_AGENTS = 1_000
MAX_MULTIPLIER = Decimal(1_000)
MULTIPLIER_DECIMALS = 6

_ROUNDINGS = {str(mode): mode for mode in Rounding}
_SECTION_MODES = {str(mode): mode for mode in SectionMode}
_BOUNDARIES = {str(boundary): boundary for boundary in Boundary}
_DAY_KINDS = {str(kind): kind for kind in DayKind}
_weekday = values.choice({name: name for name in WEEKDAYS})
_day_name = values.choice({name: name for name in values.DAY_NAMES})
_decimals = values.integer(0, MAX_DECIMALS)
_usual_decimals: int | str = 6
_any_multiplier = values.amount(ZERO, MAX_MULTIPLIER)

PeriodRates = list[tuple[int, PeriodRateSpec]]
"""Period rates in their order, each with its line."""


def read_calendars(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.CALENDARS, CalendarSpec.__dataclass_fields__):
        working = _in_week(fields.many("working_weekdays", _weekday))
        calendar = CalendarSpec(
            name=fields.required("name", values.name, ""),
            working_weekdays=working if "working_weekdays" in fields else WORKING_WEEK,
            days=_calendar_days(fields),
            memo=fields.optional("memo", memo, ""),
        )
        reader.keep(Section.CALENDARS, calendar, fields)


def _calendar_days(calendar: Fields) -> tuple[CalendarDay, ...]:
    """In the order of the year; a day comes once."""
    lines: dict[object, int] = {}
    found = []
    for fields in calendar.objects("days", CalendarDay.__dataclass_fields__, MAX_DAYS):
        day = fields.required("day", values.day, None)
        kind = fields.required("kind", values.choice(_DAY_KINDS), DayKind.SPECIAL)
        text = fields.optional("memo", values.free_text(MAX_DAY_MEMO), "")
        if day is None:
            continue
        if day in lines:
            fields.problems.add(fields.line, f"{day} is in line {lines[day]} already")
        lines.setdefault(day, fields.line)
        found.append(CalendarDay(day, kind, text))
    return tuple(sorted(found, key=lambda entry: entry.day))


def read_rate_groups(reader: Reader, top: Fields) -> None:
    known = (*(f.name for f in fields_of(RateGroupSpec)), "rates", "deck")
    for fields in top.objects(Section.RATE_GROUPS, known):
        period_rates = read_period_rates(fields)
        group = RateGroupSpec(
            name=fields.required("name", values.name, ""),
            currency=fields.required("currency", values.currency, ""),
            decimals=fields.optional("decimals", _group_decimals, _usual_decimals),
            rounding=fields.optional("rounding", values.choice(_ROUNDINGS), Rounding.HALF_UP),
            timezone=fields.optional("timezone", values.timezone, "UTC"),
            section_mode=fields.optional(
                "section_mode", values.choice(_SECTION_MODES), SectionMode.INCREMENT
            ),
            boundary=fields.optional("boundary", values.choice(_BOUNDARIES), Boundary.ANSWER),
            calendar=optional_name(fields, "calendar"),
            owner=optional_name(fields, "owner"),
            agents=tuple(sorted(fields.many("agents", values.name, MAX_AGENTS))),
            period_rates=tuple(rate for _, rate in period_rates),
            memo=fields.optional("memo", memo, ""),
        )
        rates = read_rates(fields, group, reader.decks)
        reader.keep(Section.RATE_GROUPS, group, fields)
        reader.keep_rows(Section.RATE_GROUPS, group.name, "period_rates", period_rates)
        if group.name and rates is not None:
            reader.rates[group.name] = rates


def _group_decimals(text: str) -> int | str:
    if text == PLATFORM:
        return PLATFORM
    try:
        return _decimals(text)
    except InvalidInput as error:
        raise InvalidInput(f"{error}, nor '{PLATFORM}'") from None


def read_period_rates(owner: Fields) -> PeriodRates:
    """The period rates of a rate group or package; the first that holds decides."""
    found = []
    for fields in owner.objects(
        "period_rates", PeriodRateSpec.__dataclass_fields__, MAX_PERIOD_RATES
    ):
        start, end = read_hours(fields)
        rate = PeriodRateSpec(
            days=_in_week(fields.many("days", _day_name)),
            start=start,
            end=end,
            multiplier=fields.optional("multiplier", _multiplier, None),
            rate_group=optional_name(fields, "rate_group"),
        )
        if ("multiplier" in fields) == ("rate_group" in fields):
            message = "a period rate needs either 'multiplier' or 'rate_group'"
            fields.problems.add(fields.line, message)
        if DayKind.SPECIAL in rate.days and "calendar" not in owner:
            line = fields.line_of("days")
            fields.problems.add(line, "special days need a calendar, for only it names them")
        found.append((fields.line, rate))
    return found


def read_hours(fields: Fields) -> tuple[Clock, Clock]:
    """From when until when of the local day; an end that is not later is on the next day."""
    start = fields.optional("start", values.clock, MIDNIGHT)
    end = fields.optional("end", values.clock, END_OF_DAY)
    if start == END_OF_DAY:
        fields.problems.add(fields.line_of("start"), "start: a day begins at 00:00, not at 24:00")
    return start, end


def _multiplier(text: str) -> Decimal:
    factor = _any_multiplier(text)
    if -int(factor.normalize().as_tuple().exponent) > MULTIPLIER_DECIMALS:
        raise InvalidInput(f"more than {MULTIPLIER_DECIMALS} decimals")
    return factor


def _in_week(names: tuple[str, ...]) -> tuple[str, ...]:
    """One order for each set of days, so that equal sets compare equal."""
    return tuple(sorted(names, key=values.DAY_NAMES.index))
