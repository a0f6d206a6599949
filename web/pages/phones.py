"""Phones: the list, one phone, and the forms that make, change, move and remove them."""

from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields, NotFound
from controller.domain.rights import Right
from controller.services.phones import (
    NewPhone,
    PhonePage,
    PhoneQuery,
    PhoneRange,
    PhoneRecord,
    PhoneRow,
    PhoneSort,
    read_phone_csv,
)
from controller.services.records.values import values_of
from web.access import AGENTS, SIGNED_IN, allow, up_to
from web.context import actor, config, services
from web.exports import PAGE, csv_download
from web.fields import MAX_NAME, Fields
from web.forms import Form, phone_fields
from web.forms.files import MAX_FILE, uploaded_text
from web.forms.once import gone
from web.forms.steps import About, FormPage, Stored, Values, change, confirm, confirmed, create
from web.i18n import gettext as _
from web.i18n import lazy_gettext
from web.lists import Column, list_state

pages = Blueprint("phones", __name__)

FILTERS = ("q", "account", "locked")
COLUMNS = (
    Column("number", lazy_gettext("Number"), sort="number"),
    Column("account", lazy_gettext("Account"), sort="account"),
    Column("authorization", lazy_gettext("May call"), wide=True),
    Column("rate_group", lazy_gettext("Rate group"), usual=False, wide=True),
    Column("dids", lazy_gettext("DIDs"), number=True, wide=True),
    Column("lines_total", lazy_gettext("Calls at once"), usual=False, number=True, wide=True),
    Column("created_at", lazy_gettext("Made"), usual=False, sort="created", wide=True),
    Column("memo", lazy_gettext("Memo"), wide=True),
    Column("state", lazy_gettext("State")),
)
MAX_BYTES = 256 * 1024
_CSV = tuple(f.name for f in fields_of(PhoneRow) if f.name != "account_id")


# -- see -----------------------------------------------------------------------------------


@pages.get("/phones")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    fields, query = _query()
    page, errors = PhonePage((), None), dict(fields.errors)
    if not errors:
        try:
            page = services().phones.page(actor(), query)
        except InvalidFields as error:
            errors.update(error.errors)
    html = render_template(
        "phones.html",
        page=page,
        list=list_state("phones.index", COLUMNS, FILTERS, sort="number"),
        levels=dict(phone_fields.level_choices()),
        errors=errors,
        who=actor(),
        first=not query.after,
    )
    return html, 400 if errors else 200


@pages.get("/phones.csv")
@allow(SIGNED_IN)
def export() -> ResponseReturnValue:
    """The list as CSV, in its order, all pages of it."""
    fields, query = _query()
    if fields.errors:
        raise InvalidFields(fields.errors)
    who, phones = actor(), services().phones
    return csv_download(
        "phones", _CSV, lambda after: phones.page(who, replace(query, after=after, limit=PAGE))
    )


@pages.get("/phones/<number>")
@allow(SIGNED_IN)
def detail(number: str) -> ResponseReturnValue:
    who, record = actor(), services().phones.get(actor(), number)
    groups = (phone_fields.CALLING, phone_fields.TERMS, phone_fields.MEMO)
    return render_template(
        "phone.html",
        phone=record.spec,
        record=record,
        form=Form.of(groups, values_of(record.spec)),
        may_change=who.may(Right.PHONES),
    )


def _query() -> tuple[Fields, PhoneQuery]:
    fields = Fields(request.args)
    sort, locked = fields.choice("sort", set(PhoneSort)), fields.choice("locked", {"yes", "no"})
    query = PhoneQuery(
        search=fields.number_prefix("q"),
        account=fields.text("account", MAX_NAME),
        locked=None if not locked else locked == "yes",
        sort=PhoneSort(sort) if sort else PhoneSort.NUMBER,
        descending=fields.flag("desc"),
        after=fields.text("after", MAX_NAME),
        limit=config().page_size,
    )
    return fields, query


# -- make ----------------------------------------------------------------------------------


