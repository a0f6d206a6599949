"""Prices in words that a billing clerk understands: tariffs, periods, amounts, rounding. Pure.

Explanations and the pages of rates say the same things in the same words.
"""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from zoneinfo import ZoneInfo

from controller.domain.calendars import DayKind, WorkCalendar
from controller.domain.money import MAX_DECIMALS, Rounding, plain, round_ratio
from controller.domain.periods import DAY_S, PeriodRule, PeriodSchedule, Window, day_names
from controller.domain.tariff import Tariff, Terms, Tier

_KINDS = {
    DayKind.WORKING: "working day",
    DayKind.NON_WORKING: "non-working day",
    DayKind.SPECIAL: "special day",
}
_DAYS = {
    "mon": "Mondays",
    "tue": "Tuesdays",
    "wed": "Wednesdays",
    "thu": "Thursdays",
    "fri": "Fridays",
    "sat": "Saturdays",
    "sun": "Sundays",
    "working": "working days",
    "non_working": "non-working days",
    "special": "special days",
}
_ROUNDING = {
    Rounding.UP: "always up",
    Rounding.HALF_UP: "half up",
    Rounding.HALF_EVEN: "half to the even digit",
    Rounding.DOWN: "always down",
}


def amount_text(amount: Fraction | Decimal) -> str:
    """At least two decimals; what ten of them cannot say begins with `≈`."""
    equal, text = _shown(amount)
    return text if equal else f"≈ {text}"


def equals_text(amount: Fraction | Decimal) -> str:
    """The same behind what it comes from: `= 0.24`, or `≈ 0.3333333333`."""
    equal, text = _shown(amount)
    return f"= {text}" if equal else f"≈ {text}"


def _shown(amount: Fraction | Decimal) -> tuple[bool, str]:
    exact = Fraction(amount)
    shown = round_ratio(exact.numerator, exact.denominator, MAX_DECIMALS, Rounding.HALF_UP)
    whole, _, decimals = plain(shown).partition(".")
    return Fraction(shown) == exact, f"{whole}.{decimals.ljust(2, '0')}"


def money_text(amount: Fraction | Decimal, currency: str) -> str:
    return f"{amount_text(amount)} {currency}".strip()


def rounding_words(terms: Terms) -> str:
    """How amounts are rounded, as in `rounded to 4 decimals, half up`."""
    how = _ROUNDING[terms.rounding]
    if terms.fee_unit:
        return f"rounded to a multiple of {plain(terms.fee_unit)}, {how}"
    if terms.decimals == 0:
        return f"rounded to whole units, {how}"
    return f"rounded to {counted(terms.decimals, 'decimal')}, {how}"


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def tariff_words(tariff: Tariff) -> tuple[str, ...]:
    """A tariff's parts in order, each a phrase; the connect fee first."""
    fee = (f"{amount_text(tariff.fee)} once for the call",) if tariff.fee else ()
    tiers = tuple(
        tier_words(tier, following.start_s if following else None)
        for tier, following in zip_longest(tariff.tiers, tariff.tiers[1:])
    )
    return (*fee, *tiers)


def tier_words(tier: Tier, end_s: int | None) -> str:
    """One tier: which seconds it is for (until `end_s`) and what they cost."""
    seconds = _seconds_of(tier.start_s, end_s)
    if tier.is_lump:
        price = amount_text(tier.price)
        return f"{price} for {seconds}" if seconds else f"{price} however long the call"
    price = metered_words(tier)
    return f"{seconds}: {price}" if seconds else price


def metered_words(tier: Tier) -> str:
    """The price of a metered tier: `0.12 per 60 s, charged in steps of 60 s`."""
    steps = "by the second" if tier.increment_s == 1 else f"in steps of {tier.increment_s} s"
    return f"{amount_text(tier.price)} per {tier.unit_s} s, charged {steps}"


def _seconds_of(start_s: int, end_s: int | None) -> str:
    if start_s == 0:
        return f"the first {end_s} s" if end_s is not None else ""
    if end_s is None:
        return f"from second {start_s + 1} on"
    if end_s == start_s + 1:
        return f"second {end_s}"
    return f"seconds {start_s + 1} to {end_s}"


def wall_text(when: datetime, zone: ZoneInfo) -> str:
    """A moment as the clocks of a zone show it: `Fri 2026-11-20 22:00:05 Europe/Rome (+01:00)`."""
    local = when.astimezone(zone)
    offset = f"{local:%z}"
    shown = f"{local:%a %Y-%m-%d %H:%M:%S} {zone.key}"
    return shown if zone.key == "UTC" else f"{shown} ({offset[:3]}:{offset[3:5]})"


def day_words(when: datetime, schedule: PeriodSchedule) -> str:
    """Which kind of day it is, and what says so."""
    day = when.astimezone(schedule.zone).date()
    calendar = schedule.calendar
    kind = _KINDS[calendar.kind(day)]
    return f"a {kind} by {_calendar_words(calendar, named=day in calendar.days)}"


def _calendar_words(calendar: WorkCalendar, *, named: bool) -> str:
    if not calendar.name:
        return "the week, which works from Monday to Friday"
    return f"calendar {calendar.name}" + (", which names the day" if named else "")


def rule_words(number: int, rule: PeriodRule, group: str) -> str:
    """A period rule, its window and what it does; `group` is the name of its own rate group."""
    effect = (
        f"the prices of rate group {group}"
        if rule.multiplier is None
        else f"the normal price × {plain(rule.multiplier)}"
    )
    return f"period {number} ({window_words(rule.window)}): {effect}"


def window_words(window: Window) -> str:
    """When a window is open: `working days, 20:00 to 08:00 of the next day`."""
    days = ", ".join(_DAYS[name] for name in day_names(window)) or "every day"
    if (window.start_s, window.end_s) == (0, DAY_S):
        return f"{days}, all day"
    overnight = window.end_s <= window.start_s and window.end_s != 0
    tail = " of the next day" if overnight else ""
    return f"{days}, {_clock(window.start_s)} to {_clock(window.end_s or DAY_S)}{tail}"


def began_before(window: Window, when: datetime, zone: ZoneInfo) -> bool:
    """Whether a window that holds began on the day before: its day is that one (`Window`)."""
    local = when.astimezone(zone)
    second = local.hour * 3600 + local.minute * 60 + local.second
    return window.end_s <= window.start_s and second < window.start_s


def _clock(second: int) -> str:
    hours, rest = divmod(second, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
