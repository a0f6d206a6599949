"""One batch of the call path: read and lock, decide, write. Lives for one transaction.

Ends come first (they give money and lines back), then extensions, then admissions. At most one
entry that changes a call is in a batch for any call; the journal sees to that.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

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
NEVER_ADMITTED = datetime.max.replace(tzinfo=UTC)


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

    def run(self, connection: psycopg.Connection) -> list[Outcome]:
        """Outcomes in the order of the entries. The caller commits or rolls back."""
        self._lock_calls(connection)
        self._lock_holdings(connection)
        outcomes: dict[int, Outcome] = {}
        for kind in (End, Extend, Admit):
            for index, entry in enumerate(self.entries):
                if isinstance(entry, kind):
                    outcomes[index] = self._decide(entry)
        written = self._write(connection)
        self._drop_known_records(outcomes, written)
        return [outcomes.get(index) for index in range(len(self.entries))]

    # -- gather ---------------------------------------------------------------------------

    def _lock_calls(self, connection: psycopg.Connection) -> None:
        ends = [e for e in self.entries if isinstance(e, End)]
        if ends:
            unknown = [e.call_id for e in ends if e.ticket is None]
            rows = connection.execute(
                call_sql.CLOSE_CALLS, ([e.call_id for e in ends], unknown)
            ).fetchall()
            self.closed = {row[0]: row for row in rows}
        self.tickets = {e.call_id: t for e in ends if (t := self._ticket_of(e)) is not None}
        extended = [e.call_id for e in self.entries if isinstance(e, Extend)]
        if extended:
            rows = connection.execute(call_sql.LOCK_GRANTS, (extended,)).fetchall()
            self.grants = {call_id: (granted, reserved) for call_id, granted, reserved in rows}

    def _ticket_of(self, entry: End) -> Ticket | None:
        row = self.closed.get(entry.call_id)
        if row is None:
            return None
        return entry.ticket or ticket_from_json(orjson.loads(row[6]))

    def _lock_holdings(self, connection: psycopg.Connection) -> None:
        answers = self._note_answers(connection)
        accounts, mapping, routing = self._touched(answers)
        if accounts:
            for account_id, *funds in connection.execute(
                call_sql.LOCK_FUNDS, (sorted(accounts),)
            ).fetchall():
                self.holdings.funds[account_id] = Funds(*funds)
        if mapping or routing:
            for side, gateway_id, used, capacity in connection.execute(
                call_sql.LOCK_LINES, (sorted(mapping), sorted(routing))
            ).fetchall():
                self._lines(side)[gateway_id] = Lines(used, capacity)
        for before, after in answers:
            self._free_vendors(set(before) - set(after))

    def _note_answers(self, connection: psycopg.Connection) -> list[Row]:
        rows = [
            {"call_id": e.call_id, "answered_at": at_us(e.answered_us), "gateway": e.gateway_id}
            for e in self.entries
            if isinstance(e, Answered)
        ]
        return connection.execute(call_sql.NOTE_ANSWERS, (_json(rows),)).fetchall() if rows else []

    def _touched(self, answers: list[Row]) -> tuple[set[int], set[int], set[int]]:
        """Ids of accounts, mapping gateways and routing gateways that this batch may change."""
        accounts: set[int] = set()
        mapping: set[int] = set()
        routing = {gateway for before, _ in answers for gateway in before}
        for _, account_id, gateway_id, vendors, *_ in self.closed.values():
            accounts.add(account_id)
            mapping.add(gateway_id)
            routing.update(vendors)
        for ticket in self.tickets.values():
            accounts.update(a.cost.account_id for a in ticket.attempts)
        for entry in self.entries:
            if isinstance(entry, Admit | Extend):
                accounts.add(entry.ticket.account_id)
            if isinstance(entry, Admit):
                mapping.add(entry.ticket.mapping_gateway_id)
                routing.update(a.gateway_id for a in entry.ticket.attempts)
                if entry.rules.prepaid_gateways:
                    accounts.update(a.cost.account_id for a in entry.ticket.attempts)
        return accounts, mapping, routing

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
        ticket = self.tickets.get(entry.call_id)
        if ticket is None:
            settlement = record_unadmitted(entry.unadmitted, entry.ended, entry.threshold_ms)
        else:
            row = self.closed[entry.call_id]
            self._release(row)
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

    def _write(self, connection: psycopg.Connection) -> set[str]:
        """All writes in one round trip; the ids of the records that were new."""
        attempts = [_attempt_row(e.event) for e in self.entries if isinstance(e, Attempted)]
        postings = [p for s in self.settlements.values() for p in s.postings]
        rows = self._rows(attempts)
        if postings:
            rows.append((call_sql.ADD_POSTINGS, self._posting_rows(connection, postings)))
        cdrs = [_cdr_row(s.cdr) for s in self.settlements.values()]
        with connection.pipeline():
            for statement, values in rows:
                if values:
                    connection.execute(statement, (_json(values),))
            added = connection.execute(call_sql.ADD_CDRS, (_json(cdrs),)) if cdrs else None
        return {row[0] for row in added.fetchall()} if added is not None else set()

    def _rows(self, attempts: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
        funds = [
            {
                "account_id": account_id,
                "balance": str(f.balance),
                "reserved": str(f.reserved),
                "lines": f.lines,
            }
            for account_id, f in self.holdings.funds.items()
        ]
        lines = [
            {"side": side, "gateway_id": gateway_id, "used": line.used}
            for side in ("mapping", "routing")
            for gateway_id, line in self._lines(side).items()
        ]
        return [
            (call_sql.OPEN_NEW_CALLS, self.new_calls),
            (call_sql.GRANT_MORE, self.more_granted),
            (call_sql.STORE_FUNDS, funds),
            (call_sql.STORE_LINES, lines),
            (call_sql.ADD_ATTEMPTS, attempts),
        ]

    def _posting_rows(
        self, connection: psycopg.Connection, postings: Sequence[Posting]
    ) -> list[dict[str, Any]]:
        system = {
            (currency, name.partition(":")[0]): account_id
            for currency, name, account_id in connection.execute(call_sql.SYSTEM_ACCOUNTS)
        }
        return [_posting_row(posting, system) for posting in postings]

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


def _posting_row(posting: Posting, system: dict[tuple[str, str], int]) -> dict[str, Any]:
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
