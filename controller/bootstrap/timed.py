"""The work of timed jobs; `scheduler.py` says when."""

import logging
from datetime import UTC, datetime

import sqlalchemy as sa

from controller.persistence import database, partitions
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.users import PostgresUsers

log = logging.getLogger(__name__)


def make_partitions(engine: sa.Engine) -> None:
    """Partitions for this month and the next ones."""
    with database.transaction(engine) as connection:
        made = partitions.make_months(connection, datetime.now(UTC).date())
    log.info("partitions made", extra={"tables": made})


def verify_books(engine: sa.Engine) -> None:
    """Recompute every balance; each difference is an error in the log."""
    found = PostgresBooks(engine).verify(lambda _: None)
    for difference in found.differences:
        log.error("the books differ", extra={"difference": str(difference)})
    log.info("books verified", extra={"counted": found.counted, "ok": found.ok})


def forget_old_sessions(engine: sa.Engine) -> None:
    """Sessions that have ended, and failed sign-ins of long ago."""
    PostgresUsers(engine).forget_expired(datetime.now(UTC))
