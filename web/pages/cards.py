"""Phone cards: batches, one batch with its cards, and the forms that make and void them."""

import base64

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.cards import CardState
from controller.domain.errors import InvalidFields
from controller.domain.rights import Right
from controller.services.cards import (
    BatchPage,
    BatchQuery,
    BatchRow,
    CardQuery,
    NewBatch,
    sheet,
)
from web.access import AGENTS, allow
from web.context import actor, config, services
from web.fields import MAX_NAME, Fields
from web.formatting import money
from web.forms import Form, card_fields
from web.forms.fields import Group
from web.forms.once import sent_key
from web.forms.steps import About, FormPage, Values, confirm, confirmed, create
from web.i18n import gettext as _
from web.i18n import lazy_gettext, ngettext
from web.lists import Column, list_state

pages = Blueprint("cards", __name__)

BIGGEST_ID = 2**63 - 1
ADDRESS = f"/cards/<int(max={BIGGEST_ID}):batch_id>"
CARD = f"{ADDRESS}/<int(max=10000):number>/<any(void, lock, unlock):action>"
FILTERS = ("q", "issuer")
COLUMNS = (
    Column("name", lazy_gettext("Batch")),
    Column("issuer", lazy_gettext("Agent"), wide=True),
    Column("face_value", lazy_gettext("Face value"), number=True),
    Column("count", lazy_gettext("Cards"), number=True),
    Column("unused", lazy_gettext("Unused"), number=True),
    Column("used", lazy_gettext("Used"), number=True, wide=True),
    Column("gone", lazy_gettext("Void or expired"), number=True, wide=True),
    Column("expires_at", lazy_gettext("Expires"), wide=True),
    Column("created_at", lazy_gettext("Made"), usual=False, wide=True),
    Column("memo", lazy_gettext("Memo"), usual=False, wide=True),
)
STATES = {
    CardState.UNUSED: lazy_gettext("Unused"),
    CardState.USED: lazy_gettext("Used"),
    CardState.VOIDED: lazy_gettext("Void"),
    CardState.EXPIRED: lazy_gettext("Expired"),
}


# -- see -----------------------------------------------------------------------------------


@pages.get("/cards")
@allow(AGENTS)
def index() -> ResponseReturnValue:
    actor().require(Right.PHONE_CARDS)
    fields = Fields(request.args)
    query = BatchQuery(
        search=fields.text("q"),
        issuer=fields.text("issuer", MAX_NAME),
        before=fields.whole("after", BIGGEST_ID),
        limit=config().page_size,
    )
    page, errors = BatchPage((), None), dict(fields.errors)
    if not errors:
        try:
            page = services().cards.page(actor(), query)
        except InvalidFields as error:
            errors.update(error.errors)
    html = render_template(
        "cards.html",
        page=page,
        list=list_state("cards.index", COLUMNS, FILTERS, sort=""),
        errors=errors,
        again=fields.flag("again"),
        first=query.before is None,
    )
    return html, 400 if errors else 200


@pages.get(ADDRESS)
@allow(AGENTS)
def batch(batch_id: int) -> ResponseReturnValue:
    found = services().cards.get(actor(), batch_id)
    fields = Fields(request.args)
    state = fields.choice("state", set(CardState))
    after = fields.whole("after", BIGGEST_ID) or 0
    query = CardQuery(CardState(state) if state else None, after, config().page_size)
    page = services().cards.cards(actor(), batch_id, query)
    html = render_template(
        "card_batch.html",
        batch=found,
        page=page,
        states=STATES,
        state=state,
        errors=fields.errors,
        first=not after,
    )
    return html, 400 if fields.errors else 200


# -- make ----------------------------------------------------------------------------------


@pages.get("/cards/new")
@allow(AGENTS)
def new() -> ResponseReturnValue:
    actor().require(Right.PHONE_CARDS)
    return _new_page().show(Form.of(_groups(), {"pin_length": "12", "password_length": "0"}))


@pages.post("/cards/new")
@allow(AGENTS)
def create_new() -> ResponseReturnValue:
    """The PINs are in this answer alone. The same form again leads to the list, which says so."""
    actor().require(Right.PHONE_CARDS)
    form = Form.sent(_groups(), request.form)

    def do(values: Values) -> ResponseReturnValue:
        made = services().cards.create(actor(), values, f"web-{sent_key()}")
        if made.recorded:
            return _told(made)
        flash(_("This batch was made before. PINs are shown only once."))
        return redirect(url_for("cards.batch", batch_id=made.row.batch_id))

    afterwards = url_for("cards.index", q=form.given["name"].strip()[:40], again="1")
    return create(_new_page(), form, do, afterwards, needed_is_checked=True)


