"""Statements of the call path. Each works on a whole batch; rows come in as one JSON text."""

OPEN_CALLS = "SELECT ticket, granted_s, answered_at FROM calls WHERE switch_id = %s"

KNOWN_INSTANCE = "SELECT instance FROM switches WHERE switch_id = %s FOR UPDATE"

NOTE_INSTANCE = """
INSERT INTO switches (switch_id, instance) VALUES (%s, %s)
ON CONFLICT (switch_id) DO UPDATE SET instance = excluded.instance, seen_at = now()
"""

CLOSE_CALLS = """
DELETE FROM calls WHERE call_id = ANY(%s::uuid[])
RETURNING call_id::text, account_id, mapping_gateway_id, routing_gateway_ids, reserved, granted_s,
    CASE WHEN call_id = ANY(%s::uuid[]) THEN ticket END
"""

LOCK_GRANTS = """
SELECT call_id::text, granted_s, reserved FROM calls WHERE call_id = ANY(%s::uuid[])
ORDER BY call_id FOR UPDATE
"""

NOTE_ANSWERS = """
WITH new AS (
    SELECT * FROM json_to_recordset(%s) AS n(call_id uuid, answered_at timestamptz, gateway bigint)
), old AS (
    SELECT c.call_id, c.routing_gateway_ids FROM calls c JOIN new USING (call_id)
    ORDER BY c.call_id FOR UPDATE OF c
)
UPDATE calls c SET answered_at = new.answered_at,
    routing_gateway_ids = CASE WHEN new.gateway = ANY(old.routing_gateway_ids)
        THEN ARRAY[new.gateway] ELSE old.routing_gateway_ids END
FROM new JOIN old USING (call_id) WHERE c.call_id = new.call_id
RETURNING old.routing_gateway_ids, c.routing_gateway_ids
"""

LOCK_FUNDS = """
SELECT f.account_id, f.balance, a.overdraft_limit, f.reserved, f.lines, a.capacity
FROM account_funds f JOIN accounts a ON a.id = f.account_id
WHERE f.account_id = ANY(%s) ORDER BY f.account_id FOR UPDATE OF f
"""

LOCK_LINES = """
SELECT l.side, l.gateway_id, l.used, coalesce(m.capacity, r.capacity)
FROM gateway_lines l
LEFT JOIN mapping_gateways m ON l.side = 'mapping' AND m.id = l.gateway_id
LEFT JOIN routing_gateways r ON l.side = 'routing' AND r.id = l.gateway_id
WHERE (l.side = 'mapping' AND l.gateway_id = ANY(%s))
   OR (l.side = 'routing' AND l.gateway_id = ANY(%s))
ORDER BY l.side, l.gateway_id FOR UPDATE OF l
"""

SYSTEM_ACCOUNTS = "SELECT currency, name, id FROM accounts WHERE kind = 'system'"

WRITE_BATCH = """
WITH opened AS (
    INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
        reserved, granted_s, offered_at, caller, callee, ticket)
    SELECT call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
        reserved, granted_s, offered_at, caller, callee, convert_to(ticket::text, 'UTF8')
    FROM json_to_recordset(%(calls)s) AS n(call_id uuid, switch_id text, account_id bigint,
        mapping_gateway_id bigint, routing_gateway_ids bigint[], reserved numeric,
        granted_s integer, offered_at timestamptz, caller text, callee text, ticket json)
), granted AS (
    UPDATE calls c SET granted_s = n.granted_s, reserved = n.reserved
    FROM json_to_recordset(%(grants)s) AS n(call_id uuid, granted_s integer, reserved numeric)
    WHERE c.call_id = n.call_id
), funds AS (
    UPDATE account_funds f SET balance = n.balance, reserved = n.reserved, lines = n.lines
    FROM json_to_recordset(%(funds)s)
        AS n(account_id bigint, balance numeric, reserved numeric, lines integer)
    WHERE f.account_id = n.account_id
), lines AS (
    UPDATE gateway_lines l SET used = n.used
    FROM json_to_recordset(%(lines)s) AS n(side text, gateway_id bigint, used integer)
    WHERE l.side = n.side AND l.gateway_id = n.gateway_id
), attempted AS (
    INSERT INTO call_attempts
    SELECT * FROM json_populate_recordset(null::call_attempts, %(attempts)s)
    ON CONFLICT (leg_id, started_at) DO NOTHING
), posted AS (
    INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at,
        call_id)
    SELECT id, kind, debit, credit, amount, currency, at, call_id
    FROM json_to_recordset(%(postings)s) AS n(id uuid, kind text, debit bigint, credit bigint,
        amount numeric, currency text, at timestamptz, call_id uuid)
), recorded AS (
    INSERT INTO cdrs SELECT * FROM json_populate_recordset(null::cdrs, %(cdrs)s)
    ON CONFLICT (call_id, started_at) DO NOTHING RETURNING call_id
)
SELECT call_id::text FROM recorded
"""
"""All writes of a batch in one statement; what a batch doesn't have is an empty list."""
