"""Calls in progress; the list renews itself. Who may hangs one up from there."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import Conflict
from controller.services.views.hang_ups import may_hang_up
from controller.services.views.live_calls import LiveCall
from web.access import AGENTS, SIGNED_IN, SIGNED_IN_POLLING, allow
from web.context import actor, config, services
from web.fields import Fields
from web.formatting import duration, visible
from web.forms.steps import About, confirm, confirmed
from web.i18n import gettext as _

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
        may_hang_up=may_hang_up(who),
    )
    return html, 400 if fields.errors else 200


@pages.get("/calls/<uuid:call_id>/hang-up")
@allow(AGENTS)
def hang_up_form(call_id: UUID) -> ResponseReturnValue:
    """One call, and whether it shall end."""
    try:
        call = services().hang_ups.call(actor(), str(call_id))
    except Conflict:
        return _to_its_record(call_id)
    return confirm(_question(), facts=_facts(call))


@pages.post("/calls/<uuid:call_id>/hang-up")
@allow(AGENTS)
def hang_up(call_id: UUID) -> ResponseReturnValue:
    """Asked of the controller that has the call: the list shows when it is gone."""

    def do() -> ResponseReturnValue:
        try:
            services().hang_ups.ask(actor(), str(call_id))
        except Conflict:
            return _to_its_record(call_id)
        flash(_("The hang-up was asked for; the call disappears when it has ended."))
        return redirect(url_for("live_calls.index"))

    return confirmed(_question(), do)


def _to_its_record(call_id: UUID) -> ResponseReturnValue:
    flash(_("The call has ended."))
    return redirect(url_for("cdrs.detail", call_id=call_id))


def _question() -> About:
    return About(
        _("Hang up this call?"),
        _("Hang up"),
        url_for("live_calls.index"),
        lead=_("Both sides are cut off. The call is charged for as long as it lasted."),
        crumbs=[(_("Live calls"), url_for("live_calls.index"))],
        danger=True,
    )


def _facts(call: LiveCall) -> list[tuple[str, object]]:
    since = services().clock.now() - (call.answered_at or call.offered_at)
    return [
        (_("Caller"), visible(call.caller)),
        (_("Called number"), visible(call.callee)),
        (_("Account"), visible(call.account)),
        (_("Gateway"), visible(call.mapping_gateway)),
        (_("Talking for") if call.answered_at else _("Connecting for"), duration(since)),
    ]
