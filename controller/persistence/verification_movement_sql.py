"""What `ledger verify` asks of money that is not a call's: orders, holds, limits, rents.

As in `verification_sql.py`: (subject, what, stored, expected), nothing where all is well.
"""

# What a person ordered is what was posted, and nobody posted such a thing without an order.
_ORDERS = """
SELECT 'order ' || m.key, v.what, v.stored, v.expected
FROM movements m
LEFT JOIN postings p ON p.id = m.id
LEFT JOIN postings o ON m.kind = 'reversal' AND o.id = m.of_posting_id
CROSS JOIN LATERAL (VALUES
    ('kind of its posting', coalesce(p.kind, 'none'), m.kind),
    ('amount', trim_scale(p.amount)::text,
        trim_scale(coalesce(o.amount, abs((m.asked->>'amount')::numeric), p.amount))::text),
    ('accounts', p.debit_account_id || ' to ' || p.credit_account_id,
        coalesce(o.credit_account_id, p.debit_account_id)
            || ' to ' || coalesce(o.debit_account_id, p.credit_account_id))
) AS v(what, stored, expected)
WHERE m.kind NOT IN ('hold', 'credit_limit') AND v.stored <> v.expected
    AND NOT (m.kind = 'make_zero' AND p.id IS NULL)
UNION ALL
SELECT p.id::text, 'order of a ' || p.kind, 'none', 'one'
FROM postings p
WHERE p.kind IN ('withdrawal', 'make_zero', 'transfer', 'reversal', 'card', 'card_stock',
        'card_return')
    AND NOT EXISTS (SELECT FROM movements m WHERE m.id = p.id)
    AND NOT EXISTS (SELECT FROM pending_movements q WHERE q.posting_id = p.id)
ORDER BY 1, 2
"""

_PENDING = """
SELECT 'pending ' || m.key, 'posted', coalesce(trim_scale(p.amount)::text, 'none'),
    coalesce(trim_scale(q.posted)::text, 'none')
FROM pending_movements q JOIN movements m USING (id)
LEFT JOIN postings p ON p.id = q.posting_id AND p.kind = q.kind AND p.currency = q.currency
    AND p.debit_account_id = q.debit_account_id AND p.credit_account_id = q.credit_account_id
WHERE p.amount IS DISTINCT FROM q.posted
ORDER BY 1
"""

# A limit is where its history leads: each change begins where the one before ended.
_LIMITS = """
SELECT a.name, 'overdraft limit', trim_scale(a.overdraft_limit)::text,
    trim_scale(coalesce(h.after, 0))::text
FROM accounts a
LEFT JOIN (
    SELECT DISTINCT ON (account_id) account_id, after
    FROM account_limit_changes ORDER BY account_id, id DESC
) h ON h.account_id = a.id
WHERE a.overdraft_limit <> coalesce(h.after, 0)
UNION ALL
SELECT a.name, 'limit before change ' || c.id, trim_scale(c.before)::text,
    trim_scale(c.expected)::text
FROM (
    SELECT id, account_id, before,
        coalesce(lag(after) OVER (PARTITION BY account_id ORDER BY id), 0) AS expected
    FROM account_limit_changes
) c JOIN accounts a ON a.id = c.account_id
WHERE c.before <> c.expected
ORDER BY 1, 2
"""

# Rents and minimums: each charge has its posting, and each such posting its charge.
_RECURRING = """
SELECT coalesce(r.source, p.id::text), 'posting of a ' || coalesce(r.kind, p.kind),
    coalesce(trim_scale(p.amount)::text || ' of ' || coalesce(a.name, '?'), 'none'),
    coalesce(trim_scale(r.amount)::text || ' of ' || coalesce(b.name, '?'), 'none')
FROM (SELECT * FROM recurring_charges WHERE amount <> 0) r
FULL JOIN (
    SELECT * FROM postings WHERE kind IN
        ('package_rent', 'phone_rent', 'phone_minimum', 'package_minimum', 'account_minimum')
) p ON p.id = r.posting_id
LEFT JOIN accounts a ON a.id = p.debit_account_id
LEFT JOIN accounts b ON b.id = r.account_id
WHERE (p.amount = r.amount AND p.kind = r.kind AND p.debit_account_id = r.account_id) IS NOT TRUE
ORDER BY 1, 2
"""

# What is outstanding is what agents' unused cards are worth; each card that ended has its posting,
# and each posting of cards moved what its cards are worth.
_CARDS = """
SELECT s.name, 'outstanding on cards', trim_scale(s.balance)::text, trim_scale(s.unused)::text
FROM (
    SELECT a.name,
        coalesce((SELECT sum(amount) FROM postings WHERE credit_account_id = a.id), 0)
            - coalesce((SELECT sum(amount) FROM postings WHERE debit_account_id = a.id), 0)
            AS balance,
        coalesce((SELECT sum(b.face_value) FROM cards c JOIN card_batches b ON b.id = c.batch_id
            WHERE c.state = 'unused' AND b.issuer_account_id IS NOT NULL
                AND b.currency = a.currency), 0) AS unused
    FROM accounts a WHERE a.kind = 'system' AND a.name LIKE 'cards:%'
) s WHERE s.balance <> s.unused
UNION ALL
SELECT coalesce(p.id, c.movement_id)::text, 'cards of a ' || coalesce(p.kind, 'card'),
    coalesce(trim_scale(p.amount)::text, 'none'), coalesce(trim_scale(c.worth)::text, 'none')
FROM (SELECT * FROM postings WHERE kind IN ('card', 'card_return')) p
FULL JOIN (
    SELECT c.movement_id, sum(b.face_value) AS worth, min(c.used_account_id) AS account_id
    FROM cards c JOIN card_batches b ON b.id = c.batch_id
    WHERE c.movement_id IS NOT NULL GROUP BY 1
) c ON c.movement_id = p.id
WHERE (p.amount = c.worth AND (c.account_id IS NULL OR c.account_id = p.credit_account_id))
    IS NOT TRUE
ORDER BY 1, 2
"""

CHECKS = {
    "orders": _ORDERS,
    "pending movements": _PENDING,
    "limits": _LIMITS,
    "rents and minimums": _RECURRING,
    "phone cards": _CARDS,
}
