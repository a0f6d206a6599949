"""Users: who may sign in, for administrators and for agents who look after those below."""

from collections.abc import Iterator
from dataclasses import replace

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields, NotFound
from controller.domain.rights import Right
from controller.services.actors import Actor
from controller.services.records.values import values_of
from controller.services.sign_in import Role
from controller.services.users import (
    NewUser,
    UserPage,
    UserQuery,
    UserRecord,
    Users,
    may_change,
)
from web.access import AGENTS, allow
from web.context import actor, config, services
from web.csv_text import csv_pieces
from web.fields import MAX_NAME, Fields
from web.forms import Form, user_fields
from web.forms.once import gone
from web.forms.steps import About, FormPage, Stored, Values, change, confirm, confirmed, create
from web.i18n import gettext as _
from web.i18n import lazy_gettext, ngettext
from web.lists import Column, list_state

pages = Blueprint("users", __name__)

EXPORT_PAGE = 500
MAX_KEY = 128
FILTERS = ("q", "account", "role")
COLUMNS = (
    Column("name", lazy_gettext("Name"), sort="name"),
    Column("role", lazy_gettext("Role")),
    Column("account", lazy_gettext("Account")),
    Column("email", lazy_gettext("E-mail"), usual=False, wide=True),
    Column("second_factor", lazy_gettext("Second factor"), wide=True),
    Column("last_login_at", lazy_gettext("Last sign-in"), wide=True),
    Column("created_at", lazy_gettext("Made"), usual=False, wide=True),
    Column("state", lazy_gettext("State")),
)
_CSV_SPEC = ("name", "role", "account", "email", "disabled")
_CSV_RECORD = ("has_second_factor", "must_change_password", "created_at", "last_login_at")


# -- see -----------------------------------------------------------------------------------


@pages.get("/users")
@allow(AGENTS)
def index() -> ResponseReturnValue:
    fields, query = _query()
    page, errors = UserPage((), None), dict(fields.errors)
    actor().require(Right.ACCOUNTS)
    if not errors:
        page = services().users.page(actor(), query)
    html = render_template(
        "users.html",
        page=page,
        list=list_state("users.index", COLUMNS, FILTERS),
        errors=errors,
        first=not query.after,
    )
    return html, 400 if errors else 200


@pages.get("/users.csv")
@allow(AGENTS)
def export() -> ResponseReturnValue:
    fields, query = _query()
    if fields.errors:
        raise InvalidFields(fields.errors)
    first = services().users.page(actor(), replace(query, limit=EXPORT_PAGE))
    rows = (
        [
            *(getattr(user.spec, name) for name in _CSV_SPEC),
            *(getattr(user, name) for name in _CSV_RECORD),
        ]
        for user in _all_rows(services().users, actor(), query, first, config().export_rows)
    )
    response = Response(csv_pieces((*_CSV_SPEC, *_CSV_RECORD), rows), mimetype="text/csv")
    name = f"users-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


@pages.get("/user/<name>")
@allow(AGENTS)
def detail(name: str) -> ResponseReturnValue:
    who, user = actor(), services().users.get(actor(), name)
    mine = may_change(who, user)
    return render_template(
        "user.html",
        user=user,
        may_change=mine,
        sessions=services().users.sessions(who, name) if mine else (),
        tokens=services().tokens.page(who, name) if mine else (),
        now=services().clock.now(),
    )


def _query() -> tuple[Fields, UserQuery]:
    fields = Fields(request.args)
    role = fields.choice("role", set(map(str, Role)))
    query = UserQuery(
        search=fields.text("q"),
        account=fields.text("account", MAX_NAME),
        role=Role(role) if role else None,
        after=fields.text("after", MAX_NAME),
        limit=config().page_size,
    )
    return fields, query


def _all_rows(
    users: Users, who: Actor, query: UserQuery, page: UserPage, left: int
) -> Iterator[UserRecord]:
    """Runs when the request's own context is over, so it is handed all that it needs."""
    while True:
        yield from page.rows[:left]
        left -= len(page.rows)
        if page.next_after is None or left <= 0:
            return
        page = users.page(who, replace(query, after=page.next_after, limit=EXPORT_PAGE))


# -- make ----------------------------------------------------------------------------------


@pages.get("/users/new")
@allow(AGENTS)
def new() -> ResponseReturnValue:
    actor().require(Right.ACCOUNTS)
    account = Fields(request.args).text("account", MAX_NAME)
    wanted = {"account": account, "role": str(Role.CUSTOMER)}
    groups = user_fields.new_user(operator=actor().is_operator)
    return _new_page().show(Form.of(groups, wanted))


@pages.post("/users/new")
@allow(AGENTS)
def create_new() -> ResponseReturnValue:
    groups = user_fields.new_user(operator=actor().is_operator)
    form = Form.sent(groups, request.form)

    def do(values: Values) -> ResponseReturnValue:
        return _told(services().users.create(actor(), values))

    return create(_new_page(), form, do, url_for("users.index"))


def _told(made: NewUser) -> ResponseReturnValue:
    """The password, this once."""
    return render_template("user_password.html", made=made)


# -- change --------------------------------------------------------------------------------


@pages.get("/user/<name>/change")
@allow(AGENTS)
def change_form(name: str) -> ResponseReturnValue:
    user = _looked_after(name)
    groups = user_fields.changed_user(operator=actor().is_operator)
    return _change_page(name).show(Form.of(groups, values_of(user.spec), user.revision))


