"""Objects of a configuration as JSON rows, as the statements that write them take them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from controller.domain.calendars import WEEKDAYS
from controller.services.config_as_code.specs import (
    CONTACT,
    PLATFORM,
    AccountSpec,
    CalendarSpec,
    MappingGatewaySpec,
    RateGroupSpec,
    RoutingGatewaySpec,
    Row,
    Spec,
)
from controller.services.config_as_code.values import Clock


def rows_of_parts(specs: Sequence[Spec], listed_in: str) -> list[dict[str, Any]]:
    """What objects list in a field, each with its object's name and its position."""
    return [
        {**row_of(part), "object": spec.name, "position": position}
        for spec in specs
        for position, part in enumerate(getattr(spec, listed_in))
    ]


def rows_of_agents(groups: Sequence[Spec]) -> list[dict[str, Any]]:
    return [
        {"object": group.name, "agent": agent}
        for group in groups
        if isinstance(group, RateGroupSpec)
        for agent in group.agents
    ]


def rows_of_addresses(gateways: Sequence[Spec]) -> list[dict[str, Any]]:
    return [
        {"gateway": gateway.name, "ip": address.ip, "port": address.port}
        for gateway in gateways
        if isinstance(gateway, MappingGatewaySpec)
        for address in gateway.addresses
    ]


def rows_of_groups(gateways: Sequence[Spec]) -> list[dict[str, Any]]:
    """The groups that gateways of either side belong to."""
    return [
        {"gateway": gateway.name, "group": group}
        for gateway in gateways
        if isinstance(gateway, MappingGatewaySpec | RoutingGatewaySpec)
        for group in gateway.groups
    ]


def row_of(spec: Spec | Row) -> dict[str, Any]:
    """A spec as a JSON row, without what it lists."""
    row = {
        name: _column(value)
        for name in spec.__dataclass_fields__
        if not _lists_rows(value := getattr(spec, name))
    }
    if isinstance(spec, AccountSpec):
        del row["closed"]
        row["contact"] = {name: text for name in CONTACT if (text := row.pop(name))}
    if isinstance(spec, RateGroupSpec) and spec.decimals == PLATFORM:
        row["decimals"] = None
    if isinstance(spec, CalendarSpec):
        row["working_weekdays"] = [WEEKDAYS[name] for name in spec.working_weekdays]
    return row


def _lists_rows(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, Row) for item in value)


def _column(value: object) -> object:
    """Money as text, for numbers in JSON are not exact everywhere."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Clock):
        return value.second
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value
