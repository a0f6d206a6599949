"""Rate groups for the pages: who may see which, who uses them, what their periods do."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.domain.money import Rounding
from controller.domain.periods import PeriodRule, window_from
from controller.domain.rates import Boundary
from controller.domain.sections import SectionMode
from controller.persistence import schema as t
from controller.persistence.scopes import in_scope
from controller.services.actors import Scope
from controller.services.price_words import rule_words
from controller.services.views.rates import (
    RateGroupDetail,
    RateGroupPage,
    RateGroupRow,
    UsingAccount,
)

MAX_LISTED = 50

Row = sa.Row[Any]


def read_groups(
    connection: sa.Connection, scope: Scope, search: str, after: str, limit: int
) -> RateGroupPage:
    groups = t.rate_groups.c
    query = (
        _GROUP.where(*_visible(scope), groups.name > after).order_by(groups.name).limit(limit + 1)
    )
    if search:
        query = query.where(groups.name.ilike(f"%{literally(search)}%", escape="/"))
    rows = connection.execute(query).all()
    found = _with_usage(connection, scope, rows[:limit])
    return RateGroupPage(found, rows[limit - 1].name if len(rows) > limit else None)


def read_group(connection: sa.Connection, scope: Scope, group_id: int) -> RateGroupDetail | None:
    """None for a group that may not be seen, too."""
    query = _GROUP.where(t.rate_groups.c.id == group_id, *_visible(scope))
    found = _with_usage(connection, scope, connection.execute(query).all())
    if not found:
        return None
    this = {"group": group_id}
    calendar = connection.scalar(_CALENDAR, this) or ""
    periods = tuple(_periods(connection, group_id))
    if not scope.is_everything:
        return RateGroupDetail(found[0], (), (), periods, calendar, ())
    return RateGroupDetail(
        found[0],
        tuple(UsingAccount(**row._asdict()) for row in connection.execute(_USERS, this)),
        tuple(connection.scalars(_AGENTS, this)),
        periods,
        calendar,
        tuple(connection.scalars(sa.text(_USED_BY_PERIODS), this)),
    )


def literally(text: str) -> str:
    """For a pattern of LIKE with `/` as its escape."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _visible(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """What may be seen; decks that vendors are paid by are the operator's alone."""
    if scope.account_id is None:
        return []
    group, mine = t.rate_groups.c, scope.account_id
    own, vendor = t.accounts.alias("own"), t.accounts.alias("vendor")
    agents, phones = t.rate_group_agents.c, t.phones.c
    uses = sa.exists().where(
        own.c.id == mine,
        sa.or_(own.c.rate_group_id == group.id, own.c.private_rate_group_id == group.id),
    )
    by_phone = sa.exists().where(phones.account_id == mine, phones.rate_group_id == group.id)
    may = sa.exists().where(agents.rate_group_id == group.id, agents.account_id == mine)
    is_cost = sa.exists().where(vendor.c.kind == "clearing", vendor.c.rate_group_id == group.id)
    owned = sa.and_(*in_scope(scope, group.owner_account_id))
    return [sa.or_(owned, uses, by_phone, may), ~is_cost]


def _with_usage(
    connection: sa.Connection, scope: Scope, rows: Sequence[Row]
) -> tuple[RateGroupRow, ...]:
    """Who uses a group, and whose it is, is told to operators; to others that it is theirs."""
    if scope.account_id is not None:
        owners = {row.owner_account_id for row in rows} - {None}
        here = set(connection.scalars(_owners_in(scope, owners))) if owners else set()
        shown = (_group(row, None, 0) for row in rows)
        return tuple(
            group if row.owner_account_id in here else replace(group, owner="")
            for row, group in zip(rows, shown, strict=True)
        )
    ids = {"groups": [row.id for row in rows]}
    accounts = {row.group_id: row for row in connection.execute(sa.text(_ACCOUNTS), ids)}
    phones = {row.group_id: row.phones for row in connection.execute(sa.text(_PHONES), ids)}
    return tuple(_group(row, accounts.get(row.id), phones.get(row.id, 0)) for row in rows)


def _owners_in(scope: Scope, ids: set[int]) -> sa.Select[tuple[int]]:
    own = t.accounts.c
    return sa.select(own.id).where(own.id.in_(ids), *in_scope(scope, own.id))


