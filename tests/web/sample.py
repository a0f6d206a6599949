"""An operator with traffic, made by SQL: for tests of lists, for timing, and for looking at pages.

Everything follows from the seed of PostgreSQL's own random numbers, so a run repeats.
"""

from datetime import datetime

import sqlalchemy as sa

ACCOUNTS = """
INSERT INTO accounts (name, kind, currency)
SELECT name || ':USD', 'system', 'USD'
FROM unnest(ARRAY['cash', 'revenue', 'tax', 'termination_cost']) AS name;
INSERT INTO rate_groups (name, currency) VALUES ('wholesale-usd', 'USD'), ('cost-usd', 'USD');
INSERT INTO accounts (name, title, kind, currency, rate_group_id, overdraft_limit, capacity,
    locked, expires_at)
SELECT name, title, kind, 'USD', rate_group, overdraft, capacity, locked, expires_at
FROM (VALUES
    ('atlas-telecom', 'Atlas Telecom GmbH', 'ordinary', 1, 500, 120, false, NULL),
    ('baltic-voice', 'Baltic Voice OÜ', 'ordinary', 1, 0, 60, false, NULL),
    ('corrientes', 'Corrientes Comunicaciones S.A.', 'ordinary', 1, 250, 90, false, NULL),
    ('delta-retail', 'Delta Retail Ltd', 'ordinary', 1, 0, NULL, true, NULL),
    ('expired-trial', 'Trial of last year', 'ordinary', 1, 0, 2, false,
        timestamptz '2020-01-01 00:00Z'),
    ('kestrel-carrier', 'Kestrel Carrier Services', 'clearing', 2, 0, NULL, false, NULL),
    ('meridian-term', 'Meridian Termination', 'clearing', 2, 0, NULL, false, NULL)
) AS v(name, title, kind, rate_group, overdraft, capacity, locked, expires_at);
INSERT INTO mapping_gateways (name, account_id, capacity)
SELECT name || '-in', id, 100 FROM accounts WHERE kind = 'ordinary';
INSERT INTO routing_gateways (name, clearing_account_id, host, capacity)
SELECT name || '-out', id, '127.0.0.1', 200 FROM accounts WHERE kind = 'clearing';
"""

CDRS = """
SELECT setseed(0.5);
INSERT INTO cdrs (call_id, started_at, switch_id, sip_call_id, ringing_at, answered_at, ended_at,
    pdd_ms, talk_ms, duration_s, billed_s, source_ip, source_port, caller_received,
    callee_received, caller_rated, callee_rated, caller_sent, callee_sent, account_id,
    mapping_gateway, routing_gateway, attempts, rate_prefix, net, tax, currency, cost_account_id,
    cost_prefix, cost, cost_currency, reason, cause, q850, sip_status, ended_by, trace, review)
SELECT gen_random_uuid(), at, 'switch-1', md5(n::text) || '@198.51.100.7',
    CASE WHEN reached THEN at + pdd END,
    CASE WHEN answered THEN at + pdd + interval '6 seconds' END,
    at + pdd + CASE WHEN answered THEN interval '6 seconds' + talk * interval '1 second'
        ELSE interval '9 seconds' END,
    CASE WHEN reached THEN (extract(epoch FROM pdd) * 1000)::int END,
    CASE WHEN answered THEN (talk * 1000)::bigint ELSE 0 END,
    CASE WHEN answered THEN ceil(talk)::int ELSE 0 END,
    CASE WHEN answered THEN ceil(talk)::int ELSE 0 END,
    '198.51.100.' || (n % 5 + 7), 5060, '00' || caller, '00' || prefix || subscriber,
    CASE WHEN rated THEN caller ELSE '' END, CASE WHEN rated THEN prefix || subscriber ELSE '' END,
    CASE WHEN rated THEN '+' || caller ELSE '' END,
    CASE WHEN rated THEN '9' || prefix || subscriber ELSE '' END,
    payer.id, payer.name || '-in', CASE WHEN rated THEN vendor.name || '-out' ELSE '' END,
    CASE WHEN rated THEN 1 + (n % 7 = 0)::int ELSE 0 END, CASE WHEN rated THEN prefix ELSE '' END,
    CASE WHEN answered THEN round((talk * 0.0123 / 60)::numeric, 6) ELSE 0 END, 0,
    CASE WHEN rated THEN 'USD' ELSE '' END, CASE WHEN rated THEN vendor.id END,
    CASE WHEN rated THEN prefix ELSE '' END,
    CASE WHEN answered THEN round((talk * 0.0091 / 60)::numeric, 6) ELSE 0 END,
    CASE WHEN rated THEN 'USD' ELSE '' END,
    CASE WHEN answered THEN 'answered'
        WHEN NOT rated THEN (ARRAY['no_matching_rate', 'insufficient_balance'])[1 + n % 2]
        ELSE (ARRAY['busy', 'no_answer', 'canceled', 'vendor_failure', 'unallocated'])[1 + n % 5]
        END,
    CASE WHEN answered THEN 'NORMAL_CLEARING' WHEN NOT rated THEN 'NO_ROUTE_DESTINATION'
        ELSE 'USER_BUSY' END,
    CASE WHEN answered THEN 16 WHEN NOT rated THEN 34 ELSE 17 END,
    CASE WHEN answered THEN 200 WHEN NOT rated THEN 503 ELSE 486 END,
    CASE WHEN NOT rated THEN 'server' WHEN n % 3 = 0 THEN 'callee' ELSE 'caller' END,
    '[]', CASE WHEN n % 997 = 5 THEN 'talked 64 s, 60 s were granted' ELSE '' END
FROM (
    SELECT n, CAST(:until AS timestamptz) - n * (CAST(:span AS interval) / :count) AS at,
        (300 + 4000 * random()) * interval '1 millisecond' AS pdd,
        greatest(0.4, least(-170 * ln(1 - random() * 0.999),
            n * extract(epoch FROM CAST(:span AS interval) / :count) - 11)) AS talk,
        n % 9 <> 4 AS rated, n % 9 <> 4 AND random() < 0.62 AS answered, n % 9 <> 4 AS reached,
        '39021' || lpad((random() * 999999)::int::text, 6, '0') AS caller,
        (ARRAY['4930', '44207', '541143', '3726', '1212', '34911'])[1 + (random() * 5.99)::int % 6]
            AS prefix,
        lpad((random() * 9999999)::int::text, 7, '0') AS subscriber
    FROM generate_series(1, :count) AS n
) AS made
JOIN LATERAL (SELECT id, name FROM accounts WHERE kind = 'ordinary' AND NOT locked
    AND expires_at IS NULL ORDER BY id OFFSET n % 3 LIMIT 1) AS payer ON true
JOIN LATERAL (SELECT id, name FROM accounts WHERE kind = 'clearing'
    ORDER BY id OFFSET n % 2 LIMIT 1) AS vendor ON true;
"""

