"""Phone cards through the API: PINs in the first answer only, recharging, scope, who guesses."""

from typing import Any

import pytest

from controller.domain.rights import Right
from controller.services.api_scopes import ApiScope
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, AsAgent
from tests.web.api.test_money import balance, pay

pytestmark = pytest.mark.usefixtures("tenants")

NEW: dict[str, Any] = {"name": "spring", "face_value": "5", "count": 3, "currency": "USD"}


def make(api: ApiClient, key: str = "", **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else None
    return api.post("/card-batches", {**NEW, **more}, headers=headers)


def use(api: ApiClient, account: str, card: dict[str, str], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else None
    body = {"pin": card["pin"], "password": card["password"]}
    return api.post(f"/accounts/{account}/card-payment", body, headers=headers)


def test_pins_are_in_the_first_answer_only(api: ApiClient) -> None:
    first, again = (make(api, "k", password_length=4) for _ in range(2))
    assert first.status_code == 201, first.text
    cards = first.get_json()["cards"]
    assert [card["serial"] for card in cards] == [f"spring-00000{n}" for n in (1, 2, 3)]
    assert all(len(card["pin"]) == 12 and len(card["password"]) == 4 for card in cards)
    assert (again.headers["Idempotency-Replayed"], again.get_json()["cards"]) == ("true", None)
    path = first.headers["Location"].removeprefix("/api/v1")
    shown = api.get(path)
    assert shown.headers["ETag"] == first.headers["ETag"] == '"1"'
    assert (shown.get_json()["unused"], shown.get_json()["created_by"]) == (3, "ada")
    listed = api.get(f"{path}/cards").get_json()["items"]
    assert [card["last_digits"] for card in listed] == [card["pin"][-4:] for card in cards]
    assert cards[0]["pin"] not in api.get(f"{path}/cards").text + api.get("/card-batches").text
    assert problem(make(api), 422, "invalid_fields")["errors"][0]["field"] == "name"


def test_a_card_recharges_once(api: ApiClient) -> None:
    card = make(api).get_json()["cards"][0]
    first, again = use(api, "shop", card, "k"), use(api, "shop", card, "k")
    assert first.status_code == 201, first.text
    assert first.get_json() == again.get_json()
    assert first.get_json()["serial"] == "spring-000001"
    assert first.get_json()["account"]["balance"] == "5"
    assert balance(api, "shop") == 5
    receipt = api.get(first.headers["Location"].removeprefix("/api/v1")).get_json()["payment"]
    assert (receipt["kind"], receipt["memo"], receipt["amount"]) == ("card", "spring-000001", "5")
    used = use(api, "shop", card)
    assert "was used already" in problem(used, 409, "conflict")["detail"]
    assert balance(api, "shop") == 5


def test_who_guesses_waits(api: ApiClient) -> None:
    for number in range(10):
        answer = api.post("/accounts/shop/card-payment", {"pin": f"{number:012d}"})
        assert problem(answer, 422, "invalid_fields")["errors"] == [
            {"field": "pin", "message": "there is no such card", "pointer": "/pin"}
        ]
    answer = api.post("/accounts/shop/card-payment", {"pin": "9" * 12})
    assert "wait 60 minutes" in problem(answer, 429, "rate_limited")["detail"]
    assert 3_500 < int(answer.headers["Retry-After"]) <= 3_600


def test_an_agents_cards(api: ApiClient, as_agent: AsAgent) -> None:
    agent = as_agent("dhaka")
    order = {name: value for name, value in NEW.items() if name != "currency"}
    poor = agent.post("/card-batches", order)
    assert "cannot be paid for" in problem(poor, 409, "conflict")["detail"]
    pay(api, "dhaka", "20")
    made = agent.post("/card-batches", order)
    assert made.status_code == 201, made.text
    assert balance(api, "dhaka") == 5
    path = made.headers["Location"].removeprefix("/api/v1")
    assert use(agent, "shop", made.get_json()["cards"][0]).status_code == 201

    def change(what: str, revision: int) -> Any:
        return agent.post(f"{path}/{what}", headers={"If-Match": f'"{revision}"'})

    assert change("cards/2/lock", 1).status_code == 204
    assert change("cards/2/unlock", 1).status_code == 412
    assert change("cards/2/unlock", 2).status_code == 204
    voided = change("cards/2/void", 3).get_json()
    assert (voided["count"], voided["returned"]) == (1, "5")
    assert change("void", 1).status_code == 412
    rest = change("void", 2)
    assert (rest.get_json()["count"], rest.get_json()["returned"]) == (1, "5")
    assert balance(api, "dhaka") == 15
    states = [card["state"] for card in agent.get(f"{path}/cards").get_json()["items"]]
    assert states == ["used", "voided", "voided"]
    (used,) = agent.get(f"{path}/cards?state=used").get_json()["items"]
    assert (used["account"], bool(used["payment_id"])) == ("shop", True)


def test_lists_by_pages(api: ApiClient) -> None:
    for number in range(3):
        make(api, name=f"b{number}", count=5)
    first = api.get("/card-batches?limit=2").get_json()
    second = api.get(f"/card-batches?limit=2&cursor={first['next']}").get_json()
    assert [b["name"] for b in first["items"] + second["items"]] == ["b2", "b1", "b0"]
    assert second["next"] is None
    path = f"/card-batches/{first['items'][0]['batch_id']}/cards"
    numbers, cursor = [], ""
    while True:
        page = api.get(f"{path}?limit=2&cursor={cursor}").get_json()
        numbers += [card["number"] for card in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert numbers == [1, 2, 3, 4, 5]


def test_rights_scopes_and_other_tenants(api: ApiClient, as_user: As, as_agent: AsAgent) -> None:
    made = make(api).get_json()
    path = f"/card-batches/{made['batch']['batch_id']}"
    without = as_agent("dhaka", Right.PHONE_CARDS)
    refused = problem(without.get("/card-batches"), 403, "right_missing")
    assert refused["right"] == "phone_cards"
    agent = as_agent("dhaka")
    assert agent.get(path).status_code == 404
    assert agent.get("/card-batches").get_json()["items"] == []
    # the card is the money: no right is needed, but the account must be one's own
    assert use(without, "cairo", made["cards"][0]).status_code == 404
    assert use(without, "shop", made["cards"][0]).status_code == 201
    reader = as_user(scopes=frozenset({ApiScope.MONEY_READ}))
    problem(use(reader, "shop", made["cards"][1]), 403, "scope_missing")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"count": 0},
        {"count": 10_001},
        {"count": "3"},
        {"face_value": 5},
        {"face_value": "-5"},
        {"pin_length": 9},
        {"password_length": 3},
        {"prefix": "12345"},
        {"prefix": "x"},
        {"currency": "usd"},
        {"currency": "XTS"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01"},
        {"pin": "1"},
    ],
)
def test_wrong_orders(api: ApiClient, change: dict[str, Any]) -> None:
    answer = make(api, **change)
    (field,) = change
    assert problem(answer, 422, "invalid_fields")["errors"][0]["field"] == field
    assert api.get("/card-batches").get_json()["items"] == []
