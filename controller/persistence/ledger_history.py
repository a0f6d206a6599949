"""An account's history from its postings. Implements `services.movements.history.Histories`.

The balance after each posting is a running sum in the order of recording: the account's funds were
locked meanwhile, so it is the balance that was there.
"""

from typing import Any

import sqlalchemy as sa

from controller.persistence.database import transaction
from controller.services.movements.history import (
    LIMITS,
    History,
    HistoryFilter,
    HistoryLine,
    LimitLine,
)

SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresHistories:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def history(self, account: str, wanted: HistoryFilter) -> History | None:
        with transaction(self._engine) as connection:
            connection.execute(sa.text(SNAPSHOT))
            found = connection.execute(sa.text(_ACCOUNT), {"name": account}).one_or_none()
            if found is None:
                return None
            values = {"id": found.id, "since": wanted.since, "until": wanted.until}
            totals = connection.execute(sa.text(_TOTALS), {**values, "kind": wanted.kind}).one()
            lines = _lines(connection, values, wanted, totals)
            limits = _limits(connection, values, wanted)
        return History(
            account,
            found.currency,
            totals.opening,
            totals.closing,
            lines,
            totals.asked - len(lines) if wanted.kind != LIMITS else 0,
            limits,
        )


def _lines(
    connection: sa.Connection, values: dict[str, Any], wanted: HistoryFilter, totals: sa.Row[Any]
) -> tuple[HistoryLine, ...]:
    """The newest come first from the database, and last in the history."""
    if wanted.kind == LIMITS:
        return ()
    asked = {**values, "opening": totals.opening, "kind": wanted.kind, "most": wanted.limit}
    rows = connection.execute(sa.text(_LINES), asked).all()
    return tuple(HistoryLine(**row._asdict()) for row in reversed(rows))


def _limits(
    connection: sa.Connection, values: dict[str, Any], wanted: HistoryFilter
) -> tuple[LimitLine, ...]:
    if wanted.kind not in ("", LIMITS):
        return ()
    rows = connection.execute(sa.text(_LIMITS), {**values, "most": wanted.limit}).all()
    return tuple(LimitLine(**row._asdict()) for row in reversed(rows))


_ACCOUNT = "SELECT id, currency FROM accounts WHERE name = :name"

_MOVED = """
    SELECT id, kind, at, recorded_at, amount, debit_account_id AS other_id, memo, call_id
    FROM postings WHERE credit_account_id = :id
    UNION ALL
    SELECT id, kind, at, recorded_at, -amount, credit_account_id, memo, call_id
    FROM postings WHERE debit_account_id = :id
"""
_PERIOD = """
    (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR recorded_at < :until)
"""
_TOTALS = f"""
SELECT coalesce(sum(amount) FILTER (WHERE recorded_at < :since), 0) AS opening,
    coalesce(sum(amount) FILTER (
        WHERE CAST(:until AS timestamptz) IS NULL OR recorded_at < :until), 0) AS closing,
    count(*) FILTER (WHERE {_PERIOD} AND (:kind = '' OR kind = :kind)) AS asked
FROM ({_MOVED}) AS moved
"""  # noqa: S608 - constants
_LINES = f"""
SELECT l.id::text AS posting_id, l.kind, l.at, l.recorded_at, l.amount, l.balance_after,
    o.name AS other, l.memo, l.call_id::text AS call_id, coalesce(m.key, h.key, '') AS key,
    coalesce(m.who, q.ended_by, '') AS who, m.of_posting_id::text AS of
FROM (
    SELECT *, CAST(:opening AS numeric) + sum(amount) OVER (
        ORDER BY recorded_at, id ROWS UNBOUNDED PRECEDING) AS balance_after
    FROM ({_MOVED}) AS moved WHERE {_PERIOD}
) AS l
JOIN accounts o ON o.id = l.other_id
LEFT JOIN movements m ON m.id = l.id
LEFT JOIN pending_movements q ON q.posting_id = l.id
LEFT JOIN movements h ON h.id = q.id
WHERE :kind = '' OR l.kind = :kind
ORDER BY l.recorded_at DESC, l.id DESC LIMIT :most
"""  # noqa: S608 - constants
_LIMITS = f"""
SELECT recorded_at AS at, before, after, key, memo, who FROM (
    SELECT id, at AS recorded_at, before, after, coalesce(key, '') AS key, memo, who
    FROM account_limit_changes WHERE account_id = :id
) AS c
WHERE {_PERIOD} ORDER BY id DESC LIMIT :most
"""  # noqa: S608 - constants
