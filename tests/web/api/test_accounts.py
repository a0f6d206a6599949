"""Accounts through the API: made, seen, changed, closed; by operators and by agents."""

from typing import Any

import pytest

from controller.domain.rights import Right
from controller.services.api_scopes import ApiScope
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, AsAgent

pytestmark = pytest.mark.usefixtures("tenants")

NEW = {"name": "fresh", "currency": "USD", "rate_group": "sell"}


def names(api: ApiClient, address: str = "/accounts") -> list[str]:
    body = api.get(address).get_json()
    return [item["name"] for item in body["items"]]


def test_made_seen_changed_and_deleted(api: ApiClient) -> None:
    made = api.post("/accounts", {**NEW, "capacity": 30, "low_balance": "-12.50"})
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/accounts/fresh"
    body = made.get_json()
    assert body["low_balance"] == "-12.5"
    assert body["capacity"] == 30
    assert body["overdraft_limit"] == "0"
    assert body["is_agent"] is False

    seen = api.get("/accounts/fresh")
    assert seen.get_json() == body
    etag = seen.headers["ETag"]
    assert etag == f'"{body["revision"]}"'

    changed = api.patch("/accounts/fresh", {"locked": True, "capacity": None}, etag)
    assert changed.status_code == 200
    assert changed.get_json()["locked"] is True
    assert changed.get_json()["capacity"] is None
    assert changed.get_json()["low_balance"] == "-12.5", "what was not sent stays"
    assert changed.headers["ETag"] != etag

    assert api.delete("/accounts/fresh", changed.headers["ETag"]).status_code == 204
    problem(api.get("/accounts/fresh"), 404, "not_found")


def test_somebody_was_quicker(api: ApiClient, as_user: As) -> None:
    etag = api.get("/accounts/solo").headers["ETag"]
    as_user("bea").patch("/accounts/solo", {"title": "Bea's"}, etag)
    body = problem(api.patch("/accounts/solo", {"title": "Ada's"}, etag), 412, "stale")
    assert "bea" in body["detail"]
    assert "title" in body["detail"]
    assert api.get("/accounts/solo").get_json()["title"] == "Bea's"


def test_changes_need_what_was_seen(api: ApiClient) -> None:
    for etag, status, kind in (
        ("", 428, "precondition_required"),
        ('W/"1"', 412, "stale"),
        ('"999"', 412, "stale"),
        ('"x"', 412, "stale"),
        ('"1", "2"', 412, "stale"),
        ("1", 400, "malformed_request"),
        ('"1', 400, "malformed_request"),
        ('"' + "9" * 30 + '"', 412, "stale"),
    ):
        problem(api.patch("/accounts/solo", {"title": "x"}, etag), status, kind)
        problem(api.delete("/accounts/solo", etag), status, kind)


def test_whatever_there_is_may_be_changed_too(api: ApiClient) -> None:
    assert api.patch("/accounts/solo", {"title": "x"}, "*").status_code == 200


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"capacity": -1}, "capacity"),
    ({"capacity": "5"}, "capacity"),
    ({"capacity": True}, "capacity"),
    ({"locked": "yes"}, "locked"),
    ({"locked": 1}, "locked"),
    ({"low_balance": 5}, "low_balance"),
    ({"low_balance": "1e5"}, "low_balance"),
    ({"low_balance": "NaN"}, "low_balance"),
    ({"low_balance": "1.12345678901"}, "low_balance"),
    ({"monthly_minimum": "-1"}, "monthly_minimum"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
    ({"rights": ["accounts", "everything"]}, "rights.1"),
    ({"rights": "accounts"}, "rights"),
    ({"rate_group": "there-is-none"}, "rate_group"),
    ({"rate_group": "x' OR 1=1 --"}, "rate_group"),
    ({"parent": "nobody"}, "parent"),
    ({"number_sections": ["12-1"]}, "number_sections"),
    ({"destination_rules": ["maybe 880"]}, "destination_rules"),
    ({"title": "a\u202eb"}, "title"),
    ({"title": "x" * 256}, "title"),
    ({"memo": "x" * 501}, "memo"),
    ({"overdraft_limit": "5"}, "overdraft_limit"),
    ({"name": "other"}, "name"),
]


