"""Tokens of a test: a `CallerSource` in memory, and a client that sends one."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from controller.domain.rights import ALL_RIGHTS, Rights
from controller.services.actors import Actor, Source
from controller.services.api_callers import ApiCaller, Refusal
from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role

EVERY_SCOPE = frozenset(ApiScope)


class TestTokens:
    """Implements `services.api_callers.CallerSource`."""

    __test__ = False

    def __init__(self) -> None:
        self.callers: dict[str, ApiCaller] = {}
        self.addresses: dict[str, frozenset[str]] = {}

    def caller(self, token: str, address: str) -> ApiCaller | Refusal:
        found = self.callers.get(token)
        if found is None:
            return Refusal.INVALID
        allowed = self.addresses.get(token)
        if allowed is not None and address not in allowed:
            return Refusal.ADDRESS
        return found

    def issue(
        self,
        name: str,
        role: Role = Role.ADMINISTRATOR,
        account_id: int | None = None,
        rights: Rights = ALL_RIGHTS,
        scopes: frozenset[ApiScope] = EVERY_SCOPE,
        addresses: frozenset[str] | None = None,
        requests_per_minute: int | None = 100_000,
    ) -> str:
        number = len(self.callers) + 1
        token = f"tg_{name}_{number}"
        actor = Actor(name, Source.API, role, None, account_id, rights)
        self.callers[token] = ApiCaller(
            actor,
            f"user:{name}",
            number,
            f"{name}'s",
            scopes,
            requests_per_minute=requests_per_minute,
        )
        if addresses is not None:
            self.addresses[token] = addresses
        return token


class ApiClient:
    """Speaks to /api/v1 with one token; POSTs get a fresh Idempotency-Key unless told which."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.token = token

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | str | None = None,
        **more: Any,
    ) -> TestResponse:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid.uuid4()))
        if body is not None:
            more |= {"data": json.dumps(body), "content_type": "application/json"}
        if raw is not None:
            more |= {"data": raw, "content_type": more.get("content_type", "application/json")}
        return self.client.open(f"/api/v1{path}", method=method, headers=sent, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.send("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> TestResponse:
        return self.send("POST", path, body, **more)

    def patch(self, path: str, body: object, etag: str = "*", **more: Any) -> TestResponse:
        return self.send("PATCH", path, body, headers={"If-Match": etag}, **more)

    def put(self, path: str, body: object, etag: str = "*", **more: Any) -> TestResponse:
        return self.send("PUT", path, body, headers={"If-Match": etag}, **more)

    def delete(self, path: str, etag: str = "*", **more: Any) -> TestResponse:
        return self.send("DELETE", path, headers={"If-Match": etag}, **more)


def problem(response: TestResponse, status: int, kind: str) -> dict[str, Any]:
    """The problem that an answer must be."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert body["id"] == kind, body
    assert body["status"] == status
    assert body["type"] == f"/api/problems#{kind}"
    assert body["title"]
    return body
