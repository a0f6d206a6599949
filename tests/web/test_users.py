"""Users on the pages: whom administrators and agents look after, and what nobody may do."""

import csv
import io
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.account_office import ROOT
from tests.web.conftest import OwnedClock
from tests.web.forms import PASSWORD, csrf_of, sign_in
from tests.web.people import PEOPLE, People, post, secret_of
from web import WebConfig
from web.context import CONFIG

HOSTILE = ("<script>alert(1)</script>", "'; DROP TABLE users; --", "x" * 5000, "a\x07b", "=1+1")


@pytest.fixture
def people(engine: sa.Engine, app: Flask, clock: OwnedClock) -> People:
    return People(engine, app, clock)


@pytest.fixture
def ada(people: People) -> FlaskClient:
    return people.signed_in("ada")


@pytest.fixture
def dora(people: People) -> FlaskClient:
    """An agent of `dhaka-retail`."""
    return people.signed_in("dora")


def listed(client: FlaskClient, path: str = "/users") -> list[str]:
    page = client.get(path)
    assert page.status_code == 200, page.text
    return re.findall(r'href="/user/([^/"]+)"', page.text)


# -- who is seen -----------------------------------------------------------------------------


def test_everybody_sees_whom_they_may_know_of(people: People, ada: FlaskClient) -> None:
    assert listed(ada) == sorted(PEOPLE)
    assert listed(people.signed_in("bela")) == ["bela", "carl", "dirk", "dora"]
    assert listed(people.signed_in("dora")) == ["carl", "dirk", "dora"]
    assert listed(people.signed_in("olga")) == ["olga", "otto"]
    assert people.signed_in("carl").get("/users").status_code == 403


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=AD", ["ada"]),
        ("?role=customer", ["carl", "otto"]),
        ("?account=dhaka-retail", ["dirk", "dora"]),
        ("?q=%25", []),
        ("?q='--", []),
    ],
)
def test_filters(ada: FlaskClient, query: str, names: list[str]) -> None:
    assert listed(ada, f"/users{query}") == names


def test_pages_of_the_list(people: People) -> None:
    people.app.extensions[CONFIG] = WebConfig(page_size=3)
    ada = people.signed_in("ada")
    assert listed(ada) == ["ada", "bela", "carl"]
    following = re.search(r'href="(/users\?[^"]*after=carl[^"]*)"', ada.get("/users").text)
    assert following is not None
    assert listed(ada, following[1].replace("&amp;", "&")) == ["dirk", "dora", "olga"]


def test_the_export_has_what_the_list_has(dora: FlaskClient) -> None:
    exported = dora.get("/users.csv")
    assert exported.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert [row["name"] for row in rows] == ["carl", "dirk", "dora"]
    assert not any("argon2" in value or "totp" in value for row in rows for value in row.values())


def test_a_right_that_is_lost_closes_the_pages_at_once(people: People, dora: FlaskClient) -> None:
    assert 'href="/users"' in dora.get("/").text
    people.office.accounts.change(ROOT, "dhaka-retail", {"rights": ["phones"]})
    assert 'href="/users"' not in dora.get("/").text
    for path in ("/users", "/users/new", "/users.csv", "/user/carl", "/user/carl/change"):
        assert dora.get(path).status_code == 403, path
    token = csrf_of(dora, "/")
    fields = {"csrf_token": token, "name": "newt", "role": "agent", "account": "customer-001"}
    assert dora.post("/users/new", data=fields).status_code == 403
    assert people.office.rows("SELECT id FROM users WHERE name = 'newt'") == []


