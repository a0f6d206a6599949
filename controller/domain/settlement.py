"""Settlement: from a ticket and the call's end to its record and its postings. Pure.

The same figures whether the end came as an event, from the CDR spool after a crash, or twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from controller.domain.billing import Bill, Payer, bill, charge_at
from controller.domain.call_record import (
    RecordRules,
    Unadmitted,
    admitted_cdr,
    at_us,
    hold_time_s,
    is_kept,
    reason_of_end,
    unadmitted_cdr,
)
from controller.domain.cdr import VENDOR, Cdr, ChargeLine
from controller.domain.events import CallEnded
from controller.domain.holdings import Held
from controller.domain.ledger import Posting, PostingKind, SystemAccount, call_posting_id
from controller.domain.money import plain
from controller.domain.tariff import ZERO_CHARGE, Charge
from controller.domain.ticket import Ticket, TicketAttempt

TIMER_SLACK_S = 2
"""The switch ends a call within this many seconds after its timer; more is for a person to see."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written for an ended call. `bills` are those of the ticket's payers, in order.

    `recorded`: whether the record is kept; one that says something about money always is.
    """

    cdr: Cdr
    postings: tuple[Posting, ...] = ()
    lines: tuple[ChargeLine, ...] = ()
    bills: tuple[Bill, ...] = ()
    recorded: bool = True


def settle(
    ticket: Ticket, ended: CallEnded, granted_s: int, held: Held, rules: RecordRules
) -> Settlement:
    """The record, each payer's part and the postings of an admitted call.

    Payers pay at most for the granted seconds, which were reserved: what the switch's timer let
    run longer is ours. The vendor is paid for the true duration.
    """
    duration_s = hold_time_s(ended.talk_us, rules.hold_time_threshold_ms)
    bills = _bills(ticket, ended, min(duration_s, granted_s), held)
    attempt = ticket.attempt(ended.connected_leg) or _last_attempt(ticket, ended)
    answered_s = ended.answered_us // 1_000_000
    cost = attempt.cost.charge(duration_s, answered_s) if attempt and duration_s else ZERO_CHARGE
    review = _review(ticket, ended, duration_s, granted_s) or _beyond(bills, held)
    cdr = admitted_cdr(ticket, ended, duration_s, bills[0], attempt, cost, review)
    postings = tuple(_postings(ticket, ended, bills, attempt, cost))
    lines = tuple(_lines(cdr, ticket, bills, attempt, cost, answered_s)) if duration_s else ()
    recorded = bool(postings or review) or (ticket.recorded and is_kept(cdr, rules))
    return Settlement(cdr, postings, lines, bills, recorded)


def _bills(ticket: Ticket, ended: CallEnded, charged_s: int, held: Held) -> tuple[Bill, ...]:
    rated_s = ticket.rated_time.rated_s(charged_s)
    price_of = charge_at(ended.answered_us // 1_000_000)
    return tuple(
        bill(payer, rated_s, hold.free_s, hold.gifts, price_of)
        for payer, hold in zip(ticket.payers, held.payers, strict=True)
    )


def record_unadmitted(known: Unadmitted | None, ended: CallEnded, rules: RecordRules) -> Settlement:
    """The record of a call without a ticket: refused, or let go by the fail-safe."""
    reason = reason_of_end(ended, known.reason if known else None)
    duration_s = hold_time_s(ended.talk_us, rules.hold_time_threshold_ms)
    review = "answered without having been admitted" if duration_s else ""
    known = replace(known, reason=reason) if known else Unadmitted(reason)
    cdr = unadmitted_cdr(known, ended, duration_s, review)
    return Settlement(cdr, recorded=bool(review) or is_kept(cdr, rules))


def _review(ticket: Ticket, ended: CallEnded, duration_s: int, granted_s: int) -> str:
    """Why a person should look at this record, or nothing."""
    if not ended.ended_us:
        talked = f"at most {granted_s} s were reserved" if ended.answered_us else "not answered"
        return f"no record of the end was found; talk time unknown, {talked}"
    if duration_s > granted_s + TIMER_SLACK_S:
        return f"talked {duration_s} s, {granted_s} s were granted"
    if duration_s and ticket.attempt(ended.connected_leg) is None:
        return "answered by a leg that is not in the plan"
    return ""


def _beyond(bills: tuple[Bill, ...], held: Held) -> str:
    """More than was reserved: only where the answer came later than any vendor's time-out."""
    for owed, hold in zip(bills, held.payers, strict=True):
        if owed.due > hold.money:
            return f"charged {plain(owed.due)}, {plain(hold.money)} were reserved"
    return ""


