"""One batch of the call path: read and lock, decide, write. Lives for one transaction.

Ends come first (they give money and lines back), then extensions, then admissions; before all of
them what was admitted without the database. At most one entry that changes a call is in a batch
for any call; the journal sees to that.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString, TypeGuard

import orjson
import psycopg

from controller.domain.admission import Admitted, admit, extend, hold_late
from controller.domain.call_record import at_us
from controller.domain.conclusion import answered_by, release, take
from controller.domain.counting import touched_lines
from controller.domain.holdings import (
    SYSTEM_LINE,
    Allowance,
    Funds,
    Held,
    Holdings,
    LineKey,
    Month,
    MonthUse,
    PackageFunds,
)
from controller.domain.limits import count_failover
from controller.domain.reasons import Reason, Refused
from controller.domain.settlement import Settlement, record_unadmitted, settle
from controller.domain.ticket import Ticket, ticket_from_json
from controller.persistence import call_sql
from controller.persistence.call_rows import (
    Fields,
    SystemAccounts,
    attempt_row,
    call_row,
    cdr_row,
    held_from,
    held_row,
    holdings_rows,
    late_row,
    line_from,
    line_row,
    posting_row,
)
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

WAITS = "admitted without the database, which does not know of it yet"
"""The outcome of a call's end until the controller that admitted it has told of that."""

Row = tuple[Any, ...]
Cursor = psycopg.Cursor[Row]
Statements = Callable[[LiteralString, Any], Cursor]
"""Runs a statement with its values."""

Reader = Callable[[list[Row]], None]
"""Puts the rows of a statement where they belong."""


@dataclass(slots=True)
class Touched:
    """Ids of what a batch may change."""

    accounts: set[int] = field(default_factory=set)
    lines: set[LineKey] = field(default_factory=set)
    packages: set[int] = field(default_factory=set)
    allowances: set[int] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)

    def add(self, ticket: Ticket) -> None:
        """Of a call that begins or ends."""
        self.add_payers(ticket)
        self.accounts.update(a.cost.account_id for a in ticket.attempts)
        self.lines.update(touched_lines(ticket))

    def add_vendors(self, ticket: Ticket) -> None:
        """Of a call that is answered. With one vendor there is nothing to give back."""
        if len(ticket.attempts) > 1:
            self.lines.update(touched_lines(ticket))
            self.add_prepaid(ticket)

    def add_prepaid(self, ticket: Ticket) -> None:
        self.accounts.update(a.cost.account_id for a in ticket.attempts if a.prepaid)

    def add_payers(self, ticket: Ticket) -> None:
        for payer in ticket.payers:
            self.accounts.add(payer.account_id)
            self.packages.update(payer.packages)
            self.allowances.update(use.allowance_id for use in payer.free)
        if ticket.month is not None:
            self.months.add(ticket.month)


