"""Lists of accounts, page by page, in one scope."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
from controller.persistence.schema import account_funds, account_tree, accounts, rate_groups
from controller.persistence.scopes import in_scope_along
from controller.services.accounts.records import (
    AccountPage,
    AccountQuery,
    AccountRow,
    AccountSort,
    AccountState,
)
from controller.services.actors import Scope

MAX_ID_DIGITS = 19
_parent = accounts.alias("parent")
_child = accounts.alias("child")
_SOURCE = (
    accounts.join(account_funds, account_funds.c.account_id == accounts.c.id)
    .outerjoin(_parent, _parent.c.id == accounts.c.parent_id)
    .outerjoin(rate_groups, rate_groups.c.id == accounts.c.rate_group_id)
)
_AVAILABLE = account_funds.c.balance + accounts.c.overdraft_limit - account_funds.c.reserved
_SORTS: dict[AccountSort, sa.ColumnElement[Any]] = {
    AccountSort.NAME: accounts.c.name,
    AccountSort.CREATED: accounts.c.created_at,
    AccountSort.BALANCE: account_funds.c.balance,
}
_CHILDREN = (
    sa.select(sa.func.count())
    .where(_child.c.parent_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)


def read_account_page(connection: sa.Connection, scope: Scope, query: AccountQuery) -> AccountPage:
    """Raises InvalidFields for an `after` that no page ended with."""
    conditions = [*_conditions(query), *in_scope_along(connection, scope, accounts.c.id)]
    key = _SORTS[query.sort]
    orders = (key, accounts.c.id) if query.sort is not AccountSort.NAME else (key,)
    # the page first, then what each of its rows needs: children are not counted of all
    page = (
        sa.select(accounts.c.id)
        .select_from(_looked_at(query))
        .where(*conditions, *_beyond(query))
        .order_by(*(column.desc() if query.descending else column for column in orders))
        .limit(query.limit + 1)
        .cte("page")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        sa.select(*_fields(scope))
        .select_from(_SOURCE.join(page, page.c.id == accounts.c.id))
        .order_by(*(column.desc() if query.descending else column for column in orders))
    )
    rows = [AccountRow(**row._asdict()) for row in connection.execute(statement)]
    more = len(rows) > query.limit
    place = _place(query, rows[query.limit - 1]) if more else None
    return AccountPage(tuple(rows[: query.limit]), place)


def _looked_at(query: AccountQuery) -> sa.FromClause:
    """Money only where the order or the state is about it: without it an index gives the order."""
    if query.sort is AccountSort.BALANCE or query.state is AccountState.LOW:
        return accounts.join(account_funds, account_funds.c.account_id == accounts.c.id)
    return accounts


def _fields(scope: Scope) -> tuple[sa.ColumnElement[Any], ...]:
    parent: sa.ColumnElement[Any] = sa.func.coalesce(_parent.c.name, "")
    if scope.account_id is not None:
        parent = sa.case((accounts.c.id == scope.account_id, ""), else_=parent)
    columns = accounts.c
    return (
        columns.id.label("account_id"),
        columns.name,
        columns.title,
        columns.kind,
        columns.currency,
        parent.label("parent"),
        sa.func.coalesce(rate_groups.c.name, "").label("rate_group"),
        columns.locked,
        columns.expires_at,
        columns.closed_at,
        columns.awaiting_approval,
        columns.created_at,
        columns.overdraft_limit,
        columns.low_balance,
        account_funds.c.balance,
        account_funds.c.reserved,
        account_funds.c.lines,
        _CHILDREN.label("children"),
    )


def _conditions(query: AccountQuery) -> list[sa.ColumnElement[bool]]:
    columns = accounts.c
    # the platform's own only where they are asked for; they are in no agent's scope
    kind = columns.kind == query.kind if query.kind else columns.kind != "system"
    conditions = [kind]
    if query.currency:
        conditions.append(columns.currency == query.currency)
    if query.under:
        conditions.append(_under(query.under, direct=query.direct))
    if query.state is not None:
        conditions.append(_in_state(query.state))
    if query.search:
        conditions.append(contains(query.search))
    return conditions


def _under(name: str, *, direct: bool) -> sa.ColumnElement[bool]:
    top = sa.select(_parent.c.id).where(_parent.c.name == name).scalar_subquery()
    if direct:
        return accounts.c.parent_id == top
    tree = account_tree.c
    below = sa.select(tree.descendant_id).where(tree.ancestor_id == top, tree.depth > 0)
    return accounts.c.id.in_(below)


def _in_state(state: AccountState) -> sa.ColumnElement[bool]:
    columns = accounts.c
    expired = sa.func.coalesce(columns.expires_at <= sa.func.now(), sa.false())
    conditions: dict[AccountState, sa.ColumnElement[bool]] = {
        AccountState.OPEN: sa.and_(
            columns.closed_at.is_(None), ~columns.locked, ~columns.awaiting_approval, ~expired
        ),
        AccountState.LOCKED: columns.locked,
        AccountState.EXPIRED: expired,
        AccountState.CLOSED: columns.closed_at.is_not(None),
        AccountState.WAITING: columns.awaiting_approval,
        AccountState.LOW: sa.and_(
            columns.low_balance.is_not(None), columns.low_balance > _AVAILABLE
        ),
    }
    return conditions[state]


def contains(search: str) -> sa.ColumnElement[bool]:
    """Any part of name or title, in any case. No index serves this: plain letters are compared
    by the cheapest rules, which keeps 100,000 accounts within a page's time."""
    names: sa.ColumnElement[str] = accounts.c.name + " " + accounts.c.title
    literally = search.replace("/", "//").replace("%", "/%").replace("_", "/_")
    pattern: sa.ColumnElement[str] = sa.literal(f"%{literally}%")
    if search.isascii():
        names, pattern = sa.collate(names, "C"), sa.collate(pattern, "C")
    return sa.func.lower(names).like(sa.func.lower(pattern), escape="/")


def _beyond(query: AccountQuery) -> list[sa.ColumnElement[bool]]:
    if not query.after:
        return []
    key = _SORTS[query.sort]
    if query.sort is AccountSort.NAME:
        return [key < query.after if query.descending else key > query.after]
    value, _, account_id = query.after.rpartition(" ")
    try:
        place = sa.tuple_(sa.literal(_value(query.sort, value), key.type), _id(account_id))
    except (ValueError, InvalidOperation):
        raise InvalidFields({"after": "not where a page ended"}) from None
    here = sa.tuple_(key, accounts.c.id)
    return [here < place if query.descending else here > place]


def _id(text: str) -> int:
    """Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < MAX_ID_DIGITS):
        raise ValueError(text)
    return int(text)


def _value(sort: AccountSort, text: str) -> Decimal | datetime:
    """Raises ValueError or InvalidOperation."""
    if sort is AccountSort.CREATED:
        return datetime.fromisoformat(text).astimezone(UTC)
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _place(query: AccountQuery, last: AccountRow) -> str:
    if query.sort is AccountSort.NAME:
        return last.name
    value = last.balance if query.sort is AccountSort.BALANCE else last.created_at.isoformat()
    return f"{value} {last.account_id}"
