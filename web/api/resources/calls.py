"""Calls: records of those that have ended, those in progress, and the figures of all."""

import threading
from collections.abc import Callable, Iterator
from datetime import tzinfo
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Response

from controller.domain.errors import NotFound
from controller.services.actors import Actor, Scope
from controller.services.api_scopes import ApiScope
from controller.services.views.cdr_lines import Parts
from controller.services.views.cdrs import CdrDetail, CdrFilter, SeenCdr
from controller.services.views.denials import Kind
from controller.services.views.paging import PageRequest
from web.api.operations import Reply
from web.api.paging import links, time_cursor, time_place
from web.api.problems import Problem, Problems, wrong
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.resources.call_models import (
    AttemptOut,
    ExportQuery,
    FiguresOut,
    FiguresQuery,
    HangUpOut,
    LineOut,
    LiveCallOut,
    LiveCallsOut,
    LiveQuery,
    PartOut,
    PlatformOut,
    RecordDetailOut,
    RecordOut,
    RecordPageOut,
    RecordPageQuery,
    RecordsQuery,
    StepOut,
)
from web.api.values import parts_of
from web.context import services

EXPORTS_AT_ONCE = 2
"""Each holds a thread of the server as long as its reader takes."""
RETRY_AFTER_S = 10
NDJSON = "application/x-ndjson"
_seats = threading.BoundedSemaphore(EXPORTS_AT_ONCE)

records = Resource(blueprint, "Call records", "Calls that have ended, and what they cost.")
live = Resource(blueprint, "Calls in progress", "What goes on now, and the figures of the day.")


@records.get("/cdrs", ApiScope.CDRS_READ, is_paged=True)
def list_records(actor: Actor, query: RecordPageQuery) -> Reply[RecordPageOut]:
    """Call records.

    The newest first. A search that would take too long stops early: then `items` may be few, and
    `next` goes on. Limit the time, and it is complete at once.
    """
    scope = actor.scope
    request = PageRequest(query.limit, time_place(query))
    page = services().cdrs.page(scope, _filter(actor, query), request)
    following = time_cursor(query, page.older)
    rows = [_record(scope, row) for row in page.rows]
    body = RecordPageOut(items=rows, next=following, searched_to=page.searched_to)
    return Reply(body, links=links(following))


@records.get("/cdrs/<call_id>", ApiScope.CDRS_READ)
def show_record(actor: Actor, call_id: UUID) -> RecordDetailOut:
    """A call record.

    With each party's line that you may see: your own, and that of the account directly below.
    """
    scope = actor.scope
    found = services().cdrs.detail(scope, str(call_id))
    if found is None:
        services().denials.note(actor, Kind.CALL, str(call_id))
        raise NotFound(f"there is no call {str(call_id)!r}")
    return _detail(scope, found)


@records.get("/cdr-export", ApiScope.CDRS_READ, media_types=(NDJSON,))
def export(actor: Actor, query: ExportQuery) -> Response:
    """Call records, one JSON object on each line.

    The newest first, streamed; two exports run at a time, others are told to wait.
    """
    scope = actor.scope
    wanted = _filter(actor, query)
    if not _seats.acquire(blocking=False):
        raise Problem(
            Problems.RATE_LIMITED,
            "Other exports are running.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    leave = _once(_seats.release)
    try:
        rows = services().cdrs.export(scope, wanted, query.most)
        first = next(rows, None)  # a database that is away is a problem, not half an answer
    except BaseException:
        leave()
        raise
    begun = rows if first is None else chain((first,), rows)
    response = Response(_lines(scope, begun, leave), content_type=NDJSON)
    response.call_on_close(leave)  # where the reader went away before the first piece
    return response


@live.get("/live-calls", ApiScope.CALLS_READ)
def list_live(actor: Actor, query: LiveQuery) -> LiveCallsOut:
    """Calls in progress.

    The newest first, up to `limit`.
    """
    found = services().live_calls.live(actor.scope, query.search, query.limit)
    return LiveCallsOut(
        total=found.total,
        talking=found.talking,
        matching=found.matching,
        items=[LiveCallOut.model_validate(call) for call in found.rows],
    )


@live.post(
    "/calls/<call_id>/hang-up", ApiScope.CALLS_WRITE, status=202, problems=(Problems.CONFLICT,)
)
def hang_up(actor: Actor, call_id: UUID) -> HangUpOut:
    """Hang up a call.

    It is asked of the controller that has the call, and done within a second as a rule: the answer
    does not wait for that. Asking again meanwhile is the same hang-up. Needs the right `accounts`,
    and the call to be of your accounts.
    """
    asked = services().hang_ups.ask(actor, str(call_id))
    return HangUpOut.model_validate(asked)


@live.get("/calls/<call_id>/hang-up", ApiScope.CALLS_READ)
def show_hang_up(actor: Actor, call_id: UUID) -> HangUpOut:
    """What became of a hang-up.

    The last one that was asked for this call, for thirty days.
    """
    found = services().hang_ups.command(actor, str(call_id))
    return HangUpOut.model_validate(found)


@live.get("/figures", ApiScope.REPORTS_READ)
def figures(actor: Actor, query: FiguresQuery) -> FiguresOut:
    """Figures of today and yesterday.

    Calls, ASR, ACD and money, of your accounts.
    """
    found = services().dashboard.figures(actor.scope, _zone(query.zone))
    return FiguresOut.model_validate(found)


def _filter(actor: Actor, query: RecordsQuery) -> CdrFilter:
    account_id = None
    if query.account is not None:
        account_id = services().accounts.id_of(actor.scope, query.account)
        if account_id is None:
            services().denials.note(actor, Kind.ACCOUNT, query.account)
            raise wrong("There is no account of this name.", "account")
    if query.since and query.until and query.since >= query.until:
        raise wrong("This is not after the beginning.", "until")
    return CdrFilter(
        since=query.since,
        until=query.until,
        account_id=account_id,
        caller=query.caller or "",
        callee=query.callee or "",
        gateway=query.gateway or "",
        reason=query.reason or "",
        answered_only=query.answered,
        review_only=query.review,
    )


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise wrong("There is no such time zone.", "zone") from None


# -- answers ------------------------------------------------------------------------------


def _record(scope: Scope, seen: SeenCdr) -> RecordOut:
    return _out(scope, seen, seen.parts)


def _out(scope: Scope, seen: SeenCdr | CdrDetail, parts: Parts) -> RecordOut:
    record = seen.record
    platform = PlatformOut.model_validate(record) if scope.is_everything else None
    return RecordOut.model_validate(
        {
            **parts_of(record),
            "earned": PartOut.model_validate(parts.earned) if parts.earned else None,
            "paid": PartOut.model_validate(parts.paid) if parts.paid else None,
            "margin": parts.margin,
            "platform": platform,
        }
    )


def _detail(scope: Scope, found: CdrDetail) -> RecordDetailOut:
    return RecordDetailOut(
        record=_out(scope, found, found.parts),
        lines=[LineOut.model_validate(line) for line in found.lines],
        attempts=[AttemptOut.model_validate(attempt) for attempt in found.attempts],
        trace=[StepOut(step=s, verdict=v, detail=d) for s, v, d in found.trace],
    )


def _lines(scope: Scope, rows: Iterator[SeenCdr], leave: Callable[[], None]) -> Iterator[str]:
    try:
        for row in rows:
            yield _record(scope, row).model_dump_json() + "\n"
    finally:
        leave()


def _once(release: Callable[[], None]) -> Callable[[], None]:
    """Gives the seat back once, however often it is called."""
    left = iter((release,))

    def leave() -> None:
        for do in left:
            do()

    return leave
