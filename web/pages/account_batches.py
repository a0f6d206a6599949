"""Many accounts at once: a series of ids, or the rows of a CSV file; all of them or none."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields
from controller.domain.rights import Right
from controller.services.accounts import AccountSeries, read_account_csv
from web.access import AGENTS, allow, up_to
from web.context import actor, services
from web.fields import MAX_NAME, Fields
from web.forms import Form, account_fields
from web.forms.files import MAX_FILE, uploaded_text
from web.forms.steps import About, FormPage, Values, create
from web.i18n import gettext as _
from web.pages.accounts import pages

_OWN = ("first", "count")


@pages.get("/accounts/series")
@allow(AGENTS)
def series() -> ResponseReturnValue:
    actor().require(Right.ACCOUNTS)
    parent = Fields(request.args).text("parent", MAX_NAME)
    wanted = {"parent": parent, "kind": "ordinary"}
    return _series_page().show(Form.of(account_fields.SERIES, wanted))


@pages.post("/accounts/series")
@allow(AGENTS)
def create_series() -> ResponseReturnValue:
    form = Form.sent(account_fields.SERIES, request.form)

    def do(values: Values) -> ResponseReturnValue:
        shared = {name: value for name, value in values.items() if name not in _OWN}
        wanted = AccountSeries(str(values["first"]), _number(values["count"]), shared)
        try:
            made = services().account_records.create_many(actor(), wanted)
        except InvalidFields as error:
            raise InvalidFields(_of_first_row(error.errors)) from None
        return _made(len(made), str(values.get("parent") or ""))

    return create(_series_page(), form, do, needed_is_checked=True)


@pages.get("/accounts/upload")
@allow(AGENTS)
def upload() -> ResponseReturnValue:
    actor().require(Right.ACCOUNTS)
    return _upload_page().show(Form.of(()))


@pages.post("/accounts/upload")
@allow(up_to(AGENTS, MAX_FILE))
def create_uploaded() -> ResponseReturnValue:
    def do(_values: Values) -> ResponseReturnValue:
        rows = read_account_csv(uploaded_text("file"))
        return _made(len(services().account_records.create_many(actor(), rows)), "")

    return create(_upload_page(), Form.sent((), request.form), do, needed_is_checked=True)


def _made(count: int, parent: str) -> ResponseReturnValue:
    flash(_("%(count)s accounts were made.", count=count))
    view = "direct" if parent else None
    return redirect(
        url_for("accounts.index", under=parent or None, view=view, sort="created", desc=1)
    )


def _number(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise InvalidFields({"count": _("A whole number.")})
    return int(text)


def _of_first_row(errors: dict[str, str]) -> dict[str, str]:
    """What is wrong with the first one, in the form's own fields: the rest have the same values."""
    found: dict[str, str] = {}
    for place, why in errors.items():
        row, _dot, name = place.partition(".")
        if not row.isdigit():
            found[place] = why
        elif row == "1" and name != "name":
            found[name] = why
        elif name == "name":
            found.setdefault("first", why)
    return found or {"": "; ".join(errors.values())}


def _series_page() -> FormPage:
    about = About(
        title=_("Many accounts at once"),
        submit=_("Make them"),
        back=url_for("accounts.index"),
        lead=_("Accounts whose ids differ only in the number at their end."),
        crumbs=[(_("Accounts"), url_for("accounts.index"))],
    )
    return FormPage(about, "account_series.html")


def _upload_page() -> FormPage:
    about = About(
        title=_("Accounts from a file"),
        submit=_("Make them"),
        back=url_for("accounts.index"),
        lead=_("All rows become accounts, or none of them does."),
        crumbs=[(_("Accounts"), url_for("accounts.index"))],
        upload=True,
    )
    columns = [f for group in account_fields.NEW for f in group.fields]
    return FormPage(about, "upload.html", {"columns": columns, "needed": "name"})
