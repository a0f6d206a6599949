"""A scope as conditions of a query (`services.actors.Scope`)."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import account_tree
from controller.services.actors import Scope


def in_scope(scope: Scope, account_id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """That the account is one of those that the scope knows of; nothing for all accounts."""
    if scope.account_id is None:
        return []
    if not scope.subtree:
        return [account_id == scope.account_id]
    return [account_id.in_(accounts_below(scope.account_id))]


def accounts_below(account_id: int) -> sa.Select[Any]:
    """The ids of an account and of everything below it."""
    tree = account_tree.c
    return sa.select(tree.descendant_id).where(tree.ancestor_id == account_id)
