"""Calls in progress, and the figures of the first page against sums made another way."""

import re
import threading
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from controller.persistence.schema import calls, cdrs
from controller.persistence.views.dashboard import PostgresDashboard
from controller.persistence.views.live_calls import PostgresLiveCalls
from controller.persistence.views.remembered import Remembered
from controller.services.actors import EVERYTHING
from tests.web import sample
from tests.web.conftest import OwnedClock
from web.charts import minute_chart


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
    sample.plant_live_calls(engine, 12, clock.now())
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    first = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=59)
    with engine.connect() as connection:
        records = connection.execute(sa.select(cdrs)).all()
        offered = list(connection.scalars(sa.select(calls.c.offered_at)))
    today = [r for r in records if r.started_at >= midnight]
    figures = PostgresDashboard(engine, clock).figures(EVERYTHING, UTC)
    assert figures.today.offered == len(today)
    assert figures.today.answered == sum(r.answered_at is not None for r in today)
    assert figures.today.talk_ms == sum(r.talk_ms for r in today)
    assert figures.to_review == sum(bool(r.review) for r in today)
    if today:
        takings = figures.takings[0]
        assert takings.revenue == sum(r.net for r in today)
        assert takings.margin == sum((r.net - r.cost for r in today), Decimal(0))
    hour = [r for r in records if r.started_at >= first]
    assert figures.last_hour.offered == len(hour)
    assert sum(m.offered for m in figures.minutes) == len(hour) + len(offered)
    assert (len(figures.minutes), figures.minutes[0].at) == (60, first)
    assert figures.calls_now == 12


def test_a_day_is_read_again_in_proportion_to_its_cost(
    engine: sa.Engine, clock: OwnedClock
) -> None:
    sample.plant_accounts(engine)
    view = PostgresDashboard(engine, clock, at_least_s=5.0)
    assert view.figures(EVERYTHING, UTC).today.offered == 0
    sample.plant_cdrs(engine, 10, clock.now(), "10 seconds")
    assert view.figures(EVERYTHING, UTC).today.offered == 0
    clock.advance(5.1)
    assert view.figures(EVERYTHING, UTC).last_hour.offered == 10


def test_remembered_serves_the_old_while_one_reads() -> None:
    now = [0.0]
    reading, go_on, reads = threading.Event(), threading.Event(), []

    def read() -> int:
        reads.append(1)
        if len(reads) > 1:
            reading.set()
            assert go_on.wait(5)
        now[0] += 1.0
        return len(reads)

    remembered = Remembered(read, 2.0, lambda: now[0])
    assert (remembered.get(), remembered.get()) == (1, 1)
    now[0] += 19.9
    assert remembered.get() == 1, "kept twenty times as long as the reading took"
    now[0] += 0.2
    reader = threading.Thread(target=remembered.get)
    reader.start()
    assert reading.wait(5)
    assert remembered.get() == 1
    go_on.set()
    reader.join()
    assert remembered.get() == 2


def test_the_chart_of_nothing() -> None:
    assert minute_chart(()).top == 1
