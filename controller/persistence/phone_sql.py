"""Statements of phones as records."""

PHONES = """
SELECT p.id, p.number, p.account_id, a.name AS account, g.name AS rate_group, p."authorization",
    p.locked, p.locked_in, p.monthly_minimum, p.monthly_maximum, p.monthly_rent, p.lines_in,
    p.lines_out, p.lines_total, p.memo, p.revision, p.created_at, c.set_at,
    p.locked_by_account_id, p.locked_in_by_account_id,
    ARRAY(SELECT n.number FROM phone_numbers n WHERE n.phone_id = p.id AND n.is_did
        ORDER BY n.number) AS dids
FROM phones p JOIN accounts a ON a.id = p.account_id
LEFT JOIN rate_groups g ON g.id = p.rate_group_id
LEFT JOIN phone_credentials c ON c.phone_id = p.id
WHERE p.number = ANY(:numbers) AND (CAST(:account_id AS bigint) IS NULL
    OR p.account_id = :account_id OR :subtree AND EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :account_id AND t.descendant_id = p.account_id))
"""

OWNERS = """
SELECT n.number, p.number AS phone, p.account_id
FROM phone_numbers n JOIN phones p ON p.id = n.phone_id WHERE n.number = ANY(:numbers)
"""

ORDERS = """
SELECT o.key FROM package_orders o JOIN phones p ON p.id = o.phone_id
WHERE p.number = :number AND o.next_period_start IS NOT NULL ORDER BY o.key LIMIT 1
"""

# a new password is a change of the phone
NEXT_REVISION = "UPDATE phones SET revision = revision WHERE number = ANY(:numbers)"

CREDENTIALS = """
INSERT INTO phone_credentials (phone_id, realm, md5, sha256)
SELECT p.id, n.realm, n.md5, n.sha256
FROM json_to_recordset(:rows) AS n(number text, realm text, md5 text, sha256 text)
JOIN phones p ON p.number = n.number
ON CONFLICT (phone_id) DO UPDATE SET realm = excluded.realm, md5 = excluded.md5,
    sha256 = excluded.sha256, set_at = now()
"""