@pages.get("/phones/new")
@allow(AGENTS)
def new() -> ResponseReturnValue:
    actor().require(Right.PHONES)
    account = Fields(request.args).text("account", MAX_NAME)
    wanted = {"account": account, "authorization": "international"}
    return _new_page().show(Form.of(phone_fields.NEW, wanted))


@pages.post("/phones/new")
@allow(up_to(AGENTS, MAX_BYTES))
def create_new() -> ResponseReturnValue:
    form = Form.sent(phone_fields.NEW, request.form)
    number = form.given["number"].strip()

    def do(values: Values) -> ResponseReturnValue:
        return _told([services().phones.create(actor(), *_with_account(values))])

    afterwards = url_for("phones.detail", number=number or "0")
    return create(_new_page(), form, do, afterwards, needed_is_checked=True)


@pages.get("/phones/range")
@allow(AGENTS)
def many() -> ResponseReturnValue:
    actor().require(Right.PHONES)
    account = Fields(request.args).text("account", MAX_NAME)
    wanted = {"account": account, "authorization": "international"}
    return _range_page().show(Form.of(phone_fields.RANGE, wanted))


@pages.post("/phones/range")
@allow(up_to(AGENTS, MAX_BYTES))
def create_many() -> ResponseReturnValue:
    form = Form.sent(phone_fields.RANGE, request.form)

    def do(values: Values) -> ResponseReturnValue:
        shared = {name: v for name, v in values.items() if name not in ("first", "last")}
        wanted = PhoneRange(str(values["first"]), str(values["last"]), shared)
        try:
            return _told(services().phones.create_many(actor(), wanted))
        except InvalidFields as error:
            raise InvalidFields(_of_range(error.errors)) from None

    return create(_range_page(), form, do, url_for("phones.index"), needed_is_checked=True)


@pages.get("/phones/upload")
@allow(AGENTS)
def upload() -> ResponseReturnValue:
    actor().require(Right.PHONES)
    return _upload_page().show(Form.of(()))


@pages.post("/phones/upload")
@allow(up_to(AGENTS, MAX_FILE))
def create_uploaded() -> ResponseReturnValue:
    def do(_values: Values) -> ResponseReturnValue:
        rows = read_phone_csv(uploaded_text("file"))
        return _told(services().phones.create_many(actor(), rows))

    return create(
        _upload_page(),
        Form.sent((), request.form),
        do,
        url_for("phones.index"),
        needed_is_checked=True,
    )


def _with_account(values: Values) -> tuple[Values, Values | None]:
    """The new account of a phone goes below the account that the form names."""
    given = dict(values)
    if not given.pop("new_account", False):
        return given, None
    parent = services().account_records.get(actor(), str(given["account"]))
    return given, {"parent": parent.spec.name, "currency": parent.spec.currency}


def _told(made: list[NewPhone]) -> ResponseReturnValue:
    """The passwords, this once."""
    return render_template("phone_passwords.html", made=made)


def _of_range(errors: Mapping[str, str]) -> dict[str, str]:
    """What every row has in common is said once, at its field; numbers at the first one."""
    found: dict[str, str] = {}
    for place, why in errors.items():
        row, _dot, name = place.partition(".")
        field = place if not row.isdigit() else "first" if name == "number" else name
        found.setdefault(field, why)
    return found


# -- change --------------------------------------------------------------------------------


@pages.get("/phones/<number>/change")
@allow(AGENTS)
def change_form(number: str) -> ResponseReturnValue:
    record = _changeable(number)
    form = Form.of(phone_fields.CHANGE, values_of(record.spec), record.revision)
    return _change_page(record).show(form)


@pages.post("/phones/<number>/change")
@allow(up_to(AGENTS, MAX_BYTES))
def change_phone(number: str) -> ResponseReturnValue:
    record, form = _changeable(number), Form.sent(phone_fields.CHANGE, request.form)

    def do(values: Values) -> ResponseReturnValue:
        services().phones.change(actor(), number, values, form.revision)
        flash(_("Phone %(number)s was changed.", number=number))
        return redirect(url_for("phones.detail", number=number))

    def stored() -> Stored:
        now = services().phones.get(actor(), number)
        return values_of(now.spec), now.revision

    return change(_change_page(record), form, do, stored)


