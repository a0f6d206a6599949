"""Call records: the filtered list, one record with all that is known of it, and CSV."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields as dataclass_fields
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from controller.domain.reasons import Reason
from controller.services.views.cdr_lines import margins, standing, superseded
from controller.services.views.cdrs import CdrFilter, CdrPage, CdrRow
from web.access import ADMINISTRATORS, allow
from web.charts import attempt_segments
from web.context import config, services
from web.csv_text import csv_pieces
from web.fields import MAX_NAME, Fields, page_request

pages = Blueprint("cdrs", __name__)

MAX_EXPORTS = 2
_export_seats = threading.BoundedSemaphore(MAX_EXPORTS)
_COLUMNS = tuple(field.name for field in dataclass_fields(CdrRow))
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


@pages.get("/cdrs")
@allow(ADMINISTRATORS)
def index() -> ResponseReturnValue:
    fields = Fields(request.args)
    wanted = _filter(fields)
    page = CdrPage((), None, None)
    if not fields.errors:
        page = services().cdrs.page(wanted, page_request(request.args, config().page_size))
    html = render_template(
        "cdrs.html",
        page=page,
        given={name: request.args[name] for name in _FIELDS if request.args.get(name)},
        errors=fields.errors,
        choices=services().cdrs.choices(),
        reasons=list(Reason),
        spans=_spans(services().clock.now()),
        first="before" not in request.args and "after" not in request.args,
    )
    return html, 400 if fields.errors else 200


@pages.get("/cdrs/<uuid:call_id>")
@allow(ADMINISTRATORS)
def detail(call_id: UUID) -> ResponseReturnValue:
    found = services().cdrs.detail(str(call_id))
    if found is None:
        abort(404)
    return render_template(
        "cdr.html",
        cdr=found.record,
        trace=found.trace,
        parties=standing(found.lines),
        corrected=superseded(found.lines),
        margins=margins(found.lines),
        timeline=attempt_segments(found.attempts, found.record.started_at),
    )


@pages.get("/cdrs.csv")
@allow(ADMINISTRATORS)
def export() -> ResponseReturnValue:
    """The list as CSV, newest first. A few at a time, for each takes a thread."""
    fields = Fields(request.args)
    wanted = _filter(fields)
    if fields.errors:
        abort(400)
    if not _export_seats.acquire(blocking=False):
        abort(429)
    with ExitStack() as held:
        held.callback(_export_seats.release)
        rows = _begun(services().cdrs.export(wanted, config().export_rows))
        leave = held.pop_all().close  # gives the seat back once, however often it is called
    response = Response(_until_done(_as_csv(rows), leave), mimetype="text/csv")
    response.call_on_close(leave)  # where the browser went away before the first piece
    name = f"cdrs-{services().clock.now():%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _filter(fields: Fields) -> CdrFilter:
    account = fields.text("account", MAX_NAME)
    account_id = services().accounts.id_of(account) if account else None
    if account and account_id is None:
        fields.errors["account"] = "There is no account of this name."
    since, until = fields.moment("since"), fields.moment("until")
    if since and until and since >= until:
        fields.errors["until"] = "This is not after the beginning."
    return CdrFilter(
        since=since,
        until=until,
        account_id=account_id,
        caller=fields.number_prefix("caller"),
        callee=fields.number_prefix("callee"),
        gateway=fields.text("gateway", MAX_NAME),
        reason=fields.choice("reason", set(Reason)),
        answered_only=fields.flag("answered"),
        review_only=fields.flag("review"),
    )


def _spans(now: datetime) -> list[tuple[str, dict[str, str]]]:
    """Spans of time that people ask for, as fields of the filter."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    return [
        ("Last hour", {"since": _input(now - timedelta(hours=1))}),
        ("Today", {"since": _input(midnight)}),
        ("Yesterday", {"since": _input(midnight - day), "until": _input(midnight)}),
        ("Last 7 days", {"since": _input(midnight - 6 * day)}),
    ]


def _input(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M}"


def _begun(rows: Iterator[CdrRow]) -> Iterator[CdrRow]:
    """The rows, with the first already read: a database that is away is a page, not half a file."""
    first = next(rows, None)
    return rows if first is None else chain((first,), rows)


def _as_csv(rows: Iterator[CdrRow]) -> Iterator[str]:
    return csv_pieces(_COLUMNS, map(_values, rows))


def _until_done(pieces: Iterator[str], leave: Callable[[], None]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        leave()


def _values(row: CdrRow) -> list[Any]:
    return [getattr(row, name) for name in _COLUMNS]
