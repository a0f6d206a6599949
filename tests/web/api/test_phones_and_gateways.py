"""Phones and trunks through the API."""

import pytest

from controller.domain.rights import Right
from controller.services.sign_in import Role
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, AsAgent

pytestmark = pytest.mark.usefixtures("tenants")

PHONE = {"number": "88010001", "account": "shop"}
TRUNK = {"name": "solo-in", "account": "solo", "addresses": ["192.0.2.9:5080"]}
VENDOR = {"name": "v-out", "clearing_account": "vendor", "host": "192.0.2.30", "routes": ["39=50"]}


def test_a_phone_from_making_to_deleting(api: ApiClient, tenants: Tenants) -> None:
    made = api.post("/phones", {**PHONE, "monthly_rent": "1.50", "authorization": "domestic"})
    assert made.status_code == 201, made.text
    body = made.get_json()
    assert len(body["password"]) >= 12
    assert body["phone"]["monthly_rent"] == "1.5"
    assert body["phone"]["authorization"] == "domestic"
    seen = api.get("/phones/88010001")
    assert seen.get_json() == body["phone"]
    assert "password" not in seen.get_json()
    changed = api.patch("/phones/88010001", {"dids": ["88010002"], "locked_in": True}, "*")
    assert changed.get_json()["dids"] == ["88010002"]
    problem(api.patch("/phones/88010001", {"locked": True}, seen.headers["ETag"]), 412, "stale")
    assert api.delete("/phones/88010001", changed.headers["ETag"]).status_code == 204
    assert [action for action, kind, _ in tenants.audit() if kind == "phone"] == [
        "create",
        "change",
        "delete",
    ]


def test_a_password_is_told_once(api: ApiClient, tenants: Tenants) -> None:
    key = {"Idempotency-Key": "one"}
    first = api.post("/phones", PHONE, headers=key)
    again = api.post("/phones", PHONE, headers=key)
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.get_json()["password"]
    assert again.get_json() == {**first.get_json(), "password": None}
    ((stored,),) = tenants.rows("SELECT convert_from(body, 'UTF8') FROM api_replies")
    assert isinstance(stored, str)
    assert first.get_json()["password"] not in stored


def test_another_password(api: ApiClient) -> None:
    etag = api.post("/phones", PHONE).headers["ETag"]
    answer = api.post(
        "/phones/88010001/password", {"password": "quite-a-long-one-7"}, headers={"If-Match": "*"}
    )
    assert answer.get_json()["password"] == "quite-a-long-one-7"
    assert etag
    weak = api.post("/phones/88010001/password", {"password": "1"}, headers={"If-Match": "*"})
    assert problem(weak, 422, "invalid_fields")["errors"][0]["field"] == "password"


def test_phones_at_once(api: ApiClient) -> None:
    made = api.post(
        "/phone-ranges", {"first": "88010010", "last": "88010012", "shared": {"account": "shop"}}
    )
    assert made.status_code == 201, made.text
    assert [p["phone"]["number"] for p in made.get_json()["phones"]] == [
        "88010010",
        "88010011",
        "88010012",
    ]
    batch = [PHONE, {**PHONE, "number": "99"}, {**PHONE, "number": "88010010"}]
    body = problem(api.post("/phone-batches", {"phones": batch}), 422, "invalid_fields")
    assert {error["pointer"] for error in body["errors"]} == {
        "/phones/1/number",
        "/phones/2/number",
    }
    problem(api.get("/phones/88010001"), 404, "not_found")


def test_a_phone_with_its_account(as_agent: AsAgent) -> None:
    new = {"number": "88010001", "new_account": {"currency": "USD", "rate_group": "bd-sells"}}
    answer = as_agent("bd").post("/phones", new)
    assert answer.status_code == 201, answer.text
    assert answer.get_json()["phone"]["account"] == "88010001"
    refused = as_agent("bd", Right.ACCOUNTS).post("/phones", {**new, "number": "88010002"})
    assert problem(refused, 403, "right_missing")["right"] == "accounts"


