"""A platform of 100,000 accounts with ten million calls, for the time of pages.

Made in the database from fixed seeds: `mega` has half of the 1,000 resellers below it, each of
them under one of 100 agencies; 99,000 customers, of which a few have most of the calls. Calls are
spread over thirty days; lines of charges are those of the last six, which is what lists show.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from controller.persistence import partitions

CALLS = 10_000_000
PIECE = 1_000_000

_ACCOUNTS = """
INSERT INTO accounts (name, kind, currency)
SELECT n || '\\:USD', 'system', 'USD'
FROM unnest(ARRAY['cash', 'revenue', 'tax', 'termination_cost', 'resale', 'gifts']) n;
INSERT INTO rate_groups (id, name, currency) VALUES (1, 'sell-usd', 'USD'), (2, 'cost-usd', 'USD');
INSERT INTO accounts (id, name, title, kind, currency, rate_group_id)
VALUES (1001, 'mega', 'Mega agency', 'ordinary', 'USD', 1);
INSERT INTO accounts (id, name, title, kind, currency, rate_group_id, parent_id)
SELECT 1100 + n, 'agency-' || n, 'Agency number ' || n, 'ordinary', 'USD', 1,
    CASE WHEN n > 50 THEN 1001 END
FROM generate_series(1, 100) n;
INSERT INTO accounts (id, name, title, kind, currency, rate_group_id, parent_id)
SELECT 2000 + n, 'reseller-' || n, 'Reseller number ' || n, 'ordinary', 'USD', 1,
    1101 + (n - 1) / 10
FROM generate_series(1, 1000) n;
INSERT INTO accounts (id, name, title, kind, currency, rate_group_id, parent_id)
SELECT 10000 + n, 'customer-' || n, 'Customer number ' || n, 'ordinary', 'USD', 1,
    2001 + (n - 1) / 99
FROM generate_series(1, 99000) n;
INSERT INTO accounts (id, name, title, kind, currency, rate_group_id)
SELECT 200000 + n, 'vendor-' || n, 'Vendor ' || n, 'clearing', 'USD', 2
FROM generate_series(1, 10) n;
SELECT setval('accounts_id_seq', 300000), setval('rate_groups_id_seq', 100);
UPDATE account_funds SET balance = 100;
INSERT INTO mapping_gateways (name, account_id)
SELECT 'trunk-' || id, id FROM accounts WHERE id BETWEEN 10001 AND 20000;
INSERT INTO phones (number, account_id)
SELECT '39' || id, id FROM accounts WHERE id BETWEEN 10001 AND 60000;
INSERT INTO routing_gateways (name, clearing_account_id, host)
SELECT 'out-' || id, id, '127.0.0.1' FROM accounts WHERE kind = 'clearing';
"""

_CALLS = """
INSERT INTO cdrs (call_id, started_at, switch_id, answered_at, ringing_at, ended_at, pdd_ms,
    talk_ms, duration_s, billed_s, source_port, caller_rated, callee_rated, account_id,
    mapping_gateway, routing_gateway, attempts, rate_prefix, net, tax, currency, cost_account_id,
    cost_prefix, cost, cost_currency, reason, cause, q850, sip_status, ended_by, trace)
SELECT gen_random_uuid(), at, 's1', CASE WHEN answered THEN at + interval '8 s' END,
    at + interval '2 s', at + interval '60 s', 2000, CASE WHEN answered THEN 52000 ELSE 0 END,
    CASE WHEN answered THEN 52 ELSE 0 END, CASE WHEN answered THEN 60 ELSE 0 END, 5060,
    '39021' || (n % 999983),
    (ARRAY['4930', '44207', '541143', '3726', '1212'])[1 + n % 5] || (n % 9999991), account,
    'trunk-' || account, CASE WHEN refused THEN '' ELSE 'out-200001' END, 1, '44',
    CASE WHEN answered THEN 0.02 ELSE 0 END, 0, 'USD', 200001, '44',
    CASE WHEN answered THEN 0.01 ELSE 0 END, 'USD',
    CASE WHEN answered THEN 'answered' WHEN refused THEN 'insufficient_balance' ELSE 'busy' END,
    'NORMAL_CLEARING', 16, 200, 'caller', '[]'
