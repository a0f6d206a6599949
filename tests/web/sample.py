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
    payer_ids, payer_reserved, granted_s, offered_at, answered_at, caller, callee, ticket)
SELECT gen_random_uuid(), 'switch-1', m.account_id, m.id,
    CASE WHEN n % 6 = 0 THEN (SELECT array_agg(id) FROM routing_gateways)
        ELSE ARRAY[(SELECT min(id) + n % 2 FROM routing_gateways)] END,
    ARRAY[m.account_id], ARRAY[round((0.0123 * (1 + n % 3))::numeric, 6)], 60 * (1 + n % 3),
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
FROM (SELECT account_id, count(*) AS lines, sum(payer_reserved[1]) AS reserved
    FROM calls GROUP BY 1) AS c
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

LINES = """
INSERT INTO cdr_charges (call_id, started_at, party, account_id, rate_group, prefix, billed_s,
    rated_s, raw, net, tax, currency)
SELECT call_id, started_at, 0, account_id, 'wholesale-usd', rate_prefix, billed_s, duration_s,
    duration_s * 41 || '/200000', net, tax, currency
FROM cdrs WHERE duration_s > 0
UNION ALL
SELECT call_id, started_at, -1, cost_account_id, 'cost-usd', cost_prefix, duration_s, duration_s,
    duration_s * 91 || '/600000', cost, 0, cost_currency
FROM cdrs WHERE duration_s > 0;
"""

RESELLING = """
INSERT INTO accounts (name, kind, currency)
SELECT name || ':USD', 'system', 'USD' FROM unnest(ARRAY['resale', 'gifts']) AS name;
INSERT INTO rate_groups (name, currency) VALUES ('agents-usd', 'USD'), ('private-usd', 'USD');
INSERT INTO accounts (name, title, kind, currency, rate_group_id)
SELECT 'nordic-agency', 'Nordic Agency AB', 'ordinary', 'USD', id FROM rate_groups
WHERE name = 'agents-usd';
INSERT INTO accounts (name, title, kind, currency, rate_group_id, parent_id)
SELECT 'tallinn-reseller', 'Tallinn Reseller', 'ordinary', 'USD', g.id, a.id
FROM rate_groups g, accounts a WHERE g.name = 'agents-usd' AND a.name = 'nordic-agency';
UPDATE accounts SET parent_id = (SELECT id FROM accounts WHERE name = 'tallinn-reseller'),
    private_rate_group_id = (SELECT id FROM rate_groups WHERE name = 'private-usd'),
    monthly_minimum = 25
WHERE name = 'baltic-voice';
INSERT INTO accounts (name, title, kind, currency, parent_id)
SELECT 'office-' || n, 'Office number ' || n, 'ordinary', 'USD', a.id
FROM generate_series(1, 23) AS n, accounts a WHERE a.name = 'nordic-agency';
INSERT INTO packages (name, currency, rent, period, gift_money, minimum_consumption,
    effective_consumption)
VALUES ('Baltic 500', 'USD', 9.99, 'month', 10, 0, 0),
    ('Evening', 'USD', 3, 'month', 0, 20, 5);
INSERT INTO package_free_seconds (package_id, position, prefixes, start_s, end_s, seconds)
SELECT id, v.position, v.prefixes, v.start_s, v.end_s, v.seconds
FROM packages p JOIN (VALUES ('Baltic 500', 1, ARRAY['372', '371', '370'], 0, 86400, 30000),
    ('Baltic 500', 2, ARRAY['*'], 0, 86400, 3600),
    ('Evening', 1, ARRAY['44'], 64800, 28800, 6000)
) AS v(name, position, prefixes, start_s, end_s, seconds) ON v.name = p.name;
INSERT INTO phones (number, account_id, monthly_maximum, monthly_minimum, monthly_rent, locked)
SELECT '3726' || n, a.id, CASE n WHEN 1001 THEN 30 WHEN 1002 THEN 12 END,
    CASE n WHEN 1001 THEN 20 ELSE 0 END, CASE n WHEN 1003 THEN 0 ELSE 5 END, n = 1003
FROM generate_series(1001, 1003) AS n, accounts a WHERE a.name = 'baltic-voice';
INSERT INTO phone_months (phone_id, month, consumed, reserved)
SELECT id, date_trunc('month', CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date,
    CASE number WHEN '37261001' THEN 17.41 ELSE 11.2 END,
    CASE number WHEN '37261001' THEN 0 ELSE 0.6 END
FROM phones WHERE number <> '37261003';
INSERT INTO package_orders (key, package_id, account_id, phone_id, available_from)
SELECT p.name, p.id, a.id, CASE p.name WHEN 'Evening' THEN n.id END,
    date_trunc('month', CAST(:now AS timestamptz))
FROM packages p, accounts a, phones n WHERE a.name = 'baltic-voice' AND n.number = '37261002';
INSERT INTO active_packages (order_id, package_id, account_id, phone_id, period_start, period_end,
    rent_paid, gift_left, gift_reserved, consumption, minimum_consumption, effective_consumption)
SELECT o.id, p.id, o.account_id, o.phone_id, date_trunc('month', CAST(:now AS timestamptz)),
    date_trunc('month', CAST(:now AS timestamptz)) + interval '1 month', p.rent,
    CASE p.name WHEN 'Evening' THEN 0 ELSE 6.75 END, CASE p.name WHEN 'Evening' THEN 0 ELSE 0.5 END,
    CASE p.name WHEN 'Evening' THEN 3.2 ELSE 14.5 END, p.minimum_consumption,
    p.effective_consumption
FROM package_orders o JOIN packages p ON p.id = o.package_id;
INSERT INTO active_free_seconds (active_package_id, position, prefixes, start_s, end_s, cycle_s,
    left_s, reserved_s)
SELECT a.id, f.position, f.prefixes, f.start_s, f.end_s, f.cycle_s, f.seconds * 2 / 5,
    CASE f.position WHEN 1 THEN 120 ELSE 0 END
FROM active_packages a JOIN package_free_seconds f ON f.package_id = a.package_id;
INSERT INTO recurring_charges (kind, object_id, period_start, account_id, source, amount, currency,
    balance_after, at)
SELECT v.kind, n, date_trunc('month', CAST(:now AS timestamptz)), a.id, source, amount, 'USD', 100,
    date_trunc('month', CAST(:now AS timestamptz)) + interval '7 minutes'
FROM accounts a, (VALUES (1, 'package_rent', 'Baltic 500', 9.99), (2, 'phone_rent', '37261001', 5),
    (3, 'phone_minimum', '37261001', 7.5), (4, 'account_minimum', 'baltic-voice', 0)
) AS v(n, kind, source, amount) WHERE a.name = 'baltic-voice';
"""

