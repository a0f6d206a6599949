"""Signing in and out: sessions, throttling, CSRF, cookies, passwords."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from http.cookies import Morsel, SimpleCookie
from typing import ClassVar

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from controller.persistence.schema import login_failures, users, web_sessions
from controller.persistence.users import PostgresUsers
from controller.services.passwords import Argon2Passwords, generated_password
from controller.services.sign_in import (
    SignIn,
    SignInSettings,
    Throttled,
    WrongCredentials,
    create_first_administrator,
)
from tests.web.conftest import PASSWORDS, AddUser, MakeApp, OwnedClock
from tests.web.forms import PASSWORD, csrf_of, send, sign_in


def cookies_of(response: TestResponse) -> dict[str, Morsel[str]]:
    found: dict[str, Morsel[str]] = {}
    for header in response.headers.getlist("Set-Cookie"):
        found |= SimpleCookie(header)
    return found


def token_of(response: TestResponse, name: str = "tollgate") -> str:
    return cookies_of(response)[name].value


def stored_hashes(engine: sa.Engine) -> list[bytes]:
    with engine.connect() as connection:
        return [bytes(h) for h in connection.scalars(sa.select(web_sessions.c.token_hash))]


# -- signing in ---------------------------------------------------------------------------


def test_the_right_password_opens_a_session(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada")
    response = sign_in(client, "ada")
    assert (response.status_code, response.location) == (302, "/")
    assert client.get("/").status_code == 200
    assert client.get("/sign-in").location == "/"


def test_only_the_hash_of_the_token_is_stored(
    client: FlaskClient, add_user: AddUser, engine: sa.Engine
) -> None:
    add_user("ada")
    token = token_of(sign_in(client, "ada"))
    assert stored_hashes(engine) == [hashlib.sha256(token.encode()).digest()]


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong"), ("nobody", PASSWORD), ("ada", ""), ("", ""), ("a\x00da", PASSWORD)],
)
def test_wrong_credentials_say_the_same(
    client: FlaskClient, add_user: AddUser, name: str, password: str
) -> None:
    add_user("ada")
    response = sign_in(client, name, password)
    assert response.status_code == 401
    assert "Name and password do not belong together." in response.text
    assert "tollgate" not in cookies_of(response)
    assert client.get("/").status_code == 302


def test_a_disabled_user_stays_outside(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada", disabled=True)
    assert sign_in(client, "ada").status_code == 401


def test_disabling_a_user_ends_the_session(admin: FlaskClient, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(users.update().values(disabled=True))
    assert admin.get("/").status_code == 302


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/cdrs?callee=49", "/cdrs?callee=49"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil", "/"),
    ],
)
def test_next_leads_to_our_own_pages_only(
    client: FlaskClient, add_user: AddUser, wanted: str, leads_to: str
) -> None:
    add_user("ada")
    assert sign_in(client, "ada", next=wanted).location == leads_to


def test_the_wanted_page_comes_after_signing_in(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada")
    to_form = client.get("/cdrs?callee=49").location
    assert to_form == "/sign-in?next=/cdrs?callee%3D49"
    assert 'name="next" value="/cdrs?callee=49"' in client.get(to_form).text


def test_outdated_hashes_are_made_anew(
    client: FlaskClient, engine: sa.Engine, add_user: AddUser
) -> None:
    add_user("ada")
    weaker = PasswordHasher(time_cost=2, memory_cost=32, parallelism=1).hash(PASSWORD)
    with engine.begin() as connection:
        connection.execute(users.update().values(password_hash=weaker))
    assert sign_in(client, "ada").status_code == 302
    with engine.connect() as connection:
        stored = str(connection.scalar(sa.select(users.c.password_hash)))
    assert stored != weaker
    assert not PASSWORDS.outdated(stored)


# -- throttling ---------------------------------------------------------------------------


def test_after_five_failures_even_the_right_password_waits(
    client: FlaskClient, add_user: AddUser, clock: OwnedClock
) -> None:
    add_user("ada")
    for _ in range(5):
        assert sign_in(client, "ada", "wrong").status_code == 401
    clock.advance(60)
    refused = sign_in(client, "ADA")
    assert refused.status_code == 429
    assert "Try again in 14 minutes." in refused.text
    assert refused.headers["Retry-After"] == "840"
    clock.advance(14 * 60)
    assert sign_in(client, "ada").status_code == 302


def test_unknown_names_are_throttled_alike(client: FlaskClient) -> None:
    statuses = [sign_in(client, "nobody", "wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_an_address_is_throttled_over_all_names(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada")
    for number in range(30):
        assert sign_in(client, f"name{number}", "wrong").status_code == 401
    assert sign_in(client, "ada").status_code == 429


def test_success_forgives_the_name_but_not_the_address(
    client: FlaskClient, add_user: AddUser, engine: sa.Engine
) -> None:
    add_user("ada")
    for _ in range(4):
        sign_in(client, "ada", "wrong")
    assert sign_in(client, "ada").status_code == 302
    with engine.connect() as connection:
        left = {row.subject: row.failures for row in connection.execute(sa.select(login_failures))}
    assert left == {"address:127.0.0.1": 4}


def test_behind_a_trusted_proxy_the_client_is_counted_not_the_proxy(
    make_app: MakeApp, engine: sa.Engine
) -> None:
    client = make_app(trusted_proxies=1).test_client()
    token = csrf_of(client)
    client.post(
        "/sign-in",
        data={"name": "x", "password": "y", "csrf_token": token},
        headers={"X-Forwarded-For": "203.0.113.9, 2001:db8:1:2:3::4"},
    )
    with engine.connect() as connection:
        subjects = set(connection.scalars(sa.select(login_failures.c.subject)))
    assert subjects == {"name:x", "address:2001:db8:1:2::/64"}


def test_an_unknown_name_costs_a_verification_too(
    engine: sa.Engine, add_user: AddUser, clock: OwnedClock
) -> None:
    """Known, unknown or disabled: one verification each, so time tells nobody who exists."""

    class Spy(Argon2Passwords):
        seen: ClassVar[list[bool]] = []

        def verify(self, password_hash: str | None, password: str) -> bool:
            self.seen.append(password_hash is not None)
            return super().verify(password_hash, password)

    add_user("ada")
    add_user("bob", disabled=True)
    spy = Spy(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    service = SignIn(PostgresUsers(engine), spy, clock)
    for name in ("ada", "nobody", "bob"):
        assert isinstance(service.sign_in(name, "wrong", "192.0.2.1"), WrongCredentials)
    assert spy.seen == [True, False, True]


def test_verifying_against_nothing_takes_as_long_as_against_something() -> None:
    passwords = Argon2Passwords(PasswordHasher(time_cost=8, memory_cost=8192, parallelism=1))
    known = passwords.hash("right")

    def best_s(password_hash: str | None) -> float:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            assert not passwords.verify(password_hash, "wrong")
            taken.append(time.perf_counter() - began)
        return min(taken)

    assert 0.5 < best_s(None) / best_s(known) < 2
    assert not passwords.verify("$argon2id$broken", "right")


# -- CSRF, cookies, session fixation ------------------------------------------------------


def test_without_csrf_token_nothing_is_done(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada")
    client.get("/sign-in")
    response = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert response.status_code == 400
    assert "too old" in response.text
    assert client.get("/").status_code == 302


def test_a_token_of_another_visit_is_refused(app: Flask, add_user: AddUser) -> None:
    add_user("ada")
    stranger, victim = app.test_client(), app.test_client()
    foreign = csrf_of(stranger)
    victim.get("/sign-in")
    fields = {"name": "ada", "password": PASSWORD, "csrf_token": foreign}
    assert victim.post("/sign-in", data=fields).status_code == 400


def test_a_planted_form_cookie_is_worth_nothing(app: Flask, admin: FlaskClient) -> None:
    """Its content is dropped, for it was made for another session than the victim's."""
    stranger = app.test_client()
    foreign = csrf_of(stranger)
    planted = stranger.get_cookie("tollgate-form")
    assert planted is not None
    admin.set_cookie("tollgate-form", planted.value)
    assert admin.post("/sign-out", data={"csrf_token": foreign}).status_code == 400
    assert admin.get("/").status_code == 200


