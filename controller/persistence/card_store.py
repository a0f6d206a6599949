"""Phone cards in PostgreSQL. Implements `services.cards.ports`.

Taking a card and moving its value are one transaction: movements work on the same connection.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.cards import CardState, Face, serial_number
from controller.domain.configuration import AccountKind
from controller.domain.errors import Conflict
from controller.persistence import card_sql, movement_sql
from controller.persistence.audit_store import read_last_change, write_audit
from controller.persistence.database import transaction
from controller.persistence.movement_store import PostgresMovementWork
from controller.persistence.views.reading import reading
from controller.services.actors import EVERYTHING, Actor, Scope
from controller.services.audit import AuditLine, LastChange
from controller.services.cards.ports import BatchOrder, CardAccount, DrawnCard, Ended, StoredCard
from controller.services.cards.records import (
    BatchPage,
    BatchQuery,
    BatchRow,
    CardPage,
    CardQuery,
    CardRow,
)

Row = sa.Row[Any]


class PostgresCards:
    """Implements `CardStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def work(self, key: str = "") -> Iterator["PostgresCardWork"]:
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.text(movement_sql.LOCK_TIMEOUT))
                if key:
                    connection.execute(sa.text(movement_sql.LOCK_KEY), {"key": key})
                yield PostgresCardWork(connection)
        except sa.exc.IntegrityError as error:
            # two batches of one name at the same moment
            raise Conflict("somebody else was quicker; send it again") from error

    def page(self, actor: Actor, query: BatchQuery) -> BatchPage:
        values = {
            **_scope(actor.scope),
            "issuer": query.issuer,
            "search": query.search,
            "before": query.before,
            "most": query.limit + 1,
        }
        with reading(self._engine) as connection:
            found = connection.execute(sa.text(card_sql.PAGE), values).all()
        rows = tuple(_batch(row, actor) for row in found[: query.limit])
        return BatchPage(rows, rows[-1].batch_id if len(found) > query.limit else None)

    def batch(self, actor: Actor, batch_id: int) -> BatchRow | None:
        values = {**_scope(actor.scope), "id": batch_id}
        with reading(self._engine) as connection:
            row = connection.execute(sa.text(card_sql.BATCH), values).one_or_none()
        return None if row is None else _batch(row, actor)

    def batches_named(self, actor: Actor, name: str) -> Sequence[BatchRow]:
        values = {**_scope(actor.scope), "name": name}
        with reading(self._engine) as connection:
            rows = connection.execute(sa.text(card_sql.BATCHES_NAMED), values)
            return [_batch(row, actor) for row in rows]

    def owner(self, batch_id: int) -> tuple[str, int | None] | None:
        with reading(self._engine) as connection:
            row = connection.execute(sa.text(card_sql.OWNER), {"id": batch_id}).one_or_none()
        return None if row is None else (row.name, row.issuer_account_id)

    def cards(self, actor: Actor, batch: BatchRow, query: CardQuery) -> CardPage:
        values = {
            **_scope(actor.scope),
            "batch_id": batch.batch_id,
            "state": None if query.state is None else query.state.value,
            "after": query.after,
            "most": query.limit + 1,
        }
        with reading(self._engine) as connection:
            found = connection.execute(sa.text(card_sql.CARDS), values).all()
        rows = tuple(_card(row, actor, batch) for row in found[: query.limit])
        return CardPage(rows, rows[-1].number if len(found) > query.limit else None)

    def account(self, scope: Scope, name: str) -> CardAccount | None:
        with reading(self._engine) as connection:
            return _account(connection, scope, name)

    def forget_tries(self, before: datetime) -> int:
        """For the scheduler: those that count no more; how many there were."""
        with transaction(self._engine) as connection:
            found = connection.execute(sa.text(card_sql.FORGET_TRIES), {"since": before})
            return found.rowcount

    def due(self, limit: int) -> Sequence[int]:
        with reading(self._engine) as connection:
            found = connection.execute(sa.text(card_sql.DUE), {"most": limit})
            return list(found.scalars())


class PostgresCardWork:
    """Implements `CardWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._movements = PostgresMovementWork(connection)

    @property
    def movements(self) -> PostgresMovementWork:
        return self._movements

    def now(self) -> datetime:
        found: datetime = self._execute(card_sql.NOW).scalar_one()
        return found

    def account(self, scope: Scope, name: str) -> CardAccount | None:
        return _account(self._connection, scope, name)

    def name_of(self, account_id: int) -> str:
        return self._execute(card_sql.NAME_OF, id=account_id).scalar_one_or_none() or ""

    # -- batches --------------------------------------------------------------------------

    def made_under(self, key: str) -> BatchRow | None:
        row = self._execute(card_sql.BATCH_UNDER, key=key).one_or_none()
        return None if row is None else _batch(row)

    def has_name(self, issuer_id: int | None, name: str) -> bool:
        found = self._execute(card_sql.HAS_NAME, issuer_id=issuer_id, name=name)
        return bool(found.scalar_one())

    def sealed_otherwise(self, seal_id: bytes) -> str:
        found = self._execute(card_sql.SEALED_OTHERWISE, seal_id=seal_id)
        return found.scalar_one_or_none() or ""

    def add_batch(self, order: BatchOrder) -> int:
        values = asdict(order)
        values |= values.pop("spec")
        values.pop("issuer")
        return int(self._execute(card_sql.ADD_BATCH, **values).scalar_one())

    def add_cards(self, batch_id: int, cards: Sequence[DrawnCard]) -> set[int]:
        added = self._execute(
            card_sql.ADD_CARDS,
            batch_id=batch_id,
            numbers=[card.number for card in cards],
            last_digits=[card.last_digits for card in cards],
            pins=[card.pin_digest for card in cards],
            passwords=[card.password_digest for card in cards],
        )
        return set(added.scalars())

    def lock_batch(self, scope: Scope, batch_id: int) -> BatchRow | None:
        # read after the lock is had, by a statement of its own
        self._execute(card_sql.LOCK_BATCH, id=batch_id)
        row = self._execute(card_sql.BATCH, id=batch_id, **_scope(scope)).one_or_none()
        return None if row is None else _batch(row)

    def batch(self, batch_id: int) -> BatchRow:
        return _batch(self._execute(card_sql.BATCH, id=batch_id, **_scope(EVERYTHING)).one())

    def touch(self, batch_id: int) -> None:
        self._execute(card_sql.TOUCH, id=batch_id)

    # -- cards ----------------------------------------------------------------------------

    def lock_by_pin(self, pin_digest: bytes, account_id: int) -> StoredCard | None:
        return self._card(card_sql.CARD_BY_PIN, pin=pin_digest, account_id=account_id)

    def lock_card(self, batch_id: int, number: int) -> StoredCard | None:
        return self._card(card_sql.CARD, batch_id=batch_id, number=number, account_id=None)

    def lock_unused(self, batch_id: int) -> Sequence[int]:
        return list(self._execute(card_sql.LOCK_UNUSED, batch_id=batch_id).scalars())

    def end(self, card_ids: Sequence[int], ended: Ended) -> None:
        self._execute(
            card_sql.END,
            ids=list(card_ids),
            state=ended.state.value,
            who=ended.who,
            movement_id=ended.movement_id,
            account_id=ended.account_id,
        )

    def set_locked(self, card_id: int, *, locked: bool) -> None:
        self._execute(card_sql.SET_LOCKED, id=card_id, locked=locked)

    def _card(self, statement: str, **values: object) -> StoredCard | None:
        row = self._execute(statement, **values).one_or_none()
        if row is None:
            return None
        return StoredCard(
            card_id=row.card_id,
            batch_id=row.batch_id,
            number=row.number,
            serial=serial_number(row.name, row.number),
            state=CardState(row.state),
            locked=row.locked,
            revision=row.revision,
            face=Face(row.face_value, row.currency, row.expires_at),
            issuer_id=row.issuer_id,
            password_digest=row.password_digest,
            covers=row.covers,
        )

    # -- wrong tries ----------------------------------------------------------------------

    def tries(self, subjects: Sequence[str], since: datetime) -> tuple[int, datetime | None]:
        self._execute(card_sql.LOCK_TRIES, subjects=list(subjects))
        found = self._execute(card_sql.TRIES, subjects=list(subjects), since=since)
        row = found.one_or_none()
        return (0, None) if row is None else (row.tries, row.first_at)

    def add_try(self, subjects: Sequence[str], now: datetime, since: datetime) -> None:
        self._execute(card_sql.ADD_TRY, subjects=list(subjects), now=now, since=since)

    # -- log ------------------------------------------------------------------------------

    def audit(self, line: AuditLine) -> None:
        write_audit(self._connection, [line])

    def last_change(self, kind: str, name: str, scope: Scope) -> LastChange | None:
        return read_last_change(self._connection, kind, name, scope)

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)