def test_what_cannot_be_is_said_by_field(api: ApiClient) -> None:
    before = api.get("/accounts/solo").get_json()
    for change, field in WRONG:
        body = problem(api.patch("/accounts/solo", change), 422, "invalid_fields")
        assert [error["field"] for error in body["errors"]] == [field], change
        assert body["errors"][0]["pointer"] == "/" + field.replace(".", "/")
        assert body["errors"][0]["message"]
    assert api.get("/accounts/solo").get_json() == before


def test_many_faults_at_once(api: ApiClient) -> None:
    body = problem(
        api.post("/accounts", {"name": "no such name!", "kind": "system", "x": 1}),
        422,
        "invalid_fields",
    )
    assert {error["field"] for error in body["errors"]} == {"name", "currency", "kind", "x"}


def test_many_are_made_or_none(api: ApiClient) -> None:
    rows = [
        {**NEW, "name": f"n{number}", "parent": "n0" if number else None} for number in range(5)
    ]
    made = api.post("/account-batches", {"accounts": rows})
    assert made.status_code == 201
    assert [account["name"] for account in made.get_json()["accounts"]] == [
        "n0",
        "n1",
        "n2",
        "n3",
        "n4",
    ]
    wrong = [*rows[:1], {**NEW, "name": "m1", "rate_group": "none"}, {**NEW, "name": "m2"}]
    body = problem(api.post("/account-batches", {"accounts": wrong}), 422, "invalid_fields")
    assert {error["pointer"] for error in body["errors"]} == {
        "/accounts/0/name",
        "/accounts/1/rate_group",
    }
    problem(api.get("/accounts/m2"), 404, "not_found")


def test_a_series(api: ApiClient) -> None:
    series = {"first": "shop-008", "count": 3, "currency": "USD", "shared": {"parent": "bd"}}
    made = api.post("/account-series", series)
    assert made.status_code == 201, made.text
    assert [a["name"] for a in made.get_json()["accounts"]] == ["shop-008", "shop-009", "shop-010"]
    body = problem(api.post("/account-series", {**series, "first": "shop"}), 422, "invalid_fields")
    assert body["errors"][0]["field"] == "first"


def test_close_and_reopen(api: ApiClient) -> None:
    body = problem(api.post("/accounts/bd/close", headers={"If-Match": "*"}), 409, "conflict")
    assert "dhaka" in body["detail"], "children are named"
    closed = api.post("/accounts/solo/close", headers={"If-Match": "*"})
    assert closed.get_json()["closed"] is True
    problem(api.patch("/accounts/solo", {"title": "x"}), 409, "conflict")
    opened = api.post("/accounts/solo/reopen", headers={"If-Match": closed.headers["ETag"]})
    assert opened.get_json()["closed"] is False


def test_an_agent_sees_its_own_and_no_others(as_agent: AsAgent, tenants: Tenants) -> None:
    agent = as_agent("bd")
    assert names(agent) == ["bd", "dhaka", "shop"]
    assert names(agent, "/accounts?under=bd&direct=true") == ["dhaka"]
    assert names(agent, "/account-tree") == ["bd"]
    assert names(agent, "/accounts?search=cairo") == []
    for theirs in ("atlas", "cairo", "solo", "vendor", "cash:USD"):
        hidden = agent.get(f"/accounts/{theirs}")
        missing = agent.get("/accounts/nobody")
        problem(hidden, 404, "not_found")
        assert hidden.text.replace(theirs, "nobody") == missing.text
        for answer in (
            agent.get(f"/accounts/{theirs}/rights"),
            agent.get(f"/accounts?under={theirs}"),
            agent.get(f"/account-tree?under={theirs}"),
            agent.patch(f"/accounts/{theirs}", {"title": "mine"}),
            agent.delete(f"/accounts/{theirs}"),
            agent.post(f"/accounts/{theirs}/close", headers={"If-Match": "*"}),
            agent.post(f"/accounts/{theirs}/reopen", headers={"If-Match": "*"}),
        ):
            problem(answer, 404, "not_found")
    denied = tenants.audit("denied")
    assert ("read", "account", "atlas") in denied
    assert ("delete", "account", "cairo") in denied


