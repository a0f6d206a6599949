"""A person at a browser: loads a form, fills it in and sends all of it, as a browser does."""

import html
import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.account_office import Office
from tests.web.forms import sign_in

_INPUT = re.compile(r"<input\b[^>]*>")
_TEXTAREA = re.compile(r'<textarea\b[^>]*\bname="([^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)
_SELECT = re.compile(r'<select\b[^>]*\bname="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_OPTION = re.compile(r'<option value="([^"]*)"( selected)?')
_ATTRIBUTE = re.compile(r'\b([a-z-]+)="([^"]*)"')

Fields = dict[str, Any]


@dataclass
class Person:
    """`client` keeps the cookies of one browser."""

    client: FlaskClient
    office: Office

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def id_of(self, account: str) -> int:
        (row,) = self.office.rows("SELECT id FROM accounts WHERE name = :name", name=account)
        return int(row["id"])

    def page_of(self, account: str, part: str = "") -> str:
        """The address of an account, or of a part of it."""
        return f"/accounts/{self.id_of(account)}{part}"

    def form(self, path: str) -> Fields:
        """What a form would send if nothing was typed in it."""
        response = self.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return form_fields(response.text)

    def send(self, path: str, typed: Fields | None = None, form_at: str = "") -> TestResponse:
        """Fill in and send the form that stands at `path`."""
        return self.post(path, {**self.form(form_at or path), **(typed or {})})

    def post(self, path: str, fields: Fields, **more: Any) -> TestResponse:
        return self.client.post(path, data=fields, **more)

    def confirm(self, response: TestResponse, path: str) -> TestResponse:
        """Say yes on the page that asks."""
        return self.post(path, form_fields(response.text))


def person(app: Flask, office: Office, name: str) -> Person:
    client = app.test_client()
    assert sign_in(client, name).status_code == 302
    return Person(client, office)


def form_fields(page: str) -> Fields:
    """The fields of the page's main form, as a browser would send them."""
    content = page.partition('<main id="content"')[2]
    form = content[content.index('<form method="post"') :].partition("</form>")[0]
    found: Fields = {}
    for tag in _INPUT.findall(form):
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag)}
        if attributes.get("type") == "checkbox":
            if " checked" in tag:
                found.setdefault(attributes["name"], []).append(attributes["value"])
        elif attributes.get("type") != "file":
            found[attributes["name"]] = attributes.get("value", "")
    for name, text in _TEXTAREA.findall(form):
        found[name] = html.unescape(text)
    for name, options in _SELECT.findall(form):
        choices = _OPTION.findall(options)
        chosen = [value for value, selected in choices if selected] or [choices[0][0]]
        found[name] = html.unescape(chosen[0])
    return found


def error_of(page: str, field: str) -> str:
    """What stands by the field; empty where nothing is wrong with it."""
    found = re.search(rf'<p class="error" id="{field}-error">(.*?)</p>', page)
    return html.unescape(found[1]) if found else ""


def said(page: str) -> str:
    """The message that is shown after something was done."""
    found = re.search(r'<p class="notice good" role="status">(.*?)</p>', page)
    return html.unescape(found[1]) if found else ""
