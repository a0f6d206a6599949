"""Who may call while the database is away, and what it is told of them when it is back.

The journal asks on its own thread, the only one that may wait: what is admitted is on disk before
anybody hears of it (docs/adr/0021).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from controller.domain.admission import Admitted
from controller.domain.offline import OfflineBooks
from controller.domain.reasons import Reason, Refused
from controller.services.journal_entries import (
    Admit,
    AdmitLate,
    End,
    Entry,
    Failed,
    LateAdmission,
    Outcome,
)

log = logging.getLogger(__name__)


class OfflineLog(Protocol):
    """Admissions that the database does not have yet, on disk."""

    def append(self, admissions: Sequence[AdmitLate]) -> None:
        """Durable when it returns. Raises OSError; then none of them is."""

    def forget(self, call_ids: Sequence[str]) -> None:
        """The database has them. Raises OSError; then they are told again, which does no harm."""


class Offline(Protocol):
    """What the journal asks and tells."""

    def decide(
        self, admissions: Sequence[Admit], why: str
    ) -> tuple[list[Outcome], list[AdmitLate]]:
        """An outcome for each, and what the database is to be told of those that are admitted."""

    def end(self, entry: End) -> None: ...

    def learn(self, done: Sequence[tuple[Entry, Outcome]]) -> None:
        """What the database has decided, and this desk itself."""


class NobodyOffline:
    """Every call waits for the database."""

    def decide(
        self, admissions: Sequence[Admit], why: str
    ) -> tuple[list[Outcome], list[AdmitLate]]:
        return [Failed(why, retry=False) for _ in admissions], []

    def end(self, entry: End) -> None:
        """Nothing."""

    def learn(self, done: Sequence[tuple[Entry, Outcome]]) -> None:
        """Nothing."""


NOBODY_OFFLINE = NobodyOffline()


class OfflineDesk:
    """Implements `Offline`, for all times of owning of one process."""

    def __init__(self, records: OfflineLog, is_owner: Callable[[], bool]) -> None:
        """`is_owner`: whether new calls of the switch are ours to decide, as far as is known."""
        self._log = records
        self._is_owner = is_owner
        self._books = OfflineBooks()
        self._without_money: set[int] = set()
        self._lock = threading.Lock()

    def decide(
        self, admissions: Sequence[Admit], why: str
    ) -> tuple[list[Outcome], list[AdmitLate]]:
        with self._lock:
            outcomes = [self._decide(entry, why) for entry in admissions]
        late = [
            AdmitLate(
                replace(entry.ticket, payers=outcome.payers),
                outcome.granted_s,
                outcome.gateway_ids,
            )
            for entry, outcome in zip(admissions, outcomes, strict=True)
            if isinstance(outcome, Admitted)
        ]
        if late and not self._written(late):
            failed = Failed("the offline journal cannot be written", retry=False)
            return [failed if isinstance(o, Admitted) else o for o in outcomes], []
        for admission in late:
            extra = {"call_id": admission.call_id, "granted_s": admission.granted_s}
            log.warning("admitted without the database", extra=extra)
        return outcomes, late

    def end(self, entry: End) -> None:
        if len(self._books):
            try:
                with self._lock:
                    self._books.end(entry.ended, entry.rules)
            except Exception:
                # it goes on counting with the worst that it may cost
                log.exception("end not counted", extra={"call_id": entry.call_id})

    def learn(self, done: Sequence[tuple[Entry, Outcome]]) -> None:
        told = []
        for entry, outcome in done:
            if isinstance(entry, Admit):
                if entry.offline is not None:
                    self._learn_of_money(entry, outcome)
            elif isinstance(entry, AdmitLate) and isinstance(outcome, LateAdmission):
                with self._lock:
                    self._without_money.update(outcome.overdrawn)
                    self._books.forget(entry.call_id)
                told.append(entry.call_id)
        if not told:
            return
        log.info("told the database of calls without it", extra={"calls": len(told)})
        try:
            self._log.forget(told)
        except OSError as error:
            log.error("offline journal not shortened", extra={"why": str(error)})

    def _decide(self, entry: Admit, why: str) -> Outcome:
        if entry.offline is None or not self._is_owner():
            return Failed(why, retry=False)
        payers = {payer.account_id: payer.name for payer in entry.ticket.payers}
        if poor := self._without_money & set(payers):
            names = ", ".join(sorted(payers[account_id] for account_id in poor))
            why = f"without the database: {names} had no money left when it went away"
            return Refused(Reason.STORE_UNAVAILABLE, why)
        return self._books.admit(entry.ticket, entry.rules, entry.offline)

    def _written(self, late: Sequence[AdmitLate]) -> bool:
        try:
            self._log.append(late)
        except OSError as error:
            log.error("offline journal not written", extra={"why": str(error)})
            with self._lock:
                for admission in late:
                    self._books.forget(admission.call_id)
            return False
        return True

    def _learn_of_money(self, entry: Admit, outcome: Outcome) -> None:
        """Whoever was refused for want of money gets nothing more without the database."""
        with self._lock:
            if isinstance(outcome, Admitted) and not outcome.offline:
                self._without_money.difference_update(p.account_id for p in entry.ticket.payers)
            elif isinstance(outcome, Refused) and outcome.reason is Reason.INSUFFICIENT_BALANCE:
                self._without_money.add(entry.ticket.account_id)