# -- whom an agent may not touch -------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada", "bela", "olga", "otto", "nobody"])
@pytest.mark.parametrize("part", ["", "/change", "/password", "/delete", "/sessions/end"])
def test_others_are_not_found(people: People, dora: FlaskClient, name: str, part: str) -> None:
    """In the same words as who does not exist; asking for who exists leaves a line."""
    token, pages = csrf_of(dora, "/"), []
    methods = ("POST",) if part == "/sessions/end" else ("GET",) if not part else ("GET", "POST")
    for method in methods:
        pages.append(dora.open(f"/user/{name}{part}", method=method, data={"csrf_token": token}))
    assert {page.status_code for page in pages} == {404}
    assert all("There is nothing at this address" in page.text for page in pages)
    assert all(name not in page.text.partition("<main")[2] for page in pages)
    denied = people.office.log(denied_only=True, kind="user")
    assert {line.name for line in denied} == (set() if name == "nobody" else {name})
    assert all(line.actor == "dora" and line.address == "127.0.0.1" for line in denied)


def test_a_colleague_is_seen_and_not_changed(people: People, dora: FlaskClient) -> None:
    assert "looked after by who is above" in dora.get("/user/dirk").text
    for part in ("change", "password", "delete"):
        assert dora.get(f"/user/dirk/{part}").status_code == 403
        token = csrf_of(dora, "/")
        sent = {"csrf_token": token, "disabled": "1"}
        assert dora.post(f"/user/dirk/{part}", data=sent).status_code == 403
    assert people.signed_in("dirk").get("/").status_code == 200


def test_nobody_gives_himself_another_role(people: People, dora: FlaskClient) -> None:
    token = csrf_of(dora, "/")
    for fields in ({"role": "administrator"}, {"account": "bd-wholesale"}):
        sent = {"csrf_token": token, "was": "{}", **fields}
        assert dora.post("/user/dora/change", data=sent).status_code == 403
    (row,) = people.office.rows("SELECT role FROM users WHERE name = 'dora'")
    assert row["role"] == "agent"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"role": "administrator", "account": ""}, 403),
        ({"role": "administrator", "account": "customer-001"}, 403),
        ({"role": "agent", "account": "dhaka-retail"}, 400),
        ({"role": "agent", "account": "bd-wholesale"}, 400),
        ({"role": "agent", "account": "other-customer"}, 400),
        ({"role": "agent", "account": ""}, 400),
    ],
)
def test_an_agent_makes_users_below_only(
    people: People, dora: FlaskClient, fields: dict[str, str], status: int
) -> None:
    assert "administrator" not in dora.get("/users/new").text.partition("<main")[2].lower()
    refused = post(dora, "/users/new", name="newt", **fields)
    assert refused.status_code == status
    assert 'value="newt"' in refused.text, "what was typed is kept"
    assert people.office.rows("SELECT id FROM users WHERE name = 'newt'") == []


def test_customers_have_no_such_pages(people: People) -> None:
    carl = people.signed_in("carl")
    for path in ("/users", "/users/new", "/user/dora", "/audit", "/audit.csv"):
        assert carl.get(path).status_code == 403, path


# -- make, change, reset, remove -------------------------------------------------------------


def test_an_agent_makes_a_user_who_signs_in(people: People, dora: FlaskClient) -> None:
    fields = {"name": "newt", "role": "customer", "account": "customer-001", "email": ""}
    told = post(dora, "/users/new", **fields)
    assert told.status_code == 200
    assert told.headers["Cache-Control"] == "no-store"
    password = secret_of(told)
    assert password not in dora.get("/user/newt").text
    client = people.app.test_client()
    assert sign_in(client, "newt", password).status_code == 302
    line = people.office.log(kind="user", action="create")[0]
    assert line.actor == "dora"
    assert password not in str(line.changes)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["name", "role", "account", "email"])
def test_hostile_text_is_refused_by_its_field(
    people: People, ada: FlaskClient, field: str, text: str
) -> None:
    fields = {"name": "newt", "role": "agent", "account": "dhaka-retail", "email": ""}
    refused = post(ada, "/users/new", **{**fields, field: text})
    assert refused.status_code == 400
    assert f'id="{field}-error"' in refused.text
    assert "<script>alert" not in refused.text
    assert len(people.office.rows("SELECT id FROM users")) == len(PEOPLE)


def test_a_name_that_is_taken_is_said_at_the_field(ada: FlaskClient) -> None:
    refused = post(ada, "/users/new", name="dora", role="agent", account="other-agent")
    assert refused.status_code == 400
    assert "the name dora is taken" in refused.text


