"""Group commit: entries that wait together share one transaction (design §3).

One thread owns the store. While a commit is under way the next batch collects, so a lone call
waits for one commit and a thousand calls share a few. A batch that the database refuses is
taken apart and its entries are committed one by one: one bad entry doesn't harm its neighbors.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from controller.domain.errors import Fenced, Overloaded, StoreTooSlow, StoreUnavailable
from controller.services.journal_entries import (
    Admit,
    Attempted,
    End,
    Entry,
    Extend,
    Failed,
    Outcome,
)
from controller.services.offline_desk import NOBODY_OFFLINE, Offline
from controller.services.ports import CallStore, OutcomeCallback

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Waits between tries while the database is away; the last one repeats."""

URGENT = (Admit, Extend)
"""Somebody waits for these: a caller, or the end of a grant."""

HISTORY_FACTOR = 20
"""How many times more of what has happened than of admissions may wait: a long outage of the
database must not fill the memory."""

PATIENCE_S = 0.2
"""Longest wait of what has happened already for an urgent entry to share its commit with. Until
then the switch's CDR file is its safety net, and an admission settles first what waits."""

LONGEST_WAIT_S = 1.0
"""While the oldest admission has waited longer than this, new ones are turned away at once: they
would come too late (`calls.PLAN_DEADLINE_S`), and with them all that come behind."""

BUSY_BATCH = 4
GATHER_S = 0.003
"""After a batch of at least BUSY_BATCH entries the next one gathers this long: under load a
commit then serves many calls; a lone call never waits."""


