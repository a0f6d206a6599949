"""Calls in progress; the list renews itself."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from web.access import ADMINISTRATORS, ADMINISTRATORS_POLLING, allow
from web.context import config, services
from web.fields import Fields

pages = Blueprint("live_calls", __name__)


@pages.get("/calls")
@allow(ADMINISTRATORS)
def index() -> ResponseReturnValue:
    return _render("live_calls.html")


@pages.get("/calls/rows")
@allow(ADMINISTRATORS_POLLING)
def rows() -> ResponseReturnValue:
    """The part of the page that changes."""
    return _render("live_calls_rows.html")


def _render(template: str) -> ResponseReturnValue:
    fields = Fields(request.args)
    search = fields.text("q")
    live = services().live_calls.live(search, config().live_rows)
    html = render_template(
        template,
        live=live,
        now=services().clock.now(),
        search=search,
        errors=fields.errors,
    )
    return html, 400 if fields.errors else 200
