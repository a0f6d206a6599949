"""Money through the API: each order once, by the right right, never with another tenant's."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from controller.domain.rights import Right
from controller.services.api_scopes import ApiScope
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, TestTokens, problem
from tests.web.api.conftest import As, AsAgent

pytestmark = pytest.mark.usefixtures("tenants")


def balance(api: ApiClient, account: str) -> Decimal:
    return Decimal(api.get(f"/accounts/{account}/balance").get_json()["balance"])


def pay(api: ApiClient, account: str, amount: str, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else None
    return api.post(f"/accounts/{account}/payments", {"amount": amount}, headers=headers)


def test_every_way_to_move_money(api: ApiClient) -> None:
    paid = pay(api, "solo", "100.25")
    assert paid.status_code == 201, paid.text
    (after,) = paid.get_json()["accounts"]
    assert after == {
        "account": "solo",
        "currency": "USD",
        "balance": "100.25",
        "overdraft_limit": "0",
        "reserved": "0",
        "available": "100.25",
    }
    receipt = api.get(paid.headers["Location"].removeprefix("/api/v1")).get_json()
    assert receipt["payment"]["amount"] == "100.25"
    assert receipt["payment"]["who"] == "ada"

    def order(what: str, **body: str) -> Any:
        return api.post(f"/accounts/solo/{what}", body)

    assert order("withdrawals", amount="0.25", memo="back").status_code == 201
    assert order("transfers", amount="40", to="atlas").status_code == 201
    assert order("credit", amount="500").status_code == 201
    assert balance(api, "solo") == 60
    assert balance(api, "atlas") == 40
    assert order("make-zero").status_code == 201
    money = api.get("/accounts/solo/balance").get_json()
    assert (money["balance"], money["available"]) == ("0", "500")
    kinds = [p["kind"] for p in api.get("/payments?account=solo").get_json()["items"]]
    assert kinds == ["make_zero", "credit_limit", "transfer", "withdrawal", "payment"]


def test_the_same_order_twice_is_one(api: ApiClient) -> None:
    first, again = pay(api, "solo", "10", "k"), pay(api, "solo", "10", "k")
    assert again.get_data() == first.get_data()
    assert balance(api, "solo") == 10
    problem(pay(api, "solo", "11", "k"), 422, "idempotency_key_reused")


def test_twenty_at_once_under_one_key(api_app: Flask, tokens: TestTokens) -> None:
    token = tokens.issue("ada")
    gate = threading.Barrier(20)
    statuses: list[int] = []

    def send() -> None:
        client = ApiClient(api_app.test_client(), token)
        gate.wait()
        statuses.append(pay(client, "solo", "10", "k").status_code)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert balance(ApiClient(api_app.test_client(), token), "solo") == 10


def test_an_order_that_lost_its_answer_is_not_done_twice(api: ApiClient, tenants: Tenants) -> None:
    """The answer was never kept: the ledger knows the key all the same."""
    first = pay(api, "solo", "10", "k")
    tenants.execute("DELETE FROM api_replies")
    again = pay(api, "solo", "10", "k")
    assert again.status_code == 201
    assert again.get_json()["payment_id"] == first.get_json()["payment_id"]
    assert balance(api, "solo") == 10
    tenants.execute("DELETE FROM api_replies")
    problem(pay(api, "solo", "11", "k"), 409, "conflict")


def test_money_that_is_not_there(api: ApiClient) -> None:
    for what, body in (
        ("withdrawals", {"amount": "1"}),
        ("transfers", {"amount": "1", "to": "atlas"}),
    ):
        problem(api.post(f"/accounts/solo/{what}", body), 409, "conflict")
    mixed = api.post("/accounts/solo/transfers", {"amount": "1", "to": "europe"})
    problem(mixed, 409, "conflict")


def test_amounts_that_are_none(api: ApiClient) -> None:
    for amount in (
        "0",
        "-1",
        "1e3",
        " 1",
        "",
        "1,5",
        "٣",
        "1.12345678901",
        "9" * 14,
        "NaN",
        1,
        None,
    ):
        answer = api.post("/accounts/solo/payments", {"amount": amount})
        assert problem(answer, 422, "invalid_fields")["errors"][0]["field"] == "amount", amount
    assert balance(api, "solo") == 0


def test_each_with_its_right(as_agent: AsAgent) -> None:
    agent = as_agent("bd", Right.PAY_OWN)
    assert problem(pay(agent, "bd", "1"), 403, "right_missing")["right"] == "pay_own"
    assert pay(agent, "dhaka", "5").status_code == 201
    agent = as_agent("bd", Right.PAY_SUB)
    assert pay(agent, "bd", "1").status_code == 201
    body = {"amount": "1", "to": "shop"}
    for answer in (
        pay(agent, "dhaka", "1"),
        agent.post("/accounts/dhaka/withdrawals", {"amount": "1"}),
        agent.post("/accounts/dhaka/transfers", body),
        agent.post("/accounts/dhaka/make-zero", {}),
        agent.post("/accounts/dhaka/credit", {"amount": "1"}),
    ):
        assert problem(answer, 403, "right_missing")["right"] == "pay_sub"


def test_siblings_neither_pay_nor_see(api: ApiClient, as_agent: AsAgent) -> None:
    theirs = pay(api, "cairo", "7").get_json()["payment_id"]
    agent = as_agent("bd")
    for answer in (
        pay(agent, "cairo", "1"),
        agent.get("/accounts/cairo/balance"),
        agent.get(f"/payments/{theirs}"),
        agent.get("/payments?account=cairo"),
        agent.post("/accounts/bd/transfers", {"amount": "1", "to": "cairo"}),
        agent.post("/accounts/cairo/transfers", {"amount": "1", "to": "bd"}),
        agent.post("/accounts/cairo/credit", {"amount": "1"}),
    ):
        problem(answer, 404, "not_found")
    assert agent.get("/payments").get_json()["items"] == []
    assert balance(api, "cairo") == 7


def test_scopes(as_user: As) -> None:
    reader = as_user(scopes=frozenset({ApiScope.MONEY_READ}))
    assert problem(pay(reader, "solo", "1"), 403, "scope_missing")["scope"] == "money:write"
    assert reader.get("/accounts/solo/balance").status_code == 200


def test_pages_of_payments(api: ApiClient) -> None:
    for amount in range(1, 6):
        pay(api, "solo", str(amount))
    first = api.get("/payments?limit=2").get_json()
    pay(api, "solo", "99")
    rest = api.get(f"/payments?limit=9&cursor={first['next']}").get_json()
    assert [p["amount"] for p in (*first["items"], *rest["items"])] == ["5", "4", "3", "2", "1"]
