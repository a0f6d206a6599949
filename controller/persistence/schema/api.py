"""What the API keeps so that a request sent twice is carried out once (docs/adr/0018)."""

from sqlalchemy import JSON, UUID, Column, Index, Integer, LargeBinary, Table, Text

from controller.persistence.schema.columns import Moment, metadata

api_replies = Table(
    "api_replies",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    # of the request: method, address, body
    Column("digest", LargeBinary, nullable=False),
    # names the attempt, so that one that was taken for dead cannot end another
    Column("run", UUID(as_uuid=False), nullable=False),
    Column("begun_at", Moment, nullable=False),
    # none of the three until there is an answer
    Column("status", Integer),
    Column("headers", JSON),
    Column("body", LargeBinary),
    Index("api_replies_begun_idx", "begun_at"),
)
