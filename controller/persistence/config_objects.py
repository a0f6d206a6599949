"""Stored configuration objects by name, as configuration as code compares them."""

from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import AccountKind, CallParameters, PrefixMode, RateType
from controller.domain.money import Rounding
from controller.persistence import schema as t
from controller.services.config_as_code.differences import changed_fields
from controller.services.config_as_code.model import (
    AccountSpec,
    MappingGatewaySpec,
    RateGroupSpec,
    RouteSpec,
    RoutingGatewaySpec,
    State,
)
from controller.services.config_as_code.values import Address

Row = sa.Row[Any]
_DEFAULTS = CallParameters()


def read_state(connection: sa.Connection) -> State:
    """Everything but rates and money. System accounts are the ledger's own."""
    return State(
        rate_groups=_rate_groups(connection),
        accounts=_accounts(connection),
        mapping_gateways=_mapping_gateways(connection),
        routing_gateways=_routing_gateways(connection),
        routes=_routes(connection),
        parameters=parameters_from(
            connection.execute(sa.select(t.configuration_state.c.parameters)).scalar_one()
        ),
    )


def parameters_from(stored: dict[str, Any]) -> CallParameters:
    """Stored are those that differ from their defaults; ones of a newer version are left out."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in CallParameters.__dataclass_fields__
    }
    return CallParameters(**known)


def parameters_to(parameters: CallParameters) -> dict[str, Any]:
    return {f.field: f.after for f in changed_fields(_DEFAULTS, parameters)}


def _rate_groups(connection: sa.Connection) -> dict[str, RateGroupSpec]:
    query = sa.select(t.rate_groups).order_by(t.rate_groups.c.name.collate("C"))
    return {
        row.name: RateGroupSpec(
            row.name, row.currency, row.decimals, Rounding(row.rounding), row.timezone, row.memo
        )
        for row in connection.execute(query)
    }


def _accounts(connection: sa.Connection) -> dict[str, AccountSpec]:
    accounts, parents, groups = t.accounts, t.accounts.alias("parents"), t.rate_groups
    query = (
        sa.select(accounts, parents.c.name.label("parent"), groups.c.name.label("rate_group"))
        .outerjoin(parents, parents.c.id == accounts.c.parent_id)
        .outerjoin(groups, groups.c.id == accounts.c.rate_group_id)
        .where(accounts.c.kind != AccountKind.SYSTEM)
        .order_by(accounts.c.name.collate("C"))
    )
    return {row.name: _account(row) for row in connection.execute(query)}


def _account(row: Row) -> AccountSpec:
    return AccountSpec(
        name=row.name,
        currency=row.currency,
        kind=AccountKind(row.kind),
        title=row.title,
        parent=row.parent,
        rate_group=row.rate_group,
        overdraft_limit=row.overdraft_limit,
        capacity=row.capacity,
        locked=row.locked,
        expires_at=row.expires_at,
        memo=row.memo,
        closed=row.closed_at is not None,
    )


def _mapping_gateways(connection: sa.Connection) -> dict[str, MappingGatewaySpec]:
    gateways, accounts = t.mapping_gateways, t.accounts
    addresses: dict[int, list[Address]] = {}
    for row in connection.execute(sa.select(t.mapping_gateway_addresses)):
        address = Address(str(row.ip).partition("/")[0], row.port)
        addresses.setdefault(row.gateway_id, []).append(address)
    query = (
        sa.select(gateways, accounts.c.name.label("account"))
        .join(accounts, accounts.c.id == gateways.c.account_id)
        .order_by(gateways.c.name.collate("C"))
    )
    return {
        row.name: _mapping_gateway(row, tuple(sorted(addresses.get(row.id, ()))))
        for row in connection.execute(query)
    }


def _mapping_gateway(row: Row, addresses: tuple[Address, ...]) -> MappingGatewaySpec:
    return MappingGatewaySpec(
        name=row.name,
        account=row.account,
        addresses=addresses,
        capacity=row.capacity,
        authorization=RateType(row.authorization),
        codecs=tuple(row.codecs),
        t38=row.t38,
        rewrite_callee=row.rewrite_callee,
        rewrite_caller=row.rewrite_caller,
        max_duration_s=row.max_duration_s,
        locked=row.locked,
        memo=row.memo,
    )


def _routing_gateways(connection: sa.Connection) -> dict[str, RoutingGatewaySpec]:
    gateways, accounts = t.routing_gateways, t.accounts
    query = (
        sa.select(gateways, accounts.c.name.label("clearing_account"))
        .join(accounts, accounts.c.id == gateways.c.clearing_account_id)
        .order_by(gateways.c.name.collate("C"))
    )
    return {row.name: _routing_gateway(row) for row in connection.execute(query)}


def _routing_gateway(row: Row) -> RoutingGatewaySpec:
    return RoutingGatewaySpec(
        name=row.name,
        clearing_account=row.clearing_account,
        host=row.host,
        port=row.port,
        transport=row.transport,
        capacity=row.capacity,
        prefix_mode=PrefixMode(row.prefix_mode),
        codecs=tuple(row.codecs),
        t38=row.t38,
        rewrite_callee=row.rewrite_callee,
        rewrite_caller=row.rewrite_caller,
        ring_timeout_s=row.ring_timeout_s,
        progress_timeout_s=row.progress_timeout_s,
        prepaid=row.prepaid,
        locked=row.locked,
        memo=row.memo,
    )


def _routes(connection: sa.Connection) -> dict[str, RouteSpec]:
    routes, gateways = t.routes, t.routing_gateways
    query = (
        sa.select(routes.c.prefix, gateways.c.name, routes.c.priority)
        .join(gateways, gateways.c.id == routes.c.gateway_id)
        .order_by(gateways.c.name.collate("C"), routes.c.prefix.collate("C"))
    )
    specs = (RouteSpec(*row) for row in connection.execute(query))
    return {spec.name: spec for spec in specs}
