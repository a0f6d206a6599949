"""Statements that write number sections, destination rules and DIDs, in place of those before."""

CLEAR_SECTIONS = """
DELETE FROM number_sections USING accounts a WHERE account_id = a.id AND a.name = ANY(:names)
"""

SECTIONS = """
INSERT INTO number_sections (account_id, first_number, last_number)
SELECT a.id, n.first, n.last
FROM json_to_recordset(:rows) AS n(account text, "first" text, "last" text)
JOIN accounts a ON a.name = n.account
"""

CLEAR_RULES = """
DELETE FROM destination_rules USING accounts a WHERE account_id = a.id AND a.name = ANY(:names)
"""

RULES = """
INSERT INTO destination_rules (account_id, prefix, allowed)
SELECT a.id, n.prefix, n.allowed
FROM json_to_recordset(:rows) AS n(account text, prefix text, allowed boolean)
JOIN accounts a ON a.name = n.account
"""

CLEAR_DIDS = """
DELETE FROM phone_numbers n USING phones p
WHERE n.phone_id = p.id AND n.is_did AND p.number = ANY(:names)
"""

DIDS = """
INSERT INTO phone_numbers (number, phone_id, is_did)
SELECT n.number, p.id, true FROM json_to_recordset(:rows) AS n(phone text, number text)
JOIN phones p ON p.number = n.phone
"""
