"""The billing run: everything that is due until an instant, the oldest first, each thing once.

`tollgate bill run`, the timed job, a payment and a new order all come here. Any number of runs at
once are safe: each step is a short transaction that reads again under lock, and what was done is
recorded by (kind, object, period) in that transaction.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from zoneinfo import ZoneInfo

from controller.domain.billing_periods import months_of
from controller.domain.decks import moment_text
from controller.domain.errors import InvalidInput, StoreUnavailable, TollgateError
from controller.services.billing_run.ports import BillingStore, Candidate, Step
from controller.services.billing_run.report import Report
from controller.services.billing_run.steps import STEPS, Following, Moment
from controller.services.ports import Clock

log = logging.getLogger(__name__)

ANNOUNCE_S = 5.0
"""At most so often controllers load what has become active, however many orders are due."""

TELL_EACH = 100
"""Steps from one word about progress to the next."""

Tell = Callable[[str], None]


@dataclass(order=True, slots=True)
class _Task:
    """A step in the queue; what is owed comes before what is bought, small priorities first."""

    at: datetime
    step: Step
    unordered: bool
    priority: int
    object_id: int
    candidate: Candidate = field(compare=False)


class BillingRun:
    """Runs over everything, or over some orders. Raises StoreUnavailable; what is done stays."""

    def __init__(self, store: BillingStore, clock: Clock, tell: Tell = lambda _: None) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell

    def run(self, as_of: datetime | None = None) -> Report:
        """All that is due until `as_of` (now, if not given).

        Raises InvalidInput for a time in the future.
        """
        now = self._clock.now()
        if as_of is not None and as_of > now:
            raise InvalidInput(f"{moment_text(as_of)} is in the future: nothing is due yet")
        as_of = as_of or now
        report = Report(as_of)
        zone = self._store.zone()
        # a run that was cut short may have left something that controllers have not heard of
        self._store.announce()
        report.closed += self._store.close_without_minimum(as_of, now)
        month = months_of(zone).period_at(as_of)
        found = self._store.due(as_of, month.start)
        self._work_off(found, zone, report)
        return report

    def recharged(self, account: str) -> Report:
        """Try the orders that wait for money of an account, which has just been paid."""
        return self._only(self._store.waiting(account))

    def ordered(self, key: str) -> Report:
        """Begin an order at once, if it is to."""
        return self._only(self._store.orders([key]))

    def _only(self, candidates: Sequence[Candidate]) -> Report:
        report = Report(self._clock.now())
        self._work_off(candidates, self._store.zone(), report)
        return report

    def _work_off(self, found: Iterable[Candidate], zone: ZoneInfo, report: Report) -> None:
        queue = [_task(candidate, zone, report.as_of) for candidate in found]
        heapify(queue)
        steps, announced_at = 0, self._clock.monotonic()
        while queue and queue[0].at <= report.as_of:
            candidate = heappop(queue).candidate
            for following in self._step(candidate, zone, report):
                if following.at <= report.as_of:
                    heappush(queue, _at(following.candidate or candidate, following.at))
            steps += 1
            if steps % TELL_EACH == 0:
                self._tell(f"{steps} done, {len(queue)} left, {report.failed} failed")
            if self._clock.monotonic() - announced_at >= ANNOUNCE_S:
                self._store.announce()
                announced_at = self._clock.monotonic()
        self._store.announce()

    def _step(self, candidate: Candidate, zone: ZoneInfo, report: Report) -> list[Following]:
        """One object's step. What goes wrong with it is noted, and the others go on."""
        done = Report(report.as_of)
        try:
            with self._store.work() as work:
                moment = Moment(report.as_of, self._clock.now(), zone)
                following = STEPS[candidate.step](work, candidate, moment, done)
        except StoreUnavailable:
            raise
        except TollgateError as error:
            report.note_error(candidate.name, str(error))
            return []
        except Exception as error:
            log.exception("billing step failed", extra={"subject": candidate.name})
            report.note_error(candidate.name, f"{type(error).__name__}: {error}")
            return []
        report.add(done)
        return following


def _task(candidate: Candidate, zone: ZoneInfo, as_of: datetime) -> _Task:
    """When the object's first step is due. Without a time: last, with the money that is left."""
    since = candidate.since
    if since is not None and candidate.step in (Step.PHONE_MONTH, Step.ACCOUNT_MONTH):
        return _at(candidate, months_of(zone).period_at(since).end)
    return _at(candidate, since or as_of)


def _at(candidate: Candidate, at: datetime) -> _Task:
    return _Task(
        at,
        candidate.step,
        candidate.priority is None,
        candidate.priority or 0,
        candidate.object_id,
        candidate,
    )
