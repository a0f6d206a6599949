"""The audit log on its page: filters, pages, what a scope may know; and that no secret is told."""

import csv
import io
import logging
import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from controller.services.actors import Actor, Source
from controller.services.audit import AuditLine
from controller.services.sign_in import Role
from tests.integration.account_office import ROOT
from tests.web.conftest import OwnedClock
from tests.web.forms import PASSWORD, send, sign_in
from tests.web.people import People, post, secret_of


@pytest.fixture
def people(engine: sa.Engine, app: Flask, clock: OwnedClock) -> People:
    return People(engine, app, clock)


def shown(client: FlaskClient, path: str = "/audit") -> str:
    page = client.get(path)
    assert page.status_code == 200, page.text
    return page.text.partition("<tbody>")[2].partition("</tbody>")[0]


def test_a_change_is_told_from_what_to_what(people: People) -> None:
    dora = people.signed_in("dora")
    post(dora, "/user/carl/change", email="carl@example.com")
    table = shown(dora, "/audit?kind=user&action=change")
    assert "<dt><bdi>email</bdi></dt>" in table
    assert "<ins><bdi>carl@example.com</bdi></ins>" in table
    assert "dora" in table
    assert table.count("<tr>") == 1


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?actor=root&kind=account&action=create&name=other-agent", {"other-agent"}),
        ("?kind=sign-in&actor=ada", {"ada"}),
        ("?denied=1", set()),
        ("?actor=nobody", set()),
        ("?name=%3Cscript%3E", set()),
        ("?since=2020-01-01T00:00&until=2020-01-02T00:00", set()),
    ],
)
def test_filters(people: People, query: str, names: set[str]) -> None:
    ada = people.signed_in("ada")
    found = re.findall(r"kind=[^\"]*name=([^\"&]+)", shown(ada, f"/audit{query}"))
    assert set(found) == names


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=yesterday", "since"),
        ("until=2026-13-01T00:00", "until"),
        ("since=2026-01-02T00:00&until=2026-01-01T00:00", "until"),
        ("actor=a%07b", "actor"),
        ("name=" + "x" * 300, "name"),
    ],
)
def test_what_cannot_be_read_is_said_at_the_field(people: People, query: str, field: str) -> None:
    ada = people.signed_in("ada")
    page = ada.get(f"/audit?{query}")
    assert page.status_code == 400
    assert f'id="{field}-error"' in page.text
    assert ada.get(f"/audit.csv?{query}").status_code == 400
    assert ada.get("/audit?before=9999999999999999999999").status_code == 400


def test_pages_go_on_to_older_lines(people: People) -> None:
    for number in range(120):
        people.office.audit.note(AuditLine(ROOT, "note", "thing", f"thing-{number:03}"))
    ada = people.signed_in("ada")
    seen, path = [], "/audit?kind=thing"
    while path:
        seen += re.findall(r">(thing-\d+)<", shown(ada, path))
        older = re.search(r'href="(/audit[^"]*)"[^>]*>Older', ada.get(path).text) or re.search(
            r'rel="next" href="(/audit[^"]*)"', ada.get(path).text
        )
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == [f"thing-{number:03}" for number in reversed(range(120))]
    rows = list(csv.DictReader(io.StringIO(ada.get("/audit.csv?kind=thing").text)))
    assert [row["name"] for row in rows] == seen


def test_hostile_text_is_shown_as_text(people: People) -> None:
    text = "<script>alert(1)</script>\u202e=cmd()"
    people.office.audit.note(AuditLine(ROOT, "note", "thing", text, None, {"memo": ("", text)}))
    ada = people.signed_in("ada")
    assert "<script>alert" not in ada.get("/audit?kind=thing").text
    people.office.audit.note(AuditLine(ROOT, "note", "other", "=1+1"))
    rows = list(csv.DictReader(io.StringIO(ada.get("/audit.csv?kind=other").text)))
    assert [row["name"] for row in rows] == ["'=1+1"]


# -- what a scope may know --------------------------------------------------------------------


def test_an_agent_reads_of_its_own_accounts_only(people: People) -> None:
    people.signed_in("olga")
    bela, dora = people.signed_in("bela"), people.signed_in("dora")
    table = shown(dora)
    for hidden in ("other-agent", "other-customer", "olga", "bd-wholesale", "bela", "ada"):
        assert not re.search(rf"\b{hidden}\b", table), hidden
    assert "dhaka-retail" in table
    assert "(somebody above)" in table, "who made the account"
    assert "(hidden)" in table, "what it is below"
    assert "bd-wholesale" in shown(bela)
    assert "other-agent" not in shown(bela)


