"""The second factor: on, at sign-in, replayed, guessed, lost, required, off."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.services.sign_in import Role
from tests.integration.account_office import ROOT
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.forms import PASSWORD, csrf_of, send, sign_in
from tests.web.people import People, post, secret_of
from tests.web.wiring import web_services


@pytest.fixture
def people(engine: sa.Engine, app: Flask, clock: OwnedClock) -> People:
    return People(engine, app, clock)


@pytest.fixture
def ada(people: People) -> FlaskClient:
    return people.signed_in("ada")


def second_step(client: FlaskClient, code: str, **more: str) -> int:
    return send(client, "/sign-in/code", code=code, **more).status_code


# -- turning it on ---------------------------------------------------------------------------


def test_the_page_draws_the_key_itself(ada: FlaskClient) -> None:
    page = ada.get("/profile/second-factor").text
    assert "<svg viewBox=" in page
    assert "<img" not in page.partition("<main")[2]
    secret = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
    assert secret is not None
    assert secret_of(ada.get("/profile/second-factor")) == secret[1], "kept until it is confirmed"


def test_it_is_on_after_a_code_and_the_password(people: People, ada: FlaskClient) -> None:
    before = ada.get_cookie("tollgate")
    other = people.signed_in("ada")
    people.enrolled(ada)
    after = ada.get_cookie("tollgate")
    assert before is not None
    assert after is not None
    assert before.value != after.value, "the session goes on under another token"
    assert ada.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302, "every other session ended"
    assert ada.get("/profile/second-factor").location == "/profile"
    (line,) = people.office.log(kind="second factor")
    assert (line.actor, line.action, line.changes) == (
        "ada",
        "turn on",
        {"second_factor": ("off", "on")},
    )


def test_the_page_with_the_codes_can_be_left(people: People, ada: FlaskClient) -> None:
    """Its own forms work: they are bound to the session that goes on."""
    secret = secret_of(ada.get("/profile/second-factor"))
    done = post(ada, "/profile/second-factor", code=people.code(secret), password=PASSWORD)
    token = done.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert ada.post("/sign-out", data={"csrf_token": token}).location == "/sign-in"


@pytest.mark.parametrize(
    ("password", "code", "said"),
    [
        ("wrong", None, "This is not your password."),
        (PASSWORD, "000000", "This code is wrong"),
        (PASSWORD, "", "This code is wrong"),
        (PASSWORD, "<script>", "This code is wrong"),
        (PASSWORD, "٤" * 6, "This code is wrong"),
        ("", None, "This is not your password."),
    ],
)
def test_nothing_is_on_without_both(
    people: People, ada: FlaskClient, password: str, code: str | None, said: str
) -> None:
    secret = secret_of(ada.get("/profile/second-factor"))
    right = people.code(secret)
    fields = {"password": password, "code": right if code is None else code}
    refused = post(ada, "/profile/second-factor", **fields)
    assert refused.status_code == 422
    assert said in refused.text
    assert right not in refused.text
    assert "<script>" not in refused.text
    fresh = people.signed_in("ada")
    assert fresh.get("/").status_code == 200


# -- the second step -------------------------------------------------------------------------


def test_signing_in_takes_two_steps(people: People, ada: FlaskClient, app: Flask) -> None:
    secret, _codes = people.enrolled(ada)
    client = app.test_client()
    first = sign_in(client, "ada", next="/cdrs")
    assert first.location == "/sign-in/code?next=/cdrs"
    half = client.get_cookie("tollgate")
    assert client.get("/").location == "/sign-in", "half a session opens nothing"
    assert client.get("/api/v1/accounts").status_code == 401
    code = people.code(secret)
    whole = send(client, "/sign-in/code", "/sign-in/code?next=/cdrs", code=code, next="/cdrs")
    assert whole.location == "/cdrs"
    after = client.get_cookie("tollgate")
    assert half is not None
    assert after is not None
    assert half.value != after.value
    assert client.get("/cdrs").status_code == 200
    assert people.office.log(kind="sign-in", action="sign in")[0].actor == "ada"


def test_the_second_step_leads_to_our_own_pages_only(people: People, ada: FlaskClient) -> None:
    secret, _codes = people.enrolled(ada)
    client = people.app.test_client()
    sign_in(client, "ada")
    done = send(client, "/sign-in/code", code=people.code(secret), next="//evil.example/")
    assert done.location == "/"


def test_nobody_starts_at_the_second_step(app: Flask, people: People) -> None:
    client = app.test_client()
    assert client.get("/sign-in/code").location == "/sign-in"
    token = csrf_of(client)
    done = client.post("/sign-in/code", data={"csrf_token": token, "code": "123456"})
    assert done.location == "/sign-in"
    assert people.signed_in("ada").get("/sign-in/code").location == "/sign-in"


def test_a_code_opens_once(people: People, ada: FlaskClient, app: Flask) -> None:
    secret, _codes = people.enrolled(ada)
    code = people.code(secret)
    for status in (302, 401):
        client = app.test_client()
        sign_in(client, "ada")
        assert second_step(client, code) == status
    assert "was used before" in send(client, "/sign-in/code", code=code).text


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 302), (0, 302), (1, 302), (2, 401)])
def test_clocks_may_differ_by_one_step(
    people: People, ada: FlaskClient, app: Flask, steps: int, status: int
) -> None:
    secret, _codes = people.enrolled(ada)
    people.clock.advance(60)
    client = app.test_client()
    sign_in(client, "ada")
    assert second_step(client, people.code(secret, steps)) == status


def test_a_recovery_code_opens_once(people: People, ada: FlaskClient, app: Flask) -> None:
    _secret, codes = people.enrolled(ada)
    for status in (302, 401):
        client = app.test_client()
        sign_in(client, "ada")
        assert second_step(client, codes[0]) == status


def test_codes_cannot_be_guessed_for_long(people: People, ada: FlaskClient, app: Flask) -> None:
    secret, _codes = people.enrolled(ada)
    client = app.test_client()
    sign_in(client, "ada")
    assert [second_step(client, "000000") for _ in range(6)] == [401] * 5 + [429]
    sign_in(client, "ada")
    refused = send(client, "/sign-in/code", code=people.code(secret))
    assert refused.status_code == 429, "even the right one"
    assert int(refused.headers["Retry-After"]) > 0
    assert people.office.log(action="lock out")[0].name == "ada"
    people.clock.advance(15 * 60)
    sign_in(client, "ada")
    assert second_step(client, people.code(secret)) == 302


def test_half_a_session_ends_after_five_minutes(
    people: People, ada: FlaskClient, app: Flask
) -> None:
    secret, _codes = people.enrolled(ada)
    client = app.test_client()
    sign_in(client, "ada")
    token = csrf_of(client, "/sign-in/code")
    people.clock.advance(301)
    sent = {"csrf_token": token, "code": people.code(secret)}
    assert client.post("/sign-in/code", data=sent).location == "/sign-in"


def test_every_form_needs_its_token(people: People, ada: FlaskClient) -> None:
    secret, _codes = people.enrolled(ada)
    code = people.code(secret)
    for path in ("off", "codes"):
        sent = {"password": PASSWORD, "code": code}
        assert ada.post(f"/profile/second-factor/{path}", data=sent).status_code == 400
    half = people.app.test_client()
    sign_in(half, "ada")
    assert half.post("/sign-in/code", data={"code": code}).status_code == 400
    assert second_step(half, code) == 302, "what was refused has not used the code up"


# -- off, and new codes ----------------------------------------------------------------------


def test_turning_it_off_takes_password_and_code(people: People, ada: FlaskClient) -> None:
    secret, codes = people.enrolled(ada)
    path = "/profile/second-factor/off"
    assert post(ada, path, password="wrong", code=people.code(secret)).status_code == 422
    assert post(ada, path, password=PASSWORD, code="000000").status_code == 422
    assert post(ada, path, password=PASSWORD, code=codes[3]).location == "/profile"
    assert people.signed_in("ada").get("/").status_code == 200
    assert [line.action for line in people.office.log(kind="second factor")] == [
        "turn off",
        "turn on",
    ]


def test_an_open_browser_cannot_guess_codes(people: People, ada: FlaskClient) -> None:
    people.enrolled(ada)
    path = "/profile/second-factor/off"
    statuses = [post(ada, path, password=PASSWORD, code="000000").status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


def test_new_codes_take_the_place_of_the_old_ones(people: People, ada: FlaskClient) -> None:
    secret, old = people.enrolled(ada)
    path = "/profile/second-factor/codes"
    done = post(ada, path, password=PASSWORD, code=people.code(secret))
    new = re.findall(r"<li><code>([a-z0-9-]+)</code>", done.text)
    assert len(new) == 10
    client = people.app.test_client()
    sign_in(client, "ada")
    assert second_step(client, old[0]) == 401
    assert second_step(client, new[0]) == 302


def test_a_reset_takes_a_lost_one_away(people: People, ada: FlaskClient) -> None:
    carl = people.signed_in("carl")
    people.enrolled(carl)
    told = post(ada, "/user/carl/password", second_factor_too="1")
    password = secret_of(told)
    client = people.app.test_client()
    assert sign_in(client, "carl", password).location == "/"
    assert client.get("/").location == "/password"


# -- required --------------------------------------------------------------------------------


def test_who_must_have_one_sees_nothing_before(people: People, clock: OwnedClock) -> None:
    users = web_services(people.engine, clock, PASSWORDS).users
    users.require_second_factor(ROOT, [Role.AGENT])
    dora, carl = people.signed_in("dora"), people.signed_in("carl")
    assert carl.get("/").status_code == 200
    for path in ("/", "/accounts", "/profile", "/profile/tokens/new", "/users"):
        assert dora.get(path).location == "/profile/second-factor", path
    assert dora.get("/dashboard/figures").status_code == 401
    page = dora.get("/profile/second-factor").text
    assert "Your role must have a second factor" in page
    assert 'href="/accounts"' not in page
    secret, _codes = people.enrolled(dora)
    assert dora.get("/accounts").status_code == 200
    path = "/profile/second-factor/off"
    refused = post(dora, path, password=PASSWORD, code=people.code(secret))
    assert refused.status_code == 409
    assert "must have a second factor" in refused.text
    (line,) = people.office.log(kind="parameters")
    assert line.changes == {"second_factor_roles": ("", "agent")}
    users.require_second_factor(ROOT, [])
    assert people.signed_in("dirk").get("/").status_code == 200
