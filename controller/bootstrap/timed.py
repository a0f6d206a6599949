"""The work of timed jobs; `scheduler.py` says when."""

import logging
from datetime import UTC, datetime

import sqlalchemy as sa

from controller.bootstrap.foundations import SystemClock
from controller.domain.money import plain
from controller.persistence import database, partitions
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.users import PostgresUsers
from controller.persistence.verification_store import PostgresVerifications
from controller.services.billing_run.run import BillingRun
from controller.services.movements.two_phase import TwoPhase
from controller.services.verifying import verify

log = logging.getLogger(__name__)


def make_partitions(engine: sa.Engine) -> None:
    """Partitions for this month and the next ones."""
    with database.transaction(engine) as connection:
        made = partitions.make_months(connection, datetime.now(UTC).date())
    log.info("partitions made", extra={"tables": made})


def verify_books(engine: sa.Engine) -> None:
    """Recompute every balance; each difference is an error in the log, and kept for the doctor."""
    kept = PostgresVerifications(engine)
    verified = verify(PostgresBooks(engine), kept, SystemClock(), lambda _: None)
    found = verified.found
    for difference in found.differences:
        log.error("the books differ", extra={"difference": str(difference)})
    log.info("books verified", extra={"counted": found.counted, "ok": found.ok})


def expire_pending_movements(engine: sa.Engine) -> None:
    """Give back what pending movements hold whose time is over (docs/money.md)."""
    for pending in TwoPhase(PostgresMovements(engine)).expire_due():
        log.info(
            "pending movement expired",
            extra={
                "key": pending.key,
                "account": pending.debit,
                "amount": f"{plain(pending.amount)} {pending.currency}",
            },
        )


def charge_what_is_due(engine: sa.Engine) -> None:
    """Rents and minimums, new periods of packages, expiry (docs/billing.md)."""
    report = BillingRun(PostgresBilling(engine), SystemClock()).run()
    for error in report.errors:
        log.error("not billed", extra={"subject": error.subject, "why": error.why})
    if report.anything:
        log.info(
            "billed",
            extra={
                "charges": dict(report.charges),
                "totals": {currency: str(report.total(currency)) for currency in report.totals},
                "opened": report.opened,
                "closed": report.closed,
                "failed": report.failed,
            },
        )


def forget_old_sessions(engine: sa.Engine) -> None:
    """Sessions that have ended, and failed sign-ins of long ago."""
    PostgresUsers(engine).forget_expired(datetime.now(UTC))
