"""Pages of lists: nothing twice, nothing left out, whatever is made or goes meanwhile."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.web.api.callers import ApiClient, problem

pytestmark = pytest.mark.usefixtures("tenants")


def make(api: ApiClient, *names: str) -> None:
    rows = [{"name": name, "currency": "USD"} for name in names]
    assert api.post("/account-batches", {"accounts": rows}).status_code == 201


def walk(api: ApiClient, address: str) -> list[str]:
    """By the Link header, as a client would."""
    found: list[str] = []
    link = address
    while link:
        response = api.get(link)
        body = response.get_json()
        found += [item["name"] for item in body["items"]]
        target = response.headers.get("Link", "")
        assert bool(target) == (body["next"] is not None)
        link = target.partition(">")[0].removeprefix("</api/v1") if target else ""
    return found


def test_every_page(api: ApiClient) -> None:
    whole = [item["name"] for item in api.get("/accounts?limit=500").get_json()["items"]]
    assert whole == sorted(whole)
    assert walk(api, "/accounts?limit=2") == whole
    assert walk(api, "/accounts?limit=3&descending=true") == whole[::-1]
    by_balance = walk(api, "/accounts?limit=2&sort=balance")
    assert sorted(by_balance) == whole


def test_rows_that_come_and_go_meanwhile(api: ApiClient) -> None:
    make(api, *(f"p{n:02}" for n in range(10)))
    first = api.get("/accounts?search=p&limit=4").get_json()
    seen = [item["name"] for item in first["items"]]
    make(api, "p00a", "p09z")
    assert api.delete("/accounts/p05").status_code == 204
    assert api.delete(f"/accounts/{seen[-1]}").status_code == 204
    rest = walk(api, f"/accounts?search=p&limit=4&cursor={first['next']}")
    names = seen + rest
    assert len(names) == len(set(names)), "nothing twice"
    kept = {f"p{n:02}" for n in range(10)} - {"p05"}
    assert kept | {"p09z"} <= set(names), "nothing left out"


def test_a_cursor_is_of_one_list_and_one_filter(api: ApiClient) -> None:
    cursor = api.get("/accounts?limit=1").get_json()["next"]
    assert api.get(f"/accounts?limit=9&cursor={cursor}").status_code == 200
    for other in ("/accounts?sort=balance&", "/accounts?search=x&", "/phones?", "/audit?"):
        problem(api.get(f"{other}cursor={cursor}"), 400, "cursor_invalid")


def forged(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def test_a_cursor_that_is_none(api: ApiClient) -> None:
    for cursor in (
        "x",
        "!!!",
        "é",
        "[]",
        forged(),
        forged({}),
        forged([[[]]]),
        forged("a", "b"),
        "W10",
        "bnVsbA",
    ):
        problem(api.get(f"/accounts?cursor={quote(cursor)}"), 400, "cursor_invalid")


def test_a_forged_place_shows_nothing_that_is_not_ones_own(api: ApiClient) -> None:
    real = api.get("/accounts?limit=1").get_json()["next"]
    name = json.loads(base64.urlsafe_b64decode(real + "=="))[0]
    for place in ("'; DROP TABLE accounts; --", "\u0000", "x" * 300, 5, -1, 2**62):
        response = api.get(f"/accounts?limit=1&cursor={forged(name, place)}")
        assert response.status_code in (200, 400, 422), response.text


def test_queries_that_cannot_be(api: ApiClient) -> None:
    for query, field in (
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("sort=owner", "sort"),
        ("descending=maybe", "descending"),
        ("kind=agent", "kind"),
        ("search=%00", ""),
        ("search=" + "x" * 65, "search"),
        ("cursor=" + "x" * 601, "cursor"),
        ("under=a%2Fb", "under"),
        ("offset=5", "offset"),
    ):
        body = problem(api.get(f"/accounts?{query}"), 422, "invalid_fields")
        assert field in [error["field"] for error in body["errors"]], query


def test_a_query_that_is_not_utf_8(api: ApiClient) -> None:
    for query in ("search=%ED%A0%80", "search=%FF", "%C3=1"):
        problem(api.get(f"/accounts?{query}"), 400, "malformed_request")


def test_the_log_goes_on_where_it_ended(api: ApiClient) -> None:
    for number in range(5):
        api.patch("/accounts/solo", {"title": f"t{number}"})
    first = api.get("/audit?name=solo&limit=2").get_json()
    api.patch("/accounts/solo", {"title": "meanwhile"})
    second = api.get(f"/audit?name=solo&limit=9&cursor={first['next']}").get_json()
    ids = [line["id"] for line in (*first["items"], *second["items"])]
    assert ids == sorted(ids, reverse=True)
    titles = [line["changes"][0]["after"] for line in (*first["items"], *second["items"])]
    assert titles[:5] == ["t4", "t3", "t2", "t1", "t0"]
    assert second["next"] is None
