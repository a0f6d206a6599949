"""What `tollgate ledger verify` asks the database: each query names what is not as it must be.

Every query yields (subject, what, stored, expected) as text, nothing where all is well. They run
in one snapshot, so that traffic in between cannot look like a difference.
"""

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
    SELECT account_id, sum(reserved) AS reserved, count(*) AS lines FROM calls GROUP BY 1
) o ON o.account_id = a.id
CROSS JOIN LATERAL (VALUES
    ('reserved', coalesce(trim_scale(f.reserved)::text, 'none'),
        trim_scale(coalesce(o.reserved, 0))::text),
    ('lines', coalesce(f.lines::text, 'none'), coalesce(o.lines, 0)::text)
) AS v(what, stored, expected)
WHERE v.stored <> v.expected
ORDER BY a.name, v.what
"""

_GATEWAY_LINES = """
SELECT coalesce(m.name, r.name, '#' || gateway_id), side || ' gateway lines',
    coalesce(l.used::text, 'none'), coalesce(o.used, 0)::text
FROM gateway_lines l
FULL JOIN (
    SELECT 'mapping' AS side, mapping_gateway_id AS gateway_id, count(*) AS used
    FROM calls GROUP BY 2
    UNION ALL
    SELECT 'routing', vendor, count(*) FROM calls, unnest(routing_gateway_ids) AS vendor GROUP BY 2
) o USING (side, gateway_id)
LEFT JOIN mapping_gateways m ON side = 'mapping' AND m.id = gateway_id
LEFT JOIN routing_gateways r ON side = 'routing' AND r.id = gateway_id
WHERE coalesce(l.used, -1) <> coalesce(o.used, 0)
ORDER BY 2, 1
"""

# Each call on either side once. The comparison of figures comes first: only where it fails are
# they put into words, which is most of the cost.
_CHARGES = """
SELECT call_id::text, v.what, v.stored, v.expected
FROM (
    SELECT call_id,
        sum(amount) FILTER (WHERE kind = 'call_charge') AS net,
        sum(amount) FILTER (WHERE kind = 'call_tax') AS tax,
        sum(amount) FILTER (WHERE kind = 'call_cost') AS cost,
        min(debit_account_id) FILTER (WHERE kind <> 'call_cost') AS payer,
        max(debit_account_id) FILTER (WHERE kind <> 'call_cost') AS last_payer,
        min(debit_account_id) FILTER (WHERE kind = 'call_cost') AS vendor,
        max(debit_account_id) FILTER (WHERE kind = 'call_cost') AS last_vendor
    FROM postings
    WHERE call_id IS NOT NULL AND kind IN ('call_charge', 'call_tax', 'call_cost')
    GROUP BY call_id
) p
FULL JOIN (
    SELECT call_id, net, tax, cost, account_id, cost_account_id,
        coalesce('#' || account_id, 'none') AS payer,
        coalesce('#' || cost_account_id, 'none') AS vendor
    FROM cdrs
) c USING (call_id)
CROSS JOIN LATERAL (VALUES
    ('record', CASE WHEN c.net IS NULL THEN 'none' ELSE 'one' END, 'one'),
    ('net', trim_scale(coalesce(p.net, 0))::text, trim_scale(c.net)::text),
    ('tax', trim_scale(coalesce(p.tax, 0))::text, trim_scale(c.tax)::text),
    ('cost', trim_scale(coalesce(p.cost, 0))::text, trim_scale(c.cost)::text),
    ('paying account', '#' || p.payer, c.payer),
    ('last paying account', '#' || nullif(p.last_payer, p.payer), c.payer),
    ('vendor account', '#' || p.vendor, c.vendor),
    ('last vendor account', '#' || nullif(p.last_vendor, p.vendor), c.vendor)
) AS v(what, stored, expected)
WHERE (
    coalesce(p.net, 0) = c.net AND coalesce(p.tax, 0) = c.tax AND coalesce(p.cost, 0) = c.cost
    AND (p.payer IS NULL OR (p.payer = c.account_id AND p.last_payer = c.account_id))
    AND (p.vendor IS NULL OR (p.vendor = c.cost_account_id AND p.last_vendor = c.cost_account_id))
) IS NOT TRUE
    AND v.stored <> v.expected
ORDER BY 1
"""

_OTHER_UNKNOWN_CALLS = """
SELECT p.id::text, 'record of call ' || p.call_id, 'none', 'one'
FROM postings p
WHERE p.call_id IS NOT NULL AND p.kind NOT IN ('call_charge', 'call_tax', 'call_cost')
    AND NOT EXISTS (SELECT FROM cdrs c WHERE c.call_id = p.call_id)
ORDER BY 1
"""

_RECORDS = """
SELECT call_id::text, 'records', count(*)::text, '1' FROM cdrs GROUP BY call_id
HAVING count(*) > 1
ORDER BY 1
"""

_ENDED_CALLS = """
SELECT o.call_id::text, 'reservation after the end', trim_scale(o.reserved)::text, 'none'
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
    "gateway lines": _GATEWAY_LINES,
    "call postings": _CHARGES,
    "other postings of calls": _OTHER_UNKNOWN_CALLS,
    "call records": _RECORDS,
    "ended calls": _ENDED_CALLS,
    "currencies": _CURRENCIES,
}

COUNTS = """
SELECT (SELECT count(*) FROM accounts WHERE kind <> 'system') AS accounts,
    (SELECT count(*) FROM postings) AS postings,
    (SELECT count(*) FROM cdrs) AS call_records,
    (SELECT count(*) FROM calls) AS open_calls
"""

BELOW_ZERO = """
SELECT a.name, a.kind, a.currency, f.balance + a.overdraft_limit - f.reserved AS available
FROM accounts a JOIN account_funds f ON f.account_id = a.id
WHERE a.kind <> 'system' AND f.balance + a.overdraft_limit - f.reserved < 0
ORDER BY available, a.name
"""
