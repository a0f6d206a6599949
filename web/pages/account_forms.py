"""Accounts made, changed, moved, locked, closed, opened again, approved and deleted by people."""

from collections.abc import Callable, Mapping

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import NotFound
from controller.domain.rights import PRESETS, Right, in_order
from controller.services.accounts import AccountRecord
from controller.services.records.values import values_of
from web.access import AGENTS, SIGNED_IN, allow, up_to
from web.context import actor, services
from web.fields import MAX_NAME, Fields
from web.forms import Form, Group, account_fields
from web.forms.once import gone
from web.forms.steps import About, FormPage, Stored, Values, change, confirm, confirmed, create
from web.i18n import LazyText, lazy_gettext
from web.i18n import gettext as _
from web.pages.account_tabs import ADDRESS, Shown, held
from web.pages.accounts import pages

MOST = 1024 * 1024
"""Bytes of a form: number sections and destination rules can be long lists."""

SECTIONS: Mapping[str, tuple[Group, ...]] = {
    "settings": account_fields.CHANGE,
    "place": account_fields.MOVE,
    "rights": account_fields.RIGHTS,
    "numbers": account_fields.NUMBERS,
    "contact": account_fields.CONTACT,
}
_TITLES = {
    "settings": lazy_gettext("Change %(name)s"),
    "place": lazy_gettext("Move %(name)s under another agent"),
    "rights": lazy_gettext("Rights of %(name)s"),
    "numbers": lazy_gettext("Numbers and destinations of %(name)s"),
    "contact": lazy_gettext("Contact data of %(name)s"),
}
_LEADS = {
    "place": lazy_gettext(
        "Everything below the account moves with it. From then on the new agent, and those above"
        " it, pay for its calls."
    ),
    "rights": lazy_gettext("You can give what you have yourself."),
}
_BACK = {"settings": "detail", "place": "detail"}
"""Where each section is seen; the others under their own name."""


# -- make and change -----------------------------------------------------------------------


@pages.get("/accounts/new")
@allow(AGENTS)
def new() -> ResponseReturnValue:
    actor().require(Right.ACCOUNTS)
    parent = Fields(request.args).text("parent", MAX_NAME)
    wanted: dict[str, object] = {
        "parent": parent,
        "kind": "ordinary",
        "currency": _currency(parent),
    }
    preset = request.args.get("preset", "")
    if preset in PRESETS:
        wanted["rights"] = list(in_order(PRESETS[preset]))
    return _new_page().show(Form.of(account_fields.NEW, wanted))


@pages.post("/accounts/new")
@allow(up_to(AGENTS, MOST))
def create_new() -> ResponseReturnValue:
    def do(values: Values) -> ResponseReturnValue:
        made = services().account_records.create(actor(), values)
        flash(_("Account %(name)s was made.", name=made.spec.name))
        return redirect(url_for("accounts.detail", account_id=made.account_id))

    return create(
        _new_page(), Form.sent(account_fields.NEW, request.form), do, needed_is_checked=True
    )


@pages.get(f"{ADDRESS}/change/<section>")
@pages.get(f"{ADDRESS}/change", defaults={"section": "settings"})
@allow(SIGNED_IN)
def change_form(account_id: int, section: str) -> ResponseReturnValue:
    found, record = _changeable(account_id, section)
    form = Form.of(SECTIONS[section], values_of(record.spec), record.revision)
    preset = request.args.get("preset", "")
    if section == "rights" and preset in PRESETS:
        form.given["rights"] = "\n".join(in_order(PRESETS[preset]))
    return _change_page(found, record, section).show(form)


@pages.post(f"{ADDRESS}/change/<section>")
@pages.post(f"{ADDRESS}/change", defaults={"section": "settings"})
@allow(up_to(SIGNED_IN, MOST))
def change_account(account_id: int, section: str) -> ResponseReturnValue:
    found, record = _changeable(account_id, section)
    name, form = record.spec.name, Form.sent(SECTIONS[section], request.form)

    def do(values: Values) -> ResponseReturnValue:
        services().account_records.change(found.who, name, values, form.revision)
        flash(_("Account %(name)s was changed.", name=name))
        return redirect(_seen_at(account_id, section))

    def stored() -> Stored:
        now = services().account_records.get(found.who, name)
        return values_of(now.spec), now.revision

    return change(_change_page(found, record, section), form, do, stored)


def _changeable(account_id: int, section: str) -> tuple[Shown, AccountRecord]:
    """Of the own account everybody may keep the contact data, and nothing else."""
    if section not in SECTIONS:
        abort(404)
    found, record = held(account_id)
    if not (found.is_own and section == "contact"):
        record = services().account_records.get(found.who, record.spec.name, "change")
    return found, record


def _new_page() -> FormPage:
    about = About(
        title=_("New account"),
        submit=_("Make the account"),
        back=url_for("accounts.index"),
        lead=_("It begins without money; a payment or an overdraft limit lets it call."),
        crumbs=[(_("Accounts"), url_for("accounts.index"))],
    )
    return FormPage(about, "account_form.html", {"presets": account_fields.PRESET_NAMES})


