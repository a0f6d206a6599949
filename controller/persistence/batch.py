"""One batch of the call path: read and lock, decide, write. Lives for one transaction.

Ends come first (they give money and lines back), then extensions, then admissions. At most one
entry that changes a call is in a batch for any call; the journal sees to that.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import orjson
import psycopg

from controller.domain.admission import Admitted, admit, extend
from controller.domain.call_record import at_us
from controller.domain.conclusion import free_vendors, release, take
from controller.domain.holdings import (
    Allowance,
    Funds,
    Held,
    Holdings,
    Lines,
    Month,
    MonthUse,
    PackageFunds,
)
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
    grant_row,
    held_from,
    holdings_rows,
    line_row,
    posting_row,
)
from controller.services.journal_entries import (
    Admit,
    Answered,
    Attempted,
    End,
    Entry,
    Extend,
    Outcome,
    Settled,
)

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
    mapping: set[int] = field(default_factory=set)
    routing: set[int] = field(default_factory=set)
    packages: set[int] = field(default_factory=set)
    allowances: set[int] = field(default_factory=set)
    months: set[Month] = field(default_factory=set)

    def add(self, ticket: Ticket) -> None:
        self.add_payers(ticket)
        self.accounts.update(a.cost.account_id for a in ticket.attempts)
        self.mapping.add(ticket.mapping_gateway_id)
        self.routing.update(a.gateway_id for a in ticket.attempts)

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
        self.grants: dict[str, Row] = {}
        self.tickets: dict[str, Ticket] = {}
        self.settlements: dict[str, Settlement] = {}
        self.new_calls: list[Fields] = []
        self.more_granted: list[Fields] = []
        self._before = Holdings()

    def run(self, run: Statements, system_accounts: SystemAccounts) -> list[Outcome]:
        """Outcomes in the order of the entries. The caller commits or rolls back.

        The connection is in pipeline mode: what is read comes in one round trip, what is written
        goes with the caller's commit in another.
        """
        self._gather(run)
        outcomes: dict[int, Outcome] = {}
        for kind in (End, Extend, Admit):
            for index, entry in enumerate(self.entries):
                if isinstance(entry, kind):
                    outcomes[index] = self._decide(entry)
        written = self._write(run, system_accounts)
        self._drop_known_records(outcomes, written)
        return [outcomes.get(index) for index in range(len(self.entries))]

    # -- gather ---------------------------------------------------------------------------

    def _gather(self, run: Statements) -> None:
        """Lock and read, in the order calls, funds, packages, months, lines; sent together."""
        ends = [e for e in self.entries if isinstance(e, End)]
        strange = [e.call_id for e in ends if not _is_known(e)]
        closing = run(call_sql.CLOSE_CALLS, ([e.call_id for e in ends], strange)) if ends else None
        grants = self._lock_grants(run)
        answers = self._note_answers(run)
        self.tickets = {e.call_id: e.ticket for e in ends if e.ticket is not None}
        if strange:
            # calls of another process: only their stored tickets tell what to lock
            self._read_closed(closing)
        locked = self._lock_holdings(run, self._touched())
        if not self.closed:
            self._read_closed(closing)
        if grants is not None:
            self.grants = {row[0]: row for row in grants.fetchall()}
        for read, cursor in locked:
            read(cursor.fetchall())
        for before, after in answers.fetchall() if answers is not None else ():
            free_vendors(set(before) - set(after), self.holdings)

    def _read_closed(self, closing: Cursor | None) -> None:
        self.closed = {row[0]: row for row in closing.fetchall()} if closing is not None else {}
        for call_id, row in self.closed.items():
            if row[-1] is not None:
                self.tickets[call_id] = ticket_from_json(orjson.loads(row[-1]))

    def _lock_grants(self, run: Statements) -> Cursor | None:
        extended = [e.call_id for e in self.entries if isinstance(e, Extend)]
        return run(call_sql.LOCK_GRANTS, (extended,)) if extended else None

    def _note_answers(self, run: Statements) -> Cursor | None:
        rows = [
            {"call_id": e.call_id, "answered_at": at_us(e.answered_us), "gateway": e.gateway_id}
            for e in self.entries
            if isinstance(e, Answered)
        ]
        return run(call_sql.NOTE_ANSWERS, (_json(rows),)) if rows else None

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
        if touched.mapping or touched.routing:
            values = (sorted(touched.mapping), sorted(touched.routing))
            locked.append((self._read_lines, run(call_sql.LOCK_LINES, values)))
        return locked

    def _read_months(self, rows: list[Row]) -> None:
        for phone_id, month, *values in rows:
            for holdings in (self.holdings, self._before):
                holdings.months[phone_id, month] = MonthUse(*values)

    def _read_lines(self, rows: list[Row]) -> None:
        for side, gateway_id, *values in rows:
            for holdings in (self.holdings, self._before):
                lines = holdings.mapping_lines if side == "mapping" else holdings.routing_lines
                lines[gateway_id] = Lines(*values)

    def _touched(self) -> Touched:
        touched = Touched()
        for entry in self.entries:
            if isinstance(entry, Answered):
                touched.routing.update(entry.held_gateway_ids)
            if isinstance(entry, Extend):
                touched.add_payers(entry.ticket)
        for ticket in self._tickets_of_lines():
            touched.add(ticket)
        return touched

    def _tickets_of_lines(self) -> Iterator[Ticket]:
        """Calls that take lines and those that give them back."""
        yield from self.tickets.values()
        yield from (e.ticket for e in self.entries if isinstance(e, Admit))

    # -- decide ---------------------------------------------------------------------------

    def _decide(self, entry: Entry) -> Outcome:
        if isinstance(entry, End):
            return self._end(entry)
        if isinstance(entry, Extend):
            return self._extend(entry)
        if isinstance(entry, Admit):
            return self._admit(entry)
        return None

    def _end(self, entry: End) -> Outcome:
        row = self.closed.get(entry.call_id)
        if row is None:
            settlement = record_unadmitted(entry.unadmitted, entry.ended, entry.rules)
        else:
            _, vendors, granted_s, *held_values, _ = row
            ticket = self.tickets[entry.call_id]
            held = held_from(ticket, *held_values)
            settlement = settle(ticket, entry.ended, granted_s, held, entry.rules)
            release(ticket, held, set(vendors), self.holdings)
            take(ticket, settlement, self.holdings)
        self.settlements[entry.call_id] = settlement
        return Settled(settlement)

    def _extend(self, entry: Extend) -> Outcome:
        row = self.grants.get(entry.call_id)
        if row is None:
            return Refused(Reason.INTERNAL_ERROR, "the call is not open any more")
        _, granted_s, *held_values = row
        held: Held = held_from(entry.ticket, *held_values)
        answered_s = entry.answered_us // 1_000_000
        outcome = extend(entry.ticket, granted_s, held, entry.quantum_s, answered_s, self.holdings)
        if isinstance(outcome, Admitted):
            self.more_granted.append(grant_row(entry.call_id, outcome))
        return outcome

    def _admit(self, entry: Admit) -> Outcome:
        outcome = admit(entry.ticket, entry.rules, self.holdings)
        if isinstance(outcome, Admitted):
            self.new_calls.append(call_row(replace(entry.ticket, payers=outcome.payers), outcome))
        return outcome

    # -- write ----------------------------------------------------------------------------

    def _write(self, run: Statements, system: SystemAccounts) -> set[str]:
        """All writes at once; the ids of the records that were new."""
        settlements = self.settlements.values()
        rows = {
            "calls": self.new_calls,
            "grants": self.more_granted,
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
            if self.settlements[entry.call_id].recorded:
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
