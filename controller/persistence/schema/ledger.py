"""What people order of the ledger, two-phase movements, limits and checks (docs/adr/0014).

Postings themselves are in `foundation.py`. Triggers keep all of this from being changed later:
`pending_movements` goes from pending to its end once, everything else is never touched.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import Amount, Moment, free_text, identity, metadata

CLOCK = text("clock_timestamp()")
"""The moment of writing, under the lock; now() would be the transaction's beginning."""

movements = Table(
    "movements",
    metadata,
    # the id of its posting, where there is one: it follows from the key
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    # what the key stands for, in words
    Column("asked", JSON, nullable=False),
    # of the accounts that keep one, by name, after it; none: of before they were kept
    Column("balances", JSON),
    # the posting that it reverses or refers to
    Column("of_posting_id", UUID(as_uuid=False)),
    # although the account had not enough
    Column("forced", Boolean, nullable=False),
    free_text("memo"),
    free_text("who"),
    Column("at", Moment, nullable=False),
    Index("movements_at_idx", "at", "id"),
    Index("movements_kind_idx", "kind", "at", "id"),
    # a posting is reversed once
    Index(
        "movements_reversal_idx",
        "of_posting_id",
        unique=True,
        postgresql_where=text("kind = 'reversal'"),
    ),
)

movement_accounts = Table(
    "movement_accounts",
    metadata,
    Column(
        "movement_id",
        ForeignKey("movements.id", ondelete="RESTRICT"),
        primary_key=True,
        autoincrement=False,
    ),
    # those that keep a balance; never one of the platform's
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("movement_accounts_account_idx", "account_id", "at", "movement_id"),
)

pending_movements = Table(
    "pending_movements",
    metadata,
    Column(
        "id",
        ForeignKey("movements.id", ondelete="RESTRICT"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("kind", Text, nullable=False),
    Column("debit_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("credit_account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    # held at the debited account while it is pending
    Column("amount", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("posted", Amount),
    Column("posting_id", UUID(as_uuid=False), unique=True),
    Column("ended_at", Moment),
    free_text("ended_by"),
    free_text("ended_memo"),
    CheckConstraint("kind IN ('withdrawal','transfer')", name="kind"),
    CheckConstraint("amount > 0", name="positive"),
    CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
    CheckConstraint("state IN ('pending','posted','voided','expired')", name="state"),
    CheckConstraint(
        "(state = 'posted') = (posted IS NOT NULL)"
        " AND (state = 'posted') = (posting_id IS NOT NULL)"
        " AND (state = 'pending') = (ended_at IS NULL)",
        name="end",
    ),
    CheckConstraint("posted > 0 AND posted <= amount", name="posted"),
    Index(
        "pending_movements_held_idx",
        "debit_account_id",
        "expires_at",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("pending_movements_debit_idx", "debit_account_id"),
)

account_limit_changes = Table(
    "account_limit_changes",
    metadata,
    identity(),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("before", Amount, nullable=False),
    Column("after", Amount, nullable=False),
    # none: by a configuration file, or by hand
    Column("key", Text, unique=True),
    free_text("memo"),
    free_text("who"),
    Column("at", Moment, nullable=False, server_default=CLOCK),
    Index("account_limit_changes_account_idx", "account_id", "id"),
)

ledger_verifications = Table(
    "ledger_verifications",
    metadata,
    identity(),
    Column("at", Moment, nullable=False, server_default=CLOCK),
    Column("took_ms", BigInteger, nullable=False),
    # how much was looked at, by kind
    Column("counted", JSON, nullable=False),
    Column("ok", Boolean, nullable=False),
    # all that were found, and the first of them in full
    Column("difference_count", Integer, nullable=False),
    Column("differences", JSON, nullable=False),
    Index("ledger_verifications_at_idx", "at"),
)
