"""One batch of the call path: read and lock, decide, write. Lives for one transaction.

Ends come first (they give money and lines back), then extensions, then admissions. At most one
entry that changes a call is in a batch for any call; the journal sees to that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, LiteralString

import orjson
import psycopg

from controller.domain.admission import Admitted, Funds, Holdings, Lines, admit, extend
from controller.domain.cdr import Cdr
from controller.domain.events import AttemptEnded
from controller.domain.ledger import Posting, SystemAccount
from controller.domain.reasons import Reason, Refused
from controller.domain.settlement import Settlement, at_us, record_unadmitted, settle
from controller.domain.ticket import Ticket, ticket_from_json, ticket_to_json
from controller.persistence import call_sql
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

SystemAccounts = Mapping[tuple[str, str], int]
"""Ids of the platform's own accounts by currency and role."""


class Batch:
    """The working state of one transaction."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.holdings = Holdings()
        self.closed: dict[str, Row] = {}
        self.grants: dict[str, tuple[int, Decimal]] = {}
        self.tickets: dict[str, Ticket] = {}
        self.settlements: dict[str, Settlement] = {}
        self.new_calls: list[dict[str, Any]] = []
        self.more_granted: list[dict[str, Any]] = []
        self._as_read: dict[tuple[str, int], Funds | Lines] = {}

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
        """Lock and read, in the order calls, funds, lines; sent together, fetched together."""
        ends = [e for e in self.entries if isinstance(e, End)]
        closing = self._close_calls(run, ends)
        grants = self._lock_grants(run)
        answers = self._note_answers(run)
        self.tickets = {e.call_id: e.ticket for e in ends if e.ticket is not None}
        if any(e.ticket is None for e in ends):
            # calls of another process: only their stored tickets tell what to lock
            self._read_closed(closing)
        funds, lines = self._lock_holdings(run)
        if not self.closed:
            self._read_closed(closing)
        if grants is not None:
            self.grants = {call_id: (granted, held) for call_id, granted, held in grants.fetchall()}
        self._read_holdings(funds, lines)
        for before, after in answers.fetchall() if answers is not None else ():
            self._free_vendors(set(before) - set(after))

    def _close_calls(self, run: Statements, ends: list[End]) -> Cursor | None:
        if not ends:
            return None
        strange = [e.call_id for e in ends if e.ticket is None]
        return run(call_sql.CLOSE_CALLS, ([e.call_id for e in ends], strange))

    def _read_closed(self, closing: Cursor | None) -> None:
        self.closed = {row[0]: row for row in closing.fetchall()} if closing is not None else {}
        for call_id, row in self.closed.items():
            if call_id not in self.tickets:
                self.tickets[call_id] = ticket_from_json(orjson.loads(row[6]))

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

    def _lock_holdings(self, run: Statements) -> tuple[Cursor | None, Cursor | None]:
        accounts, mapping, routing = self._touched()
        funds = lines = None
        if accounts:
            funds = run(call_sql.LOCK_FUNDS, (sorted(accounts),))
        if mapping or routing:
            lines = run(call_sql.LOCK_LINES, (sorted(mapping), sorted(routing)))
        return funds, lines

    def _read_holdings(self, funds: Cursor | None, lines: Cursor | None) -> None:
        for account_id, *values in funds.fetchall() if funds is not None else ():
            self.holdings.funds[account_id] = Funds(*values)
            self._as_read["account", account_id] = Funds(*values)
        for side, gateway_id, *values in lines.fetchall() if lines is not None else ():
            self._lines(side)[gateway_id] = Lines(*values)
            self._as_read[side, gateway_id] = Lines(*values)

    def _touched(self) -> tuple[set[int], set[int], set[int]]:
        """Ids of accounts, mapping gateways and routing gateways that this batch may change."""
        accounts: set[int] = set()
        mapping: set[int] = set()
        routing: set[int] = set()
        for entry in self.entries:
            if isinstance(entry, Answered):
                routing.update(entry.held_gateway_ids)
            if isinstance(entry, Extend):
                accounts.add(entry.ticket.account_id)
        for ticket in self._tickets_of_lines():
            accounts.add(ticket.account_id)
            accounts.update(a.cost.account_id for a in ticket.attempts)
            mapping.add(ticket.mapping_gateway_id)
            routing.update(a.gateway_id for a in ticket.attempts)
        return accounts, mapping, routing

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
            settlement = record_unadmitted(entry.unadmitted, entry.ended, entry.threshold_ms)
        else:
            self._release(row)
            ticket = self.tickets[entry.call_id]
            settlement = settle(ticket, entry.ended, row[5], entry.threshold_ms)
            self._move(settlement.postings)
        self.settlements[entry.call_id] = settlement
        return Settled(settlement)

    def _release(self, row: Row) -> None:
        _, account_id, mapping_gateway_id, vendors, reserved, *_ = row
        funds = self.holdings.funds[account_id]
        funds.reserved -= reserved
        funds.lines -= 1
        if lines := self.holdings.mapping_lines.get(mapping_gateway_id):
            lines.used -= 1
        self._free_vendors(set(vendors))

    def _free_vendors(self, gateway_ids: set[int]) -> None:
        for gateway_id in gateway_ids:
            if lines := self.holdings.routing_lines.get(gateway_id):
                lines.used -= 1

    def _move(self, postings: Sequence[Posting]) -> None:
        """Apply postings to the locked balances; system accounts have none to keep."""
        for posting in postings:
            for account, amount in (
                (posting.debit, -posting.amount),
                (posting.credit, posting.amount),
            ):
                if not isinstance(account, SystemAccount):
                    self.holdings.funds[account].balance += amount

    def _extend(self, entry: Extend) -> Outcome:
        grant = self.grants.get(entry.call_id)
        if grant is None:
            return Refused(Reason.INTERNAL_ERROR, "the call is not open any more")
        funds = self.holdings.funds[entry.ticket.account_id]
        outcome = extend(entry.ticket, *grant, entry.quantum_s, funds)
        if isinstance(outcome, Admitted):
            self.more_granted.append(
                {
                    "call_id": entry.call_id,
                    "granted_s": outcome.granted_s,
                    "reserved": str(outcome.reserved),
                }
            )
        return outcome

    def _admit(self, entry: Admit) -> Outcome:
        outcome = admit(entry.ticket, entry.rules, self.holdings)
        if isinstance(outcome, Admitted):
            self.new_calls.append(_call_row(entry.ticket, outcome))
        return outcome

    # -- write ----------------------------------------------------------------------------

    def _write(self, run: Statements, system: SystemAccounts) -> set[str]:
        """All writes at once; the ids of the records that were new."""
        postings = [
            _posting_row(posting, system)
            for settlement in self.settlements.values()
            for posting in settlement.postings
        ]
        rows = {
            "calls": self.new_calls,
            "grants": self.more_granted,
            "funds": self._changed_funds(),
            "lines": self._changed_lines(),
            "attempts": [_attempt_row(e.event) for e in self.entries if isinstance(e, Attempted)],
            "postings": postings,
            "cdrs": [_cdr_row(s.cdr) for s in self.settlements.values()],
        }
        if not any(rows.values()):
            return set()
        written = run(call_sql.WRITE_BATCH, {name: _json(r) for name, r in rows.items()})
        return {row[0] for row in written.fetchall()} if rows["cdrs"] else set()

    def _changed_funds(self) -> list[dict[str, Any]]:
        return [
            {
                "account_id": account_id,
                "balance": str(funds.balance),
                "reserved": str(funds.reserved),
                "lines": funds.lines,
            }
            for account_id, funds in self.holdings.funds.items()
            if funds != self._as_read["account", account_id]
        ]

    def _changed_lines(self) -> list[dict[str, Any]]:
        return [
            {"side": side, "gateway_id": gateway_id, "used": lines.used}
            for side in ("mapping", "routing")
            for gateway_id, lines in self._lines(side).items()
            if lines != self._as_read[side, gateway_id]
        ]

    def _drop_known_records(self, outcomes: dict[int, Outcome], written: set[str]) -> None:
        """A record that was there already was settled before: say so."""
        for index, entry in enumerate(self.entries):
            if isinstance(entry, End) and entry.call_id not in written:
                outcomes[index] = Settled(None)

    def _lines(self, side: str) -> dict[int, Lines]:
        return self.holdings.mapping_lines if side == "mapping" else self.holdings.routing_lines


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _call_row(ticket: Ticket, admitted: Admitted) -> dict[str, Any]:
    return {
        "call_id": ticket.call_id,
        "switch_id": ticket.switch_id,
        "account_id": ticket.account_id,
        "mapping_gateway_id": ticket.mapping_gateway_id,
        "routing_gateway_ids": admitted.gateway_ids,
        "reserved": str(admitted.reserved),
        "granted_s": admitted.granted_s,
        "offered_at": at_us(ticket.offered_us),
        "caller": ticket.caller,
        "callee": ticket.callee,
        "ticket": ticket_to_json(ticket),
    }


def _posting_row(posting: Posting, system: SystemAccounts) -> dict[str, Any]:
    def account(which: int | SystemAccount) -> int:
        return system[posting.currency, which] if isinstance(which, SystemAccount) else which

    return {
        "id": posting.posting_id,
        "kind": posting.kind,
        "debit": account(posting.debit),
        "credit": account(posting.credit),
        "amount": str(posting.amount),
        "currency": posting.currency,
        "at": posting.at,
        "call_id": posting.call_id,
    }


def _cdr_row(cdr: Cdr) -> dict[str, Any]:
    row = {name: getattr(cdr, name) for name in Cdr.__slots__}
    for amount in ("net", "tax", "cost"):
        row[amount] = str(row[amount])
    return row


def _attempt_row(event: AttemptEnded) -> dict[str, Any]:
    return {
        "leg_id": event.leg_id,
        "started_at": at_us(event.started_us),
        "call_id": event.call_id,
        "number": event.number,
        "gateway": event.gateway,
        "caller_sent": event.caller_sent,
        "callee_sent": event.callee_sent,
        "ringing_at": at_us(event.ringing_us) if event.ringing_us else None,
        "answered_at": at_us(event.answered_us) if event.answered_us else None,
        "ended_at": at_us(event.ended_us),
        "cause": event.cause,
        "q850": event.q850,
        "sip_status": event.sip_status,
        "hangup_by_remote": event.hangup_by_remote,
    }
