"""The authorization matrix: every route as everybody, with every right, about everybody's objects.

The table is in `matrix.py`. Each visitor has a database of its own, for requests that are allowed
may change things; reading comes first, then what changes, then what deletes.
"""

import io
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from controller.domain.rights import ALL_RIGHTS, NO_RIGHTS, Right, Rights
from controller.persistence.schema import audit_log
from controller.services.sign_in import Role
from tests.web import hierarchy
from tests.web.conftest import PASSWORDS, MakeApp, OwnedClock
from tests.web.forms import PASSWORD, csrf_of, sign_in
from tests.web.hierarchy import PARENTS, SECRETS, World
from tests.web.matrix import ROWS, Of, Row
from web.access import access_of

REFUSED = frozenset({401, 403, 404, 405})
FAULTS = frozenset({413, 429, *range(500, 600)})
NOBODY = "nobody"
OPEN_TO_ALL = {
    "static",
    "health.alive",
    "health.ready",
    "api_pages.reference",
    "api_pages.problems",
    "api_pages.swagger_file",
    "sign_in.form",
    "sign_in.sign_in",
    "sign_in.code",
    "sign_in.second_step",
}
OUTSIDE = ("sibling", "parent", "foreign")
NO_SECRET = (400, 401, 422)
"""Wrong PINs and passwords are kept too: those are no matter of scope or rights."""
NOBODYS = (Of.NOTHING, Of.VENDOR_TRUNK)
"""No tenant's."""
LAST = (
    "profile.end_session",
    "second_factor.turn_on",
    "sign_in.change_password",
    "sign_in.sign_out",
)
"""What may end the visitor's session."""


@dataclass(frozen=True, slots=True)
class Looker:
    """Who asks. `objects` are the owners of what it asks about, each with how it stands to them."""

    name: str
    role: Role
    account: str | None
    rights: Rights
    objects: Mapping[str, str]

    @property
    def knows(self) -> set[str]:
        """Accounts whose names it may read."""
        if self.account is None:
            return set(PARENTS)
        if self.role is Role.CUSTOMER:
            return {self.account}
        return {name for name in PARENTS if self.account in _chain(name)}


def _chain(account: str) -> list[str]:
    found, above = [account], PARENTS[account]
    while above is not None:
        found.append(above)
        above = PARENTS[above]
    return found


OF_AGENT = {
    "own": "dhaka",
    "subtree": "shop",
    "sibling": "chatgaon",
    "parent": "bd",
    "foreign": "cairo",
    "missing": NOBODY,
}
OF_CUSTOMER = {
    "own": "shop",
    "sibling": "kiosk",
    "parent": "dhaka",
    "foreign": "cairo",
    "missing": NOBODY,
}
LOOKERS = [
    Looker("operator", Role.ADMINISTRATOR, None, ALL_RIGHTS, {"any": "shop", "missing": NOBODY}),
    Looker("agent with all rights", Role.AGENT, "dhaka", ALL_RIGHTS, OF_AGENT),
    Looker("agent without rights", Role.AGENT, "dhaka", NO_RIGHTS, OF_AGENT),
    *(
        Looker(f"agent with {right}", Role.AGENT, "dhaka", frozenset({right}), OF_AGENT)
        for right in Right
    ),
    Looker("customer with all rights", Role.CUSTOMER, "shop", ALL_RIGHTS, OF_CUSTOMER),
    Looker("customer without rights", Role.CUSTOMER, "shop", NO_RIGHTS, OF_CUSTOMER),
]


def routes(app: Flask) -> set[tuple[str, str]]:
    """Endpoint and method of every page; the API takes tokens only and has its own walk."""
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not _is_api(app, rule.endpoint)
    }


def _is_api(app: Flask, endpoint: str) -> bool:
    declared = access_of(app, endpoint)
    return declared is not None and declared.by_token


def test_no_route_is_forgotten(app: Flask) -> None:
    listed = {(endpoint, method) for endpoint, method, _ in ROWS}
    assert routes(app) - listed == set(), "add rows to tests/web/matrix.py"
    assert listed - routes(app) == set(), "rows of routes that are gone"


def test_a_cookie_opens_nothing_of_the_api(app: Flask, admin: FlaskClient) -> None:
    """Else another site could use it in a visitor's name."""
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            if not _is_api(app, rule.endpoint):
                continue
            values = dict.fromkeys(rule.arguments, "1")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                path = adapter.build(rule.endpoint, values, method)
                status = admin.open(path, method=method).status_code
                assert status == 401 or (method == "GET" and status == 200), path
                if status == 200:
                    assert app.test_client().open(path).status_code == 200, "open to anybody"


