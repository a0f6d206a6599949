"""Trunks as records (spec §4.1, §5.1): customers' (mapping) and vendors' (routing) gateways."""

from controller.services.gateways.field_rights import FIELD_RIGHTS, OPERATOR_ONLY
from controller.services.gateways.mapping import MappingGateways
from controller.services.gateways.records import (
    GatewayPage,
    GatewayQuery,
    GatewayRow,
    MappingRecord,
    RoutingRecord,
)
from controller.services.gateways.routing import RoutingGateways

__all__ = [
    "FIELD_RIGHTS",
    "OPERATOR_ONLY",
    "GatewayPage",
    "GatewayQuery",
    "GatewayRow",
    "MappingGateways",
    "MappingRecord",
    "RoutingGateways",
    "RoutingRecord",
]
