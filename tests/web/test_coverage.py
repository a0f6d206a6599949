"""The page of coverage: counts, filters, and a check that runs beside the pages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.domain.errors import StoreUnavailable
from controller.persistence import schema as t
from controller.persistence.coverage_store import PostgresCoverage
from controller.services.actors import EVERYTHING
from controller.services.coverage_ports import CoverageReading
from controller.services.views.coverage import CoverageWatch
from tests.web import sample
from tests.web.conftest import OwnedClock
from tests.web.forms import send
from web.context import SERVICES

TIMEOUT_S = 30


@pytest.fixture
def checked(app: Flask, engine: sa.Engine, clock: OwnedClock, admin: FlaskClient) -> FlaskClient:
    """A signed-in client of an operator whose coverage has been looked at."""
    sample.plant_accounts(engine)
    sample.plant_resellers(engine, clock.now())
    sample.plant_rates(engine)
    first = admin.get("/coverage")
    assert "The first look at all routes and rates is under way." in first.text
    assert first.headers["Refresh"] == "2"
    app.extensions[SERVICES].coverage.wait(TIMEOUT_S)
    return admin


def rows(text: str) -> int:
    return text.partition("<tbody>")[2].count("<tr>")


class TestPage:
    def test_counts_and_what_is_missing(self, checked: FlaskClient) -> None:
        response = checked.get("/coverage")
        assert "Refresh" not in response.headers
        text = response.text
        for shown in (
            "8 routes and 12 rates",
            "Agent has no rate",
            "tallinn-reseller (sold to baltic-voice)",
            "sold at 0.21 (3725), costs 0.30\u00a0USD (3725)",
            "Where to look first",
        ):
            assert shown in text
        assert rows(text) == 10

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("kind=loss", 4),
            ("kind=loss&owner=wholesale-usd", 2),
            ("owner=kestrel-carrier-out", 3),
            ("prefix=49", 2),
            ("area=ESTONIA", 4),
            ("kind=unsold", 0),
        ],
    )
    def test_filters(self, checked: FlaskClient, query: str, count: int) -> None:
        text = checked.get(f"/coverage?{query}").text
        assert rows(text) == count
        assert ("No destination matches." in text) == (count == 0)

    def test_paging(self, app: Flask, checked: FlaskClient) -> None:
        config = app.extensions["tollgate_config"]
        object.__setattr__(config, "page_size", 4)
        text, seen = checked.get("/coverage").text, 0
        while True:
            seen += rows(text)
            following = text.partition('rel="next" href="')[2].partition('"')[0]
            if not following:
                break
            text = checked.get(following.replace("&amp;", "&")).text
        assert seen == 10

    def test_bad_filters(self, checked: FlaskClient) -> None:
        for query in ("kind=other", "prefix=x", "after=x", "after=-1"):
            assert checked.get(f"/coverage?{query}").status_code == 400, query

    def test_looking_again(self, app: Flask, engine: sa.Engine, checked: FlaskClient) -> None:
        with engine.begin() as connection:
            connection.execute(t.rates.delete().where(t.rates.c.prefix == "7"))
            connection.execute(t.routes.delete())
        assert "No destination matches." in checked.get("/coverage?kind=unrouted").text
        assert send(checked, "/coverage/again", "/coverage").status_code == 302
        app.extensions[SERVICES].coverage.wait(TIMEOUT_S)
        assert rows(checked.get("/coverage?kind=unrouted").text) > 0

    def test_complete(self, app: Flask, admin: FlaskClient) -> None:
        """An operator without anything has no gaps."""
        admin.get("/coverage")
        app.extensions[SERVICES].coverage.wait(TIMEOUT_S)
        assert "Every destination that is routed is sold" in admin.get("/coverage").text


class Versions:
    def __init__(self) -> None:
        self.version = 1

    def __call__(self) -> int:
        return self.version


class Gate:
    """A store that waits until it is let go, counts how often it is asked, and may fail."""

    def __init__(self, store: PostgresCoverage) -> None:
        self._store = store
        self.open = threading.Event()
        self.open.set()
        self.looks = 0
        self.fails = False

    @contextmanager
    def look(self, when: datetime) -> Iterator[CoverageReading]:
        self.looks += 1
        assert self.open.wait(TIMEOUT_S)
        if self.fails:
            raise StoreUnavailable("away")
        with self._store.look(when) as reading:
            yield reading


class TestWatch:
    @pytest.fixture
    def gate(self, engine: sa.Engine) -> Gate:
        return Gate(PostgresCoverage(engine))

    def test_one_check_at_a_time(self, gate: Gate, clock: OwnedClock) -> None:
        watch = CoverageWatch(gate, clock, Versions())
        gate.open.clear()
        states = [watch.state(EVERYTHING, again=True) for _ in range(5)]
        assert all(state.is_running and state.report is None for state in states)
        gate.open.set()
        watch.wait(TIMEOUT_S)
        state = watch.state(EVERYTHING)
        assert (gate.looks, state.is_running, state.report is None) == (1, False, False)

    def test_kept_until_it_is_old_or_the_configuration_is_another(
        self, gate: Gate, clock: OwnedClock
    ) -> None:
        versions = Versions()
        watch = CoverageWatch(gate, clock, versions, kept=timedelta(minutes=1))

        def looks() -> int:
            state = watch.state(EVERYTHING)
            watch.wait(TIMEOUT_S)
            assert state.report is not None or gate.looks == 1
            return gate.looks

        assert [looks(), looks()] == [1, 1]
        clock.advance(61)
        assert [looks(), looks()] == [2, 2]
        versions.version = 2
        assert [looks(), looks()] == [3, 3]

    def test_the_last_report_stays_while_a_new_one_fails(
        self, gate: Gate, clock: OwnedClock
    ) -> None:
        watch = CoverageWatch(gate, clock, Versions())
        watch.state(EVERYTHING)
        watch.wait(TIMEOUT_S)
        gate.fails = True
        watch.state(EVERYTHING, again=True)
        watch.wait(TIMEOUT_S)
        state = watch.state(EVERYTHING)
        assert state.report is not None
        assert state.failure == "The database could not be read."
