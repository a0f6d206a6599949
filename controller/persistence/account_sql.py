"""Statements of accounts as people see and change them."""

# `chain` has the rights of the account and of every agent above it
ACCOUNTS = """
SELECT a.*, p.name AS parent, g.name AS rate_group, v.name AS private_rate_group,
    EXISTS (SELECT FROM accounts c WHERE c.parent_id = a.id) AS is_agent,
    (SELECT json_agg(above.rights) FROM account_tree t JOIN accounts above ON above.id =
        t.ancestor_id WHERE t.descendant_id = a.id) AS chain,
    coalesce((SELECT json_agg(json_build_array(s.first_number, s.last_number))
        FROM number_sections s WHERE s.account_id = a.id), '[]') AS sections,
    coalesce((SELECT json_agg(json_build_array(r.prefix, r.allowed))
        FROM destination_rules r WHERE r.account_id = a.id), '[]') AS rules
FROM accounts a LEFT JOIN accounts p ON p.id = a.parent_id
LEFT JOIN rate_groups g ON g.id = a.rate_group_id
LEFT JOIN rate_groups v ON v.id = a.private_rate_group_id
WHERE a.kind <> 'system'
"""

NAMED = """
AND a.name = ANY(:names) AND (CAST(:account_id AS bigint) IS NULL OR a.id = :account_id
    OR :subtree AND EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :account_id AND t.descendant_id = a.id))
"""

BELOW = """
AND a.id IN (SELECT t.descendant_id FROM account_tree t
    WHERE t.ancestor_id = :account_id AND t.depth > 0)
"""

PHONES_BELOW = """
SELECT p.number, a.name AS account, g.name AS rate_group,
    ARRAY(SELECT n.number FROM phone_numbers n WHERE n.phone_id = p.id AND n.is_did) AS dids
FROM phones p JOIN accounts a ON a.id = p.account_id
JOIN account_tree t ON t.descendant_id = a.id AND t.ancestor_id = :account_id
LEFT JOIN rate_groups g ON g.id = p.rate_group_id
WHERE a.closed_at IS NULL
"""

RIGHTS = """
SELECT above.name, above.rights FROM account_tree t JOIN accounts above ON above.id = t.ancestor_id
WHERE t.descendant_id = :account_id ORDER BY t.depth
"""

CHILDREN = """
SELECT name, count(*) OVER () AS number FROM accounts
WHERE parent_id = :account_id AND closed_at IS NULL ORDER BY name LIMIT :most
"""

IS_FIXED = """
SELECT EXISTS (SELECT FROM postings WHERE :id IN (debit_account_id, credit_account_id))
    OR EXISTS (SELECT FROM calls WHERE account_id = :id OR :id = ANY(payer_ids || vendor_ids))
    OR EXISTS (SELECT FROM cdrs WHERE account_id = :id)
"""

# the first that is true; what `accounts` restricts stands last
HISTORY = """
SELECT CASE
    WHEN EXISTS (SELECT FROM accounts WHERE parent_id = :id) THEN 'has closed accounts below it'
    WHEN EXISTS (SELECT FROM postings WHERE debit_account_id = :id)
        OR EXISTS (SELECT FROM postings WHERE credit_account_id = :id) THEN 'has postings'
    WHEN EXISTS (SELECT FROM calls WHERE account_id = :id OR :id = ANY(payer_ids || vendor_ids))
        OR EXISTS (SELECT FROM cdrs WHERE account_id = :id)
        OR EXISTS (SELECT FROM cdr_charges WHERE account_id = :id) THEN 'has calls'
    WHEN EXISTS (SELECT FROM account_limit_changes WHERE account_id = :id)
        THEN 'has had an overdraft limit'
    WHEN EXISTS (SELECT FROM phones WHERE account_id = :id) THEN 'has phones'
    WHEN EXISTS (SELECT FROM mapping_gateways WHERE account_id = :id)
        OR EXISTS (SELECT FROM routing_gateways WHERE clearing_account_id = :id)
        THEN 'has gateways'
    WHEN EXISTS (SELECT FROM package_orders WHERE account_id = :id) THEN 'has package orders'
    WHEN EXISTS (SELECT FROM rate_groups WHERE owner_account_id = :id) THEN 'owns rate groups'
    WHEN EXISTS (SELECT FROM users WHERE account_id = :id) THEN 'has users'
    ELSE '' END
"""

