"""Monthly partitions of call records, made ahead; a month can be detached whole."""

from datetime import date, datetime

import sqlalchemy as sa

PARTITIONED = ("cdrs", "call_attempts", "cdr_charges", "cdr_agents")


def make_months(connection: sa.Connection, today: date, ahead: int = 2) -> list[str]:
    """Create what is missing of this month and the next `ahead` months; the new names."""
    made = []
    for offset in range(ahead + 1):
        start, end = _month(today, offset), _month(today, offset + 1)
        for table in PARTITIONED:
            name = f"{table}_{start:%Y_%m}"
            if connection.execute(sa.text("SELECT to_regclass(:n)"), {"n": name}).scalar() is None:
                connection.execute(
                    sa.text(
                        f"CREATE TABLE {name} PARTITION OF {table} "
                        f"FOR VALUES FROM ('{start}T00:00Z') TO ('{end}T00:00Z')"
                    )
                )
                made.append(name)
    return made


def _month(today: date | datetime, offset: int) -> date:
    months = today.year * 12 + today.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)
