"""Calls in progress. Implements `services.views.live_calls.LiveCallView`."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.call_commands import last_state
from controller.persistence.schema import accounts, calls, mapping_gateways, routing_gateways
from controller.persistence.views.reading import reading
from controller.services.actors import Scope
from controller.services.views.live_calls import LiveCall, LiveCalls
from controller.services.views.visibility import shown_live


class PostgresLiveCalls:
    """The table is as long as there are calls now, so counting it is cheap."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def live(self, scope: Scope, search: str, limit: int) -> LiveCalls:
        here, matching = sa.and_(sa.true(), *live_in(scope)), _matching(search)
        counts = (
            sa.select(
                sa.func.count(),
                sa.func.count(calls.c.answered_at),
                sa.func.count().filter(matching),
            )
            .select_from(calls.join(accounts, accounts.c.id == calls.c.account_id))
            .where(here)
        )
        newest = (
            _rows(scope)
            .where(here, matching)
            .order_by(calls.c.offered_at.desc(), calls.c.call_id.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            total, talking, matches = connection.execute(counts).one()
            rows = connection.execute(newest).all()
        found = tuple(shown_live(scope, _live_call(row._asdict())) for row in rows)
        return LiveCalls(total, talking, matches, found)

    def one(self, scope: Scope, call_id: str) -> LiveCall | None:
        query = _rows(scope).where(calls.c.call_id == call_id, *live_in(scope))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else shown_live(scope, _live_call(row._asdict()))


def live_in(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """Conditions on `calls`: an agent's are those for which it pays a part."""
    if scope.account_id is None:
        return []
    if not scope.subtree:
        return [calls.c.account_id == scope.account_id]
    return [sa.literal(scope.account_id, sa.BigInteger) == sa.any_(calls.c.payer_ids)]


def _matching(search: str) -> sa.ColumnElement[bool]:
    if not search:
        return sa.true()
    columns = (calls.c.caller, calls.c.callee, accounts.c.name)
    return sa.or_(*(column.istartswith(search, autoescape=True) for column in columns))


_VENDORS = (
    sa.select(sa.func.array_agg(routing_gateways.c.name))
    .where(routing_gateways.c.id == sa.any_(calls.c.routing_gateway_ids))
    .scalar_subquery()
)


def _rows(scope: Scope) -> sa.Select[Any]:
    """With what is held of the one who looks: an agent's money, in its currency."""
    reserved: sa.ColumnElement[Any] = calls.c.payer_reserved[1]
    currency: Any = accounts.c.currency
    if scope.account_id is not None:
        place = sa.func.array_position(
            calls.c.payer_ids, sa.literal(scope.account_id, sa.BigInteger)
        )
        reserved = calls.c.payer_reserved[place]
        currency = sa.select(_own.c.currency).where(_own.c.id == scope.account_id).scalar_subquery()
    return (
        sa.select(
            calls.c.call_id,
            calls.c.switch_id,
            calls.c.caller,
            calls.c.callee,
            calls.c.account_id,
            accounts.c.name.label("account"),
            currency.label("currency"),
            sa.func.coalesce(mapping_gateways.c.name, "").label("mapping_gateway"),
            (_VENDORS if scope.is_everything else sa.null()).label("routing_gateways"),
            calls.c.offered_at,
            calls.c.answered_at,
            reserved.label("reserved"),
            calls.c.granted_s,
            sa.func.coalesce(last_state(calls.c.call_id), "").label("hang_up"),
        )
        .join(accounts, accounts.c.id == calls.c.account_id)
        .outerjoin(mapping_gateways, mapping_gateways.c.id == calls.c.mapping_gateway_id)
    )


_own = accounts.alias("own")


def _live_call(values: dict[str, Any]) -> LiveCall:
    return LiveCall(**values | {"routing_gateways": tuple(values["routing_gateways"] or ())})