def test_what_is_noted_about_an_account_stays_with_who_is_above(people: People) -> None:
    for account in ("dhaka-retail", "customer-001"):
        people.office.accounts.change(ROOT, account, {"memo": f"pays late: {account}"})
    table = shown(people.signed_in("dora"))
    assert "pays late: customer-001" in table
    assert "pays late: dhaka-retail" not in table
    assert "pays late: dhaka-retail" in shown(people.signed_in("bela"))


def test_who_asks_for_what_is_not_his_stays_nameless_to_its_owner(people: People) -> None:
    """The owner sees that somebody asked; another tenant's people are nobody's business."""
    olga, dora, ada = (people.signed_in(name) for name in ("olga", "dora", "ada"))
    assert olga.get("/user/carl").status_code == 404
    table = shown(dora, "/audit?denied=1")
    assert "(somebody else)" in table
    assert "olga" not in table
    assert "127.0.0.1" not in table
    assert "<tr>" not in shown(dora, "/audit?actor=olga")
    assert "olga" in shown(ada, "/audit?denied=1")


def test_addresses_are_told_of_people_in_scope(people: People) -> None:
    dora = people.signed_in("dora")
    carl_id = people.office.agent("customer-001").account_id
    for name in ("ada", "bela", "carl"):
        (row,) = people.office.rows(
            "SELECT id, role, account_id FROM users WHERE name = :name", name=name
        )
        who = Actor(
            name, Source.WEB, Role(row["role"]), row["id"], row["account_id"], address="192.0.2.77"
        )
        people.office.audit.note(AuditLine(who, "note", "thing", f"by-{name}", carl_id))
    rows = {
        row["name"]: (row["actor"], row["address"])
        for row in csv.DictReader(io.StringIO(dora.get("/audit.csv?kind=thing").text))
    }
    assert rows == {
        "by-ada": ("(somebody above)", ""),
        "by-bela": ("(somebody above)", ""),
        "by-carl": ("carl", "192.0.2.77"),
    }


# -- sign-ins, and secrets --------------------------------------------------------------------


def test_sign_ins_leave_lines(people: People) -> None:
    stranger, carl = people.app.test_client(), people.signed_in("carl")
    for _ in range(7):
        sign_in(stranger, "olga", "guess")
    sign_in(stranger, "hunter2-typed-into-the-wrong-field", "guess")
    send(carl, "/sign-out", "/profile")
    lines = [
        (line.action, line.name, str(line.outcome)) for line in people.office.log(kind="sign-in")
    ]
    assert lines == [
        ("sign out", "carl", "done"),
        ("wrong password", "(unknown)", "denied"),
        ("lock out", "olga", "denied"),
        *[("wrong password", "olga", "denied")] * 5,
        ("sign in", "carl", "done"),
    ]


def test_no_secret_is_logged(people: People, caplog: pytest.LogCaptureFixture) -> None:
    """Over all flows: neither in the process's log nor in the audit log nor on a later page."""
    caplog.set_level(logging.DEBUG)
    typed = "hunter2-typed-into-the-wrong-field"
    ada, dora = people.signed_in("ada"), people.signed_in("dora")
    secret, codes = people.enrolled(dora)
    secrets = [PASSWORD, typed, secret, secret.replace(" ", ""), *codes]
    sign_in(people.app.test_client(), typed, "a-wrong-guess")
    sign_in(people.app.test_client(), "carl", "a-wrong-guess")
    fields = {"name": "portal", "scopes": "cdrs:read", "password": PASSWORD}
    secrets.append(secret_of(post(dora, "/profile/tokens/new", **fields)))
    made = {"name": "newt", "role": "customer", "account": "customer-001"}
    secrets.append(secret_of(post(dora, "/users/new", **made)))
    secrets.append(secret_of(post(ada, "/user/carl/password")))
    new = "a-much-longer-secret"
    send(ada, "/password", current=PASSWORD, new=new, again=new)
    client = people.app.test_client()
    sign_in(client, "dora")
    secrets.append(people.code(secret))
    send(client, "/sign-in/code", code=secrets[-1])
    client.get("/api/v1/accounts", headers={"Authorization": f"Bearer {secrets[-4]}"})
    session = client.get_cookie("tollgate")
    assert session is not None
    secrets += [new, "a-wrong-guess", session.value]
    written = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    written += str(people.office.rows("SELECT * FROM audit_log"))
    written += "".join(ada.get(path).text for path in ("/audit", "/users", "/user/newt"))
    assert "sign in" in written
    assert [text for text in secrets if text in written] == []
