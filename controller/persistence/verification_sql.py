"""What `tollgate ledger verify` asks the database: each query names what is not as it must be.

Every query yields (subject, what, stored, expected) as text, nothing where all is well. They run
in one snapshot, so that traffic in between cannot look like a difference.
"""

from controller.persistence import verification_movement_sql

SETTINGS = (
    # sums over millions of rows: in memory, on as many cores as the server allows
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL jit = off",
)

_BALANCES = """
SELECT a.name, 'balance', coalesce(trim_scale(f.balance)::text, 'none'),
    trim_scale(coalesce(c.amount, 0) - coalesce(d.amount, 0))::text
FROM accounts a
LEFT JOIN account_funds f ON f.account_id = a.id
LEFT JOIN (SELECT credit_account_id AS id, sum(amount) AS amount FROM postings GROUP BY 1) c
    ON c.id = a.id
LEFT JOIN (SELECT debit_account_id AS id, sum(amount) AS amount FROM postings GROUP BY 1) d
    ON d.id = a.id
WHERE a.kind <> 'system'
    AND f.balance IS DISTINCT FROM coalesce(c.amount, 0) - coalesce(d.amount, 0)
ORDER BY a.name
"""

_RESERVED = """
SELECT a.name, v.what, v.stored, v.expected
FROM accounts a
LEFT JOIN account_funds f ON f.account_id = a.id
LEFT JOIN (
    SELECT account_id, sum(reserved) AS reserved FROM (
        SELECT payer, reserved FROM calls, unnest(payer_ids, payer_reserved) AS h(payer, reserved)
        UNION ALL
        SELECT vendor, reserved
        FROM calls, unnest(vendor_ids, vendor_reserved) AS h(vendor, reserved)
        UNION ALL
        SELECT debit_account_id, amount FROM pending_movements WHERE state = 'pending'
    ) AS held(account_id, reserved) GROUP BY 1
) o ON o.account_id = a.id
LEFT JOIN (SELECT account_id, count(*) AS lines FROM calls GROUP BY 1) l ON l.account_id = a.id
LEFT JOIN (
    SELECT payer, count(*) AS lines FROM calls, unnest(payer_ids) AS payer GROUP BY 1
) s ON s.payer = a.id
CROSS JOIN LATERAL (VALUES
    ('reserved', coalesce(trim_scale(f.reserved)::text, 'none'),
        trim_scale(coalesce(o.reserved, 0))::text),
    ('lines', coalesce(f.lines::text, 'none'), coalesce(l.lines, 0)::text),
    ('lines of its accounts', coalesce(f.subtree_lines::text, 'none'),
        coalesce(s.lines, 0)::text)
) AS v(what, stored, expected)
WHERE v.stored <> v.expected
ORDER BY a.name, v.what
"""

# No call goes to a phone yet: `phone_in` is 0, and `phone` counts what the phone calls.
_LINES = """
SELECT coalesce(m.name, r.name, g.name, p.number, '#' || subject_id),
    CASE WHEN kind IN ('mapping', 'routing') THEN kind || ' gateway'
        ELSE replace(kind, '_', ' ') END || ' lines',
    coalesce(l.used::text, 'none'), coalesce(o.used, 0)::text
FROM (SELECT kind, id AS subject_id, used FROM lines) l
FULL JOIN (
    SELECT 'mapping' AS kind, mapping_gateway_id AS subject_id, count(*) AS used
    FROM calls GROUP BY 2
    UNION ALL
    SELECT 'routing', vendor, count(*) FROM calls, unnest(routing_gateway_ids) AS vendor GROUP BY 2
    UNION ALL
    SELECT 'group', member, count(*) FROM calls, unnest(group_ids) AS member GROUP BY 2
    UNION ALL
    SELECT k.kind, phone_id, count(*)
    FROM calls, (VALUES ('phone'), ('phone_out')) AS k(kind)
    WHERE phone_id IS NOT NULL GROUP BY 1, 2
) o USING (kind, subject_id)
LEFT JOIN mapping_gateways m ON kind = 'mapping' AND m.id = subject_id
LEFT JOIN routing_gateways r ON kind = 'routing' AND r.id = subject_id
LEFT JOIN gateway_groups g ON kind = 'group' AND g.id = subject_id
LEFT JOIN phones p ON kind IN ('phone', 'phone_in', 'phone_out') AND p.id = subject_id
WHERE coalesce(l.used, -1) <> coalesce(o.used, 0)
ORDER BY 2, 1
"""

