"""Accounts: the list in a scope, the tree of agents, and names for forms to suggest."""

from collections.abc import Iterator
from dataclasses import replace

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.configuration import AccountKind
from controller.domain.errors import InvalidFields
from controller.services.accounts import AccountPage, AccountQuery, AccountRow, AccountSort
from controller.services.accounts.records import AccountState
from web.access import AGENTS, SIGNED_IN, allow
from web.context import actor, config, services
from web.csv_text import csv_pieces
from web.fields import MAX_NAME, Fields
from web.i18n import lazy_gettext as _
from web.lists import Column, list_state

pages = Blueprint("accounts", __name__)

MAX_SUGGESTED = 12
EXPORT_PAGE = 500
FILTERS = ("q", "kind", "state", "currency", "under", "view")
COLUMNS = (
    Column("name", _("Account"), sort="name"),
    Column("kind", _("Kind"), wide=True),
    Column("parent", _("Agent"), wide=True),
    Column("balance", _("Balance"), sort="balance", number=True),
    Column("reserved", _("Reserved"), usual=False, number=True, wide=True),
    Column("overdraft_limit", _("Overdraft limit"), usual=False, number=True, wide=True),
    Column("available", _("Available"), number=True),
    Column("low_balance", _("Low balance"), usual=False, number=True, wide=True),
    Column("lines", _("Lines in use"), usual=False, number=True, wide=True),
    Column("children", _("Below"), number=True, wide=True),
    Column("rate_group", _("Rate group"), usual=False, wide=True),
    Column("expires_at", _("Expires"), usual=False, wide=True),
    Column("created_at", _("Opened"), usual=False, sort="created", wide=True),
    Column("state", _("State")),
)
STATE_NAMES = {
    AccountState.OPEN: _("Open"),
    AccountState.LOCKED: _("Locked"),
    AccountState.EXPIRED: _("Expired"),
    AccountState.CLOSED: _("Closed"),
    AccountState.WAITING: _("Waiting for approval"),
    AccountState.LOW: _("Low balance"),
}
_KINDS = [kind for kind in AccountKind if kind is not AccountKind.SYSTEM]
_CSV = (
    "name",
    "title",
    "kind",
    "currency",
    "parent",
    "rate_group",
    "locked",
    "expires_at",
    "closed_at",
    "awaiting_approval",
    "created_at",
    "overdraft_limit",
    "low_balance",
    "balance",
    "reserved",
    "available",
    "lines",
    "children",
)


@pages.get("/accounts")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    fields, query = _query()
    page, errors = AccountPage((), None), dict(fields.errors)
    if not errors:
        try:
            page = services().account_records.page(actor(), query)
        except InvalidFields as error:
            errors.update(error.errors)
    html = render_template(
        "accounts.html",
        page=page,
        query=query,
        list=list_state("accounts.index", COLUMNS, FILTERS),
        kinds=_KINDS,
        states=STATE_NAMES,
        errors=errors,
        now=services().clock.now(),
        first=not query.after,
        who=actor(),
        branches=services().account_records.tree(actor()),
    )
    return html, 400 if errors else 200


@pages.get("/accounts.csv")
@allow(SIGNED_IN)
def export() -> ResponseReturnValue:
    """The list as CSV, in its order, all pages of it."""
    fields, query = _query()
    if fields.errors:
        raise InvalidFields(fields.errors)
    first = services().account_records.page(actor(), replace(query, limit=EXPORT_PAGE))
    rows = ([getattr(row, name) for name in _CSV] for row in _all_rows(query, first))
    response = Response(csv_pieces(_CSV, rows), mimetype="text/csv")
    name = f"accounts-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


@pages.get("/accounts/tree")
@allow(AGENTS)
def tree() -> ResponseReturnValue:
    """Agents directly below one, as a part of a page; a browser without script gets a whole one."""
    fields = Fields(request.args)
    under, after = fields.text("under", MAX_NAME), fields.text("after", MAX_NAME)
    branches = services().account_records.tree(actor(), under, after)
    part = request.headers.get("X-Part") == "1"
    template = "agent_branches.html" if part else "agent_tree.html"
    return render_template(template, branches=branches, under=under, current=fields.text("at"))


@pages.get("/accounts/names")
@allow(SIGNED_IN)
def names() -> ResponseReturnValue:
    """Accounts whose name or title has what somebody types, for a field to suggest."""
    fields = Fields(request.args)
    search = fields.text("q")
    rows: tuple[AccountRow, ...] = ()
    if search and not fields.errors:
        query = AccountQuery(search=search, limit=MAX_SUGGESTED)
        rows = services().account_records.page(actor(), query).rows
    return render_template("account_names.html", rows=rows)


def _query() -> tuple[Fields, AccountQuery]:
    fields = Fields(request.args)
    state = fields.choice("state", set(AccountState))
    sort = fields.choice("sort", set(AccountSort))
    query = AccountQuery(
        search=fields.text("q"),
        kind=fields.choice("kind", set(map(str, _KINDS))),
        currency=fields.text("currency", 3).upper(),
        state=AccountState(state) if state else None,
        under=fields.text("under", MAX_NAME),
        direct=fields.choice("view", {"direct", "all"}) == "direct",
        sort=AccountSort(sort) if sort else AccountSort.NAME,
        descending=fields.flag("desc"),
        after=fields.text("after", MAX_NAME),
        limit=config().page_size,
    )
    return fields, query


def _all_rows(query: AccountQuery, page: AccountPage) -> Iterator[AccountRow]:
    """Page after page, so that no export holds a connection while a browser reads slowly."""
    records, who, left = services().account_records, actor(), config().export_rows
    while True:
        yield from page.rows[:left]
        left -= len(page.rows)
        if page.next_after is None or left <= 0:
            return
        page = records.page(who, replace(query, after=page.next_after, limit=EXPORT_PAGE))
