"""In which counters a call in progress counts, from its admission to its end. Pure.

What it belonged to when it was admitted is in its ticket, and that is what counts until the end:
moving a gateway to another group in mid-call makes no counter wrong.
"""

from collections.abc import Iterable

from controller.domain.holdings import Held, Holdings, LineKey
from controller.domain.ticket import Ticket, TicketAttempt


def touched_lines(ticket: Ticket) -> list[LineKey]:
    """Every line that the call may count in, whatever becomes of it; one may come twice."""
    keys = _caller_lines(ticket) + _vendor_lines((), ticket.group_ids)
    for attempt in ticket.attempts:
        keys += _vendor_lines((attempt.gateway_id,), attempt.group_ids)
    return keys


def groups_of(ticket: Ticket, attempts: Iterable[TicketAttempt]) -> tuple[int, ...]:
    """The groups in which a call with these vendors counts, each once."""
    group_ids = ticket.group_ids
    for attempt in attempts:
        if attempt.group_ids:
            group_ids += attempt.group_ids
    return tuple(dict.fromkeys(group_ids)) if group_ids else ()


def count_call(ticket: Ticket, held: Held, calls: int, holdings: Holdings) -> None:
    """A call more (1) or less (-1) everywhere: it begins, or is over."""
    holdings.funds[ticket.account_id].lines += calls
    for payer in ticket.payers:
        holdings.funds[payer.account_id].subtree_lines += calls
    holdings.count(_caller_lines(ticket), calls)
    holdings.count(_vendor_lines(held.gateway_ids, held.group_ids), calls)


def count_freed(before: Held, now: Held, holdings: Holdings) -> None:
    """Lines that a call held before and does not hold any more."""
    gateway_ids = set(before.gateway_ids) - set(now.gateway_ids)
    group_ids = set(before.group_ids) - set(now.group_ids)
    holdings.count(_vendor_lines(gateway_ids, group_ids), -1)


def _caller_lines(ticket: Ticket) -> list[LineKey]:
    keys: list[LineKey] = [("mapping", ticket.mapping_gateway_id)]
    if ticket.phone_id is not None:
        keys += [("phone", ticket.phone_id), ("phone_out", ticket.phone_id)]
    return keys


def _vendor_lines(gateway_ids: Iterable[int], group_ids: Iterable[int]) -> list[LineKey]:
    keys: list[LineKey] = [("routing", gateway_id) for gateway_id in gateway_ids]
    keys += [("group", group_id) for group_id in group_ids]
    return keys
