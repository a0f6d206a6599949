"""Users through the API, and the tokens that the platform keeps."""

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from controller.services.actors import Actor, Source
from controller.services.api_scopes import ApiScope
from controller.services.sign_in import Role
from controller.services.views import WebServices
from tests.integration.tenants import Tenants
from tests.web.api.callers import EVERY_SCOPE, ApiClient, problem
from tests.web.conftest import MakeApp, OwnedClock

pytestmark = pytest.mark.usefixtures("tenants")


@dataclass(slots=True)
class Kept:
    """The application with the tokens that it keeps itself."""

    app: Flask
    engine: sa.Engine

    @property
    def services(self) -> WebServices:
        found = self.app.extensions["tollgate_services"]
        assert isinstance(found, WebServices)
        return found

    def client(
        self, user: str, role: Role = Role.ADMINISTRATOR, account: str = "", **token: Any
    ) -> ApiClient:
        """Of a user that is made where there is none, with a token for the purpose."""
        scopes = token.pop("scopes", EVERY_SCOPE)
        with self.engine.begin() as connection:
            user_id, account_id = connection.execute(
                sa.text(
                    "INSERT INTO users (name, role, password_hash, account_id) VALUES (:n, :r, 'x',"
                    " (SELECT id FROM accounts WHERE name = :a))"
                    " ON CONFLICT (name) DO UPDATE SET name = :n RETURNING id, account_id"
                ),
                {"n": user, "r": role.value, "a": account},
            ).one()
        actor = Actor(user, Source.WEB, role, user_id, account_id)
        made = self.services.tokens.create(actor, f"{user}'s", sorted(scopes), **token)
        return ApiClient(self.app.test_client(), made.secret)


@pytest.fixture
def kept(make_app: MakeApp, engine: sa.Engine) -> Kept:
    return Kept(make_app(), engine)


def test_a_token_is_its_user(kept: Kept, tenants: Tenants) -> None:
    me = kept.client("ada").get("/me").get_json()
    assert (me["user"], me["role"], me["account_id"]) == ("ada", "administrator", None)
    tenants.execute("UPDATE accounts SET rights = '{phones,accounts}' WHERE name = 'dhaka'")
    tenants.execute("UPDATE accounts SET rights = '{phones}' WHERE name = 'bd'")
    agent = kept.client("dora", Role.AGENT, "dhaka")
    me = agent.get("/me").get_json()
    assert me["account_id"] == tenants.id_of("dhaka")
    assert me["rights"] == ["phones"], "as far as the agent above has them"
    assert [row["name"] for row in agent.get("/accounts").get_json()["items"]] == ["dhaka", "shop"]


def test_an_end(kept: Kept, clock: OwnedClock) -> None:
    client = kept.client("ada", days=1)
    clock.advance(24 * 3600 - 1)
    assert client.get("/me").status_code == 200
    clock.advance(1)
    problem(client.get("/me"), 401, "token_invalid")


def test_a_disabled_user_has_no_tokens(kept: Kept, tenants: Tenants) -> None:
    client = kept.client("ada")
    tenants.execute("UPDATE users SET disabled = true WHERE name = 'ada'")
    problem(client.get("/me"), 401, "token_invalid")


def test_addresses(kept: Kept) -> None:
    client = kept.client("ada", networks=["192.0.2.0/24", "2001:db8::/32"])
    problem(client.get("/me"), 403, "address_not_allowed")
    for address, status in (
        ("192.0.2.200", 200),
        ("::ffff:192.0.2.7", 200),
        ("2001:db8:7::1", 200),
        ("192.0.3.1", 403),
        ("2001:db9::1", 403),
    ):
        answer = client.get("/me", environ_base={"REMOTE_ADDR": address}, base_url="https://x")
        assert answer.status_code == status, address


