"""What requests and answers say of customers' and vendors' trunks."""

from typing import Annotated, Literal

from pydantic import Field

from controller.domain.configuration import PrefixMode
from web.api.paging import PageOut, PageQuery
from web.api.resources.phone_models import Destinations, DestinationsOut
from web.api.values import (
    FlagInQuery,
    Incoming,
    Line,
    Memo,
    Name,
    Outgoing,
    Revision,
    Text,
)

Capacity = Annotated[int, Field(ge=0, le=1_000_000)]
CallsPerSecond = Annotated[int, Field(ge=1, le=100_000)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Names = Annotated[list[Name], Field(max_length=16)]
Codecs = Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=16)]
Addresses = Annotated[
    list[Annotated[str, Field(max_length=60, examples=["192.0.2.7", "192.0.2.7:5080"])]],
    Field(max_length=256),
]
Rewrite = Annotated[str, Field(max_length=500)]
Routes = Annotated[
    list[Annotated[str, Field(max_length=50, examples=["39", "39=100"])]],
    Field(max_length=10_000, description="Prefixes that go there, with their priority."),
]


class GatewaysQuery(PageQuery):
    """Which gateways."""

    search: Annotated[Line, Field(max_length=64, description="A part of the name.")] = ""
    account: Name | None = None
    locked: FlagInQuery | None = None
    descending: FlagInQuery = False


class MappingGatewayChange(Incoming):
    """Fields that are left out stay; null puts one back to its default."""

    account: Annotated[Name | None, Field(description="Another one moves the gateway.")] = None
    addresses: Addresses | None = None
    capacity: Capacity | None = None
    calls_per_second: CallsPerSecond | None = None
    groups: Names | None = None
    authorization: Destinations | None = None
    allow_phone_billing: bool | None = None
    codecs: Codecs | None = None
    t38: bool | None = None
    rewrite_callee: Rewrite | None = None
    rewrite_caller: Rewrite | None = None
    max_duration_s: Seconds | None = None
    locked: bool | None = None
    memo: Memo | None = None


class MappingGatewayNew(MappingGatewayChange):
    """A customer's trunk."""

    name: Annotated[Name, Field(max_length=63)]
    account: Name


class RoutingGatewayChange(Incoming):
    """Fields that are left out stay; null puts one back to its default."""

    clearing_account: Name | None = None
    host: Annotated[str, Field(max_length=253)] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    transport: Literal["udp", "tcp", "tls"] | None = None
    capacity: Capacity | None = None
    calls_per_second: CallsPerSecond | None = None
    groups: Names | None = None
    prefix_mode: PrefixMode | None = None
    codecs: Codecs | None = None
    t38: bool | None = None
    rewrite_callee: Rewrite | None = None
    rewrite_caller: Rewrite | None = None
    ring_timeout_s: Annotated[int, Field(ge=1, le=600)] | None = None
    progress_timeout_s: Annotated[int, Field(ge=1, le=600)] | None = None
    prepaid: bool | None = None
    bill_sent_number: bool | None = None
    locked: bool | None = None
    memo: Memo | None = None
    routes: Routes | None = None


class RoutingGatewayNew(RoutingGatewayChange):
    """A vendor's trunk."""

    name: Annotated[Name, Field(max_length=63)]
    clearing_account: Name
    host: Annotated[str, Field(max_length=253)]


class MappingGatewayOut(Outgoing):
    """A customer's trunk."""

    name: str
    account: str
    addresses: list[Text]
    capacity: int | None
    calls_per_second: int | None
    groups: list[str]
    authorization: DestinationsOut
    allow_phone_billing: bool
    codecs: list[str]
    t38: bool
    rewrite_callee: str
    rewrite_caller: str
    max_duration_s: int | None
    locked: bool
    memo: str
    revision: Revision


class RoutingGatewayOut(Outgoing):
    """A vendor's trunk, with what is routed there."""

    name: str
    clearing_account: str
    host: str
    port: int
    transport: str
    capacity: int | None
    calls_per_second: int | None
    groups: list[str]
    prefix_mode: PrefixMode
    codecs: list[str]
    t38: bool
    rewrite_callee: str
    rewrite_caller: str
    ring_timeout_s: int
    progress_timeout_s: int
    prepaid: bool
    bill_sent_number: bool
    locked: bool
    memo: str
    routes: list[str]
    revision: Revision


class GatewayRowOut(Outgoing):
    """A gateway in a list. `lines`: calls in progress; `addresses` of a vendor is its one host."""

    name: str
    account: str
    locked: bool
    capacity: int | None
    calls_per_second: int | None
    lines: int
    addresses: list[str]
    memo: str


class GatewayPageOut(PageOut):
    items: list[GatewayRowOut]
