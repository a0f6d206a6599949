"""Pending movements, packages and rate decks through the API: for administrators."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from controller.services.decks.staging import MAX_STAGED
from tests.integration.deck_commands import HEAD, Decks
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import AsAgent
from tests.web.conftest import OwnedClock

PACKAGES = """
packages:
  - {name: basic, currency: USD, period: month, rent: 5}
"""


@pytest.mark.usefixtures("tenants")
def test_money_held_and_moved(api: ApiClient) -> None:
    api.post("/accounts/solo/payments", {"amount": "100"})
    held = api.post("/pending-movements", {"account": "solo", "amount": "40", "to": "atlas"})
    assert held.status_code == 201, held.text
    movement = held.get_json()
    assert movement["state"] == "pending"
    money = api.get("/accounts/solo/balance").get_json()
    assert (money["balance"], money["pending"], money["available"]) == ("100", "40", "60")

    body = {"movement": movement["key"], "amount": "30.5", "memo": "most of it"}
    posted = api.post("/pending-movements/post", body).get_json()
    assert (posted["state"], posted["posted"], posted["ended_by"]) == ("posted", "30.5", "ada")
    assert api.get("/accounts/atlas/balance").get_json()["balance"] == "30.5"
    problem(api.post("/pending-movements/void", {"movement": movement["key"]}), 409, "conflict")
    problem(api.post("/pending-movements/void", {"movement": "nobody's"}), 404, "not_found")

    other = api.post("/pending-movements", {"account": "solo", "amount": "9"}).get_json()
    void = {"movement": other["key"], "memo": "not after all"}
    assert api.post("/pending-movements/void", void).get_json()["state"] == "voided"
    assert api.get("/pending-movements").get_json()["items"] == []
    everything = api.get("/pending-movements?everything=true&account=solo").get_json()["items"]
    assert [each["state"] for each in everything] == ["voided", "posted"]
    actions = [
        line["action"] for line in api.get("/audit?kind=account&name=solo").get_json()["items"]
    ]
    assert actions[:4] == ["void", "hold", "post", "hold"]


@pytest.mark.usefixtures("tenants")
def test_what_is_not_there_is_not_held(api: ApiClient) -> None:
    problem(api.post("/pending-movements", {"account": "solo", "amount": "1"}), 409, "conflict")
    problem(
        api.post("/pending-movements", {"account": "nobody", "amount": "1"}), 422, "invalid_fields"
    )


def test_a_package_ordered_and_given_up(api: ApiClient, tenants: Tenants) -> None:
    assert tenants.apply(tenants.file.read_text() + PACKAGES).status == 0
    (package,) = api.get("/packages").get_json()["items"]
    assert (package["name"], package["rent"], package["orders"]) == ("basic", "5", 0)
    wanted = {"package": "basic", "account": "solo", "memo": "by phone"}
    key = {"Idempotency-Key": "o-1"}
    made = api.post("/package-orders", wanted, headers=key)
    assert made.status_code == 201, made.text
    assert made.get_json() == {"key": "api:user:ada:o-1"}
    (order,) = api.get("/package-orders?account=solo").get_json()["items"]
    assert (order["package"], order["account"], order["memo"]) == ("basic", "solo", "by phone")
    cancelled = api.post("/package-orders/cancel", {"key": order["key"]})
    assert cancelled.status_code == 200, cancelled.text
    problem(api.post("/package-orders/cancel", {"key": order["key"]}), 409, "conflict")
    problem(api.post("/package-orders/cancel", {"key": "none"}), 404, "not_found")
    assert api.get("/package-orders").get_json()["items"] == []
    assert len(api.get("/package-orders?everything=true").get_json()["items"]) == 1
    for wrong_order in (
        {"package": "none", "account": "solo"},
        {"package": "basic"},
        {"package": "basic", "account": "solo", "phone": "1"},
        {"package": "basic", "account": "europe"},
    ):
        problem(api.post("/package-orders", wrong_order), 422, "invalid_fields")
    assert api.get("/active-packages").get_json() == {"items": []}
    problem(api.post("/active-packages/7/end"), 404, "not_found")
    problem(api.get("/package-orders?account=nobody"), 404, "not_found")


def test_a_deck_reviewed_and_activated(
    api: ApiClient, tenants: Tenants, engine: sa.Engine, tmp_path: Path, clock: OwnedClock
) -> None:
    clock.advance(60)  # after the commands, which have a clock of their own
    decks = Decks(tenants.settings, engine, tmp_path / "deck.csv")
    staged: Any = decks.stage(HEAD + "880,,,0|0:0.05/60/60\n39,,,0|0:0.02/60/60\n")
    deck, *configured = api.get("/decks?group=sell").get_json()["items"]
    assert {each["origin"] for each in configured} == {"configuration"}
    assert (deck["state"], deck["added"], deck["rows"]) == ("staged", 2, 2)
    assert staged
    path = f"/decks/{deck['deck_id']}"
    first = api.get(f"{path}?limit=1").get_json()
    rest = api.get(f"{path}?limit=9&cursor={first['next']}").get_json()
    changes = [*first["changes"], *rest["changes"]]
    assert {change["prefix"] for change in changes} >= {"39", "880"}
    assert rest["next"] is None
    active = api.post(f"{path}/activate", {})
    assert active.status_code == 200, active.text
    problem(api.post(f"{path}/discard"), 409, "conflict")
    problem(api.post("/decks/999/activate", {}), 404, "not_found")
    assert active.get_json()["state"] == "active"
    back = api.post("/deck-rollbacks", {"group": "sell"})
    assert back.get_json()["state"] == "rolled_back", back.text
    problem(api.post("/deck-rollbacks", {"group": "sell"}), 409, "conflict")
    problem(api.post("/deck-rollbacks", {"group": "none"}), 404, "not_found")
    lines = api.get("/audit?kind=rate%20deck").get_json()["items"]
    done = [line["action"] for line in lines if line["source"] == "api"]
    assert done == ["roll back", "activate"]


def test_a_deck_staged(api: ApiClient, tenants: Tenants) -> None:
    new = {"group": "sell", "file": "may.csv", "table": "prefix,tiers\n39,0|0:0.02/60/60\n"}
    made = api.post("/decks", new)
    assert made.status_code == 201, made.text
    deck = made.get_json()
    assert (deck["state"], deck["rows"], deck["wrong"], deck["added"]) == ("staged", 1, 0, 1)
    path = made.headers["Location"].removeprefix("/api/v1")
    assert api.get(path).get_json()["deck"]["file"] == "may.csv"
    assert api.post(f"{path}/activate", {}).get_json()["state"] == "active"
    broken = api.post("/decks", {**new, "table": "prefix,tiers\n39,cheap\n44,0|0:1/60/60\n"})
    assert broken.get_json()["wrong"] == 1
    number = broken.get_json()["deck_id"]
    problems = api.get(f"/decks/{number}").get_json()["problems"]
    assert [each["row"] for each in problems] == [2]
    problem(api.post(f"/decks/{number}/activate", {}), 409, "conflict")
    layout = "delimiter: ';'\ndecimal: comma\ncolumns: {prefix: Code, price_per_minute: Price}\n"
    mapped = api.post(
        "/decks",
        {
            **new,
            "table": "\ufeffCode;Price\n880;0,05\n",
            "layout": layout + "constants: {increment: 60/60}\n",
            "replace": True,
        },
    )
    assert mapped.status_code == 201, mapped.text
    assert (mapped.get_json()["wrong"], mapped.get_json()["replace"]) == (0, True)
    staged = ("stage", "rate deck", "sell")
    assert tenants.audit() == [staged, ("activate", "rate deck", "sell"), staged, staged]


@pytest.mark.usefixtures("tenants")
def test_decks_that_are_none(api: ApiClient, clock: OwnedClock) -> None:
    new = {"group": "sell", "table": "prefix,tiers\n39,0|0:0.02/60/60\n"}
    for field, value in (
        ("table", ""),
        ("table", "prefix,tiers\n"),
        ("layout", "columns: [x"),
        ("layout", "colour: red"),
        ("effective_at", (clock.now() - timedelta(hours=1)).isoformat()),
    ):
        body = problem(api.post("/decks", {**new, field: value}), 422, "invalid_fields")
        assert [error["field"] for error in body["errors"]] == [field], (field, value)
    problem(api.post("/decks", {**new, "group": "none"}), 404, "not_found")
    large = {**new, "table": "x" * (5 * 1024 * 1024)}
    problem(api.post("/decks", large), 413, "body_too_large")
    for _ in range(MAX_STAGED):
        assert api.post("/decks", new).status_code == 201
    problem(api.post("/decks", new), 409, "conflict")


def test_for_administrators_alone(as_agent: AsAgent) -> None:
    agent = as_agent("bd")
    for path in (
        "/pending-movements",
        "/packages",
        "/package-orders",
        "/active-packages",
        "/decks",
        "/decks/1",
    ):
        problem(agent.get(path), 403, "not_allowed")
    for path, body in (
        ("/pending-movements", {"account": "bd", "amount": "1"}),
        ("/pending-movements/post", {"movement": "x"}),
        ("/pending-movements/void", {"movement": "x"}),
        ("/package-orders", {"package": "basic", "account": "bd"}),
        ("/package-orders/cancel", {"key": "x"}),
        ("/active-packages/1/end", None),
        ("/decks", {"group": "sell", "table": "x"}),
        ("/coverage-checks", None),
        ("/decks/1/activate", {}),
        ("/decks/1/discard", None),
        ("/deck-rollbacks", {"group": "sell"}),
    ):
        problem(agent.post(path, body), 403, "not_allowed")
