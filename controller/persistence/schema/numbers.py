"""Numbers: which an account may have, which it may call, and whose a number is (docs/adr/0020)."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
)

from controller.persistence.schema.columns import NOW, Moment, metadata

number_sections = Table(
    "number_sections",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    # every number of their length from the first to the last
    Column("first_number", Text, primary_key=True),
    Column("last_number", Text, primary_key=True),
    CheckConstraint(
        "length(first_number) = length(last_number)"
        ' AND first_number COLLATE "C" <= last_number COLLATE "C"',
        name="order",
    ),
)

destination_rules = Table(
    "destination_rules",
    metadata,
    Column("account_id", ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    # digits, or `*`
    Column("prefix", Text, primary_key=True),
    Column("allowed", Boolean, nullable=False),
)

phone_numbers = Table(
    "phone_numbers",
    metadata,
    # a number is one phone's: its own, or one of its DIDs; searched by its beginning
    Column("number", Text(collation="C"), primary_key=True),
    Column("phone_id", ForeignKey("phones.id", ondelete="CASCADE"), nullable=False),
    Column("is_did", Boolean, nullable=False),
    Index("phone_numbers_phone_idx", "phone_id"),
)

phone_credentials = Table(
    "phone_credentials",
    metadata,
    # apart from `phones`, so that nothing which reads phones reads these
    Column("phone_id", ForeignKey("phones.id", ondelete="CASCADE"), primary_key=True),
    # digests of number, realm and password (RFC 7616 §3.4.2), never the password
    Column("realm", Text, nullable=False),
    Column("md5", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("set_at", Moment, nullable=False, server_default=NOW),
)
