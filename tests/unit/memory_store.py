"""The call store in memory, behind the real one's port.

It decides by the very functions that the real one uses (admit, extend, settle) and gives the
same outcomes; only its figures are in memory.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from controller.domain.admission import Admitted, admit, extend, hold_late
from controller.domain.call_record import at_us
from controller.domain.cdr import Cdr
from controller.domain.conclusion import answered_by, release, take
from controller.domain.errors import StoreUnavailable
from controller.domain.events import AttemptEnded
from controller.domain.holdings import SYSTEM_LINE, Funds, Held, Holdings, Lines
from controller.domain.ledger import Posting
from controller.domain.limits import count_failover
from controller.domain.reasons import Reason, Refused
from controller.domain.settlement import record_unadmitted, settle
from controller.domain.ticket import Ticket, ticket_from_json, ticket_to_json
from controller.services.journal_entries import (
    Admit,
    AdmitLate,
    Answered,
    Attempted,
    End,
    Entry,
    Extend,
    Failed,
    LateAdmission,
    Outcome,
    Settled,
)
from tests.unit.domain.builders import (
    CUSTOMER,
    NOW_US,
    VENDOR_ACCOUNTS,
    call_id,
    free_lines,
)


@dataclass
class OpenCall:
    """A call in progress as the database keeps it: the ticket as text."""

    ticket: dict[str, Any]
    granted_s: int
    held: Held
    answered_at: datetime | None = None


@dataclass
class Kept:
    """Everything that a transaction may change."""

    holdings: Holdings = field(default_factory=Holdings)
    open: dict[str, OpenCall] = field(default_factory=dict)
    records: dict[tuple[str, datetime], Cdr] = field(default_factory=dict)
    postings: dict[str, Posting] = field(default_factory=dict)
    attempts: dict[str, AttemptEnded] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)


class MemoryCallStore:
    """Implements `services.ports.CallStore`. Like the real one, it has one user at a time."""

    def __init__(self, balance: str = "10", overdraft: str = "0") -> None:
        self.kept = Kept()
        accounts = {CUSTOMER: Decimal(balance)} | dict.fromkeys(
            VENDOR_ACCOUNTS.values(), Decimal(0)
        )
        for account, amount in accounts.items():
            limit = Decimal(overdraft) if account == CUSTOMER else Decimal(0)
            self.kept.holdings.funds[account] = Funds(amount, limit, Decimal(0), 0, None)
        self.kept.holdings.lines[SYSTEM_LINE] = Lines(0, None)
        self.kept.holdings.lines |= free_lines()
        self.now_us: Callable[[], int] = lambda: NOW_US
        self.paid_in = Decimal(balance)
        self.away = False
        self.poisoned: set[str] = set()
        self.batches: list[list[Entry]] = []
        self.instances: dict[str, str] = {}
        self._in_use = threading.Lock()
        self.dawdle: Callable[[], None] = lambda: None

    # -- the port ----------------------------------------------------------------------------

    def commit(self, batch: Sequence[Entry]) -> list[Outcome]:
        with self._transaction():
            before = copy.deepcopy(self.kept)
            try:
                outcomes = self._run(list(batch))
                if poison := self.poisoned & {entry.call_id for entry in batch}:
                    raise ValueError(f"the database refuses {sorted(poison)}")
            except Exception:
                self.kept = before
                raise
            self.batches.append(list(batch))
            return outcomes

    def open_calls(self, switch_id: str) -> list[tuple[Ticket, int, datetime | None]]:
        with self._transaction():
            rows = [
                (ticket_from_json(row.ticket), row.granted_s, row.answered_at)
                for row in self.kept.open.values()
            ]
            return [row for row in rows if row[0].switch_id == switch_id]

    def note_switch(self, switch_id: str, instance: str) -> str | None:
        with self._transaction():
            before = self.instances.get(switch_id)
            self.instances[switch_id] = instance
            return before

    # -- what tests look at ------------------------------------------------------------------

    @property
    def customer(self) -> Funds:
        return self.kept.holdings.funds[CUSTOMER]

    def record(self, call_id: str = call_id()) -> Cdr:
        (cdr,) = [cdr for (known, _), cdr in self.kept.records.items() if known == call_id]
        return cdr

    def check_nothing_is_held(self) -> None:
        """Without open calls nothing is reserved or in use, and the books balance."""
        holdings = self.kept.holdings
        assert self.kept.open == {}
        assert [funds.reserved for funds in holdings.funds.values() if funds.reserved] == []
        assert [funds.lines for funds in holdings.funds.values() if funds.lines] == []
        assert [f.subtree_lines for f in holdings.funds.values() if f.subtree_lines] == []
        assert [lines for lines in holdings.lines.values() if lines.used] == []
        # each posting leaves an account of ours and enters one of the system's
        moved = sum((p.amount for p in self.kept.postings.values()), Decimal(0))
        assert sum(f.balance for f in holdings.funds.values()) == self.paid_in - moved

    # -- internals ---------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        assert self._in_use.acquire(blocking=False), "two threads use one store"
        try:
            self.dawdle()
            if self.away:
                raise StoreUnavailable("connection refused")
            yield
        finally:
            self._in_use.release()

    def _run(self, batch: list[Entry]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        self.kept.holdings.now_us = self.now_us()
        for kind in (AdmitLate, Attempted, Answered, End, Extend, Admit):
            for index, entry in enumerate(batch):
                if isinstance(entry, kind):
                    outcomes[index] = self._apply(entry)
        return [outcomes[index] for index in range(len(batch))]

    def _apply(self, entry: Entry) -> Outcome:
        if isinstance(entry, Attempted):
            self.kept.attempts.setdefault(entry.event.leg_id, entry.event)
            if entry.next_gateway_id is not None:
                count_failover(entry.next_gateway_id, self.kept.holdings)
            return None
        if isinstance(entry, Answered):
            self._answer(entry)
            return None
        if isinstance(entry, End):
            return self._end(entry)
        if isinstance(entry, Extend):
            return self._extend(entry)
        if isinstance(entry, AdmitLate):
            return self._admit_late(entry)
        return self._admit(entry)

    def _admit_late(self, entry: AdmitLate) -> Outcome:
        recorded = {known for known, _ in self.kept.records}
        if entry.call_id in self.kept.late | recorded | set(self.kept.open):
            return LateAdmission()
        self.kept.late.add(entry.call_id)
        holdings = self.kept.holdings
        outcome = hold_late(entry.ticket, entry.granted_s, entry.gateway_ids, holdings)
        ticket = ticket_to_json(entry.ticket)
        self.kept.open[entry.call_id] = OpenCall(ticket, outcome.granted_s, outcome.held)
        payers = [payer.account_id for payer in entry.ticket.payers]
        return LateAdmission(tuple(p for p in payers if holdings.funds[p].available < 0))

    def _admit(self, entry: Admit) -> Outcome:
        assert entry.call_id not in self.kept.open
        self.kept.holdings.lines[SYSTEM_LINE].per_second = entry.rules.calls_per_second
        outcome = admit(entry.ticket, entry.rules, self.kept.holdings)
        if isinstance(outcome, Admitted):
            self.kept.open[entry.call_id] = OpenCall(
                ticket_to_json(replace(entry.ticket, payers=outcome.payers)),
                outcome.granted_s,
                outcome.held,
            )
        return outcome

    def _extend(self, entry: Extend) -> Outcome:
        row = self.kept.open.get(entry.call_id)
        if row is None:
            return Refused(Reason.INTERNAL_ERROR, "the call is not open any more")
        outcome = extend(
            entry.ticket,
            row.granted_s,
            row.held,
            entry.quantum_s,
            entry.answered_us // 1_000_000,
            self.kept.holdings,
        )
        if isinstance(outcome, Admitted):
            row.granted_s, row.held = outcome.granted_s, outcome.held
        return outcome

    def _answer(self, entry: Answered) -> None:
        row = self.kept.open.get(entry.call_id)
        if row is None:
            return
        row.answered_at = at_us(entry.answered_us)
        row.held = answered_by(entry.ticket, row.held, entry.gateway_id, self.kept.holdings)

    def _end(self, entry: End) -> Outcome:
        row = self.kept.open.pop(entry.call_id, None)
        if row is None and entry.ended.offline and entry.call_id not in self.kept.late:
            return Failed("the store does not know of it yet", retry=False)
        if row is None:
            settlement = record_unadmitted(entry.unadmitted, entry.ended, entry.rules)
        else:
            ticket = ticket_from_json(row.ticket)
            settlement = settle(ticket, entry.ended, row.granted_s, row.held, entry.rules)
            release(ticket, row.held, self.kept.holdings)
            take(ticket, settlement, self.kept.holdings)
        key = (entry.call_id, settlement.cdr.started_at)
        if key in self.kept.records:
            return Settled(None)
        if settlement.recorded:
            self.kept.records[key] = settlement.cdr
        for posting in settlement.postings:
            assert posting.posting_id not in self.kept.postings
            self.kept.postings[posting.posting_id] = posting
        return Settled(settlement)
