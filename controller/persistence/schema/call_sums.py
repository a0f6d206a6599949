"""Which agents calls concern, and sums of calls by minute (docs/adr/0022). Triggers write them."""

from sqlalchemy import BigInteger, Boolean, Column, String, Table
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import EMPTY, ZERO, Moment, amount, metadata

cdr_agents = Table(
    "cdr_agents",
    metadata,
    # an agent above the call's account when the call ended
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("started_at", Moment, primary_key=True),
    Column("call_id", UUID(as_uuid=False), primary_key=True),
    postgresql_partition_by="RANGE (started_at)",
)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=ZERO)


def _sums(name: str, *, keyed: bool) -> Table:
    return Table(
        name,
        metadata,
        # 0 is the operator
        Column("account_id", BigInteger, primary_key=keyed, nullable=False, autoincrement=False),
        Column("at", Moment, primary_key=keyed, nullable=False),
        # counts have none, money has one
        Column("currency", String(3), primary_key=keyed, nullable=False, server_default=EMPTY),
        # of calls of the accounts below; else of its own
        Column("below", Boolean, primary_key=keyed, nullable=False),
        _count("offered"),
        _count("answered"),
        _count("talk_ms"),
        _count("to_review"),
        amount("earned"),
        amount("paid"),
        amount("tax"),
    )


call_sums = _sums("call_sums", keyed=True)
call_sums_new = _sums("call_sums_new", keyed=False)