def test_every_session_has_a_fresh_token(
    client: FlaskClient, add_user: AddUser, engine: sa.Engine
) -> None:
    """Session fixation: a token that the browser brought along is never taken over."""
    add_user("ada")
    client.set_cookie("tollgate", "planted-by-an-attacker")
    first = token_of(sign_in(client, "ada"))
    assert first != "planted-by-an-attacker"
    fields = {"name": "ada", "password": PASSWORD, "csrf_token": csrf_of(client, "/password")}
    second = token_of(client.post("/sign-in", data=fields))
    assert second != first
    assert stored_hashes(engine) == [hashlib.sha256(second.encode()).digest()]


def test_cookie_flags_over_http(client: FlaskClient, add_user: AddUser) -> None:
    add_user("ada")
    form_cookie = cookies_of(client.get("/sign-in"))["tollgate-form"]
    session = cookies_of(sign_in(client, "ada"))["tollgate"]
    for cookie in (form_cookie, session):
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["secure"]


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [({}, "https://localhost"), ({"secure_cookies": True}, "http://localhost")],
)
def test_cookies_are_secure_and_bound_to_the_host(
    make_app: MakeApp, add_user: AddUser, settings: dict[str, bool], base_url: str
) -> None:
    add_user("ada")
    client = make_app(**settings).test_client()
    page = client.get("/sign-in", base_url=base_url)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    form_cookie = cookies_of(page)["__Host-tollgate-form"]
    response = client.post(
        "/sign-in",
        data={"name": "ada", "password": PASSWORD, "csrf_token": token},
        base_url=base_url,
        headers={"Referer": f"{base_url}/sign-in", "Cookie": form_cookie.OutputString([])},
    )
    session = cookies_of(response)["__Host-tollgate"]
    for cookie in (form_cookie, session):
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]


