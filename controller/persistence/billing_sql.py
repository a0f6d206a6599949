"""Statements of the billing run. Locks: the object's row, then funds, then active packages."""

DUE_ORDERS = """
SELECT o.id, 'order ' || o.key AS name,
    CASE WHEN o.waiting_since IS NULL THEN o.next_period_start END AS since, o.priority
FROM package_orders o
"""
DUE_ORDERS_UNTIL = DUE_ORDERS + "WHERE o.next_period_start <= :as_of"

ORDERS_BY_KEY = DUE_ORDERS + "WHERE o.key = ANY(:keys) AND o.next_period_start IS NOT NULL"

WAITING_ORDERS = (
    DUE_ORDERS
    + """
LEFT JOIN phones p ON p.id = o.phone_id
JOIN accounts a ON a.id = coalesce(p.account_id, o.account_id)
WHERE a.name = :account AND o.waiting_since IS NOT NULL AND o.next_period_start IS NOT NULL
"""
)

DUE_ENDS = """
SELECT active.id, 'package ' || k.name || ' of ' || coalesce('phone ' || p.number, a.name) AS name,
    active.period_end AS since, active.priority
FROM active_packages active
JOIN packages k ON k.id = active.package_id
JOIN accounts a ON a.id = active.account_id
LEFT JOIN phones p ON p.id = active.phone_id
WHERE active.closed_at IS NULL AND active.period_end <= :as_of AND active.minimum_consumption > 0
"""

DUE_PHONES = """
SELECT id, 'phone ' || number AS name, coalesce(billed_until, created_at) AS since,
    CAST(NULL AS integer) AS priority
FROM phones
WHERE (monthly_rent > 0 OR monthly_minimum > 0)
    AND (billed_until < :month OR (billed_until IS NULL AND created_at < :month))
"""

DUE_ACCOUNTS = """
SELECT id, 'account ' || name AS name, coalesce(billed_until, created_at) AS since,
    CAST(NULL AS integer) AS priority
FROM accounts
WHERE monthly_minimum > 0 AND kind IN ('ordinary', 'phone_card')
    AND (billed_until < :month OR (billed_until IS NULL AND created_at < :month))
"""

# rows that calls hold are left for the next run: nobody waits while holding others
CLOSE_WITHOUT_MINIMUM = """
UPDATE active_packages SET closed_at = :now WHERE id IN (
    SELECT id FROM active_packages
    WHERE closed_at IS NULL AND period_end <= :as_of AND minimum_consumption = 0
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
)
"""

NEWS = "SELECT EXISTS (SELECT FROM active_packages WHERE NOT announced)"

ANNOUNCE = """
UPDATE active_packages SET announced = true WHERE id IN (
    SELECT id FROM active_packages WHERE NOT announced ORDER BY id FOR UPDATE SKIP LOCKED
)
"""

LOCK_ORDER = "SELECT * FROM package_orders WHERE id = :id FOR UPDATE"

PACKAGE_OF_ORDER = """
SELECT k.*, a.name AS account, p.account_id AS phone_account_id, p.number
FROM package_orders o
JOIN packages k ON k.id = o.package_id
JOIN accounts a ON a.id = o.account_id
LEFT JOIN phones p ON p.id = o.phone_id
WHERE o.id = :id
"""

FREE_SECONDS = "SELECT * FROM package_free_seconds WHERE package_id = :id ORDER BY position"

LOCK_PURSE = """
SELECT a.id AS account_id, a.name, a.currency, a.closed_at IS NOT NULL AS closed, f.balance,
    f.balance + f.overdraft_limit - f.reserved AS available
FROM lock_funds(ARRAY[CAST(:id AS bigint)]) f JOIN accounts a ON a.id = f.account_id
"""

ACTIVE = """
SELECT active.account_id, active.minimum_consumption > 0 AND EXISTS (
    SELECT FROM calls c
    WHERE active.account_id = ANY(c.payer_ids) AND c.offered_at < active.period_end
        AND (active.phone_id IS NULL OR c.phone_id = active.phone_id)
    ) AS calls_open
FROM active_packages active WHERE active.id = :id AND active.closed_at IS NULL
"""

LOCK_ACTIVE = """
SELECT active.*, k.name AS package
FROM active_packages active JOIN packages k ON k.id = active.package_id
WHERE active.id = :id AND active.closed_at IS NULL FOR UPDATE OF active
"""

