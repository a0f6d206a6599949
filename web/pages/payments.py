"""Payments: ordered in two steps, with a receipt at the end; and what was paid before."""

from collections.abc import Callable, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from decimal import Decimal

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import Conflict, InvalidFields, NotAllowed, TooManyTries
from controller.services.cards import Recharged
from controller.services.payments import Done, PaymentKind, PaymentPage, PaymentQuery, PaymentRow
from web.access import SIGNED_IN, allow
from web.context import actor, config, services
from web.exports import PAGE, csv_download
from web.fields import MAX_NAME, Fields
from web.formatting import money
from web.forms import Form, money_fields
from web.forms.once import once, sent_key
from web.forms.steps import About, FormPage, Values, confirm
from web.i18n import gettext as _
from web.i18n import lazy_gettext
from web.lists import Column, list_state
from web.pages.account_tabs import ADDRESS, Shown, held

pages = Blueprint("payments", __name__)

FILTERS = ("account", "kind", "since", "until")
COLUMNS = (
    Column("at", lazy_gettext("Time")),
    Column("account", lazy_gettext("Account")),
    Column("kind", lazy_gettext("What")),
    Column("amount", lazy_gettext("Amount"), number=True),
    Column("after", lazy_gettext("Afterwards"), number=True, wide=True),
    Column("other", lazy_gettext("Other side"), usual=False, wide=True),
    Column("memo", lazy_gettext("Memo"), wide=True),
    Column("who", lazy_gettext("By"), wide=True),
)
KIND_NAMES = {
    PaymentKind.PAYMENT: lazy_gettext("Payment"),
    PaymentKind.WITHDRAWAL: lazy_gettext("Withdrawal"),
    PaymentKind.TRANSFER: lazy_gettext("Transfer"),
    PaymentKind.MAKE_ZERO: lazy_gettext("Made zero"),
    PaymentKind.CREDIT: lazy_gettext("Overdraft limit"),
    PaymentKind.CARD: lazy_gettext("Phone card"),
    PaymentKind.CARD_STOCK: lazy_gettext("Phone cards made"),
    PaymentKind.CARD_RETURN: lazy_gettext("Phone cards taken back"),
    PaymentKind.CORRECTION: lazy_gettext("Correction"),
    PaymentKind.REVERSAL: lazy_gettext("Reversal"),
}
CONFIRMED = "confirmed"
_CSV = tuple(f.name for f in fields_of(PaymentRow))


# -- see -----------------------------------------------------------------------------------


@pages.get("/payments")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    fields, query = _query()
    page, errors = PaymentPage((), None), dict(fields.errors)
    if not errors:
        try:
            page = services().payments.page(actor(), query)
        except InvalidFields as error:
            errors.update(error.errors)
    html = render_template(
        "payments.html",
        page=page,
        list=list_state("payments.index", COLUMNS, FILTERS, sort=""),
        kinds=KIND_NAMES,
        errors=errors,
        first=not query.after,
    )
    return html, 400 if errors else 200


@pages.get("/payments.csv")
@allow(SIGNED_IN)
def export() -> ResponseReturnValue:
    """The list as CSV, in its order, all pages of it."""
    fields, query = _query()
    if fields.errors:
        raise InvalidFields(fields.errors)
    who, payments = actor(), services().payments
    return csv_download(
        "payments", _CSV, lambda after: payments.page(who, replace(query, after=after, limit=PAGE))
    )


@pages.get("/payments/<payment_id>")
@allow(SIGNED_IN)
def receipt(payment_id: str) -> ResponseReturnValue:
    found = services().payments.receipt(actor(), payment_id)
    return render_template("receipt.html", receipt=found, row=found.row, kinds=KIND_NAMES)


def _query() -> tuple[Fields, PaymentQuery]:
    fields = Fields(request.args)
    kind = fields.choice("kind", set(PaymentKind))
    query = PaymentQuery(
        account=fields.text("account", MAX_NAME),
        kind=PaymentKind(kind) if kind else None,
        since=fields.moment("since"),
        until=fields.moment("until"),
        after=fields.text("after", MAX_NAME),
        limit=config().page_size,
    )
    return fields, query


# -- order ---------------------------------------------------------------------------------


@pages.get(f"{ADDRESS}/pay/<kind>")
@allow(SIGNED_IN)
def form(account_id: int, kind: str) -> ResponseReturnValue:
    found = _payable(account_id, kind)
    return _page(found, kind).show(Form.of(money_fields.FIELDS[kind]))


