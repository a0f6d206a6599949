"""Call records for the command line: read in bulk, and what stands around one record.

Pages read through `views/cdrs.py`, bounded and quick; here a whole period streams through a
server-side cursor, in one snapshot, with as little memory for a million records as for ten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import CallParameters
from controller.domain.ledger import PostingKind, call_posting_id
from controller.persistence.database import transaction
from controller.persistence.schema import accounts, calls, cdrs, configuration_state, postings
from controller.services.views.cdrs import CdrRow

FETCHED_AT_ONCE = 2_000
SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


@dataclass(frozen=True, slots=True)
class CallPosting:
    """A posting of one call, with the names of its two accounts."""

    kind: str
    debit: str
    credit: str
    amount: Decimal
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has no record yet."""

    switch_id: str
    offered_at: datetime
    answered_at: datetime | None
    granted_s: int


class PostgresRecords:
    """Each method is one read-only transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def between(self, since: datetime | None, until: datetime | None) -> Iterator[CdrRow]:
        """Records that started from `since` to before `until`, the oldest first."""
        return self._stream(_period(since, until), (cdrs.c.started_at, cdrs.c.call_id))

    def to_review(
        self, since: datetime | None, until: datetime | None, limit: int
    ) -> Iterator[CdrRow]:
        """Records that a person should look at, the newest first."""
        conditions = [*_period(since, until), cdrs.c.review != ""]
        return self._stream(
            conditions, (cdrs.c.started_at.desc(), cdrs.c.call_id.desc()), limit=limit
        )

    def postings_of(self, record: CdrRow) -> list[CallPosting]:
        """Found by the ids that the call's postings must have."""
        owed = [
            (PostingKind.CALL_CHARGE, record.account_id),
            (PostingKind.CALL_TAX, record.account_id),
            (PostingKind.CALL_COST, record.cost_account_id),
        ]
        ids = [call_posting_id(record.call_id, k, account) for k, account in owed if account]
        with transaction(self._engine) as connection:
            rows = connection.execute(_POSTINGS.where(postings.c.id.in_(ids))).all()
        return [CallPosting(*row) for row in rows]

    def open_call(self, call_id: str) -> OpenCall | None:
        wanted = sa.select(
            calls.c.switch_id, calls.c.offered_at, calls.c.answered_at, calls.c.granted_s
        ).where(calls.c.call_id == call_id)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        return OpenCall(*row) if row is not None else None

    def hold_time_threshold_ms(self) -> int:
        """The one parameter of calls that settlement needs, without compiling every rate."""
        with transaction(self._engine) as connection:
            stored = connection.scalar(sa.select(configuration_state.c.parameters)) or {}
        return int(stored.get("hold_time_threshold_ms", CallParameters().hold_time_threshold_ms))

    def _stream(
        self,
        conditions: list[sa.ColumnElement[bool]],
        order: tuple[sa.ColumnElement[Any], ...],
        limit: int | None = None,
    ) -> Iterator[CdrRow]:
        statement = _ROWS.where(*conditions).order_by(*order).limit(limit)
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            cursor = connection.execution_options(yield_per=FETCHED_AT_ONCE)
            for row in cursor.execute(statement):
                yield CdrRow(**row._asdict())


_payer, _vendor = accounts.alias("payer"), accounts.alias("vendor")
_ROWS = (
    sa.select(
        *(column for column in cdrs.c if column.name != "trace"),
        sa.func.coalesce(_payer.c.name, "").label("account"),
        sa.func.coalesce(_vendor.c.name, "").label("cost_account"),
    )
    .outerjoin(_payer, _payer.c.id == cdrs.c.account_id)
    .outerjoin(_vendor, _vendor.c.id == cdrs.c.cost_account_id)
)

_debit, _credit = accounts.alias("debit"), accounts.alias("credit")
_POSTINGS = (
    sa.select(
        postings.c.kind,
        _debit.c.name,
        _credit.c.name,
        postings.c.amount,
        postings.c.currency,
        postings.c.at,
    )
    .join(_debit, _debit.c.id == postings.c.debit_account_id)
    .join(_credit, _credit.c.id == postings.c.credit_account_id)
    .order_by(postings.c.kind)
)


def _period(since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if since is not None:
        conditions.append(cdrs.c.started_at >= since)
    if until is not None:
        conditions.append(cdrs.c.started_at < until)
    return conditions
