"""Lists of gateways by name, page by page, in one scope."""

from typing import Any

import sqlalchemy as sa

from controller.persistence.schema import (
    accounts,
    lines,
    mapping_gateway_addresses,
    mapping_gateways,
    routing_gateways,
)
from controller.persistence.scopes import in_scope
from controller.services.actors import Scope
from controller.services.config_as_code.addresses import Address
from controller.services.gateways.records import GatewayPage, GatewayQuery, GatewayRow

_SHOWN_ADDRESSES = 20
"""Of a gateway in a list; the rest is on its own page."""


def read_mapping_page(connection: sa.Connection, scope: Scope, query: GatewayQuery) -> GatewayPage:
    gateways = mapping_gateways
    statement = _page(gateways, gateways.c.account_id, "mapping", query).where(
        *in_scope(scope, gateways.c.account_id)
    )
    rows = connection.execute(statement).all()
    addresses = _addresses(connection, [row.id for row in rows])
    return _rows(rows, query, {row.id: addresses.get(row.id, ()) for row in rows})


def read_routing_page(connection: sa.Connection, query: GatewayQuery) -> GatewayPage:
    gateways = routing_gateways
    statement = _page(gateways, gateways.c.clearing_account_id, "routing", query).add_columns(
        gateways.c.host, gateways.c.port
    )
    rows = connection.execute(statement).all()
    return _rows(rows, query, {row.id: (str(Address(row.host, row.port)),) for row in rows})


def _page(
    gateways: sa.Table, account_id: sa.Column[Any], kind: str, query: GatewayQuery
) -> sa.Select[Any]:
    name = gateways.c.name
    source = gateways.join(accounts, accounts.c.id == account_id).outerjoin(
        lines, sa.and_(lines.c.kind == kind, lines.c.id == gateways.c.id)
    )
    return (
        sa.select(
            gateways.c.id,
            gateways.c.name,
            accounts.c.name.label("account"),
            account_id.label("account_id"),
            gateways.c.locked,
            gateways.c.capacity,
            gateways.c.calls_per_second,
            sa.func.coalesce(lines.c.used, 0).label("lines"),
            gateways.c.memo,
        )
        .select_from(source)
        .where(*_conditions(gateways, name, query))
        .order_by(name.desc() if query.descending else name)
        .limit(query.limit + 1)
    )


def _conditions(
    gateways: sa.Table, name: sa.ColumnElement[Any], query: GatewayQuery
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.search:
        conditions.append(gateways.c.name.icontains(query.search, autoescape=True))
    if query.account:
        conditions.append(accounts.c.name == query.account)
    if query.locked is not None:
        conditions.append(gateways.c.locked == query.locked)
    if query.after:
        conditions.append(name < query.after if query.descending else name > query.after)
    return conditions


def _addresses(connection: sa.Connection, ids: list[int]) -> dict[int, tuple[str, ...]]:
    addresses = mapping_gateway_addresses.c
    query = sa.select(addresses.gateway_id, sa.func.host(addresses.ip), addresses.port).where(
        addresses.gateway_id.in_(ids)
    )
    found: dict[int, list[Address]] = {}
    for gateway_id, ip, port in connection.execute(query):
        found.setdefault(gateway_id, []).append(Address(ip, port))
    return {
        gateway_id: tuple(map(str, sorted(some)[:_SHOWN_ADDRESSES]))
        for gateway_id, some in found.items()
    }


def _rows(rows: Any, query: GatewayQuery, addresses: dict[int, tuple[str, ...]]) -> GatewayPage:
    made = [
        GatewayRow(
            row.name,
            row.account,
            row.account_id,
            row.locked,
            row.capacity,
            row.calls_per_second,
            row.lines,
            addresses[row.id],
            row.memo,
        )
        for row in rows
    ]
    more = len(made) > query.limit
    return GatewayPage(tuple(made[: query.limit]), made[query.limit - 1].name if more else None)
