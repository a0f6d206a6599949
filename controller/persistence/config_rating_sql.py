"""Statements that write calendars, rate groups, phones, packages and orders.

As in `config_sql`: rows come in as one JSON text, references by name. What an object lists is
cleared and written anew when the object is.
"""

CALENDARS = """
INSERT INTO calendars (name, working_weekdays, memo)
SELECT name, working_weekdays, memo
FROM json_to_recordset(:rows) AS n(name text, working_weekdays smallint[], memo text)
ON CONFLICT (name) DO UPDATE SET working_weekdays = excluded.working_weekdays, memo = excluded.memo
"""

CLEAR_CALENDAR_DAYS = """
DELETE FROM calendar_days USING calendars c WHERE calendar_id = c.id AND c.name = ANY(:names)
"""

CALENDAR_DAYS = """
INSERT INTO calendar_days (calendar_id, day, kind, memo)
SELECT c.id, n.day, n.kind, n.memo
FROM json_to_recordset(:rows) AS n(object text, day date, kind text, memo text)
JOIN calendars c ON c.name = n.object
"""

# as with accounts, a closed package keeps its history, not its prices
RELEASE_CALENDARS = """
UPDATE packages k SET calendar_id = NULL FROM calendars c
WHERE k.calendar_id = c.id AND k.closed_at IS NOT NULL AND c.name = ANY(:names)
"""

REMOVE_CALENDARS = "DELETE FROM calendars WHERE name = ANY(:names)"

# owners and agents are accounts, which may be new themselves: they are written after accounts
RATE_GROUPS = """
INSERT INTO rate_groups (name, currency, decimals, rounding, timezone, section_mode, boundary,
    calendar_id, memo)
SELECT n.name, n.currency, n.decimals, n.rounding, n.timezone, n.section_mode, n.boundary,
    c.id, n.memo
FROM json_to_recordset(:rows) AS n(name text, currency text, decimals smallint, rounding text,
    timezone text, section_mode text, boundary text, calendar text, memo text)
LEFT JOIN calendars c ON c.name = n.calendar
ON CONFLICT (name) DO UPDATE SET currency = excluded.currency, decimals = excluded.decimals,
    rounding = excluded.rounding, timezone = excluded.timezone,
    section_mode = excluded.section_mode, boundary = excluded.boundary,
    calendar_id = excluded.calendar_id, memo = excluded.memo
"""

OWNERS = """
UPDATE rate_groups g SET owner_account_id = a.id
FROM json_to_recordset(:rows) AS n(name text, owner text) LEFT JOIN accounts a ON a.name = n.owner
WHERE g.name = n.name AND g.owner_account_id IS DISTINCT FROM a.id
"""

CLEAR_AGENTS = """
DELETE FROM rate_group_agents USING rate_groups g
WHERE rate_group_id = g.id AND g.name = ANY(:names)
"""

AGENTS = """
INSERT INTO rate_group_agents (rate_group_id, account_id)
SELECT g.id, a.id FROM json_to_recordset(:rows) AS n(object text, agent text)
JOIN rate_groups g ON g.name = n.object JOIN accounts a ON a.name = n.agent
"""

CLEAR_PERIOD_RATES = """
DELETE FROM period_rates p USING rate_groups g
WHERE p.rate_group_id = g.id AND g.name = ANY(:names)
"""

RELEASE_PERIOD_RATES = """
DELETE FROM period_rates p USING packages k, rate_groups g
WHERE p.package_id = k.id AND k.closed_at IS NOT NULL AND p.own_rate_group_id = g.id
    AND g.name = ANY(:names)
"""

CLEAR_PACKAGE_PERIOD_RATES = """
DELETE FROM period_rates p USING packages k
WHERE p.package_id = k.id AND k.name = ANY(:names)
"""

_PERIOD_RATES = """
INSERT INTO period_rates ({owner_id}, position, days, start_s, end_s, multiplier,
    own_rate_group_id)
SELECT o.id, n.position, n.days, n.start, n.end, n.multiplier, g.id
FROM json_to_recordset(:rows) AS n(object text, position smallint, days text[], start integer,
    "end" integer, multiplier numeric, rate_group text)
JOIN {owners} o ON o.name = n.object LEFT JOIN rate_groups g ON g.name = n.rate_group
"""

PERIOD_RATES = _PERIOD_RATES.format(owner_id="rate_group_id", owners="rate_groups")
PACKAGE_PERIOD_RATES = _PERIOD_RATES.format(owner_id="package_id", owners="packages")

PHONES = """
INSERT INTO phones (number, account_id, rate_group_id, "authorization", locked, locked_in,
    monthly_minimum, monthly_maximum, monthly_rent, lines_in, lines_out, lines_total, memo)
SELECT n.number, a.id, g.id, n.authorization, n.locked, n.locked_in, n.monthly_minimum,
    n.monthly_maximum, n.monthly_rent, n.lines_in, n.lines_out, n.lines_total, n.memo
FROM json_to_recordset(:rows) AS n(number text, account text, rate_group text,
    "authorization" smallint, locked boolean, locked_in boolean, monthly_minimum numeric,
    monthly_maximum numeric, monthly_rent numeric, lines_in integer, lines_out integer,
    lines_total integer, memo text)
JOIN accounts a ON a.name = n.account LEFT JOIN rate_groups g ON g.name = n.rate_group
ON CONFLICT (number) DO UPDATE SET account_id = excluded.account_id,
    rate_group_id = excluded.rate_group_id, "authorization" = excluded.authorization,
    locked = excluded.locked, locked_in = excluded.locked_in,
    monthly_minimum = excluded.monthly_minimum, monthly_maximum = excluded.monthly_maximum,
    monthly_rent = excluded.monthly_rent,
    lines_in = excluded.lines_in, lines_out = excluded.lines_out,
    lines_total = excluded.lines_total, memo = excluded.memo
"""

