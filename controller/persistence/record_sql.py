"""Statements that phones, gateways and the limits of numbers share."""

# an account and everything above it, the nearest first; system accounts are nobody's
CHAIN = """
SELECT a.id, a.name, a.currency, a.kind, p.name AS parent, a.closed_at IS NOT NULL AS closed,
    coalesce((SELECT json_agg(json_build_array(s.first_number, s.last_number))
        FROM number_sections s WHERE s.account_id = a.id), '[]') AS sections,
    coalesce((SELECT json_agg(json_build_array(r.prefix, r.allowed))
        FROM destination_rules r WHERE r.account_id = a.id), '[]') AS rules
FROM accounts own JOIN account_tree t ON t.descendant_id = own.id
JOIN accounts a ON a.id = t.ancestor_id LEFT JOIN accounts p ON p.id = a.parent_id
WHERE own.name = :name AND own.kind <> 'system' ORDER BY t.depth
"""

# An agent uses groups of its own or of agents below it, and those that it was authorized for. The
# owner of one of the latter is not told: that it was given says enough.
RATE_GROUP = """
SELECT g.name, g.currency, CASE WHEN CAST(:account_id AS bigint) IS NULL OR below.ancestor_id IS
    NOT NULL THEN o.name END AS owner
FROM rate_groups g LEFT JOIN accounts o ON o.id = g.owner_account_id
LEFT JOIN account_tree below
    ON below.ancestor_id = :account_id AND below.descendant_id = g.owner_account_id
WHERE g.name = :name AND (CAST(:account_id AS bigint) IS NULL OR below.ancestor_id IS NOT NULL
    OR EXISTS (SELECT FROM rate_group_agents w
        WHERE w.rate_group_id = g.id AND w.account_id = :account_id))
"""

IS_ABOVE = """
SELECT EXISTS (SELECT FROM account_tree
    WHERE ancestor_id = :account_id AND descendant_id = :other_id AND depth > 0)
"""

# said to the triggers that keep whose a lock is
ACTS_FOR = "SELECT set_config('tollgate.acts_for', :account_id, true)"
