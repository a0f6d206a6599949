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

from controller.domain.call_record import RecordRules
from controller.domain.cdr import VENDOR
from controller.domain.ledger import PostingKind, call_posting_id
from controller.persistence.config_objects import parameters_from
from controller.persistence.database import transaction
from controller.persistence.schema import accounts, calls, cdrs, configuration_state, postings
from controller.persistence.views.cdr_lines import standing_lines
from controller.services.views.cdr_lines import CallLine
from controller.services.views.cdrs import CdrDetail, CdrRow

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
    memo: str = ""


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

    def lines_between(self, since: datetime, until: datetime) -> Iterator[CallLine]:
        """What each party of these calls pays or gets now, the oldest call first."""
        with transaction(self._engine) as connection:
            connection.execute(SNAPSHOT)
            yield from standing_lines(connection, since, until)

    def postings_of(self, call: CdrDetail) -> list[CallPosting]:
        """Found by the ids that a call's postings must have; corrections by their call."""
        found = postings.c.id.in_(list(_posting_ids(call)))
        corrected = (postings.c.call_id == call.record.call_id) & (
            postings.c.kind == sa.literal_column(f"'{PostingKind.CORRECTION}'")
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(_POSTINGS.where(found | corrected)).all()
        return [CallPosting(*row) for row in rows]

    def open_call(self, call_id: str) -> OpenCall | None:
        wanted = sa.select(
            calls.c.switch_id, calls.c.offered_at, calls.c.answered_at, calls.c.granted_s
        ).where(calls.c.call_id == call_id)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        return OpenCall(*row) if row is not None else None

    def record_rules(self) -> RecordRules:
        """What settlement needs of the parameters, without compiling every rate."""
        with transaction(self._engine) as connection:
            stored = connection.scalar(sa.select(configuration_state.c.parameters)) or {}
        return parameters_from(stored).record_rules

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
        postings.c.memo,
    )
    .join(_debit, _debit.c.id == postings.c.debit_account_id)
    .join(_credit, _credit.c.id == postings.c.credit_account_id)
    .order_by(postings.c.at, postings.c.kind, postings.c.amount.desc())
)


def _posting_ids(call: CdrDetail) -> Iterator[str]:
    record = call.record
    payers = {line.account_id for line in call.lines if line.party != VENDOR}
    payers.update(() if record.account_id is None else (record.account_id,))
    for kind in (PostingKind.CALL_CHARGE, PostingKind.CALL_TAX, PostingKind.GIFT):
        yield from (call_posting_id(record.call_id, kind, account_id) for account_id in payers)
    if record.cost_account_id is not None:
        yield call_posting_id(record.call_id, PostingKind.CALL_COST, record.cost_account_id)


def _period(since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if since is not None:
        conditions.append(cdrs.c.started_at >= since)
    if until is not None:
        conditions.append(cdrs.c.started_at < until)
    return conditions
