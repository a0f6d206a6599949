"""Limits of calls in progress and of new calls a second, on figures that are locked (spec §6.8).

Pure. A limit on the caller's side refuses the call; one of a vendor leaves the vendor out. Which
limits there are and in which order they are asked: docs/limits.md.
"""

from collections.abc import Callable, Container
from decimal import Decimal

from controller.domain.billing import PriceOf
from controller.domain.holdings import SYSTEM_LINE, Holdings, Lines
from controller.domain.money import plain
from controller.domain.reasons import Reason, Refused
from controller.domain.settlement import TIMER_SLACK_S
from controller.domain.ticket import Ticket, TicketAttempt


def caller_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    """The first limit of the caller's side that the call would pass."""
    return (
        _pace_refusal(ticket, holdings)
        or _phone_refusal(ticket, holdings)
        or _account_refusal(ticket, holdings)
        or _gateway_refusal(ticket, holdings)
    )


def _pace_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    system = holdings.lines.get(SYSTEM_LINE)
    if system is not None and system.is_too_fast(holdings.now_us):
        return Refused(Reason.SYSTEM_CPS, _pace(system))
    lines = holdings.lines["mapping", ticket.mapping_gateway_id]
    if lines.is_too_fast(holdings.now_us):
        why = f"gateway {ticket.mapping_gateway}: {_pace(lines)}"
        return Refused(Reason.GATEWAY_CPS, why)
    return None


def _phone_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    if ticket.phone_id is None:
        return None
    outgoing = holdings.lines["phone_out", ticket.phone_id]
    if outgoing.full:
        why = f"phone {ticket.phone}: {_use(outgoing)} outgoing calls"
        return Refused(Reason.PHONE_CAPACITY, why)
    lines = holdings.lines["phone", ticket.phone_id]
    if lines.full:
        return Refused(Reason.PHONE_CAPACITY, f"phone {ticket.phone}: {_use(lines)} calls")
    return None


def _account_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    """The account's own calls, then those of its subtree and of every agent's above it."""
    own = holdings.funds[ticket.account_id]
    if own.capacity is not None and own.lines >= own.capacity:
        why = f"account {ticket.account}: {own.lines} of {own.capacity} calls"
        return Refused(Reason.ACCOUNT_CAPACITY, why)
    for level, payer in enumerate(ticket.payers):
        funds = holdings.funds[payer.account_id]
        limit = funds.subtree_capacity
        if limit is not None and funds.subtree_lines >= limit:
            who = f"{'agent' if level else 'account'} {payer.name}"
            why = f"{who}: {funds.subtree_lines} of {limit} calls of its accounts"
            return Refused(Reason.AGENT_CAPACITY, why)
    return None


def _gateway_refusal(ticket: Ticket, holdings: Holdings) -> Refused | None:
    lines = holdings.lines["mapping", ticket.mapping_gateway_id]
    if lines.full:
        why = f"gateway {ticket.mapping_gateway}: {_use(lines)} calls"
        return Refused(Reason.GATEWAY_CAPACITY, why)
    for group_id in ticket.group_ids:
        lines = holdings.lines["group", group_id]
        if lines.full:
            return Refused(Reason.GROUP_CAPACITY, f"group {lines.name}: {_use(lines)} calls")
    return None


def count_new(ticket: Ticket, first: TicketAttempt, holdings: Holdings) -> None:
    """Count a new call where new calls a second are limited.

    Of the vendors only the one that is dialed first: the others may never be (docs/adr/0015).
    """
    if system := holdings.lines.get(SYSTEM_LINE):
        system.count_new(holdings.now_us)
    holdings.lines["mapping", ticket.mapping_gateway_id].count_new(holdings.now_us)
    holdings.lines["routing", first.gateway_id].count_new(holdings.now_us)


def count_failover(gateway_id: int, holdings: Holdings) -> None:
    """A vendor is dialed after another one failed: nobody could refuse it, so it is counted."""
    if lines := holdings.lines.get(("routing", gateway_id)):
        lines.count_new(holdings.now_us)


# -- vendors ---------------------------------------------------------------------------------

Needed = Callable[[TicketAttempt], Decimal]
"""What a call of the wanted length holds at a prepaid vendor's clearing account."""


def usable_vendors(
    ticket: Ticket, most: int, needed: Needed, holdings: Holdings
) -> tuple[TicketAttempt, ...]:
    """The first vendors, at most so many, of which no limit is reached.

    Only then are they counted: a vendor that cannot be used is not an attempt (spec §6.5).
    """
    usable: list[TicketAttempt] = []
    counted_in = set(ticket.group_ids)
    for attempt in ticket.attempts:
        if not vendor_refusal(attempt, counted_in, needed, holdings):
            usable.append(attempt)
            counted_in.update(attempt.group_ids)
            if len(usable) == most:
                break
    return tuple(usable)


def vendor_figures(ticket: Ticket, needed: Needed, holdings: Holdings) -> str:
    """Why none of the vendors can be used."""
    counted_in = set(ticket.group_ids)
    return ", ".join(
        f"{attempt.gateway}: {vendor_refusal(attempt, counted_in, needed, holdings)}"
        for attempt in ticket.attempts
    )


def vendor_refusal(
    attempt: TicketAttempt, counted_in: Container[int], needed: Needed, holdings: Holdings
) -> str:
    """The first limit of a vendor that the call would pass, or nothing.

    A call counts once in a group: those that it is `counted_in` already have room for it.
    """
    lines = holdings.lines["routing", attempt.gateway_id]
    if lines.full:
        return f"{_use(lines)} lines"
    for group_id in attempt.group_ids:
        group = holdings.lines["group", group_id]
        if group.full and group_id not in counted_in:
            return f"group {group.name}: {_use(group)} calls"
    if lines.is_too_fast(holdings.now_us):
        return _pace(lines)
    if attempt.prepaid:
        available, cost = holdings.funds[attempt.cost.account_id].available, needed(attempt)
        if cost > available:
            return f"available {plain(available)}, needed {plain(cost)}"
    return ""


def cost_held(attempt: TicketAttempt, seconds: int, price_of: PriceOf) -> Decimal:
    """What a call of so many seconds holds at a prepaid vendor's clearing account.

    The switch may end a call a moment after its timer, and the vendor is paid for the true
    duration (docs/adr/0006): that moment is held too.
    """
    return price_of(attempt.cost, seconds + TIMER_SLACK_S, 0).gross


def _use(lines: Lines) -> str:
    return f"{lines.used} of {lines.capacity}"


def _pace(lines: Lines) -> str:
    return f"{lines.per_second} calls a second"