def _last_attempt(ticket: Ticket, ended: CallEnded) -> TicketAttempt | None:
    for leg_id in reversed(ended.attempted_legs):
        if attempt := ticket.attempt(leg_id):
            return attempt
    return None


Move = tuple[PostingKind, int | SystemAccount, int | SystemAccount, Decimal, str]


def _postings(
    ticket: Ticket,
    ended: CallEnded,
    bills: tuple[Bill, ...],
    attempt: TicketAttempt | None,
    cost: Charge,
) -> list[Posting]:
    at = at_us(ended.ended_us or ended.offered_us)
    moves = list(_payers_moves(ticket, bills))
    if attempt:
        vendor, currency = attempt.cost.account_id, attempt.cost.terms.currency
        termination = SystemAccount.TERMINATION_COST
        moves.append((PostingKind.CALL_COST, vendor, termination, cost.gross, currency))
    return [
        Posting(
            call_posting_id(ticket.call_id, kind, _holder(debit, credit)),
            kind,
            debit,
            credit,
            amount,
            currency,
            at,
            ticket.call_id,
        )
        for kind, debit, credit, amount, currency in moves
        if amount > 0
    ]


def _payers_moves(ticket: Ticket, bills: tuple[Bill, ...]) -> Iterator[Move]:
    """The whole charge leaves each payer, and gift money comes back to it.

    What the topmost payer pays is the operator's revenue; what those below it pay is income of
    the agent above them, which is not the operator's (docs/adr/0011).
    """
    top = len(bills) - 1
    for level, (payer, owed) in enumerate(zip(ticket.payers, bills, strict=True)):
        account, currency, charge = payer.account_id, payer.currency, owed.charge
        revenue = SystemAccount.REVENUE if level == top else SystemAccount.RESALE
        tax = SystemAccount.TAX if level == top else SystemAccount.RESALE
        yield PostingKind.CALL_CHARGE, account, revenue, charge.net, currency
        yield PostingKind.CALL_TAX, account, tax, charge.tax, currency
        yield PostingKind.GIFT, SystemAccount.GIFTS, account, owed.gift, currency


def _holder(debit: int | SystemAccount, credit: int | SystemAccount) -> int:
    """The account of the two that is not the platform's own."""
    for account in (debit, credit):
        if not isinstance(account, SystemAccount):
            return account
    raise ValueError("a call moves no money between system accounts")


def _lines(
    cdr: Cdr,
    ticket: Ticket,
    bills: tuple[Bill, ...],
    attempt: TicketAttempt | None,
    cost: Charge,
    answered_s: int,
) -> Iterator[ChargeLine]:
    """Each party's own line: the customer, every agent above it, and the vendor."""
    for party, (payer, owed) in enumerate(zip(ticket.payers, bills, strict=True)):
        charge = owed.charge
        yield ChargeLine(
            cdr.call_id,
            cdr.started_at,
            party,
            payer.account_id,
            owed.pricing.group,
            owed.prefix(answered_s),
            charge.billed_s,
            owed.raw(answered_s),
            charge.net,
            charge.tax,
            payer.currency,
            free_s=sum(owed.free_s),
            gift=owed.gift,
            package_ids=_packages_used(payer, owed),
            rated_s=owed.rated_s,
        )
    if attempt:
        pricing = attempt.cost
        yield ChargeLine(
            cdr.call_id,
            cdr.started_at,
            VENDOR,
            pricing.account_id,
            pricing.group,
            pricing.prefix_at(answered_s),
            cost.billed_s,
            pricing.raw(cdr.duration_s, answered_s),
            cost.net,
            cost.tax,
            pricing.terms.currency,
            rated_s=cdr.duration_s,
        )


def _packages_used(payer: Payer, owed: Bill) -> tuple[int, ...]:
    """Active packages that gave free seconds, gift money or the price, each once."""
    used = [use.package_id for use, taken in zip(payer.free, owed.free_s, strict=True) if taken]
    used += [gift for gift, taken in zip(payer.gifts, owed.gifts, strict=True) if taken]
    if owed.pricing.package_id is not None:
        used.append(owed.pricing.package_id)
    return tuple(dict.fromkeys(used))