@pages.post(f"{ADDRESS}/pay/<kind>")
@allow(SIGNED_IN)
def order(account_id: int, kind: str) -> ResponseReturnValue:
    """What was typed is asked for once more; what was confirmed is done, once for its key."""
    found = _payable(account_id, kind)
    sent = Form.sent(money_fields.FIELDS[kind], request.form)
    values, page = sent.values(), _page(found, kind)
    if sent.errors or request.form.get("again"):
        return page.show(sent, 400 if sent.errors else 200)
    if kind == "card":
        # what it is worth is not known before it is used: there is nothing to confirm
        return once(lambda: _pay(found, kind, sent, values))
    if not request.form.get(CONFIRMED):
        return _ask(found, kind, sent, values)
    return once(lambda: _pay(found, kind, sent, values))


def _pay(found: Shown, kind: str, sent: Form, values: Values) -> ResponseReturnValue:
    name, payments, who = found.detail.row.name, services().payments, actor()
    does: Mapping[str, Callable[[str], Done | Recharged]] = {
        "payment": lambda key: payments.pay(who, name, values, key),
        "withdraw": lambda key: payments.withdraw(who, name, values, key),
        "transfer": lambda key: payments.transfer(who, name, values, key),
        "make-zero": lambda key: payments.make_zero(who, name, values, key),
        "credit": lambda key: payments.credit(who, name, values, key),
        "card": lambda _key: services().card_payments.recharge(who, name, values),
    }
    try:
        done = does[kind](f"web-{sent_key()}")
    except InvalidFields as error:
        sent.add_errors(error.errors)
        return _page(found, kind).show(sent, 400)
    except Conflict as error:
        sent.add_errors({"": str(error)})
        return _page(found, kind).show(sent, 409)
    except NotAllowed as error:
        sent.add_errors({"": str(error)})
        return _page(found, kind).show(sent, 403)
    except TooManyTries as error:
        sent.add_errors({"": str(error)})
        return _page(found, kind).show(sent, 429)
    return redirect(url_for("payments.receipt", payment_id=done.payment_id))


def _ask(found: Shown, kind: str, sent: Form, values: Values) -> ResponseReturnValue:
    """The payment in full, with what becomes of the balance, before it is made."""
    row = found.detail.row
    facts: list[tuple[str, object]] = [(_("Account"), row.name)]
    if row.title:
        facts.append((_("Name"), row.title))
    if kind == "transfer":
        facts.append((_("To account"), values["to"]))
    if "amount" in values:
        amount = Decimal(str(values["amount"]))
        facts.append((_("Amount"), money(amount, row.currency)))
        facts.extend(_afterwards(found, kind, amount, values))
    if kind == "make-zero":
        facts.append((_("Balance"), f"{money(row.balance, row.currency)} → {money(Decimal(0))}"))
    if values.get("memo"):
        facts.append((_("Memo"), values["memo"]))
    about = replace(_page(found, kind).about, submit=_("Yes, do it"))
    kept = {**sent.given, CONFIRMED: "1"}
    return confirm(about, facts=facts, kept=kept)


def _afterwards(
    found: Shown, kind: str, amount: Decimal, values: Values
) -> list[tuple[str, object]]:
    """As things are now: calls go on meanwhile."""
    row = found.detail.row
    if kind == "credit":
        limit = row.overdraft_limit
        after = {"raise": limit + amount, "lower": limit - amount}.get(str(values["mode"]), amount)
        return [(_("Overdraft limit"), f"{money(limit)} → {money(after, row.currency)}")]
    after = row.balance + (amount if kind == "payment" else -amount)
    return [(_("Balance"), f"{money(row.balance)} → {money(after, row.currency)}")]


_ACTIONS = {"withdraw": "withdrawal", "make-zero": "make zero"}
"""As the audit log names them, where it is not as in the address."""


def _payable(account_id: int, kind: str) -> Shown:
    if kind not in money_fields.FIELDS:
        abort(404)
    found, _record = held(account_id)
    if kind not in found.moves:
        services().payments.require(actor(), found.detail.row.name, _ACTIONS.get(kind, kind))
        abort(403)
    return found


def _page(found: Shown, kind: str) -> FormPage:
    row = found.detail.row
    about = About(
        title=f"{money_fields.TITLES[kind]}: {row.name}",
        submit=_("Recharge") if kind == "card" else _("Go on"),
        back=url_for("accounts.detail", account_id=row.account_id),
        lead=str(money_fields.WORDS[kind]),
        crumbs=[
            (_("Accounts"), url_for("accounts.index")),
            (row.name, url_for("accounts.detail", account_id=row.account_id)),
        ],
        again=True,
    )
    return FormPage(about)