def _change_page(found: Shown, record: AccountRecord, section: str) -> FormPage:
    name, account_id = record.spec.name, record.account_id
    about = About(
        title=_TITLES[section].with_values(name=name),
        submit=_("Save"),
        back=_seen_at(account_id, section),
        lead=str(_LEADS[section]) if section in _LEADS else "",
        crumbs=_crumbs(found),
    )
    presets = account_fields.PRESET_NAMES if section == "rights" else {}
    return FormPage(about, "account_form.html", {"presets": presets})


def _seen_at(account_id: int, section: str) -> str:
    return url_for(f"accounts.{_BACK.get(section, section)}", account_id=account_id)


def _crumbs(found: Shown) -> list[tuple[str, str]]:
    row = found.detail.row
    return [
        (_("Accounts"), url_for("accounts.index")),
        (row.name, url_for("accounts.detail", account_id=row.account_id)),
    ]


def _currency(parent: str) -> str:
    """That of the agent, which an account below it must have too."""
    who, records = actor(), services().account_records
    if parent:
        return records.get(who, parent).spec.currency
    if who.account_id is not None:
        return records.by_id(who, who.account_id).spec.currency
    return ""


# -- lock, close, approve, delete ----------------------------------------------------------

_ACTIONS: Mapping[str, tuple[LazyText, LazyText, LazyText, bool]] = {
    # what is asked, what it means, the button, whether it is dangerous
    "lock": (
        lazy_gettext("Lock %(name)s?"),
        lazy_gettext("Its calls, and those of everything below it, are refused. Calls go on."),
        lazy_gettext("Lock"),
        False,
    ),
    "unlock": (
        lazy_gettext("Unlock %(name)s?"),
        lazy_gettext("Its calls are taken again."),
        lazy_gettext("Unlock"),
        False,
    ),
    "close": (
        lazy_gettext("Close %(name)s?"),
        lazy_gettext(
            "No calls and no changes any more; its history stays. It can be opened again."
        ),
        lazy_gettext("Close the account"),
        True,
    ),
    "reopen": (
        lazy_gettext("Open %(name)s again?"),
        lazy_gettext("It may call and be changed again."),
        lazy_gettext("Open again"),
        False,
    ),
    "delete": (
        lazy_gettext("Delete %(name)s?"),
        lazy_gettext(
            "It is gone for good. Only an account that never had money, calls or accounts below it"
            " can be deleted."
        ),
        lazy_gettext("Delete for good"),
        True,
    ),
    "approve": (
        lazy_gettext("Approve %(name)s?"),
        lazy_gettext("Its calls are taken from now on."),
        lazy_gettext("Approve"),
        False,
    ),
}
_DONE = {
    "lock": lazy_gettext("Account %(name)s is locked."),
    "unlock": lazy_gettext("Account %(name)s is unlocked."),
    "close": lazy_gettext("Account %(name)s is closed."),
    "reopen": lazy_gettext("Account %(name)s is open again."),
    "delete": lazy_gettext("Account %(name)s is gone."),
    "approve": lazy_gettext("Account %(name)s is approved."),
}


@pages.get(f"{ADDRESS}/<any(lock, unlock, close, reopen, delete, approve):action>")
@allow(AGENTS)
def act(account_id: int, action: str) -> ResponseReturnValue:
    found, record = _disposable(account_id, action)
    return confirm(_question(found, record, action), kept={"revision": record.revision})


@pages.post(f"{ADDRESS}/<any(lock, unlock, close, reopen, delete, approve):action>")
@allow(AGENTS)
def carry_out(account_id: int, action: str) -> ResponseReturnValue:
    try:
        found, record = _disposable(account_id, action)
    except NotFound as error:
        return gone(error)
    name, given = record.spec.name, request.form.get("revision", "")
    revision = int(given) if given.isascii() and given.isdigit() else record.revision

    def do() -> ResponseReturnValue:
        _carry_out(action, name, revision)
        flash(_DONE[action].with_values(name=name))
        gone = action == "delete"
        return redirect(
            url_for("accounts.index") if gone else url_for("accounts.detail", account_id=account_id)
        )

    kept = {"revision": record.revision}
    return confirmed(_question(found, record, action), do, kept=kept)


def _carry_out(action: str, name: str, revision: int) -> None:
    who, records = actor(), services().account_records
    does: Mapping[str, Callable[[], object]] = {
        "lock": lambda: records.change(who, name, {"locked": True}, revision),
        "unlock": lambda: records.change(who, name, {"locked": False}, revision),
        "close": lambda: records.close(who, name, revision),
        "reopen": lambda: records.reopen(who, name, revision),
        "delete": lambda: records.delete(who, name, revision),
        "approve": lambda: records.approve(who, name),
    }
    does[action]()


def _disposable(account_id: int, action: str) -> tuple[Shown, AccountRecord]:
    """Raises NotFound, NotAllowed."""
    found, record = held(account_id)
    return found, services().account_records.get(found.who, record.spec.name, action)


def _question(found: Shown, record: AccountRecord, action: str) -> About:
    title, lead, submit, danger = _ACTIONS[action]
    return About(
        title=title.with_values(name=record.spec.name),
        submit=str(submit),
        back=url_for("accounts.detail", account_id=record.account_id),
        lead=str(lead),
        crumbs=_crumbs(found),
        danger=danger,
    )
