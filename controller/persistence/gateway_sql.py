"""Statements of gateways as records."""

MAPPING = """
SELECT g.*, a.name AS account,
    ARRAY(SELECT host(d.ip) || ' ' || d.port FROM mapping_gateway_addresses d
        WHERE d.gateway_id = g.id) AS addresses,
    ARRAY(SELECT w.name FROM mapping_gateway_groups m JOIN gateway_groups w ON w.id = m.group_id
        WHERE m.gateway_id = g.id) AS groups
FROM mapping_gateways g JOIN accounts a ON a.id = g.account_id
WHERE g.name = :name AND (CAST(:account_id AS bigint) IS NULL
    OR g.account_id = :account_id OR :subtree AND EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :account_id AND t.descendant_id = g.account_id))
"""

ROUTING = """
SELECT g.*, a.name AS clearing_account,
    ARRAY(SELECT w.name FROM routing_gateway_groups m JOIN gateway_groups w ON w.id = m.group_id
        WHERE m.gateway_id = g.id) AS groups
FROM routing_gateways g JOIN accounts a ON a.id = g.clearing_account_id WHERE g.name = :name
"""

ROUTES = """
SELECT r.prefix, r.priority FROM routes r JOIN routing_gateways g ON g.id = r.gateway_id
WHERE g.name = :name ORDER BY r.prefix COLLATE "C"
"""

GROUPS = "SELECT name, capacity, memo FROM gateway_groups WHERE name = ANY(:names)"

USES = """
SELECT host(d.ip) AS ip, d.port, g.name, g.locked, g.locked_by_account_id,
    CAST(:account_id AS bigint) IS NULL OR EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :account_id AND t.descendant_id = g.account_id) AS in_scope
FROM mapping_gateway_addresses d JOIN mapping_gateways g ON g.id = d.gateway_id
WHERE d.ip = ANY(CAST(:ips AS inet[])) ORDER BY g.name, d.ip, d.port
"""

REMOVE_OTHER_ROUTES = """
DELETE FROM routes USING routing_gateways g
WHERE gateway_id = g.id AND g.name = :name AND NOT prefix = ANY(:prefixes)
"""