def test_disabling_ends_sessions_at_once(people: People, ada: FlaskClient) -> None:
    carl = people.signed_in("carl")
    assert post(ada, "/user/carl/change", disabled="1").location == "/user/carl"
    assert carl.get("/").status_code == 302
    assert sign_in(people.app.test_client(), "carl").status_code == 401
    assert "Disabled" in ada.get("/user/carl").text
    (line,) = people.office.log(kind="user", action="change")
    assert line.changes == {"disabled": ("false", "true")}


def test_two_forms_at_once(ada: FlaskClient) -> None:
    first = ada.get("/user/carl/change").text
    revision = re.search(r'name="revision" value="(\d+)"', first)
    assert revision is not None
    post(ada, "/user/carl/change", email="one@example.com")
    stale = post(ada, "/user/carl/change", email="two@example.com", revision=revision[1])
    assert stale.status_code == 409
    assert "changed by ada" in stale.text
    assert 'value="two@example.com"' in stale.text


def test_a_reset_ends_sessions_and_lockout(people: People, dora: FlaskClient) -> None:
    carl = people.signed_in("carl")
    stranger = people.app.test_client()
    for _ in range(6):
        sign_in(stranger, "carl", "guess")
    password = secret_of(post(dora, "/user/carl/password"))
    assert carl.get("/").status_code == 302
    assert sign_in(people.app.test_client(), "carl", password).status_code == 302
    assert sign_in(people.app.test_client(), "carl", PASSWORD).status_code == 401


def test_sessions_of_others_end(people: People, dora: FlaskClient) -> None:
    one, two = people.signed_in("carl"), people.signed_in("carl")
    page = dora.get("/user/carl").text
    assert page.count("End the session from") == 2
    key = re.findall(r'name="key" value="([0-9a-f]{64})"', page)[0]
    post(dora, "/user/carl/sessions/end", "/user/carl", key=key)
    assert sorted([one.get("/").status_code, two.get("/").status_code]) == [200, 302]
    post(dora, "/user/carl/sessions/end", "/user/carl")
    assert [one.get("/").status_code, two.get("/").status_code] == [302, 302]


def test_tokens_of_others_are_revoked(people: People, ada: FlaskClient) -> None:
    carl = people.signed_in("carl")
    fields = {"name": "portal", "scopes": "cdrs:read", "password": PASSWORD}
    token = secret_of(post(carl, "/profile/tokens/new", **fields))
    (link,) = re.findall(r'href="(/user/carl/tokens/\d+/revoke)"', ada.get("/user/carl").text)
    olga = people.signed_in("olga")
    assert olga.get(link).status_code == 404
    assert post(ada, link).location == "/user/carl"
    answer = people.app.test_client().get(
        "/api/v1/accounts", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401


def test_only_who_never_signed_in_is_deleted(people: People, ada: FlaskClient) -> None:
    people.signed_in("carl")
    assert 'href="/user/carl/delete"' not in ada.get("/user/carl").text
    refused = post(ada, "/user/carl/delete")
    assert refused.status_code == 409
    assert "disable this user instead" in refused.text
    assert post(ada, "/user/otto/delete").location == "/users"
    assert ada.get("/user/otto").status_code == 404
    assert people.office.log(kind="user", action="delete")[0].name == "otto"


def test_the_last_administrator_stays(ada: FlaskClient) -> None:
    refused = post(ada, "/user/ada/change", disabled="1")
    assert refused.status_code == 409
    assert "the last administrator" in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "/users/new",
        "/user/carl/change",
        "/user/carl/password",
        "/user/carl/delete",
        "/user/carl/sessions/end",
    ],
)
def test_every_form_needs_its_token(people: People, ada: FlaskClient, path: str) -> None:
    fields = {"name": "newt", "role": "customer", "account": "customer-001", "disabled": "1"}
    before = people.office.rows("SELECT * FROM users ORDER BY id")
    assert ada.post(path, data=fields).status_code == 400
    assert people.office.rows("SELECT * FROM users ORDER BY id") == before
