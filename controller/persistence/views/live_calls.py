"""Calls in progress. Implements `services.views.live_calls.LiveCallView`."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import accounts, calls, mapping_gateways, routing_gateways
from controller.persistence.views.reading import reading
from controller.services.views.live_calls import LiveCall, LiveCalls


class PostgresLiveCalls:
    """The table is as long as there are calls now, so counting it is cheap."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def live(self, search: str, limit: int) -> LiveCalls:
        matching = _matching(search)
        counts = sa.select(
            sa.func.count(),
            sa.func.count(calls.c.answered_at),
            sa.func.count().filter(matching),
        ).select_from(calls.join(accounts, accounts.c.id == calls.c.account_id))
        newest = (
            _ROWS.where(matching)
            .order_by(calls.c.offered_at.desc(), calls.c.call_id.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            total, talking, matches = connection.execute(counts).one()
            rows = connection.execute(newest).all()
        return LiveCalls(total, talking, matches, tuple(_live_call(row._asdict()) for row in rows))


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
_ROWS = (
    sa.select(
        calls.c.call_id,
        calls.c.switch_id,
        calls.c.caller,
        calls.c.callee,
        calls.c.account_id,
        accounts.c.name.label("account"),
        accounts.c.currency,
        sa.func.coalesce(mapping_gateways.c.name, "").label("mapping_gateway"),
        _VENDORS.label("routing_gateways"),
        calls.c.offered_at,
        calls.c.answered_at,
        calls.c.payer_reserved[1].label("reserved"),
        calls.c.granted_s,
    )
    .join(accounts, accounts.c.id == calls.c.account_id)
    .outerjoin(mapping_gateways, mapping_gateways.c.id == calls.c.mapping_gateway_id)
)


def _live_call(values: dict[str, Any]) -> LiveCall:
    return LiveCall(**values | {"routing_gateways": tuple(values["routing_gateways"] or ())})
