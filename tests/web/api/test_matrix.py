"""The authorization matrix of the API: every operation as everybody, with every right, about
everybody's objects. What is outside is answered as what does not exist, letter by letter."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from controller.domain.rights import ALL_RIGHTS
from controller.services.actors import EVERYTHING, Actor, Source, operator
from controller.services.audit import AuditQuery
from controller.services.sign_in import Role
from controller.services.views import WebServices
from tests.web import hierarchy
from tests.web.api.callers import EVERY_SCOPE, ApiClient
from tests.web.api.matrix import ROWS, Row
from tests.web.conftest import MakeApp, OwnedClock
from tests.web.hierarchy import PARENTS, SECRETS, World
from tests.web.matrix import Of
from tests.web.test_matrix import (
    LOOKERS,
    NO_SECRET,
    NOBODY,
    NOBODYS,
    OUTSIDE,
    Denials,
    Looker,
    is_refusal,
)
from web.api.document import address
from web.api.operations import Operation
from web.api.resources import OPERATIONS

UNFIT = frozenset({401, 403, 404, 405, 413, 428, 429, *range(500, 600)})


def test_no_operation_is_forgotten() -> None:
    assert {o.id for o in OPERATIONS if not o.is_open} == set(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("looker", LOOKERS, ids=lambda looker: looker.name.replace(" ", "-"))
def test_everything_as(
    looker: Looker, make_app: MakeApp, engine: sa.Engine, clock: OwnedClock
) -> None:
    app, world = make_app(), hierarchy.plant(engine, clock.now())
    client = _client(app, world, looker)
    payments = _payments(app, world)
    wrong, missing, lines = [], {}, Denials(engine)
    for operation, row, relation, owner in _requests(looker):
        path = _path(world, payments, operation, row, owner, looker)
        answer = _send(client, operation, row, path)
        status, expected = answer.status_code, _expected(looker, row, relation)
        what = f"{operation.method} {path} ({operation.id}), {relation}"
        noted = lines.grew()
        if relation == "missing":
            missing[operation.id] = _words(answer, owner, path)
        if not _fits(status, expected):
            wrong.append(f"{what}: {status}, not {expected}: {answer.text[:200]}")
        elif relation in OUTSIDE and _words(answer, owner, path) != missing[operation.id]:
            wrong.append(f"{what}: {answer.text} tells it from one that does not exist")
        elif status not in NO_SECRET and noted != is_refusal(looker, row.of, relation, status):
            wrong.append(f"{what}: {status}, and the audit log has it or not the other way round")
        if found := _leaks(looker, answer, owner):
            wrong.append(f"{what}: tells {found}")
    assert not wrong, "\n".join(wrong)


def test_what_is_somebody_elses_leaves_a_line_in_the_audit_log(
    make_app: MakeApp, engine: sa.Engine, clock: OwnedClock
) -> None:
    looker = LOOKERS[1]
    app, world = make_app(), hierarchy.plant(engine, clock.now())
    client = _client(app, world, looker)

    def denied() -> list[tuple[str, str]]:
        page = _services(app).audit.page(EVERYTHING, AuditQuery(denied_only=True, limit=500))
        assert {row.source for row in page.rows} <= {"api"}
        return [(row.kind, row.name) for row in reversed(page.rows)]

    asked = [
        ("/accounts/cairo", "account", "cairo"),
        ("/accounts/cairo/balance", "account", "cairo"),
        ("/accounts?under=cairo", "account", "cairo"),
        ("/payments?account=cairo", "account", "cairo"),
        ("/cdrs?account=atlas", "account", "atlas"),
        ("/cdr-export?account=atlas", "account", "atlas"),
        ("/explain/price?account=atlas&number=39", "account", "atlas"),
        (f"/cdrs/{world.answered['cairo']}", "call", world.answered["cairo"]),
        (f"/rate-groups/{world.groups['bd-own']}/rates", "rate group", "bd-own"),
        (f"/phones/{world.phones['cairo']}", "phone", world.phones["cairo"]),
        ("/mapping-gateways/cairo-in", "mapping gateway", "cairo-in"),
        ("/users/user-of-cairo", "user", "user-of-cairo"),
    ]
    for path, kind, name in asked:
        before = denied()
        assert client.get(path).status_code in (404, 422), path
        assert denied()[len(before) :] == [(kind, name)], path
    before = denied()
    for path in (
        "/accounts/nobody",
        "/cdrs?account=nobody",
        f"/cdrs/{uuid.UUID(int=7)}",
        "/rate-groups/999999",
        "/phones/1",
        "/users/nobody",
        "/explain/price?account=shop&number=x",
    ):
        assert client.get(path).status_code in (404, 422), path
    assert client.get(f"/cdrs/{world.answered['shop']}").status_code == 200
    assert denied() == before, "what does not exist, or is one's own, leaves none"


def _requests(looker: Looker) -> Iterator[tuple[Operation, Row, str, str]]:
    """What is not there first, for comparison; reading before changing, deleting last."""
    late = {"GET": 0, "POST": 1, "PATCH": 2, "DELETE": 3}
    for operation in sorted(OPERATIONS, key=lambda o: late[o.method]):
        if operation.is_open:
            continue
        row = ROWS[operation.id]
        relations = {"": ""} if row.of is Of.NOTHING else dict(looker.objects)
        for relation in sorted(relations, key=lambda name: name != "missing"):
            yield operation, row, relation, relations[relation]


def _expected(looker: Looker, row: Row, relation: str) -> str:
    lacking = looker.role not in row.roles
    own = relation == "own"
    needed = row.rights_for(own=own)
    lacking |= looker.account is not None and bool(needed) and not needed & looker.rights
    if looker.role is Role.CUSTOMER and needed:
        lacking = lacking or not needed & looker.rights
    if lacking and row.of in NOBODYS:
        return "403"
    if relation in (*OUTSIDE, "missing"):
        return "404"
    if lacking or (own and not row.own and looker.account is not None):
        return "403"
    return row.path.get("", "allowed")


def _fits(status: int, expected: str) -> bool:
    if expected == "allowed":
        return status not in UNFIT
    return str(status) == expected


def _words(answer: TestResponse, owner: str, path: str) -> tuple[int, str]:
    """The answer without the name that was asked for."""
    text = answer.text
    for name in sorted({owner, *path.split("?")[0].split("/")} - {""}, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "NAME", text)
    return answer.status_code, text


def _leaks(looker: Looker, answer: TestResponse, owner: str) -> list[str]:
    """Names that this one must not read, but for the one that it has asked for itself."""
    if looker.account is None:
        return []
    words = [name for name in PARENTS if name not in looker.knows and name != owner]
    text = answer.text
    found = [word for word in words if re.search(rf"\b{word}\b", text)]
    return found + [secret for secret in SECRETS if secret in text]


def _client(app: Flask, world: World, looker: Looker) -> ApiClient:
    world.run(
        "UPDATE accounts SET rights = :rights WHERE kind = 'ordinary'", rights=sorted(ALL_RIGHTS)
    )
    account_id = None
    if looker.account is not None:
        account_id = world.ids[looker.account]
        world.run(
            "UPDATE accounts SET rights = :rights WHERE id = :id",
            rights=sorted(looker.rights),
            id=account_id,
        )
    hierarchy.add_user(world.engine, "visitor", looker.role, account_id, "x")
    with world.engine.connect() as connection:
        user_id = connection.scalar(sa.text("SELECT id FROM users WHERE name = 'visitor'"))
    actor = Actor("visitor", Source.WEB, looker.role, user_id, account_id)
    made = _services(app).tokens.create(
        actor, "matrix", sorted(EVERY_SCOPE), requests_per_minute=100_000
    )
    return ApiClient(app.test_client(), made.secret)


def _payments(app: Flask, world: World) -> dict[str, str]:
    """A payment into each account; in the ledger's way, which has receipts."""
    world.run(
        "INSERT INTO accounts (name, kind, currency) VALUES ('agents_cash:USD', 'system', 'USD')"
    )
    pay = _services(app).payments.pay
    return {
        name: pay(operator("ops"), name, {"amount": "5"}, f"matrix-{name}").payment_id
        for name in PARENTS
    }


