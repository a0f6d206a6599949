"""Accounts and their money. Implements `services.views.accounts.AccountView`."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import (
    account_funds,
    accounts,
    mapping_gateways,
    rate_groups,
    routing_gateways,
)
from controller.persistence.views.postings import read_postings
from controller.persistence.views.reading import reading
from controller.services.views.accounts import (
    AccountDetail,
    AccountFilter,
    AccountPage,
    AccountRow,
    PostingPage,
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

    def page(self, wanted: AccountFilter, after: str, limit: int) -> AccountPage:
        statement = (
            sa.select(*_FIELDS)
            .select_from(_SOURCE)
            .where(*_conditions(wanted), accounts.c.name > after)
            .order_by(accounts.c.name)
            .limit(limit + 1)
        )
        with reading(self._engine) as connection:
            rows = [AccountRow(**row._asdict()) for row in connection.execute(statement)]
        more = len(rows) > limit
        return AccountPage(tuple(rows[:limit]), rows[limit - 1].name if more else None)

    def detail(self, account_id: int) -> AccountDetail | None:
        statement = (
            sa.select(
                *_FIELDS, rate_groups.c.name.label("rate_group"), accounts.c.created_at, _MEMO
            )
            .select_from(
                _SOURCE.outerjoin(rate_groups, rate_groups.c.id == accounts.c.rate_group_id)
            )
            .where(accounts.c.id == account_id)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                return None
            gateways = connection.scalars(_gateways(account_id)).all()
        return _detail(row._asdict(), tuple(gateways))

    def id_of(self, name: str) -> int | None:
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(accounts.c.id).where(accounts.c.name == name))

    def postings(self, account_id: int, request: PageRequest) -> PostingPage:
        with reading(self._engine) as connection:
            return read_postings(connection, account_id, request)


_MEMO = accounts.c.memo.label("memo")


def _conditions(wanted: AccountFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.kind:
        conditions.append(accounts.c.kind == wanted.kind)
    else:
        conditions.append(accounts.c.kind != "system")
    if wanted.search:
        conditions.append(_contains(wanted.search))
    return conditions


def _contains(search: str) -> sa.ColumnElement[bool]:
    """Any part of name or title, in any case. No index serves this: plain letters are compared
    by the cheapest rules, which keeps 100,000 accounts within a page's time."""
    names: sa.ColumnElement[str] = accounts.c.name + " " + accounts.c.title
    if search.isascii():
        names = sa.collate(names, "C")
    return names.ilike(f"%{_literally(search)}%", escape="/")


def _literally(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _gateways(account_id: int) -> sa.Executable:
    """Names of the trunks that are charged to the account or paid from it."""
    charged = sa.select(mapping_gateways.c.name).where(mapping_gateways.c.account_id == account_id)
    paid = sa.select(routing_gateways.c.name).where(
        routing_gateways.c.clearing_account_id == account_id
    )
    return sa.union(charged, paid).order_by("name").limit(_MAX_GATEWAYS)


_MAX_GATEWAYS = 50


def _detail(values: dict[str, Any], gateways: tuple[str, ...]) -> AccountDetail:
    rate_group = values.pop("rate_group") or ""
    created_at, memo = values.pop("created_at"), values.pop("memo")
    return AccountDetail(AccountRow(**values), rate_group, gateways, created_at, memo)
