"""Keeping the sums of calls by minute short: what calls have appended is folded into one row each.

Figures are those of both tables at every moment (`views.dashboard`); folding only makes them quick.
"""

import sqlalchemy as sa

from controller.persistence.database import transaction

_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtext('call_sums'))")
_FOLD = sa.text(
    """
    WITH taken AS (
        DELETE FROM call_sums_new RETURNING *
    ), folded AS (
        INSERT INTO call_sums AS s (account_id, at, currency, below, offered, answered, talk_ms,
            to_review, earned, paid, tax)
        SELECT account_id, at, currency, below, sum(offered), sum(answered), sum(talk_ms),
            sum(to_review), sum(earned), sum(paid), sum(tax)
        FROM taken GROUP BY account_id, at, currency, below
        ORDER BY account_id, at, currency, below
        ON CONFLICT (account_id, at, currency, below) DO UPDATE SET
            offered = s.offered + excluded.offered, answered = s.answered + excluded.answered,
            talk_ms = s.talk_ms + excluded.talk_ms, to_review = s.to_review + excluded.to_review,
            earned = s.earned + excluded.earned, paid = s.paid + excluded.paid,
            tax = s.tax + excluded.tax
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM folded)
    """
)
_FORGET = sa.text("DELETE FROM call_sums WHERE at < oldest_call_sum() - interval '1 day'")


class PostgresCallSums:
    """Each method is one transaction; both raise StoreUnavailable."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def fold(self) -> tuple[int, int]:
        """How many rows were taken, and how many they were folded into."""
        with transaction(self._engine) as connection:
            connection.execute(_ONE_AT_A_TIME)
            taken, folded = connection.execute(_FOLD).one()
        return taken, folded

    def forget(self) -> int:
        """Drop the sums of days that nothing shows; how many rows."""
        with transaction(self._engine) as connection:
            connection.execute(_ONE_AT_A_TIME)
            return connection.execute(_FORGET).rowcount
