"""Signing in and out, in one step or two, and the visitor's own password."""

import math

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response

from controller.services.sign_in import Role, SignedIn, Throttled, UnfitPassword
from web import sessions
from web.access import ANYONE, SIGNED_IN_BARELY, allow
from web.context import services, signed_in, visitor
from web.i18n import gettext as _
from web.i18n import ngettext
from web.safe_redirect import own_path

pages = Blueprint("sign_in", __name__)

_MAX_NAME = 64


# -- the password --------------------------------------------------------------------------


@pages.get("/sign-in")
@allow(ANYONE)
def form() -> ResponseReturnValue:
    if visitor() is not None:
        return redirect(_wanted(sessions.current_token()))
    return _form_page()


@pages.post("/sign-in")
@allow(ANYONE)
def sign_in() -> ResponseReturnValue:
    name = request.form.get("name", "")
    outcome = services().sign_in.sign_in(
        name,
        request.form.get("password", ""),
        request.remote_addr or "",
        sessions.current_token(),
        sessions.browser(),
    )
    if isinstance(outcome, SignedIn):
        if outcome.half:
            second = url_for("sign_in.code", next=_asked() or None)
            return _start(redirect(second), outcome)
        return _start(redirect(_wanted(outcome.token)), outcome)
    if isinstance(outcome, Throttled):
        return _form_page(wait_text(outcome), name, 429, outcome.retry_after_s)
    return _form_page(_("Name and password do not belong together."), name, 401)


# -- the second factor ---------------------------------------------------------------------


@pages.get("/sign-in/code")
@allow(ANYONE)
def code() -> ResponseReturnValue:
    if not services().sign_in.halfway(sessions.current_token()):
        return redirect(url_for("sign_in.form", next=_asked() or None))
    return _code_page()


@pages.post("/sign-in/code")
@allow(ANYONE)
def second_step() -> ResponseReturnValue:
    token = sessions.current_token()
    if not services().sign_in.halfway(token):
        return redirect(url_for("sign_in.form", next=_asked() or None))
    outcome = services().sign_in.second_step(
        token, request.form.get("code", ""), request.remote_addr or "", sessions.browser()
    )
    if isinstance(outcome, SignedIn):
        return _start(redirect(_wanted(outcome.token)), outcome)
    if isinstance(outcome, Throttled):
        return _code_page(wait_text(outcome), 429, outcome.retry_after_s)
    return _code_page(_("This code is wrong, too old, or was used before."), 401)


# -- out -----------------------------------------------------------------------------------


@pages.post("/sign-out")
@allow(SIGNED_IN_BARELY)
def sign_out() -> ResponseReturnValue:
    services().sign_in.sign_out(sessions.current_token(), request.remote_addr or "")
    response = make_response(redirect(url_for("sign_in.form")))
    sessions.end(response)
    return response


# -- one's own password --------------------------------------------------------------------


@pages.get("/password")
@allow(SIGNED_IN_BARELY)
def password() -> ResponseReturnValue:
    return _password_page()


@pages.post("/password")
@allow(SIGNED_IN_BARELY)
def change_password() -> ResponseReturnValue:
    current, new = request.form.get("current", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _password_page("again", _("The two new passwords differ."))
    outcome = services().sign_in.change_password(
        signed_in(), current, new, request.remote_addr or "", sessions.browser()
    )
    if isinstance(outcome, SignedIn):
        response = _start(redirect(url_for("profile.index")), outcome)
        flash(_("Your password is changed. Every other session of yours has ended."))
        return response
    if isinstance(outcome, UnfitPassword):
        return _password_page("new", outcome.why)
    if isinstance(outcome, Throttled):
        return _password_page("current", wait_text(outcome), 429)
    return _password_page("current", _("This is not your current password."))


# -- what the pages say --------------------------------------------------------------------


def wait_text(throttled: Throttled) -> str:
    minutes = math.ceil(throttled.retry_after_s / 60)
    return ngettext(
        "Too many failed attempts. Try again in %(num)s minute.",
        "Too many failed attempts. Try again in %(num)s minutes.",
        minutes,
    )


def _start(target: Response, session: SignedIn) -> ResponseReturnValue:
    response = make_response(target)
    sessions.start(response, session.token, half=session.half)
    return response


def _asked() -> str:
    """The page that somebody wanted before signing in."""
    return own_path(request.values.get("next", ""))


def _wanted(token: str) -> str:
    """Where signing in leads: to the page that was asked for, else to one that everybody has."""
    if asked := _asked():
        return asked
    who = services().sign_in.visitor(token, active=False)
    if who is not None and who.role is not Role.ADMINISTRATOR and who.account_id is None:
        return url_for("profile.index")
    return url_for("dashboard.index")


def _form_page(
    error: str = "", name: str = "", status: int = 200, retry_after_s: int = 0
) -> ResponseReturnValue:
    html = render_template("sign_in.html", error=error, name=name[:_MAX_NAME], wanted=_asked())
    return html, status, _retry_after(retry_after_s)


def _code_page(error: str = "", status: int = 200, retry_after_s: int = 0) -> ResponseReturnValue:
    html = render_template("sign_in_code.html", error=error, wanted=_asked())
    return html, status, _retry_after(retry_after_s)


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)} if seconds else {}


def _password_page(field: str = "", error: str = "", status: int = 422) -> ResponseReturnValue:
    html = render_template(
        "password.html",
        errors={field: error} if field else {},
        shortest=services().sign_in.min_password,
    )
    return html, status if field else 200
