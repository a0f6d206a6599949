"""Statements about packages and orders: what commands change, what they show."""

PACKAGE_TO_ORDER = "SELECT * FROM packages WHERE name = :name AND closed_at IS NULL FOR SHARE"

OWNER_ACCOUNT = """
SELECT id AS account_id, name AS account, kind, currency, closed_at IS NOT NULL AS closed,
    CAST(NULL AS bigint) AS phone_id
FROM accounts WHERE name = :name AND kind <> 'system'
"""

OWNER_PHONE = """
SELECT a.id AS account_id, a.name AS account, a.kind, a.currency,
    a.closed_at IS NOT NULL AS closed, p.id AS phone_id
FROM phones p JOIN accounts a ON a.id = p.account_id WHERE p.number = :name
"""

ORDER_BY_KEY = """
SELECT o.*, a.name AS account, a.kind, a.currency, a.closed_at IS NOT NULL AS closed
FROM package_orders o JOIN accounts a ON a.id = o.account_id WHERE o.key = :key
"""

ADD_ORDER = """
INSERT INTO package_orders (key, package_id, account_id, phone_id, available_from, expires_at,
    priority, on_insufficient, rent_percent, next_period_start, created_at, memo)
VALUES (:key, :package_id, :account_id, :phone_id, :available_from, :expires_at,
    :priority, :on_insufficient, :rent_percent, :available_from, :now, :memo)
ON CONFLICT (key) DO NOTHING
"""

LOCK_ORDER_BY_KEY = """
SELECT id, account_id, next_period_start IS NOT NULL AS going_on FROM package_orders
WHERE key = :key FOR UPDATE
"""

END_ORDERS = """
UPDATE package_orders SET next_period_start = NULL, waiting_since = NULL, ended_at = :now
WHERE id = ANY(:ids) AND next_period_start IS NOT NULL
"""

LOCK_ACTIVE = """
SELECT id, account_id, closed_at IS NULL AND period_end > :now AS running FROM active_packages
WHERE id = :id FOR UPDATE
"""

END_ACTIVE = """
UPDATE active_packages SET closed_at = :now, announced = false,
    period_end = greatest(period_start, least(period_end, :now))
WHERE id = ANY(:ids)
"""

LOCK_PACKAGE = "SELECT id FROM packages WHERE name = :name AND closed_at IS NULL FOR NO KEY UPDATE"

LOCK_ORDERS_OF = """
SELECT id, key, account_id FROM package_orders
WHERE package_id = :id AND next_period_start IS NOT NULL
ORDER BY id FOR UPDATE
"""

RUNNING_OF = """
SELECT count(*) FROM active_packages
WHERE package_id = :id AND closed_at IS NULL AND period_end > :now
"""

LOCK_ACTIVE_OF = """
SELECT id FROM active_packages WHERE package_id = :id AND closed_at IS NULL
ORDER BY id FOR UPDATE
"""

HAS_HISTORY = """
SELECT EXISTS (SELECT FROM package_orders WHERE package_id = :id)
    OR EXISTS (SELECT FROM active_packages WHERE package_id = :id)
"""

DELETE_PACKAGE = "DELETE FROM packages WHERE id = :id"
CLOSE_PACKAGE = "UPDATE packages SET closed_at = :now WHERE id = :id"

PACKAGES = """
SELECT k.name, k.period, k.period_s, k.alignment, k.allow_partial_first, k.rent, k.currency,
    k.gift_money, coalesce(f.seconds, 0) AS free_s, k.minimum_consumption,
    k.effective_consumption, coalesce(o.orders, 0) AS orders, coalesce(a.active, 0) AS active
FROM packages k
LEFT JOIN (SELECT package_id, sum(seconds) AS seconds FROM package_free_seconds GROUP BY 1) f
    ON f.package_id = k.id
LEFT JOIN (SELECT package_id, count(*) AS orders FROM package_orders
    WHERE next_period_start IS NOT NULL GROUP BY 1) o ON o.package_id = k.id
LEFT JOIN (SELECT package_id, count(*) AS active FROM active_packages
    WHERE closed_at IS NULL AND period_end > now() GROUP BY 1) a ON a.package_id = k.id
WHERE k.closed_at IS NULL
ORDER BY k.name
"""

ORDERS = """
SELECT o.key, k.name AS package, a.name AS account, p.number AS phone,
    CASE WHEN o.next_period_start IS NULL THEN 'over'
        WHEN o.waiting_since IS NOT NULL THEN 'waiting' ELSE 'planned' END AS state,
    o.available_from, o.expires_at, o.next_period_start, o.waiting_since, o.priority,
    o.on_insufficient, o.rent_percent, o.ended_at, o.memo
FROM package_orders o
JOIN packages k ON k.id = o.package_id
LEFT JOIN phones p ON p.id = o.phone_id
JOIN accounts a ON a.id = coalesce(p.account_id, o.account_id)
WHERE (CAST(:account AS text) IS NULL OR a.name = :account)
    AND (:with_over OR o.next_period_start IS NOT NULL)
ORDER BY a.name, o.key LIMIT :most
"""

ACTIVE = """
SELECT active.id AS number, k.name AS package, o.key AS "order", a.name AS account,
    p.number AS phone, k.currency, active.period_start, active.period_end, active.rent_paid,
    active.gift_left, active.gift_reserved, active.consumption, active.minimum_consumption,
    active.effective_consumption, active.priority, active.closed_at
FROM active_packages active
JOIN packages k ON k.id = active.package_id
JOIN package_orders o ON o.id = active.order_id
JOIN accounts a ON a.id = active.account_id
LEFT JOIN phones p ON p.id = active.phone_id
WHERE (CAST(:account AS text) IS NULL OR a.name = :account)
    AND (:with_over OR (active.closed_at IS NULL AND active.period_end > :now))
ORDER BY a.name, active.period_start DESC, active.id LIMIT :most
"""

FREE_OF = """
SELECT active_package_id, prefixes, start_s, end_s, cycle_s, left_s, reserved_s
FROM active_free_seconds WHERE active_package_id = ANY(:ids) ORDER BY active_package_id, position
"""

# of one moment, the last is the one that left the least
CHARGES = """
SELECT r.kind, a.name AS account, r.source, r.period_start, r.amount, r.currency,
    r.balance_after, r.at, r.posting_id::text AS posting_id
FROM recurring_charges r JOIN accounts a ON a.id = r.account_id
WHERE (CAST(:account AS text) IS NULL OR a.name = :account)
    AND (:with_nothing_owed OR r.amount > 0)
ORDER BY r.at DESC, r.balance_after, r.kind, r.object_id LIMIT :most
"""
