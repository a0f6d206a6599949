"""Lists of phones, page by page, in one scope."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
from controller.domain.number_sections import is_number
from controller.domain.rates import RateType
from controller.persistence.schema import (
    accounts,
    phone_credentials,
    phone_numbers,
    phones,
    rate_groups,
)
from controller.persistence.scopes import in_scope_along
from controller.services.actors import Scope
from controller.services.phones.records import PhonePage, PhoneQuery, PhoneRow, PhoneSort

_AFTER_DIGITS = ":"
"""The character after 9, in the order in which numbers are kept."""
_LARGEST_ID = 2**63 - 1

_number = phones.c.number
_SORTS: dict[PhoneSort, sa.ColumnElement[Any]] = {
    PhoneSort.NUMBER: _number,
    PhoneSort.ACCOUNT: accounts.c.name,
    PhoneSort.CREATED: phones.c.created_at,
}
_dids = phone_numbers.alias("dids")
_SOURCE = (
    phones.join(accounts, accounts.c.id == phones.c.account_id)
    .outerjoin(rate_groups, rate_groups.c.id == phones.c.rate_group_id)
    .outerjoin(phone_credentials, phone_credentials.c.phone_id == phones.c.id)
)
_FIELDS = (
    phones.c.id,
    _number,
    accounts.c.name.label("account"),
    phones.c.account_id,
    accounts.c.currency,
    phones.c.authorization,
    sa.func.coalesce(rate_groups.c.name, "").label("rate_group"),
    phones.c.locked,
    phones.c.locked_in,
    sa.select(sa.func.count())
    .where(_dids.c.phone_id == phones.c.id, _dids.c.is_did)
    .scalar_subquery()
    .label("dids"),
    phones.c.lines_total,
    phone_credentials.c.phone_id.is_not(None).label("has_password"),
    phones.c.created_at,
    phones.c.memo,
)


def read_phone_page(connection: sa.Connection, scope: Scope, query: PhoneQuery) -> PhonePage:
    """Raises InvalidFields for an `after` that no page ended with."""
    key = _SORTS[query.sort]
    orders = dict.fromkeys((key, _second(query.sort)))
    statement: sa.Select[Any] = (
        sa.select(*_FIELDS)
        .select_from(_SOURCE)
        .where(*_conditions(connection, scope, query), *_beyond(query))
        .order_by(*(column.desc() if query.descending else column for column in orders))
        .limit(query.limit + 1)
    )
    rows = connection.execute(statement).all()
    place = _place(query, rows[query.limit - 1]) if len(rows) > query.limit else None
    return PhonePage(tuple(map(_row, rows[: query.limit])), place)


def _row(row: sa.Row[Any]) -> PhoneRow:
    values = dict(row._mapping)
    del values["id"]
    return PhoneRow(**{**values, "authorization": RateType(row.authorization).name.lower()})


def _second(sort: PhoneSort) -> sa.ColumnElement[Any]:
    """What tells phones of one key apart, as an index does it."""
    return phones.c.id if sort is PhoneSort.CREATED else _number


def _conditions(
    connection: sa.Connection, scope: Scope, query: PhoneQuery
) -> list[sa.ColumnElement[bool]]:
    conditions = in_scope_along(connection, scope, phones.c.account_id)
    if query.account:
        conditions.append(accounts.c.name == query.account)
    if query.locked is not None:
        conditions.append(phones.c.locked == query.locked)
    if query.search:
        conditions.append(_searched(connection, query.search))
    return conditions


def _searched(connection: sa.Connection, search: str) -> sa.ColumnElement[bool]:
    """The beginning of the phone's number, as a range that the index serves; or a whole DID."""
    if not is_number(search):
        return sa.false()
    beginning = sa.and_(_number >= search, _number < search + _AFTER_DIGITS)
    owner = connection.scalar(
        sa.select(_dids.c.phone_id).where(_dids.c.number == search, _dids.c.is_did)
    )
    return beginning if owner is None else sa.or_(beginning, phones.c.id == owner)


def _beyond(query: PhoneQuery) -> list[sa.ColumnElement[bool]]:
    if not query.after:
        return []
    if query.sort is PhoneSort.NUMBER:
        return [_number < query.after if query.descending else _number > query.after]
    key, second = _SORTS[query.sort], _second(query.sort)
    value, tie = _read_place(query)
    place = sa.tuple_(sa.literal(value, key.type), sa.literal(tie, second.type))
    here = sa.tuple_(key, second)
    return [here < place if query.descending else here > place]


def _read_place(query: PhoneQuery) -> tuple[object, object]:
    """Raises InvalidFields."""
    value, _, tie = query.after.rpartition(" ")
    if query.sort is PhoneSort.ACCOUNT:
        return value, tie
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None or not is_number(tie) or int(tie) > _LARGEST_ID:
            raise ValueError
    except ValueError:
        raise InvalidFields({"after": "not where a page ended"}) from None
    return at, int(tie)


def _place(query: PhoneQuery, last: sa.Row[Any]) -> str:
    if query.sort is PhoneSort.ACCOUNT:
        return f"{last.account} {last.number}"
    if query.sort is PhoneSort.CREATED:
        return f"{last.created_at.isoformat()} {last.id}"
    return str(last.number)
