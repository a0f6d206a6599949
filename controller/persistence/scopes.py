"""A scope as conditions of a query (`services.actors.Scope`)."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import account_tree
from controller.services.actors import Scope

LARGE = 5_000
_ROOM = sa.text("SET LOCAL work_mem = '64MB'")
"""For two million accounts: what does not fit would be looked through for each row."""


def in_scope(scope: Scope, account_id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """That the account is one of those that the scope knows of; nothing for all accounts."""
    if scope.account_id is None:
        return []
    if not scope.subtree:
        return [account_id == scope.account_id]
    return [account_id.in_(accounts_below(scope.account_id))]


def in_scope_along(
    connection: sa.Connection, scope: Scope, account_id: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[bool]]:
    """As `in_scope`, for lists in an order of their own.

    The database guesses how many accounts a scope has, and goes through all of a list for an agent
    with few. So it is told: the ids of a small scope are collected first and looked up; a large
    one is met along the list, for `IS TRUE` around it makes the database hash it.
    """
    if scope.account_id is None or not scope.subtree:
        return in_scope(scope, account_id)
    below = accounts_below(scope.account_id)
    some = below.limit(LARGE).subquery()
    if connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() < LARGE:
        return [account_id == sa.any_(sa.func.array(below.scalar_subquery()))]
    connection.execute(_ROOM)
    return [account_id.in_(below).is_(sa.true())]


def accounts_below(account_id: int) -> sa.Select[Any]:
    """The ids of an account and of everything below it."""
    tree = account_tree.c
    return sa.select(tree.descendant_id).where(tree.ancestor_id == account_id)