class GroupCommitJournal:
    """Implements `services.ports.Journal` on a thread of its own."""

    def __init__(
        self,
        store: CallStore,
        deliver: OutcomeCallback,
        max_batch: int = 256,
        max_waiting: int = 5_000,
        patience_s: float = PATIENCE_S,
        fenced: Callable[[], None] = lambda: None,
        offline: Offline = NOBODY_OFFLINE,
    ) -> None:
        """`fenced` hears, on the journal's thread, that the store refuses this owner for good;
        `offline` decides who may call without the store."""
        self._store = store
        self._deliver = deliver
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[Entry] = deque()
        self._wake = threading.Condition()
        self._patience_s = patience_s
        self._urgent = 0
        self._admissions_since: deque[float] = deque()
        self._closing = False
        self._over = False
        self._fenced = fenced
        self._offline = offline
        self._complained_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Commit what waits, then end; False if that took longer than `timeout_s`."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def abandon(self, timeout_s: float = 1.0) -> bool:
        """Write nothing more: the switch is another's by now. False if a commit still waits."""
        self._end()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def submit(self, entry: Entry) -> None:
        """Queue an entry. Admissions are turned away early, what happened only at the hard bound.

        Raises Overloaded. An end that finds no place is still in the switch's CDR file.
        """
        admission = isinstance(entry, Admit)
        bound = self._max_waiting * (1 if admission else HISTORY_FACTOR)
        with self._wake:
            if self._over:
                return  # whoever owns the switch now knows what has happened
            if len(self._waiting) >= bound:
                raise Overloaded(f"{len(self._waiting)} entries wait for the database")
            if admission:
                self._note_admission()
            self._waiting.append(entry)
            self._urgent += isinstance(entry, URGENT)
            self._wake.notify()
        if isinstance(entry, End):
            self._offline.end(entry)

    def _note_admission(self) -> None:
        now, since = time.monotonic(), self._admissions_since
        if since and now - since[0] > LONGEST_WAIT_S:
            raise Overloaded(f"admissions have waited for {now - since[0]:.1f} s")
        since.append(now)

    def _run(self) -> None:
        busy = False
        while not self._over:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                self._wake.wait_for(self._must_commit, timeout=self._patience_s)
            if busy and len(self._waiting) < self._max_batch and not self._closing:
                time.sleep(GATHER_S)
            with self._wake:
                batch = take_batch(self._waiting, self._max_batch)
                self._urgent -= sum(isinstance(entry, URGENT) for entry in batch)
                for _ in range(sum(isinstance(entry, Admit) for entry in batch)):
                    self._admissions_since.popleft()
            busy = len(batch) >= BUSY_BATCH
            if batch:
                self._commit(batch)

    def _must_commit(self) -> bool:
        return self._urgent > 0 or self._closing or len(self._waiting) >= self._max_batch

    def _commit(self, batch: list[Entry]) -> None:
        """Commit until it is done: admissions fail at once without a database, the rest waits."""
        for attempt in range(1_000_000):
            try:
                outcomes = self._store.commit(batch)
            except Fenced as error:
                self._give_up(batch, str(error))
                return
            except StoreUnavailable as error:
                batch = self._without_store(batch, error)
                if not batch or self._closing or self._over:
                    return
                self._wait_for_store(RETRY_DELAYS_S[min(attempt, len(RETRY_DELAYS_S) - 1)])
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the thread
                self._isolate(batch, error)
                return
            else:
                self._tell(list(zip(batch, outcomes, strict=True)))
                return

    def _give_up(self, batch: Sequence[Entry], why: str) -> None:
        """Refused as a whole, and so will be all that waits: nobody here may write any more."""
        log.error("switch lost", extra={"why": why, "entries": len(batch) + len(self._waiting)})
        self._end()
        self._fenced()

    def _end(self) -> None:
        with self._wake:
            self._over = self._closing = True
            self._waiting.clear()
            self._admissions_since.clear()
            self._urgent = 0
            self._wake.notify()

    def _without_store(self, batch: list[Entry], error: StoreUnavailable) -> list[Entry]:
        """Answer those for whom somebody waits; what is left of the batch."""
        why = str(error)
        self._complain(why, len(batch))
        with self._wake:
            batch = [*batch, *(e for e in self._waiting if isinstance(e, Admit | Extend))]
            keep = [e for e in self._waiting if not isinstance(e, Admit | Extend)]
            self._waiting = deque(keep)
            self._admissions_since.clear()
            self._urgent = 0
        admissions = [e for e in batch if isinstance(e, Admit)]
        outcomes: list[tuple[Entry, Outcome]] = [
            (e, Failed(why, retry=True)) for e in batch if isinstance(e, Extend)
        ]
        if isinstance(error, StoreTooSlow):
            # it is there: whoever is admitted without it would pass limits that it knows
            outcomes += [(e, Failed(why, retry=False)) for e in admissions]
        else:
            outcomes += self._decide_offline(admissions, why)
        if outcomes:
            self._tell(outcomes)
        return [e for e in batch if not isinstance(e, Admit | Extend)]

    def _complain(self, why: str, entries: int) -> None:
        """Once a second: tries come as often as calls do."""
        now = time.monotonic()
        if now - self._complained_at >= RETRY_DELAYS_S[-1]:
            self._complained_at = now
            log.error("database unavailable", extra={"why": why, "entries": entries})

    def _decide_offline(self, admissions: list[Admit], why: str) -> list[tuple[Entry, Outcome]]:
        """By the payers' terms; whoever was admitted is told to the store before anything else
        that happens to the call."""
        if len(self._waiting) + len(admissions) > self._max_waiting * HISTORY_FACTOR:
            return [(e, Failed(why, retry=False)) for e in admissions]
        try:
            decided, late = self._offline.decide(admissions, why)
        except Exception:
            log.exception("not decided without the database")
            return [(e, Failed(why, retry=False)) for e in admissions]
        with self._wake:
            if not self._over:
                self._waiting.extend(late)
        return list(zip(admissions, decided, strict=True))

    def _wait_for_store(self, seconds: float) -> None:
        """Until the next try; sooner where somebody waits for an answer."""
        time.sleep(RETRY_DELAYS_S[0])
        with self._wake:
            self._wake.wait_for(
                lambda: self._urgent > 0 or self._closing, seconds - RETRY_DELAYS_S[0]
            )

    def _isolate(self, batch: Sequence[Entry], error: Exception) -> None:
        if len(batch) > 1:
            log.warning("batch refused, committing one by one", extra={"why": str(error)})
            for entry in batch:
                if not self._over:
                    self._commit([entry])
            return
        log.error(
            "entry refused by the database",
            extra={"call_id": batch[0].call_id, "entry": type(batch[0]).__name__},
            exc_info=error,
        )
        self._tell([(batch[0], Failed(str(error), retry=False))])

    def _tell(self, outcomes: list[tuple[Entry, Outcome]]) -> None:
        """What is committed stays committed, whatever its owner makes of the news."""
        for hears in (self._offline.learn, self._deliver):
            try:
                hears(outcomes)
            except Exception:
                log.exception("outcomes not delivered")


def take_batch(waiting: deque[Entry], limit: int) -> list[Entry]:
    """The next entries, up to `limit`, with at most one change of any call.

    A call's further changes stay where they were, so that its own order is kept. An attempt's
    record changes nothing of its call and may stand beside another entry.
    """
    batch: list[Entry] = []
    later: list[Entry] = []
    changed: set[str] = set()
    while waiting and len(batch) < limit and len(later) < limit:
        entry = waiting.popleft()
        if isinstance(entry, Attempted):
            batch.append(entry)
        elif entry.call_id in changed:
            later.append(entry)
        else:
            changed.add(entry.call_id)
            batch.append(entry)
    waiting.extendleft(reversed(later))
    return batch