# Each party of a call on either side once. The comparison of figures comes first: only where it
# fails are they put into words, which is most of the cost.
_CHARGES = """
SELECT call_id || ' of ' || coalesce(a.name, '#' || account_id), v.what, v.stored, v.expected
FROM (
    SELECT call_id,
        CASE WHEN kind = 'gift' THEN credit_account_id ELSE debit_account_id END AS account_id,
        kind = 'call_cost' AS of_vendor,
        sum(amount) FILTER (WHERE kind = 'call_charge') AS net,
        sum(amount) FILTER (WHERE kind = 'call_tax') AS tax,
        sum(amount) FILTER (WHERE kind = 'call_cost') AS cost,
        sum(amount) FILTER (WHERE kind = 'gift') AS gift
    FROM postings
    WHERE call_id IS NOT NULL AND kind IN ('call_charge', 'call_tax', 'call_cost', 'gift')
    GROUP BY 1, 2, 3
) p
FULL JOIN (
    SELECT call_id, account_id, party = -1 AS of_vendor, net, tax, net + tax AS gross, gift
    FROM cdr_charges WHERE revision = 0
) c USING (call_id, account_id, of_vendor)
LEFT JOIN accounts a ON a.id = account_id
CROSS JOIN LATERAL (VALUES
    ('line of the record', CASE WHEN c.net IS NULL THEN 'none' ELSE 'one' END, 'one'),
    ('net', trim_scale(coalesce(p.net, 0))::text, trim_scale(c.net)::text),
    ('tax', trim_scale(coalesce(p.tax, 0))::text, trim_scale(c.tax)::text),
    ('gift', trim_scale(coalesce(p.gift, 0))::text, trim_scale(c.gift)::text),
    ('cost', trim_scale(coalesce(p.cost, 0))::text, trim_scale(c.gross)::text)
) AS v(what, stored, expected)
WHERE (
    CASE WHEN of_vendor THEN coalesce(p.cost, 0) = c.gross
    ELSE coalesce(p.net, 0) = c.net AND coalesce(p.tax, 0) = c.tax
        AND coalesce(p.gift, 0) = c.gift END
) IS NOT TRUE
    AND v.stored <> v.expected
    AND (c.net IS NULL OR of_vendor = (v.what = 'cost'))
ORDER BY 1
"""

# What the record itself says of the customer and the vendor is what their lines say.
_RECORD_FIGURES = """
SELECT r.call_id::text, v.what, v.stored, v.expected
FROM cdrs r
LEFT JOIN cdr_charges s ON s.call_id = r.call_id AND s.started_at = r.started_at
    AND s.party = 0 AND s.revision = 0
LEFT JOIN cdr_charges c ON c.call_id = r.call_id AND c.started_at = r.started_at
    AND c.party = -1 AND c.revision = 0
CROSS JOIN LATERAL (VALUES
    ('net of the record', trim_scale(r.net)::text, trim_scale(coalesce(s.net, 0))::text),
    ('tax of the record', trim_scale(r.tax)::text, trim_scale(coalesce(s.tax, 0))::text),
    ('cost of the record', trim_scale(r.cost)::text,
        trim_scale(coalesce(c.net + c.tax, 0))::text),
    ('paying account', coalesce('#' || r.account_id, 'none'), '#' || s.account_id),
    ('vendor account', coalesce('#' || r.cost_account_id, 'none'), '#' || c.account_id)
) AS v(what, stored, expected)
WHERE (r.net = coalesce(s.net, 0) AND r.tax = coalesce(s.tax, 0)
        AND r.cost = coalesce(c.net + c.tax, 0)
        AND (s.account_id IS NULL OR s.account_id = r.account_id)
        AND (c.account_id IS NULL OR c.account_id = r.cost_account_id)) IS NOT TRUE
    AND v.stored <> v.expected
ORDER BY 1
"""

# What re-rating corrected is what its revisions differ by.
_CORRECTIONS = """
SELECT call_id || ' of ' || coalesce(a.name, '#' || account_id), 'corrections',
    trim_scale(coalesce(p.amount, 0))::text, trim_scale(coalesce(c.amount, 0))::text
FROM (
    SELECT call_id, account_id, sum(amount) AS amount
    FROM (
        SELECT call_id, debit_account_id AS account_id, amount FROM postings
        WHERE kind = 'correction' AND call_id IS NOT NULL
        UNION ALL
        SELECT call_id, credit_account_id, -amount FROM postings
        WHERE kind = 'correction' AND call_id IS NOT NULL
    ) moved
    WHERE account_id NOT IN (SELECT id FROM accounts WHERE kind = 'system')
    GROUP BY 1, 2
) p
FULL JOIN (
    SELECT call_id, account_id, sum(amount) AS amount
    FROM (
        SELECT l.call_id, l.account_id, (l.net + l.tax - l.gift)
            - lag(l.net + l.tax - l.gift) OVER (PARTITION BY l.call_id, l.party ORDER BY l.revision)
            AS amount, l.revision
        FROM cdr_charges l
        WHERE EXISTS (SELECT FROM cdr_charges r WHERE r.call_id = l.call_id
            AND r.started_at = l.started_at AND r.party = l.party AND r.revision > 0)
    ) steps
    WHERE revision > 0 GROUP BY 1, 2
) c USING (call_id, account_id)
LEFT JOIN accounts a ON a.id = account_id
WHERE coalesce(p.amount, 0) <> coalesce(c.amount, 0)
ORDER BY 1
"""

