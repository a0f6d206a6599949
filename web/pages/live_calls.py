"""Calls in progress; the list renews itself."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from web.access import SIGNED_IN, SIGNED_IN_POLLING, allow
from web.context import actor, config, services
from web.fields import Fields

pages = Blueprint("live_calls", __name__)


@pages.get("/calls")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    return _render("live_calls.html")


@pages.get("/calls/rows")
@allow(SIGNED_IN_POLLING)
def rows() -> ResponseReturnValue:
    """The part of the page that changes."""
    return _render("live_calls_rows.html")


def _render(template: str) -> ResponseReturnValue:
    fields = Fields(request.args)
    search = fields.text("q")
    who = actor()
    html = render_template(
        template,
        live=services().live_calls.live(who.scope, search, config().live_rows),
        now=services().clock.now(),
        search=search,
        errors=fields.errors,
        operator=who.is_operator,
        agent=who.scope.subtree,
    )
    return html, 400 if fields.errors else 200