def test_made_used_and_revoked(kept: Kept) -> None:
    ada = kept.client("ada")
    wanted = {"name": "reports", "scopes": ["accounts:read", "cdrs:read"], "days": 30}
    made = ada.post("/tokens", wanted)
    assert made.status_code == 201, made.text
    body = made.get_json()
    other = ApiClient(kept.app.test_client(), body["secret"])
    assert other.get("/accounts").status_code == 200
    problem(other.get("/users"), 403, "scope_missing")
    listed = {token["name"]: token for token in ada.get("/tokens").get_json()["items"]}
    assert listed["reports"]["last_used_at"] is not None
    assert body["secret"] not in ada.get("/tokens").text
    number = body["token"]["token_id"]
    assert ada.post(f"/tokens/{number}/revoke").get_json()["revoked_at"] is not None
    problem(other.get("/accounts"), 401, "token_invalid")
    problem(kept.client("bea").post(f"/tokens/{number}/revoke"), 404, "not_found")


def test_a_token_gives_no_more_than_it_has(kept: Kept) -> None:
    narrow = kept.client(
        "ada",
        scopes={ApiScope.TOKENS_WRITE, ApiScope.CDRS_READ},
        days=10,
        networks=["127.0.0.0/8"],
        requests_per_minute=60,
    )
    fits = {
        "name": "narrower",
        "scopes": ["cdrs:read"],
        "days": 9,
        "networks": ["127.0.0.1"],
        "requests_per_minute": 60,
    }
    assert narrow.post("/tokens", fits).status_code == 201
    for field, value in (
        ("scopes", ["money:write"]),
        ("days", 11),
        ("days", None),
        ("networks", []),
        ("networks", ["0.0.0.0/0"]),
        ("networks", ["127.0.0.1", "::1"]),
        ("requests_per_minute", 61),
        ("requests_per_minute", None),
    ):
        body = problem(narrow.post("/tokens", {**fits, field: value}), 422, "invalid_fields")
        assert [error["field"] for error in body["errors"]] == [field], (field, value)


def test_a_secret_is_not_told_again(kept: Kept, tenants: Tenants) -> None:
    ada, key = kept.client("ada"), {"Idempotency-Key": "k"}
    wanted = {"name": "one", "scopes": ["cdrs:read"]}
    first, again = (ada.post("/tokens", wanted, headers=key) for _ in range(2))
    assert first.get_json()["token"] == again.get_json()["token"]
    assert again.get_json()["secret"] is None
    ((stored,),) = tenants.rows("SELECT convert_from(body, 'UTF8') FROM api_replies")
    assert first.get_json()["secret"] not in str(stored)


def test_a_user_from_making_to_disabling(kept: Kept) -> None:
    ada = kept.client("ada")
    new = {"name": "dora", "role": "agent", "account": "dhaka", "email": "dora@example.net"}
    made = ada.post("/users", new)
    assert made.status_code == 201, made.text
    assert len(made.get_json()["password"]) >= 12
    assert made.get_json()["user"]["must_change_password"] is True
    etag = made.headers["ETag"]
    changed = ada.patch("/users/dora", {"disabled": True}, etag)
    assert changed.get_json()["disabled"] is True
    problem(ada.patch("/users/dora", {"email": ""}, etag), 412, "stale")
    reset = ada.post("/users/dora/reset-password", {})
    assert reset.get_json()["password"] != made.get_json()["password"]
    assert ada.get("/users/dora/sessions").get_json() == {"items": []}
    assert ada.post("/users/dora/end-sessions", {}).get_json() == {"ended": 0}
    last = problem(ada.patch("/users/ada", {"disabled": True}), 409, "conflict")
    assert "last administrator" in last["detail"]
    for field, value in (("role", "king"), ("account", "nowhere"), ("email", "x"), ("name", "a b")):
        answer = ada.post("/users", {**new, "name": "other", field: value})
        body = problem(answer, 422, "invalid_fields")
        assert [error["field"] for error in body["errors"]] == [field]