TIES = """
SELECT CASE
    WHEN EXISTS (SELECT FROM calls WHERE account_id = :id OR :id = ANY(payer_ids || vendor_ids))
        THEN 'has calls in progress'
    WHEN EXISTS (SELECT FROM phones WHERE account_id = :id AND NOT locked)
        THEN 'has phones that may call: lock them first'
    WHEN EXISTS (SELECT FROM mapping_gateways WHERE account_id = :id)
        OR EXISTS (SELECT FROM routing_gateways WHERE clearing_account_id = :id)
        THEN 'has gateways: delete them first'
    WHEN EXISTS (SELECT FROM package_orders
        WHERE account_id = :id AND next_period_start IS NOT NULL)
        THEN 'has package orders: cancel them first'
    WHEN EXISTS (SELECT FROM card_batches b JOIN cards c ON c.batch_id = b.id
        WHERE b.issuer_account_id = :id AND c.state = 'unused')
        THEN 'has phone cards that nobody has used: void them first'
    ELSE '' END
"""

UNLOCK = "UPDATE accounts SET locked_for_balance_at = NULL WHERE id = :id"
APPROVE = "UPDATE accounts SET awaiting_approval = false WHERE id = :id"
AWAIT_APPROVAL = "UPDATE accounts SET awaiting_approval = true WHERE name = ANY(:names)"
CLOSE = "UPDATE accounts SET closed_at = now() WHERE id = :id"
REOPEN = "UPDATE accounts SET closed_at = NULL WHERE id = :id"
DELETE = (
    "DELETE FROM rate_group_agents WHERE account_id = :id",
    "DELETE FROM account_funds WHERE account_id = :id",
    "DELETE FROM accounts WHERE id = :id",
)

# an agent is who has accounts below it; all of them, where they are few
AGENTS = """
WITH RECURSIVE agents (id) AS (
    (SELECT parent_id FROM accounts WHERE parent_id IS NOT NULL ORDER BY parent_id LIMIT 1)
    UNION ALL
    SELECT (SELECT a.parent_id FROM accounts a WHERE a.parent_id > agents.id
        ORDER BY a.parent_id LIMIT 1)
    FROM agents WHERE agents.id IS NOT NULL
)
SELECT id FROM agents WHERE id IS NOT NULL LIMIT :most
"""

# what a tree shows of agents, under `place`: the place is one of those below
OF_THE_PLACE = "a.id = :place"
UNDER_THE_PLACE = "a.parent_id = :place"
AT_THE_TOP = "a.parent_id IS NULL"


def tree(place: str, *, few: bool) -> str:
    """Agents with the numbers of agents and of accounts right below them, by name.

    `few`: `:agents` are all agents that there are. They are not looked for among all accounts
    then; else they stand close enough along the names.
    """
    return (_AMONG_FEW if few else _AMONG_MANY).format(place=place)


_AMONG_FEW = """
WITH below AS MATERIALIZED (
    SELECT parent_id, count(*) AS agents FROM accounts WHERE id = ANY(:agents) GROUP BY parent_id
)
SELECT a.id, a.name, a.title, coalesce(below.agents, 0) AS agents,
    (SELECT count(*) FROM accounts c WHERE c.parent_id = a.id) AS accounts
FROM accounts a LEFT JOIN below ON below.parent_id = a.id
WHERE a.id = ANY(:agents) AND {place} AND a.kind NOT IN ('system', 'clearing') AND a.name > :after
ORDER BY a.name LIMIT :most
"""
_AMONG_MANY = """
SELECT a.id, a.name, a.title,
    (SELECT count(*) FROM accounts c WHERE c.parent_id = a.id AND EXISTS
        (SELECT FROM accounts g WHERE g.parent_id = c.id)) AS agents,
    (SELECT count(*) FROM accounts c WHERE c.parent_id = a.id) AS accounts
FROM accounts a
WHERE {place} AND a.kind NOT IN ('system', 'clearing') AND a.name > :after
    AND EXISTS (SELECT FROM accounts c WHERE c.parent_id = a.id)
ORDER BY a.name LIMIT :most
"""