def test_a_trunk_and_a_vendor(api: ApiClient) -> None:
    made = api.post("/mapping-gateways", TRUNK)
    assert made.status_code == 201, made.text
    assert made.get_json()["addresses"] == ["192.0.2.9:5080"]
    changed = api.patch("/mapping-gateways/solo-in", {"capacity": 30}, made.headers["ETag"])
    assert changed.get_json()["capacity"] == 30
    vendor = api.post("/routing-gateways", VENDOR)
    assert vendor.get_json()["routes"] == ["39=50"]
    assert vendor.get_json()["prefix_mode"] == "terminate"
    assert api.get("/routing-gateways").get_json()["items"][0]["addresses"] == ["192.0.2.30:5060"]
    assert api.delete("/mapping-gateways/solo-in").status_code == 204
    assert api.delete("/routing-gateways/v-out").status_code == 204


def test_each_field_of_a_trunk_has_its_right(api: ApiClient, as_agent: AsAgent) -> None:
    api.post("/mapping-gateways", {**TRUNK, "account": "shop"})
    agent = as_agent("bd", Right.GATEWAY_CAPACITY)
    assert agent.patch("/mapping-gateways/solo-in", {"locked": True}).status_code == 200
    refused = agent.patch("/mapping-gateways/solo-in", {"capacity": 30})
    assert problem(refused, 403, "right_missing")["right"] == "gateway_capacity"
    refused = as_agent("bd", Right.GATEWAYS).delete("/mapping-gateways/solo-in")
    assert problem(refused, 403, "right_missing")["right"] == "gateways"
    for answer in (agent.get("/routing-gateways"), agent.post("/routing-gateways", VENDOR)):
        problem(answer, 403, "not_allowed")


def test_siblings_see_nothing_of_each_other(api: ApiClient, as_agent: AsAgent) -> None:
    api.post("/phones", {"number": "20200001", "account": "cairo"})
    bd = as_agent("bd")
    for path in ("/phones/20200001", "/mapping-gateways/atlas-trunk"):
        problem(bd.get(path), 404, "not_found")
        problem(bd.patch(path, {"memo": "mine"}), 404, "not_found")
        problem(bd.delete(path), 404, "not_found")
    for path in ("/phones", "/mapping-gateways", "/phones?account=cairo"):
        assert bd.get(path).get_json() == {"next": None, "items": []}
    body = problem(bd.post("/phones", {**PHONE, "account": "cairo"}), 422, "invalid_fields")
    assert body["errors"][0]["field"] == "account"
    kinds = {line["kind"] for line in api.get("/audit?denied_only=true").get_json()["items"]}
    assert {"phone", "mapping gateway"} <= kinds
    seen = {line["name"] for line in bd.get("/audit?limit=500").get_json()["items"]}
    assert seen <= {"bd", "dhaka", "shop", "bd-sells"}, "what was done to its own accounts"


def test_a_customer_looks_and_does_not_touch(api: ApiClient, as_user: As, tenants: Tenants) -> None:
    api.post("/phones", PHONE)
    customer = as_user(
        "cust", role=Role.CUSTOMER, account_id=tenants.id_of("shop"), rights=frozenset()
    )
    assert customer.get("/phones/88010001").status_code == 200
    refused = customer.patch("/phones/88010001", {"locked": True})
    assert problem(refused, 403, "right_missing")["right"] == "phones"


def test_the_log_says_what_was_changed(api: ApiClient) -> None:
    api.patch("/accounts/solo", {"title": "New title"})
    (line,) = api.get("/audit?kind=account&name=solo&action=change").get_json()["items"]
    assert line["actor"] == "ada"
    assert line["source"] == "api"
    assert line["changes"] == [{"field": "title", "before": "", "after": "New title"}]
