"""What the call path asks of the database, one entry for each thing that happened to a call.

Entries that wait together are committed together (`journal.py`).
"""

from dataclasses import dataclass

from controller.domain.admission import AdmissionRules, Admitted
from controller.domain.call_record import RecordRules, Unadmitted
from controller.domain.events import AttemptEnded, CallEnded
from controller.domain.offline import OfflineRules
from controller.domain.reasons import Refused
from controller.domain.settlement import Settlement
from controller.domain.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Admit:
    """Reserve money and lines for a call. Outcome: Admitted or Refused.

    `offline`: by what it may be admitted where there is no database, if at all.
    """

    ticket: Ticket
    rules: AdmissionRules
    offline: OfflineRules | None = None

    @property
    def call_id(self) -> str:
        return self.ticket.call_id


@dataclass(frozen=True, slots=True)
class AdmitLate:
    """Hold what a call needs that was admitted without the database. Outcome: LateAdmission.

    Told any number of times, it is done once.
    """

    ticket: Ticket
    granted_s: int
    gateway_ids: tuple[int, ...]

    @property
    def call_id(self) -> str:
        return self.ticket.call_id


@dataclass(frozen=True, slots=True)
class Extend:
    """Reserve for the next quantum of an answered call. Outcome: Admitted or Refused."""

    ticket: Ticket
    quantum_s: int
    answered_us: int

    @property
    def call_id(self) -> str:
        return self.ticket.call_id


@dataclass(frozen=True, slots=True)
class Answered:
    """Note the answer and give back what is held of other vendors than `gateway_id`.

    None: nobody knows who answered, and all is kept.
    """

    ticket: Ticket
    answered_us: int
    gateway_id: int | None

    @property
    def call_id(self) -> str:
        return self.ticket.call_id


@dataclass(frozen=True, slots=True)
class Attempted:
    """Keep the record of one attempt.

    `next_gateway_id` is the vendor that the switch dials then, where new calls a second to it are
    limited: it is counted.
    """

    event: AttemptEnded
    next_gateway_id: int | None = None

    @property
    def call_id(self) -> str:
        return self.event.call_id


@dataclass(frozen=True, slots=True)
class End:
    """Settle an ended call. Outcome: Settled.

    `ticket` or `unadmitted` is what this process knows; where it knows neither, the stored ticket
    decides, and a call without any leaves its record all the same.
    """

    ended: CallEnded
    ticket: Ticket | None
    unadmitted: Unadmitted | None
    rules: RecordRules

    @property
    def call_id(self) -> str:
        return self.ended.call_id


@dataclass(frozen=True, slots=True)
class Settled:
    """`settlement` is None when the call had been settled before: nothing was written."""

    settlement: Settlement | None


@dataclass(frozen=True, slots=True)
class LateAdmission:
    """The database knows the call now. `overdrawn` are payers that have less than nothing left."""

    overdrawn: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The entry could not be committed; nothing of it was written."""

    why: str
    retry: bool


Entry = Admit | AdmitLate | Extend | Answered | Attempted | End
Outcome = Admitted | LateAdmission | Refused | Settled | Failed | None