def _account(connection: sa.Connection, scope: Scope, name: str) -> CardAccount | None:
    values = {"name": name, **_scope(scope)}
    row = connection.execute(sa.text(card_sql.ACCOUNT), values).one_or_none()
    if row is None:
        return None
    return CardAccount(**row._asdict() | {"kind": AccountKind(row.kind)})


def _batch(row: Row, actor: Actor | None = None) -> BatchRow:
    """`actor`: who reads it."""
    batch = BatchRow(**row._asdict())
    if actor is None or actor.is_operator or batch.created_by == actor.name:
        return batch
    return replace(batch, created_by="")


def _card(row: Row, actor: Actor, batch: BatchRow) -> CardRow:
    known = bool(row.known)
    return CardRow(
        number=row.number,
        serial=batch.serial(row.number),
        last_digits=row.last_digits,
        state=CardState(row.state),
        locked=row.locked,
        ended_at=row.ended_at,
        ended_by=row.ended_by if actor.is_operator or row.ended_by == actor.name else "",
        account=row.account or "" if known else "",
        account_id=row.account_id if known else None,
        payment_id=str(row.movement_id) if known and row.movement_id is not None else "",
        revision=row.revision,
    )


def _scope(scope: Scope) -> dict[str, object]:
    return {"scope": scope.account_id, "subtree": scope.subtree}
