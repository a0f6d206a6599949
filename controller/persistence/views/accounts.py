"""Accounts and their money. Implements `services.views.accounts.AccountView`."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.errors import NotFound
from controller.persistence.schema import (
    account_funds,
    accounts,
    mapping_gateways,
    rate_groups,
    routing_gateways,
)
from controller.persistence.scopes import in_scope
from controller.persistence.views.dashboard import sums_since
from controller.persistence.views.postings import read_postings
from controller.persistence.views.reading import reading
from controller.persistence.views.subscriptions import read_subscriptions
from controller.services.actors import Scope
from controller.services.views.accounts import (
    AccountDetail,
    AccountLink,
    AccountRow,
    PostingPage,
    Subscriptions,
)
from controller.services.views.paging import PageRequest

_parent = accounts.alias("parent")
_FIELDS = (
    accounts.c.id.label("account_id"),
    accounts.c.name,
    accounts.c.title,
    accounts.c.kind,
    accounts.c.currency,
    sa.func.coalesce(_parent.c.name, "").label("parent"),
    accounts.c.locked,
    accounts.c.expires_at,
    accounts.c.closed_at,
    accounts.c.overdraft_limit,
    accounts.c.capacity,
    account_funds.c.balance,
    account_funds.c.reserved,
    account_funds.c.lines,
)
_SOURCE = accounts.join(account_funds, account_funds.c.account_id == accounts.c.id).outerjoin(
    _parent, _parent.c.id == accounts.c.parent_id
)


class PostgresAccounts:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def detail(self, scope: Scope, account_id: int) -> AccountDetail | None:
        found = _DETAIL.where(accounts.c.id == account_id, *in_scope(scope, accounts.c.id))
        with reading(self._engine) as connection:
            row = connection.execute(found).one_or_none()
            if row is None:
                return None
            gateways = connection.scalars(_gateways(scope, account_id)).all()
            above = connection.execute(_CHAIN, {"account_id": account_id}).all()
            children: list[AccountRow] = []
            number = 0
            if scope.subtree:
                below = connection.execute(_children(account_id)).all()
                children = [AccountRow(**child._asdict()) for child in below]
                counted = _CHILDREN.where(accounts.c.parent_id == account_id)
                number = connection.scalar(counted) or 0
        values = row._asdict()
        extra = {name: values.pop(name) for name in _EXTRA}
        detail = AccountDetail(
            row=AccountRow(**values),
            gateways=tuple(gateways),
            chain=tuple(AccountLink(*agent) for agent in above),
            children=tuple(children),
            children_count=number,
            **extra,
        )
        return _shown(scope, detail)

    def subscriptions(self, scope: Scope, account_id: int, now: datetime) -> Subscriptions:
        with reading(self._engine) as connection:
            _require(connection, scope, account_id)
            return read_subscriptions(connection, account_id, now)

    def consumed(self, scope: Scope, account_id: int, since: datetime) -> Decimal:
        sums = sums_since(Scope(account_id), since)
        found = (
            sa.select(sa.func.coalesce(sa.func.sum(sums.c.paid + sums.c.tax), 0))
            .select_from(accounts.outerjoin(sums, sums.c.currency == accounts.c.currency))
            .where(accounts.c.id == account_id, *in_scope(scope, accounts.c.id))
        )
        with reading(self._engine) as connection:
            return Decimal(connection.execute(found).scalar_one())

    def id_of(self, scope: Scope, name: str) -> int | None:
        named = sa.select(accounts.c.id).where(
            accounts.c.name == name, *in_scope(scope, accounts.c.id)
        )
        with reading(self._engine) as connection:
            return connection.scalar(named)

    def postings(self, scope: Scope, account_id: int, request: PageRequest) -> PostingPage:
        with reading(self._engine) as connection:
            _require(connection, scope, account_id)
            return read_postings(connection, scope, account_id, request)


def _require(connection: sa.Connection, scope: Scope, account_id: int) -> None:
    """Raises NotFound."""
    here = sa.select(accounts.c.id).where(
        accounts.c.id == account_id, *in_scope(scope, accounts.c.id)
    )
    if not scope.is_everything and connection.scalar(here) is None:
        raise NotFound(f"there is no account {account_id}")


def _shown(scope: Scope, detail: AccountDetail) -> AccountDetail:
    """Without what is above the own account, and without what was noted about it there."""
    if scope.is_everything:
        return detail
    if detail.row.account_id == scope.account_id:
        return replace(detail, row=replace(detail.row, parent=""), chain=(), memo="")
    ids: list[int | None] = [agent.account_id for agent in detail.chain]
    return replace(detail, chain=detail.chain[: ids.index(scope.account_id) + 1])


_private = rate_groups.alias("private")
_EXTRA = ("rate_group", "private_rate_group", "monthly_minimum", "created_at", "memo")
_DETAIL = sa.select(
    *_FIELDS,
    sa.func.coalesce(rate_groups.c.name, "").label("rate_group"),
    sa.func.coalesce(_private.c.name, "").label("private_rate_group"),
    accounts.c.monthly_minimum,
    accounts.c.created_at,
    accounts.c.memo,
).select_from(
    _SOURCE.outerjoin(rate_groups, rate_groups.c.id == accounts.c.rate_group_id).outerjoin(
        _private, _private.c.id == accounts.c.private_rate_group_id
    )
)

# the nearest first; nothing forbids a hand in the database to make a circle
_CHAIN = sa.text(
    """
WITH RECURSIVE above(id, name, parent_id, level) AS (
    SELECT p.id, p.name, p.parent_id, 1
    FROM accounts a JOIN accounts p ON p.id = a.parent_id WHERE a.id = :account_id
    UNION ALL
    SELECT p.id, p.name, p.parent_id, level + 1
    FROM above JOIN accounts p ON p.id = above.parent_id WHERE level < 32
)
SELECT id, name FROM above ORDER BY level
"""
)
_CHILDREN = sa.select(sa.func.count()).select_from(accounts)
_MAX_CHILDREN = 20


def _children(account_id: int) -> sa.Select[Any]:
    """Found by their parent first: in the order of names, every account would be looked at."""
    below = (
        sa.select(accounts.c.id)
        .where(accounts.c.parent_id == account_id)
        .cte("below")
        .prefix_with("MATERIALIZED")
    )
    return (
        sa.select(*_FIELDS)
        .select_from(_SOURCE.join(below, below.c.id == accounts.c.id))
        .order_by(accounts.c.name)
        .limit(_MAX_CHILDREN)
    )


def _gateways(scope: Scope, account_id: int) -> sa.Executable:
    """Names of the trunks that are charged to the account or, for operators, paid from it."""
    charged = sa.select(mapping_gateways.c.name).where(mapping_gateways.c.account_id == account_id)
    if not scope.is_everything:
        return charged.order_by("name").limit(_MAX_GATEWAYS)
    paid = sa.select(routing_gateways.c.name).where(
        routing_gateways.c.clearing_account_id == account_id
    )
    return sa.union(charged, paid).order_by("name").limit(_MAX_GATEWAYS)


_MAX_GATEWAYS = 50
