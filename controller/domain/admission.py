"""Admission: money and lines for a call, decided on figures that are locked in the database.

Pure: `Holdings` is what the transaction read; `admit` and `extend` decide and change that
working copy, so that many calls of one transaction are decided one after the other.
Available = balance + overdraft limit − reserved (design §3), for the customer and for every agent
above it; free seconds, gift money, a phone's month and the cost at prepaid vendors are held in
the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from controller.domain.billing import Bill, Payer, PriceOf, bill, charge_at, worst_charge
from controller.domain.counting import count_call, groups_of
from controller.domain.holdings import NOTHING, Held, Hold, Holdings, nothing_held
from controller.domain.limits import (
    Needed,
    caller_refusal,
    cost_held,
    count_new,
    usable_vendors,
    vendor_figures,
)
from controller.domain.money import plain
from controller.domain.reasons import Reason, Refused
from controller.domain.ticket import Ticket


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """Parameters of an admission: see `configuration.CallParameters`.

    `calls_per_second` is for whoever locks: it becomes the limit of the platform's line.
    """

    quantum_s: int = 60
    admit_partial: bool = False
    max_attempts: int = 5
    calls_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """What was granted, and what the call holds for it.

    `payers` are the ticket's, without the packages that give no benefit yet. `offline`: by the
    payers' terms, without the database.
    """

    granted_s: int
    held: Held = NOTHING
    payers: tuple[Payer, ...] = ()
    offline: bool = False

    @property
    def gateway_ids(self) -> tuple[int, ...]:
        """Vendors that hold a line for the call until it is answered or over."""
        return self.held.gateway_ids

    @property
    def reserved(self) -> Decimal:
        """Of the customer's own money."""
        return self.held.payers[0].money if self.held.payers else Decimal(0)


def admit(ticket: Ticket, rules: AdmissionRules, holdings: Holdings) -> Admitted | Refused:
    """All or nothing: money for the first quantum, a line of each party, at least one vendor."""
    refused = caller_refusal(ticket, holdings)
    if refused:
        return refused
    needed = needed_by(ticket, rules)
    vendors = usable_vendors(ticket, rules.max_attempts, needed, holdings)
    if not vendors:
        return Refused(Reason.NO_ROUTE_CAPACITY, vendor_figures(ticket, needed, holdings))
    if any(payer.packages for payer in ticket.payers):
        ticket = replace(ticket, payers=tuple(effective(p, holdings) for p in ticket.payers))
    lines = Held(
        nothing_held(ticket.payers).payers,
        gateway_ids=tuple(vendor.gateway_id for vendor in vendors),
        group_ids=groups_of(ticket, vendors),
    )
    grant = _Grant(ticket, _worst(ticket), holdings, lines)
    granted_s = grant.first_s(_first_quantum_s(ticket, rules), rules.admit_partial)
    if isinstance(granted_s, Refused):
        return granted_s
    held = grant.take(granted_s)
    count_call(ticket, held, 1, holdings)
    count_new(ticket, vendors[0], holdings)
    return Admitted(granted_s, held, ticket.payers)


def hold_late(
    ticket: Ticket, granted_s: int, gateway_ids: tuple[int, ...], holdings: Holdings
) -> Admitted:
    """Hold what a call needs that was admitted elsewhere (`offline`): nobody asks for limits now.

    It may leave accounts below their limits, by as much as their terms allowed.
    """
    vendors = tuple(a for a in ticket.attempts if a.gateway_id in gateway_ids)
    lines = Held(
        nothing_held(ticket.payers).payers,
        gateway_ids=tuple(vendor.gateway_id for vendor in vendors),
        group_ids=groups_of(ticket, vendors),
    )
    held = _Grant(ticket, _worst(ticket), holdings, lines).take(granted_s)
    count_call(ticket, held, 1, holdings)
    return Admitted(granted_s, held, ticket.payers)


def needed_by(ticket: Ticket, rules: AdmissionRules) -> Needed:
    """What the first quantum holds at prepaid vendors."""
    quantum_s = _first_quantum_s(ticket, rules)
    return partial(cost_held, seconds=quantum_s, price_of=_worst(ticket))


def _first_quantum_s(ticket: Ticket, rules: AdmissionRules) -> int:
    return min(rules.quantum_s, ticket.max_duration_s)


def _worst(ticket: Ticket) -> PriceOf:
    """The highest prices until the call can be answered."""
    first_s = ticket.offered_us // 1_000_000
    return worst_charge(first_s, first_s + ticket.setup_s)


def extend(
    ticket: Ticket,
    granted_s: int,
    held: Held,
    quantum_s: int,
    answered_s: int,
    holdings: Holdings,
) -> Admitted | Refused:
    """Reserve for the next quantum, or for as many seconds as money and month last.

    Refused when not one second more can be paid or the longest call length is reached.
    """
    wanted_s = min(granted_s + quantum_s, ticket.max_duration_s)
    if wanted_s <= granted_s:
        return Refused(Reason.MAX_DURATION, f"{ticket.max_duration_s} s")
    grant = _Grant(ticket, charge_at(answered_s), holdings, held)
    affordable_s, refused = grant.longest_s(wanted_s)
    if affordable_s <= granted_s:
        return refused
    return Admitted(affordable_s, grant.take(affordable_s), payers=ticket.payers)


Limit = Callable[[int], Refused | None]
"""Why a call cannot be so many seconds long, or None."""


