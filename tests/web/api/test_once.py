"""Idempotency-Key: what is sent twice is done once, whoever sends it when."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from controller.domain.errors import StoreUnavailable
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, TestTokens, problem
from tests.web.api.conftest import As
from tests.web.conftest import OwnedClock

pytestmark = pytest.mark.usefixtures("tenants")

NEW = {"name": "fresh", "currency": "USD"}
KEY = {"Idempotency-Key": "k-1"}


def test_the_same_answer_again(api: ApiClient, tenants: Tenants) -> None:
    first = api.post("/accounts", NEW, headers=KEY)
    again = api.post("/accounts", NEW, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert again.get_data() == first.get_data()
    for name in ("ETag", "Location", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [line for line in tenants.audit() if line[2] == "fresh"] == [
        ("create", "account", "fresh")
    ]


def test_a_refusal_is_an_answer_too(api: ApiClient) -> None:
    taken = {"name": "solo", "currency": "USD"}
    first = api.post("/accounts", taken, headers=KEY)
    problem(first, 422, "invalid_fields")
    again = api.post("/accounts", taken, headers=KEY)
    assert again.get_data() == first.get_data()
    assert again.content_type == "application/problem+json"
    assert again.headers["Idempotency-Replayed"] == "true"


def test_what_could_not_be_read_keeps_no_key(api: ApiClient) -> None:
    problem(api.post("/accounts", {**NEW, "capacity": "x"}, headers=KEY), 422, "invalid_fields")
    assert api.post("/accounts", NEW, headers=KEY).status_code == 201


def test_the_key_for_something_else(api: ApiClient) -> None:
    api.post("/accounts", NEW, headers=KEY)
    for answer in (
        api.post("/accounts", {**NEW, "name": "other"}, headers=KEY),
        api.post("/account-batches", {"accounts": [NEW]}, headers=KEY),
    ):
        problem(answer, 422, "idempotency_key_reused")


def test_keys_are_each_users_own(api: ApiClient, as_user: As) -> None:
    api.post("/accounts", NEW, headers=KEY)
    other = as_user("bea").post("/accounts", {**NEW, "name": "beas"}, headers=KEY)
    assert other.status_code == 201
    another_token = as_user("ada").post("/accounts", NEW, headers=KEY)
    assert another_token.headers["Idempotency-Replayed"] == "true", "of one user, any token"


def test_after_a_day_it_is_forgotten(api: ApiClient, clock: OwnedClock) -> None:
    api.post("/accounts", NEW, headers=KEY)
    clock.advance(24 * 3600)
    assert api.post("/accounts", {**NEW, "name": "other"}, headers=KEY).status_code == 201


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("", "idempotency_key_missing"),
        ("  ", "idempotency_key_missing"),
        ("a b", "malformed_request"),
        ("x" * 129, "malformed_request"),
        ("kü", "malformed_request"),
    ],
)
def test_a_key_is_needed(api: ApiClient, key: str, kind: str) -> None:
    problem(api.post("/accounts", NEW, headers={"Idempotency-Key": key}), 400, kind)
    problem(api.get("/accounts/fresh"), 404, "not_found")


def test_of_many_at_once_one_is_carried_out(
    api_app: Flask, tokens: TestTokens, tenants: Tenants
) -> None:
    token = tokens.issue("ada")
    answers: list[Any] = []
    gate = threading.Barrier(8)

    def send() -> None:
        client = ApiClient(api_app.test_client(), token)
        gate.wait()
        answers.append(client.post("/accounts", NEW, headers=KEY))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fresh = [a for a in answers if a.status_code == 201 and "Idempotency-Replayed" not in a.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "idempotency_in_progress")
            assert answer.headers["Retry-After"] == "1"
        else:
            assert answer.get_data() == fresh[0].get_data()
    assert sum(line[2] == "fresh" for line in tenants.audit()) == 1


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ZeroDivisionError()])
def test_what_failed_on_our_side_is_done_again(
    make_api: Callable[..., Flask],
    tokens: TestTokens,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    app = make_api()
    app.testing = False
    api = ApiClient(app.test_client(), tokens.issue("ada"))
    service = type(app.extensions["tollgate_services"].account_records)
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise error

        broken.setattr(service, "create", fail)
        answer = api.post("/accounts", NEW, headers=KEY)
        assert answer.status_code in (500, 503)
        assert answer.content_type == "application/problem+json"
        assert "gone" not in answer.text
    assert api.post("/accounts", NEW, headers=KEY).status_code == 201
