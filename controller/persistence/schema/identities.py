"""Second factors, password history and API tokens (docs/adr/0017). Users are in `foundation.py`."""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import CIDR

from controller.persistence.schema.columns import NO_ITEMS, NOW, Moment, identity, metadata

recovery_codes = Table(
    "recovery_codes",
    metadata,
    # each opens one session in place of a second factor, and is gone then
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
)

old_passwords = Table(
    "old_passwords",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("password_hash", Text, nullable=False),
    Index("old_passwords_user_idx", "user_id", "id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    # the SHA-256 of the token: a stolen database calls nothing
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    # from where it is taken; empty: from anywhere
    Column("networks", ARRAY(CIDR), nullable=False, server_default=NO_ITEMS),
    Column("requests_per_minute", Integer),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    CheckConstraint("requests_per_minute > 0", name="requests_per_minute"),
    Index("api_tokens_user_idx", "user_id", "id"),
)
