"""The figures of the first page. Implements `services.views.dashboard.DashboardView`.

Calls that have ended come from sums by minute, which triggers write with the records and a job
folds (`call_sums`): exact at every moment, and as quick with ten million records as with ten.
Calls in progress are counted each time.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import account_funds, accounts, call_sums, call_sums_new, calls
from controller.persistence.views.live_calls import live_in
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.ports import Clock
from controller.services.views.dashboard import (
    NO_TRAFFIC,
    Dashboard,
    Hour,
    Minute,
    OwnFunds,
    Span,
    Takings,
    Traffic,
)

MINUTES = 60
OPERATOR = 0
"""The operator's number in the sums."""

_HOUR = timedelta(hours=1)
Row = sa.Row[Any]


class PostgresDashboard:
    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def figures(self, scope: Scope, zone: tzinfo) -> Dashboard:
        now = self._clock.now()
        first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
        midnight, before = _midnight(now.astimezone(zone)), _midnight_before(now.astimezone(zone))
        counts = sa.select(sa.func.count(), sa.func.count(calls.c.answered_at)).where(
            *live_in(scope)
        )
        with reading(self._engine) as connection:
            total, talking = connection.execute(counts).one()
            recent = connection.execute(_minutes(scope, first)).all()
            live = connection.execute(_live_minutes(scope, first)).all()
            rows = connection.execute(_hours(scope, midnight, before, now)).all()
            funds = _funds(connection, scope)
        today = [row for row in rows if row.hour >= 0]
        past = [row for row in rows if row.hour < 0]
        return Dashboard(
            at=now,
            calls_now=total,
            talking_now=talking,
            minutes=_every_minute(first, [*recent, *live]),
            last_hour=_traffic(recent),
            today=_span(today),
            by_now=_span(row for row in past if row.by_now),
            yesterday=_span(past),
            hours=_every_hour(rows, midnight, before, now),
            to_review=sum(row.to_review for row in today) if scope.is_everything else 0,
            funds=funds,
        )


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _midnight_before(local: datetime) -> datetime:
    return _midnight(local - timedelta(days=1))


def sums_since(scope: Scope, since: datetime) -> sa.Subquery:
    """The folded rows and the new ones. People of a customer see its own calls' sums."""
    return sa.union_all(
        *(_rows(table, scope, since) for table in (call_sums, call_sums_new))
    ).subquery()


def _rows(table: sa.Table, scope: Scope, since: datetime) -> sa.Select[Any]:
    account_id = OPERATOR if scope.account_id is None else scope.account_id
    rows = sa.select(table).where(table.c.account_id == account_id, table.c.at >= since)
    return rows if scope.subtree else rows.where(~table.c.below)


def _minutes(scope: Scope, first: datetime) -> sa.Select[Any]:
    """Calls that have ended, by the minute of their start."""
    s = sums_since(scope, first).c
    return (
        sa.select(
            s.at,
            _total(s.offered).label("offered"),
            _total(s.answered).label("answered"),
            _total(s.talk_ms).label("talk_ms"),
        )
        .where(s.currency == "")
        .group_by(s.at)
    )


def _live_minutes(scope: Scope, first: datetime) -> sa.Select[Any]:
    # date_trunc on an aware time goes by the connection's zone; minutes are the same in all
    minute = sa.func.date_trunc("minute", calls.c.offered_at)
    return (
        sa.select(
            minute.label("at"),
            sa.func.count().label("offered"),
            sa.func.count(calls.c.answered_at).label("answered"),
        )
        .where(calls.c.offered_at >= first, *live_in(scope))
        .group_by(minute)
    )


def _hours(scope: Scope, midnight: datetime, before: datetime, now: datetime) -> sa.Select[Any]:
    """By hour since yesterday's beginning, today's from 0 on; yesterday's up to this time of day
    apart from what came later. Days are as long as the zone makes them."""
    s = sums_since(scope, before).c
    today = s.at >= midnight
    begin = sa.case((today, sa.literal(midnight)), else_=sa.literal(before))
    number = sa.cast(sa.func.floor(sa.extract("epoch", s.at - begin) / 3600), sa.Integer)
    # yesterday's hours are counted down from -1: hour 0 is -1, hour 1 is -2
    hour = sa.case((today, number), else_=-1 - number)
    by_now = s.at < before + (now - midnight)
    return sa.select(
        hour.label("hour"),
        by_now.label("by_now"),
        s.currency,
        *(_total(s[name]).label(name) for name in ("offered", "answered", "talk_ms", "to_review")),
        *(sa.func.sum(s[name]).label(name) for name in ("earned", "paid", "tax")),
    ).group_by(sa.literal_column("1"), sa.literal_column("2"), s.currency)


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(column), sa.BigInteger)


def _every_minute(first: datetime, rows: Iterable[Row]) -> tuple[Minute, ...]:
    offered: defaultdict[datetime, int] = defaultdict(int)
    answered: defaultdict[datetime, int] = defaultdict(int)
    for row in rows:
        offered[row.at] += row.offered
        answered[row.at] += row.answered
    every = (first + timedelta(minutes=n) for n in range(MINUTES))
    return tuple(Minute(at, offered[at], answered[at]) for at in every)


def _every_hour(
    rows: Iterable[Row], midnight: datetime, before: datetime, now: datetime
) -> tuple[Hour, ...]:
    by_hour: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_hour[row.hour].append(row)
    length = max(_hours_of(before, midnight), _hours_of(midnight, _midnight(midnight + 26 * _HOUR)))
    begun = int((now - midnight) / _HOUR)
    return tuple(
        Hour(
            midnight + number * _HOUR,
            _span(by_hour[number]) if number <= begun else None,
            _span(by_hour[-1 - number]),
        )
        for number in range(length)
    )


def _hours_of(begin: datetime, end: datetime) -> int:
    """Elapsed ones: 23 or 25 where the clock is changed."""
    return round((end.timestamp() - begin.timestamp()) / 3600)


def _traffic(rows: Iterable[Row]) -> Traffic:
    offered = answered = talk_ms = 0
    for row in rows:
        offered, answered = offered + row.offered, answered + row.answered
        talk_ms += row.talk_ms
    return Traffic(offered, answered, talk_ms) if offered else NO_TRAFFIC


def _span(rows: Iterable[Row]) -> Span:
    rows = tuple(rows)
    money: dict[str, Takings] = {}
    for row in rows:
        if row.currency:
            had = money.get(row.currency)
            earned, paid, tax = (had.earned, had.paid, had.tax) if had else (0, 0, 0)
            money[row.currency] = Takings(
                row.currency, row.earned + earned, row.paid + paid, row.tax + tax
            )
    takings = tuple(money[currency] for currency in sorted(money))
    return Span(_traffic(row for row in rows if not row.currency), takings)


def _funds(connection: sa.Connection, scope: Scope) -> OwnFunds | None:
    if scope.account_id is None:
        return None
    a, f = accounts.c, account_funds.c
    row = connection.execute(
        sa.select(
            a.id,
            a.name,
            a.currency,
            f.balance,
            f.reserved,
            f.balance + a.overdraft_limit - f.reserved,
            a.low_balance,
        )
        .join(account_funds, f.account_id == a.id)
        .where(a.id == scope.account_id)
    ).one_or_none()
    return None if row is None else OwnFunds(*row)
