"""What people ask of calls in progress, for the controller that owns the switch (docs/adr/0023)."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import NOW, Moment, identity, metadata

call_commands = Table(
    "call_commands",
    metadata,
    identity(),
    Column("call_id", UUID(as_uuid=False), nullable=False),
    Column("switch_id", Text, nullable=False),
    # as of the call, whose row is gone when it has ended
    Column("account_id", BigInteger, nullable=False),
    Column("payer_ids", ARRAY(BigInteger), nullable=False),
    # who: the audit log says more
    Column("asked_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("asked_at", Moment, nullable=False, server_default=NOW),
    Column("expires_at", Moment, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'asked'")),
    # of the owner that carried it out or found that it was too late
    Column("epoch", BigInteger),
    Column("ended_at", Moment),
    CheckConstraint("state IN ('asked','done','not_there','expired')", name="state"),
    CheckConstraint("(state = 'asked') = (ended_at IS NULL)", name="ended"),
    # asked twice is one command
    Index(
        "call_commands_asked_idx", "call_id", unique=True, postgresql_where=text("state = 'asked'")
    ),
    Index("call_commands_switch_idx", "switch_id", postgresql_where=text("state = 'asked'")),
    Index("call_commands_call_idx", "call_id", "id"),
    Index("call_commands_age_idx", "asked_at"),
)
