"""One's own profile: language and zone, where one is signed in, tokens of the API."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields
from controller.services.api_tokens import ApiToken
from controller.services.sign_in import Throttled
from controller.services.sign_in_records import WrongCredentials
from web import sessions
from web.access import SIGNED_IN, allow
from web.context import actor, services, signed_in
from web.forms import Form, user_fields
from web.forms.steps import About, FormPage, Values, confirm, confirmed, create
from web.i18n import gettext as _
from web.i18n import ngettext
from web.pages.sign_in import wait_text

pages = Blueprint("profile", __name__)

MAX_KEY = 128
_USUAL_DAYS = "90"


@pages.get("/profile")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    who = actor()
    return render_template(
        "profile.html",
        user=services().users.own(who),
        sessions=services().users.sessions(who, who.name),
        tokens=services().tokens.page(who),
        now=services().clock.now(),
    )


# -- language, zone, e-mail ----------------------------------------------------------------


@pages.get("/profile/change")
@allow(SIGNED_IN)
def change_form() -> ResponseReturnValue:
    who = signed_in()
    values = {
        "language": who.language,
        "time_zone": who.time_zone,
        "email": services().users.own(actor()).spec.email,
    }
    return _profile_page().show(Form.of(user_fields.PROFILE, values))


@pages.post("/profile/change")
@allow(SIGNED_IN)
def change() -> ResponseReturnValue:
    def do(values: Values) -> ResponseReturnValue:
        services().users.change_profile(actor(), values)
        flash(_("Your profile was changed."))
        return redirect(url_for("profile.index"))

    return create(_profile_page(), Form.sent(user_fields.PROFILE, request.form), do)


def _profile_page() -> FormPage:
    back = url_for("profile.index")
    return FormPage(About(_("Your profile"), _("Save"), back, crumbs=_crumbs()))


# -- sessions ------------------------------------------------------------------------------


@pages.post("/profile/sessions/end")
@allow(SIGNED_IN)
def end_session() -> ResponseReturnValue:
    """The one that is named, or all others."""
    key, own = request.form.get("key", "")[:MAX_KEY], signed_in().session_key
    ended = services().users.end_sessions(actor(), actor().name, key, "" if key else own)
    if key == own:
        response = make_response(redirect(url_for("sign_in.form")))
        sessions.end(response)
        return response
    flash(ngettext("%(num)s session has ended.", "%(num)s sessions have ended.", ended))
    return redirect(url_for("profile.index"))


# -- tokens --------------------------------------------------------------------------------


@pages.get("/profile/tokens/new")
@allow(SIGNED_IN)
def new_token() -> ResponseReturnValue:
    return _token_page().show(Form.of(user_fields.TOKEN, {"days": _USUAL_DAYS}))


@pages.post("/profile/tokens/new")
@allow(SIGNED_IN)
def create_token() -> ResponseReturnValue:
    form = Form.sent(user_fields.TOKEN, request.form)

    def do(values: Values) -> ResponseReturnValue:
        lines = values["networks"]
        days, most = _whole(values, "days"), _whole(values, "requests_per_minute")
        _prove(str(values["password"]))
        made = services().tokens.create(
            actor(),
            str(values["name"]),
            form.given["scopes"].splitlines(),
            days=days,
            networks=list(map(str, lines)) if isinstance(lines, list) else (),
            requests_per_minute=most,
        )
        return render_template("token_made.html", token=made.token, secret=made.secret)

    return create(_token_page(), form, do, url_for("profile.index"))


@pages.get("/profile/tokens/<int:token_id>/revoke")
@allow(SIGNED_IN)
def revoke_form(token_id: int) -> ResponseReturnValue:
    return confirm(_revoking(), facts=_facts(token_id))


@pages.post("/profile/tokens/<int:token_id>/revoke")
@allow(SIGNED_IN)
def revoke(token_id: int) -> ResponseReturnValue:
    def do() -> ResponseReturnValue:
        token = services().tokens.revoke(actor(), token_id)
        flash(_("Token %(name)s is refused from now on.", name=token.name))
        return redirect(url_for("profile.index"))

    return confirmed(_revoking(), do, facts=_facts(token_id))


def _facts(token_id: int) -> list[tuple[str, object]]:
    found: ApiToken | None = next(
        (token for token in services().tokens.page(actor()) if token.token_id == token_id), None
    )
    return [] if found is None else [(_("Token"), found.name)]


def _prove(password: str) -> None:
    """Raises InvalidFields."""
    proof = services().sign_in.prove_password(signed_in(), password, actor().address)
    if isinstance(proof, Throttled):
        raise InvalidFields({"password": wait_text(proof)})
    if isinstance(proof, WrongCredentials):
        raise InvalidFields({"password": _("This is not your password.")})


def _whole(values: Values, name: str) -> int | None:
    """Raises InvalidFields."""
    text = str(values.get(name) or "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidFields({name: _("A whole number.")})
    return int(text)


def _token_page() -> FormPage:
    about = About(
        _("New API token"),
        _("Make the token"),
        url_for("profile.index"),
        lead=_("With it a program calls the API in your name. It is shown once."),
        crumbs=_crumbs(),
    )
    return FormPage(about)


def _revoking() -> About:
    return About(
        _("Revoke a token"),
        _("Revoke it"),
        url_for("profile.index"),
        lead=_("Programs that use it are refused at once. It cannot be taken back."),
        crumbs=_crumbs(),
        danger=True,
    )


def _crumbs() -> list[tuple[str, str]]:
    return [(_("You"), url_for("profile.index"))]
