"""The books, recomputed from nothing but postings and open calls."""

import sqlalchemy as sa

from controller.persistence import schema as t


def assert_books_balance(engine: sa.Engine) -> None:
    """Σ postings = Σ balances for every account; reservations and lines as the open calls say."""
    query = sa.text(
        """
        SELECT a.name, f.balance, f.reserved, f.lines,
            coalesce((SELECT sum(amount) FROM postings WHERE credit_account_id = a.id), 0)
          - coalesce((SELECT sum(amount) FROM postings WHERE debit_account_id = a.id), 0),
            coalesce((SELECT sum(reserved) FROM calls WHERE account_id = a.id), 0),
            (SELECT count(*) FROM calls WHERE account_id = a.id)
        FROM accounts a JOIN account_funds f ON f.account_id = a.id WHERE a.kind <> 'system'
        """
    )
    with engine.connect() as connection:
        for name, balance, reserved, lines, posted, open_reserved, open_calls in connection.execute(
            query
        ):
            assert (name, balance) == (name, posted)
            assert (name, reserved, lines) == (name, open_reserved, open_calls)
        used = connection.execute(sa.select(t.gateway_lines)).all()
        held = connection.scalar(sa.select(sa.func.count()).select_from(t.calls))
        if not held:
            assert [row for row in used if row.used] == []
