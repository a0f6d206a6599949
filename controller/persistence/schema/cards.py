"""Phone cards and their batches (docs/adr/0025).

PIN and password of a card are kept as keyed digests alone. Triggers see to it that a card changes
only while it is unused, and that what was printed on it never does.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import (
    NOW,
    Amount,
    Moment,
    flag,
    free_text,
    identity,
    metadata,
)

_ONE = text("1")

card_batches = Table(
    "card_batches",
    metadata,
    identity(),
    # none: the platform's own
    Column("issuer_account_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("name", Text, nullable=False),
    # the order that made it, which makes it once
    Column("key", Text, nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    Column("face_value", Amount, nullable=False),
    Column("count", Integer, nullable=False),
    Column("pin_length", Integer, nullable=False),
    free_text("prefix"),
    Column("password_length", Integer, nullable=False),
    # names the key of the digests: with another one nobody's PIN would be found
    Column("seal_id", LargeBinary, nullable=False),
    Column("expires_at", Moment),
    free_text("memo"),
    Column("created_at", Moment, nullable=False, server_default=NOW),
    free_text("created_by"),
    Column("revision", BigInteger, nullable=False, server_default=_ONE),
    CheckConstraint("face_value > 0", name="face_value"),
    CheckConstraint("count BETWEEN 1 AND 10000", name="count"),
    Index("card_batches_issuer_name_idx", "issuer_account_id", "name", unique=True),
    Index(
        "card_batches_platform_name_idx",
        "name",
        unique=True,
        postgresql_where=text("issuer_account_id IS NULL"),
    ),
    Index("card_batches_expiry_idx", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)

cards = Table(
    "cards",
    metadata,
    identity(),
    Column("batch_id", ForeignKey("card_batches.id", ondelete="RESTRICT"), nullable=False),
    Column("number", Integer, nullable=False),
    # HMAC-SHA256 with a key that is not in the database
    Column("pin_digest", LargeBinary, nullable=False, unique=True),
    Column("password_digest", LargeBinary),
    Column("last_digits", String(4), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'unused'")),
    flag("locked"),
    # used, voided or expired: when, by whom, and which movement its value went with
    Column("ended_at", Moment),
    free_text("ended_by"),
    # (no foreign key: it would be checked for each card while the agent's money is locked)
    Column("movement_id", UUID(as_uuid=False)),
    Column("used_account_id", ForeignKey("accounts.id", ondelete="RESTRICT")),
    Column("revision", BigInteger, nullable=False, server_default=_ONE),
    UniqueConstraint("batch_id", "number"),
    CheckConstraint("state IN ('unused','used','voided','expired')", name="state"),
    CheckConstraint(
        "(state = 'unused') = (ended_at IS NULL)"
        " AND (state = 'used') = (used_account_id IS NOT NULL)"
        " AND (state <> 'used' OR movement_id IS NOT NULL)"
        " AND (state <> 'unused' OR movement_id IS NULL)",
        name="end",
    ),
    Index("cards_state_idx", "batch_id", "state", "number"),
    Index("cards_movement_idx", "movement_id", postgresql_where=text("movement_id IS NOT NULL")),
    Index(
        "cards_account_idx",
        "used_account_id",
        postgresql_where=text("used_account_id IS NOT NULL"),
    ),
)

card_tries = Table(
    "card_tries",
    metadata,
    # who tried wrong PINs, or for which account
    Column("subject", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
)
