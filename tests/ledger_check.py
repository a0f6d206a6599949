"""The books, recomputed from nothing but postings, open calls and pending movements."""

import sqlalchemy as sa

from controller.persistence import schema as t


def assert_books_balance(engine: sa.Engine) -> None:
    """Σ postings = Σ balances for every account; reservations and lines as the open calls say.

    Over all accounts, the platform's own included, balances are zero in each currency.
    """
    query = sa.text(
        """
        SELECT a.name, f.balance, f.reserved, f.lines, f.subtree_lines,
            coalesce((SELECT sum(amount) FROM postings WHERE credit_account_id = a.id), 0)
          - coalesce((SELECT sum(amount) FROM postings WHERE debit_account_id = a.id), 0),
            coalesce((SELECT sum(held.reserved) FROM calls,
                unnest(payer_ids, payer_reserved) AS held(payer, reserved)
                WHERE held.payer = a.id), 0)
          + coalesce((SELECT sum(held.reserved) FROM calls,
                unnest(vendor_ids, vendor_reserved) AS held(vendor, reserved)
                WHERE held.vendor = a.id), 0)
          + coalesce((SELECT sum(amount) FROM pending_movements
                WHERE debit_account_id = a.id AND state = 'pending'), 0),
            (SELECT count(*) FROM calls WHERE account_id = a.id),
            (SELECT count(*) FROM calls WHERE a.id = ANY(payer_ids))
        FROM accounts a JOIN account_funds f ON f.account_id = a.id WHERE a.kind <> 'system'
        """
    )
    with engine.connect() as connection:
        for name, balance, *counted, posted, held, own, below in connection.execute(query):
            assert (name, balance) == (name, posted)
            assert (name, counted) == (name, [held, own, below])
        assert connection.execute(_SUMS).all() == []
        used = connection.execute(sa.select(t.lines)).all()
        held = connection.scalar(sa.select(sa.func.count()).select_from(t.calls))
        if not held:
            assert [row for row in used if row.used] == []


# stored balances, and the platform's own, which follow from their postings
_SUMS = sa.text(
    """
    SELECT a.currency, sum(CASE WHEN a.kind = 'system' THEN p.moved ELSE f.balance END)
    FROM accounts a JOIN account_funds f ON f.account_id = a.id
    JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN credit_account_id = a.id THEN amount ELSE -amount END), 0)
            AS moved
        FROM postings WHERE a.id IN (credit_account_id, debit_account_id)
    ) p ON true
    GROUP BY 1 HAVING sum(CASE WHEN a.kind = 'system' THEN p.moved ELSE f.balance END) <> 0
    """
)
