"""One's own second factor: on with an authenticator, off again, new recovery codes.

The picture is drawn into the page; nobody else is asked to make it, for it holds the secret.
"""

import segno
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from controller.domain.errors import Conflict
from controller.services.own_security import NewCodes, WrongCode
from controller.services.sign_in import Throttled
from controller.services.sign_in_records import WrongCredentials
from web import sessions
from web.access import SIGNED_IN, SIGNED_IN_WITH_PASSWORD, allow
from web.context import actor, services, signed_in
from web.i18n import gettext as _
from web.pages.sign_in import wait_text

pages = Blueprint("second_factor", __name__)

Refused = WrongCode | WrongCredentials | Throttled


# -- on ------------------------------------------------------------------------------------


@pages.get("/profile/second-factor")
@allow(SIGNED_IN_WITH_PASSWORD)
def offer() -> ResponseReturnValue:
    return _offer_page()


@pages.post("/profile/second-factor")
@allow(SIGNED_IN_WITH_PASSWORD)
def turn_on() -> ResponseReturnValue:
    outcome = services().own_security.turn_on(
        actor(),
        signed_in(),
        sessions.current_token(),
        request.form.get("password", ""),
        request.form.get("code", ""),
        sessions.browser(),
    )
    if not isinstance(outcome, NewCodes):
        return _offer_page(outcome)
    response = make_response()
    if outcome.session is not None:
        sessions.start(response, outcome.session.token)  # before the page has its form's token
    response.set_data(_codes_page(outcome))
    return response


def _offer_page(refused: Refused | None = None) -> ResponseReturnValue:
    enrolment = services().own_security.offer(signed_in())
    if enrolment is None:
        return redirect(url_for("profile.index"))
    html = render_template(
        "second_factor.html",
        picture=_picture(enrolment.uri),
        secret=" ".join(_groups(enrolment.secret)),
        errors=_errors(refused),
    )
    return html, _status(refused)


def _picture(uri: str) -> Markup:
    """As SVG in the page. Dark on light in every theme: cameras read nothing else."""
    code = segno.make_qr(uri, error="m")
    drawn = code.svg_inline(dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True)
    return Markup(drawn)  # noqa: S704 - squares, drawn by the library


def _groups(secret: str) -> list[str]:
    return [secret[at : at + 4] for at in range(0, len(secret), 4)]


# -- off, and new codes --------------------------------------------------------------------


@pages.get("/profile/second-factor/off")
@allow(SIGNED_IN)
def off_form() -> ResponseReturnValue:
    return _proof_page("off")


@pages.post("/profile/second-factor/off")
@allow(SIGNED_IN)
def turn_off() -> ResponseReturnValue:
    password, code = request.form.get("password", ""), request.form.get("code", "")
    try:
        outcome = services().own_security.turn_off(actor(), signed_in(), password, code)
    except Conflict:
        return _proof_page("off", said=_("Your role must have a second factor."))
    if isinstance(outcome, Refused):
        return _proof_page("off", outcome)
    flash(_("Your second factor is off."))
    return redirect(url_for("profile.index"))


@pages.get("/profile/second-factor/codes")
@allow(SIGNED_IN)
def codes_form() -> ResponseReturnValue:
    return _proof_page("codes")


@pages.post("/profile/second-factor/codes")
@allow(SIGNED_IN)
def renew_codes() -> ResponseReturnValue:
    password, code = request.form.get("password", ""), request.form.get("code", "")
    outcome = services().own_security.renew_codes(actor(), signed_in(), password, code)
    if isinstance(outcome, Refused):
        return _proof_page("codes", outcome)
    return _codes_page(outcome)


def _proof_page(what: str, refused: Refused | None = None, said: str = "") -> ResponseReturnValue:
    if not signed_in().has_second_factor:
        return redirect(url_for("second_factor.offer"))
    html = render_template(
        "second_factor_proof.html", what=what, errors=_errors(refused), said=said
    )
    return html, 409 if said else _status(refused)


# -- what the pages say --------------------------------------------------------------------


def _codes_page(made: NewCodes) -> str:
    return render_template("recovery_codes.html", codes=made.codes)


def _errors(refused: Refused | None) -> dict[str, str]:
    if isinstance(refused, WrongCode):
        return {"code": _("This code is wrong, too old, or was used before.")}
    if isinstance(refused, WrongCredentials):
        return {"password": _("This is not your password.")}
    return {"password": wait_text(refused)} if refused else {}


def _status(refused: Refused | None) -> int:
    if refused is None:
        return 200
    return 429 if isinstance(refused, Throttled) else 422
