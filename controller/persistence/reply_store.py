"""Answers of the API by idempotency key. Implements `services.api_callers.ReplyStore`."""

import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from controller.persistence.database import transaction
from controller.persistence.schema import api_replies
from controller.services.api_callers import Begun, KeptReply, OtherRequest, Running

KEPT = timedelta(days=1)
TAKEN_FOR_DEAD = timedelta(minutes=5)
"""An attempt without an answer for so long died with its process."""
_FORGET_AT_ONCE = 100
_TRIES = 5
_ROW = api_replies.c


class PostgresReplies:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(
        self, owner: str, key: str, digest: bytes, now: datetime
    ) -> Begun | Running | OtherRequest | KeptReply:
        for _ in range(_TRIES):
            with transaction(self._engine) as connection:
                _forget(connection, owner, key, now)
                found = _begin(connection, owner, key, digest, now)
            if found is not None:
                return found
        return Running()  # freed and taken again at every look: others are at it

    def finish(self, owner: str, key: str, run: str, reply: KeptReply) -> None:
        statement = (
            api_replies.update()
            .where(*_of(owner, key), _ROW.run == run, _ROW.status.is_(None))
            .values(status=reply.status, headers=list(reply.headers), body=reply.body)
        )
        with transaction(self._engine) as connection:
            connection.execute(statement)

    def release(self, owner: str, key: str, run: str) -> None:
        free = api_replies.delete().where(*_of(owner, key), _ROW.run == run, _ROW.status.is_(None))
        with transaction(self._engine) as connection:
            connection.execute(free)


def _begin(
    connection: sa.Connection, owner: str, key: str, digest: bytes, now: datetime
) -> Begun | Running | OtherRequest | KeptReply | None:
    """None: the row went away between two statements."""
    run = str(uuid.uuid4())
    fresh = insert(api_replies).values(owner=owner, key=key, digest=digest, run=run, begun_at=now)
    if connection.execute(fresh.on_conflict_do_nothing().returning(_ROW.run)).scalar():
        return Begun(run)
    known = connection.execute(
        sa.select(api_replies).where(*_of(owner, key)).with_for_update()
    ).one_or_none()
    if known is None:
        return None
    if bytes(known.digest) != digest:
        return OtherRequest()
    if known.status is not None:
        headers = tuple((str(name), str(value)) for name, value in known.headers)
        return KeptReply(known.status, headers, bytes(known.body))
    if known.begun_at > now - TAKEN_FOR_DEAD:
        return Running()
    taken = api_replies.update().where(*_of(owner, key)).values(run=run, begun_at=now)
    connection.execute(taken)
    return Begun(run)


def _forget(connection: sa.Connection, owner: str, key: str, now: datetime) -> None:
    """This key if its day is over, and some others whose day is."""
    over = _ROW.begun_at <= now - KEPT
    connection.execute(api_replies.delete().where(*_of(owner, key), over))
    some = (
        sa.select(_ROW.owner, _ROW.key)
        .where(over)
        .limit(_FORGET_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(api_replies.delete().where(sa.tuple_(_ROW.owner, _ROW.key).in_(some)))


def _of(owner: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _ROW.owner == owner, _ROW.key == key