class Batch:
    """The working state of one transaction."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.holdings = Holdings()
        self.closed: dict[str, Row] = {}
        self.locked: dict[str, Row] = {}
        self.tickets: dict[str, Ticket] = {}
        self.settlements: dict[str, Settlement] = {}
        self.new_calls: list[Fields] = []
        self.changed_calls: list[Fields] = []
        self._before = Holdings()
        self._per_second: int | None = None
        self._new_late: set[str] = set()
        self._unknown: set[str] = set()

    def run(self, run: Statements, system_accounts: SystemAccounts) -> list[Outcome]:
        """Outcomes in the order of the entries. The caller commits or rolls back.

        The connection is in pipeline mode: what is read comes in one round trip, what is written
        goes with the caller's commit in another.
        """
        self._gather(run)
        outcomes: dict[int, Outcome] = {}
        for kind in (AdmitLate, Attempted, Answered, End, Extend, Admit):
            for index, entry in enumerate(self.entries):
                if isinstance(entry, kind):
                    outcomes[index] = self._decide(entry)
        written = self._write(run, system_accounts)
        self._drop_known_records(outcomes, written)
        return [outcomes.get(index) for index in range(len(self.entries))]

    # -- gather ---------------------------------------------------------------------------

    def _gather(self, run: Statements) -> None:
        """Lock and read, in the order calls, funds, packages, months, lines; sent together."""
        self._note_late(run)
        ends = [e for e in self.entries if isinstance(e, End)]
        strange = [e.call_id for e in ends if not _is_known(e)]
        closing = run(call_sql.CLOSE_CALLS, ([e.call_id for e in ends], strange)) if ends else None
        changing = self._lock_calls(run)
        self.tickets = {e.call_id: e.ticket for e in ends if e.ticket is not None}
        if strange:
            # calls of another process: only their stored tickets tell what to lock
            self._read_closed(closing)
        locked = self._lock_holdings(run, self._touched())
        if not self.closed:
            self._read_closed(closing)
        if changing is not None:
            self.locked = {row[0]: row for row in changing.fetchall()}
        for read, cursor in locked:
            read(cursor.fetchall())

    def _note_late(self, run: Statements) -> None:
        """What few batches have: calls that were admitted without the database, and their ends."""
        if late := [e for e in self.entries if isinstance(e, AdmitLate)]:
            noted = run(call_sql.NOTE_LATE, (_json([late_row(e.ticket) for e in late]),))
            self._new_late = {row[0] for row in noted.fetchall()}
        if offline := [e.call_id for e in self.entries if isinstance(e, End) and e.ended.offline]:
            known = run(call_sql.KNOWN_LATE, (offline,))
            self._unknown = {*offline} - {row[0] for row in known.fetchall()}

    def _read_closed(self, closing: Cursor | None) -> None:
        self.closed = {row[0]: row for row in closing.fetchall()} if closing is not None else {}
        for call_id, row in self.closed.items():
            if row[-1] is not None:
                self.tickets[call_id] = ticket_from_json(orjson.loads(row[-1]))

    def _lock_calls(self, run: Statements) -> Cursor | None:
        changing = [e.call_id for e in self.entries if isinstance(e, Answered | Extend)]
        return run(call_sql.LOCK_CALLS, (changing,)) if changing else None

    def _lock_holdings(self, run: Statements, touched: Touched) -> list[tuple[Reader, Cursor]]:
        """Each kind's rows, locked; with the function that puts them into `holdings`."""
        locked: list[tuple[Reader, Cursor]] = []
        holdings = self.holdings
        before = self._before
        if ids := sorted(touched.accounts):
            cursor = run(call_sql.LOCK_FUNDS, (ids,))
            locked.append((_into(Funds, holdings.funds, before.funds), cursor))
        if ids := sorted(touched.packages):
            cursor = run(call_sql.LOCK_PACKAGES, (ids,))
            locked.append((_into(PackageFunds, holdings.packages, before.packages), cursor))
        if ids := sorted(touched.allowances):
            cursor = run(call_sql.LOCK_ALLOWANCES, (ids,))
            locked.append((_into(Allowance, holdings.allowances, before.allowances), cursor))
        if touched.months:
            months = _json([{"phone_id": p, "month": m} for p, m in sorted(touched.months)])
            run(call_sql.OPEN_MONTHS, (months,))
            locked.append((self._read_months, run(call_sql.LOCK_MONTHS, (months,))))
        if touched.lines:
            values = ([kind for kind, _ in touched.lines], [id_ for _, id_ in touched.lines])
            locked.append((self._read_lines, run(call_sql.LOCK_LINES, values)))
        return locked

    def _read_months(self, rows: list[Row]) -> None:
        for phone_id, month, *values in rows:
            for holdings in (self.holdings, self._before):
                holdings.months[phone_id, month] = MonthUse(*values)

    def _read_lines(self, rows: list[Row]) -> None:
        for kind, id_, now_us, *values in rows:
            self.holdings.now_us = now_us
            for holdings in (self.holdings, self._before):
                holdings.lines[kind, id_] = line_from(*values)
        if system := self.holdings.lines.get(SYSTEM_LINE):
            system.per_second = self._per_second

    def _touched(self) -> Touched:
        touched = Touched()
        for entry in self.entries:
            if isinstance(entry, Answered):
                touched.add_vendors(entry.ticket)
            elif isinstance(entry, Extend):
                touched.add_payers(entry.ticket)
                touched.add_prepaid(entry.ticket)
            elif isinstance(entry, Attempted) and entry.next_gateway_id is not None:
                touched.lines.add(("routing", entry.next_gateway_id))
            elif isinstance(entry, Admit) and entry.rules.calls_per_second is not None:
                touched.lines.add(SYSTEM_LINE)
                self._per_second = entry.rules.calls_per_second
        for ticket in self._tickets_of_lines():
            touched.add(ticket)
        return touched

    def _tickets_of_lines(self) -> Iterator[Ticket]:
        """Calls that take lines and those that give them back."""
        yield from self.tickets.values()
        yield from (e.ticket for e in self.entries if isinstance(e, Admit))
        yield from (e.ticket for e in self.entries if self._is_new_late(e))

    # -- decide ---------------------------------------------------------------------------

    def _decide(self, entry: Entry) -> Outcome:
        if isinstance(entry, End):
            return self._end(entry)
        if isinstance(entry, Extend):
            return self._extend(entry)
        if isinstance(entry, Admit):
            return self._admit(entry)
        if isinstance(entry, AdmitLate):
            return self._admit_late(entry)
        if isinstance(entry, Answered):
            self._answer(entry)
        elif entry.next_gateway_id is not None:
            count_failover(entry.next_gateway_id, self.holdings)
        return None

    def _answer(self, entry: Answered) -> None:
        row = self.locked.get(entry.call_id)
        if row is None:
            return
        _, granted_s, *held_values = row
        before = held_from(entry.ticket, *held_values)
        now = answered_by(entry.ticket, before, entry.gateway_id, self.holdings)
        at = at_us(entry.answered_us)
        self.changed_calls.append(held_row(entry.call_id, granted_s, now, at))

    def _end(self, entry: End) -> Outcome:
        row = self.closed.get(entry.call_id)
        if row is None and entry.call_id in self._unknown:
            return Failed(WAITS, retry=False)
        if row is None:
            settlement = record_unadmitted(entry.unadmitted, entry.ended, entry.rules)
        else:
            _, granted_s, *held_values, _ = row
            ticket = self.tickets[entry.call_id]
            held = held_from(ticket, *held_values)
            settlement = settle(ticket, entry.ended, granted_s, held, entry.rules)
            release(ticket, held, self.holdings)
            take(ticket, settlement, self.holdings)
        self.settlements[entry.call_id] = settlement
        return Settled(settlement)

    def _extend(self, entry: Extend) -> Outcome:
        row = self.locked.get(entry.call_id)
        if row is None:
            return Refused(Reason.INTERNAL_ERROR, "the call is not open any more")
        _, granted_s, *held_values = row
        held: Held = held_from(entry.ticket, *held_values)
        answered_s = entry.answered_us // 1_000_000
        outcome = extend(entry.ticket, granted_s, held, entry.quantum_s, answered_s, self.holdings)
        if isinstance(outcome, Admitted):
            self.changed_calls.append(held_row(entry.call_id, outcome.granted_s, outcome.held))
        return outcome

    def _admit(self, entry: Admit) -> Outcome:
        outcome = admit(entry.ticket, entry.rules, self.holdings)
        if isinstance(outcome, Admitted):
            self.new_calls.append(call_row(replace(entry.ticket, payers=outcome.payers), outcome))
        return outcome

    def _admit_late(self, entry: AdmitLate) -> LateAdmission:
        if not self._is_new_late(entry):
            return LateAdmission()
        admitted = hold_late(entry.ticket, entry.granted_s, entry.gateway_ids, self.holdings)
        self.new_calls.append(call_row(entry.ticket, admitted))
        payers = [payer.account_id for payer in entry.ticket.payers]
        return LateAdmission(tuple(p for p in payers if self.holdings.funds[p].available < 0))

    def _is_new_late(self, entry: Entry) -> TypeGuard[AdmitLate]:
        return isinstance(entry, AdmitLate) and entry.call_id in self._new_late

    # -- write ----------------------------------------------------------------------------

    def _write(self, run: Statements, system: SystemAccounts) -> set[str]:
        """All writes at once; the ids of the records that were new."""
        settlements = self.settlements.values()
        rows = {
            "calls": self.new_calls,
            "held": self.changed_calls,
            "attempts": [attempt_row(e.event) for e in self.entries if isinstance(e, Attempted)],
            "postings": [posting_row(p, system) for s in settlements for p in s.postings],
            "cdrs": [cdr_row(s.cdr) for s in settlements if s.recorded],
            "charges": [line_row(line) for s in settlements if s.recorded for line in s.lines],
        }
        changed = holdings_rows(self.holdings, self._before)
        benefits = {name: changed.pop(name) for name in ("packages", "allowances", "months")}
        if any(benefits.values()):
            run(call_sql.WRITE_BENEFITS, {name: _json(r) for name, r in benefits.items()})
        rows |= changed
        if not any(rows.values()):
            return set()
        written = run(call_sql.WRITE_BATCH, {name: _json(r) for name, r in rows.items()})
        return {row[0] for row in written.fetchall()} if rows["cdrs"] else set()

    def _drop_known_records(self, outcomes: dict[int, Outcome], written: set[str]) -> None:
        """A record that was there already was settled before: say so."""
        for index, entry in enumerate(self.entries):
            if not isinstance(entry, End) or entry.call_id in written:
                continue
            settlement = self.settlements.get(entry.call_id)
            if settlement is not None and settlement.recorded:
                outcomes[index] = Settled(None)


def _is_known(entry: End) -> bool:
    """Whether the entry's own ticket tells what the call holds.

    Not where packages are concerned: which of them gave benefits was decided at the admission.
    """
    return entry.ticket is not None and not any(p.packages for p in entry.ticket.payers)


def _into(make: Callable[..., Any], *targets: dict[int, Any]) -> Reader:
    """Rows as values of `targets`: one to work on, and one as read."""

    def read(rows: list[Row]) -> None:
        for key, *values in rows:
            for target in targets:
                target[key] = make(*values)

    return read


def _json(rows: list[Fields]) -> str:
    return orjson.dumps(rows).decode()
