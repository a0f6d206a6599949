"""Statements of the call path. Each works on a whole batch; rows come in as one JSON text."""

OPEN_CALLS = "SELECT ticket, granted_s, answered_at FROM calls WHERE switch_id = %s"

KNOWN_INSTANCE = "SELECT instance FROM switches WHERE switch_id = %s FOR UPDATE"

NOTE_INSTANCE = """
INSERT INTO switches (switch_id, instance) VALUES (%s, %s)
ON CONFLICT (switch_id) DO UPDATE SET instance = excluded.instance, seen_at = now()
"""

CLOSE_CALLS = """
DELETE FROM calls WHERE call_id = ANY(%s::uuid[])
RETURNING call_id::text, granted_s, payer_reserved, free_reserved, gift_reserved, month_reserved,
    routing_gateway_ids, group_ids, vendor_ids, vendor_reserved,
    CASE WHEN call_id = ANY(%s::uuid[]) THEN ticket END
"""

NOTE_LATE = """
WITH told AS (
    SELECT * FROM json_to_recordset(%s)
        AS n(call_id uuid, switch_id text, account_id bigint, offered_at timestamptz)
), noted AS (
    INSERT INTO late_admissions (call_id, switch_id, account_id, offered_at)
    SELECT call_id, switch_id, account_id, offered_at FROM told ORDER BY call_id
    ON CONFLICT DO NOTHING RETURNING call_id
)
SELECT call_id::text FROM noted n
WHERE NOT EXISTS (SELECT FROM calls c WHERE c.call_id = n.call_id)
    AND NOT EXISTS (SELECT FROM cdrs r WHERE r.call_id = n.call_id)
"""
"""The calls that are new. Not those that were told before, whose admission was committed although
nobody heard of that, or that have a record: another controller had the switch."""

KNOWN_LATE = "SELECT call_id::text FROM late_admissions WHERE call_id = ANY(%s::uuid[])"

LOCK_CALLS = """
SELECT call_id::text, granted_s, payer_reserved, free_reserved, gift_reserved, month_reserved,
    routing_gateway_ids, group_ids, vendor_ids, vendor_reserved
FROM calls WHERE call_id = ANY(%s::uuid[]) ORDER BY call_id FOR UPDATE
"""

# in the order of the ids, and read after the lock is had: a limit that changed while this waited
# is the changed one (a join would show it as it was when the statement began)
LOCK_FUNDS = """
SELECT account_id, balance, overdraft_limit, reserved, lines, capacity, subtree_lines,
    subtree_capacity
FROM lock_funds(%s)
"""

# like funds; the last column is the clock when all of them were locked
LOCK_LINES = """
SELECT kind, id, now_us, used, capacity, per_second, recent, name
FROM lock_lines(%s::text[], %s::bigint[])
"""

