"""Hanging up a call on the page of live calls and through the API."""

import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.web import hierarchy
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, anybody, api_app, as_user, make_api, tokens
from tests.web.conftest import PASSWORDS, MakeApp, OwnedClock
from tests.web.forms import PASSWORD, csrf_of, sign_in
from tests.web.hierarchy import World

__all__ = ["anybody", "api_app", "as_user", "make_api", "tokens"]

SPANISH = {"Accept-Language": "es"}


@pytest.fixture
def world(engine: sa.Engine, clock: OwnedClock) -> World:
    return hierarchy.plant(engine, clock.now())


def commands(world: World) -> list[tuple[str, str, str]]:
    with world.engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT call_id::text, asked_by, state FROM call_commands ORDER BY id")
        )
        return [tuple(row) for row in rows]


def row_of(page: str, call_id: str) -> str:
    """The call's row in the list, by its button; "" where it has none."""
    found = [row for row in re.findall(r"<tr>.*?</tr>", page, re.S) if call_id in row]
    return "".join(found)


def enter(make_app: MakeApp, world: World, role: str, account: str) -> FlaskClient:
    world.run("UPDATE accounts SET rights = '{accounts}' WHERE kind = 'ordinary'")
    hierarchy.add_user(world.engine, "visitor", role, world.ids[account], PASSWORDS.hash(PASSWORD))
    client = make_app().test_client()
    assert sign_in(client, "visitor").status_code == 302
    return client


# -- the page ------------------------------------------------------------------------------


def test_a_call_is_asked_to_end_and_the_list_says_so(admin: FlaskClient, world: World) -> None:
    call_id = world.live["shop"]
    address = f"/calls/{call_id}/hang-up"
    assert f'href="{address}"' in row_of(admin.get("/calls").text, call_id)
    question = admin.get(address).text
    for text in ("Hang up this call?", "88017", "390299999999", "shop", "shop-in"):
        assert text in question
    assert commands(world) == []
    sent = {"csrf_token": csrf_of(admin, address), "form_key": "0123456789"}
    for _ in range(2):  # a second click is the same one
        answer = admin.post(address, data=sent)
        assert (answer.status_code in (302, 303), answer.location) == (True, "/calls")
    assert commands(world) == [(call_id, "ada", "asked")]
    page = admin.get("/calls").text
    assert "The hang-up was asked for" in page
    assert page.count("Hang-up asked") == 1
    assert f'href="{address}"' not in page
    world.run("DELETE FROM calls WHERE call_id = CAST(:id AS uuid)", id=call_id)
    assert "Hang-up asked" not in admin.get("/calls/rows").text


def test_what_was_not_done_in_time_is_offered_again(admin: FlaskClient, world: World) -> None:
    address = f"/calls/{world.live['shop']}/hang-up"
    admin.post(address, data={"csrf_token": csrf_of(admin, address)})
    world.run("UPDATE call_commands SET expires_at = now()")
    page = admin.get("/calls/rows").text
    assert "Not hung up" in page
    assert f'href="{address}"' in page


def test_a_call_that_has_ended_meanwhile_leads_to_its_record(
    admin: FlaskClient, world: World
) -> None:
    address = f"/calls/{world.answered['shop']}/hang-up"
    token = csrf_of(admin, f"/calls/{world.live['shop']}/hang-up")
    for answer in (admin.get(address), admin.post(address, data={"csrf_token": token})):
        assert answer.status_code in (302, 303)
        assert answer.location == f"/cdrs/{world.answered['shop']}"
    assert "The call has ended." in admin.get(f"/cdrs/{world.answered['shop']}").text
    assert commands(world) == []


def test_an_agent_hangs_up_what_is_below_it(make_app: MakeApp, world: World) -> None:
    client = enter(make_app, world, "agent", "dhaka")
    address = f"/calls/{world.live['shop']}/hang-up"
    assert address in client.get("/calls").text
    answer = client.post(address, data={"csrf_token": csrf_of(client, address)})
    assert answer.status_code == 302
    assert commands(world) == [(world.live["shop"], "visitor", "asked")]
    assert client.get(f"/calls/{world.live['cairo']}/hang-up").status_code == 404


def test_who_may_not_is_offered_nothing(make_app: MakeApp, world: World) -> None:
    client = enter(make_app, world, "agent", "dhaka")
    world.run("UPDATE accounts SET rights = '{phones}' WHERE name = 'dhaka'")
    assert "hang-up" not in client.get("/calls").text
    assert client.get(f"/calls/{world.live['shop']}/hang-up").status_code == 403


def test_a_customer_is_offered_nothing(make_app: MakeApp, world: World) -> None:
    client = enter(make_app, world, "customer", "shop")
    assert "hang-up" not in client.get("/calls").text
    assert client.get(f"/calls/{world.live['shop']}/hang-up").status_code == 403


def test_without_its_token_a_form_does_nothing(admin: FlaskClient, world: World) -> None:
    assert admin.post(f"/calls/{world.live['shop']}/hang-up").status_code == 400
    assert commands(world) == []


def test_in_spanish(admin: FlaskClient, world: World) -> None:
    page = admin.get(f"/calls/{world.live['shop']}/hang-up", headers=SPANISH).text
    assert "¿Colgar esta llamada?" in page
    assert "Se corta a ambas partes." in page
    assert ">Colgar<" in admin.get("/calls", headers=SPANISH).text


# -- the API -------------------------------------------------------------------------------


@pytest.fixture
def api(as_user: As) -> ApiClient:
    return as_user()


def test_the_api_asks_and_tells_what_became_of_it(api: ApiClient, world: World) -> None:
    call_id = world.live["shop"]
    path = f"/calls/{call_id}/hang-up"
    assert api.get(path).status_code == 404
    answer = api.send("POST", path)
    assert answer.status_code == 202
    asked = answer.get_json()
    assert (asked["call_id"], asked["state"], asked["ended_at"]) == (call_id, "asked", None)
    assert api.send("POST", path).get_json() == asked == api.get(path).get_json()
    (shown,) = [c for c in api.get("/live-calls").get_json()["items"] if c["call_id"] == call_id]
    assert shown["hang_up"] == "asked"
    world.run("UPDATE call_commands SET state = 'done', ended_at = now(), epoch = 1")
    assert api.get(path).get_json()["state"] == "done"


def test_the_api_refuses_what_cannot_be(api: ApiClient, world: World) -> None:
    problem(api.send("POST", f"/calls/{world.answered['shop']}/hang-up"), 409, "conflict")
    assert (
        api.send("POST", "/calls/00000000-0000-4000-8000-000000000000/hang-up").status_code == 404
    )
    assert api.send("POST", "/calls/x%0Auuid_kill/hang-up").status_code == 404
    assert commands(world) == []
