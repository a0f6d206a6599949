"""The end of a call in the books: what it held goes back, what it cost is taken. Pure.

The counterpart of `admission.py`, on the same working copy of what a transaction has locked.
"""

from collections.abc import Iterable

from controller.domain.holdings import Held, Holdings, nothing_held
from controller.domain.ledger import SystemAccount
from controller.domain.settlement import Settlement
from controller.domain.ticket import Ticket


def release(ticket: Ticket, held: Held, gateway_ids: Iterable[int], holdings: Holdings) -> None:
    """Give back everything that a call held: money, benefits, its month and its lines."""
    nothing = nothing_held(ticket.payers)
    for payer, before, now in zip(ticket.payers, held.payers, nothing.payers, strict=True):
        holdings.hold(payer, before, now)
    if ticket.month is not None:
        holdings.months[ticket.month].reserved -= held.month
    holdings.funds[ticket.account_id].lines -= 1
    # a gateway that was deleted meanwhile has no lines any more
    if lines := holdings.mapping_lines.get(ticket.mapping_gateway_id):
        lines.used -= 1
    free_vendors(gateway_ids, holdings)


def free_vendors(gateway_ids: Iterable[int], holdings: Holdings) -> None:
    for gateway_id in gateway_ids:
        if lines := holdings.routing_lines.get(gateway_id):
            lines.used -= 1


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
