"""Call records: the filtered list, one record with all that is known of it, and CSV."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from controller.services.actors import Scope
from controller.services.views.cdr_lines import Part, margins, standing, superseded
from controller.services.views.cdrs import CdrFilter, CdrPage, SeenCdr
from controller.services.views.denials import Kind
from controller.services.views.visibility import reasons_to_choose, seen_fields
from web.access import SIGNED_IN, allow
from web.charts import attempt_segments
from web.context import actor, config, services
from web.csv_text import csv_pieces
from web.fields import MAX_NAME, Fields, page_request
from web.formatting import moment_input
from web.i18n import gettext as _
from web.i18n import time_zone
from web.missing import not_found

pages = Blueprint("cdrs", __name__)

MAX_EXPORTS = 2
_export_seats = threading.BoundedSemaphore(MAX_EXPORTS)
_FIELDS = (
    "since",
    "until",
    "account",
    "caller",
    "callee",
    "gateway",
    "reason",
    "answered",
    "review",
)
_PART_FIELDS = ("net", "tax", "currency", "billed_s", "prefix")


@pages.get("/cdrs")
@allow(SIGNED_IN)
def index() -> ResponseReturnValue:
    fields, who = Fields(request.args), actor()
    wanted = _filter(fields, who.scope)
    page = CdrPage((), None, None)
    if not fields.errors:
        request_ = page_request(request.args, config().page_size)
        page = services().cdrs.page(who.scope, wanted, request_)
    html = render_template(
        "cdrs.html",
        page=page,
        given={name: request.args[name] for name in _FIELDS if request.args.get(name)},
        errors=fields.errors,
        choices=services().cdrs.choices(who.scope),
        reasons=reasons_to_choose(who.scope),
        spans=_spans(services().clock.now()),
        first="before" not in request.args and "after" not in request.args,
        operator=who.is_operator,
        agent=who.scope.subtree,
    )
    return html, 400 if fields.errors else 200


@pages.get("/cdrs/<uuid:call_id>")
@allow(SIGNED_IN)
def detail(call_id: UUID) -> ResponseReturnValue:
    who = actor()
    found = services().cdrs.detail(who.scope, str(call_id))
    if found is None:
        not_found(Kind.CALL, str(call_id))
    return render_template(
        "cdr.html",
        cdr=found.record,
        trace=found.trace,
        parties=standing(found.lines),
        corrected=superseded(found.lines),
        margins=margins(found.lines),
        timeline=attempt_segments(found.attempts, found.record.started_at),
        parts=found.parts,
        operator=who.is_operator,
        own_account_id=who.scope.account_id,
    )


@pages.get("/cdrs.csv")
@allow(SIGNED_IN)
def export() -> ResponseReturnValue:
    """The list as CSV, newest first. A few at a time, for each takes a thread."""
    fields, scope = Fields(request.args), actor().scope
    wanted = _filter(fields, scope)
    if fields.errors:
        abort(400)
    if not _export_seats.acquire(blocking=False):
        abort(429)
    with ExitStack() as held:
        held.callback(_export_seats.release)
        rows = _begun(services().cdrs.export(scope, wanted, config().export_rows))
        leave = held.pop_all().close  # gives the seat back once, however often it is called
    response = Response(_until_done(_as_csv(scope, rows), leave), mimetype="text/csv")
    response.call_on_close(leave)  # where the browser went away before the first piece
    name = f"cdrs-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _filter(fields: Fields, scope: Scope) -> CdrFilter:
    account = fields.text("account", MAX_NAME)
    account_id = services().accounts.id_of(scope, account) if account else None
    if account and account_id is None:
        services().denials.note(actor(), Kind.ACCOUNT, account)
        fields.errors["account"] = _("There is no account of this name.")
    since, until = fields.moment("since"), fields.moment("until")
    if since and until and since >= until:
        fields.errors["until"] = _("This is not after the beginning.")
    return CdrFilter(
        since=since,
        until=until,
        account_id=account_id,
        caller=fields.number_prefix("caller"),
        callee=fields.number_prefix("callee"),
        gateway=fields.text("gateway", MAX_NAME),
        reason=fields.choice("reason", set(reasons_to_choose(scope))),
        answered_only=fields.flag("answered"),
        review_only=fields.flag("review"),
    )


def _spans(now: datetime) -> list[tuple[str, dict[str, str]]]:
    """Spans of time that people ask for, as fields of the filter; days are those of the visitor."""
    midnight = now.astimezone(time_zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    return [
        (_("Last hour"), {"since": moment_input(now - timedelta(hours=1))}),
        (_("Today"), {"since": moment_input(midnight)}),
        (
            _("Yesterday"),
            {"since": moment_input(midnight - day), "until": moment_input(midnight)},
        ),
        (_("Last 7 days"), {"since": moment_input(midnight - 6 * day)}),
    ]


def _begun(rows: Iterator[SeenCdr]) -> Iterator[SeenCdr]:
    """The rows, with the first already read: a database that is away is a page, not half a file."""
    first = next(rows, None)
    return rows if first is None else chain((first,), rows)


def _as_csv(scope: Scope, rows: Iterator[SeenCdr]) -> Iterator[str]:
    """What may be seen of the record, then what the call brought and what it cost."""
    seen = seen_fields(scope)
    parts = ("earned", "paid") if scope.subtree else ("paid",)
    header = [*seen, *(f"{part}_{name}" for part in parts for name in _PART_FIELDS)]

    def values(row: SeenCdr) -> list[Any]:
        of_record = [getattr(row.record, name) for name in seen]
        return of_record + [cell for part in parts for cell in _cells(getattr(row.parts, part))]

    return csv_pieces(header, map(values, rows))


def _cells(part: Part | None) -> list[Any]:
    return [None if part is None else getattr(part, name) for name in _PART_FIELDS]


def _until_done(pieces: Iterator[str], leave: Callable[[], None]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        leave()
