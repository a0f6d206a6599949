"""Statements of phone cards. Locks: tries, the batch, its cards in their order, then money."""

# two numbers: apart from the locks that are named by one
LOCK_TRIES = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT hashtext(subject) AS name FROM unnest(CAST(:subjects AS text[])) AS subject
    ORDER BY 1
)
SELECT pg_advisory_xact_lock(7018605, name) FROM wanted
"""
TRIES = """
SELECT tries, first_at FROM card_tries
WHERE subject = ANY(:subjects) AND first_at > :since
ORDER BY tries DESC, first_at DESC LIMIT 1
"""
FORGET_TRIES = "DELETE FROM card_tries WHERE first_at <= :since"
ADD_TRY = """
INSERT INTO card_tries (subject, tries, first_at)
SELECT subject, 1, :now FROM unnest(CAST(:subjects AS text[])) AS subject
ON CONFLICT (subject) DO UPDATE SET
    tries = CASE WHEN card_tries.first_at <= :since THEN 1 ELSE card_tries.tries + 1 END,
    first_at = CASE WHEN card_tries.first_at <= :since THEN :now ELSE card_tries.first_at END
"""

IN_SCOPE = """(CAST(:scope AS bigint) IS NULL OR {0} = :scope OR :subtree AND EXISTS (
    SELECT FROM account_tree t WHERE t.ancestor_id = :scope AND t.descendant_id = {0}))"""

ACCOUNT = f"""
SELECT a.id AS account_id, a.name, a.currency, a.kind, a.closed_at IS NOT NULL AS closed
FROM accounts a
WHERE a.name = :name AND a.kind <> 'system' AND {IN_SCOPE.format("a.id")}
"""  # noqa: S608 - constants
NAME_OF = "SELECT name FROM accounts WHERE id = :id"

BATCHES = """
SELECT b.id AS batch_id, b.name, coalesce(a.name, '') AS issuer, b.issuer_account_id AS issuer_id,
    b.currency, b.face_value, b.count, b.pin_length, b.prefix, b.password_length, b.expires_at,
    b.memo, b.created_at, b.created_by, b.revision, n.unused, n.used, n.voided, n.expired
FROM card_batches b
LEFT JOIN accounts a ON a.id = b.issuer_account_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE c.state = 'unused') AS unused,
        count(*) FILTER (WHERE c.state = 'used') AS used,
        count(*) FILTER (WHERE c.state = 'voided') AS voided,
        count(*) FILTER (WHERE c.state = 'expired') AS expired
    FROM cards c WHERE c.batch_id = b.id
) n
"""
_SEEN = IN_SCOPE.format("b.issuer_account_id")
BATCH = f"{BATCHES} WHERE b.id = :id AND {_SEEN}"
BATCHES_NAMED = f"{BATCHES} WHERE b.name = :name AND {_SEEN} ORDER BY b.id LIMIT 20"
BATCH_UNDER = f"{BATCHES} WHERE b.key = :key"
PAGE = f"""{BATCHES}
WHERE {_SEEN} AND (:issuer = '' OR a.name = :issuer)
    AND (:search = '' OR starts_with(b.name, :search))
    AND (CAST(:before AS bigint) IS NULL OR b.id < :before)
ORDER BY b.id DESC LIMIT :most
"""
OWNER = "SELECT name, issuer_account_id FROM card_batches WHERE id = :id"
LOCK_BATCH = "SELECT FROM card_batches WHERE id = :id FOR UPDATE"
TOUCH = "UPDATE card_batches SET revision = revision WHERE id = :id"
HAS_NAME = """
SELECT EXISTS (SELECT FROM card_batches
    WHERE name = :name AND issuer_account_id IS NOT DISTINCT FROM :issuer_id)
"""
SEALED_OTHERWISE = """
SELECT b.name FROM card_batches b
WHERE b.seal_id <> :seal_id
    AND EXISTS (SELECT FROM cards c WHERE c.batch_id = b.id AND c.state = 'unused')
ORDER BY b.id DESC LIMIT 1
"""
ADD_BATCH = """
INSERT INTO card_batches (issuer_account_id, name, key, currency, face_value, count, pin_length,
    prefix, password_length, expires_at, memo, created_by, seal_id)
VALUES (:issuer_id, :name, :key, :currency, :face_value, :count, :pin_length, :prefix,
    :password_length, :expires_at, :memo, :who, :seal_id)
RETURNING id
"""
ADD_CARDS = """
INSERT INTO cards (batch_id, number, last_digits, pin_digest, password_digest)
SELECT :batch_id, c.* FROM unnest(CAST(:numbers AS integer[]), CAST(:last_digits AS text[]),
    CAST(:pins AS bytea[]), CAST(:passwords AS bytea[])) AS c
ON CONFLICT (pin_digest) DO NOTHING
RETURNING number
"""

_CARD = """
SELECT c.id AS card_id, c.batch_id, c.number, c.state, c.locked, c.revision, c.password_digest,
    b.name, b.face_value, b.currency, b.expires_at, b.issuer_account_id AS issuer_id,
    b.issuer_account_id IS NULL OR EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = b.issuer_account_id AND t.descendant_id = :account_id
            AND t.depth > 0) AS covers
FROM cards c JOIN card_batches b ON b.id = c.batch_id
"""
CARD_BY_PIN = f"{_CARD} WHERE c.pin_digest = :pin FOR UPDATE OF c"
CARD = f"{_CARD} WHERE c.batch_id = :batch_id AND c.number = :number FOR UPDATE OF c"
LOCK_UNUSED = """
SELECT id FROM cards WHERE batch_id = :batch_id AND state = 'unused' ORDER BY number FOR UPDATE
"""
END = """
UPDATE cards SET state = :state, ended_at = clock_timestamp(), ended_by = :who,
    movement_id = :movement_id, used_account_id = :account_id
WHERE id = ANY(:ids)
"""
SET_LOCKED = "UPDATE cards SET locked = :locked WHERE id = :id"

CARDS = f"""
SELECT c.number, c.last_digits, c.state, c.locked, c.ended_at, c.ended_by, c.revision,
    a.name AS account, c.used_account_id AS account_id, c.movement_id, {
    IN_SCOPE.format("c.used_account_id")
} AS known
FROM cards c LEFT JOIN accounts a ON a.id = c.used_account_id
WHERE c.batch_id = :batch_id AND c.number > :after
    AND (CAST(:state AS text) IS NULL OR c.state = :state)
ORDER BY c.number LIMIT :most
"""  # noqa: S608 - constants

DUE = """
SELECT b.id FROM card_batches b
WHERE b.expires_at <= clock_timestamp()
    AND EXISTS (SELECT FROM cards c WHERE c.batch_id = b.id AND c.state = 'unused')
ORDER BY b.expires_at, b.id LIMIT :most
"""

NOW = "SELECT clock_timestamp()"