REMOVE_PHONES = "DELETE FROM phones WHERE number = ANY(:names)"

PACKAGES = """
INSERT INTO packages (name, currency, rent, period, period_s, alignment, allow_partial_first,
    gift_money, minimum_consumption, effective_consumption, calendar_id, memo)
SELECT n.name, n.currency, n.rent, n.period, n.period_s, n.alignment, n.allow_partial_first,
    n.gift_money, n.minimum_consumption, n.effective_consumption, c.id, n.memo
FROM json_to_recordset(:rows) AS n(name text, currency text, rent numeric, period text,
    period_s bigint, alignment text, allow_partial_first boolean, gift_money numeric,
    minimum_consumption numeric, effective_consumption numeric, calendar text, memo text)
LEFT JOIN calendars c ON c.name = n.calendar
ON CONFLICT (name) DO UPDATE SET currency = excluded.currency, rent = excluded.rent,
    period = excluded.period, period_s = excluded.period_s, alignment = excluded.alignment,
    allow_partial_first = excluded.allow_partial_first, gift_money = excluded.gift_money,
    minimum_consumption = excluded.minimum_consumption,
    effective_consumption = excluded.effective_consumption, calendar_id = excluded.calendar_id,
    memo = excluded.memo, closed_at = NULL
"""

CLEAR_FREE_SECONDS = """
DELETE FROM package_free_seconds USING packages k WHERE package_id = k.id AND k.name = ANY(:names)
"""

FREE_SECONDS = """
INSERT INTO package_free_seconds (package_id, position, prefixes, start_s, end_s, seconds, cycle_s,
    memo)
SELECT k.id, n.position, n.prefixes, n.start, n.end, n.seconds, n.cycle_s, n.memo
FROM json_to_recordset(:rows) AS n(object text, position smallint, prefixes text[], start integer,
    "end" integer, seconds integer, cycle_s integer, memo text)
JOIN packages k ON k.name = n.object
"""

# an order that is placed at the same time waits for this, or is seen by the check after it
LOCK_PACKAGES = "SELECT id FROM packages WHERE name = ANY(:names) ORDER BY id FOR UPDATE"

STILL_ORDERED = """
SELECT k.name || ' by ' || o.key FROM packages k JOIN package_orders o ON o.package_id = k.id
WHERE k.name = ANY(:names) AND o.next_period_start IS NOT NULL ORDER BY o.key
"""

# orders and periods of the past still name a package that has any
REMOVE_PACKAGES = (
    """
DELETE FROM packages k WHERE k.name = ANY(:names)
    AND NOT EXISTS (SELECT FROM package_orders o WHERE o.package_id = k.id)
    AND NOT EXISTS (SELECT FROM active_packages p WHERE p.package_id = k.id)
""",
    "UPDATE packages SET closed_at = now() WHERE name = ANY(:names)",
)

# what was ordered, by whom and from when never changes; the first period to open is the first
PACKAGE_ORDERS = """
INSERT INTO package_orders (key, package_id, account_id, phone_id, available_from, expires_at,
    priority, on_insufficient, rent_percent, next_period_start, memo)
SELECT n.key, k.id, coalesce(p.account_id, a.id), p.id, n.available_from, n.expires_at,
    n.priority, n.on_insufficient, n.rent_percent, n.available_from, n.memo
FROM json_to_recordset(:rows) AS n(key text, package text, account text, phone text,
    available_from timestamptz, expires_at timestamptz, priority integer, on_insufficient text,
    rent_percent numeric, memo text)
JOIN packages k ON k.name = n.package
LEFT JOIN accounts a ON a.name = n.account LEFT JOIN phones p ON p.number = n.phone
ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at, priority = excluded.priority,
    on_insufficient = excluded.on_insufficient, rent_percent = excluded.rent_percent,
    memo = excluded.memo
"""

REMOVE_PACKAGE_ORDERS = "DELETE FROM package_orders WHERE key = ANY(:names)"

HISTORIES = {
    "packages": """
SELECT k.name, 'has periods that still run' AS history FROM packages k
WHERE k.name = ANY(:names) AND EXISTS (SELECT FROM active_packages p
    WHERE p.package_id = k.id AND p.closed_at IS NULL AND p.period_end > now())
""",
    "phones": """
SELECT p.number AS name, CASE WHEN o.over THEN 'has package orders that are over'
    WHEN m.charged THEN 'has months of charges' ELSE 'has calls in progress' END AS history
FROM phones p,
    LATERAL (SELECT EXISTS (SELECT FROM calls c WHERE c.phone_id = p.id) AS busy) c,
    LATERAL (SELECT EXISTS (SELECT FROM package_orders o
        WHERE o.phone_id = p.id AND o.next_period_start IS NULL) AS over) o,
    LATERAL (SELECT EXISTS (SELECT FROM phone_months m WHERE m.phone_id = p.id)
        OR EXISTS (SELECT FROM recurring_charges r
            WHERE r.object_id = p.id AND r.kind IN ('phone_rent', 'phone_minimum')) AS charged) m
WHERE p.number = ANY(:names) AND (c.busy OR o.over OR m.charged)
""",
    "package_orders": """
SELECT o.key AS name, 'has opened periods' AS history FROM package_orders o
WHERE o.key = ANY(:names) AND EXISTS (SELECT FROM active_packages p WHERE p.order_id = o.id)
""",
}
