"""Stored calendars, rate groups, phones, packages and orders, as configuration as code has them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from controller.domain.billing_periods import Alignment, PackagePeriod
from controller.domain.calendars import WEEKDAYS, DayKind
from controller.domain.money import Rounding
from controller.domain.rates import Boundary, RateType
from controller.domain.sections import SectionMode
from controller.domain.subscriptions import OnInsufficient
from controller.persistence import schema as t
from controller.services.config_as_code.specs import (
    PLATFORM,
    CalendarDay,
    CalendarSpec,
    FreeSecondsSpec,
    PackageOrderSpec,
    PackageSpec,
    PeriodRateSpec,
    PhoneSpec,
    RateGroupSpec,
)
from controller.services.config_as_code.values import DAY_NAMES, Clock

Row = sa.Row[Any]
T = TypeVar("T")
_WEEKDAY_NAMES = {number: name for name, number in WEEKDAYS.items()}


def read_calendars(connection: sa.Connection) -> dict[str, CalendarSpec]:
    days = _grouped(
        connection,
        sa.select(t.calendar_days).order_by(t.calendar_days.c.day),
        "calendar_id",
        lambda row: CalendarDay(row.day, DayKind(row.kind), row.memo),
    )
    query = sa.select(t.calendars).order_by(t.calendars.c.name.collate("C"))
    return {
        row.name: CalendarSpec(
            row.name,
            tuple(_WEEKDAY_NAMES[day] for day in sorted(row.working_weekdays)),
            days.get(row.id, ()),
            row.memo,
        )
        for row in connection.execute(query)
    }


def read_rate_groups(connection: sa.Connection) -> dict[str, RateGroupSpec]:
    groups, calendars, owners = t.rate_groups, t.calendars, t.accounts
    agents = _grouped(connection, _AGENTS, "rate_group_id", lambda row: str(row.name))
    periods = _period_rates(connection, "rate_group_id")
    query = (
        sa.select(groups, calendars.c.name.label("calendar"), owners.c.name.label("owner"))
        .outerjoin(calendars, calendars.c.id == groups.c.calendar_id)
        .outerjoin(owners, owners.c.id == groups.c.owner_account_id)
        .order_by(groups.c.name.collate("C"))
    )
    return {
        row.name: RateGroupSpec(
            name=row.name,
            currency=row.currency,
            decimals=PLATFORM if row.decimals is None else row.decimals,
            rounding=Rounding(row.rounding),
            timezone=row.timezone,
            section_mode=SectionMode(row.section_mode),
            boundary=Boundary(row.boundary),
            calendar=row.calendar,
            owner=row.owner,
            agents=agents.get(row.id, ()),
            period_rates=periods.get(row.id, ()),
            memo=row.memo,
        )
        for row in connection.execute(query)
    }


def read_phones(
    connection: sa.Connection, dids: Mapping[int, tuple[str, ...]]
) -> dict[str, PhoneSpec]:
    """`dids` by the phone's id."""
    phones, accounts, groups = t.phones, t.accounts, t.rate_groups
    query = (
        sa.select(phones, accounts.c.name.label("account"), groups.c.name.label("rate_group"))
        .join(accounts, accounts.c.id == phones.c.account_id)
        .outerjoin(groups, groups.c.id == phones.c.rate_group_id)
        .order_by(phones.c.number.collate("C"))
    )
    return {
        row.number: PhoneSpec(
            number=row.number,
            account=row.account,
            rate_group=row.rate_group,
            authorization=RateType(row.authorization),
            dids=dids.get(row.id, ()),
            locked=row.locked,
            locked_in=row.locked_in,
            monthly_minimum=row.monthly_minimum,
            monthly_maximum=row.monthly_maximum,
            monthly_rent=row.monthly_rent,
            lines_in=row.lines_in,
            lines_out=row.lines_out,
            lines_total=row.lines_total,
            memo=row.memo,
        )
        for row in connection.execute(query)
    }


