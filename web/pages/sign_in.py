"""Signing in and out, and the visitor's own password."""

import math

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response

from controller.services.sign_in import SignedIn, Throttled, UnfitPassword
from web import sessions
from web.access import ADMINISTRATORS, ANYONE, SIGNED_IN, allow
from web.context import services, signed_in, visitor
from web.safe_redirect import own_path

pages = Blueprint("sign_in", __name__)

_WRONG = "Name and password do not belong together."


@pages.get("/sign-in")
@allow(ANYONE)
def form() -> ResponseReturnValue:
    if visitor() is not None:
        return redirect(_wanted())
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
    )
    if isinstance(outcome, SignedIn):
        return _start(redirect(_wanted()), outcome.token)
    if isinstance(outcome, Throttled):
        return _form_page(_wait_text(outcome), name, 429, outcome.retry_after_s)
    return _form_page(_WRONG, name, 401)


@pages.post("/sign-out")
@allow(SIGNED_IN)
def sign_out() -> ResponseReturnValue:
    services().sign_in.sign_out(sessions.current_token())
    response = make_response(redirect(url_for("sign_in.form")))
    sessions.end(response)
    return response


@pages.get("/password")
@allow(ADMINISTRATORS)
def password() -> ResponseReturnValue:
    return render_template("password.html", errors={})


@pages.post("/password")
@allow(ADMINISTRATORS)
def change_password() -> ResponseReturnValue:
    current, new = request.form.get("current", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _password_page("again", "The two new passwords differ.")
    outcome = services().sign_in.change_password(signed_in(), current, new)
    if isinstance(outcome, SignedIn):
        response = _start(redirect(url_for("sign_in.password")), outcome.token)
        flash("Your password is changed. Every other session of yours has ended.")
        return response
    if isinstance(outcome, UnfitPassword):
        return _password_page("new", outcome.why)
    if isinstance(outcome, Throttled):
        return _password_page("current", _wait_text(outcome), 429)
    return _password_page("current", "This is not your current password.")


def _start(target: Response, token: str) -> ResponseReturnValue:
    response = make_response(target)
    sessions.start(response, token)
    return response


def _wanted() -> str:
    return own_path(request.values.get("next", "")) or url_for("dashboard.index")


def _form_page(
    error: str = "", name: str = "", status: int = 200, retry_after_s: int = 0
) -> ResponseReturnValue:
    wanted = own_path(request.values.get("next", ""))
    html = render_template("sign_in.html", error=error, name=name[:64], wanted=wanted)
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return html, status, headers


def _password_page(field: str, error: str, status: int = 422) -> ResponseReturnValue:
    return render_template("password.html", errors={field: error}), status


def _wait_text(throttled: Throttled) -> str:
    minutes = math.ceil(throttled.retry_after_s / 60)
    unit = "minute" if minutes == 1 else "minutes"
    return f"Too many failed attempts. Try again in {minutes} {unit}."
