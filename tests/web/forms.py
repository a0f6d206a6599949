"""What a browser does with our forms: load the page, send its token along."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "correct-horse-battery"


def csrf_of(client: FlaskClient, path: str = "/sign-in") -> str:
    page = client.get(path).text
    before, found, after = page.partition('name="csrf_token" value="')
    assert found, before[:500]
    return after.partition('"')[0]


def send(client: FlaskClient, path: str, form_at: str = "", **fields: str) -> TestResponse:
    """Post `fields` with the token of the form at `form_at` (default: the same path)."""
    token = csrf_of(client, form_at or path)
    return client.post(path, data={"csrf_token": token, **fields})


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **more: str) -> TestResponse:
    return send(client, "/sign-in", name=name, password=password, **more)
