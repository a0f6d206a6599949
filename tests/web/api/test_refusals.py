"""What a refusal tells: nothing of who is above, and which field is locked from there."""

from typing import Any

import pytest

from controller.services.records.locks import FROM_ABOVE
from controller.services.sign_in import Role
from tests.integration.tenants import Tenants
from tests.web.api.callers import ApiClient, problem
from tests.web.api.conftest import As, AsAgent

MAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "phone": ("/phones", {"number": "88010001", "account": "shop"}, "/phones/88010001"),
    "trunk": (
        "/mapping-gateways",
        {"name": "in", "account": "shop", "addresses": ["192.0.2.9"]},
        "/mapping-gateways/in",
    ),
    "account": (
        "/accounts",
        {"name": "kiosk", "currency": "USD", "parent": "dhaka"},
        "/accounts/kiosk",
    ),
    "user": ("/users", {"name": "clerk", "role": "customer", "account": "shop"}, "/users/clerk"),
}


def lock_of(kind: str) -> str:
    return "disabled" if kind == "user" else "locked"


@pytest.mark.parametrize("kind", MAKES)
def test_a_lock_from_above_is_told_by_its_field(
    api: ApiClient, as_agent: AsAgent, kind: str
) -> None:
    collection, new, path = MAKES[kind]
    assert api.post(collection, new).status_code == 201
    assert api.patch(path, {lock_of(kind): True}).status_code == 200
    dhaka = as_agent("dhaka")
    body = problem(dhaka.patch(path, {lock_of(kind): False}), 422, "invalid_fields")
    assert body["errors"] == [
        {"field": lock_of(kind), "message": FROM_ABOVE, "pointer": f"/{lock_of(kind)}"}
    ]
    problem(dhaka.delete(path), 403, "not_allowed")
    assert api.patch(path, {lock_of(kind): False}).status_code == 200
    assert dhaka.patch(path, {lock_of(kind): True}).status_code == 200
    assert dhaka.patch(path, {lock_of(kind): False}).status_code == 200


@pytest.mark.parametrize("kind", MAKES)
def test_stale_names_nobody_who_is_above(
    api: ApiClient, as_agent: AsAgent, tenants: Tenants, kind: str
) -> None:
    collection, new, path = MAKES[kind]
    made = api.post(collection, new)
    changed = {"email": "a@example.net"} if kind == "user" else {"memo": "x"}
    assert api.patch(path, changed).status_code == 200
    said = problem(api.patch(path, changed, made.headers["ETag"]), 412, "stale")["detail"]
    assert "changed by ada at" in said

    dhaka = as_agent("dhaka")
    said = problem(dhaka.patch(path, changed, made.headers["ETag"]), 412, "stale")["detail"]
    assert "changed by (somebody above) at" in said
    assert "ada" not in said

    # an agent above, and one's own people
    for account, name, shown in (
        ("bd", "boss-of-bd", "(somebody above)"),
        ("dhaka", "rahim", "rahim"),
        ("shop", "keeper", "keeper"),
    ):
        tenants.execute(
            "INSERT INTO users (name, role, password_hash, account_id)"
            " SELECT :name, 'agent', 'x', id FROM accounts WHERE name = :account",
            name=name,
            account=account,
        )
        tenants.execute(
            "INSERT INTO audit_log (actor, user_id, source, action, kind, name, changes, outcome)"
            " SELECT :name, u.id, 'web', 'change', l.kind, l.name, '{}', 'done'"
            " FROM users u, (SELECT kind, name FROM audit_log ORDER BY id DESC LIMIT 1) l"
            " WHERE u.name = :name",
            name=name,
        )
        said = problem(dhaka.patch(path, changed, made.headers["ETag"]), 412, "stale")["detail"]
        assert f"changed by {shown} at" in said


def test_scope_comes_before_the_right(as_user: As, api: ApiClient, tenants: Tenants) -> None:
    """Who lacks the right learns no more than who has it, and either is kept."""
    for _, (collection, new, _path) in MAKES.items():
        assert api.post(collection, new).status_code == 201
    without = as_user(
        "nobodys", role=Role.AGENT, account_id=tenants.id_of("atlas"), rights=frozenset()
    )
    below = as_user("bds", role=Role.AGENT, account_id=tenants.id_of("bd"), rights=frozenset())
    for kind, (_collection, _new, path) in MAKES.items():
        problem(without.delete(path), 404, "not_found")
        assert tenants.audit("denied")[-1][0] == "delete"
        before = len(tenants.audit("denied"))
        problem(below.delete(path), 403, "right_missing")
        assert len(tenants.audit("denied")) == before + 1, kind
        problem(without.delete(f"{path}9"), 404, "not_found")
        assert len(tenants.audit("denied")) == before + 1, "there is none"
