"""Lists of phones, page by page, in one scope."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from controller.domain.errors import InvalidFields
from controller.domain.rates import RateType
from controller.persistence.schema import (
    accounts,
    phone_credentials,
    phone_numbers,
    phones,
    rate_groups,
)
from controller.persistence.scopes import in_scope
from controller.services.actors import Scope
from controller.services.phones.records import PhonePage, PhoneQuery, PhoneRow, PhoneSort

_number = phone_numbers.c.number
_SORTS: dict[PhoneSort, sa.ColumnElement[Any]] = {
    PhoneSort.NUMBER: _number,
    PhoneSort.ACCOUNT: sa.collate(accounts.c.name, "C"),
    PhoneSort.CREATED: phones.c.created_at,
}
_dids = phone_numbers.alias("dids")
_SOURCE = (
    phone_numbers.join(phones, phones.c.id == phone_numbers.c.phone_id)
    .join(accounts, accounts.c.id == phones.c.account_id)
    .outerjoin(rate_groups, rate_groups.c.id == phones.c.rate_group_id)
    .outerjoin(phone_credentials, phone_credentials.c.phone_id == phones.c.id)
)
_FIELDS = (
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
    orders = (key, _number) if query.sort is not PhoneSort.NUMBER else (_number,)
    statement = (
        sa.select(*_FIELDS)
        .select_from(_SOURCE)
        .where(~phone_numbers.c.is_did, *_conditions(scope, query), *_beyond(query))
        .order_by(*(column.desc() if query.descending else column for column in orders))
        .limit(query.limit + 1)
    )
    rows = [
        PhoneRow(**{**row._asdict(), "authorization": RateType(row.authorization).name.lower()})
        for row in connection.execute(statement)
    ]
    more = len(rows) > query.limit
    place = _place(query, rows[query.limit - 1]) if more else None
    return PhonePage(tuple(rows[: query.limit]), place)


def _conditions(scope: Scope, query: PhoneQuery) -> list[sa.ColumnElement[bool]]:
    conditions = in_scope(scope, phones.c.account_id)
    if query.account:
        conditions.append(accounts.c.name == query.account)
    if query.locked is not None:
        conditions.append(phones.c.locked == query.locked)
    if query.search:
        conditions.append(_begins(query.search))
    return conditions


def _begins(search: str) -> sa.ColumnElement[bool]:
    """Of the phone's own number or of one of its DIDs."""
    found = phone_numbers.alias("found")
    ids = sa.select(found.c.phone_id).where(found.c.number.startswith(search, autoescape=True))
    return phones.c.id.in_(ids)


def _beyond(query: PhoneQuery) -> list[sa.ColumnElement[bool]]:
    if not query.after:
        return []
    if query.sort is PhoneSort.NUMBER:
        return [_number < query.after if query.descending else _number > query.after]
    value, _, number = query.after.rpartition(" ")
    key = _SORTS[query.sort]
    place = sa.tuple_(sa.literal(_sorted_value(query.sort, value), key.type), sa.literal(number))
    here = sa.tuple_(key, _number)
    return [here < place if query.descending else here > place]


def _sorted_value(sort: PhoneSort, text: str) -> object:
    if sort is PhoneSort.ACCOUNT:
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidFields({"after": "not where a page ended"}) from None


def _place(query: PhoneQuery, last: PhoneRow) -> str:
    if query.sort is PhoneSort.NUMBER:
        return last.number
    value = last.account if query.sort is PhoneSort.ACCOUNT else last.created_at.isoformat()
    return f"{value} {last.number}"