def test_a_user_who_never_signed_in_is_deleted(kept: Kept, tenants: Tenants) -> None:
    ada = kept.client("ada")
    made = ada.post("/users", {"name": "dora", "role": "agent", "account": "dhaka"})
    problem(ada.send("DELETE", "/users/dora"), 428, "precondition_required")
    problem(ada.delete("/users/dora", '"99"'), 412, "stale")
    assert ada.delete("/users/dora", made.headers["ETag"]).status_code == 204
    problem(ada.get("/users/dora"), 404, "not_found")
    kept.client("cleo", Role.CUSTOMER, "cairo")
    tenants.execute("UPDATE users SET last_login_at = now() WHERE name = 'cleo'")
    assert "disable" in problem(ada.delete("/users/cleo"), 409, "conflict")["detail"]
    assert tenants.audit()[-1] != ("delete", "user", "cleo")
    assert ("delete", "user", "dora") in tenants.audit()


def test_tokens_of_those_below(kept: Kept, tenants: Tenants) -> None:
    tenants.execute("UPDATE accounts SET rights = '{accounts}' WHERE name = 'bd'")
    agent = kept.client("bob", Role.AGENT, "bd")
    shopper = kept.client("shopper", Role.CUSTOMER, "shop")
    kept.client("cleo", Role.CUSTOMER, "cairo")
    (token,) = agent.get("/users/shopper/tokens").get_json()["items"]
    assert (token["name"], token["revoked_at"]) == ("shopper's", None)
    path = f"/users/shopper/tokens/{token['token_id']}/revoke"
    assert agent.post(path).get_json()["revoked_at"] is not None
    problem(shopper.get("/me"), 401, "token_invalid")
    problem(agent.post("/users/shopper/tokens/999999/revoke"), 404, "not_found")
    problem(agent.get("/users/cleo/tokens"), 404, "not_found")
    problem(agent.post(f"/users/cleo/tokens/{token['token_id']}/revoke"), 404, "not_found")


def test_ones_own_profile(kept: Kept, tenants: Tenants) -> None:
    customer = kept.client("shopper", Role.CUSTOMER, "shop")
    seen = customer.get("/me/profile")
    assert seen.get_json() == {"language": "", "time_zone": "", "email": "", "revision": 1}
    wanted = {"time_zone": "Asia/Dhaka", "email": "s@example.net"}
    changed = customer.patch("/me/profile", wanted, seen.headers["ETag"])
    assert changed.get_json() == {"language": "", "revision": 2, **wanted}, changed.text
    problem(customer.patch("/me/profile", {"language": "es"}, seen.headers["ETag"]), 412, "stale")
    again = customer.patch("/me/profile", {"language": "es"}, changed.headers["ETag"])
    assert again.get_json() == {"language": "es", "revision": 3, **wanted}
    body = problem(customer.patch("/me/profile", {"time_zone": "Mars"}), 422, "invalid_fields")
    assert body["errors"][0]["field"] == "time_zone"
    assert customer.patch("/me/profile", {"email": None}).get_json()["email"] == ""
    assert tenants.audit()[-1] == ("change profile", "user", "shopper")


def test_users_of_others(kept: Kept, tenants: Tenants) -> None:
    tenants.execute("UPDATE accounts SET rights = '{accounts}' WHERE name IN ('bd', 'atlas')")
    kept.client("cleo", Role.CUSTOMER, "cairo")
    kept.client("shopper", Role.CUSTOMER, "shop")
    agent = kept.client("bob", Role.AGENT, "bd")
    assert "cleo" not in agent.get("/users").text
    assert "shopper" in agent.get("/users").text
    for path in ("/users/cleo", "/users/cleo/sessions", "/users/nobody"):
        problem(agent.get(path), 404, "not_found")
    problem(agent.patch("/users/cleo", {"disabled": True}), 404, "not_found")
    problem(agent.post("/users/cleo/reset-password", {}), 404, "not_found")
    wanted = {"name": "spy", "role": "customer", "account": "cairo"}
    assert problem(agent.post("/users", wanted), 422, "invalid_fields")
    problem(agent.post("/users", {"name": "boss", "role": "administrator"}), 403, "not_allowed")
    customer = kept.client("shopper")
    problem(customer.get("/users"), 403, "right_missing")