class _Grant:
    """How long a call may last by what its payers have, and the holding of it."""

    def __init__(self, ticket: Ticket, price_of: PriceOf, holdings: Holdings, held: Held) -> None:
        self._ticket = ticket
        self._price_of = price_of
        self._holdings = holdings
        self._held = held
        self._levels = range(len(ticket.payers))
        self._prepaid = [
            a for a in ticket.attempts if a.prepaid and a.gateway_id in held.gateway_ids
        ]

    def first_s(self, quantum_s: int, admit_partial: bool) -> int | Refused:
        """The whole quantum, or less where that is allowed (spec B3) or the month ends it (B5)."""
        allowed_s = quantum_s
        if refused := self._beyond_month(quantum_s):
            allowed_s = _longest(quantum_s, lambda s: self._beyond_month(s) is None)
            if allowed_s < 1:
                return refused
        lacking = (self._lacking(level, allowed_s) for level in self._levels)
        missing = next((refused for refused in lacking if refused), None)
        if missing is None:
            return allowed_s
        longest_s = self.longest_s(allowed_s)[0] if admit_partial else 0
        return longest_s if longest_s >= 1 else missing

    def longest_s(self, wanted_s: int) -> tuple[int, Refused]:
        """Up to `wanted_s`; the refusal names the limit that is in the way, if one is."""
        longest_s, why = wanted_s, Refused(Reason.MAX_DURATION)
        payers = (self._lacks(level) for level in self._levels)
        for limit in (self._beyond_month, *payers, self._beyond_vendors):
            if refused := limit(longest_s):
                why = refused
                longest_s = _longest(longest_s, _within(limit))
        return longest_s, why

    def take(self, granted_s: int) -> Held:
        """Hold what the payers need for so long, in place of what they held before."""
        bills = [self._bill(level, granted_s) for level in self._levels]
        holds = tuple(Hold(b.due, b.free_s, b.gifts) for b in bills)
        for payer, before, now in zip(self._ticket.payers, self._held.payers, holds, strict=True):
            self._holdings.hold(payer, before, now)
        vendors = self._at_vendors(granted_s)
        if vendors:
            self._holdings.hold_at_vendors(self._held.vendors, vendors)
        month = Decimal(0)
        if self._ticket.month is not None:
            month = bills[0].charge.gross
            self._holdings.months[self._ticket.month].reserved += month - self._held.month
        return Held(holds, month, self._held.gateway_ids, self._held.group_ids, vendors)

    def _lacks(self, level: int) -> Limit:
        return lambda seconds: self._lacking(level, seconds)

    def _lacking(self, level: int, seconds: int) -> Refused | None:
        """Why a payer cannot pay so long a call."""
        payer = self._ticket.payers[level]
        available = self._holdings.funds[payer.account_id].available
        available += self._held.payers[level].money
        needed = self._bill(level, seconds).due
        if needed <= available:
            return None
        who = "" if level == 0 else f"agent {payer.name}: "
        return Refused(
            Reason.INSUFFICIENT_BALANCE,
            f"{who}available {plain(available)}, needed {plain(needed)} for {seconds} s",
        )

    def _beyond_month(self, seconds: int) -> Refused | None:
        """Why the phone's monthly maximum does not allow so long a call (spec §2.10)."""
        maximum, month = self._ticket.monthly_maximum, self._ticket.month
        if maximum is None or month is None:
            return None
        use = self._holdings.months[month]
        left = maximum - use.consumed - use.reserved + self._held.month
        needed = self._bill(0, seconds).charge.gross
        if needed <= left:
            return None
        return Refused(
            Reason.MONTHLY_MAXIMUM,
            f"{plain(left)} of {plain(maximum)} left, needed {plain(needed)} for {seconds} s",
        )

    def _beyond_vendors(self, seconds: int) -> Refused | None:
        """Why a prepaid vendor that may carry the call cannot be paid for so long."""
        own = dict(self._held.vendors)
        for account_id, needed in self._at_vendors(seconds):
            available = self._holdings.funds[account_id].available + own.get(account_id, 0)
            if needed > available:
                vendor = next(a for a in self._prepaid if a.cost.account_id == account_id)
                return Refused(
                    Reason.VENDOR_BALANCE_EXHAUSTED,
                    f"vendor {vendor.gateway}: available {plain(available)},"
                    f" needed {plain(needed)} for {seconds} s",
                )
        return None

    def _at_vendors(self, seconds: int) -> tuple[tuple[int, Decimal], ...]:
        """What is held at each clearing account: the dearest of its gateways, for one answers."""
        if not self._prepaid:
            return ()
        held: dict[int, Decimal] = {}
        for attempt in self._prepaid:
            cost = cost_held(attempt, seconds, self._price_of)
            account_id = attempt.cost.account_id
            held[account_id] = max(cost, held.get(account_id, cost))
        return tuple(held.items())

    def _bill(self, level: int, seconds: int) -> Bill:
        payer = self._ticket.payers[level]
        free_s, gifts = self._holdings.usable(payer, self._held.payers[level])
        return bill(payer, self._ticket.rated_time.rated_s(seconds), free_s, gifts, self._price_of)


def _within(limit: Limit) -> Callable[[int], bool]:
    return lambda seconds: limit(seconds) is None


def _longest(limit_s: int, fits: Callable[[int], bool]) -> int:
    """The longest duration up to `limit_s` that fits; what a call costs never falls."""
    low, high = 0, limit_s
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def effective(payer: Payer, holdings: Holdings) -> Payer:
    """The payer without the benefits of packages that have not had enough consumption yet."""
    if not payer.packages:
        return payer
    early = {p for p in payer.packages if not holdings.packages[p].is_effective}
    if not early:
        return payer
    pricings = tuple(p for p in payer.pricings if p.package_id not in early)
    return replace(
        payer,
        # a package's price may be the only one: then the call has a price all the same
        pricings=pricings or payer.pricings,
        free=tuple(use for use in payer.free if use.package_id not in early),
        gifts=tuple(package_id for package_id in payer.gifts if package_id not in early),
    )
