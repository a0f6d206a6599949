"""Trunks: customers' (mapping) and vendors' (routing) gateways, with their forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields, NotFound
from controller.domain.rights import Right
from controller.services.actors import Actor
from controller.services.gateways import (
    FIELD_RIGHTS,
    OPERATOR_ONLY,
    GatewayPage,
    GatewayQuery,
    MappingGateways,
    MappingRecord,
    RoutingGateways,
    RoutingRecord,
)
from controller.services.gateways.routing import route_texts
from controller.services.records.values import values_of
from web.access import AGENTS, SIGNED_IN, allow, up_to
from web.context import actor, config, services
from web.fields import MAX_NAME, Fields
from web.forms import Form, Group, gateway_fields
from web.forms.once import gone
from web.forms.steps import About, FormPage, Stored, Values, change, confirm, confirmed, create
from web.i18n import LazyText, lazy_gettext
from web.i18n import gettext as _

pages = Blueprint("gateways", __name__)

MAX_BYTES = 512 * 1024
FILTERS = ("q", "account", "locked")
_KIND = "<any(mapping, routing):kind>"
Record = MappingRecord | RoutingRecord


@dataclass(frozen=True, slots=True)
class Trunks:
    """What the pages of one kind of trunk differ in."""

    title: LazyText
    service: Callable[[], MappingGateways | RoutingGateways]
    new: tuple[Group, ...]
    change: tuple[Group, ...]
    owner: str
    """The field that names its account."""


KINDS: Mapping[str, Trunks] = {
    "mapping": Trunks(
        lazy_gettext("Customers' gateways"),
        lambda: services().mapping_gateways,
        gateway_fields.MAPPING_NEW,
        gateway_fields.MAPPING_CHANGE,
        "account",
    ),
    "routing": Trunks(
        lazy_gettext("Vendors' gateways"),
        lambda: services().routing_gateways,
        gateway_fields.ROUTING_NEW,
        gateway_fields.ROUTING_CHANGE,
        "clearing_account",
    ),
}


# -- see -----------------------------------------------------------------------------------


@pages.get(f"/gateways/{_KIND}")
@allow(SIGNED_IN)
def index(kind: str) -> ResponseReturnValue:
    fields = Fields(request.args)
    locked = fields.choice("locked", {"yes", "no"})
    query = GatewayQuery(
        search=fields.text("q"),
        account=fields.text("account", MAX_NAME),
        locked=None if not locked else locked == "yes",
        descending=fields.flag("desc"),
        after=fields.text("after", MAX_NAME),
        limit=config().page_size,
    )
    page, errors = GatewayPage((), None), dict(fields.errors)
    if not errors:
        try:
            page = KINDS[kind].service().page(actor(), query)
        except InvalidFields as error:
            errors.update(error.errors)
    html = render_template(
        "gateways.html",
        page=page,
        query=query,
        kind=kind,
        title=KINDS[kind].title,
        given={name: request.args[name] for name in FILTERS if request.args.get(name)},
        errors=errors,
        who=actor(),
        may_make=_may_make(actor(), kind),
        first=not query.after,
    )
    return html, 400 if errors else 200


@pages.get(f"/gateways/{_KIND}/<name>")
@allow(SIGNED_IN)
def detail(kind: str, name: str) -> ResponseReturnValue:
    record = KINDS[kind].service().get(actor(), name)
    values = _values(record)
    return render_template(
        "gateway.html",
        record=record,
        gateway=record.spec,
        owner=values[KINDS[kind].owner],
        kind=kind,
        title=KINDS[kind].title,
        form=Form.of(KINDS[kind].change, values),
        may_change=bool(_groups(kind, actor(), new=False)),
        may_delete=_may_make(actor(), kind),
    )


# -- make and change -----------------------------------------------------------------------


@pages.get(f"/gateways/{_KIND}/new")
@allow(AGENTS)
def new(kind: str) -> ResponseReturnValue:
    who = _maker(kind)
    wanted: dict[str, object] = {
        KINDS[kind].owner: Fields(request.args).text("account", MAX_NAME),
        "authorization": "international",
        "transport": "udp",
        "prefix_mode": "terminate",
        "port": 5060,
        "ring_timeout_s": 120,
        "progress_timeout_s": 20,
    }
    return _new_page(kind).show(Form.of(_groups(kind, who, new=True), wanted))


@pages.post(f"/gateways/{_KIND}/new")
@allow(up_to(AGENTS, MAX_BYTES))
def create_new(kind: str) -> ResponseReturnValue:
    who = _maker(kind)

    def do(values: Values) -> ResponseReturnValue:
        made = KINDS[kind].service().create(who, values)
        flash(_("Gateway %(name)s was made.", name=made.spec.name))
        return redirect(url_for("gateways.detail", kind=kind, name=made.spec.name))

    return create(
        _new_page(kind),
        Form.sent(_groups(kind, who, new=True), request.form),
        do,
        needed_is_checked=True,
    )


@pages.get(f"/gateways/{_KIND}/<name>/change")
@allow(AGENTS)
def change_form(kind: str, name: str) -> ResponseReturnValue:
    record, groups = _changeable(kind, name)
    form = Form.of(groups, _values(record), record.revision)
    return _change_page(kind, record).show(form)


@pages.post(f"/gateways/{_KIND}/<name>/change")
@allow(up_to(AGENTS, MAX_BYTES))
def change_gateway(kind: str, name: str) -> ResponseReturnValue:
    record, groups = _changeable(kind, name)
    form = Form.sent(groups, request.form)

    def do(values: Values) -> ResponseReturnValue:
        KINDS[kind].service().change(actor(), name, values, form.revision)
        flash(_("Gateway %(name)s was changed.", name=name))
        return redirect(url_for("gateways.detail", kind=kind, name=name))

    def stored() -> Stored:
        now = KINDS[kind].service().get(actor(), name)
        return _values(now), now.revision

    return change(_change_page(kind, record), form, do, stored)


@pages.get(f"/gateways/{_KIND}/<name>/delete")
@allow(AGENTS)
def delete_form(kind: str, name: str) -> ResponseReturnValue:
    record = KINDS[kind].service().get(actor(), name, "delete")
    return confirm(_delete_question(kind, record), kept={"revision": record.revision})


@pages.post(f"/gateways/{_KIND}/<name>/delete")
@allow(AGENTS)
def delete(kind: str, name: str) -> ResponseReturnValue:
    try:
        record = KINDS[kind].service().get(actor(), name, "delete")
    except NotFound as error:
        return gone(error)
    given = request.form.get("revision", "")
    revision = int(given) if given.isascii() and given.isdigit() else record.revision

    def do() -> ResponseReturnValue:
        KINDS[kind].service().delete(actor(), name, revision)
        flash(_("Gateway %(name)s is gone.", name=name))
        return redirect(url_for("gateways.index", kind=kind))

    return confirmed(_delete_question(kind, record), do, kept={"revision": record.revision})


def _may_make(who: Actor, kind: str) -> bool:
    return who.is_operator or (kind == "mapping" and who.may(Right.GATEWAYS))


def _maker(kind: str) -> Actor:
    who = actor()
    if not _may_make(who, kind):
        abort(403)
    return who


def _changeable(kind: str, name: str) -> tuple[Record, tuple[Group, ...]]:
    """Raises NotFound, NotAllowed."""
    record = KINDS[kind].service().get(actor(), name, "change")
    return record, _groups(kind, actor(), new=False)


def _groups(kind: str, who: Actor, *, new: bool) -> tuple[Group, ...]:
    """The fields that somebody may set: each belongs to a right (services/gateways)."""
    groups = KINDS[kind].new if new else KINDS[kind].change
    if who.is_operator:
        return groups
    if kind == "routing":
        return ()
    return tuple(
        Group(group.title, fields, group.about)
        for group in groups
        if (fields := tuple(f for f in group.fields if _may_set(who, f.name)))
    )


def _may_set(who: Actor, name: str) -> bool:
    return name not in OPERATOR_ONLY and who.may(FIELD_RIGHTS[name])


def _values(record: Record) -> dict[str, object]:
    values = values_of(record.spec)
    if isinstance(record, RoutingRecord):
        values["routes"] = route_texts(record.routes)
    return values


# -- what the pages say --------------------------------------------------------------------


def _crumbs(kind: str, *names: str) -> list[tuple[str, str]]:
    return [
        (str(KINDS[kind].title), url_for("gateways.index", kind=kind)),
        *((name, url_for("gateways.detail", kind=kind, name=name)) for name in names),
    ]


def _new_page(kind: str) -> FormPage:
    about = About(
        _("New gateway"),
        _("Make the gateway"),
        url_for("gateways.index", kind=kind),
        crumbs=_crumbs(kind),
    )
    return FormPage(about)


def _change_page(kind: str, record: Record) -> FormPage:
    name = record.spec.name
    about = About(
        _("Change gateway %(name)s", name=name),
        _("Save"),
        url_for("gateways.detail", kind=kind, name=name),
        crumbs=_crumbs(kind, name),
    )
    return FormPage(about)


def _delete_question(kind: str, record: Record) -> About:
    name = record.spec.name
    return About(
        _("Delete gateway %(name)s?", name=name),
        _("Delete for good"),
        url_for("gateways.detail", kind=kind, name=name),
        lead=_("It is gone for good, with its routes. Its call records stay."),
        crumbs=_crumbs(kind, name),
        danger=True,
    )