def _group(row: Row, used: Row | None, phones: int) -> RateGroupRow:
    return RateGroupRow(
        group_id=row.id,
        name=row.name,
        memo=row.memo,
        currency=row.currency,
        decimals=row.decimals,
        rounding=Rounding(row.rounding),
        timezone=row.timezone,
        section_mode=SectionMode(row.section_mode),
        boundary=Boundary(row.boundary),
        rate_count=row.rate_count,
        owner=row.owner,
        accounts=used.accounts if used else 0,
        phones=phones,
        is_cost=used.is_cost if used else False,
    )


def _periods(connection: sa.Connection, group_id: int) -> Iterator[str]:
    for number, row in enumerate(connection.execute(_PERIODS, {"group": group_id}), start=1):
        window = window_from(row.days, row.start_s, row.end_s)
        yield rule_words(number, PeriodRule(window, row.multiplier, row.own_rate_group_id), row.own)


_this = sa.bindparam("group", type_=sa.BigInteger)
_owner, _own = t.accounts.alias("owner"), t.rate_groups.alias("own")
_GROUP = sa.select(t.rate_groups, sa.func.coalesce(_owner.c.name, "").label("owner")).outerjoin(
    _owner, _owner.c.id == t.rate_groups.c.owner_account_id
)
_CALENDAR = (
    sa.select(t.calendars.c.name)
    .join(t.rate_groups, t.rate_groups.c.calendar_id == t.calendars.c.id)
    .where(t.rate_groups.c.id == _this)
)
_PERIODS = (
    sa.select(t.period_rates, sa.func.coalesce(_own.c.name, "").label("own"))
    .outerjoin(_own, _own.c.id == t.period_rates.c.own_rate_group_id)
    .where(t.period_rates.c.rate_group_id == _this)
    .order_by(t.period_rates.c.position)
)
_AGENTS = (
    sa.select(t.accounts.c.name)
    .join(t.rate_group_agents, t.rate_group_agents.c.account_id == t.accounts.c.id)
    .where(t.rate_group_agents.c.rate_group_id == _this)
    .order_by(t.accounts.c.name)
    .limit(MAX_LISTED)
)


def _users(how: str, column: sa.ColumnElement[int]) -> sa.Select[Any]:
    accounts = t.accounts.c
    named = sa.literal(how).label("how")
    return sa.select(
        sa.select(accounts.id.label("account_id"), accounts.name, accounts.kind, named)
        .where(column == _this, accounts.closed_at.is_(None))
        .order_by(accounts.name)
        .limit(MAX_LISTED)
        .subquery()
    )


_USERS = (
    sa.union_all(
        _users("rate group", t.accounts.c.rate_group_id),
        _users("private rates", t.accounts.c.private_rate_group_id),
    )
    .order_by("name")
    .limit(MAX_LISTED)
)
_ACCOUNTS = """
SELECT group_id, sum(accounts)::bigint AS accounts, bool_or(is_cost) AS is_cost FROM (
    SELECT rate_group_id AS group_id, count(*) FILTER (WHERE kind <> 'clearing') AS accounts,
        bool_or(kind = 'clearing') AS is_cost
    FROM accounts WHERE rate_group_id = ANY(:groups) AND closed_at IS NULL GROUP BY 1
    UNION ALL
    SELECT private_rate_group_id, count(*), false
    FROM accounts WHERE private_rate_group_id = ANY(:groups) AND closed_at IS NULL GROUP BY 1
) AS used GROUP BY 1
"""
_PHONES = """
SELECT rate_group_id AS group_id, count(*) AS phones
FROM phones WHERE rate_group_id = ANY(:groups) GROUP BY 1
"""
_USED_BY_PERIODS = f"""
SELECT name FROM (
    SELECT 'rate group ' || g.name AS name FROM period_rates p
    JOIN rate_groups g ON g.id = p.rate_group_id WHERE p.own_rate_group_id = :group
    UNION SELECT 'package ' || k.name FROM period_rates p
    JOIN packages k ON k.id = p.package_id WHERE p.own_rate_group_id = :group
) AS used ORDER BY name LIMIT {MAX_LISTED}
"""  # noqa: S608 - a constant
