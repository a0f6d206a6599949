"""Stored configuration objects by name, as configuration as code compares them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from controller.domain.configuration import (
    AccountKind,
    CallParameters,
    PrefixMode,
    RateSelection,
)
from controller.domain.errors import InvalidConfiguration
from controller.domain.rates import RateType
from controller.domain.rights import Right, in_order
from controller.persistence import schema as t
from controller.persistence.config_rating_objects import (
    read_calendars,
    read_orders,
    read_packages,
    read_phones,
    read_rate_groups,
)
from controller.persistence.number_rows import (
    read_destination_rules,
    read_dids,
    read_number_sections,
)
from controller.services.config_as_code.addresses import Address
from controller.services.config_as_code.differences import changed_fields
from controller.services.config_as_code.model import State
from controller.services.config_as_code.specs import (
    CONTACT,
    AccountSpec,
    GatewayGroupSpec,
    MappingGatewaySpec,
    RouteSpec,
    RoutingGatewaySpec,
)

Row = sa.Row[Any]
_DEFAULTS = CallParameters()


def read_state(connection: sa.Connection) -> State:
    """Everything but rates and money. System accounts are the ledger's own."""
    return State(
        calendars=read_calendars(connection),
        rate_groups=read_rate_groups(connection),
        accounts=_accounts(connection),
        phones=read_phones(connection, read_dids(connection)),
        packages=read_packages(connection),
        package_orders=read_orders(connection),
        gateway_groups=_gateway_groups(connection),
        mapping_gateways=_mapping_gateways(connection),
        routing_gateways=_routing_gateways(connection),
        routes=_routes(connection),
        parameters=parameters_from(
            connection.execute(sa.select(t.configuration_state.c.parameters)).scalar_one()
        ),
    )


def parameters_from(stored: dict[str, Any]) -> CallParameters:
    """Stored are those that differ from their defaults; ones of a newer version are left out.

    Raises InvalidConfiguration where somebody wrote there what no parameter can be.
    """
    try:
        return CallParameters(
            **{
                name: _parameter(name, value)
                for name, value in stored.items()
                if name in CallParameters.__dataclass_fields__
            }
        )
    except (ValueError, ArithmeticError, TypeError) as error:
        raise InvalidConfiguration(f"the stored parameters: {error}") from None


def parameters_to(parameters: CallParameters) -> dict[str, Any]:
    """As JSON holds them: amounts as text, for numbers in JSON are not exact everywhere."""
    changed = {f.field: f.after for f in changed_fields(_DEFAULTS, parameters)}
    return {k: str(v) if isinstance(v, Decimal) else v for k, v in changed.items()}


def _parameter(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    default = getattr(_DEFAULTS, name)
    return type(default)(value) if isinstance(default, Decimal | RateSelection) else value


def _accounts(connection: sa.Connection) -> dict[str, AccountSpec]:
    accounts, parents = t.accounts, t.accounts.alias("parents")
    groups, private = t.rate_groups, t.rate_groups.alias("private_groups")
    query = (
        sa.select(
            accounts,
            parents.c.name.label("parent"),
            groups.c.name.label("rate_group"),
            private.c.name.label("private_rate_group"),
        )
        .outerjoin(parents, parents.c.id == accounts.c.parent_id)
        .outerjoin(groups, groups.c.id == accounts.c.rate_group_id)
        .outerjoin(private, private.c.id == accounts.c.private_rate_group_id)
        .where(accounts.c.kind != AccountKind.SYSTEM)
        .order_by(accounts.c.name.collate("C"))
    )
    sections, rules = read_number_sections(connection), read_destination_rules(connection)
    return {
        row.name: replace(
            account_from(row),
            number_sections=sections.get(row.id, ()),
            destination_rules=rules.get(row.id, ()),
        )
        for row in connection.execute(query)
    }


def account_from(row: Row) -> AccountSpec:
    return AccountSpec(
        name=row.name,
        currency=row.currency,
        kind=AccountKind(row.kind),
        title=row.title,
        parent=row.parent,
        rate_group=row.rate_group,
        private_rate_group=row.private_rate_group,
        overdraft_limit=row.overdraft_limit,
        monthly_minimum=row.monthly_minimum,
        capacity=row.capacity,
        subtree_capacity=row.subtree_capacity,
        offline_calls=row.offline_calls,
        offline_minutes=row.offline_minutes,
        offline_money=row.offline_money,
        locked=row.locked,
        expires_at=row.expires_at,
        rights=in_order(map(Right, row.rights)),
        low_balance=row.low_balance,
        low_balance_locks=row.low_balance_locks,
        **{name: text for name, text in row.contact.items() if name in CONTACT},
        memo=row.memo,
        closed=row.closed_at is not None,
    )


def _gateway_groups(connection: sa.Connection) -> dict[str, GatewayGroupSpec]:
    groups = t.gateway_groups.c
    query = sa.select(groups.name, groups.capacity, groups.memo).order_by(groups.name.collate("C"))
    return {row.name: GatewayGroupSpec(*row) for row in connection.execute(query)}


def _names_of_groups(connection: sa.Connection, members: sa.Table) -> dict[int, tuple[str, ...]]:
    """Of each gateway, in the order of their names."""
    found: dict[int, tuple[str, ...]] = {}
    groups = t.gateway_groups.c
    query = sa.select(members.c.gateway_id, groups.name).join(
        t.gateway_groups, groups.id == members.c.group_id
    )
    for gateway_id, name in sorted(tuple(row) for row in connection.execute(query)):
        found[gateway_id] = (*found.get(gateway_id, ()), name)
    return found


def _mapping_gateways(connection: sa.Connection) -> dict[str, MappingGatewaySpec]:
    gateways, accounts = t.mapping_gateways, t.accounts
    groups = _names_of_groups(connection, t.mapping_gateway_groups)
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
        row.name: _mapping_gateway(
            row, tuple(sorted(addresses.get(row.id, ()))), groups.get(row.id, ())
        )
        for row in connection.execute(query)
    }


def _mapping_gateway(
    row: Row, addresses: tuple[Address, ...], groups: tuple[str, ...]
) -> MappingGatewaySpec:
    return MappingGatewaySpec(
        name=row.name,
        account=row.account,
        addresses=addresses,
        capacity=row.capacity,
        calls_per_second=row.calls_per_second,
        groups=groups,
        authorization=RateType(row.authorization),
        allow_phone_billing=row.allow_phone_billing,
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
    groups = _names_of_groups(connection, t.routing_gateway_groups)
    query = (
        sa.select(gateways, accounts.c.name.label("clearing_account"))
        .join(accounts, accounts.c.id == gateways.c.clearing_account_id)
        .order_by(gateways.c.name.collate("C"))
    )
    return {
        row.name: _routing_gateway(row, groups.get(row.id, ())) for row in connection.execute(query)
    }


def _routing_gateway(row: Row, groups: tuple[str, ...]) -> RoutingGatewaySpec:
    return RoutingGatewaySpec(
        name=row.name,
        clearing_account=row.clearing_account,
        host=row.host,
        port=row.port,
        transport=row.transport,
        capacity=row.capacity,
        calls_per_second=row.calls_per_second,
        groups=groups,
        prefix_mode=PrefixMode(row.prefix_mode),
        codecs=tuple(row.codecs),
        t38=row.t38,
        rewrite_callee=row.rewrite_callee,
        rewrite_caller=row.rewrite_caller,
        ring_timeout_s=row.ring_timeout_s,
        progress_timeout_s=row.progress_timeout_s,
        prepaid=row.prepaid,
        bill_sent_number=row.bill_sent_number,
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
