"""Statements that write a configuration. Rows come in as one JSON text, references by name."""

_WRITE_ACCOUNTS = """
INSERT INTO accounts (name, title, kind, currency, rate_group_id, private_rate_group_id,
    overdraft_limit, monthly_minimum, capacity, subtree_capacity, locked, expires_at, memo,
    rights, contact, low_balance, low_balance_locks, offline_calls, offline_minutes, offline_money)
SELECT n.name, n.title, n.kind, n.currency, g.id, p.id,
    n.overdraft_limit, n.monthly_minimum, n.capacity, n.subtree_capacity, n.locked, n.expires_at,
    n.memo, n.rights, n.contact, n.low_balance, n.low_balance_locks, n.offline_calls,
    n.offline_minutes, n.offline_money
FROM json_to_recordset(:rows) AS n(name text, title text, kind text, currency text,
    rate_group text, private_rate_group text, overdraft_limit numeric, monthly_minimum numeric,
    capacity integer, subtree_capacity integer, locked boolean, expires_at timestamptz, memo text,
    rights text[], contact json, low_balance numeric, low_balance_locks boolean,
    offline_calls integer, offline_minutes integer, offline_money numeric)
LEFT JOIN rate_groups g ON g.name = n.rate_group
LEFT JOIN rate_groups p ON p.name = n.private_rate_group
ON CONFLICT (name) DO UPDATE SET title = excluded.title, kind = excluded.kind,
    currency = excluded.currency, rate_group_id = excluded.rate_group_id,
    private_rate_group_id = excluded.private_rate_group_id,
    monthly_minimum = excluded.monthly_minimum, capacity = excluded.capacity,
    subtree_capacity = excluded.subtree_capacity,
    locked = excluded.locked, expires_at = excluded.expires_at, memo = excluded.memo,
    rights = excluded.rights, contact = excluded.contact, low_balance = excluded.low_balance,
    low_balance_locks = excluded.low_balance_locks, offline_calls = excluded.offline_calls,
    offline_minutes = excluded.offline_minutes, offline_money = excluded.offline_money,
    closed_at = NULL
"""
ACCOUNTS = f"{_WRITE_ACCOUNTS}, overdraft_limit = excluded.overdraft_limit"
# for those who did not ask for the limit: it may be changed meanwhile by a movement
ACCOUNTS_BUT_LIMITS = _WRITE_ACCOUNTS

# said to the trigger that keeps the history of overdraft limits
NOTE_LIMITS = """
SELECT set_config('tollgate.limit_change', '{"memo": "configuration file"}', true)
"""

PARENTS = """
UPDATE accounts a SET parent_id = p.id
FROM json_to_recordset(:rows) AS n(name text, parent text) LEFT JOIN accounts p ON p.name = n.parent
WHERE a.name = n.name AND a.parent_id IS DISTINCT FROM p.id
"""

CLOSE_ACCOUNTS = "UPDATE accounts SET closed_at = now() WHERE name = ANY(:names)"

# one set for each currency in use; the ledger's other side
SYSTEM_ACCOUNTS = """
INSERT INTO accounts (name, kind, currency)
SELECT s.name || ':' || c.currency, 'system', c.currency
FROM unnest(CAST(:names AS text[])) AS s(name),
    (SELECT currency FROM accounts UNION SELECT currency FROM rate_groups) AS c
ON CONFLICT (name) DO NOTHING
"""

# a closed account and its phones keep their history, not their price lists
RELEASE_RATE_GROUPS = (
    """
UPDATE accounts a SET rate_group_id = NULL FROM rate_groups g
WHERE a.rate_group_id = g.id AND a.closed_at IS NOT NULL AND g.name = ANY(:names)
""",
    """
UPDATE accounts a SET private_rate_group_id = NULL FROM rate_groups g
WHERE a.private_rate_group_id = g.id AND a.closed_at IS NOT NULL AND g.name = ANY(:names)
""",
    """
UPDATE phones p SET rate_group_id = NULL FROM rate_groups g, accounts a
WHERE p.rate_group_id = g.id AND p.account_id = a.id AND a.closed_at IS NOT NULL
    AND g.name = ANY(:names)
""",
)

REMOVE_RATE_GROUPS = "DELETE FROM rate_groups WHERE name = ANY(:names)"

# before any address is written: it may move from one gateway to another
CLEAR_ADDRESSES = """
DELETE FROM mapping_gateway_addresses USING mapping_gateways g
WHERE gateway_id = g.id AND g.name = ANY(:names)
"""

GATEWAY_GROUPS = """
INSERT INTO gateway_groups (name, capacity, memo)
SELECT name, capacity, memo
FROM json_to_recordset(:rows) AS n(name text, capacity integer, memo text)
ON CONFLICT (name) DO UPDATE SET capacity = excluded.capacity, memo = excluded.memo
"""

