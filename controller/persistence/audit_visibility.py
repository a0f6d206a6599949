"""What a scope may know of the audit log's lines: nothing of who is above it or beside it.

Operators read everything. An agent knows its own people and those below by name and address; the
platform's people and agents above are "(somebody above)", another tenant's, who asked for what is
not theirs, "(somebody else)". Names of accounts out of scope are hidden in what was changed, and so
is what is noted about the own account (docs/roles.md).
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import account_tree, accounts, audit_log, users
from controller.persistence.scopes import in_scope
from controller.services.actors import Scope, Source
from controller.services.audit import HIDDEN, SOMEBODY_ABOVE, SOMEBODY_ELSE

_NAMES_ACCOUNTS = frozenset({"parent", "account", "clearing_account"})
_OF_WHO_IS_ABOVE = frozenset({"memo"})
_ACCOUNT = "account"


def who(scope: Scope) -> tuple[sa.ColumnElement[str], sa.ColumnElement[str]]:
    """Actor and address as the scope may know them; lines are joined with their users."""
    columns = audit_log.c
    if scope.account_id is None:
        return columns.actor, columns.address
    own = sa.and_(users.c.account_id.is_not(None), *in_scope(scope, users.c.account_id))
    by_itself = columns.source == Source.SCHEDULER.value
    tree = account_tree.c
    chain = sa.select(tree.ancestor_id).where(tree.descendant_id == scope.account_id)
    platform = columns.user_id.is_(None) | sa.and_(
        users.c.id.is_not(None), users.c.account_id.is_(None)
    )
    actor = sa.case(
        (own | by_itself, columns.actor),
        (platform | users.c.account_id.in_(chain), SOMEBODY_ABOVE),
        else_=SOMEBODY_ELSE,
    )
    return actor, sa.case((own, columns.address), else_="")


def known_accounts(connection: sa.Connection, scope: Scope, rows: Iterable[Any]) -> frozenset[str]:
    """Of the accounts that the lines name, those that the scope knows of."""
    if scope.account_id is None:
        return frozenset()
    named = {
        value
        for row in rows
        for field, values in row.changes.items()
        if field in _NAMES_ACCOUNTS
        for value in values
    }
    found = sa.select(accounts.c.name).where(
        accounts.c.name.in_(named), *in_scope(scope, accounts.c.id)
    )
    return frozenset(connection.scalars(found)) if named else frozenset()


def visible_changes(scope: Scope, row: Any, known: frozenset[str]) -> dict[str, tuple[str, str]]:
    changes = {field: (str(old), str(new)) for field, (old, new) in row.changes.items()}
    if scope.account_id is None:
        return changes
    about_itself = row.kind == _ACCOUNT and row.account_id == scope.account_id
    return {
        field: _shown(field, values, known)
        for field, values in changes.items()
        if not (about_itself and field in _OF_WHO_IS_ABOVE)
    }


def _shown(field: str, values: tuple[str, str], known: frozenset[str]) -> tuple[str, str]:
    if field not in _NAMES_ACCOUNTS:
        return values
    old, new = (value if not value or value in known else HIDDEN for value in values)
    return old, new
