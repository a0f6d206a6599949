"""The audit log. Lines are written on the connection of the change that they tell of."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa

from controller.persistence.audit_visibility import known_accounts, visible_changes, who
from controller.persistence.database import transaction
from controller.persistence.schema import audit_log, users
from controller.persistence.scopes import in_scope
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.audit import (
    SOMEBODY_ABOVE,
    SOMEBODY_ELSE,
    AuditLine,
    AuditPage,
    AuditQuery,
    AuditRow,
    LastChange,
    Outcome,
)

WRITTEN_AT_ONCE = 10_000
"""Lines of one statement: a file may change very many objects."""

_WRITE = sa.text(
    """
    INSERT INTO audit_log
        (actor, user_id, source, address, action, kind, name, account_id, changes, outcome)
    SELECT l.actor, l.user_id, l.source, l.address, l.action, l.kind, l.name, l.account_id,
        l.changes, l.outcome
    FROM json_to_recordset(CAST(:lines AS json)) AS l(actor text, user_id bigint, source text,
        address text, action text, kind text, name text, account_id bigint, changes json,
        outcome text)
    """
)


def write_audit(connection: sa.Connection, lines: Iterable[AuditLine]) -> None:
    rows = map(_row, lines)
    while piece := list(islice(rows, WRITTEN_AT_ONCE)):
        connection.execute(_WRITE, {"lines": orjson.dumps(piece).decode()})


class PostgresAudit:
    """Implements `services.audit.AuditLog`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, line: AuditLine) -> None:
        with transaction(self._engine) as connection:
            write_audit(connection, [line])

    def page(self, scope: Scope, wanted: AuditQuery) -> AuditPage:
        columns, (actor, address) = audit_log.c, who(scope)
        statement = (
            sa.select(
                columns.id.label("line_id"),
                columns.at,
                actor.label("actor"),
                columns.source,
                address.label("address"),
                columns.action,
                columns.kind,
                columns.name,
                columns.account_id,
                columns.changes,
                columns.outcome,
            )
            .select_from(audit_log.outerjoin(users, users.c.id == columns.user_id))
            .where(*_conditions(scope, wanted, actor))
            .order_by(columns.id.desc())
            .limit(wanted.limit + 1)
        )
        with reading(self._engine) as connection:
            found = connection.execute(statement).all()
            known = known_accounts(connection, scope, found)
        rows = [_read(row, visible_changes(scope, row, known)) for row in found]
        more = len(rows) > wanted.limit
        kept = tuple(rows[: wanted.limit])
        return AuditPage(kept, kept[-1].line_id if more else None)


def read_last_change(
    connection: sa.Connection, kind: str, name: str, scope: Scope
) -> LastChange | None:
    """Who changed an object last, when and what of it, as far as the scope may know."""
    columns, (actor, _address) = audit_log.c, who(scope)
    statement = (
        sa.select(
            actor.label("actor"), columns.at, columns.kind, columns.account_id, columns.changes
        )
        .select_from(audit_log.outerjoin(users, users.c.id == columns.user_id))
        .where(columns.kind == kind, columns.name == name, columns.outcome == Outcome.DONE)
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    fields = visible_changes(scope, row, frozenset())
    return LastChange(row.actor, row.at, tuple(sorted(fields)))


def _conditions(
    scope: Scope, wanted: AuditQuery, actor: sa.ColumnElement[str]
) -> list[sa.ColumnElement[bool]]:
    columns = audit_log.c
    # what operators did elsewhere has no account, and is nobody else's business
    conditions = in_scope(scope, columns.account_id)
    if wanted.actor:
        conditions.append(actor == wanted.actor)
    if wanted.actor not in ("", SOMEBODY_ABOVE, SOMEBODY_ELSE):
        conditions.append(columns.actor == wanted.actor)  # as much, and by an index
    for column in ("kind", "name", "action"):
        if value := getattr(wanted, column):
            conditions.append(columns[column] == value)
    if wanted.denied_only:
        conditions.append(columns.outcome == Outcome.DENIED)
    if wanted.since is not None:
        conditions.append(columns.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.at < wanted.until)
    if wanted.before is not None:
        conditions.append(columns.id < wanted.before)
    return conditions


def _row(line: AuditLine) -> dict[str, object]:
    return {
        "actor": line.actor.name,
        "user_id": line.actor.user_id,
        "source": line.actor.source,
        "address": line.actor.address,
        "action": line.action,
        "kind": line.kind,
        "name": line.name,
        "account_id": line.account_id,
        "changes": {name: list(both) for name, both in line.changes.items()},
        "outcome": line.outcome,
    }


def _read(row: Any, changes: Mapping[str, tuple[str, str]]) -> AuditRow:
    return AuditRow(
        line_id=row.line_id,
        at=row.at,
        actor=row.actor,
        source=row.source,
        address=row.address,
        action=row.action,
        kind=row.kind,
        name=row.name,
        changes=changes,
        outcome=Outcome(row.outcome),
    )
