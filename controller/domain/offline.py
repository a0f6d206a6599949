"""Calls that are admitted while the database is away, by explicit terms of each payer. Pure.

Nothing is known then of balances, of free seconds, of months and of other controllers' calls. What
is known is what this controller has let through since: `OfflineBooks` counts it, and `admit`
decides on it as it decides on the database's figures (docs/adr/0021).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from controller.domain.admission import AdmissionRules, Admitted, admit
from controller.domain.authorization import Authorized
from controller.domain.call_record import RecordRules
from controller.domain.configuration import Configuration, OfflineTerms
from controller.domain.counting import count_call, touched_lines
from controller.domain.events import CallEnded
from controller.domain.holdings import (
    Funds,
    Hold,
    Holdings,
    LineKey,
    Lines,
    MonthUse,
    PackageFunds,
    nothing_held,
)
from controller.domain.reasons import Reason, Refused
from controller.domain.settlement import settle
from controller.domain.ticket import Ticket

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OfflineRules:
    """What a call needs to be admitted without the database, by the last loaded configuration.

    `terms` are those of every payer; `capacities` the limits of the lines that are in it.
    """

    terms: Mapping[int, OfflineTerms]
    capacity: int | None
    capacities: Mapping[LineKey, int | None]

    @property
    def longest_s(self) -> int:
        return min(terms.minutes for terms in self.terms.values()) * 60


def offline_rules(configuration: Configuration, decision: Authorized) -> OfflineRules | None:
    """None where a payer of the call has no such terms: then it waits for the database."""
    if decision.account.offline is None:
        return None
    terms = {
        payer.account_id: configuration.accounts[payer.account_id].offline
        for payer in decision.payers
    }
    agreed = {account_id: own for account_id, own in terms.items() if own is not None}
    if len(agreed) < len(terms):
        return None
    capacities: dict[LineKey, int | None] = {
        ("routing", c.gateway.gateway_id): c.gateway.capacity for c in decision.candidates
    }
    capacities["mapping", decision.gateway.gateway_id] = decision.gateway.capacity
    return OfflineRules(agreed, decision.account.capacity, capacities)


@dataclass(slots=True)
class _Call:
    """`due`: what each payer owes once it has ended; until then its `granted` is held."""

    ticket: Ticket
    granted: Admitted
    due: tuple[Decimal, ...] | None = None


class OfflineBooks:
    """What was admitted without the database and is not in its books yet.

    An account's terms bound the calls in progress below it, and the money of all that are here:
    of calls in progress what they may cost, of ended ones what they did.
    """

    def __init__(self) -> None:
        self._holdings = Holdings()
        self._calls: dict[str, _Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def admit(
        self, ticket: Ticket, rules: AdmissionRules, offline: OfflineRules
    ) -> Admitted | Refused:
        """For as long as the terms allow at most. The refusal names what is in the way."""
        if ticket.monthly_maximum is not None:
            return _refused(f"the month of phone {ticket.phone} is not known")
        self._open_accounts(ticket, offline)
        rules = replace(rules, quantum_s=offline.longest_s, calls_per_second=None)
        outcome = admit(ticket, rules, self._holdings)
        if isinstance(outcome, Refused):
            return _refused(f"{outcome.reason}: {outcome.detail}")
        admitted = replace(outcome, offline=True)
        self._calls[ticket.call_id] = _Call(replace(ticket, payers=outcome.payers), admitted)
        return admitted

    def end(self, ended: CallEnded, rules: RecordRules) -> None:
        """The call costs what it costs; its lines are free."""
        call = self._calls.get(ended.call_id)
        if call is None or call.due is not None:
            return
        held = call.granted.held
        settlement = settle(call.ticket, ended, call.granted.granted_s, held, rules)
        call.due = tuple(bill.due for bill in settlement.bills)
        self._release(call)
        for payer, due in zip(call.ticket.payers, call.due, strict=True):
            self._holdings.funds[payer.account_id].reserved += due

    def forget(self, call_id: str) -> None:
        """The database has it, or it was not let through after all."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        if call.due is None:
            self._release(call)
            return
        for payer, due in zip(call.ticket.payers, call.due, strict=True):
            self._holdings.funds[payer.account_id].reserved -= due

    def _release(self, call: _Call) -> None:
        nothing = nothing_held(call.ticket.payers).payers
        holds: tuple[Hold, ...] = call.granted.held.payers
        for payer, before, now in zip(call.ticket.payers, holds, nothing, strict=True):
            self._holdings.hold(payer, before, now)
        self._holdings.hold_at_vendors(call.granted.held.vendors, ())
        count_call(call.ticket, call.granted.held, -1, self._holdings)

    def _open_accounts(self, ticket: Ticket, offline: OfflineRules) -> None:
        """Everything that the decision may touch, with the limits of now."""
        for payer in ticket.payers:
            terms = offline.terms[payer.account_id]
            funds = self._funds(payer.account_id)
            funds.balance, funds.subtree_capacity = terms.money, terms.calls
            for package_id in payer.packages:
                # without consumption, so without benefits: nobody knows what is left of them
                self._holdings.packages[package_id] = PackageFunds(ZERO, ZERO, ZERO, Decimal(1))
        self._funds(ticket.account_id).capacity = offline.capacity
        for attempt in ticket.attempts:
            if attempt.prepaid:
                # nobody knows what is left there: it is left out
                self._funds(attempt.cost.account_id)
        for key in touched_lines(ticket):
            lines = self._holdings.lines.setdefault(key, Lines(0, None))
            lines.capacity = offline.capacities.get(key)
        if ticket.month is not None:
            self._holdings.months.setdefault(ticket.month, MonthUse(ZERO, ZERO))

    def _funds(self, account_id: int) -> Funds:
        return self._holdings.funds.setdefault(account_id, Funds(ZERO, ZERO, ZERO, 0, None))


def _refused(why: str) -> Refused:
    return Refused(Reason.STORE_UNAVAILABLE, f"without the database: {why}")