@pages.get("/phones/<number>/password")
@allow(AGENTS)
def password_form(number: str) -> ResponseReturnValue:
    page = _password_page(_changeable(number))
    return page.show(Form.of(phone_fields.NEW_PASSWORD))


@pages.post("/phones/<number>/password")
@allow(AGENTS)
def set_password(number: str) -> ResponseReturnValue:
    page = _password_page(_changeable(number))
    form = Form.sent(phone_fields.NEW_PASSWORD, request.form)

    def do(values: Values) -> ResponseReturnValue:
        given = str(values["password"]) or None
        return _told([services().phones.new_password(actor(), number, given)])

    return create(page, form, do, url_for("phones.detail", number=number), needed_is_checked=True)


@pages.get("/phones/<number>/delete")
@allow(AGENTS)
def delete_form(number: str) -> ResponseReturnValue:
    record = _changeable(number, "delete")
    return confirm(_delete_question(record), kept={"revision": record.revision})


@pages.post("/phones/<number>/delete")
@allow(AGENTS)
def delete(number: str) -> ResponseReturnValue:
    try:
        record = _changeable(number, "delete")
    except NotFound as error:
        return gone(error)
    given = request.form.get("revision", "")
    revision = int(given) if given.isascii() and given.isdigit() else record.revision

    def do() -> ResponseReturnValue:
        services().phones.delete(actor(), number, revision)
        flash(_("Phone %(number)s is gone.", number=number))
        return redirect(url_for("phones.index"))

    return confirmed(_delete_question(record), do, kept={"revision": record.revision})


def _changeable(number: str, action: str = "change") -> PhoneRecord:
    """Raises NotFound, NotAllowed."""
    return services().phones.get(actor(), number, action)


# -- what the pages say --------------------------------------------------------------------


def _crumbs(*numbers: str) -> list[tuple[str, str]]:
    return [
        (_("Phones"), url_for("phones.index")),
        *((number, url_for("phones.detail", number=number)) for number in numbers),
    ]


def _new_page() -> FormPage:
    return FormPage(
        About(_("New phone"), _("Make the phone"), url_for("phones.index"), crumbs=_crumbs())
    )


def _range_page() -> FormPage:
    about = About(
        _("A range of phones"),
        _("Make the phones"),
        url_for("phones.index"),
        lead=_("Every number from the first to the last, each with a password of its own."),
        crumbs=_crumbs(),
    )
    return FormPage(about, "phone_range.html")


def _upload_page() -> FormPage:
    about = About(
        _("Phones from a file"),
        _("Make the phones"),
        url_for("phones.index"),
        lead=_("All rows become phones, or none of them does."),
        crumbs=_crumbs(),
        upload=True,
    )
    names = [f for g in phone_fields.NEW for f in g.fields if f.name != "new_account"]
    return FormPage(about, "upload.html", {"columns": names, "needed": "number"})


def _change_page(record: PhoneRecord) -> FormPage:
    number = record.spec.number
    about = About(
        _("Change phone %(number)s", number=number),
        _("Save"),
        url_for("phones.detail", number=number),
        crumbs=_crumbs(number),
    )
    return FormPage(about)


def _password_page(record: PhoneRecord) -> FormPage:
    number = record.spec.number
    about = About(
        _("New SIP password for %(number)s", number=number),
        _("Set the password"),
        url_for("phones.detail", number=number),
        lead=_("The one before stops working at once."),
        crumbs=_crumbs(number),
    )
    return FormPage(about)


def _delete_question(record: PhoneRecord) -> About:
    number = record.spec.number
    return About(
        _("Delete phone %(number)s?", number=number),
        _("Delete for good"),
        url_for("phones.detail", number=number),
        lead=_("It is gone for good. A phone that has calls or charges cannot be deleted."),
        crumbs=_crumbs(number),
        danger=True,
    )
