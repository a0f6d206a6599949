"""The tree of accounts and the audit log (docs/adr/0016)."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from controller.persistence.schema.columns import Moment, free_text, identity, metadata

account_tree = Table(
    "account_tree",
    metadata,
    # kept by triggers on `accounts`; each account is its own ancestor at depth 0
    Column("ancestor_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("descendant_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("depth", Integer, nullable=False),
    Index("account_tree_above_idx", "descendant_id", "depth", "ancestor_id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    identity(),
    Column("at", Moment, nullable=False, server_default=text("clock_timestamp()")),
    Column("actor", Text, nullable=False),
    # what it names may be gone by the time that somebody reads: no foreign keys
    Column("user_id", BigInteger),
    Column("source", Text, nullable=False),
    free_text("address"),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    # whose agents may read the line
    Column("account_id", BigInteger),
    # by field, the value before and the one after
    Column("changes", JSON, nullable=False, server_default=text("'{}'")),
    Column("outcome", Text, nullable=False),
    CheckConstraint("outcome IN ('done','denied')", name="outcome"),
    Index("audit_log_account_idx", "account_id", "id"),
    Index("audit_log_object_idx", "kind", "name", "id"),
    Index("audit_log_actor_idx", "actor", "id"),
    Index("audit_log_action_idx", "action", "id"),
    Index("audit_log_at_idx", "at"),
    Index("audit_log_denied_idx", "id", postgresql_where=text("outcome = 'denied'")),
)