LOCK_PACKAGES = """
SELECT id, gift_left, gift_reserved, consumption, effective_consumption
FROM active_packages WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""

LOCK_ALLOWANCES = """
SELECT id, left_s, reserved_s FROM active_free_seconds WHERE id = ANY(%s) ORDER BY id FOR UPDATE
"""

OPEN_MONTHS = """
INSERT INTO phone_months (phone_id, month)
SELECT phone_id, month FROM json_to_recordset(%s) AS n(phone_id bigint, month date)
ORDER BY phone_id, month
ON CONFLICT DO NOTHING
"""

LOCK_MONTHS = """
SELECT m.phone_id, m.month::text, m.consumed, m.reserved
FROM phone_months m
JOIN json_to_recordset(%s) AS n(phone_id bigint, month date) USING (phone_id, month)
ORDER BY m.phone_id, m.month FOR UPDATE OF m
"""

SYSTEM_ACCOUNTS = "SELECT currency, name, id FROM accounts WHERE kind = 'system'"

WRITE_BATCH = """
WITH opened AS (
    INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
        group_ids, vendor_ids, vendor_reserved, payer_ids, payer_reserved, free_ids, free_reserved,
        gift_ids, gift_reserved, phone_id, phone_month, month_reserved, granted_s, offered_at,
        caller, callee, ticket)
    SELECT call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
        group_ids, vendor_ids, vendor_reserved, payer_ids, payer_reserved, free_ids, free_reserved,
        gift_ids, gift_reserved, phone_id, phone_month, month_reserved, granted_s, offered_at,
        caller, callee, convert_to(ticket::text, 'UTF8')
    FROM json_to_recordset(%(calls)s) AS n(call_id uuid, switch_id text, account_id bigint,
        mapping_gateway_id bigint, routing_gateway_ids bigint[], group_ids bigint[],
        vendor_ids bigint[], vendor_reserved numeric[], payer_ids bigint[],
        payer_reserved numeric[], free_ids bigint[], free_reserved integer[], gift_ids bigint[],
        gift_reserved numeric[], phone_id bigint, phone_month date, month_reserved numeric,
        granted_s integer, offered_at timestamptz, caller text, callee text, ticket json)
), held AS (
    UPDATE calls c SET granted_s = n.granted_s, payer_reserved = n.payer_reserved,
        free_reserved = n.free_reserved, gift_reserved = n.gift_reserved,
        month_reserved = n.month_reserved, routing_gateway_ids = n.routing_gateway_ids,
        group_ids = n.group_ids, vendor_ids = n.vendor_ids, vendor_reserved = n.vendor_reserved,
        answered_at = coalesce(n.answered_at, c.answered_at)
    FROM json_to_recordset(%(held)s) AS n(call_id uuid, granted_s integer,
        payer_reserved numeric[], free_reserved integer[], gift_reserved numeric[],
        month_reserved numeric, routing_gateway_ids bigint[], group_ids bigint[],
        vendor_ids bigint[], vendor_reserved numeric[], answered_at timestamptz)
    WHERE c.call_id = n.call_id
), funds AS (
    UPDATE account_funds f SET balance = n.balance, reserved = n.reserved, lines = n.lines,
        subtree_lines = n.subtree_lines
    FROM json_to_recordset(%(funds)s) AS n(account_id bigint, balance numeric, reserved numeric,
        lines integer, subtree_lines integer)
    WHERE f.account_id = n.account_id
), counted AS (
    UPDATE lines l SET used = n.used, recent = n.recent
    FROM json_to_recordset(%(lines)s) AS n(kind text, id bigint, used integer, recent json)
    WHERE l.kind = n.kind AND l.id = n.id
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
), charged AS (
    INSERT INTO cdr_charges SELECT * FROM json_populate_recordset(null::cdr_charges, %(charges)s)
    ON CONFLICT (call_id, started_at, party, revision) DO NOTHING
), recorded AS (
    INSERT INTO cdrs SELECT * FROM json_populate_recordset(null::cdrs, %(cdrs)s)
    ON CONFLICT (call_id, started_at) DO NOTHING RETURNING call_id
)
SELECT call_id::text FROM recorded
"""
"""All writes of a batch in one statement; what a batch doesn't have is an empty list."""

WRITE_BENEFITS = """
WITH packages AS (
    UPDATE active_packages a SET gift_left = n.gift_left, gift_reserved = n.gift_reserved,
        consumption = n.consumption
    FROM json_to_recordset(%(packages)s)
        AS n(id bigint, gift_left numeric, gift_reserved numeric, consumption numeric)
    WHERE a.id = n.id
), allowances AS (
    UPDATE active_free_seconds f SET left_s = n.left_s, reserved_s = n.reserved_s
    FROM json_to_recordset(%(allowances)s) AS n(id bigint, left_s integer, reserved_s integer)
    WHERE f.id = n.id
)
UPDATE phone_months m SET consumed = n.consumed, reserved = n.reserved
FROM json_to_recordset(%(months)s)
    AS n(phone_id bigint, month date, consumed numeric, reserved numeric)
WHERE m.phone_id = n.phone_id AND m.month = n.month
"""
"""What few batches have: packages' benefits and phones' months."""
