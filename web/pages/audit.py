"""The audit log: who changed what from what to what, and what was refused."""

from collections.abc import Iterator
from dataclasses import replace

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.errors import InvalidFields
from controller.services.actors import Scope
from controller.services.audit import AuditLog, AuditPage, AuditQuery, AuditRow
from web.access import AGENTS, allow
from web.context import actor, config, services
from web.csv_text import csv_pieces
from web.fields import Fields
from web.i18n import gettext as _
from web.user_words import KIND_NAMES

pages = Blueprint("audit", __name__)

EXPORT_PAGE = 500
MAX_WORD = 200
FILTERS = ("actor", "kind", "name", "action", "denied", "since", "until")
_CSV = ("at", "actor", "source", "address", "action", "kind", "name", "outcome")
_MAX_ID = 2**63 - 1


@pages.get("/audit")
@allow(AGENTS)
def index() -> ResponseReturnValue:
    fields, query = _query()
    page = AuditPage((), None)
    if not fields.errors:
        page = services().audit.page(actor().scope, query)
    html = render_template(
        "audit.html",
        page=page,
        given={name: text for name in FILTERS if (text := request.args.get(name, "").strip())},
        kinds=KIND_NAMES,
        errors=fields.errors,
        first=query.before is None,
    )
    return html, 400 if fields.errors else 200


@pages.get("/audit.csv")
@allow(AGENTS)
def export() -> ResponseReturnValue:
    """The lines of the filter, the newest first, with one row for each field that was changed."""
    fields, query = _query()
    if fields.errors:
        raise InvalidFields(fields.errors)
    query = replace(query, limit=EXPORT_PAGE)
    log, scope = services().audit, actor().scope
    lines = _all_rows(log, scope, query, log.page(scope, query), config().export_rows)
    rows = (cells for row in lines for cells in _cells(row))
    response = Response(csv_pieces((*_CSV, "field", "before", "after"), rows), mimetype="text/csv")
    name = f"audit-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _query() -> tuple[Fields, AuditQuery]:
    fields = Fields(request.args)
    query = AuditQuery(
        actor=fields.text("actor", MAX_WORD),
        kind=fields.text("kind", MAX_WORD),
        name=fields.text("name", MAX_WORD),
        action=fields.text("action", MAX_WORD),
        denied_only=fields.flag("denied"),
        since=fields.moment("since"),
        until=fields.moment("until"),
        before=fields.whole("before", _MAX_ID),
        limit=config().page_size,
    )
    if query.since and query.until and query.since >= query.until:
        fields.errors["until"] = _("This is before the beginning.")
    return fields, query


def _all_rows(
    log: AuditLog, scope: Scope, query: AuditQuery, page: AuditPage, left: int
) -> Iterator[AuditRow]:
    """Runs when the request's own context is over, so it is handed all that it needs."""
    while True:
        yield from page.rows[:left]
        left -= len(page.rows)
        if page.next_before is None or left <= 0:
            return
        page = log.page(scope, replace(query, before=page.next_before))


def _cells(row: AuditRow) -> Iterator[list[object]]:
    said = [getattr(row, name) for name in _CSV]
    if not row.changes:
        yield [*said, "", "", ""]
    for field, (before, after) in row.changes.items():
        yield [*said, field, before, after]
