"""Tells the database of calls that were admitted without it, whoever did (docs/adr/0021).

A process tells of its own through its journal, for as long as it has the switch. What is left,
because it lost the switch or died, is told here. That needs no lease: each call is told once,
however many tell it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from controller.domain.errors import StoreUnavailable
from controller.services.journal_entries import AdmitLate, Entry, Failed, Outcome
from controller.services.ports import CallStore

log = logging.getLogger(__name__)

AT_ONCE = 200

Told = list[tuple[Entry, Outcome]]


class LeftFile(Protocol):
    """Admissions of a process that is dead."""

    @property
    def admissions(self) -> Sequence[AdmitLate]: ...

    def remove(self) -> None: ...


class OfflineFiles(Protocol):
    """What is on disk."""

    def kept(self) -> list[AdmitLate]:
        """Of this process."""

    def left_behind(self) -> Iterator[LeftFile]:
        """Of dead ones. A file is locked until the next one is asked for."""


class LateAdmissions:
    """Not thread-safe: one pass at a time."""

    def __init__(
        self, files: OfflineFiles, store: CallStore, learn: Callable[[Told], None]
    ) -> None:
        """`learn` hears what the database said to this process's own."""
        self._files = files
        self._store = store
        self._learn = learn

    def tell(self) -> None:
        """Raises StoreUnavailable; what was not told stays, and so does what the database refuses,
        to be told again."""
        if own := self._files.kept():
            self._learn(self._told(own))
        for file in self._files.left_behind():
            told = self._told(file.admissions)
            if not any(isinstance(outcome, Failed) for _, outcome in told):
                file.remove()
            log.warning("calls of a dead controller", extra={"calls": len(file.admissions)})

    def _told(self, admissions: Sequence[AdmitLate]) -> Told:
        starts = range(0, len(admissions), AT_ONCE)
        pieces = (admissions[start : start + AT_ONCE] for start in starts)
        return [pair for piece in pieces for pair in self._commit(piece)]

    def _commit(self, piece: Sequence[AdmitLate]) -> Told:
        """One that the database refuses does no harm to the others."""
        try:
            return list(zip(piece, self._store.commit(piece), strict=True))
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(piece) > 1:
                return [pair for entry in piece for pair in self._commit([entry])]
            log.exception("late admission refused", extra={"call_id": piece[0].call_id})
            return [(piece[0], Failed(str(error), retry=False))]
