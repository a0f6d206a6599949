"""People of the hierarchy of spec A4 who sign in to the pages, with authenticators of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser

import pyotp
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.account_office import Office
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.forms import PASSWORD, sign_in
from tests.web.hierarchy import add_user

PEOPLE: Mapping[str, tuple[str, str | None]] = {
    "ada": ("administrator", None),
    "bela": ("agent", "bd-wholesale"),
    "dora": ("agent", "dhaka-retail"),
    "dirk": ("agent", "dhaka-retail"),
    "carl": ("customer", "customer-001"),
    "olga": ("agent", "other-agent"),
    "otto": ("customer", "other-customer"),
}
"""Role and account by name. All have the same password."""


@dataclass
class People:
    """bd-wholesale ── dhaka-retail ── customer-001      other-agent ── other-customer"""

    engine: sa.Engine
    app: Flask
    clock: OwnedClock

    def __post_init__(self) -> None:
        self.office = Office(self.engine)
        self.office.hierarchy()
        hashed = PASSWORDS.hash(PASSWORD)
        for name, (role, account) in PEOPLE.items():
            account_id = self.office.agent(account).account_id if account else None
            add_user(self.engine, name, role, account_id, hashed)

    def signed_in(self, name: str, password: str = PASSWORD) -> FlaskClient:
        client = self.app.test_client()
        response = sign_in(client, name, password)
        assert response.status_code == 302, response.text
        return client

    def code(self, secret: str, steps: int = 0) -> str:
        """What an authenticator shows, or showed some steps ago."""
        at = self.clock.now() + timedelta(seconds=30 * steps)
        return pyotp.TOTP(secret.replace(" ", "")).at(at)

    def enrolled(self, client: FlaskClient) -> tuple[str, list[str]]:
        """The secret of a second factor that is on now, and its recovery codes."""
        secret = secret_of(client.get("/profile/second-factor"))
        done = post(client, "/profile/second-factor", code=self.code(secret), password=PASSWORD)
        assert done.status_code == 200, done.text
        codes = [part.partition("</code>")[0] for part in done.text.split("<li><code>")[1:]]
        assert len(codes) == 10
        self.clock.advance(60)  # so that the next code is a new one
        return secret, codes


def post(client: FlaskClient, path: str, form_at: str = "", **fields: str) -> TestResponse:
    """As a browser does: all that stands in the form that is sent to `path`, and what was typed."""
    page = client.get(form_at or path)
    found = [form for form in _forms(page.text) if form.action in (path, "")]
    assert found, page.text
    return client.post(path, data={**found[0].values, **fields})


@dataclass
class SentForm:
    """The successful controls of a form (HTML §4.10.21.4)."""

    action: str
    values: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[SentForm] = []
        self._select = ""
        self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self.forms.append(SentForm(given.get("action", "")))
        elif tag == "form" or not self.forms:
            return
        elif tag == "select":
            self._select = given["name"]
        elif tag == "textarea":
            self._area = given["name"]
            self.forms[-1].values[self._area] = ""
        elif tag == "option" and self._select:
            values = self.forms[-1].values
            if "selected" in given or self._select not in values:
                values[self._select] = given["value"]
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.forms[-1].values[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].values[self._area] += data


def _forms(page: str) -> list[SentForm]:
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def secret_of(page: TestResponse) -> str:
    assert page.status_code == 200, page.text
    return page.text.partition('<code class="secret">')[2].partition("</code>")[0]