# NO KEY: new calls and postings, which refer to these rows, do not wait
LOCK_PHONE = "SELECT * FROM phones WHERE id = :id FOR NO KEY UPDATE"
LOCK_ACCOUNT = "SELECT * FROM accounts WHERE id = :id FOR NO KEY UPDATE"

ACCOUNT_CALLS_OPEN = """
SELECT EXISTS (SELECT FROM calls WHERE :id = ANY(payer_ids) AND offered_at < :before)
"""

PHONE_CALLS_OPEN = """
SELECT EXISTS (SELECT FROM calls WHERE phone_id = :id AND phone_month = :month)
"""

PHONE_CONSUMED = "SELECT consumed FROM phone_months WHERE phone_id = :id AND month = :month"

ACCOUNT_CONSUMED = """
SELECT coalesce((
    SELECT sum(amount) FROM postings
    WHERE debit_account_id = :id AND at >= :start AND at < :end
        AND kind IN ('call_charge', 'call_tax')), 0)
  - coalesce((
    SELECT sum(amount) FROM postings
    WHERE credit_account_id = :id AND at >= :start AND at < :end AND kind = 'gift'), 0)
"""

# what calls of the period cost before its package became active
ACCOUNT_SPENT = """
SELECT coalesce(sum(amount), 0) FROM postings
WHERE debit_account_id = :account AND at >= :start AND at < :end
    AND kind IN ('call_charge', 'call_tax')
"""
PHONE_SPENT = """
SELECT coalesce(sum(net + tax), 0) FROM cdrs
WHERE account_id = :account AND phone = :phone AND ended_at >= :start AND ended_at < :end
    AND started_at >= CAST(:start AS timestamptz) - interval '1 day' AND started_at < :end
"""

# a month that was charged in another time zone of the platform began within :slack of this one
RECORD_CHARGE = """
INSERT INTO recurring_charges (kind, object_id, period_start, account_id, source, amount,
    currency, balance_after, posting_id, at)
SELECT n.kind, n.object_id, n.period_start, f.account_id, n.source, n.amount,
    n.currency, f.balance - n.amount, n.posting_id, n.at
FROM account_funds f, (VALUES (:kind, CAST(:object_id AS bigint),
    CAST(:period_start AS timestamptz), :source, CAST(:amount AS numeric), :currency,
    CAST(:posting_id AS uuid), CAST(:at AS timestamptz), CAST(:slack AS interval)))
    AS n(kind, object_id, period_start, source, amount, currency, posting_id, at, slack)
WHERE f.account_id = :account_id AND NOT EXISTS (
    SELECT FROM recurring_charges r WHERE r.kind = n.kind AND r.object_id = n.object_id
        AND r.period_start BETWEEN n.period_start - n.slack AND n.period_start + n.slack
)
ON CONFLICT DO NOTHING
"""

REVENUE = "SELECT id FROM accounts WHERE name = :name AND kind = 'system'"

POST = """
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, memo)
VALUES (:posting_id, :kind, :account_id, :revenue, :amount, :currency, :at, :memo)
"""

TAKE = "UPDATE account_funds SET balance = balance - :amount WHERE account_id = :account_id"

OPEN_PERIOD = """
INSERT INTO active_packages (order_id, package_id, account_id, phone_id, priority, period_start,
    period_end, rent_paid, gift_left, consumption, minimum_consumption, effective_consumption)
VALUES (:order_id, :package_id, :account_id, :phone_id, :priority, :period_start,
    :period_end, :rent, :gift, :consumption, :minimum, :effective)
RETURNING id
"""

OPEN_FREE_SECONDS = """
INSERT INTO active_free_seconds (active_package_id, position, prefixes, start_s, end_s, cycle_s,
    left_s)
VALUES (:active_id, :position, :prefixes, :start_s, :end_s, :cycle_s, :left_s)
"""

CLOSE_ACTIVE = "UPDATE active_packages SET closed_at = :now WHERE id = :id"

PLAN_NEXT = """
UPDATE package_orders SET next_period_start = :next, waiting_since = NULL,
    ended_at = CASE WHEN CAST(:next AS timestamptz) IS NULL THEN CAST(:now AS timestamptz) END
WHERE id = :id
"""

WAIT_FOR_RECHARGE = "UPDATE package_orders SET waiting_since = :since WHERE id = :id"

PHONE_BILLED = "UPDATE phones SET billed_until = :until WHERE id = :id"
ACCOUNT_BILLED = "UPDATE accounts SET billed_until = :until WHERE id = :id"