REMOVE_GATEWAY_GROUPS = "DELETE FROM gateway_groups WHERE name = ANY(:names)"

CLEAR_MAPPING_GROUPS = """
DELETE FROM mapping_gateway_groups USING mapping_gateways g
WHERE gateway_id = g.id AND g.name = ANY(:names)
"""

MAPPING_GROUPS = """
INSERT INTO mapping_gateway_groups (gateway_id, group_id)
SELECT w.id, g.id FROM json_to_recordset(:rows) AS n(gateway text, "group" text)
JOIN mapping_gateways w ON w.name = n.gateway JOIN gateway_groups g ON g.name = n.group
"""

CLEAR_ROUTING_GROUPS = """
DELETE FROM routing_gateway_groups USING routing_gateways g
WHERE gateway_id = g.id AND g.name = ANY(:names)
"""

ROUTING_GROUPS = """
INSERT INTO routing_gateway_groups (gateway_id, group_id)
SELECT w.id, g.id FROM json_to_recordset(:rows) AS n(gateway text, "group" text)
JOIN routing_gateways w ON w.name = n.gateway JOIN gateway_groups g ON g.name = n.group
"""

MAPPING_GATEWAYS = """
INSERT INTO mapping_gateways (name, account_id, locked, capacity, calls_per_second,
    "authorization", codecs, t38, rewrite_callee, rewrite_caller, max_duration_s,
    allow_phone_billing, memo)
SELECT n.name, a.id, n.locked, n.capacity, n.calls_per_second, n.authorization, n.codecs, n.t38,
    n.rewrite_callee, n.rewrite_caller, n.max_duration_s, n.allow_phone_billing, n.memo
FROM json_to_recordset(:rows) AS n(name text, account text, locked boolean, capacity integer,
    calls_per_second integer, "authorization" smallint, codecs text[], t38 boolean,
    rewrite_callee text, rewrite_caller text, max_duration_s integer,
    allow_phone_billing boolean, memo text)
JOIN accounts a ON a.name = n.account
ON CONFLICT (name) DO UPDATE SET account_id = excluded.account_id, locked = excluded.locked,
    capacity = excluded.capacity, calls_per_second = excluded.calls_per_second,
    "authorization" = excluded.authorization,
    codecs = excluded.codecs, t38 = excluded.t38, rewrite_callee = excluded.rewrite_callee,
    rewrite_caller = excluded.rewrite_caller, max_duration_s = excluded.max_duration_s,
    allow_phone_billing = excluded.allow_phone_billing, memo = excluded.memo
"""

ADDRESSES = """
INSERT INTO mapping_gateway_addresses (gateway_id, ip, port)
SELECT g.id, n.ip, n.port FROM json_to_recordset(:rows) AS n(gateway text, ip inet, port integer)
JOIN mapping_gateways g ON g.name = n.gateway
"""

REMOVE_MAPPING_GATEWAYS = "DELETE FROM mapping_gateways WHERE name = ANY(:names)"

ROUTING_GATEWAYS = """
INSERT INTO routing_gateways (name, clearing_account_id, host, port, transport, locked, prepaid,
    capacity, calls_per_second, prefix_mode, codecs, t38, rewrite_callee, rewrite_caller,
    ring_timeout_s, progress_timeout_s, bill_sent_number, memo)
SELECT n.name, a.id, n.host, n.port, n.transport, n.locked, n.prepaid,
    n.capacity, n.calls_per_second, n.prefix_mode, n.codecs, n.t38, n.rewrite_callee,
    n.rewrite_caller, n.ring_timeout_s, n.progress_timeout_s, n.bill_sent_number, n.memo
FROM json_to_recordset(:rows) AS n(name text, clearing_account text, host text, port integer,
    transport text, locked boolean, prepaid boolean, capacity integer,
    calls_per_second integer, prefix_mode text,
    codecs text[], t38 boolean, rewrite_callee text, rewrite_caller text, ring_timeout_s integer,
    progress_timeout_s integer, bill_sent_number boolean, memo text)
JOIN accounts a ON a.name = n.clearing_account
ON CONFLICT (name) DO UPDATE SET clearing_account_id = excluded.clearing_account_id,
    host = excluded.host, port = excluded.port, transport = excluded.transport,
    locked = excluded.locked, prepaid = excluded.prepaid, capacity = excluded.capacity,
    calls_per_second = excluded.calls_per_second,
    prefix_mode = excluded.prefix_mode, codecs = excluded.codecs, t38 = excluded.t38,
    rewrite_callee = excluded.rewrite_callee, rewrite_caller = excluded.rewrite_caller,
    ring_timeout_s = excluded.ring_timeout_s, progress_timeout_s = excluded.progress_timeout_s,
    bill_sent_number = excluded.bill_sent_number, memo = excluded.memo
"""

