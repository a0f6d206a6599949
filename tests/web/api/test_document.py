"""The OpenAPI document: valid, complete, and true to the routes; and the pages for people."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from controller.services.api_scopes import ApiScope
from web.access import access_of
from web.api.document import address
from web.api.operations import PREFIX
from web.api.problems import Problems
from web.api.resource import operation_of
from web.api.resources import OPERATIONS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def document(anybody: FlaskClient) -> dict[str, Any]:
    response = anybody.get("/api/v1/openapi.json")
    assert response.content_type == "application/json"
    found: dict[str, Any] = response.get_json()
    return found


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_in_it_with_its_scope_and_problems(
    api_app: Flask, document: dict[str, Any]
) -> None:
    routes = [rule for rule in api_app.url_map.iter_rules() if rule.rule.startswith(f"{PREFIX}/")]
    assert len(routes) == len(OPERATIONS) >= 40
    for rule in routes:
        operation = operation_of(api_app.view_functions[rule.endpoint])
        assert operation is not None, rule.rule
        described = document["paths"][address(rule.rule)][operation.method.lower()]
        responses = described["responses"]
        assert str(operation.status) in responses
        if operation.is_open:
            assert described["security"] == []
            continue
        scopes = [operation.scope.value] if operation.scope else []
        assert described["security"] == [{"bearer": scopes}]
        assert {"401", "403", "422", "429", "500", "503"} <= responses.keys()
        for status, response in responses.items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
    described_routes = sum(len(item) for item in document["paths"].values())
    assert described_routes == len(routes)


def test_nothing_is_open_by_omission(api_app: Flask) -> None:
    is_open = {operation.id for operation in OPERATIONS if operation.is_open}
    assert is_open == {"API_health", "API_openapi"}
    without_scope = {o.id for o in OPERATIONS if o.scope is None and not o.is_open}
    assert without_scope == {"API_me"}
    for operation in OPERATIONS:
        access = access_of(api_app, f"api.{operation.id}")
        assert access is not None
        assert access.by_token


def test_what_changes_something_is_guarded(document: dict[str, Any]) -> None:
    """POST by its key, PATCH, PUT and DELETE by what was seen; by a scope to write all of them."""
    for operation in OPERATIONS:
        described = document["paths"][PREFIX + address(operation.rule)][operation.method.lower()]
        needed = {p["name"] for p in described["parameters"] if p["required"]}
        if operation.method == "GET":
            assert not needed & {"If-Match", "Idempotency-Key"}
            continue
        assert operation.scope is not None
        assert operation.scope.endswith(":write"), operation.id
        guard = "Idempotency-Key" if operation.method == "POST" else "If-Match"
        assert guard in needed, operation.id


def test_names_of_operations_are_unique_and_words_are_there(document: dict[str, Any]) -> None:
    ids = [operation.id for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"]}
    for operation in OPERATIONS:
        assert operation.tag in tags
        assert 5 <= len(operation.summary) < 80, operation.id


def test_exact_numbers_are_texts_everywhere(document: dict[str, Any]) -> None:
    """No schema knows a number with a fraction."""

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            assert value.get("type") != "number", value
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(document)


def test_bodies_refuse_what_they_do_not_know(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        if operation.body is not None:
            name = operation.body.__name__
            assert document["components"]["schemas"][name]["additionalProperties"] is False


def test_docs_tell_every_kind_of_problem_and_every_scope() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9]{3}) \|", text, re.MULTILINE))
    assert rows == {kind.value.id: str(kind.value.status) for kind in Problems}
    for scope in ApiScope:
        assert f"`{scope}`" in text, scope


class Inline(HTMLParser):
    """Collects what the policy forbids, and addresses of what is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "script":
            self.scripts.append(names.get("src"))
        self.styles += tag == "style" or "style" in names


def test_the_reference_page_needs_no_inline_script_and_no_other_host(
    anybody: FlaskClient,
) -> None:
    response = anybody.get("/api/docs")
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    found = Inline()
    found.feed(response.text)
    assert found.styles == 0
    assert len(found.scripts) >= 2
    for source in found.scripts:
        assert source is not None
        assert source.startswith("/"), source
        assert anybody.get(source).status_code == 200
    css = anybody.get("/api/docs/swagger-ui.css")
    assert css.status_code == 200
    assert "Set-Cookie" not in css.headers


def test_nothing_else_of_the_package_is_served(anybody: FlaskClient) -> None:
    for name in ("index.html", "oauth2-redirect.html", "..%2f__init__.py", "VERSION"):
        assert anybody.get(f"/api/docs/{name}").status_code == 404


def test_the_page_of_problems(anybody: FlaskClient) -> None:
    page = anybody.get("/api/problems").text
    for kind in Problems:
        assert f'id="{kind.value.id}"' in page
