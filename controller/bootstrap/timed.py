"""The work of timed jobs; `scheduler.py` says when."""

import logging
from datetime import UTC, datetime

import sqlalchemy as sa

from controller.bootstrap.foundations import SystemClock
from controller.domain.money import plain
from controller.persistence import database, partitions
from controller.persistence.billing_store import PostgresBilling
from controller.persistence.call_sum_store import PostgresCallSums
from controller.persistence.card_store import PostgresCards
from controller.persistence.ledger_store import PostgresBooks
from controller.persistence.low_balance_store import PostgresLowBalances
from controller.persistence.movement_store import PostgresMovements
from controller.persistence.users import PostgresUsers
from controller.persistence.verification_store import PostgresVerifications
from controller.services.billing_run.run import BillingRun
from controller.services.cards import Voided, expire_due
from controller.services.cards.payments import WINDOW
from controller.services.low_balance import watch_balances
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


def expire_cards(engine: sa.Engine) -> None:
    """End phone cards whose time is over; agents have their money back (docs/cards.md)."""
    store, clock = PostgresCards(engine), SystemClock()
    for ended in expire_due(store, BillingRun(PostgresBilling(engine), clock)):
        if isinstance(ended, Voided):
            log.info(
                "phone cards expired",
                extra={
                    "batch": ended.batch.name,
                    "issuer": ended.batch.issuer,
                    "cards": ended.count,
                    "returned": f"{plain(ended.returned)} {ended.batch.currency}",
                },
            )
        else:
            log.error("phone cards not expired", extra={"why": str(ended)})
    store.forget_tries(clock.now() - WINDOW)


def watch_low_balances(engine: sa.Engine) -> None:
    """Lock accounts that are low on money and want it, unlock those that have enough again."""
    locked, unlocked = watch_balances(PostgresLowBalances(engine))
    for what, accounts in (("locked", locked), ("unlocked", unlocked)):
        for account in accounts:
            log.info(
                "low balance watched",
                extra={
                    "account": account.name,
                    "now": what,
                    "available": f"{plain(account.available)} {account.currency}",
                    "threshold": plain(account.low_balance),
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


def fold_call_sums(engine: sa.Engine) -> None:
    """Keep the dashboards' sums short (docs/adr/0022)."""
    taken, folded = PostgresCallSums(engine).fold()
    log.debug("call sums folded", extra={"taken": taken, "folded": folded})


def forget_old_call_sums(engine: sa.Engine) -> None:
    forgotten = PostgresCallSums(engine).forget()
    log.info("old call sums forgotten", extra={"rows": forgotten})