REMOVE_ROUTING_GATEWAYS = "DELETE FROM routing_gateways WHERE name = ANY(:names)"

ROUTES = """
INSERT INTO routes (prefix, gateway_id, priority)
SELECT n.prefix, g.id, n.priority
FROM json_to_recordset(:rows) AS n(prefix text, gateway text, priority integer)
JOIN routing_gateways g ON g.name = n.gateway
ON CONFLICT (prefix, gateway_id) DO UPDATE SET priority = excluded.priority
"""

REMOVE_ROUTES = """
DELETE FROM routes USING routing_gateways g
WHERE gateway_id = g.id AND routes.prefix || ' via ' || g.name = ANY(:names)
"""

# balances in the order in which the call path takes them (call_store.py)
LOCK_FUNDS = """
SELECT f.account_id FROM account_funds f JOIN accounts a ON a.id = f.account_id
WHERE a.name = ANY(:names) ORDER BY f.account_id FOR UPDATE OF f
"""

OPENINGS = """
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, memo)
SELECT n.id, 'opening', CASE WHEN n.amount > 0 THEN cash.id ELSE a.id END,
    CASE WHEN n.amount > 0 THEN a.id ELSE cash.id END, abs(n.amount), a.currency, now(), n.memo
FROM json_to_recordset(:rows) AS n(id uuid, account text, amount numeric, memo text)
JOIN accounts a ON a.name = n.account
JOIN accounts cash ON cash.name = 'cash:' || a.currency AND cash.kind = 'system'
"""

ADD_TO_FUNDS = """
UPDATE account_funds f SET balance = f.balance + n.amount
FROM (SELECT account, sum(amount) AS amount
    FROM json_to_recordset(:rows) AS r(account text, amount numeric) GROUP BY account) n
JOIN accounts a ON a.name = n.account WHERE f.account_id = a.id
"""

# the one place that raises the version; its trigger tells the controllers, so it runs once
BUMP_VERSION = """
UPDATE configuration_state SET version = version + 1,
    parameters = coalesce(CAST(:parameters AS json), parameters)
RETURNING version
"""

IN_CALLS = {
    "accounts": """
SELECT a.name FROM accounts a JOIN account_funds f ON f.account_id = a.id
WHERE f.lines > 0 OR f.reserved > 0
    OR a.id IN (SELECT unnest(array_append(payer_ids, account_id)) FROM calls)
    OR EXISTS (SELECT FROM routing_gateways g JOIN calls c ON g.id = ANY(c.routing_gateway_ids)
        WHERE g.clearing_account_id = a.id)
""",
    "gateway_groups": """
SELECT name FROM gateway_groups g
WHERE EXISTS (SELECT FROM calls c WHERE g.id = ANY(c.group_ids))
""",
    "mapping_gateways": """
SELECT name FROM mapping_gateways g
WHERE EXISTS (SELECT FROM calls c WHERE c.mapping_gateway_id = g.id)
""",
    "routing_gateways": """
SELECT name FROM routing_gateways g
WHERE EXISTS (SELECT FROM calls c WHERE g.id = ANY(c.routing_gateway_ids))
""",
}

WITH_POSTINGS = """
SELECT a.name FROM accounts a WHERE a.name = ANY(:names) AND (
    EXISTS (SELECT FROM postings p WHERE p.debit_account_id = a.id)
    OR EXISTS (SELECT FROM postings p WHERE p.credit_account_id = a.id))
"""

POSTINGS = """
SELECT p.id::text AS id, p.kind, p.memo,
    CASE WHEN d.kind = 'system' THEN c.name ELSE d.name END AS account,
    CASE WHEN d.kind = 'system' THEN p.amount ELSE -p.amount END AS amount
FROM postings p JOIN accounts d ON d.id = p.debit_account_id
JOIN accounts c ON c.id = p.credit_account_id
"""

POSTINGS_BY_ID = POSTINGS + "WHERE p.id = ANY(CAST(:ids AS uuid[]))"

OPENING_POSTINGS = POSTINGS + "WHERE p.kind = 'opening' ORDER BY p.at, p.id"

ACCOUNT_IDS = "SELECT id, name FROM accounts WHERE name = ANY(:names)"

ACCOUNTS_OF_PHONES = """
SELECT p.number, a.name AS account FROM phones p JOIN accounts a ON a.id = p.account_id
WHERE p.number = ANY(:numbers)
"""
