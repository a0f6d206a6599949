"""People of the hierarchy of spec A4 who sign in to the pages, with authenticators of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.account_office import Office
from tests.web.conftest import PASSWORDS, OwnedClock
from tests.web.forms import PASSWORD, csrf_of, sign_in
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
    """With the token of the form at `form_at` (default: the same path)."""
    page = client.get(form_at or path).text
    sent = {"csrf_token": _value(page, "csrf_token"), **fields}
    for hidden in ("form_key", "was", "revision"):
        if f'name="{hidden}"' in page:
            sent.setdefault(hidden, _value(page, hidden))
    return client.post(path, data=sent)


def secret_of(page: TestResponse) -> str:
    assert page.status_code == 200, page.text
    return page.text.partition('<code class="secret">')[2].partition("</code>")[0]


def _value(page: str, name: str) -> str:
    text = page.partition(f'name="{name}" value="')[2].partition('"')[0]
    return text.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")


__all__ = ["PEOPLE", "People", "csrf_of", "post", "secret_of"]
