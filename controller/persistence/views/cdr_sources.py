"""Where a list of call records reads its keys from: the platform's, or one account's, in order.

An account's own calls have its id; those of accounts below it are in `cdr_agents`, which triggers
write. Each is read along its index, never more than was asked for.
"""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import cdr_agents, cdrs
from controller.persistence.views.keyset import beyond, order
from controller.services.actors import Scope
from controller.services.views.cdrs import CdrFilter
from controller.services.views.paging import PageRequest
from controller.services.views.visibility import reasons_behind

Conditions = list[sa.ColumnElement[bool]]


def examined(scope: Scope, wanted: CdrFilter, request: PageRequest, depth: int) -> sa.Select[Any]:
    """The next `depth` keys in order, and whether each record `matches` what no index serves."""
    account_id = wanted.account_id if wanted.account_id is not None else scope.account_id
    if account_id is None:
        return _own(sa.true(), wanted, request, depth, unserved(scope, wanted))
    conditions = unserved(scope, wanted)
    if account_id != scope.account_id:
        conditions += in_calls_of(scope)
    own = _own(cdrs.c.account_id == account_id, wanted, request, depth, conditions)
    if not scope.subtree:
        return own
    below = _below(account_id, wanted, request, depth, conditions)
    both = sa.union_all(sa.select(own.subquery()), sa.select(below.subquery())).subquery()
    return (
        sa.select(both)
        .order_by(*order(both.c.started_at, both.c.call_id, request.direction))
        .limit(depth)
    )


def in_calls_of(scope: Scope) -> Conditions:
    """That the call of a row of `cdrs` is one of the scope's."""
    if scope.account_id is None:
        return []
    own = cdrs.c.account_id == scope.account_id
    if not scope.subtree:
        return [own]
    concerned = sa.exists().where(
        cdr_agents.c.account_id == scope.account_id,
        cdr_agents.c.started_at == cdrs.c.started_at,
        cdr_agents.c.call_id == cdrs.c.call_id,
    )
    return [own | concerned]


def is_filtered(scope: Scope, wanted: CdrFilter) -> bool:
    """Whether there are conditions that no index serves."""
    other = wanted.account_id not in (None, scope.account_id)
    return bool(unserved(scope, wanted)) or (other and not scope.is_everything)


def unserved(scope: Scope, wanted: CdrFilter) -> Conditions:
    """Conditions on the record itself. What may not be seen is not looked for."""
    c = cdrs.c
    conditions: Conditions = []
    if wanted.caller:
        conditions.append(_begins((c.caller_rated, c.caller_received), wanted.caller))
    if wanted.callee:
        conditions.append(_begins((c.callee_rated, c.callee_received), wanted.callee))
    if wanted.gateway:
        gateway = c.mapping_gateway == wanted.gateway
        if scope.is_everything:
            gateway |= c.routing_gateway == wanted.gateway
        conditions.append(gateway)
    if wanted.reason:
        conditions.append(c.reason.in_(reasons_behind(scope, wanted.reason)))
    if wanted.answered_only:
        conditions.append(c.answered_at.is_not(None))
    if wanted.review_only and scope.is_everything:
        conditions.append(c.review != "")
    return conditions


def _own(
    whose: sa.ColumnElement[bool],
    wanted: CdrFilter,
    request: PageRequest,
    depth: int,
    conditions: Conditions,
) -> sa.Select[Any]:
    at, key = cdrs.c.started_at, cdrs.c.call_id
    return (
        sa.select(at, key, sa.and_(sa.true(), *conditions).label("matches"))
        .where(whose, *_span(at, key, wanted, request))
        .order_by(*order(at, key, request.direction))
        .limit(depth)
    )


def _below(
    account_id: int, wanted: CdrFilter, request: PageRequest, depth: int, conditions: Conditions
) -> sa.Select[Any]:
    """Keys first; the records are looked at only where something of them is asked for."""
    at, key = cdr_agents.c.started_at, cdr_agents.c.call_id
    keys = (
        sa.select(at, key)
        .where(cdr_agents.c.account_id == account_id, *_span(at, key, wanted, request))
        .order_by(*order(at, key, request.direction))
        .limit(depth)
        .subquery()
    )
    if not conditions:
        return sa.select(keys, sa.true().label("matches"))
    same = (cdrs.c.started_at == keys.c.started_at) & (cdrs.c.call_id == keys.c.call_id)
    matches = sa.and_(sa.true(), *conditions).label("matches")
    return sa.select(keys, matches).select_from(keys.join(cdrs, same))


def _span(
    at: sa.ColumnElement[Any], key: sa.ColumnElement[Any], wanted: CdrFilter, request: PageRequest
) -> Conditions:
    """What the index serves: the place in the order, and time."""
    served = beyond(at, key, request.position, request.direction)
    if wanted.since is not None:
        served.append(at >= wanted.since)
    if wanted.until is not None:
        served.append(at < wanted.until)
    return served


def _begins(columns: tuple[sa.ColumnElement[str], ...], prefix: str) -> sa.ColumnElement[bool]:
    return sa.or_(*(column.startswith(prefix, autoescape=True) for column in columns))
