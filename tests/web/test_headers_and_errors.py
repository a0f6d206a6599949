"""Security headers on every answer, pages for every error, and life without a database."""

import re
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.persistence import database
from tests.web.conftest import PASSWORDS, MakeApp, OwnedClock
from tests.web.wiring import web_services
from web import create_app

PAGES = (
    "/",
    "/calls",
    "/calls/rows",
    "/cdrs",
    "/accounts",
    "/accounts/5",
    "/rates",
    "/rates/1",
    "/explain/rate",
    "/explain/call",
    "/coverage",
    "/password",
    "/profile",
    "/profile/change",
    "/profile/second-factor",
    "/profile/tokens/new",
    "/users",
    "/users/new",
    "/user/ada",
    "/audit",
)


@pytest.mark.usefixtures("operator")
def test_headers_of_every_page(admin: FlaskClient) -> None:
    for path in (*PAGES, "/cdrs.csv", "/healthz", "/nothing-here"):
        headers = admin.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers


def test_transport_security_under_https_only(client: FlaskClient) -> None:
    headers = client.get("/sign-in", base_url="https://localhost").headers
    assert headers["Strict-Transport-Security"] == "max-age=2592000"


class InlineParts(HTMLParser):
    """Finds what the policy would forbid: inline script, style, handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [n for n in names if n == "style" or n.startswith("on")]
        values = [value or "" for _, value in attrs]
        self.found += [v for v in values if v.startswith(("javascript:", "data:"))]


@pytest.mark.usefixtures("operator")
def test_no_page_has_inline_script_or_style(admin: FlaskClient) -> None:
    call = re.search(r"/cdrs/[0-9a-f-]{36}", admin.get("/cdrs").text)
    assert call is not None
    for path in (*PAGES, call[0]):
        response = admin.get(path)
        assert response.status_code == 200, path
        parser = InlineParts()
        parser.feed(response.text)
        assert parser.found == [], path


def test_static_files_with_a_version_are_kept_others_are_not(client: FlaskClient) -> None:
    page = client.get("/sign-in").text
    styles = re.search(r'href="(/static/tollgate\.css\?v=[0-9a-f]{12})"', page)
    assert styles is not None
    assert "immutable" in client.get(styles[1]).headers["Cache-Control"]
    assert client.get("/static/tollgate.css").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing-here", 404),
        ("GET", "/accounts/99999", 404),
        ("GET", "/accounts/99999999999999999999999", 404),
        ("GET", "/accounts/-1", 404),
        ("GET", "/cdrs/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/cdrs/not-a-uuid", 404),
        ("GET", "/cdrs?before=junk", 400),
        ("GET", "/cdrs?before=999999999999999999-00000000-0000-0000-0000-000000000000", 400),
        ("GET", "/accounts/1?after=1-zzzzzzzz-0000-0000-0000-000000000000", 404),
        ("GET", "/cdrs.csv?since=junk", 400),
        ("POST", "/cdrs", 405),
    ],
)
def test_what_is_wrong_gets_a_page(admin: FlaskClient, method: str, path: str, status: int) -> None:
    response = admin.open(path, method=method)
    assert response.status_code == status
    assert f'<p class="status-code">{status}</p>' in response.text
    assert "Traceback" not in response.text


def test_a_huge_form_is_refused(client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"name": "x" * 100_000}).status_code == 413


def test_a_fault_shows_a_reference_and_no_traceback(
    app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a detail that is nobody's business")

    app.testing = False
    monkeypatch.setattr("web.pages.dashboard.services", broken)
    response = admin.get("/")
    assert response.status_code == 500
    assert "nobody&#39;s business" not in response.text
    assert "Traceback" not in response.text
    assert re.search(r"<code>[0-9a-f]{8}</code>", response.text)


# -- without a database -------------------------------------------------------------------


@pytest.fixture
def lonely(clock: OwnedClock) -> FlaskClient:
    """An application whose database does not answer."""
    nowhere = database.make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(web_services(nowhere, clock, PASSWORDS))
    app.testing = True
    return app.test_client()


def test_the_database_away_is_a_page(lonely: FlaskClient) -> None:
    lonely.set_cookie("tollgate", "a-session-that-cannot-be-looked-up")
    for path in PAGES:
        response = lonely.get(path)
        assert response.status_code == 503, path
        assert "The database is away" in response.text
        assert response.headers["Retry-After"] == "5"
        assert "127.0.0.1" not in response.text


def test_health_and_readiness(lonely: FlaskClient, client: FlaskClient) -> None:
    assert (lonely.get("/healthz").status_code, lonely.get("/readyz").status_code) == (200, 503)
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
    assert client.get("/readyz").headers.getlist("Set-Cookie") == []


def test_a_database_that_goes_away_and_comes_back(
    admin: FlaskClient, engine: sa.Engine, server_url: str
) -> None:
    """Its connections cut, the next request reconnects; refused altogether, it is a 503."""
    assert admin.get("/accounts").status_code == 200
    name = engine.url.database
    admin_engine = database.make_engine(server_url)
    with admin_engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        cut = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n")
        connection.execute(cut, {"n": name})
        assert admin.get("/accounts").status_code == 200
        connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(cut, {"n": name})
        assert admin.get("/accounts").status_code == 503
        connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        assert admin.get("/accounts").status_code == 200
    admin_engine.dispose()


def test_a_pool_that_is_used_up_is_a_503(
    make_app: MakeApp, database_url: str, clock: OwnedClock, engine: sa.Engine
) -> None:
    small = sa.create_engine(
        engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1, pool_pre_ping=True
    )
    assert make_app().testing
    app = create_app(web_services(small, clock, PASSWORDS))
    with small.connect():
        assert database_url
        assert app.test_client().get("/readyz").status_code == 503
    small.dispose()