# Free seconds, gift money and months: what is reserved is what open calls hold.
_BENEFITS = """
SELECT f.id::text, 'reserved free seconds', f.reserved_s::text, coalesce(o.held, 0)::text
FROM active_free_seconds f
LEFT JOIN (
    SELECT id, sum(s) AS held FROM calls, unnest(free_ids, free_reserved) AS h(id, s) GROUP BY 1
) o USING (id) WHERE f.reserved_s <> coalesce(o.held, 0)
UNION ALL
SELECT p.id::text, 'reserved gift money', trim_scale(p.gift_reserved)::text,
    trim_scale(coalesce(o.held, 0))::text
FROM active_packages p
LEFT JOIN (
    SELECT id, sum(g) AS held FROM calls, unnest(gift_ids, gift_reserved) AS h(id, g) GROUP BY 1
) o USING (id) WHERE p.gift_reserved <> coalesce(o.held, 0)
UNION ALL
SELECT m.phone_id || ' in ' || m.month, 'reserved in the month', trim_scale(m.reserved)::text,
    trim_scale(coalesce(o.held, 0))::text
FROM phone_months m
LEFT JOIN (
    SELECT phone_id, phone_month AS month, sum(month_reserved) AS held
    FROM calls WHERE phone_id IS NOT NULL GROUP BY 1, 2
) o USING (phone_id, month) WHERE m.reserved <> coalesce(o.held, 0)
ORDER BY 2, 1
"""

_OTHER_UNKNOWN_CALLS = """
SELECT p.id::text, 'record of call ' || p.call_id, 'none', 'one'
FROM postings p
WHERE p.call_id IS NOT NULL AND p.kind NOT IN ('call_charge', 'call_tax', 'call_cost', 'gift')
    AND NOT EXISTS (SELECT FROM cdrs c WHERE c.call_id = p.call_id)
ORDER BY 1
"""

_RECORDS = """
SELECT call_id::text, 'records', count(*)::text, '1' FROM cdrs GROUP BY call_id
HAVING count(*) > 1
UNION ALL
SELECT l.call_id::text, 'record', 'none', 'one' FROM cdr_charges l
WHERE l.revision = 0 AND NOT EXISTS (
    SELECT FROM cdrs r WHERE r.call_id = l.call_id AND r.started_at = l.started_at
)
GROUP BY 1
ORDER BY 1
"""

_ENDED_CALLS = """
SELECT o.call_id::text, 'reservation after the end', trim_scale(o.payer_reserved[1])::text, 'none'
FROM calls o WHERE EXISTS (SELECT FROM cdrs c WHERE c.call_id = o.call_id)
ORDER BY 1
"""

_CURRENCIES = """
SELECT d.name || ' to ' || c.name, 'currency of ' || moved.postings || ' postings',
    moved.currency, d.currency || ' to ' || c.currency
FROM (
    SELECT debit_account_id, credit_account_id, currency, count(*) AS postings
    FROM postings GROUP BY 1, 2, 3
) moved
JOIN accounts d ON d.id = moved.debit_account_id
JOIN accounts c ON c.id = moved.credit_account_id
WHERE d.currency <> moved.currency OR c.currency <> moved.currency
ORDER BY 1, 3
"""

CHECKS = {
    "balances": _BALANCES,
    "reserved money and lines": _RESERVED,
    "lines": _LINES,
    "call postings": _CHARGES,
    "call figures": _RECORD_FIGURES,
    "corrections": _CORRECTIONS,
    "packages and months": _BENEFITS,
    "other postings of calls": _OTHER_UNKNOWN_CALLS,
    "call records": _RECORDS,
    "ended calls": _ENDED_CALLS,
    "currencies": _CURRENCIES,
    **verification_movement_sql.CHECKS,
}

COUNTS = """
SELECT (SELECT count(*) FROM accounts WHERE kind <> 'system') AS accounts,
    (SELECT count(*) FROM postings) AS postings,
    (SELECT count(*) FROM cdrs) AS call_records,
    (SELECT count(*) FROM calls) AS open_calls,
    (SELECT count(*) FROM pending_movements WHERE state = 'pending') AS pending_movements
"""

BELOW_ZERO = """
SELECT a.name, a.kind, a.currency, f.balance + a.overdraft_limit - f.reserved AS available
FROM accounts a JOIN account_funds f ON f.account_id = a.id
WHERE a.kind <> 'system' AND f.balance + a.overdraft_limit - f.reserved < 0
ORDER BY available, a.name
"""
