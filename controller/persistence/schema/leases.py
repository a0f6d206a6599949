"""Which controller process owns which switch (docs/adr/0013).

One row for each switch that ever had a controller. Only the database's clock writes its times.
"""

from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import UUID

from controller.persistence.schema.columns import NOW, ZERO, Moment, free_text, metadata

switch_leases = Table(
    "switch_leases",
    metadata,
    Column("switch_id", Text, primary_key=True),
    # grows by one whenever the switch changes hands, and never falls
    Column("epoch", BigInteger, nullable=False, server_default=ZERO),
    # of the owning process, made anew at each start; none: nobody owns the switch
    Column("owner_token", UUID(as_uuid=False)),
    free_text("owner_host"),
    Column("owner_pid", Integer, nullable=False, server_default=ZERO),
    # machine, boot, namespace and start of that pid: by these another process of the machine knows
    # whether the owner is dead
    free_text("owner_mark"),
    Column("taken_at", Moment, nullable=False, server_default=NOW),
    Column("renewed_at", Moment, nullable=False, server_default=NOW),
    Column("expires_at", Moment, nullable=False, server_default=NOW),
    # by a person, who said that the switch will not come back
    Column("retired_at", Moment),
)
