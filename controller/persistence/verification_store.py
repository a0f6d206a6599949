"""What verifications found, kept for good. Implements `services.verifying.Verifications`."""

import orjson
import sqlalchemy as sa

from controller.persistence.database import transaction
from controller.persistence.schema import ledger_verifications, postings
from controller.services.books import Difference, Verification
from controller.services.verifying import KeptVerification

MOST_KEPT = 100
"""Differences that are kept in full; the others are counted."""


class PostgresVerifications:
    """Each method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep(self, found: Verification, took_ms: int) -> None:
        with transaction(self._engine) as connection:
            connection.execute(
                ledger_verifications.insert().values(
                    took_ms=took_ms,
                    counted=found.counted,
                    ok=found.ok,
                    difference_count=len(found.differences) + found.unlisted,
                    differences=orjson.loads(orjson.dumps(found.differences[:MOST_KEPT])),
                )
            )

    def latest(self) -> KeptVerification | None:
        table = ledger_verifications.c
        wanted = (
            sa.select(
                table.at,
                table.took_ms,
                table.counted,
                table.ok,
                table.difference_count,
                table.differences,
                sa.func.extract("epoch", sa.func.clock_timestamp() - table.at).label("age_s"),
            )
            .order_by(table.at.desc(), table.id.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        values = row._asdict()
        listed = tuple(Difference(**d) for d in values.pop("differences"))
        age_s = float(values.pop("age_s"))
        return KeptVerification(**values, differences=listed, age_s=age_s)

    def has_postings_older_than(self, age_s: float) -> bool:
        limit = sa.func.clock_timestamp() - sa.func.make_interval(0, 0, 0, 0, 0, 0, age_s)
        old = sa.select(sa.literal(1)).where(postings.c.recorded_at < limit).limit(1)
        with transaction(self._engine) as connection:
            return connection.execute(old).first() is not None