def test_what_is_above_stays_hidden(as_agent: AsAgent) -> None:
    dhaka = as_agent("dhaka")
    assert names(dhaka) == ["dhaka", "shop"]
    own = dhaka.get("/accounts/dhaka")
    assert "bd" not in {own.get_json()["parent"]}
    problem(dhaka.get("/accounts/bd"), 404, "not_found")
    rows = {row["name"]: row for row in dhaka.get("/accounts").get_json()["items"]}
    assert rows["dhaka"]["parent"] == ""
    assert rows["shop"]["parent"] == "dhaka"


def test_a_missing_right_is_named(as_agent: AsAgent) -> None:
    agent = as_agent("bd", Right.ACCOUNTS)
    for answer in (
        agent.post("/accounts", NEW),
        agent.patch("/accounts/dhaka", {"title": "x"}),
        agent.delete("/accounts/shop"),
        agent.post("/account-series", {"first": "a1", "count": 1, "currency": "USD"}),
    ):
        assert problem(answer, 403, "right_missing")["right"] == "accounts"
    assert agent.get("/accounts/dhaka").status_code == 200


def test_an_agent_makes_accounts_below_itself(as_agent: AsAgent) -> None:
    agent = as_agent("bd")
    made = agent.post("/accounts", {"name": "khulna", "currency": "USD", "rate_group": "bd-sells"})
    assert made.status_code == 201, made.text
    assert made.get_json()["parent"] == "bd"
    body = problem(
        agent.post("/accounts", {"name": "x1", "currency": "USD", "parent": "atlas"}),
        422,
        "invalid_fields",
    )
    assert body["errors"][0]["field"] == "parent"
    problem(agent.post("/accounts/khulna/approve"), 403, "not_allowed")


def test_a_missing_scope_is_named(as_user: As) -> None:
    for method, path, scope in (
        ("GET", "/accounts", "accounts:read"),
        ("GET", "/accounts/solo", "accounts:read"),
        ("POST", "/accounts", "accounts:write"),
        ("PATCH", "/accounts/solo", "accounts:write"),
        ("DELETE", "/accounts/solo", "accounts:write"),
    ):
        client = as_user(scopes=frozenset(ApiScope) - {ApiScope(scope)})
        response = client.send(method, path, {}, headers={"If-Match": "*"})
        assert problem(response, 403, "scope_missing")["scope"] == scope
        assert f'scope="{scope}"' in response.headers["WWW-Authenticate"]


def test_rights_with_who_lacks_them_above(api: ApiClient, as_agent: AsAgent) -> None:
    api.patch("/accounts/bd", {"rights": ["phones"]})
    api.patch("/accounts/dhaka", {"rights": ["phones", "accounts"]})
    found = {r["right"]: r for r in api.get("/accounts/dhaka/rights").get_json()["rights"]}
    assert found["phones"]["counts"] is True
    assert found["accounts"] == {
        "right": "accounts",
        "given": True,
        "counts": False,
        "lacking_above": ["bd"],
    }
    seen = {
        r["right"]: r for r in as_agent("dhaka").get("/accounts/dhaka/rights").get_json()["rights"]
    }
    assert seen["accounts"]["lacking_above"] == ["an agent above"]
    assert api.get("/accounts/dhaka").get_json()["effective_rights"] == ["phones"]
