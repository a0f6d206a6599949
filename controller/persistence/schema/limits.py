"""Calls in progress of what has lines, and groups of gateways (docs/adr/0015).

Accounts count theirs in `account_funds`, which their calls lock for the money anyway.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
)

from controller.persistence.schema.columns import ZERO, free_text, identity, metadata

gateway_groups = Table(
    "gateway_groups",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    # calls of all its gateways together; none: no limit
    Column("capacity", Integer),
    free_text("memo"),
    CheckConstraint("capacity >= 0", name="capacity"),
)

mapping_gateway_groups = Table(
    "mapping_gateway_groups",
    metadata,
    Column("gateway_id", ForeignKey("mapping_gateways.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("gateway_groups.id", ondelete="RESTRICT"), primary_key=True),
)

routing_gateway_groups = Table(
    "routing_gateway_groups",
    metadata,
    Column("gateway_id", ForeignKey("routing_gateways.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("gateway_groups.id", ondelete="RESTRICT"), primary_key=True),
)

lines = Table(
    "lines",
    metadata,
    # of a gateway, a group, a phone (in both directions, or one), or the platform (id 0)
    Column("kind", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False, server_default=ZERO),
    # new calls of the last second where their number is limited: [microseconds, calls], …
    Column("recent", JSON),
    CheckConstraint("used >= 0", name="used"),
    CheckConstraint(
        "kind IN ('mapping','routing','group','phone','phone_in','phone_out','system')",
        name="kind",
    ),
)
