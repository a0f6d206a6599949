"""The answer and the end of a call in the books: what it held goes back, what it cost is taken.

Pure. The counterpart of `admission.py`, on the same working copy of what a transaction has locked.
"""

from dataclasses import replace

from controller.domain.counting import count_call, count_freed, groups_of
from controller.domain.holdings import Held, Holdings, nothing_held
from controller.domain.ledger import SystemAccount
from controller.domain.settlement import Settlement
from controller.domain.ticket import Ticket


def answered_by(ticket: Ticket, held: Held, gateway_id: int | None, holdings: Holdings) -> Held:
    """What is held after the answer: what was held of the other vendors only goes back.

    Nothing goes back where nobody knows who answered.
    """
    attempt = next((a for a in ticket.attempts if a.gateway_id == gateway_id), None)
    if attempt is None or attempt.gateway_id not in held.gateway_ids:
        return held
    own = tuple(v for v in held.vendors if attempt.prepaid and v[0] == attempt.cost.account_id)
    now = replace(
        held,
        gateway_ids=(attempt.gateway_id,),
        group_ids=groups_of(ticket, (attempt,)),
        vendors=own,
    )
    if now == held:
        return held
    count_freed(held, now, holdings)
    holdings.hold_at_vendors(held.vendors, now.vendors)
    return now


def release(ticket: Ticket, held: Held, holdings: Holdings) -> None:
    """Give back everything that a call held: money, benefits, its month and its lines."""
    nothing = nothing_held(ticket.payers)
    for payer, before, now in zip(ticket.payers, held.payers, nothing.payers, strict=True):
        holdings.hold(payer, before, now)
    if ticket.month is not None:
        holdings.months[ticket.month].reserved -= held.month
    holdings.hold_at_vendors(held.vendors, ())
    count_call(ticket, held, -1, holdings)


def take(ticket: Ticket, settlement: Settlement, holdings: Holdings) -> None:
    """Move the money, use up the benefits, and count the call in its packages and month."""
    for posting in settlement.postings:
        for account, amount in (
            (posting.debit, -posting.amount),
            (posting.credit, posting.amount),
        ):
            # system accounts keep no balance: it follows from the postings
            if not isinstance(account, SystemAccount):
                holdings.funds[account].balance += amount
    for payer, owed in zip(ticket.payers, settlement.bills, strict=True):
        holdings.spend(payer, owed.free_s, owed.gifts)
        for package_id in payer.packages:
            holdings.packages[package_id].consumption += owed.charge.gross
    if ticket.month is not None and settlement.bills:
        holdings.months[ticket.month].consumed += settlement.bills[0].charge.gross
