"""Tokens, HTTPS, addresses, scopes, requests per minute: before anything is done."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from controller.domain.rights import Right
from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role
from tests.web.api.callers import ApiClient, TestTokens, problem
from tests.web.api.conftest import As
from tests.web.conftest import OwnedClock

ABROAD = {"REMOTE_ADDR": "198.51.100.9"}


def test_who_am_i(as_user: As) -> None:
    client = as_user(
        "bob",
        role=Role.AGENT,
        account_id=7,
        rights=frozenset({Right.PHONES}),
        scopes=frozenset({ApiScope.CDRS_READ}),
        requests_per_minute=5,
    )
    response = client.get("/me")
    assert response.get_json() == {
        "user": "bob",
        "role": "agent",
        "account_id": 7,
        "rights": ["phones"],
        "token": "bob's",
        "scopes": ["cdrs:read"],
        "expires_at": None,
        "requests_per_minute": 5,
    }
    assert response.headers["RateLimit-Policy"] == '"minute";q=5;w=60'
    assert response.headers["RateLimit"] == '"minute";r=4;t=60'


def test_health_needs_no_token(anybody: FlaskClient, clock: OwnedClock) -> None:
    body = anybody.get("/api/v1/health").get_json()
    assert body["status"] == "ok"
    assert body["time"] == clock.now().isoformat().replace("+00:00", "Z")


def test_without_a_token(anybody: FlaskClient) -> None:
    response = anybody.get("/api/v1/me")
    problem(response, 401, "token_missing")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="tollgate"'


@pytest.mark.parametrize(
    "header",
    ["Bearer nobodys", "Basic YWRhOmFkYQ==", "Bearer", "Bearer a b", "Bearer " + "x" * 999, "é"],
)
def test_a_token_that_is_none(anybody: FlaskClient, header: str) -> None:
    response = anybody.get("/api/v1/me", headers={"Authorization": header})
    body = problem(response, 401, "token_invalid")
    assert "detail" not in body, "which of the reasons it is, is not told"
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_session_is_no_token_and_no_cookie_is_set(anybody: FlaskClient, api: ApiClient) -> None:
    anybody.set_cookie("tollgate", "x" * 43)
    problem(anybody.get("/api/v1/me"), 401, "token_missing")
    for response in (api.get("/me"), api.get("/nothing"), anybody.get("/api/v1/me")):
        assert "Set-Cookie" not in response.headers


def test_from_an_address_that_is_not_on_the_list(as_user: As) -> None:
    client = as_user(addresses=frozenset({"127.0.0.1"}))
    assert client.get("/me").status_code == 200
    response = client.get("/me", environ_base=ABROAD, base_url="https://localhost")
    assert "198.51.100.9" in problem(response, 403, "address_not_allowed")["detail"]


def test_https_except_from_this_machine(api: ApiClient, anybody: FlaskClient) -> None:
    problem(api.get("/me", environ_base=ABROAD), 403, "https_required")
    problem(anybody.get("/api/v1/health", environ_base=ABROAD), 403, "https_required")
    assert api.get("/me", environ_base=ABROAD, base_url="https://localhost").status_code == 200
    for loopback in ("127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert api.get("/me", environ_base={"REMOTE_ADDR": loopback}).status_code == 200


def test_https_can_be_waived(make_api: Callable[..., Flask], tokens: TestTokens) -> None:
    client = ApiClient(make_api(api_without_https=True).test_client(), tokens.issue("ada"))
    assert client.get("/me", environ_base=ABROAD).status_code == 200


def test_requests_of_a_minute(as_user: As, clock: OwnedClock) -> None:
    client, other = as_user(requests_per_minute=3), as_user(requests_per_minute=3)
    for left in (2, 1, 0):
        assert client.get("/me").headers["RateLimit"] == f'"minute";r={left};t=60'
    clock.advance(20.5)
    response = client.get("/me")
    problem(response, 429, "rate_limited")
    assert response.headers["Retry-After"] == "40"
    assert response.headers["RateLimit"] == '"minute";r=0;t=40'
    assert other.get("/me").status_code == 200
    clock.advance(39.5)
    assert client.get("/me").status_code == 200


def test_guesses_are_slowed_down(anybody: FlaskClient, api: ApiClient, clock: OwnedClock) -> None:
    def guess() -> int:
        headers = {"Authorization": "Bearer wrong"}
        return anybody.get("/api/v1/me", headers=headers).status_code

    assert [guess() for _ in range(60)] == [401] * 60
    assert guess() == 429
    assert api.get("/me").status_code == 429, "the right token too: it may be a guess"
    assert api.get("/me", environ_base={"REMOTE_ADDR": "127.0.0.2"}).status_code == 200
    clock.advance(60)
    assert guess() == 401


def test_addresses_that_do_not_exist(api: ApiClient, anybody: FlaskClient) -> None:
    problem(api.get("/nothing"), 404, "not_found")
    problem(anybody.post("/api/v1"), 404, "not_found")
    response = api.post("/me", {})
    problem(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert api.send("OPTIONS", "/me").status_code == 405


def test_unknown_parameters_are_refused(api: ApiClient) -> None:
    body = problem(api.get("/me?verbose=1"), 422, "invalid_fields")
    assert body["errors"] == [{"field": "verbose", "message": "There is no such parameter."}]


def test_headers_of_every_answer(api: ApiClient) -> None:
    for path in ("/me", "/nothing", "/openapi.json"):
        headers = api.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_database(api: ApiClient, api_app: Flask) -> None:
    def away(*_: object) -> None:
        from controller.domain.errors import StoreUnavailable

        raise StoreUnavailable("gone")

    services = api_app.extensions["tollgate_services"]
    object.__setattr__(services.database, "check", away)
    response = api.get("/health")
    problem(response, 503, "store_unavailable")
    assert response.headers["Retry-After"] == "5"
    assert "gone" not in response.text
