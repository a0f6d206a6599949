"""Nothing is open by omission: views that say nothing, users without an account, the navigation.

Who gets what from which route is the matrix (test_matrix.py).
"""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import AddUser, MakeApp
from tests.web.forms import csrf_of, sign_in
from web.access import access_of, require_declarations


def offered(page: str) -> set[str]:
    """Where the navigation of a page leads."""
    navigation = page.partition('aria-label="Main"')[2].partition("</nav>")[0]
    return set(re.findall(r'href="([^"]+)"', navigation))


@pytest.mark.parametrize("role", ["agent", "customer"])
def test_a_user_who_belongs_to_no_account_sees_nothing_and_may_leave(
    app: Flask, add_user: AddUser, role: str
) -> None:
    add_user("bob", role)
    client = app.test_client()
    assert sign_in(client, "bob").status_code == 302
    for path in ("/", "/calls", "/cdrs", "/cdrs.csv", "/accounts", "/rates", "/explain/rate"):
        response = client.get(path)
        assert response.status_code == 403, path
        assert "Sign out" in response.text
    token = csrf_of(client, "/")
    assert client.post("/sign-out", data={"csrf_token": token}).location == "/sign-in"


@pytest.mark.usefixtures("operator")
def test_the_navigation_leads_nowhere_that_is_refused(admin: FlaskClient) -> None:
    paths = offered(admin.get("/").text)
    assert {"/", "/calls", "/cdrs", "/accounts", "/coverage"} <= paths
    for path in paths:
        assert admin.get(path).status_code == 200, path


def test_a_view_that_does_not_say_who_may_open_it_stops_the_start(app: Flask) -> None:
    app.view_functions["forgotten"] = lambda: "secret"
    with pytest.raises(RuntimeError, match="forgotten"):
        require_declarations(app)


def test_an_undeclared_view_is_refused_even_so(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert access_of(app, "forgotten") is None
    assert app.test_client().get("/forgotten").status_code == 403


def test_pages_that_poll_do_not_keep_sessions_alive(app: Flask) -> None:
    polling = {e for e in app.view_functions if (a := access_of(app, e)) and a.polls}
    assert polling == {"dashboard.figures", "live_calls.rows"}
