"""Call records, calls in progress, figures, rates and explanations through the API."""

import json
import re
import uuid

import pytest
import sqlalchemy as sa

from controller.services.sign_in import Role
from tests.integration.tenants import Tenants
from tests.web.api import call_sample
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, AsAgent
from tests.web.conftest import OwnedClock


@pytest.mark.usefixtures("operator")
def test_records_page_by_page(api: ApiClient) -> None:
    seen: list[str] = []
    path = "/cdrs?limit=150"
    while path:
        answer = api.get(path)
        body = answer.get_json()
        seen += [row["call_id"] for row in body["items"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("</api/v1") if link else ""
    assert len(seen) == len(set(seen)) == 400
    (first,) = api.get("/cdrs?limit=1").get_json()["items"]
    assert first["call_id"] == seen[0]
    assert first["platform"]["switch_id"] == "switch-1"
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", first["platform"]["cost"])
    detail = api.get(f"/cdrs/{seen[0]}").get_json()
    assert detail["record"] == first


@pytest.mark.usefixtures("operator")
def test_filters_of_records(api: ApiClient) -> None:
    answered = api.get("/cdrs?answered=true&limit=500").get_json()["items"]
    assert 0 < len(answered) < 400
    assert all(row["answered_at"] for row in answered)
    of_one = api.get("/cdrs?account=baltic-voice&limit=500").get_json()["items"]
    assert {row["account"] for row in of_one} == {"baltic-voice"}
    middle = answered[len(answered) // 2]["started_at"]
    early = api.get(f"/cdrs?until={middle}&limit=500").get_json()["items"]
    assert early
    assert all(row["started_at"] < middle for row in early)
    for query, field in (
        ("account=nobody", "account"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("since=2026-01-02", "since"),
        ("reason=bored", "reason"),
        ("caller=%27", "caller"),
    ):
        body = problem(api.get(f"/cdrs?{query}"), 422, "invalid_fields")
        assert [error["field"] for error in body["errors"]] == [field], query


@pytest.mark.usefixtures("operator")
def test_an_export_is_the_whole_list(api: ApiClient) -> None:
    answer = api.get("/cdr-export")
    assert answer.content_type == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 400
    assert rows[:50] == api.get("/cdrs").get_json()["items"]
    assert len(api.get("/cdr-export?most=7").text.splitlines()) == 7
    assert api.get("/cdr-export?callee=999999").text == ""


@pytest.mark.usefixtures("operator")
def test_two_exports_at_a_time(api: ApiClient) -> None:
    running = [api.get("/cdr-export", buffered=False) for _ in range(2)]
    refused = api.get("/cdr-export")
    problem(refused, 429, "rate_limited")
    assert refused.headers["Retry-After"] == "10"
    for response in running:
        response.close()
    assert api.get("/cdr-export?most=1").status_code == 200


def test_calls_that_are_none(api: ApiClient) -> None:
    problem(api.get(f"/cdrs/{uuid.uuid4()}"), 404, "not_found")
    problem(api.get("/cdrs/not-a-uuid"), 404, "not_found")


@pytest.mark.usefixtures("operator")
def test_calls_in_progress_and_figures(api: ApiClient) -> None:
    live = api.get("/live-calls?limit=10").get_json()
    assert live["total"] == 40
    assert len(live["items"]) == 10
    figures = api.get("/figures?zone=Asia/Dhaka").get_json()
    assert figures["calls_now"] == 40
    assert len(figures["minutes"]) == 60
    assert figures["funds"] is None
    assert figures["today"]["traffic"]["offered"] + figures["yesterday"]["traffic"]["offered"] > 0
    for zone in ("Mars/Olympus", "../../etc/passwd", ""):
        problem(api.get(f"/figures?zone={zone}"), 422, "invalid_fields")


def test_each_level_sees_its_own_part_of_a_call(
    api: ApiClient,
    as_agent: AsAgent,
    as_user: As,
    tenants: Tenants,
    engine: sa.Engine,
    clock: OwnedClock,
) -> None:
    """shop pays 0.10, dhaka 0.07, bd 0.05, the vendor gets 0.013."""
    call_id = call_sample.plant_call(engine, tenants, clock.now())
    customer = as_user("cust", role=Role.CUSTOMER, account_id=tenants.id_of("shop"))
    expected = {
        "admin": (api, "0.05", "0.013"),
        "bd": (as_agent("bd"), "0.07", "0.05"),
        "dhaka": (as_agent("dhaka"), "0.1", "0.07"),
        "shop": (customer, None, "0.1"),
    }
    for who, (client, earned, paid) in expected.items():
        (row,) = client.get("/cdrs").get_json()["items"]
        assert (row["earned"] or {}).get("net") == earned, who
        assert row["paid"]["net"] == paid, who
        detail = client.get(f"/cdrs/{call_id}").get_json()
        (exported,) = client.get("/cdr-export").text.splitlines()
        assert json.loads(exported) == detail["record"] == row
        if client is not api:
            assert row["platform"] is None
            assert detail["attempts"] == []
            assert detail["trace"] == []
            text = json.dumps(detail)
            for hidden in ("0.013", "vendor", "192.0.2.99", "sw-1"):
                assert hidden not in text, (who, hidden)
    for other in ("atlas", "cairo"):
        sibling = as_agent(other)
        assert sibling.get("/cdrs").get_json()["items"] == []
        assert sibling.get("/cdr-export").text == ""
        problem(sibling.get(f"/cdrs/{call_id}"), 404, "not_found")
        body = problem(sibling.get("/cdrs?account=shop"), 422, "invalid_fields")
        assert body["errors"][0]["field"] == "account"
        assert sibling.get("/live-calls").get_json()["total"] == 0


def test_rate_groups_and_rates(api: ApiClient, as_agent: AsAgent) -> None:
    groups = {g["name"]: g for g in api.get("/rate-groups").get_json()["items"]}
    assert set(groups) == {"sell", "bd-sells", "given", "euro"}
    number = groups["sell"]["group_id"]
    assert api.get(f"/rate-groups/{number}").get_json()["group"] == groups["sell"]
    (rate,) = api.get(f"/rate-groups/{number}/rates").get_json()["items"]
    assert (rate["prefix"], rate["minute"], rate["validity"]) == ("*", "0.05", "valid")
    assert rate["words"]
    matching = api.get(f"/rate-groups/{number}/matching?number=%2B880171").get_json()
    assert matching["items"] == [rate]
    agent = as_agent("atlas")
    for name in ("bd-sells", "given", "euro"):
        for below in ("", "/rates", "/matching?number=880"):
            hidden = agent.get(f"/rate-groups/{groups[name]['group_id']}{below}")
            problem(hidden, 404, "not_found")
    for number in ("0", "-1", "x", "9" * 19):
        problem(api.get(f"/rate-groups/{number}"), 404, "not_found")


def test_pages_of_rates(api: ApiClient, tenants: Tenants) -> None:
    tenants.apply(
        "rate_groups: [{name: many, currency: USD, rates: ["
        + ", ".join(f'{{prefix: "{p}", tiers: "0|0:0.05/60/60"}}' for p in range(100, 150))
        + "]}]",
    )
    groups = api.get("/rate-groups?search=many").get_json()["items"]
    path = f"/rate-groups/{groups[0]['group_id']}/rates?limit=20"
    first = api.get(path).get_json()
    second = api.get(f"{path}&cursor={first['next']}").get_json()
    third = api.get(f"{path}&cursor={second['next']}").get_json()
    found = [rate["prefix"] for page in (first, second, third) for rate in page["items"]]
    assert found == [str(prefix) for prefix in range(100, 150)]
    assert third["next"] is None


def test_what_a_call_costs(api: ApiClient, as_agent: AsAgent) -> None:
    path = "/explain/price?account=shop&number=880171&duration_s=61"
    whole = api.get(path).get_json()
    assert [party["account"] for party in whole["parties"]] == ["shop", "dhaka", "bd"]
    assert whole["parties"][0]["bill"]["net"] == "0.12"
    assert whole["parties"][2]["bill"]["net"] == "0.1"
    assert whole["parties"][0]["bill"]["lines"][0]["words"]
    own = as_agent("dhaka").get(path).get_json()
    assert [party["account"] for party in own["parties"]] == ["shop", "dhaka"]
    body = problem(as_agent("atlas").get(path), 422, "invalid_fields")
    assert "'shop'" in body["errors"][0]["message"]
    problem(api.get("/explain/price?number=1"), 422, "invalid_fields")


def test_what_would_become_of_a_call(api: ApiClient, as_agent: AsAgent) -> None:
    path = "/explain/call?gateway=atlas-trunk&caller=1&callee=880171"
    decided = api.get(path).get_json()
    assert decided["admitted"] is False
    assert decided["account"] == "atlas"
    assert decided["sip_status"] >= 400
    assert decided["trace"][0]["step"] == "identify"
    problem(as_agent("atlas").get(path), 403, "not_allowed")
    problem(as_agent("atlas").get("/coverage"), 403, "not_allowed")


@pytest.mark.usefixtures("tenants")
def test_coverage(api: ApiClient) -> None:
    state = api.get("/coverage").get_json()
    assert state["is_running"] or state["at"]