FROM (
    SELECT n, CAST(:until AS timestamptz) - (:total - n) * (interval '30 days' / :total) AS at,
        n % 10 < 5 AS answered, n % 10 = 9 AS refused,
        10001 + floor(power(random(), 4) * 99000)::bigint AS account
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
) made
"""

_AGENTS = """
INSERT INTO cdr_agents (account_id, started_at, call_id)
SELECT t.ancestor_id, c.started_at, c.call_id
FROM cdrs c JOIN account_tree t ON t.descendant_id = c.account_id AND t.depth > 0
ORDER BY c.started_at
"""

_LINES = """
INSERT INTO cdr_charges (call_id, started_at, party, account_id, rate_group, prefix, billed_s,
    rated_s, raw, net, tax, currency)
SELECT c.call_id, c.started_at, t.depth, t.ancestor_id, 'sell-usd', '44', 60, 52, '1/50',
    0.02 - 0.002 * t.depth, 0, 'USD'
FROM cdrs c JOIN account_tree t ON t.descendant_id = c.account_id
WHERE c.started_at > :since AND c.answered_at IS NOT NULL
UNION ALL
SELECT call_id, started_at, -1, 200001, 'cost-usd', '44', 52, 52, '1/100', 0.01, 0, 'USD'
FROM cdrs WHERE started_at > :since AND answered_at IS NOT NULL
"""

_SUMS = """
INSERT INTO call_sums (account_id, at, currency, below, offered, answered, talk_ms)
SELECT w.account_id, date_trunc('minute', n.started_at), '', w.below, count(*),
    count(n.answered_at), sum(n.talk_ms)
FROM cdrs n CROSS JOIN LATERAL (
    SELECT 0::bigint AS account_id, false AS below
    UNION ALL SELECT ancestor_id, depth > 0 FROM account_tree WHERE descendant_id = n.account_id
) AS w
WHERE n.started_at > oldest_call_sum()
GROUP BY 1, 2, 4;
INSERT INTO call_sums (account_id, at, currency, below, earned, paid)
SELECT account_id, at, 'USD', below, sum(earned), sum(paid) FROM (
    SELECT account_id, date_trunc('minute', started_at) AS at, party > 0 AS below, 0 AS earned,
        net AS paid
    FROM cdr_charges WHERE party >= 0 AND started_at > oldest_call_sum()
    UNION ALL
    SELECT coalesce(t.parent_id, 0), date_trunc('minute', l.started_at), t.parent_id IS NOT NULL,
        l.net, 0
    FROM cdr_charges l JOIN accounts t ON t.id = l.account_id
    WHERE l.party >= 0 AND l.started_at > oldest_call_sum()
    UNION ALL
    SELECT 0, date_trunc('minute', started_at), false, 0, net + tax
    FROM cdr_charges WHERE party < 0 AND started_at > oldest_call_sum()
) parts
GROUP BY 1, 2, 4
"""

_LIVE = """
INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
    payer_ids, payer_reserved, granted_s, offered_at, answered_at, caller, callee, ticket)
SELECT gen_random_uuid(), 's1', m.account_id, m.id, ARRAY[1],
    ARRAY(SELECT ancestor_id FROM account_tree WHERE descendant_id = m.account_id ORDER BY depth),
    ARRAY(SELECT 0.02 FROM account_tree WHERE descendant_id = m.account_id), 60,
    now() - random() * interval '5 minutes', CASE WHEN m.id % 3 > 0 THEN now() END,
    '39021' || m.id, '4930' || m.id, ''
FROM mapping_gateways m WHERE m.id % 5 = 0
"""


def plant(engine: sa.Engine, count: int = CALLS) -> None:
    """Triggers are off meanwhile: what they write is written in bulk."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        before = now - timedelta(days=31)
        partitions.make_months(connection, before.date(), ahead=4)
    _run(engine, _ACCOUNTS)
    for first in range(1, count + 1, PIECE):
        last = min(count, first + PIECE - 1)
        _run(engine, _CALLS, off=True, until=now, total=count, first=first, last=last)
    _run(engine, _AGENTS, off=True)
    _run(engine, _LINES, off=True, since=now - timedelta(days=6))
    _run(engine, _SUMS, off=True)
    _run(engine, _LIVE)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _run(engine: sa.Engine, script: str, *, off: bool = False, **values: object) -> None:
    with engine.begin() as connection:
        if off:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SELECT setseed(0.5)")
        for statement in script.split(";\n"):
            connection.execute(sa.text(statement), values)