ATTEMPTS = """
INSERT INTO call_attempts (leg_id, started_at, call_id, number, gateway, caller_sent, callee_sent,
    ringing_at, answered_at, ended_at, cause, q850, sip_status, hangup_by_remote)
SELECT gen_random_uuid(), started_at + interval '40 milliseconds', call_id, 1,
    CASE WHEN attempts = 1 THEN routing_gateway
        ELSE CASE routing_gateway WHEN 'kestrel-carrier-out' THEN 'meridian-term-out'
            ELSE 'kestrel-carrier-out' END END,
    caller_sent, callee_sent, CASE WHEN attempts = 1 THEN ringing_at END,
    CASE WHEN attempts = 1 THEN answered_at END,
    CASE WHEN attempts = 1 THEN ended_at ELSE started_at + interval '260 milliseconds' END,
    CASE WHEN attempts = 1 THEN cause ELSE 'NORMAL_TEMPORARY_FAILURE' END,
    CASE WHEN attempts = 1 THEN q850 ELSE 41 END,
    CASE WHEN attempts = 1 THEN sip_status ELSE 503 END,
    true
FROM cdrs WHERE attempts > 0
UNION ALL
SELECT gen_random_uuid(), started_at + interval '265 milliseconds', call_id, 2, routing_gateway,
    caller_sent, callee_sent, ringing_at, answered_at, ended_at, cause, q850, sip_status, false
FROM cdrs WHERE attempts > 1;
UPDATE cdrs SET trace = json_build_array(
    json_build_array('identify', 'found', 'mapping gateway ' || mapping_gateway || ' by '
        || source_ip || ':5060'),
    json_build_array('account', 'open', (SELECT name FROM accounts a WHERE a.id = account_id)),
    json_build_array('number', 'callee', callee_received || ' -> ' || callee_rated),
    json_build_array('rate', 'found', 'prefix ' || rate_prefix || ': 0|0:0.0123/60/1 tax 0%'),
    json_build_array('route', 'dropped', 'sundown-out: locked'),
    json_build_array('route', 'kept', 'kestrel-carrier-out: prefix ' || cost_prefix
        || ', cost 0|0:0.0091/60/1, sends ' || callee_sent),
    json_build_array('route', 'kept', 'meridian-term-out: prefix ' || cost_prefix
        || ', cost 0|0:0.0094/60/1, sends ' || callee_sent))
WHERE attempts > 0;
UPDATE cdrs SET trace = json_build_array(
    json_build_array('identify', 'found', 'mapping gateway ' || mapping_gateway || ' by '
        || source_ip || ':5060'),
    json_build_array('rate', 'refused: ' || reason, callee_received))
WHERE attempts = 0;
"""

