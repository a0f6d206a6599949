"""Records that people change, one transaction each: what phones, gateways and limits share.

A change waits for other changes of the configuration (files, decks) and they for it, so what was
checked still holds when it is written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa

from controller.domain.configuration import AccountKind
from controller.domain.destinations import DestinationRule
from controller.domain.errors import NotAllowed
from controller.domain.number_sections import NumberSection
from controller.persistence import config_sql, record_sql
from controller.persistence.audit_store import read_last_change, write_audit
from controller.persistence.config_writer import PostgresConfigurationStore
from controller.persistence.database import transaction
from controller.services.actors import EVERYTHING, Actor, Scope
from controller.services.audit import AuditLine, LastChange
from controller.services.config_as_code.specs import AccountSpec, RateGroupSpec

Row = sa.Row[Any]
W = TypeVar("W", bound="PostgresRecordWork")

WAIT_S = 10
"""Longest wait of a form for another change to end."""


class PostgresRecordWork:
    """Implements `RecordWork` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._chains: dict[tuple[str, Scope], tuple[AccountSpec, ...]] = {}
        self._groups: dict[tuple[str, Scope], RateGroupSpec | None] = {}
        self._ids: dict[str, int] = {}
        self.denials: list[AuditLine] = []
        self.watched: AuditLine | None = None

    def chain(self, account: str, scope: Scope) -> tuple[AccountSpec, ...]:
        """Remembered: many phones of one account may be made at once."""
        asked = (account, scope)
        if asked not in self._chains:
            self._chains[asked] = self._read_chain(account, scope)
        return self._chains[asked]

    def forget(self) -> None:
        """After the accounts themselves were changed."""
        self._chains.clear()

    def _read_chain(self, account: str, scope: Scope) -> tuple[AccountSpec, ...]:
        rows = self._execute(record_sql.CHAIN, name=account).all()
        seen = _up_to(rows, scope)
        if not seen:
            return ()
        self._ids[account] = rows[0].id
        chain = [_account(row) for row in seen]
        hidden = [_account(row) for row in rows[len(seen) :]]
        top = chain[-1]
        sections = next((a.number_sections for a in (top, *hidden) if a.number_sections), ())
        chain[-1] = replace(top, parent=None, number_sections=sections)
        return tuple(chain)

    def account_id(self, account: str) -> int:
        if account not in self._ids:
            self.chain(account, EVERYTHING)
        return self._ids[account]

    def rate_group(self, name: str, scope: Scope) -> RateGroupSpec | None:
        asked = (name, scope)
        if asked not in self._groups:
            self._groups[asked] = self._read_rate_group(name, scope)
        return self._groups[asked]

    def _read_rate_group(self, name: str, scope: Scope) -> RateGroupSpec | None:
        row = self._execute(
            record_sql.RATE_GROUP, name=name, account_id=scope.account_id
        ).one_or_none()
        if row is None:
            return None
        return RateGroupSpec(name=row.name, currency=row.currency, owner=row.owner)

    def audit(self, line: AuditLine) -> None:
        write_audit(self._connection, [line])

    def audit_all(self, lines: Sequence[AuditLine]) -> None:
        write_audit(self._connection, lines)

    def deny(self, line: AuditLine) -> None:
        self.denials.append(line)

    def watch(self, line: AuditLine) -> None:
        self.watched = line

    def is_above(self, account_id: int, other_id: int) -> bool:
        found = self._execute(record_sql.IS_ABOVE, account_id=account_id, other_id=other_id)
        return bool(found.scalar_one())

    def last_change(self, kind: str, name: str, scope: Scope) -> LastChange | None:
        return read_last_change(self._connection, kind, name, scope)

    def bump(self) -> None:
        self._execute(config_sql.BUMP_VERSION, parameters=None)

    def _execute(self, statement: str, **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(sa.text(statement), values)


@contextmanager
def record_work(engine: sa.Engine, make: Callable[[sa.Connection], W], actor: Actor) -> Iterator[W]:
    """Committed at the end, or taken back whole; what was denied is kept in any case."""
    made: list[W] = []
    try:
        with PostgresConfigurationStore(engine, WAIT_S).begin() as configuration:
            work = make(configuration.connection)
            made.append(work)
            if actor.account_id is not None:
                values = {"account_id": str(actor.account_id)}
                configuration.connection.execute(sa.text(record_sql.ACTS_FOR), values)
            yield work
            configuration.commit()
    except NotAllowed:
        for work in made:
            work.denials.extend([work.watched] if work.watched else [])
        raise
    finally:
        denials = [line for work in made for line in work.denials]
        if denials:
            note_denials(engine, denials)


def note_denials(engine: sa.Engine, lines: list[AuditLine]) -> None:
    with transaction(engine) as connection:
        write_audit(connection, lines)


def _up_to(rows: Sequence[Row], scope: Scope) -> list[Row]:
    """The accounts of a chain that are in scope; a scope's own account is the last of them."""
    if scope.account_id is None:
        return list(rows)
    for position, row in enumerate(rows):
        if row.id == scope.account_id:
            return list(rows[: position + 1]) if scope.subtree or position == 0 else []
    return []


def _account(row: Row) -> AccountSpec:
    return AccountSpec(
        name=row.name,
        currency=row.currency,
        kind=AccountKind(row.kind),
        parent=row.parent,
        closed=row.closed,
        number_sections=tuple(sorted(NumberSection(*pair) for pair in row.sections)),
        destination_rules=tuple(sorted(DestinationRule(*pair) for pair in row.rules)),
    )
