"""One's own profile: language and zone, sessions, tokens; and the password that must be changed."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.account_office import ROOT
from tests.web.conftest import OwnedClock
from tests.web.forms import PASSWORD, send, sign_in
from tests.web.people import PEOPLE, People, post, secret_of

NEW = "a-much-longer-secret"
HOSTILE = ("<script>alert(1)</script>", "'; DROP TABLE users; --", "x" * 5000, "a\x07b", "=1+1")


@pytest.fixture
def people(engine: sa.Engine, app: Flask, clock: OwnedClock) -> People:
    return People(engine, app, clock)


# -- after signing in ------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_everybody_lands_on_a_page_of_theirs(people: People, name: str) -> None:
    client = people.app.test_client()
    landed = client.get(sign_in(client, name).location)
    assert landed.status_code == 200
    assert client.get("/profile").status_code == 200
    for path in set(re.findall(r'href="(/[^"]*)"', landed.text)):
        assert client.get(path).status_code == 200, path


def test_somebody_without_an_account_lands_on_the_profile(people: People) -> None:
    people.office.execute("UPDATE users SET account_id = NULL WHERE name = 'carl'")
    client = people.app.test_client()
    assert sign_in(client, "carl").location == "/profile"
    assert client.get("/profile").status_code == 200


# -- a password that somebody else made -------------------------------------------------------


def test_a_made_password_is_changed_before_anything_else(people: People) -> None:
    ada = people.signed_in("ada")
    fields = {"name": "newt", "role": "customer", "account": "customer-001"}
    password = secret_of(post(ada, "/users/new", **fields))
    newt = people.app.test_client()
    assert sign_in(newt, "newt", password).status_code == 302
    for path in ("/", "/accounts", "/profile", "/profile/second-factor"):
        assert newt.get(path).location == "/password", path
    assert newt.get("/dashboard/figures").status_code == 401
    page = newt.get("/password").text
    assert "Somebody else made your password" in page
    assert 'aria-label="Main"' not in page, "no navigation to pages that lead back here"
    refused = send(newt, "/password", current=password, new="password1234", again="password1234")
    assert refused.status_code == 422
    assert "among the first that are tried" in refused.text
    done = send(newt, "/password", current=password, new=NEW, again=NEW)
    assert done.location == "/profile"
    assert newt.get("/").status_code == 200
    actions = [line.action for line in people.office.log(kind="sign-in", actor="newt")]
    assert actions == ["change password", "sign in"]


def test_whoever_must_change_it_can_sign_out(people: People) -> None:
    people.office.execute("UPDATE users SET must_change_password = true WHERE name = 'carl'")
    carl = people.signed_in("carl")
    assert send(carl, "/sign-out", "/password").location == "/sign-in"
    assert carl.get("/").location == "/sign-in"


# -- language, zone, e-mail ------------------------------------------------------------------


def test_the_zone_is_that_of_the_pages(people: People) -> None:
    carl = people.signed_in("carl")
    fields = {"language": "", "time_zone": "Asia/Dhaka", "email": "carl@example.com"}
    assert post(carl, "/profile/change", **fields).location == "/profile"
    page = carl.get("/profile").text
    assert "Times are in Asia/Dhaka" in page
    assert "carl@example.com" in page
    (line,) = people.office.log(action="change profile")
    assert line.changes == {"email": ("", "carl@example.com")}


def test_the_language_is_that_of_the_pages(people: People) -> None:
    carl = people.signed_in("carl")
    assert '<html lang="en">' in carl.get("/profile").text
    assert post(carl, "/profile/change", language="es", time_zone="").location == "/profile"
    assert '<html lang="es">' in carl.get("/profile").text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["language", "time_zone", "email"])
def test_hostile_text_in_the_profile_is_refused_by_its_field(
    people: People, field: str, text: str
) -> None:
    carl = people.signed_in("carl")
    refused = post(carl, "/profile/change", **{field: text})
    assert refused.status_code == 400
    assert f'id="{field}-error"' in refused.text
    assert "<script>alert" not in refused.text
    (row,) = people.office.rows("SELECT language, time_zone, email FROM users WHERE name = 'carl'")
    assert row == {"language": "", "time_zone": "", "email": ""}


# -- sessions --------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended(people: People) -> None:
    here, there = people.signed_in("carl"), people.signed_in("carl")
    page = here.get("/profile").text
    assert page.count("End the session from 127.0.0.1") == 2
    assert page.count("this one") == 1
    (key,) = [
        key
        for key in re.findall(r'name="key" value="([0-9a-f]{64})"', there.get("/profile").text)
        if f'value="{key}"' in _row_of_this(there.get("/profile").text)
    ]
    done = post(here, "/profile/sessions/end", "/profile", key=key)
    assert done.location == "/profile"
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200


def _row_of_this(page: str) -> str:
    return next(row for row in page.split("<tr>") if "this one" in row)


def test_all_others_end_at_once(people: People) -> None:
    here, *others = (people.signed_in("carl") for _ in range(3))
    post(here, "/profile/sessions/end", "/profile")
    assert here.get("/").status_code == 200
    assert [client.get("/").status_code for client in others] == [302, 302]


def test_ending_the_own_session_signs_out(people: People) -> None:
    carl = people.signed_in("carl")
    (key,) = re.findall(r'name="key" value="([0-9a-f]{64})"', carl.get("/profile").text)
    assert post(carl, "/profile/sessions/end", "/profile", key=key).location == "/sign-in"
    assert carl.get("/").location == "/sign-in"


def test_the_session_of_somebody_else_stays(people: People) -> None:
    olga, carl = people.signed_in("olga"), people.signed_in("carl")
    (key,) = re.findall(r'name="key" value="([0-9a-f]{64})"', carl.get("/profile").text)
    post(olga, "/profile/sessions/end", "/profile", key=key)
    assert carl.get("/").status_code == 200


def test_no_key_of_a_session_opens_it(people: People) -> None:
    carl = people.signed_in("carl")
    (key,) = re.findall(r'name="key" value="([0-9a-f]{64})"', carl.get("/profile").text)
    thief = people.app.test_client()
    thief.set_cookie("tollgate", key)
    assert thief.get("/").status_code == 302


# -- tokens ----------------------------------------------------------------------------------


def make_token(client: FlaskClient, **more: str) -> str:
    fields = {"name": "portal", "days": "30", "scopes": "accounts:read", "password": PASSWORD}
    made = post(client, "/profile/tokens/new", **{**fields, **more})
    assert made.status_code == 200, made.text
    return secret_of(made)


def call(people: People, token: str, path: str = "/api/v1/accounts", **more: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    environment = {"REMOTE_ADDR": more.get("address", "127.0.0.1")}
    client = people.app.test_client()
    return client.get(path, headers=headers, environ_base=environment).status_code


def test_a_token_is_shown_once_and_calls_the_api(people: People) -> None:
    dora = people.signed_in("dora")
    token = make_token(dora)
    assert token.startswith("tg_")
    page = dora.get("/profile").text
    assert "portal" in page
    assert token not in page
    assert call(people, token) == 200
    assert call(people, token, "/api/v1/phones") == 403, "another scope"
    stored = people.office.rows("SELECT token_hash FROM api_tokens")
    assert token.encode() not in bytes(stored[0]["token_hash"])


def test_it_is_refused_from_other_addresses_and_when_it_is_over(people: People) -> None:
    dora = people.signed_in("dora")
    token = make_token(dora, networks="127.0.0.0/8\r\n192.0.2.7")
    assert call(people, token) == 200
    assert call(people, token, address="127.9.9.9") == 200
    app = people.app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    outside = {"REMOTE_ADDR": "203.0.113.5"}
    refused = app.get(
        "/api/v1/accounts", headers=headers, environ_base=outside, base_url="https://localhost"
    )
    assert refused.status_code == 403
    people.clock.advance(timedelta(days=30).total_seconds() + 1)
    assert call(people, token) == 401


def test_a_revoked_token_is_refused(people: People) -> None:
    dora = people.signed_in("dora")
    token = make_token(dora)
    (link,) = re.findall(r'href="(/profile/tokens/\d+/revoke)"', dora.get("/profile").text)
    assert post(dora, link).location == "/profile"
    assert call(people, token) == 401
    assert [line.action for line in people.office.log(kind="api token")] == ["revoke", "create"]


def test_a_token_follows_its_user(people: People) -> None:
    """A right that is lost and a user who is disabled count at the next request."""
    dora, ada = people.signed_in("dora"), people.signed_in("ada")
    token = make_token(dora, scopes="users:read")
    assert call(people, token, "/api/v1/users") == 200
    people.office.accounts.change(ROOT, "dhaka-retail", {"rights": []})
    assert call(people, token, "/api/v1/users") == 403
    assert dora.get("/users").status_code == 403
    assert post(ada, "/user/dora/change", disabled="1").location == "/user/dora"
    assert call(people, token, "/api/v1/users") == 401
    assert dora.get("/").status_code == 302


def test_another_ones_token_is_not_there(people: People) -> None:
    dora, olga = people.signed_in("dora"), people.signed_in("olga")
    token = make_token(dora)
    (link,) = re.findall(r'href="(/profile/tokens/\d+/revoke)"', dora.get("/profile").text)
    assert post(olga, link).status_code == 404
    assert call(people, token) == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 65),
        ("name", "a\x07b"),
        ("days", "0"),
        ("days", "400"),
        ("days", "-1"),
        ("days", "1e3"),
        ("scopes", "root:all"),
        ("scopes", "<script>alert(1)</script>"),
        ("networks", "somewhere"),
        ("networks", "192.0.2.1/24"),
        ("networks", "\n".join(["192.0.2.1"] * 33)),
        ("requests_per_minute", "0"),
        ("requests_per_minute", "many"),
        ("password", "wrong"),
        ("password", ""),
    ],
)
def test_a_token_that_is_not_made_says_why_at_the_field(
    people: People, field: str, value: str
) -> None:
    dora = people.signed_in("dora")
    fields = {"name": "portal", "days": "30", "scopes": "accounts:read", "password": PASSWORD}
    refused = post(dora, "/profile/tokens/new", **{**fields, field: value})
    assert refused.status_code == 400
    assert f'id="{field}-error"' in refused.text
    assert PASSWORD not in refused.text
    assert "<script>alert" not in refused.text
    assert people.office.rows("SELECT id FROM api_tokens") == []


def test_a_form_that_is_sent_twice_makes_one_token(people: People) -> None:
    dora = people.signed_in("dora")
    fields = {"name": "portal", "scopes": "accounts:read", "password": PASSWORD}
    key = "a-key-of-a-form"
    assert post(dora, "/profile/tokens/new", form_key=key, **fields).status_code == 200
    again = post(dora, "/profile/tokens/new", form_key=key, **fields)
    assert (again.status_code, again.location) == (303, "/profile")
    assert len(people.office.rows("SELECT id FROM api_tokens")) == 1


@pytest.mark.parametrize(
    "path", ["/profile/change", "/profile/sessions/end", "/profile/tokens/new", "/password"]
)
def test_every_form_needs_its_token(people: People, path: str) -> None:
    dora = people.signed_in("dora")
    assert dora.post(path, data={"password": PASSWORD}).status_code == 400
    assert dora.get("/").status_code == 200