def test_a_stranger_gets_to_the_sign_in_page_and_no_further(app: Flask, engine: sa.Engine) -> None:
    nothing = World(engine)
    for endpoint, method, row in ROWS:
        path = _path(app, nothing, endpoint, method, row, NOBODY)
        response = app.test_client().open(path, method=method)
        declared = access_of(app, endpoint)
        assert declared is not None
        if not declared.roles:
            assert endpoint in OPEN_TO_ALL
            assert response.status_code in (200, 302, 400), path
        elif response.status_code == 302:
            assert response.location.startswith("/sign-in"), path
        else:
            assert response.status_code == 401, path


@pytest.mark.parametrize("looker", LOOKERS, ids=lambda looker: looker.name.replace(" ", "-"))
def test_everything_as(
    looker: Looker, make_app: MakeApp, engine: sa.Engine, clock: OwnedClock
) -> None:
    app = make_app()
    world = hierarchy.plant(engine, clock.now())
    client = _signed_in(app, world, looker)
    wrong, token, lines = [], csrf_of(client, "/"), Denials(engine)
    for endpoint, method, row, relation, owner in _requests(looker):
        path = _path(app, world, endpoint, method, row, owner)
        data = {**row.fields, **_files(row), "csrf_token": token, "key": str(uuid.uuid4())}
        response = client.open(path, method=method, data=data if method == "POST" else None)
        expected, status = _expected(looker, row, relation), response.status_code
        what = f"{method} {path} ({endpoint}), {relation}"
        noted, has_view = (
            lines.grew(),
            looker.role in row.roles,
        )  # others get no further than to the address
        if not _fits(status, expected, row):
            wrong.append(f"{what}: {status}, not {expected}")
        elif (
            row.of is not Of.NOTHING
            and status not in NO_SECRET
            and noted != (has_view and is_refusal(looker, row.of, relation, status))
        ):
            wrong.append(f"{what}: {status}, and the audit log has it or not the other way round")
        elif found := _leaks(looker, response):
            wrong.append(f"{what}: tells {found}")
    assert not wrong, "\n".join(wrong)


def _requests(looker: Looker) -> Iterator[tuple[str, str, Row, str, str]]:
    """Reading first, deleting last."""

    def late(entry: tuple[str, str, Row]) -> int:
        endpoint, method, row = entry
        if method == "GET":
            return 0
        if endpoint in LAST:
            return 3 + LAST.index(endpoint)
        return 2 if "delete" in (endpoint + "".join(row.values.values())) else 1

    for endpoint, method, row in sorted(ROWS, key=late):
        if len(looker.rights) == 1 and not row.rights:
            continue  # as with all rights and with none
        relations = {"": ""} if row.of is Of.NOTHING else looker.objects
        for relation, owner in relations.items():
            yield endpoint, method, row, relation, owner


def _expected(looker: Looker, row: Row, relation: str) -> str:
    if looker.role not in row.roles:
        return "403"
    rights = looker.rights if looker.role is Role.AGENT else NO_RIGHTS
    is_operator = looker.role is Role.ADMINISTRATOR
    if relation in (*OUTSIDE, "missing"):
        return "404"
    if is_operator:
        return "allowed"
    own = relation == "own"
    if own and not row.own:
        return "403"
    needed = row.rights_for(own=own)
    return "403" if needed and not needed & rights else "allowed"