def read_packages(connection: sa.Connection) -> dict[str, PackageSpec]:
    packages, calendars = t.packages, t.calendars
    free = _grouped(connection, _FREE_SECONDS, "package_id", _free_seconds)
    periods = _period_rates(connection, "package_id")
    query = (
        sa.select(packages, calendars.c.name.label("calendar"))
        .outerjoin(calendars, calendars.c.id == packages.c.calendar_id)
        .where(packages.c.closed_at.is_(None))
        .order_by(packages.c.name.collate("C"))
    )
    return {
        row.name: _package(row, free.get(row.id, ()), periods.get(row.id, ()))
        for row in connection.execute(query)
    }


def _package(
    row: Row, free: tuple[FreeSecondsSpec, ...], periods: tuple[PeriodRateSpec, ...]
) -> PackageSpec:
    return PackageSpec(
        name=row.name,
        currency=row.currency,
        period=PackagePeriod(row.period),
        period_s=row.period_s,
        rent=row.rent,
        alignment=Alignment(row.alignment),
        allow_partial_first=row.allow_partial_first,
        gift_money=row.gift_money,
        minimum_consumption=row.minimum_consumption,
        effective_consumption=row.effective_consumption,
        calendar=row.calendar,
        free_seconds=free,
        period_rates=periods,
        memo=row.memo,
    )


def read_orders(connection: sa.Connection) -> dict[str, PackageOrderSpec]:
    """Every order, those that are over too: a file that names one must not place it again."""
    orders, phones = t.package_orders, t.phones
    query = (
        sa.select(
            orders,
            t.packages.c.name.label("package"),
            t.accounts.c.name.label("account"),
            phones.c.number.label("phone"),
        )
        .join(t.packages, t.packages.c.id == orders.c.package_id)
        .join(t.accounts, t.accounts.c.id == orders.c.account_id)
        .outerjoin(phones, phones.c.id == orders.c.phone_id)
        .order_by(orders.c.key.collate("C"))
    )
    return {
        row.key: PackageOrderSpec(
            key=row.key,
            package=row.package,
            account=row.account if row.phone is None else None,
            phone=row.phone,
            available_from=row.available_from,
            expires_at=row.expires_at,
            priority=row.priority,
            on_insufficient=OnInsufficient(row.on_insufficient),
            rent_percent=row.rent_percent,
            memo=row.memo,
            ended=row.next_period_start is None,
        )
        for row in connection.execute(query)
    }


_AGENTS = (
    sa.select(t.rate_group_agents.c.rate_group_id, t.accounts.c.name)
    .join(t.accounts, t.accounts.c.id == t.rate_group_agents.c.account_id)
    .order_by(t.accounts.c.name.collate("C"))
)
_FREE_SECONDS = sa.select(t.package_free_seconds).order_by(t.package_free_seconds.c.position)


def _free_seconds(row: Row) -> FreeSecondsSpec:
    return FreeSecondsSpec(
        prefixes=tuple(row.prefixes),
        seconds=row.seconds,
        start=Clock(row.start_s),
        end=Clock(row.end_s),
        cycle_s=row.cycle_s,
        memo=row.memo,
    )


def _period_rates(connection: sa.Connection, owner: str) -> dict[int, tuple[PeriodRateSpec, ...]]:
    """Of rate groups, or of packages, as the column of the owner's id says."""
    rates, groups = t.period_rates, t.rate_groups
    query = (
        sa.select(rates, groups.c.name.label("rate_group"))
        .outerjoin(groups, groups.c.id == rates.c.own_rate_group_id)
        .where(rates.c[owner].is_not(None))
        .order_by(rates.c.position)
    )
    return _grouped(connection, query, owner, _period_rate)


def _period_rate(row: Row) -> PeriodRateSpec:
    return PeriodRateSpec(
        days=tuple(sorted(row.days, key=DAY_NAMES.index)),
        start=Clock(row.start_s),
        end=Clock(row.end_s),
        multiplier=row.multiplier,
        rate_group=row.rate_group,
    )


def _grouped(
    connection: sa.Connection, query: sa.Select[Any], owner: str, read: Callable[[Row], T]
) -> dict[int, tuple[T, ...]]:
    """What objects list, by the owner's id, in the query's order."""
    found: dict[int, list[T]] = {}
    for row in connection.execute(query):
        found.setdefault(getattr(row, owner), []).append(read(row))
    return {owner_id: tuple(rows) for owner_id, rows in found.items()}
