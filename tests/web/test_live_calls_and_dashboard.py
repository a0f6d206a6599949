"""Calls in progress, and the figures of the first page against sums made another way."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence.schema import calls, cdrs
from controller.persistence.views.dashboard import PostgresDashboard
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.services.actors import EVERYTHING
from controller.services.views.dashboard import NO_TRAFFIC, Hour, Span
from tests.web import sample
from tests.web.conftest import OwnedClock
from web.charts import change_percent, hour_chart, minute_chart


@pytest.mark.usefixtures("operator")
def test_live_calls_newest_first(engine: sa.Engine) -> None:
    live = PostgresLiveCalls(engine).live(EVERYTHING, "", 15)
    assert (live.total, live.matching, len(live.rows)) == (40, 40, 15)
    assert 0 < live.talking < 40
    assert list(live.rows) == sorted(live.rows, key=lambda c: c.offered_at, reverse=True)
    assert all(call.mapping_gateway.endswith("-in") for call in live.rows)
    assert {len(call.routing_gateways) for call in live.rows} == {1, 2}


@pytest.mark.usefixtures("operator")
def test_live_search(engine: sa.Engine, admin: FlaskClient) -> None:
    view = PostgresLiveCalls(engine)
    german = view.live(EVERYTHING, "4930", 200)
    assert 0 < german.matching == len(german.rows) < german.total
    assert all(call.callee.startswith("4930") for call in german.rows)
    assert {call.account for call in view.live(EVERYTHING, "ATLAS", 200).rows} == {"atlas-telecom"}
    assert view.live(EVERYTHING, "%", 200).matching == 0
    assert "No call in progress begins like that." in admin.get("/calls?q=zzz").text
    assert admin.get("/calls?q=%00").status_code == 400


@pytest.mark.usefixtures("operator")
def test_the_page_renews_itself_from_a_fragment(admin: FlaskClient) -> None:
    page, rows = admin.get("/calls?q=49").text, admin.get("/calls/rows?q=49").text
    assert 'data-refresh="/calls/rows?q=49" data-every="2000"' in page
    assert "<html" not in rows
    table = re.compile(r'<td class="number medium">.*?</td>', re.S)
    assert table.findall(rows) == table.findall(page)


def test_an_idle_switch(admin: FlaskClient) -> None:
    assert "No call is in progress." in admin.get("/calls").text
    page = admin.get("/").text
    assert "No rated call has ended today." in page
    assert "nothing unclear" in page


def test_figures_are_exact(engine: sa.Engine, clock: OwnedClock) -> None:
    sample.plant_accounts(engine)
    sample.plant_cdrs(engine, 500, clock.now(), "30 hours")
    sample.plant_lines(engine)
    sample.plant_live_calls(engine, 12, clock.now())
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    first = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=59)
    with engine.connect() as connection:
        records = connection.execute(sa.select(cdrs)).all()
        offered = list(connection.scalars(sa.select(calls.c.offered_at)))
    today = [r for r in records if r.started_at >= midnight]
    figures = PostgresDashboard(engine, clock).figures(EVERYTHING, UTC)
    assert figures.today.traffic.offered == len(today)
    assert figures.today.traffic.answered == sum(r.answered_at is not None for r in today)
    assert figures.today.traffic.talk_ms == sum(r.talk_ms for r in today)
    assert figures.to_review == sum(bool(r.review) for r in today)
    takings = figures.today.money("USD")
    assert takings.earned == sum((r.net for r in today), Decimal(0))
    assert takings.margin == sum((r.net - r.cost for r in today), Decimal(0))
    past = [r for r in records if midnight - timedelta(days=1) <= r.started_at < midnight]
    assert figures.yesterday.traffic.offered == len(past)
    assert figures.yesterday.money("USD").paid == sum((r.cost for r in past), Decimal(0))
    hour = [r for r in records if r.started_at >= first]
    assert figures.last_hour.offered == len(hour)
    assert sum(m.offered for m in figures.minutes) == len(hour) + len(offered)
    assert (len(figures.minutes), figures.minutes[0].at) == (60, first)
    assert figures.calls_now == 12


def test_a_record_is_counted_at_once(engine: sa.Engine, clock: OwnedClock) -> None:
    sample.plant_accounts(engine)
    view = PostgresDashboard(engine, clock)
    assert view.figures(EVERYTHING, UTC).last_hour.offered == 0
    sample.plant_cdrs(engine, 10, clock.now(), "10 seconds")
    assert view.figures(EVERYTHING, UTC).last_hour.offered == 10


def test_calls_a_second(engine: sa.Engine, clock: OwnedClock) -> None:
    """Of the last minute that is over, calls in progress included."""
    sample.plant_accounts(engine)
    minute = clock.now().replace(second=0, microsecond=0)
    sample.plant_cdrs(engine, 30, minute, "30 seconds")
    figures = PostgresDashboard(engine, clock).figures(EVERYTHING, UTC)
    assert figures.calls_per_second == Decimal("0.5")
    assert figures.most_per_second == Decimal("0.5")


def test_the_chart_of_nothing() -> None:
    assert minute_chart(()).top == 1


def test_scales_end_at_round_figures() -> None:
    empty = Span(NO_TRAFFIC, ())
    values = {Decimal("0.037"): "0.05", Decimal(2): "2", Decimal("20.1"): "50", Decimal(0): "1"}
    for amount, top in values.items():
        hours = (Hour(datetime(2026, 3, 1, tzinfo=UTC), None, empty),)
        chart = hour_chart(hours, lambda _span, amount=amount: amount)  # type: ignore[misc]
        assert chart.top == Decimal(top)
        assert chart.bars[0].today is None
        assert chart.bars[0].yesterday_height <= chart.height


def test_change_against_yesterday() -> None:
    assert change_percent(3, 2) == 50
    assert change_percent(Decimal("0.5"), Decimal(1)) == -50
    assert change_percent(3, 0) is None
