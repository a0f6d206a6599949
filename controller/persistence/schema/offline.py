"""Calls that were admitted while the database was away (docs/adr/0021)."""

from sqlalchemy import Column, ForeignKey, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import NOW, Moment, metadata

late_admissions = Table(
    "late_admissions",
    metadata,
    # what a controller's file tells, however often it does
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    Column("switch_id", Text, nullable=False),
    Column("account_id", ForeignKey("accounts.id", ondelete="RESTRICT"), nullable=False),
    Column("offered_at", Moment, nullable=False),
    Column("told_at", Moment, nullable=False, server_default=NOW),
)
