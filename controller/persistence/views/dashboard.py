"""The figures of the first page. Implements `services.views.dashboard.DashboardView`.

Sums over a day of call records are read anew in proportion to what they cost (`remembered`);
calls in progress are counted each time.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from controller.persistence.schema import calls, cdrs
from controller.persistence.views.reading import reading
from controller.persistence.views.remembered import Remembered
from controller.services.ports import Clock
from controller.services.views.dashboard import Dashboard, Minute, Takings, Traffic

MINUTES = 60


@dataclass(frozen=True, slots=True)
class _Day:
    """What a whole day's records say, at one moment."""

    minutes: tuple[Minute, ...]
    last_hour: Traffic
    today: Traffic
    takings: tuple[Takings, ...]
    to_review: int


class PostgresDashboard:
    def __init__(self, engine: sa.Engine, clock: Clock, at_least_s: float = 5.0) -> None:
        self._engine = engine
        self._clock = clock
        self._day = Remembered(self._read_day, at_least_s, clock.monotonic)

    def figures(self) -> Dashboard:
        day = self._day.get()
        counts = sa.select(sa.func.count(), sa.func.count(calls.c.answered_at))
        with reading(self._engine) as connection:
            total, talking = connection.execute(counts).one()
        return Dashboard(
            self._clock.now(),
            total,
            talking,
            day.minutes,
            day.last_hour,
            day.today,
            day.takings,
            day.to_review,
        )

    def _read_day(self) -> _Day:
        now = self._clock.now().astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
        with reading(self._engine) as connection:
            minutes = _minutes(connection, first)
            last_hour = _traffic(connection, first)
            today, takings, to_review = _today(connection, midnight)
        return _Day(minutes, last_hour, today, takings, to_review)


def _minutes(connection: sa.Connection, first: datetime) -> tuple[Minute, ...]:
    """Offered calls by minute: the ended ones from the records, the others from the live ones."""
    ended, live = cdrs.c, calls.c
    both = sa.union_all(
        sa.select(ended.started_at.label("at"), ended.answered_at).where(ended.started_at >= first),
        sa.select(live.offered_at, live.answered_at).where(live.offered_at >= first),
    ).subquery()
    # date_trunc on an aware time goes by the connection's zone, which is UTC (`make_engine`)
    minute = sa.func.date_trunc("minute", both.c.at)
    counted = {
        at: (offered, answered)
        for at, offered, answered in connection.execute(
            sa.select(minute, sa.func.count(), sa.func.count(both.c.answered_at)).group_by(minute)
        )
    }
    every = (first + timedelta(minutes=n) for n in range(MINUTES))
    return tuple(Minute(at, *counted.get(at, (0, 0))) for at in every)


def _traffic(connection: sa.Connection, since: datetime) -> Traffic:
    sums = sa.select(
        sa.func.count(),
        sa.func.count(cdrs.c.answered_at),
        sa.func.coalesce(sa.func.sum(cdrs.c.talk_ms), 0),
    ).where(cdrs.c.started_at >= since)
    offered, answered, talk_ms = connection.execute(sums).one()
    return Traffic(offered, answered, int(talk_ms))


def _today(
    connection: sa.Connection, midnight: datetime
) -> tuple[Traffic, tuple[Takings, ...], int]:
    """One pass over the day; revenue and cost may be in different currencies."""
    sums = (
        sa.select(
            cdrs.c.currency,
            cdrs.c.cost_currency,
            sa.func.count(),
            sa.func.count(cdrs.c.answered_at),
            sa.func.sum(cdrs.c.talk_ms),
            sa.func.sum(cdrs.c.net),
            sa.func.sum(cdrs.c.cost),
            sa.func.count().filter(cdrs.c.review != ""),
        )
        .where(cdrs.c.started_at >= midnight)
        .group_by(cdrs.c.currency, cdrs.c.cost_currency)
    )
    offered = answered = talk_ms = to_review = 0
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    cost: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (
        sold_in,
        bought_in,
        calls_offered,
        calls_answered,
        talked,
        net,
        paid,
        unclear,
    ) in connection.execute(sums):
        offered += calls_offered
        answered += calls_answered
        talk_ms += int(talked)
        to_review += unclear
        revenue[sold_in] += net
        cost[bought_in] += paid
    currencies = sorted({*revenue, *cost} - {""})
    takings = tuple(Takings(c, revenue[c], cost[c]) for c in currencies)
    return Traffic(offered, answered, talk_ms), takings, to_review
