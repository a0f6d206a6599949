"""Accounts: the list in a scope, the tree of agents, and names for forms to suggest."""

from dataclasses import replace

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.configuration import AccountKind
from controller.domain.errors import InvalidFields
from controller.services.accounts import AccountPage, AccountQuery, AccountRow, AccountSort
from controller.services.accounts.records import AccountState
from web.access import AGENTS, SIGNED_IN, allow
from web.context import actor, config, services
from web.exports import PAGE, csv_download
from web.fields import MAX_NAME, Fields
from web.i18n import lazy_gettext as _
from web.lists import Column, list_state

pages = Blueprint("accounts", __name__)

MAX_SUGGESTED = 12
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
        kinds=[k for k in AccountKind if k is not AccountKind.SYSTEM or actor().is_operator],
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
    who, records = actor(), services().account_records
    return csv_download(
        "accounts", _CSV, lambda after: records.page(who, replace(query, after=after, limit=PAGE))
    )


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
        kind=fields.choice("kind", set(AccountKind)),
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