def _told(made: NewBatch) -> ResponseReturnValue:
    """With the sheet as a file in the page itself: it is on no server afterwards."""
    file = base64.b64encode(sheet(made).encode()).decode()
    return render_template(
        "cards_made.html", batch=made.row, address=f"data:text/csv;charset=utf-8;base64,{file}"
    )


# -- end -----------------------------------------------------------------------------------


@pages.get(f"{ADDRESS}/void")
@allow(AGENTS)
def void_form(batch_id: int) -> ResponseReturnValue:
    found = services().cards.get(actor(), batch_id)
    return confirm(_void_question(found), facts=_facts(found), kept={"revision": found.revision})


@pages.post(f"{ADDRESS}/void")
@allow(AGENTS)
def void(batch_id: int) -> ResponseReturnValue:
    found = services().cards.get(actor(), batch_id)

    def do() -> ResponseReturnValue:
        voided = services().cards.void(actor(), batch_id, _revision(found.revision))
        flash(ngettext("%(num)s card is void.", "%(num)s cards are void.", voided.count))
        return redirect(url_for("cards.batch", batch_id=batch_id))

    kept = {"revision": found.revision}
    return confirmed(_void_question(found), do, facts=_facts(found), kept=kept)


@pages.get(CARD)
@allow(AGENTS)
def act(batch_id: int, number: int, action: str) -> ResponseReturnValue:
    found = services().cards.get(actor(), batch_id)
    return confirm(_question(found, number, action), kept={"revision": _of_card(found, number)})


@pages.post(CARD)
@allow(AGENTS)
def carry_out(batch_id: int, number: int, action: str) -> ResponseReturnValue:
    found, cards = services().cards.get(actor(), batch_id), services().cards
    stored = _of_card(found, number)

    def do() -> ResponseReturnValue:
        who, revision = actor(), _revision(stored)
        if action == "void":
            cards.void_card(who, batch_id, number, revision)
        else:
            locked = action == "lock"
            cards.set_locked(who, batch_id, number, locked=locked, revision=revision)
        flash(_("Card %(serial)s was changed.", serial=found.serial(number)))
        return redirect(url_for("cards.batch", batch_id=batch_id, after=number - 1 or None))

    return confirmed(_question(found, number, action), do, kept={"revision": stored})


def _of_card(found: BatchRow, number: int) -> int:
    """A card's revision as it is stored."""
    page = services().cards.cards(actor(), found.batch_id, CardQuery(after=number - 1, limit=1))
    if not page.rows or page.rows[0].number != number:
        abort(404)
    return page.rows[0].revision


def _revision(stored: int) -> int:
    given = request.form.get("revision", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else stored


# -- what the pages say --------------------------------------------------------------------


def _groups() -> tuple[Group, ...]:
    return card_fields.NEW if actor().is_operator else card_fields.NEW_OF_AGENT


def _crumbs(*batches: BatchRow) -> list[tuple[str, str]]:
    return [
        (_("Phone cards"), url_for("cards.index")),
        *((b.name, url_for("cards.batch", batch_id=b.batch_id)) for b in batches),
    ]


def _new_page() -> FormPage:
    lead = _("The PINs are shown once, when the cards are made: have a place for them.")
    if not actor().is_operator:
        said = _(
            "All of the cards are paid for now, out of your balance; unused ones can be voided."
        )
        lead = f"{lead} {said}"
    about = About(
        _("New phone cards"), _("Make the cards"), url_for("cards.index"), lead, _crumbs()
    )
    return FormPage(about)


def _void_question(found: BatchRow) -> About:
    return About(
        title=_("Void the rest of %(batch)s", batch=found.name),
        submit=_("Yes, void them"),
        back=url_for("cards.batch", batch_id=found.batch_id),
        lead=_("Nobody can use these cards any more. This cannot be undone."),
        crumbs=_crumbs(found),
        danger=True,
    )


def _facts(found: BatchRow) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [(_("Unused"), found.unused)]
    if found.issuer:
        back = money(found.face_value * found.unused, found.currency)
        facts.append((_("Back to %(account)s", account=found.issuer), back))
    return facts


def _question(found: BatchRow, number: int, action: str) -> About:
    serial = found.serial(number)
    title, lead = {
        "void": (
            _("Void card %(serial)s", serial=serial),
            _("Nobody can use the card any more. This cannot be undone."),
        ),
        "lock": (
            _("Lock card %(serial)s", serial=serial),
            _("The card recharges nothing until it is unlocked."),
        ),
        "unlock": (
            _("Unlock card %(serial)s", serial=serial),
            _("The card recharges again."),
        ),
    }[action]
    return About(
        title=title,
        submit=_("Yes, do it"),
        back=url_for("cards.batch", batch_id=found.batch_id),
        lead=lead,
        crumbs=_crumbs(found),
        danger=action == "void",
    )