class Denials:
    """Lines of the audit log about what was refused."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._known = self._count()

    def grew(self) -> bool:
        """Since it was asked last."""
        before, self._known = self._known, self._count()
        return self._known > before

    def _count(self) -> int:
        denied = sa.select(sa.func.count()).where(audit_log.c.outcome == "denied")
        with self._engine.connect() as connection:
            return int(connection.execute(denied).scalar_one())


def is_refusal(looker: Looker, of: Of, relation: str, status: int) -> bool:
    """Whether the audit log must have it: an object that is there was asked for, and either it is
    out of scope or what was wanted of it is not allowed."""
    if of in NOBODYS or looker.account is None:
        return False
    return relation in OUTSIDE or (relation != "missing" and status == 403)


def _fits(status: int, expected: str, row: Row) -> bool:
    if expected == "allowed":
        return status in row.also or status not in REFUSED | FAULTS
    return str(status) == expected


def _files(row: Row) -> dict[str, Any]:
    return {
        name: (io.BytesIO(text.encode()), f"{name}.csv", "text/csv")
        for name, text in row.files.items()
    }


def _leaks(looker: Looker, response: TestResponse) -> list[str]:
    """Names and addresses that this visitor must not read, wherever they stand."""
    if looker.account is None:
        return []
    words = [name for name in PARENTS if name not in looker.knows]
    text = response.text
    found = [word for word in words if re.search(rf"\b{word}\b", text)]
    return found + [secret for secret in SECRETS if secret in text]


def _signed_in(app: Flask, world: World, looker: Looker) -> FlaskClient:
    rights = sorted(ALL_RIGHTS)
    world.run("UPDATE accounts SET rights = :rights WHERE kind = 'ordinary'", rights=rights)
    if looker.account is not None:
        world.run(
            "UPDATE accounts SET rights = :rights WHERE name = :name",
            rights=sorted(looker.rights),
            name=looker.account,
        )
    account_id = world.ids[looker.account] if looker.account else None
    hierarchy.add_user(world.engine, "visitor", looker.role, account_id, PASSWORDS.hash(PASSWORD))
    client = app.test_client()
    assert sign_in(client, "visitor").status_code == 302
    return client


def _path(app: Flask, world: World, endpoint: str, method: str, row: Row, owner: str) -> str:
    values = {**row.values, **_key(world, row.of, owner)}
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        return adapter.build(endpoint, values, method)


def _key(world: World, of: Of, owner: str) -> dict[str, Any]:
    """The parts of the address that name the owner's object."""
    no_id, no_uuid = 999_999, str(uuid.UUID(int=7))
    keys: dict[Of, dict[str, Any]] = {
        Of.NOTHING: {},
        Of.ACCOUNT: {"account_id": world.ids.get(owner, no_id)},
        Of.CALL: {"call_id": world.answered.get(owner, no_uuid)},
        Of.LIVE_CALL: {"call_id": world.live.get(owner, no_uuid)},
        Of.RATE_GROUP: {"group_id": world.groups.get(f"{owner}-own", no_id)},
        Of.PHONE: {"number": world.phones.get(owner, "880999")},
        Of.TRUNK: {"kind": "mapping", "name": f"{owner}-in"},
        Of.VENDOR_TRUNK: {"kind": "routing", "name": "kestrel-out"},
        Of.PAYMENT: {"payment_id": world.payments.get(owner, no_uuid)},
        Of.CARDS: {"batch_id": world.cards.get(owner, no_id)},
        Of.USER: {"name": f"user-of-{owner}"},
    }
    return keys[of]


def test_what_is_somebody_elses_leaves_a_line_in_the_audit_log(
    make_app: MakeApp, engine: sa.Engine, clock: OwnedClock
) -> None:
    looker = LOOKERS[1]
    app, world = make_app(), hierarchy.plant(engine, clock.now())
    client = _signed_in(app, world, looker)

    def denied() -> list[tuple[str, str, str]]:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.select(audit_log.c.actor, audit_log.c.kind, audit_log.c.name)
                .where(audit_log.c.outcome == "denied")
                .order_by(audit_log.c.id)
            )
            return [(row.actor, row.kind, row.name) for row in rows]

    asked = [
        (f"/accounts/{world.ids['cairo']}", "account", "cairo"),
        (f"/cdrs/{world.answered['cairo']}", "call", world.answered["cairo"]),
        (f"/cdrs/{world.refused['solo']}", "call", world.refused["solo"]),
        (f"/cdrs/{world.live['solo']}", "call", world.live["solo"]),
        (f"/rates/{world.groups['bd-own']}", "rate group", "bd-own"),
        ("/cdrs?account=atlas", "account", "atlas"),
        ("/explain/rate?account=atlas&number=39", "account", "atlas"),
        (f"/phones/{world.phones['cairo']}", "phone", world.phones["cairo"]),
        ("/gateways/mapping/cairo-in", "mapping gateway", "cairo-in"),
    ]
    for path, kind, name in asked:
        before = denied()
        assert client.get(path).status_code in (400, 404), path
        assert denied()[len(before) :] == [("visitor", kind, name)], path
    before = denied()
    for path in ("/accounts/999999", f"/cdrs/{uuid.UUID(int=7)}", "/rates/999999", "/phones/1"):
        assert client.get(path).status_code == 404
    assert client.get("/cdrs?account=nobody").status_code == 400
    assert client.get(f"/cdrs/{world.answered['shop']}").status_code == 200
    assert denied() == before, "what does not exist, or is one's own, leaves none"
