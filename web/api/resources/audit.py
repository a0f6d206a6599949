"""The audit log: who changed what from what to what, and what was denied."""

from typing import Annotated

from pydantic import Field

from controller.services.actors import Actor
from controller.services.api_scopes import ApiScope
from controller.services.audit import AuditQuery, AuditRow, Outcome
from web.api.operations import Reply
from web.api.paging import PageOut, PageQuery, cursor, links, number_place
from web.api.resource import Resource
from web.api.resources.blueprint import blueprint
from web.api.values import FlagInQuery, Line, MomentIn, MomentOut, Outgoing
from web.context import services

resource = Resource(blueprint, "Audit log", "Who changed what, and what was denied.")

_Word = Annotated[Line, Field(max_length=200)]


class AuditLogQuery(PageQuery):
    """Which lines; each of them exactly as it stands in the log."""

    actor: _Word = ""
    kind: Annotated[_Word, Field(examples=["account", "phone"])] = ""
    name: _Word = ""
    action: Annotated[_Word, Field(examples=["create", "change"])] = ""
    denied_only: FlagInQuery = False
    since: MomentIn | None = None
    until: MomentIn | None = None


class ChangeOut(Outgoing):
    """A field that was changed. Secrets show only that they were."""

    field: str
    before: str
    after: str


class AuditLineOut(Outgoing):
    id: int
    at: MomentOut
    actor: str
    source: str
    address: str
    action: str
    kind: str
    name: str
    outcome: Outcome
    changes: list[ChangeOut]


class AuditPageOut(PageOut):
    items: list[AuditLineOut]


@resource.get("/audit", ApiScope.AUDIT_READ, is_paged=True)
def list_lines(actor: Actor, query: AuditLogQuery) -> Reply[AuditPageOut]:
    """Lines of the audit log.

    The newest first. You see those of your accounts.
    """
    wanted = AuditQuery(
        actor=query.actor,
        kind=query.kind,
        name=query.name,
        action=query.action,
        denied_only=query.denied_only,
        since=query.since,
        until=query.until,
        before=number_place(query),
        limit=query.limit,
    )
    page = services().audit.page(actor.scope, wanted)
    following = None if page.next_before is None else cursor(query, page.next_before)
    body = AuditPageOut(items=[_out(row) for row in page.rows], next=following)
    return Reply(body, links=links(following))


def _out(row: AuditRow) -> AuditLineOut:
    return AuditLineOut(
        id=row.line_id,
        at=row.at,
        actor=row.actor,
        source=row.source,
        address=row.address,
        action=row.action,
        kind=row.kind,
        name=row.name,
        outcome=row.outcome,
        changes=[
            ChangeOut(field=name, before=before, after=after)
            for name, (before, after) in row.changes.items()
        ],
    )
