"""Hang-ups that people ask for. Implements `services.views.hang_ups.CommandBook`.

The owner's side is `command_watcher.py`. Every time here is the database's own.
"""

from typing import Any

import sqlalchemy as sa

from controller.persistence.audit_store import write_audit
from controller.persistence.database import transaction
from controller.persistence.schema import call_commands
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.audit import AuditLine
from controller.services.views.hang_ups import AGAIN_AFTER, LIFETIME, CallCommand, CommandState

CHANNEL = "tollgate_call_commands"
KEPT_DAYS = 30
_FORGET_AT_ONCE = 100
_ROW = call_commands.c

# nobody may have been there to say that its time was over
_STATE = sa.case(
    (
        sa.and_(
            _ROW.state == CommandState.ASKED.value,
            _ROW.expires_at <= sa.func.statement_timestamp(),
        ),
        CommandState.EXPIRED.value,
    ),
    else_=_ROW.state,
)
_COLUMNS = (_ROW.call_id, _STATE.label("state"), _ROW.asked_at, _ROW.expires_at, _ROW.ended_at)

_ASK = sa.text(
    """
    INSERT INTO call_commands
        (call_id, switch_id, account_id, payer_ids, asked_by, source, asked_at, expires_at)
    SELECT call_id, switch_id, account_id, payer_ids, :who, :source, statement_timestamp(),
        statement_timestamp() + :lifetime
    FROM calls WHERE call_id = CAST(:call_id AS uuid)
    ON CONFLICT (call_id) WHERE state = 'asked' DO NOTHING
    RETURNING switch_id
    """
)
_EXPIRE = sa.text(
    """
    UPDATE call_commands SET state = 'expired', ended_at = statement_timestamp()
    WHERE call_id = CAST(:call_id AS uuid) AND state = 'asked'
        AND expires_at <= statement_timestamp()
    """
)
_FORGET = sa.text(
    """
    DELETE FROM call_commands WHERE id IN (
        SELECT id FROM call_commands WHERE asked_at < now() - make_interval(days => :days)
        ORDER BY asked_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """
)


class PostgresCallCommands:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ask(self, line: AuditLine, call_id: str) -> CallCommand | None:
        with transaction(self._engine) as connection:
            connection.execute(_EXPIRE, {"call_id": call_id})
            if known := _same(connection, call_id):
                return known
            values = {
                "call_id": call_id,
                "who": line.actor.name,
                "source": line.actor.source.value,
                "lifetime": LIFETIME,
            }
            switch_id = connection.execute(_ASK, values).scalar()
            if switch_id is not None:
                write_audit(connection, [line])
                notify = sa.func.pg_notify(CHANNEL, switch_id)  # with the commit, not before
                connection.execute(sa.select(notify))
                connection.execute(_FORGET, {"days": KEPT_DAYS, "most": _FORGET_AT_ONCE})
            # without a row: the call is gone, or somebody was quicker by a moment
            return _same(connection, call_id)

    def last(self, scope: Scope, call_id: str) -> CallCommand | None:
        query = _last(call_id).where(*_commands_in(scope))
        with reading(self._engine) as connection:
            return _read(connection.execute(query).one_or_none())


def last_state(call_id: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """What became of the last command for a call, as a column of another query."""
    return (
        sa.select(_STATE)
        .where(_ROW.call_id == call_id)
        .order_by(_ROW.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _same(connection: sa.Connection, call_id: str) -> CallCommand | None:
    """The one that is on its way, or was carried out a moment ago."""
    just_done = sa.and_(
        _ROW.state == CommandState.DONE.value,
        _ROW.ended_at > sa.func.statement_timestamp() - AGAIN_AFTER,
    )
    running = _ROW.state == CommandState.ASKED.value
    return _read(connection.execute(_last(call_id).where(running | just_done)).one_or_none())


def _last(call_id: str) -> sa.Select[Any]:
    return sa.select(*_COLUMNS).where(_ROW.call_id == call_id).order_by(_ROW.id.desc()).limit(1)


def _commands_in(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """As calls in progress are in a scope (`views.live_calls.live_in`)."""
    if scope.account_id is None:
        return []
    if not scope.subtree:
        return [_ROW.account_id == scope.account_id]
    return [sa.literal(scope.account_id, sa.BigInteger) == sa.any_(_ROW.payer_ids)]


def _read(row: sa.Row[Any] | None) -> CallCommand | None:
    if row is None:
        return None
    return CallCommand(
        row.call_id, CommandState(row.state), row.asked_at, row.expires_at, row.ended_at
    )
