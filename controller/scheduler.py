"""Timed jobs. Each one calls one service; a job that fails is logged and comes again."""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC

import sqlalchemy as sa
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from controller import bootstrap
from controller.config import Settings

log = logging.getLogger(__name__)


def run_scheduler(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = bootstrap.engine(settings)
    scheduler = BackgroundScheduler(timezone=UTC)
    for name, trigger, work in jobs(engine):
        # a job that was due while the machine slept runs once, late, rather than never
        scheduler.add_job(
            _logged(name, work), trigger, id=name, coalesce=True, misfire_grace_time=3600
        )
    scheduler.start()
    log.info("scheduler started")
    stop.wait()
    scheduler.shutdown()


def jobs(engine: sa.Engine) -> list[tuple[str, CronTrigger, Callable[[], None]]]:
    """Name, time (UTC) and work of every job."""
    return [
        (
            "make partitions",
            CronTrigger(hour=1, minute=10, timezone=UTC),
            lambda: bootstrap.make_partitions(engine),
        ),
        (
            "verify the ledger",
            CronTrigger(hour=3, minute=20, timezone=UTC),
            lambda: bootstrap.verify_books(engine),
        ),
        (
            # just after every quarter of an hour: wherever the platform's zone is, one of them is
            # its midnight, and the others catch up what could not be done then
            "charge what is due",
            CronTrigger(minute="0,15,30,45", second=5, timezone=UTC),
            lambda: bootstrap.charge_what_is_due(engine),
        ),
        (
            "expire pending movements",
            CronTrigger(second=20, timezone=UTC),
            lambda: bootstrap.expire_pending_movements(engine),
        ),
        (
            "expire phone cards",
            CronTrigger(minute="0,15,30,45", second=35, timezone=UTC),
            lambda: bootstrap.expire_cards(engine),
        ),
        (
            "fold call sums",
            CronTrigger(second="5,20,35,50", timezone=UTC),
            lambda: bootstrap.fold_call_sums(engine),
        ),
        (
            "forget old call sums",
            CronTrigger(hour=2, minute=40, timezone=UTC),
            lambda: bootstrap.forget_old_call_sums(engine),
        ),
        (
            "watch low balances",
            CronTrigger(second=40, timezone=UTC),
            lambda: bootstrap.watch_low_balances(engine),
        ),
        (
            "forget old sessions",
            CronTrigger(minute=5, timezone=UTC),
            lambda: bootstrap.forget_old_sessions(engine),
        ),
    ]


def _logged(name: str, work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("job failed", extra={"job": name})

    return run