RESOLD = """
INSERT INTO cdr_charges (call_id, started_at, party, account_id, rate_group, prefix, billed_s,
    rated_s, raw, net, tax, currency)
SELECT l.call_id, l.started_at, v.party, a.id, 'agents-usd', l.prefix, l.billed_s, l.rated_s,
    l.raw, round(l.net * v.share, 6), round(l.net * v.share * v.tax, 6), l.currency
FROM cdr_charges l JOIN accounts c ON c.id = l.account_id AND c.name = 'baltic-voice',
    (VALUES (1, 'tallinn-reseller', 0.9, 0), (2, 'nordic-agency', 0.8, 0.2))
        AS v(party, name, share, tax)
JOIN accounts a ON a.name = v.name
WHERE l.party = 0;
"""

RATES = """
INSERT INTO calendars (name, working_weekdays) VALUES ('estonia', '{1,2,3,4,5}');
INSERT INTO calendar_days (calendar_id, day, kind, memo)
SELECT id, DATE '2026-12-24', 'special', 'Christmas Eve' FROM calendars;
UPDATE rate_groups SET timezone = 'Europe/Tallinn', boundary = 'split', decimals = 4,
    memo = 'Customers who call by the trunk',
    calendar_id = (SELECT id FROM calendars WHERE name = 'estonia')
WHERE name = 'wholesale-usd';
INSERT INTO period_rates (rate_group_id, position, days, start_s, end_s, multiplier)
SELECT id, 1, ARRAY['special'], 0, 86400, 1.5 FROM rate_groups WHERE name = 'wholesale-usd'
UNION ALL
SELECT id, 2, ARRAY['working'], 72000, 25200, 0.5 FROM rate_groups WHERE name = 'wholesale-usd';
INSERT INTO rates (rate_group_id, prefix, area, rate_type, tiers, sections, tax_percent,
    effective_from, effective_to, locked)
SELECT g.id, v.prefix, v.area, v.rate_type, v.tiers, v.sections, v.tax, v.since, v.until, v.locked
FROM rate_groups g JOIN (VALUES
    ('wholesale-usd', '*', 'Rest of the world', 5, '0|0:0.9/60/60', '', 0, NULL, NULL, false),
    ('wholesale-usd', '372', 'Estonia', 4, '0|0:0.02/60/1', '', 22, NULL, NULL, false),
    ('wholesale-usd', '3725', 'Estonia mobile', 4, '0|0:=0.21;180:0.15/60/60', '', 22, NULL, NULL,
        false),
    ('wholesale-usd', '4930', 'Germany Berlin', 5, '0.05|0:0.0123/60/1', '', 0,
        NULL, timestamptz '2026-01-01 00:00Z', false),
    ('wholesale-usd', '4930', 'Germany Berlin', 5, '0.05|0:0.0145/60/1', '', 0,
        timestamptz '2026-01-01 00:00Z', NULL, false),
    ('wholesale-usd', '49301', 'Germany Berlin center', 5, '0|0:0.01/60/1', '', 0, NULL, NULL,
        true),
    ('wholesale-usd', '44', 'United Kingdom', 5, '0|0:0.05/60/30', '60:0.10;120:0.18', 0, NULL,
        NULL, false),
    ('wholesale-usd', '7', 'Russia', 5, '0|0:0.4/60/60', '', 0,
        timestamptz '2099-01-01 00:00Z', NULL, false),
    ('cost-usd', '372', 'Estonia', 5, '0|0:0.011/60/1', '', 0, NULL, NULL, false),
    ('cost-usd', '3725', 'Estonia mobile', 5, '0|0:0.3/60/1', '', 0, NULL, NULL, false),
    ('cost-usd', '4930', 'Germany Berlin', 5, '0|0:0.009/60/1', '', 0, NULL, NULL, false),
    ('cost-usd', '44', 'United Kingdom', 5, '0|0:0.02/60/1', '', 0, NULL, NULL, false),
    ('agents-usd', '3725', 'Estonia mobile', 4, '0|0:0.09/60/60', '', 20, NULL, NULL, false),
    ('agents-usd', '37', '', 5, '0|0:0.02/60/1', '', 0, NULL, NULL, false),
    ('private-usd', '3725', 'Estonia mobile', 4, '0|0:0.19/60/1', '', 22, NULL, NULL, false)
) AS v(name, prefix, area, rate_type, tiers, sections, tax, since, until, locked)
ON v.name = g.name;
INSERT INTO routes (prefix, gateway_id, priority)
SELECT prefix, g.id, 10 * g.id FROM routing_gateways g,
    unnest(ARRAY['372', '4930', '44', '1212']) AS prefix;
INSERT INTO mapping_gateway_addresses (gateway_id, ip, port)
SELECT id, '198.51.100.7', 5060 + id FROM mapping_gateways;
UPDATE configuration_state SET version = version + 1;
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


def plant_lines(engine: sa.Engine) -> None:
    """The customer's and the vendor's line of every call that was answered."""
    _run(engine, LINES)


def plant_resellers(engine: sa.Engine, now: datetime) -> None:
    """Two agents above baltic-voice with lines of its calls, packages, phones, recurring money."""
    _run(engine, RESELLING, now=now)
    _run(engine, RESOLD)


def plant_rates(engine: sa.Engine) -> None:
    """Decks, periods and routes: complete for 372 and 4930, with gaps and a loss elsewhere."""
    _run(engine, RATES)


def _run(engine: sa.Engine, script: str, **values: object) -> None:
    with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                used = {name: v for name, v in values.items() if f":{name}" in statement}
                connection.execute(sa.text(_escaped(statement)), used)


def _escaped(statement: str) -> str:
    """Colons of casts, JSON and texts are not parameters."""
    return statement.replace("':5060'", "'\\:5060'").replace("':USD'", "'\\:USD'")
