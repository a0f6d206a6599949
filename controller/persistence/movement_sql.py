"""Statements of movements. Locks: the key, the account's row for its limit, funds, then the rest.

The key comes first: whoever sends the same order at the same time waits before it locks any money.
"""

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '10s'"

# two numbers: apart from the locks that are named by one
LOCK_KEY = "SELECT pg_advisory_xact_lock(7018604, hashtext(:key))"

_ACCOUNT = """
SELECT id AS account_id, name, currency, closed_at IS NOT NULL AS closed,
    kind = 'system' AS is_system
FROM accounts
"""
ACCOUNT = _ACCOUNT + "WHERE name = :name"
ACCOUNTS = _ACCOUNT + "WHERE id = ANY(:ids)"

# NO KEY: calls and postings, which refer to the row, do not wait
LOCK_ACCOUNT = "SELECT FROM accounts WHERE id = :id FOR NO KEY UPDATE"

MOVEMENT = "SELECT kind, asked, at FROM movements WHERE id = :id"

POSTING = """
SELECT id, kind, debit_account_id, credit_account_id, amount, currency, call_id, at
FROM postings WHERE id = :id
"""

REVERSED_BY = "SELECT key FROM movements WHERE kind = 'reversal' AND of_posting_id = :id"

# `due`: a pending movement of the account has had its time
LOCK_FUNDS = """
SELECT f.*, EXISTS (
        SELECT FROM pending_movements p WHERE p.debit_account_id = f.account_id
            AND p.state = 'pending' AND p.expires_at <= clock_timestamp()
    ) AS due, clock_timestamp() AS now
FROM lock_funds(:ids) f
"""

READ_FUNDS = """
SELECT f.account_id, f.balance, a.overdraft_limit, f.reserved, f.lines, a.capacity
FROM account_funds f JOIN accounts a ON a.id = f.account_id WHERE f.account_id = ANY(:ids)
"""

DUE = """
SELECT DISTINCT a.id AS account_id, a.name, a.currency, a.closed_at IS NOT NULL AS closed,
    false AS is_system
FROM pending_movements p JOIN accounts a ON a.id = p.debit_account_id
WHERE p.state = 'pending' AND p.expires_at <= clock_timestamp()
ORDER BY a.id LIMIT :most
"""

RECORD = """
WITH recorded AS (
    INSERT INTO movements (id, key, kind, asked, balances, of_posting_id, forced, memo, who, at)
    VALUES (:id, :key, :kind, CAST(:asked AS json), CAST(:balances AS json), :of, :forced, :memo,
        :who, :at)
    RETURNING id, kind, at
)
INSERT INTO movement_accounts (movement_id, account_id, kind, at)
SELECT recorded.id, concerned, recorded.kind, recorded.at
FROM recorded, unnest(CAST(:accounts AS bigint[])) AS concerned
"""

POST = """
INSERT INTO postings (id, kind, debit_account_id, credit_account_id, amount, currency, at, memo)
VALUES (:id, :kind, :debit, :credit, :amount, :currency, :at, :memo)
"""

WRITE_FUNDS = """
UPDATE account_funds SET balance = :balance, reserved = :reserved WHERE account_id = :account_id
"""

# read by the trigger that keeps the history of limits
NOTE_LIMIT_CHANGE = "SELECT set_config('tollgate.limit_change', :note, true)"
CHANGE_LIMIT = "UPDATE accounts SET overdraft_limit = :limit WHERE id = :id"
KEEP_LIMIT = """
INSERT INTO account_limit_changes (account_id, before, after, key, memo, who)
VALUES (:id, :limit, :limit, :key, :memo, :who) ON CONFLICT (key) DO NOTHING
"""
LIMIT_CHANGE = "SELECT before, after FROM account_limit_changes WHERE key = :key"

PENDING = """
SELECT p.id AS pending_id, m.key, p.kind, p.debit_account_id AS debit_id, d.name AS debit,
    p.credit_account_id AS credit_id, c.name AS credit, p.amount, p.currency, m.memo, m.who, m.at,
    p.expires_at, p.state, p.posted, p.ended_at, p.ended_by, p.ended_memo
FROM pending_movements p
JOIN movements m ON m.id = p.id
JOIN accounts d ON d.id = p.debit_account_id
JOIN accounts c ON c.id = p.credit_account_id
"""
PENDING_BY_ID = PENDING + "WHERE p.id = :id"
OVERDUE = (
    PENDING
    + """
WHERE p.debit_account_id = ANY(:ids) AND p.state = 'pending' AND p.expires_at <= :now
ORDER BY m.at, p.id
"""
)
PENDINGS = (
    PENDING
    + """
WHERE (:account = '' OR d.name = :account OR c.name = :account)
    AND (:everything OR p.state = 'pending')
ORDER BY m.at DESC, p.id LIMIT :most
"""
)

HOLD = """
INSERT INTO pending_movements (id, kind, debit_account_id, credit_account_id, amount, currency,
    expires_at)
VALUES (:id, :kind, :debit, :credit, :amount, :currency, :expires_at)
"""

END = """
UPDATE pending_movements SET state = :state, posted = :posted, posting_id = :posting_id,
    ended_at = :at, ended_by = :who, ended_memo = :memo
WHERE id = :id
"""
