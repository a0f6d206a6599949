"""Customers' and vendors' trunks, and the routes between them."""

from collections.abc import Sequence

from controller.domain.configuration import PrefixMode
from controller.domain.rates import RateType
from controller.services.config_as_code import addresses, values
from controller.services.config_as_code.fields import Fields
from controller.services.config_as_code.model import Section
from controller.services.config_as_code.sections.reader import (
    RATE_TYPES,
    Reader,
    call_length_s,
    calls_per_second,
    capacity,
    memo,
    optional_integer,
)
from controller.services.config_as_code.specs import (
    GatewayGroupSpec,
    MappingGatewaySpec,
    RouteSpec,
    RoutingGatewaySpec,
)

MAX_CODECS = 16
MAX_ADDRESSES = 256
MAX_GROUPS = 16

_MODES = {str(mode): mode for mode in PrefixMode}
_TRANSPORTS = {name: name for name in ("udp", "tcp", "tls")}


def read_gateway_groups(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.GATEWAY_GROUPS, GatewayGroupSpec.__dataclass_fields__):
        group = GatewayGroupSpec(
            name=fields.required("name", values.name, ""),
            capacity=optional_integer(fields, "capacity", capacity),
            memo=fields.optional("memo", memo, ""),
        )
        reader.keep(Section.GATEWAY_GROUPS, group, fields)


def read_mapping_gateways(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.MAPPING_GATEWAYS, MappingGatewaySpec.__dataclass_fields__):
        reader.keep(Section.MAPPING_GATEWAYS, read_mapping_gateway(fields), fields)


def read_mapping_gateway(fields: Fields) -> MappingGatewaySpec:
    """One gateway, of a file or of a form."""
    if "addresses" not in fields:
        fields.problems.add(fields.line_of("addresses"), "addresses is missing (may be [])")
    return MappingGatewaySpec(
        name=fields.required("name", values.name, ""),
        account=fields.required("account", values.name, ""),
        addresses=tuple(sorted(fields.many("addresses", addresses.address, MAX_ADDRESSES))),
        capacity=optional_integer(fields, "capacity", capacity),
        calls_per_second=optional_integer(fields, "calls_per_second", calls_per_second),
        groups=tuple(sorted(fields.many("groups", values.name, MAX_GROUPS))),
        authorization=fields.optional(
            "authorization", values.choice(RATE_TYPES), RateType.INTERNATIONAL
        ),
        allow_phone_billing=fields.optional("allow_phone_billing", values.flag, False),
        codecs=fields.many("codecs", addresses.codec, MAX_CODECS),
        t38=fields.optional("t38", values.flag, False),
        rewrite_callee=fields.optional("rewrite_callee", values.rewrite, ""),
        rewrite_caller=fields.optional("rewrite_caller", values.rewrite, ""),
        max_duration_s=optional_integer(fields, "max_duration_s", call_length_s),
        locked=fields.optional("locked", values.flag, False),
        memo=fields.optional("memo", memo, ""),
    )


def read_routing_gateways(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.ROUTING_GATEWAYS, RoutingGatewaySpec.__dataclass_fields__):
        reader.keep(Section.ROUTING_GATEWAYS, read_routing_gateway(fields), fields)


def read_routing_gateway(fields: Fields) -> RoutingGatewaySpec:
    """One gateway, of a file or of a form."""
    return RoutingGatewaySpec(
        name=fields.required("name", values.name, ""),
        clearing_account=fields.required("clearing_account", values.name, ""),
        host=fields.required("host", addresses.host, ""),
        port=fields.optional("port", values.integer(1, 65_535), 5060),
        transport=fields.optional("transport", values.choice(_TRANSPORTS), "udp"),
        capacity=optional_integer(fields, "capacity", capacity),
        calls_per_second=optional_integer(fields, "calls_per_second", calls_per_second),
        groups=tuple(sorted(fields.many("groups", values.name, MAX_GROUPS))),
        prefix_mode=fields.optional("prefix_mode", values.choice(_MODES), PrefixMode.TERMINATE),
        codecs=fields.many("codecs", addresses.codec, MAX_CODECS),
        t38=fields.optional("t38", values.flag, False),
        rewrite_callee=fields.optional("rewrite_callee", values.rewrite, ""),
        rewrite_caller=fields.optional("rewrite_caller", values.rewrite, ""),
        ring_timeout_s=fields.optional("ring_timeout_s", values.integer(1, 600), 120),
        progress_timeout_s=fields.optional("progress_timeout_s", values.integer(1, 600), 20),
        prepaid=fields.optional("prepaid", values.flag, False),
        bill_sent_number=fields.optional("bill_sent_number", values.flag, False),
        locked=fields.optional("locked", values.flag, False),
        memo=fields.optional("memo", memo, ""),
    )


def read_routes(reader: Reader, top: Fields) -> None:
    for fields in top.objects(Section.ROUTES, ("prefix", "prefixes", "gateway", "priority")):
        gateway = fields.required("gateway", values.name, "")
        priority = fields.optional("priority", values.integer(0, 1_000_000), 100)
        for prefix in _prefixes(fields):
            if gateway:
                route = RouteSpec(prefix, gateway, priority)
                reader.keep(Section.ROUTES, route, fields, "prefixes")


def _prefixes(fields: Fields) -> Sequence[str]:
    if ("prefix" in fields) == ("prefixes" in fields):
        fields.problems.add(fields.line, "a route needs either 'prefix' or 'prefixes'")
        return ()
    if "prefixes" in fields:
        return fields.many("prefixes", values.prefix)
    prefix = fields.optional("prefix", values.prefix, "")
    return (prefix,) if prefix else ()
