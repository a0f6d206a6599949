"""Statements of lists of payments: first which movements, then what each of them tells.

Which movements depends on who asks. Of one account, and of an agent's few, they are gathered from
each account's own; of everybody they stand in the order of time already. For an agent of many
accounts the newest movements are gone through, which is where most of its own are; only if these
are too few, its accounts are asked one by one after all.
"""

from controller.services.actors import Scope
from controller.services.payments.records import PaymentKind, PaymentQuery

FEW_ACCOUNTS = 2_000
"""Up to so many are asked one by one at once."""
GONE_THROUGH = 5_000
"""Of the newest movements, to find those of an agent of many accounts."""

KINDS = [kind.value for kind in PaymentKind]

ACCOUNT = """
SELECT a.id AS account_id, a.name, a.currency, a.closed_at IS NOT NULL AS closed FROM accounts a
WHERE a.name = :name AND a.kind <> 'system' AND (CAST(:scope AS bigint) IS NULL OR a.id = :scope
    OR :subtree AND EXISTS (SELECT FROM account_tree t
        WHERE t.ancestor_id = :scope AND t.descendant_id = a.id))
"""

OWNER = """
SELECT account_id FROM movement_accounts WHERE movement_id = CAST(:id AS uuid)
ORDER BY account_id DESC LIMIT 1
"""

HAS_MANY = """
SELECT count(*) > :few FROM (
    SELECT FROM account_tree WHERE ancestor_id = :scope LIMIT :few + 1
) AS below
"""

_MAY_SEE = """(CAST(:scope AS bigint) IS NULL OR {0}.id = :scope OR :subtree AND EXISTS (
    SELECT FROM account_tree t WHERE t.ancestor_id = :scope AND t.descendant_id = {0}.id))"""

# `own` is the account that the line is about: that of the order, else the one that got the money;
# where only the other one is in scope, that one
DETAILS = f"""
SELECT m.id, m.key, m.kind, m.at, m.memo, m.who, m.balances, p.amount, own.name AS own,
    own.title, own.contact, own.currency, own.id = p.debit_account_id AS gave,
    CASE WHEN other.kind <> 'system' AND {_MAY_SEE.format("other")} THEN other.name ELSE ''
        END AS other,
    l.before AS limit_before, l.after AS limit_after
FROM movements m
LEFT JOIN postings p ON p.id = m.id
LEFT JOIN account_limit_changes l ON l.key = m.key AND m.kind = 'credit_limit'
LEFT JOIN accounts asked ON asked.name = m.asked->>'account'
CROSS JOIN LATERAL (
    SELECT a.* FROM movement_accounts c JOIN accounts a ON a.id = c.account_id
    WHERE c.movement_id = m.id AND (:account = '' OR a.name = :account) AND {_MAY_SEE.format("a")}
    ORDER BY a.id = asked.id DESC NULLS LAST, a.id = p.credit_account_id DESC NULLS LAST LIMIT 1
) own
LEFT JOIN accounts other ON other.id = CASE WHEN own.id = p.debit_account_id
    THEN p.credit_account_id ELSE p.debit_account_id END
WHERE m.id = ANY(CAST(:ids AS uuid[])) AND m.kind = ANY(:kinds)
ORDER BY m.at DESC, m.id DESC
"""  # noqa: S608 - constants

_EVERYBODYS = """
SELECT m.id FROM movements m
WHERE {conditions} AND EXISTS (SELECT FROM movement_accounts c WHERE c.movement_id = m.id)
ORDER BY m.at DESC, m.id DESC LIMIT :most
"""
_OF_ONE = """
SELECT m.movement_id FROM movement_accounts m
WHERE m.account_id = {account} AND {conditions}
ORDER BY m.at DESC, m.movement_id DESC LIMIT :most
"""
_OF_EACH = """
SELECT f.movement_id FROM (
    SELECT DISTINCT newest.at, newest.movement_id
    FROM account_tree t CROSS JOIN LATERAL (
        SELECT m.at, m.movement_id FROM movement_accounts m
        WHERE m.account_id = t.descendant_id AND {conditions}
        ORDER BY m.at DESC, m.movement_id DESC LIMIT :most
    ) newest
    WHERE t.ancestor_id = :scope
    ORDER BY newest.at DESC, newest.movement_id DESC LIMIT :most
) f
"""
_AMONG_THE_NEWEST = """
SELECT m.id FROM (
    SELECT m.id, m.at FROM movements m WHERE {conditions}
    ORDER BY m.at DESC, m.id DESC LIMIT :gone_through
) m
WHERE EXISTS (SELECT FROM movement_accounts c JOIN account_tree t
    ON t.descendant_id = c.account_id AND t.ancestor_id = :scope WHERE c.movement_id = m.id)
ORDER BY m.at DESC, m.id DESC LIMIT :most
"""


def statements(scope: Scope, query: PaymentQuery, *, has_many: bool) -> tuple[str, ...]:
    """Which movements: the first statement that finds a whole page has it, else the last one."""
    of_accounts = _conditions(query, "movement_id")
    if query.account:
        account = "(SELECT a.id FROM accounts a WHERE a.name = :account)"
        return (_OF_ONE.format(account=account, conditions=of_accounts),)
    if scope.is_everything:
        return (_EVERYBODYS.format(conditions=_conditions(query, "id")),)
    if not scope.subtree:
        return (_OF_ONE.format(account=":scope", conditions=of_accounts),)
    of_each = _OF_EACH.format(conditions=of_accounts)
    if not has_many:
        return (of_each,)
    return (_AMONG_THE_NEWEST.format(conditions=_conditions(query, "id")), of_each)


def _conditions(query: PaymentQuery, id_: str) -> str:
    """Only what is asked for: the database plans by what stands here."""
    # one kind by itself goes along an index
    conditions = ["m.kind = ANY(:kinds)" if query.kind is None else "m.kind = :kind"]
    if query.since is not None:
        conditions.append("m.at >= :since")
    if query.until is not None:
        conditions.append("m.at < :until")
    if query.after:
        conditions.append(f"(m.at, m.{id_}) < (:after_at, CAST(:after_id AS uuid))")
    return " AND ".join(conditions)
