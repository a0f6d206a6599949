"""The check of coverage for a page: it takes seconds, so it runs beside the pages and is kept."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from controller.domain.errors import NotAllowed, TollgateError
from controller.services.actors import Scope
from controller.services.coverage import CoverageReport, check_coverage
from controller.services.coverage_ports import CoverageStore
from controller.services.ports import Clock

log = logging.getLogger(__name__)

KEPT = timedelta(minutes=10)
"""Rates begin and end with time; after so long a report is looked at again."""


@dataclass(frozen=True, slots=True)
class CoverageState:
    """The last report, if there is one; whether a new one is being made; what went wrong."""

    report: CoverageReport | None
    is_running: bool
    failure: str = ""


class CoverageWatch:
    """Makes a report when somebody asks and the last one is too old; one at a time."""

    def __init__(
        self, store: CoverageStore, clock: Clock, version: Callable[[], int], kept: timedelta = KEPT
    ) -> None:
        """`version` is that of the configuration: a report of another one is not true any more."""
        self._store = store
        self._clock = clock
        self._version = version
        self._kept = kept
        self._lock = threading.Lock()
        self._report: CoverageReport | None = None
        self._of_version = -1
        self._failure = ""
        self._running: threading.Thread | None = None

    def state(self, scope: Scope, *, again: bool = False) -> CoverageState:
        """What is known. Starts a check where it is too old, failed, or wanted `again`.

        Raises NotAllowed, for it tells of everybody's prices and costs; StoreUnavailable.
        """
        if not scope.is_everything:
            raise NotAllowed("only administrators see the coverage")
        version = self._version()
        with self._lock:
            running = self._running is not None and self._running.is_alive()
            failure = self._failure
            if not running and (again or self._is_old(version)):
                self._failure = ""
                self._running = threading.Thread(
                    target=self._check, args=(version,), name="coverage", daemon=True
                )
                self._running.start()
                running = True
            return CoverageState(self._report, running, failure)

    def wait(self, timeout_s: float) -> None:
        """Until a check that is running has ended."""
        running = self._running
        if running is not None:
            running.join(timeout_s)

    def _is_old(self, version: int) -> bool:
        if self._report is None:
            return True
        age = self._clock.now() - self._report.when
        return self._of_version != version or age > self._kept

    def _check(self, version: int) -> None:
        try:
            report = check_coverage(self._store, self._clock.now())
        except TollgateError as error:
            log.error("coverage not checked", extra={"why": str(error)})
            with self._lock:
                self._failure = "The database could not be read."
            return
        with self._lock:
            self._report, self._of_version = report, version