# -- the end of a session -----------------------------------------------------------------


def test_sign_out_revokes_the_token_itself(app: Flask, admin: FlaskClient) -> None:
    cookie = admin.get_cookie("tollgate")
    assert cookie is not None
    assert send(admin, "/sign-out", "/password").location == "/sign-in"
    assert admin.get_cookie("tollgate") is None
    thief = app.test_client()
    thief.set_cookie("tollgate", cookie.value)
    assert thief.get("/").status_code == 302


def test_a_link_cannot_sign_anybody_out(admin: FlaskClient) -> None:
    assert admin.get("/sign-out").status_code == 405
    assert admin.get("/").status_code == 200


def test_an_idle_session_ends_and_polling_is_no_use_of_it(
    admin: FlaskClient, clock: OwnedClock
) -> None:
    for _ in range(3):
        clock.advance(3600)
        assert admin.get("/").status_code == 200
    clock.advance(3600)
    assert admin.get("/calls/rows").status_code == 200
    clock.advance(3601)
    assert admin.get("/calls/rows").status_code == 401
    assert admin.get("/").status_code == 302


def test_every_session_ends_after_twelve_hours(admin: FlaskClient, clock: OwnedClock) -> None:
    for _ in range(11):
        clock.advance(3600)
        assert admin.get("/").status_code == 200
    clock.advance(3600)
    assert admin.get("/").status_code == 302


def test_sessions_that_are_over_are_forgotten(
    admin: FlaskClient, clock: OwnedClock, engine: sa.Engine
) -> None:
    users_store = PostgresUsers(engine)
    assert admin.get("/").status_code == 200
    assert users_store.forget_expired(clock.now()) == 0
    clock.advance(7201)
    assert users_store.forget_expired(clock.now()) == 1
    assert stored_hashes(engine) == []


# -- one's own password -------------------------------------------------------------------


@pytest.fixture
def other_session(app: Flask, admin: FlaskClient) -> FlaskClient:
    """Another browser of the same person."""
    assert admin.get("/").status_code == 200
    other = app.test_client()
    sign_in(other, "ada")
    return other


def test_a_new_password_ends_every_other_session(
    app: Flask, admin: FlaskClient, other_session: FlaskClient
) -> None:
    before = admin.get_cookie("tollgate")
    new = "a-much-longer-secret"
    done = send(admin, "/password", current=PASSWORD, new=new, again=new)
    assert done.status_code == 302
    assert "Your password is changed." in admin.get(done.location).text
    after = admin.get_cookie("tollgate")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert other_session.get("/").status_code == 302
    fresh = app.test_client()
    assert sign_in(fresh, "ada").status_code == 401
    assert sign_in(fresh, "ada", new).status_code == 302


@pytest.mark.parametrize(
    ("current", "new", "again", "message"),
    [
        ("wrong", "a-much-longer-secret", "a-much-longer-secret", "not your current password"),
        (PASSWORD, "short", "short", "at least 12 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "is the old one"),
        (PASSWORD, "a-much-longer-secret", "another-longer-secret", "passwords differ"),
        (PASSWORD, "i-am-ada-hello", "i-am-ada-hello", "Leave your name out"),
        (PASSWORD, "x" * 300, "x" * 300, "at most 256"),
    ],
)
def test_a_password_that_is_not_taken_says_why(
    admin: FlaskClient, current: str, new: str, again: str, message: str
) -> None:
    response = send(admin, "/password", current=current, new=new, again=again)
    assert response.status_code == 422
    assert message in response.text
    assert 'aria-invalid="true"' in response.text


def test_guessing_the_current_password_is_throttled(admin: FlaskClient) -> None:
    new = "a-much-longer-secret"
    statuses = [
        send(admin, "/password", current="guess", new=new, again=new).status_code for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]


# -- the first administrator --------------------------------------------------------------


def test_the_first_administrator_is_made_once(client: FlaskClient, engine: sa.Engine) -> None:
    store = PostgresUsers(engine)
    password = create_first_administrator(store, PASSWORDS)
    assert password is not None
    assert create_first_administrator(store, PASSWORDS) is None
    assert sign_in(client, "admin", password).status_code == 302


def test_generated_passwords_are_long_and_differ() -> None:
    made = {generated_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 23 for password in made)


def test_parallel_guesses_are_all_counted(
    engine: sa.Engine, add_user: AddUser, clock: OwnedClock
) -> None:
    """Counted before the password is looked at: a burst gets no more tries than a sequence."""
    add_user("ada")
    service = SignIn(PostgresUsers(engine), PASSWORDS, clock, SignInSettings(name_failures=3))
    with ThreadPoolExecutor(5) as pool:
        attempts = [pool.submit(service.sign_in, "ada", "no", f"192.0.2.{n}") for n in range(12)]
    outcomes = [attempt.result() for attempt in attempts]
    assert sum(isinstance(outcome, WrongCredentials) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 9