@pages.post("/user/<name>/change")
@allow(AGENTS)
def change_user(name: str) -> ResponseReturnValue:
    _looked_after(name)
    groups = user_fields.changed_user(operator=actor().is_operator)
    form = Form.sent(groups, request.form)

    def do(values: Values) -> ResponseReturnValue:
        services().users.change(actor(), name, values, form.revision)
        flash(_("User %(name)s was changed.", name=name))
        return redirect(url_for("users.detail", name=name))

    def stored() -> Stored:
        now = services().users.get(actor(), name)
        return values_of(now.spec), now.revision

    return change(_change_page(name), form, do, stored)


@pages.get("/user/<name>/password")
@allow(AGENTS)
def reset_form(name: str) -> ResponseReturnValue:
    return _reset_page(_looked_after(name)).show(Form.of(user_fields.RESET))


@pages.post("/user/<name>/password")
@allow(AGENTS)
def reset(name: str) -> ResponseReturnValue:
    page, form = _reset_page(_looked_after(name)), Form.sent(user_fields.RESET, request.form)

    def do(values: Values) -> ResponseReturnValue:
        factor_too = values["second_factor_too"] is True
        return _told(services().users.reset_password(actor(), name, second_factor_too=factor_too))

    return create(page, form, do, url_for("users.detail", name=name))


@pages.post("/user/<name>/sessions/end")
@allow(AGENTS)
def end_sessions(name: str) -> ResponseReturnValue:
    """The one that is named, or all."""
    key = request.form.get("key", "")[:MAX_KEY]
    ended = services().users.end_sessions(actor(), name, key)
    flash(ngettext("%(num)s session has ended.", "%(num)s sessions have ended.", ended))
    return redirect(url_for("users.detail", name=name))


@pages.get("/user/<name>/tokens/<int:token_id>/revoke")
@allow(AGENTS)
def revoke_form(name: str, token_id: int) -> ResponseReturnValue:
    return confirm(_revoking(_looked_after(name)), facts=_token_facts(name, token_id))


@pages.post("/user/<name>/tokens/<int:token_id>/revoke")
@allow(AGENTS)
def revoke(name: str, token_id: int) -> ResponseReturnValue:
    user = _looked_after(name)

    def do() -> ResponseReturnValue:
        token = services().tokens.revoke(actor(), token_id, name)
        flash(_("Token %(name)s is refused from now on.", name=token.name))
        return redirect(url_for("users.detail", name=name))

    return confirmed(_revoking(user), do, facts=_token_facts(name, token_id))


def _token_facts(name: str, token_id: int) -> list[tuple[str, object]]:
    tokens = services().tokens.page(actor(), name)
    return [(_("Token"), token.name) for token in tokens if token.token_id == token_id]


# -- remove --------------------------------------------------------------------------------


@pages.get("/user/<name>/delete")
@allow(AGENTS)
def delete_form(name: str) -> ResponseReturnValue:
    user = _looked_after(name)
    return confirm(_deleting(user), kept={"revision": user.revision})


@pages.post("/user/<name>/delete")
@allow(AGENTS)
def delete(name: str) -> ResponseReturnValue:
    try:
        user = _looked_after(name)
    except NotFound as error:
        return gone(error)
    given = request.form.get("revision", "")
    revision = int(given) if given.isascii() and given.isdigit() else user.revision

    def do() -> ResponseReturnValue:
        services().users.delete(actor(), name, revision)
        flash(_("User %(name)s is gone.", name=name))
        return redirect(url_for("users.index"))

    return confirmed(_deleting(user), do, kept={"revision": user.revision})


def _looked_after(name: str) -> UserRecord:
    """Raises NotFound, NotAllowed."""
    return services().users.looked_after(actor(), name)


# -- what the pages say --------------------------------------------------------------------


def _crumbs(*names: str) -> list[tuple[str, str]]:
    return [
        (_("Users"), url_for("users.index")),
        *((name, url_for("users.detail", name=name)) for name in names),
    ]


def _new_page() -> FormPage:
    about = About(
        _("New user"),
        _("Make the user"),
        url_for("users.index"),
        lead=_("A password is made and shown once; it is changed at the first sign-in."),
        crumbs=_crumbs(),
    )
    return FormPage(about)


def _change_page(name: str) -> FormPage:
    title = _("Change user %(name)s", name=name)
    back = url_for("users.detail", name=name)
    return FormPage(About(title, _("Save"), back, crumbs=_crumbs(name)))


def _reset_page(user: UserRecord) -> FormPage:
    name = user.spec.name
    about = About(
        _("New password for %(name)s", name=name),
        _("Make a password"),
        url_for("users.detail", name=name),
        lead=_("The old one ends, and so does every session. The new one is shown once."),
        crumbs=_crumbs(name),
    )
    return FormPage(about)


def _revoking(user: UserRecord) -> About:
    return About(
        _("Revoke a token of %(name)s", name=user.spec.name),
        _("Revoke it"),
        url_for("users.detail", name=user.spec.name),
        lead=_("Programs that use it are refused at once. It cannot be taken back."),
        crumbs=_crumbs(user.spec.name),
        danger=True,
    )


def _deleting(user: UserRecord) -> About:
    return About(
        _("Delete user %(name)s", name=user.spec.name),
        _("Delete the user"),
        url_for("users.detail", name=user.spec.name),
        lead=_("Only somebody who never signed in can be deleted; others are disabled."),
        crumbs=_crumbs(user.spec.name),
        danger=True,
    )
