"""A server on a free port with a fresh database, and a browser for each theme."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from waitress.server import create_server

from controller.bootstrap.foundations import SystemClock
from tests.browser.chromium import Album, find_chromium, has_playwright, missing_browser
from tests.web.conftest import PASSWORDS
from tests.web.forms import PASSWORD
from tests.web.wiring import web_services
from web import WebConfig, create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.visits import Visit

MARKS = (pytest.mark.chromium, pytest.mark.postgres, pytest.mark.slow)
Enter = Callable[..., "Visit"]
collect_ignore_glob = [] if has_playwright() else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = missing_browser()
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for mark in MARKS:
                item.add_marker(mark)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing[0]))


@pytest.fixture(scope="session")
def album(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Where the screenshots go: SCREENSHOTS, or a directory that the run names at its end."""
    named = os.environ.get("SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots", numbered=False)
    folder.mkdir(parents=True, exist_ok=True)
    made = Album(folder)
    request.config.stash[Album.KEY] = made
    return made


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed after the tests of this folder: the others shall have the machine to themselves."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def address(engine: sa.Engine) -> Iterator[str]:
    """Where the application answers; with plain HTTP, so cookies are not Secure."""
    services = web_services(engine, SystemClock(), PASSWORDS)
    app = create_app(services, WebConfig(secure_cookies=False, page_size=20))
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


@pytest.fixture
def enter(browser: Browser, address: str, album: Album) -> Iterator[Enter]:
    """Sign somebody in, in a browser profile of his own."""
    from tests.browser.visits import Visit

    visits: list[Visit] = []

    def begin(name: str, theme: str = "light", width: int = 1280, language: str = "en") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
            base_url=address,
        )
        context.set_default_timeout(10_000)
        visit = Visit(context.new_page(), album, theme, width)
        visits.append(visit)
        visit.sign_in(name, PASSWORD)
        return visit

    yield begin
    for visit in visits:
        visit.page.context.close()
    faults = [fault for visit in visits for fault in visit.faults]
    assert faults == [], "errors in the browser's console"
