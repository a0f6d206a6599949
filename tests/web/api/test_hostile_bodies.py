"""Bodies as nobody should send them. None is a fault of ours, and none leaves a trace."""

import json

import pytest

from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, problem

pytestmark = pytest.mark.usefixtures("tenants")

GOOD = '{"name": "fresh", "currency": "USD"}'

MALFORMED: dict[str, bytes | str] = {
    "nothing": b"",
    "half": GOOD[:-1],
    "more after it": GOOD + " {}",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": GOOD.encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "comments": "/* */" + GOOD,
    "a key twice": '{"name": "fresh", "name": "other", "currency": "USD"}',
    "a key twice below": '{"name": "fresh", "currency": "USD", "x": {"a": 1, "a": 2}}',
    "deep lists": "[" * 60_000,
    "deep objects": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "NaN": '{"capacity": NaN}',
    "Infinity": '{"capacity": -Infinity}',
    "a fraction": '{"name": "fresh", "currency": "USD", "low_balance": 1.1}',
    "an exponent": '{"name": "fresh", "currency": "USD", "capacity": 1e3}',
    "a huge exponent": '{"capacity": 1e999999999}',
    "a huge number": '{"capacity": ' + "9" * 50_000 + "}",
    "a NUL": '{"name": "fresh\\u0000", "currency": "USD"}',
    "a NUL in a key": '{"na\\u0000me": "fresh"}',
    "half a pair": '{"name": "fresh", "currency": "USD", "title": "\\ud800"}',
    "a raw control": '{"name": "fr\x01esh"}',
}


def test_malformed(api: ApiClient) -> None:
    for what, body in MALFORMED.items():
        answer = api.post("/accounts", raw=body)
        detail = problem(answer, 400, "malformed_json")["detail"]
        assert detail, what
    problem(api.get("/accounts/fresh"), 404, "not_found")


def test_well_formed_but_of_another_shape(api: ApiClient) -> None:
    for body in ("null", "[]", "1", '"text"', "true", "{}", '{"name": {"a": 1}, "currency": []}'):
        problem(api.post("/accounts", raw=body), 422, "invalid_fields")


def test_everything_a_text_may_carry(api: ApiClient, tenants: Tenants) -> None:
    """Kept and given back as it is, meaning nothing to anybody."""
    for number, text in enumerate(
        (
            "'; DROP TABLE accounts; --",
            "<script>alert(1)</script>",
            '=HYPERLINK("http://x")',
            "{{ 7 * 7 }} ${7*7} %s %(x)s",
            "ünï-\U0001f4de",
            "\\u0000 \\ud800",
        )
    ):
        name = f"text-{number}"
        made = api.post("/accounts", {"name": name, "currency": "USD", "title": text})
        assert made.status_code == 201, made.text
        assert api.get(f"/accounts/{name}").get_json()["title"] == text
        assert tenants.rows("SELECT title FROM accounts WHERE name = :n", n=name) == [(text,)]


def test_names_that_are_none(api: ApiClient) -> None:
    for name in ("a%00b", "%ED%A0%80", "..%2f..", "%2e%2e", "x" * 300, "a'b", "%F0%9F%93%9E"):
        answer = api.get(f"/accounts/{name}")
        problem(answer, 404, "not_found")


def test_too_large(api: ApiClient) -> None:
    big = json.dumps({"name": "fresh", "currency": "USD", "memo": "x" * 70_000})
    problem(api.post("/accounts", raw=big), 413, "body_too_large")
    problem(api.send("GET", "/me", raw="x" * 70_000), 413, "body_too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_other_kinds_of_body(api: ApiClient, kind: str) -> None:
    problem(api.post("/accounts", raw=GOOD, content_type=kind), 415, "media_type_not_supported")


def test_a_fault_of_ours_says_nothing_of_the_inside(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = api.client.application
    app.testing = False
    service = type(app.extensions["tollgate_services"].account_records)

    def fail(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(service, "get", fail)
    answer = api.get("/accounts/solo")
    body = problem(answer, 500, "fault")
    assert len(body["reference"]) == 8
    assert "secret" not in answer.text
