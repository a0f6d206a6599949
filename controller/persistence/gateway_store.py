"""Gateways as records in PostgreSQL. Implements `services.gateways.ports`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import orjson
import sqlalchemy as sa

from controller.domain.configuration import PrefixMode
from controller.domain.rates import RateType
from controller.persistence import config_sql, gateway_sql
from controller.persistence.config_rows import row_of, rows_of_addresses, rows_of_groups
from controller.persistence.record_store import PostgresRecordWork, note_denials, record_work
from controller.persistence.views.gateways import read_mapping_page, read_routing_page
from controller.persistence.views.reading import reading
from controller.services.actors import Actor, Scope
from controller.services.audit import AuditLine
from controller.services.config_as_code.addresses import Address
from controller.services.config_as_code.specs import (
    GatewayGroupSpec,
    MappingGatewaySpec,
    RouteSpec,
    RoutingGatewaySpec,
)
from controller.services.gateways.ports import AddressUse
from controller.services.gateways.records import (
    MAPPING,
    ROUTING,
    GatewayPage,
    GatewayQuery,
    MappingRecord,
    RoutingRecord,
)
from controller.services.records.locks import NO_LOCKS, Locks

Row = sa.Row[Any]

_REMOVE = {
    MAPPING: config_sql.REMOVE_MAPPING_GATEWAYS,
    ROUTING: config_sql.REMOVE_ROUTING_GATEWAYS,
}
_IN_CALLS = {
    MAPPING: config_sql.IN_CALLS["mapping_gateways"],
    ROUTING: config_sql.IN_CALLS["routing_gateways"],
}


class PostgresGateways:
    """Implements `GatewayStore`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, actor: Actor) -> AbstractContextManager["PostgresGatewayWork"]:
        return record_work(self._engine, PostgresGatewayWork, actor)

    def mapping_page(self, scope: Scope, query: GatewayQuery) -> GatewayPage:
        with reading(self._engine) as connection:
            return read_mapping_page(connection, scope, query)

    def routing_page(self, query: GatewayQuery) -> GatewayPage:
        with reading(self._engine) as connection:
            return read_routing_page(connection, query)

    def mapping(self, scope: Scope, name: str) -> MappingRecord | None:
        with reading(self._engine) as connection:
            return _mapping(connection, scope, name)

    def routing(self, name: str) -> RoutingRecord | None:
        with reading(self._engine) as connection:
            return _routing(connection, name)

    def deny(self, line: AuditLine) -> None:
        note_denials(self._engine, [line])


class PostgresGatewayWork(PostgresRecordWork):
    """Implements `GatewayWork`."""

    def groups(self, names: Sequence[str]) -> Mapping[str, GatewayGroupSpec]:
        rows = self._execute(gateway_sql.GROUPS, names=list(names))
        return {row.name: GatewayGroupSpec(*row) for row in rows}

    def mapping(self, name: str, scope: Scope) -> MappingRecord | None:
        return _mapping(self._connection, scope, name)

    def routing(self, name: str) -> RoutingRecord | None:
        return _routing(self._connection, name)

    def uses(self, addresses: Sequence[Address], scope: Scope) -> list[AddressUse]:
        ips = sorted({address.ip for address in addresses})
        rows = self._execute(gateway_sql.USES, ips=ips, account_id=scope.account_id)
        return [
            AddressUse(Address(row.ip, row.port), row.name, row.in_scope, _locks(row))
            for row in rows
        ]

    def write_mapping(self, gateway: MappingGatewaySpec) -> None:
        self._execute(config_sql.CLEAR_ADDRESSES, names=[gateway.name])
        self._insert(config_sql.MAPPING_GATEWAYS, [row_of(gateway)])
        self._insert(config_sql.ADDRESSES, rows_of_addresses([gateway]))
        self._execute(config_sql.CLEAR_MAPPING_GROUPS, names=[gateway.name])
        self._insert(config_sql.MAPPING_GROUPS, rows_of_groups([gateway]))

    def write_routing(
        self, gateway: RoutingGatewaySpec, routes: Sequence[RouteSpec] | None
    ) -> None:
        self._insert(config_sql.ROUTING_GATEWAYS, [row_of(gateway)])
        self._execute(config_sql.CLEAR_ROUTING_GROUPS, names=[gateway.name])
        self._insert(config_sql.ROUTING_GROUPS, rows_of_groups([gateway]))
        if routes is not None:
            prefixes = [route.prefix for route in routes]
            self._execute(gateway_sql.REMOVE_OTHER_ROUTES, name=gateway.name, prefixes=prefixes)
            self._insert(config_sql.ROUTES, [row_of(route) for route in routes])

    def has_calls(self, kind: str, name: str) -> bool:
        return name in self._execute(_IN_CALLS[kind]).scalars().all()

    def delete(self, kind: str, name: str) -> None:
        self._execute(_REMOVE[kind], names=[name])

    def _insert(self, statement: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._execute(statement, rows=orjson.dumps(rows).decode())


def _mapping(connection: sa.Connection, scope: Scope, name: str) -> MappingRecord | None:
    values = {"name": name, "account_id": scope.account_id, "subtree": scope.subtree}
    row = connection.execute(sa.text(gateway_sql.MAPPING), values).one_or_none()
    if row is None:
        return None
    spec = MappingGatewaySpec(
        name=row.name,
        account=row.account,
        addresses=tuple(sorted(_address(text) for text in row.addresses)),
        capacity=row.capacity,
        calls_per_second=row.calls_per_second,
        groups=tuple(sorted(row.groups)),
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
    return MappingRecord(spec, row.account_id, row.revision, _locks(row))


def _locks(row: Row) -> Locks:
    return {"locked": row.locked_by_account_id} if row.locked else NO_LOCKS


def _address(text: str) -> Address:
    ip, _, port = text.partition(" ")
    return Address(ip, int(port))


def _routing(connection: sa.Connection, name: str) -> RoutingRecord | None:
    row = connection.execute(sa.text(gateway_sql.ROUTING), {"name": name}).one_or_none()
    if row is None:
        return None
    spec = RoutingGatewaySpec(
        name=row.name,
        clearing_account=row.clearing_account,
        host=row.host,
        port=row.port,
        transport=row.transport,
        capacity=row.capacity,
        calls_per_second=row.calls_per_second,
        groups=tuple(sorted(row.groups)),
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
    routes = connection.execute(sa.text(gateway_sql.ROUTES), {"name": name})
    found = tuple(RouteSpec(route.prefix, name, route.priority) for route in routes)
    return RoutingRecord(spec, found, row.clearing_account_id, row.revision)