def _services(app: Flask) -> WebServices:
    found = app.extensions["tollgate_services"]
    assert isinstance(found, WebServices)
    return found


def _path(
    world: World,
    payments: dict[str, str],
    operation: Operation,
    row: Row,
    owner: str,
    looker: Looker,
) -> str:
    nobody = str(uuid.UUID(int=7))
    keys: dict[Of, dict[str, Any]] = {
        Of.NOTHING: {},
        Of.ACCOUNT: {"account": owner},
        Of.CALL: {"call_id": world.answered.get(owner, nobody)},
        Of.LIVE_CALL: {"call_id": world.live.get(owner, nobody)},
        Of.RATE_GROUP: {"group_id": world.groups.get(f"{owner}-own", 999_999)},
        Of.PHONE: {"number": world.phones.get(owner, "880999")},
        Of.TRUNK: {"gateway": f"{owner}-in"},
        Of.VENDOR_TRUNK: {"gateway": "none" if owner == NOBODY else "kestrel-out"},
        Of.PAYMENT: {"payment": payments.get(owner, nobody)},
        Of.CARDS: {"batch": world.cards.get(owner, 999_999)},
        Of.USER: {"user": f"user-of-{owner}"},
    }
    path = address(operation.rule)
    for name, value in {**row.path, **keys[row.of]}.items():
        path = path.replace(f"{{{name}}}", str(value))
    query = row.query.replace("{own}", looker.account or "shop")
    return f"{path}?{query}" if query else path


def _send(client: ApiClient, operation: Operation, row: Row, path: str) -> TestResponse:
    headers = {"If-Match": "*"} if operation.takes_revision else {}
    body = None if operation.body is None else dict(row.body or {})
    assert (operation.body is None) == (row.body is None), operation.id
    answer = client.send(operation.method, path, body, headers=headers)
    assert answer.status_code != 422 or operation.id in ("Packages_order",) or _refused(answer)
    return answer


def _refused(answer: TestResponse) -> bool:
    """A 422 must come of the services (the name is taken by now), not of a request of ours that
    is misshapen: those faults are told in Pydantic's words."""
    errors = json.loads(answer.text).get("errors", [])
    return not any(error["message"] == "This is needed." for error in errors)
