"""Nothing is open by omission: every route is walked, as a stranger and as every role."""

import re
import uuid

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import AddUser, MakeApp
from tests.web.forms import csrf_of, sign_in
from web.access import access_of, require_declarations

OPEN_TO_ALL = {
    "static",
    "sign_in.form",
    "sign_in.sign_in",
    "health.alive",
    "health.ready",
    "api_pages.reference",
    "api_pages.swagger_file",
    "api_pages.problems",
}
FOR_ANYBODY_SIGNED_IN = {"sign_in.sign_out"}
OFFERED = {"/rates", "/explain/rate"}
OF_THEIR_OWN = {"rates.index", "rates.group", "explain.rate"}
"""Pages that show everybody what belongs to their account (tests/web/test_rates.py)."""

SAMPLE_VALUES = {
    "account_id": 1,
    "group_id": 1,
    "call_id": uuid.UUID(int=7),
    "filename": "mark.svg",
    "name": "swagger-ui.css",
    "section": "rights",
    "action": "lock",
    "kind": "payment",
    "name": "nobody",
    "number": "4400",
    "payment_id": str(uuid.UUID(int=7)),
}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every page; the API, which takes tokens only, has its own walk
    (tests/web/api)."""
    found = []
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            declared = access_of(app, rule.endpoint)
            if declared is not None and declared.by_token:
                continue
            values = {name: SAMPLE_VALUES[name] for name in rule.arguments}
            if rule.endpoint.startswith("gateways."):
                values["kind"] = "mapping"
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                found.append((rule.endpoint, method, adapter.build(rule.endpoint, values, method)))
    return found


def offered(page: str) -> set[str]:
    """Where the navigation of a page leads."""
    navigation = page.partition('aria-label="Main"')[2].partition("</nav>")[0]
    return set(re.findall(r'href="([^"]+)"', navigation))


def test_a_stranger_gets_to_the_sign_in_page_and_no_further(app: Flask) -> None:
    for endpoint, method, path in routes(app):
        client = app.test_client()
        response = client.open(path, method=method)
        if endpoint in OPEN_TO_ALL:
            assert response.status_code in (200, 400), path
        elif response.status_code == 302:
            assert response.location.startswith("/sign-in"), path
        else:
            assert response.status_code == 401, path


@pytest.mark.parametrize("role", ["agent", "customer"])
def test_other_roles_are_refused_everywhere(app: Flask, add_user: AddUser, role: str) -> None:
    add_user("bob", role)
    client = app.test_client()
    assert sign_in(client, "bob").status_code == 302
    token = csrf_of(client, "/")
    for endpoint, method, path in routes(app):
        if endpoint in OPEN_TO_ALL | FOR_ANYBODY_SIGNED_IN:
            continue
        response = client.open(path, method=method, data={"csrf_token": token})
        if endpoint in OF_THEIR_OWN:
            assert response.status_code in (200, 404), path
            continue
        assert response.status_code == 403, path
        assert "Sign out" in response.text
        assert offered(response.text) <= OFFERED, "navigation to pages that are refused"
    assert client.post("/sign-out", data={"csrf_token": token}).location == "/sign-in"


@pytest.mark.usefixtures("operator")
def test_an_administrator_gets_everywhere(app: Flask, admin: FlaskClient) -> None:
    for _endpoint, method, path in routes(app):
        if method == "GET":
            assert admin.get(path).status_code in (200, 302, 404), path


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