LIVE = """
SELECT setseed(0.25);
INSERT INTO calls (call_id, switch_id, account_id, mapping_gateway_id, routing_gateway_ids,
    reserved, granted_s, offered_at, answered_at, caller, callee, ticket)
SELECT gen_random_uuid(), 'switch-1', m.account_id, m.id,
    CASE WHEN n % 6 = 0 THEN (SELECT array_agg(id) FROM routing_gateways)
        ELSE ARRAY[(SELECT min(id) + n % 2 FROM routing_gateways)] END,
    round((0.0123 * (1 + n % 3))::numeric, 6), 60 * (1 + n % 3),
    at, CASE WHEN n % 6 <> 0 THEN at + interval '3 seconds' END,
    '39021' || lpad((random() * 999999)::int::text, 6, '0'),
    (ARRAY['4930', '44207', '541143', '3726'])[1 + n % 4]
        || lpad((random() * 9999999)::int::text, 7, '0'), ''
FROM (SELECT n, CAST(:now AS timestamptz) - CASE
        WHEN n % 6 = 0 THEN random() * interval '20 seconds'
        ELSE interval '4 seconds' + random() ^ 2 * interval '400 seconds' END AS at
    FROM generate_series(1, :count) AS n) AS made
JOIN LATERAL (SELECT * FROM mapping_gateways ORDER BY id OFFSET n % 3 LIMIT 1) AS m ON true;
UPDATE account_funds f SET lines = c.lines, reserved = c.reserved
FROM (SELECT account_id, count(*) AS lines, sum(reserved) AS reserved FROM calls GROUP BY 1) AS c
WHERE c.account_id = f.account_id;
"""

POSTINGS = """
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, memo)
SELECT gen_random_uuid(), 'opening', cash.id, a.id, 1000 + 37.5 * a.id, 'USD',
    (SELECT min(started_at) - interval '1 day' FROM cdrs), 'fixtures/sample'
FROM accounts a, accounts cash WHERE a.kind IN ('ordinary', 'clearing') AND cash.name = 'cash:USD';
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, memo)
SELECT gen_random_uuid(), 'payment', cash.id, a.id, 250, 'USD',
    (SELECT max(started_at) - interval '10 minutes' FROM cdrs), 'bank transfer 2026-1177'
FROM accounts a, accounts cash WHERE a.name = 'atlas-telecom' AND cash.name = 'cash:USD';
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, call_id)
SELECT gen_random_uuid(), 'call_charge', account_id, s.id, net, 'USD', ended_at, call_id
FROM cdrs, accounts s WHERE s.name = 'revenue:USD' AND net > 0;
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, call_id)
SELECT gen_random_uuid(), 'call_cost', cost_account_id, s.id, cost, 'USD', ended_at, call_id
FROM cdrs, accounts s WHERE s.name = 'termination_cost:USD' AND cost > 0;
UPDATE account_funds f SET balance = sums.balance FROM (
    SELECT account_id, sum(amount) AS balance FROM (
        SELECT credit_account_id AS account_id, amount FROM postings
        UNION ALL SELECT debit_account_id, -amount FROM postings) AS sides
    GROUP BY account_id) AS sums
JOIN accounts a ON a.id = sums.account_id AND a.kind <> 'system'
WHERE sums.account_id = f.account_id;
"""


def plant_accounts(engine: sa.Engine) -> None:
    _run(engine, ACCOUNTS)


def plant_cdrs(engine: sa.Engine, count: int, until: datetime, span: str = "7 days") -> None:
    """`count` records at even distances in the `span` before `until`."""
    _run(engine, CDRS, count=count, until=until, span=span)


def plant_attempts(engine: sa.Engine) -> None:
    _run(engine, ATTEMPTS)


def plant_live_calls(engine: sa.Engine, count: int, now: datetime) -> None:
    _run(engine, LIVE, count=count, now=now)


def plant_postings(engine: sa.Engine) -> None:
    """An opening for everybody and the charges and costs of every record; balances follow."""
    _run(engine, POSTINGS)


def _run(engine: sa.Engine, script: str, **values: object) -> None:
    with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                used = {name: v for name, v in values.items() if f":{name}" in statement}
                connection.execute(sa.text(_escaped(statement)), used)


def _escaped(statement: str) -> str:
    """Colons of casts, JSON and texts are not parameters."""
    return statement.replace("':5060'", "'\\:5060'").replace("':USD'", "'\\:USD'")
