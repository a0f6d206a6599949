"""Statements of re-rating: a piece of calls with their lines, and a piece's corrections."""

# a new month has no statistics yet: it must be read along its index all the same
ALONG_THE_INDEX = (
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL enable_hashjoin = off",
)

# the last revision of each party
CALLS = """
WITH piece AS MATERIALIZED (
    SELECT call_id, started_at, answered_at, callee_rated, callee_sent, phone, routing_gateway
    FROM cdrs c
    WHERE started_at >= :from_at AND started_at < :until
        AND (started_at, call_id) > (:from_at, CAST(:behind AS uuid))
        AND answered_at IS NOT NULL AND duration_s > 0{conditions}
    ORDER BY started_at, call_id LIMIT :limit
)
SELECT p.call_id::text, p.started_at, p.answered_at, p.callee_rated, p.callee_sent, p.phone,
    p.routing_gateway, l.party, l.revision, l.account_id, l.rate_group, l.prefix, l.billed_s,
    l.raw, l.net, l.tax, l.currency, l.free_s, l.gift, l.package_ids, l.rated_s
FROM piece p
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (party) * FROM cdr_charges
    WHERE call_id = p.call_id AND started_at = p.started_at
    ORDER BY party, revision DESC
) l ON true
ORDER BY p.started_at, p.call_id, l.party
"""

OF_GATEWAY = """
        AND (mapping_gateway = :gateway OR routing_gateway = :gateway)"""

OF_ACCOUNT = """
        AND EXISTS (SELECT FROM cdr_charges l WHERE l.call_id = c.call_id
            AND l.started_at = c.started_at AND l.account_id = :account_id)"""

# before a funds row is locked for a correction, in the order of the call path
LOCK_FUNDS = """
SELECT account_id FROM account_funds WHERE account_id = ANY(:ids) ORDER BY account_id FOR UPDATE
"""

KNOWN_POSTINGS = "SELECT id::text FROM postings WHERE id = ANY(CAST(:ids AS uuid[]))"

CORRECT = """
WITH charged AS (
    INSERT INTO cdr_charges
    SELECT * FROM json_populate_recordset(null::cdr_charges, CAST(:charges AS json))
), posted AS (
    INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at,
        call_id, memo)
    SELECT id, kind, debit, credit, amount, currency, at, call_id, memo
    FROM json_to_recordset(CAST(:postings AS json)) AS n(id uuid, kind text, debit bigint,
        credit bigint, amount numeric, currency text, at timestamptz, call_id uuid, memo text)
), noted AS (
    UPDATE rerating_runs SET corrected = corrected + :lines WHERE key = :key
)
UPDATE account_funds f SET balance = f.balance + n.amount
FROM json_to_recordset(CAST(:funds AS json)) AS n(account_id bigint, amount numeric)
WHERE f.account_id = n.account_id
"""

# one application at a time on this database
LOCK = "SELECT pg_try_advisory_lock(7018604012)"

UNLOCK = "SELECT pg_advisory_unlock(7018604012)"

# packages as they were in the range, also those whose period is over
PACKAGES = """
SELECT a.id, p.name, a.account_id, a.period_start, a.period_end, a.phone_id, a.priority,
    a.package_id, a.effective_consumption > 0 AS conditional
FROM active_packages a JOIN packages p ON p.id = a.package_id
WHERE a.period_start < :until AND a.period_end > :since
    AND EXISTS (SELECT FROM period_rates r WHERE r.package_id = a.package_id)
"""
